import { createHash, createPublicKey } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyReceipt } from '../../src/crypto/signature.ts';
import { hasOpenssl, workshop } from '../unit/crypto/openssl.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { expectRefusal, legalDesk, orderBody, rowsOf, statusesOf, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
let desk: LegalDesk;
let dpo: TestClient;
let other: TestClient;

beforeAll(async () => {
  vault = await startVault();
  desk = await legalDesk(vault, 71);
  dpo = await vault.client('dpo', { actor: 'staff-9' });
  other = await vault.client('legal_approver', { actor: 'staff-3' });
});
afterAll(() => vault.stop());

async function executed(changes: Record<string, unknown> = {}, scope: Record<string, unknown> = {}) {
  const { id: customerId, sent } = await desk.storeCustomer();
  const subjects = [{ customerId }];
  const order = await desk.approve(subjects, { scope: { ...orderBody(vault, subjects).scope, ...scope }, ...changes });
  const made = await desk.registrar.post('/v1/exports', { legalOrderId: order });
  expect(made.status, made.text).toBe(201);
  return { id: made.body.id as string, made: made.body, order, sent };
}
const packagePath = (id: string) => `/v1/exports/${id}/package`;
const fetched = (id: string, by = desk.registrar) => by.get(packagePath(id));
const exportOf = async (id: string) => (await dpo.get(`/v1/exports/${id}`)).body;

async function deliveryOf(id: string): Promise<string> {
  return (await rowsOf(vault, 'select delivery from amanat.exports where id = $1', [id]))[0].delivery;
}

/** Waits for what follows an answer: the commit of its end. */
async function settled(id: string): Promise<string> {
  for (let i = 0; i < 200; i += 1) {
    const delivery = await deliveryOf(id);
    if (delivery !== 'handed_out') return delivery;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return 'handed_out';
}

describe('a package', () => {
  test('leaves once; then no copy is kept, and its receipt is', async () => {
    const { id, made } = await executed();
    expect(await deliveryOf(id)).toBe('waiting');
    expect((await fetched(id)).status).toBe(200);
    expect(await settled(id)).toBe('delivered');
    const [row] = await rowsOf(vault, 'select data_key, sealed, statement from amanat.exports where id = $1', [id]);
    expect([row.data_key, row.sealed]).toEqual([null, null]);
    expect(await exportOf(id)).toMatchObject({ delivery: 'delivered', receipt: made.receipt, reissues: 0 });
  });

  test('two at once: one is handed out', async () => {
    const { id } = await executed();
    expect(statusesOf(await Promise.all([fetched(id), fetched(id)]))).toEqual([200, 403]);
  });

  test('as a document holds the same data, to read and print', async () => {
    const { id, made, sent } = await executed({}, { format: 'html' });
    expect(made.format).toBe('html');
    const got = await fetched(id);
    expect(got.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(createHash('sha256').update(got.text).digest('hex')).toBe(made.sha256);
    expect(got.text).toContain('dir="rtl"');
    expect(got.text).toContain(sent.fields.givenName);
    const json = /<script type="application\/json" id="amanat-export">(.*?)<\/script>/s.exec(got.text)?.[1];
    expect(JSON.parse(json ?? '')).toMatchObject({ format: 'amanat-export-1', records: 1 });
  });
});

describe('a download that breaks', () => {
  /** Sends the request and is gone before the answer. */
  async function hangUp(id: string): Promise<void> {
    const { hostname, port } = new URL(vault.url);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `GET ${packagePath(id)} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${desk.registrar.token}\r\n\r\n`,
          () => {
            socket.resetAndDestroy();
            resolve();
          },
        );
      });
      socket.on('error', reject);
    });
    for (let i = 0; i < 500 && (await deliveryOf(id)) === 'waiting'; i += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  test('stands as aborted, is for nobody, and goes out again on another person’s word', async () => {
    const { id } = await executed();
    await hangUp(id);
    expect(await settled(id)).toBe('aborted');
    expectRefusal(await fetched(id), 403, 'legal_order_used');
    const reason = { reason: 'اتصال هنگام دریافت قطع شد' };
    const reissue = (by: TestClient) => by.post(`/v1/exports/${id}/reissue`, reason);
    expectRefusal(await reissue(desk.registrar), 403, 'not_permitted');
    expectRefusal(await reissue(await vault.client('legal_approver', { actor: 'staff-1' })), 403, 'self_approval');
    expect((await reissue(desk.approver)).body).toMatchObject({ id, delivery: 'waiting', reissues: 1 });
    expect((await fetched(id)).status).toBe(200);
    expect(await settled(id)).toBe('delivered');
    expectRefusal(await reissue(desk.approver), 409, 'conflict');
    const leaves = (await dpo.get(`/v1/audit?client=${desk.registrar.id}&limit=100`)).body.items;
    const rules = leaves
      .filter((leaf: { objectId?: string }) => leaf.objectId === id)
      .map((leaf: { rule: string }) => leaf.rule);
    expect(rules).toEqual(expect.arrayContaining(['package.aborted', 'package.delivered', 'legal_order_used']));
  });

  test('is let out three times at most', async () => {
    const { id } = await executed();
    for (let i = 0; i < 3; i += 1) {
      expect((await desk.approver.post(`/v1/exports/${id}/reissue`, { reason: 'مهلت گذشت' })).status).toBe(200);
    }
    expectRefusal(await desk.approver.post(`/v1/exports/${id}/reissue`, { reason: 'باز هم' }), 409, 'conflict');
    expect((await fetched(id)).status, 'control').toBe(200);
  });

  test('of a revoked order goes out no more', async () => {
    const { id, order } = await executed();
    await hangUp(id);
    await settled(id);
    expect((await desk.approver.post(`/v1/legal-orders/${order}/revoke`, { reason: 'لغو دستور' })).status).toBe(200);
    expectRefusal(await desk.approver.post(`/v1/exports/${id}/reissue`, { reason: 'قطع' }), 403, 'legal_order_revoked');
    expect(await deliveryOf(id)).toBe('discarded');
  });
});

describe('the papers of a disclosure', () => {
  test('who took it is recorded once, by the person who executed the order, and stands in the minutes', async () => {
    const { id, made, sent } = await executed();
    const taken = {
      receivedBy: { name: 'سعید نوری', title: 'ضابط', card: '12-345' },
      means: 'by_hand',
      present: ['مریم کاظمی'],
    };
    const acknowledge = (by: TestClient) => by.post(`/v1/exports/${id}/acknowledge`, taken);
    expectRefusal(await acknowledge(desk.registrar), 409, 'conflict');
    await fetched(id);
    expectRefusal(await acknowledge(other), 403, 'not_permitted');
    expect((await acknowledge(desk.registrar)).status).toBe(200);
    expectRefusal(await acknowledge(desk.registrar), 409, 'conflict');
    const minutes = await dpo.get(`/v1/exports/${id}/minutes`);
    expect(minutes.status, minutes.text).toBe(200);
    expect(minutes.headers.get('content-type')).toBe('text/html; charset=utf-8');
    for (const said of ['سعید نوری', made.receipt.slice(-20), 'صورت‌جلسه']) expect(minutes.text).toContain(said);
    for (const value of [sent.fields.givenName, sent.fields.nationalId]) expect(minutes.text).not.toContain(value);
    expect((await dpo.get(`/v1/legal-orders/${(await exportOf(id)).legalOrderId}`)).body.acknowledgement).toMatchObject(
      taken,
    );
  });

  test('are not for others, nor for other tenants', async () => {
    const { id } = await executed();
    const second = await vault.secondTenant();
    const stranger = await second.client('dpo', { actor: 'x' });
    for (const path of [`/v1/exports/${id}`, `/v1/exports/${id}/minutes`]) {
      expectRefusal(await desk.shop.get(path), 403, 'not_permitted');
      expectRefusal(await stranger.get(path), 404, 'not_found');
    }
  });
});

describe.skipIf(!hasOpenssl)('for an authority with a certificate', () => {
  const place = workshop();
  afterAll(() => place.close());
  let certificate = '';
  beforeAll(async () => {
    for (const [name, bits] of [
      ['court', 3072],
      ['weak', 1024],
    ] as const) {
      await place.openssl(
        `req -x509 -newkey rsa:${bits} -nodes -days 30 -keyout ${name}.key -out ${name}.crt -subj /CN=${name}`,
      );
    }
    certificate = place.read('court.crt')?.toString() ?? '';
    place.write('export.crt', vault.vault.keys.exportSigning.certificatePem);
  });

  test('openssl opens and checks the package, and it is what the receipt names', async () => {
    const { id, made, sent } = await executed({ certificate });
    expect(made.format).toBe('cms');
    const answer = await fetch(`${vault.url}${packagePath(id)}`, {
      headers: { authorization: `Bearer ${desk.registrar.token}` },
    });
    expect(answer.headers.get('content-type')).toBe('application/pkcs7-mime; smime-type=authEnveloped-data');
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(made.sha256);
    place.write('package.p7m', bytes);
    await place.openssl(
      'cms -decrypt -binary -inform DER -in package.p7m -inkey court.key -recip court.crt -out signed',
    );
    await place.openssl('cms -verify -binary -inform DER -in signed -CAfile export.crt -purpose any -out content');
    const content = place.read('content') ?? Buffer.alloc(0);
    expect(JSON.parse(content.toString()).persons[0].fields.nationalId.value).toBe(sent.fields.nationalId);
    expect(bytes.includes(Buffer.from(sent.fields.nationalId))).toBe(false);
    const key = createPublicKey(vault.vault.keys.exportSigning.certificatePem);
    expect(verifyReceipt(key, made.receipt)).toMatchObject({
      format: 'cms',
      packageSha256: made.sha256,
      contentSha256: createHash('sha256').update(content).digest('hex'),
    });
  });

  test('sealed to its reader it waits for as long as the order holds', async () => {
    const { id, made } = await executed({ certificate });
    expect(Date.parse(made.expiresAt) - vault.vault.now()).toBeGreaterThan(86_400_000);
    expect((await fetched(id)).status).toBe(200);
  });

  test('a certificate that is too weak is refused when it is registered', async () => {
    const id = await desk.register([{ customerId: (await desk.storeCustomer()).id }]);
    const weak = place.read('weak.crt')?.toString();
    const patched = await desk.registrar.patch(`/v1/legal-orders/${id}`, { certificate: weak }, 1);
    expectRefusal(patched, 422, 'invalid_body', '/certificate');
    expect((await desk.registrar.patch(`/v1/legal-orders/${id}`, { certificate }, 1)).status, 'control').toBe(200);
  });
});
