import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { countRetention, sweepRetention, unsweptClasses } from '../../src/vault/retention.ts';
import { plans } from '../../src/vault/retentionPlans.ts';
import { sweepIntegrity } from '../../src/vault/integritySweep.ts';
import type { Outgoing, Sender } from '../../src/sending/sender.ts';
import { hold } from '../support/holds.ts';
import { verifyLog } from '../support/logs.ts';
import { policyText } from '../support/policyTexts.ts';
import { textPdf } from '../support/scans.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, newPerson, subjectOf } from '../support/work.ts';
import { shipped } from '../unit/policy/shipped.ts';
import { expectRefusal, legalDesk } from './legalDesk.ts';

/** Classes whose clocks run for years. The vault's clock goes forward through the file, and never back. */

let vault: TestVault;
const sent: Outgoing[] = [];
const people = synthetic(1203);
const staff = new Map<string, TestClient>();

beforeAll(async () => {
  const keeping: Sender = {
    send(message) {
      sent.push(message);
      return Promise.resolve({ outcome: 'taken' });
    },
    close: () => undefined,
  };
  vault = await startVault({ senders: { sms: keeping, email: keeping } });
  for (const role of ['shop_backend', 'dpo', 'support', 'legal_registrar', 'legal_approver'])
    staff.set(role, await vault.client(role, { actor: `staff-${role}` }));
});
afterAll(() => vault.stop());

/** A fresh token: the clock moves here. */
async function as(role: string): Promise<TestClient> {
  const client = staff.get(role);
  if (client === undefined) throw new Error(role);
  return client.as(`staff-${role}`);
}

const policy = () => vault.vault.watch.policy(vault.tenantId);
const sweep = () => sweepRetention(vault.vault, policy(), vault.tenantId);
const count = async (action: string) =>
  (await countRetention(vault.vault, policy(), vault.tenantId)).find((one) => one.action === action)?.due;
const done = async (action: string) => (await sweep()).find((one) => one.action === action)?.done;
const person = async () => newPerson(await as('shop_backend'), people.naturalCustomer());
const statusOf = async (id: string) =>
  (await atDatabase<{ status: string }>(vault, 'select status from amanat.customers where id = $1', [id]))[0]?.status;

async function erased(id: string): Promise<void> {
  const request = { customerId: id, kind: 'erase', asker: 'subject', checked: 'account' };
  const asked = made(await (await as('shop_backend')).post('/v1/requests', request));
  made(await (await as('dpo')).post(`/v1/requests/${asked.id}/decide`, { outcome: 'done' }), 200);
  await sweepErasures(vault.vault);
}

test('every class of every policy has a plan, and what is not swept says why', () => {
  for (const profile of Object.values(shipped))
    expect(Object.keys(profile.retention).filter((name) => !Object.hasOwn(plans, name))).toEqual([]);
  for (const { why } of unsweptClasses()) expect(why.length).toBeGreaterThan(20);
});

test('an idle account: told after 36 months, deactivated after the notice time, and kept by one sign-in', async () => {
  const [idle, held, back] = [await person(), await person(), await person()];
  await hold(vault, await as('legal_registrar'), [held.id]);
  vault.advance(1_094 * day);
  expect(await count('customers.tell_idle')).toBe(0);
  vault.advance(3 * day);
  sent.length = 0;
  expect(await count('customers.tell_idle')).toBe(3);
  expect(await done('customers.tell_idle')).toBe(3);
  expect(await done('customers.tell_idle'), 'once').toBe(0);
  await sendDue(vault.vault);
  expect(sent.filter(({ text }) => text.includes('غیرفعال')).length).toBeGreaterThanOrEqual(3);
  const events = made(await (await as('shop_backend')).get('/v1/events?limit=100'), 200).items;
  expect(events.filter(({ kind }: { kind: string }) => kind === 'account.idle')).toHaveLength(3);
  vault.advance(10 * day);
  await subjectOf(vault, await as('shop_backend'), back.id);
  vault.advance(19 * day);
  expect(await done('customers.deactivate'), 'not yet').toBe(0);
  vault.advance(2 * day);
  expect(await count('customers.deactivate')).toBe(2);
  // Whoever is held is treated like everybody: nothing is destroyed, and nothing tells.
  expect(await done('customers.deactivate')).toBe(2);
  expect([await statusOf(idle.id), await statusOf(held.id), await statusOf(back.id)]).toEqual([
    'deactivated',
    'deactivated',
    'active',
  ]);
  const leaves = await leavesOf(await as('dpo'), `subject=${idle.id}`);
  expect(leaves[0]).toMatchObject({ action: 'customers.deactivate', actor: 'sweep', rule: 'retention.account' });
});

test('a notice that somebody wrote into the table deactivates nobody', async () => {
  const { id } = await person();
  await atDatabase(
    vault,
    `insert into amanat.idle_notices (tenant_id, customer_id, idle_since, told_at, mac)
     values ($1, $2, now() + interval '90 years', now() - interval '1 year', '\\x00')`,
    [vault.tenantId, id],
  );
  await sweep();
  expect(await statusOf(id)).toBe('active');
});

test('the record of a legal order: ten years after its close, with scan, package, receipt and keys', async () => {
  const desk = await legalDesk({ ...vault, client: (role) => as(role) }, 1204);
  const { id: subject } = await desk.storeCustomer();
  const order = await desk.register([{ customerId: subject }]);
  made(
    await vault.request('POST', `/v1/legal-orders/${order}/document`, {
      token: desk.registrar.token,
      body: textPdf('scan'),
      headers: { 'content-type': 'application/pdf' },
    }),
  );
  made(await desk.approver.post(`/v1/legal-orders/${order}/approve`), 200);
  const { id: exportId } = made(await desk.registrar.post('/v1/exports', { legalOrderId: order }));
  const open = await desk.register([{ customerId: subject }]);
  vault.advance(3_640 * day);
  await sweep();
  const registrar = await as('legal_registrar');
  made(await registrar.get(`/v1/legal-orders/${order}`), 200);
  vault.advance(60 * day);
  const due = (await count('legal_orders.expire')) ?? 0;
  expect(due).toBeGreaterThanOrEqual(2);
  expect(await done('legal_orders.expire')).toBe(due);
  const again = await as('legal_registrar');
  for (const path of [`/v1/legal-orders/${order}`, `/v1/legal-orders/${open}`, `/v1/exports/${exportId}`])
    expectRefusal(await again.get(path), 404, 'not_found');
  for (const path of ['/v1/legal-orders', '/v1/exports', '/v1/notices'])
    expect(JSON.stringify(made(await again.get(path), 200)), path).not.toContain(order);
  const [left] = await atDatabase<Record<string, unknown>>(
    vault,
    `select o.data_key as key, o.sealed, e.statement, e.statement_key as "receiptKey", e.sealed as package,
            length(e.sha256) as digest,
            (select count(*)::int from amanat.legal_documents d where d.legal_order_id = o.id) as scans,
            (select count(*)::int from amanat.notices n where n.legal_order_id = o.id) as notices
       from amanat.legal_orders o join amanat.exports e on e.legal_order_id = o.id where o.id = $1`,
    [order],
  );
  expect(left).toEqual({
    key: null,
    sealed: null,
    statement: null,
    receiptKey: null,
    package: null,
    digest: 32,
    scans: 0,
    notices: 0,
  });
  expect((await verifyLog(vault)).breach).toBeUndefined();
});

test('proofs of a relation: ten years after the person was erased, and never before', async () => {
  const shop = await as('shop_backend');
  const { id } = await person();
  const given = { purpose: 'marketing', channels: ['sms'], method: 'agree_button', source: 'web', textVersion: 'n-2' };
  made(await shop.post(`/v1/customers/${id}/consents`, given));
  made(await shop.post(`/v1/customers/${id}/acceptances`, { method: 'agree_button' }));
  const rows = async () => {
    const [row] = await atDatabase<{ n: number }>(
      vault,
      `select (select count(*) from amanat.consents where customer_id = $1) + (select count(*) from amanat.consent_heads where customer_id = $1)
            + (select count(*) from amanat.acceptances where customer_id = $1) + (select count(*) from amanat.requests where customer_id = $1) as n`,
      [id],
    );
    return Number(row?.n);
  };
  const forget = `select amanat.forget_relations('${vault.tenantId}', array['${id}'::uuid])`;
  await expect(
    atDatabase(vault, `set amanat.tenants = '{${vault.tenantId}}'; ${forget}`),
    'whoever asks',
  ).rejects.toThrow('conflict');
  await erased(id);
  expect(await rows()).toBe(4);
  await expect(atDatabase(vault, forget), 'out of scope').rejects.toThrow('not_found');
  vault.advance(3_640 * day);
  await sweep();
  expect(await rows()).toBe(4);
  vault.advance(20 * day);
  const due = await count('customers.forget_relation');
  expect(await done('customers.forget_relation')).toBe(due);
  expect(await rows()).toBe(0);
  const { flaw } = await sweepIntegrity(
    vault.vault.db,
    vault.vault.keyring,
    vault.tenantId,
    undefined,
    () => undefined,
  );
  expect(flaw?.kind, 'but for the notice that was planted').toBe('idle_notices');
});

test('an erased person is kept out of reach for as long as counsel set, and then goes', async () => {
  const text = policyText({ '/retention/erased_hold/keep': 'P30D' });
  const tenant = await vault.secondTenant('kalak', text);
  const [shop, dpo] = [await tenant.client('shop_backend'), await tenant.client('dpo', { actor: 'staff-1' })];
  const { id } = made(await shop.post('/v1/customers', people.naturalCustomer()));
  const asked = made(
    await shop.post('/v1/requests', { customerId: id, kind: 'erase', asker: 'subject', checked: 'account' }),
  );
  made(await dpo.post(`/v1/requests/${asked.id}/decide`, { outcome: 'done' }), 200);
  vault.advance(29 * day);
  await sweepErasures(vault.vault);
  expect(await statusOf(id)).toBe('leaving');
  expect((await (await shop.as(undefined)).get(`/v1/customers/${id}`)).status).toBe(404);
  vault.advance(2 * day);
  await sweepErasures(vault.vault);
  expect(await statusOf(id)).toBe('erased');
});
