import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { legalDesk, expectRefusal, rowsOf, type LegalDesk } from '../http/legalDesk.ts';
import { verifyAccessToken } from '../../src/vault/accessToken.ts';
import { fetchPackage } from '../../src/vault/exportDelivery.ts';
import { housekeep } from '../../src/vault/housekeeping.ts';
import { scans } from '../support/scans.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { day, made } from '../support/work.ts';

/** A package goes to whom the sealed order says, as long as it says, and is not kept when nobody may have it any more. */

let vault: TestVault;
let desk: LegalDesk;
let mate: TestClient;

beforeAll(async () => {
  vault = await startVault();
  desk = await legalDesk(vault, 911);
  mate = await vault.client('legal_registrar', { actor: 'staff-4' });
});
afterAll(() => vault.stop());

const packageOf = (id: string) => `/v1/exports/${id}/package`;
const columnsOf = async (id: string) => (await rowsOf(vault, 'select * from amanat.exports where id = $1', [id]))[0];
const set = (id: string, change: string) => rowsOf(vault, `update amanat.exports set ${change} where id = $1`, [id]);

async function executed() {
  const order = await desk.approve([{ customerId: (await desk.storeCustomer()).id }]);
  return { order, id: made(await desk.registrar.post('/v1/exports', { legalOrderId: order })).id as string };
}

/** Waits for what follows an answer: the commit of its end. */
async function settled(id: string): Promise<string> {
  for (let i = 0; i < 400; i += 1) {
    const { delivery } = await columnsOf(id);
    if (delivery !== 'handed_out') return delivery;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return 'handed_out';
}

describe('columns beside a package, changed in the table', () => {
  test('give it to nobody else', async () => {
    const { id } = await executed();
    const own = `executed_by = '${desk.registrar.id}', executed_actor = 'staff-1'`;
    await set(id, `executed_by = '${mate.id}', executed_actor = 'staff-4'`);
    expectRefusal(await mate.get(packageOf(id)), 500, 'integrity_failure');
    await set(id, own);
    expectRefusal(await mate.get(packageOf(id)), 403, 'not_permitted');
    expect((await desk.registrar.get(packageOf(id))).status, 'control').toBe(200);
  });

  test.each([
    "expires_at = expires_at + interval '1 day'",
    "expires_at = expires_at + interval '1 day', format = 'cms'",
  ])('keep it open no longer: %s', async (change) => {
    const { id } = await executed();
    const { expires_at: before } = await columnsOf(id);
    await set(id, change);
    expectRefusal(await desk.registrar.get(packageOf(id)), 500, 'integrity_failure');
    await set(id, `format = 'json', expires_at = '${before.toISOString()}'`);
    expect((await desk.registrar.get(packageOf(id))).status, 'control').toBe(200);
  });

  test('an approver’s word keeps it open, as far as it goes', async () => {
    const { id } = await executed();
    made(await desk.approver.post(`/v1/exports/${id}/reissue`, { reason: 'مهلت گذشت' }), 200);
    await set(id, "expires_at = expires_at + interval '1 second'");
    expectRefusal(await desk.registrar.get(packageOf(id)), 500, 'integrity_failure');
    await set(id, "expires_at = expires_at - interval '1 second'");
    expect((await desk.registrar.get(packageOf(id))).status, 'control').toBe(200);
  });
});

test('the end of one download is not the end of the next', async () => {
  const caller = verifyAccessToken(vault.vault.keys.token, vault.vault.issuer, desk.registrar.token, vault.vault.now());
  const fetch = (id: string) => fetchPackage(vault.vault, caller, { action: 'exports.fetch', requestId: 'r' }, id);
  for (const whole of [true, false]) {
    const { id } = await executed();
    const first = await fetch(id);
    made(await desk.approver.post(`/v1/exports/${id}/reissue`, { reason: 'هنوز نرسیده' }), 200);
    const second = await fetch(id);
    await first.ended(whole);
    expect((await columnsOf(id)).delivery).toBe('handed_out');
    await second.ended(!whole);
    expect((await columnsOf(id)).delivery, 'control').toBe(whole ? 'aborted' : 'delivered');
  }
});

test('a download that waited behind another when the connection broke is aborted', async () => {
  const { id, order } = await executed();
  const scan = scans['application/pdf'](8 * 1024 * 1024);
  const up = await vault.request('POST', `/v1/legal-orders/${await desk.register([{ customerId: order }])}/document`, {
    token: desk.registrar.token,
    body: scan,
    headers: { 'content-type': 'application/pdf' },
  });
  const { hostname, port } = new URL(vault.url);
  const head = `HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${desk.registrar.token}\r\n\r\n`;
  await new Promise<void>((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.pause();
      socket.write(`GET ${up.headers.get('location')} ${head}GET ${packageOf(id)} ${head}`);
      const handedOut = async (): Promise<void> => {
        while ((await columnsOf(id)).delivery === 'waiting');
        socket.resetAndDestroy();
      };
      handedOut().then(resolve, reject);
    });
    socket.on('error', reject);
  });
  expect(await settled(id)).toBe('aborted');
});

// Last: the clock moves on, and with it every token runs out.
test('what nobody fetched while its order held is not kept', async () => {
  const [lapsed, open] = [await executed(), await executed()];
  await rowsOf(vault, `update amanat.legal_orders set valid_until = valid_until + interval '1 year' where id = $1`, [
    open.order,
  ]);
  await housekeep(vault.vault);
  expect((await columnsOf(lapsed.id)).sealed, 'control').not.toBeNull();
  vault.advance(32 * day);
  await housekeep(vault.vault);
  expect(await columnsOf(lapsed.id)).toMatchObject({ sealed: null, data_key: null, delivery: 'discarded' });
  expect((await columnsOf(open.id)).sealed, 'control').not.toBeNull();
});
