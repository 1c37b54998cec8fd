import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { countRetention, sweepRetention } from '../../src/vault/retention.ts';
import { hold } from '../support/holds.ts';
import { customerUnder } from '../support/profiles.ts';
import { sweepAfter, sweepOf } from '../support/sweeps.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  day,
  leavesOf,
  made,
  newOrder,
  newPerson,
  statuses,
  subjectOf,
  tenantUnder,
  type Person,
} from '../support/work.ts';
import { shipped } from '../unit/policy/shipped.ts';

/** An account that is given for one refund. The vault's clock goes forward through the file, and never back. */

let vault: TestVault;
const people = synthetic(5021);
const staff = new Map<string, TestClient>();

beforeAll(async () => {
  vault = await startVault();
  for (const role of ['shop_backend', 'accounting', 'support', 'dpo', 'legal_registrar', 'payment_processor'])
    staff.set(role, await vault.client(role, { actor: `staff-${role}` }));
});
afterAll(() => vault.stop());

/** A fresh token: the clock moves here. */
async function as(role: string): Promise<TestClient> {
  const client = staff.get(role);
  if (client === undefined) throw new Error(role);
  return client.as(`staff-${role}`);
}

const at = (ms: number) => new Date(vault.vault.now() + ms).toISOString();
const person = async () => newPerson(await as('shop_backend'), people.naturalCustomer());

interface Refund {
  readonly of: Person;
  readonly grant: string;
  readonly iban: string;
  readonly holderName: string;
}

async function opened(of: Person, terms: Record<string, unknown> = {}) {
  const body = { kind: 'refund', customerId: of.id, grantee: { role: 'accounting' }, closesAt: at(day) };
  return (await as('shop_backend')).post('/v1/grants', { ...body, ...terms });
}

/** A refund to an account of somebody else's. */
async function refund(): Promise<Refund> {
  const of = await person();
  const account = { iban: people.iban(), holderName: 'مریم احمدی' };
  return { of, grant: made(await opened(of, { account })).id, ...account };
}

async function read({ of, grant }: Refund, query = '', role = 'accounting') {
  return made(await (await as(role)).get(`/v1/customers/${of.id}?grant=${grant}${query}`), 200);
}

const settle = async ({ grant }: Pick<Refund, 'grant'>) =>
  made(await (await as('shop_backend')).post(`/v1/grants/${grant}/close`, { settled: true }), 200);
const policy = () => vault.vault.watch.policy(vault.tenantId);
const action = 'grants.forget_account';
const due = async () =>
  (await countRetention(vault.vault, policy(), vault.tenantId)).find((one) => one.action === action);
const sweep = async () =>
  (await sweepRetention(vault.vault, policy(), vault.tenantId)).find((one) => one.action === action)?.done;

async function isThere({ grant }: Refund): Promise<boolean | undefined> {
  const select = 'select account is not null as there from amanat.grants where id = $1';
  return (await atDatabase<{ there: boolean }>(vault, select, [grant]))[0]?.there;
}

async function copied({ of }: Refund): Promise<any[] /* oxlint-disable-line typescript/no-explicit-any */> {
  const own = await subjectOf(vault, await as('shop_backend'), of.id);
  const { id } = made(await own.post('/v1/requests', { customerId: of.id, kind: 'copy' }));
  return made(await own.get(`/v1/requests/${id}/copy`, { accept: 'application/json' }), 200).refundAccounts;
}

async function register({ of }: Refund) {
  const { registers } = made(await (await as('support')).get(`/v1/customers/${of.id}/statement`), 200);
  return registers.find((one: { register: string }) => one.register === 'refundAccounts');
}

describe('an account that was given for one refund', () => {
  test('is shown in place of the saved one to whom its grant shows an account, and to nobody else', async () => {
    const one = await refund();
    const saved = one.of.sent.fields['iban'];
    const full = await read(one);
    expect(full.fields.iban).toEqual({ state: 'full', value: one.iban });
    // Accounting sees names in full under an invoice alone.
    expect(full.accountHolder).toEqual({ state: 'withheld', reason: 'purpose' });
    expect(JSON.stringify(full)).not.toContain(saved);
    expect(await read(one, '&fields=iban')).not.toHaveProperty('accountHolder');
    const [leaf] = await leavesOf(await as('dpo'), `grant=${one.grant}`);
    expect(leaf).toMatchObject({ action: 'customers.read', full: ['iban'] });

    const plain = made(await (await as('accounting')).get(`/v1/customers/${one.of.id}`), 200);
    expect(plain.fields.iban).toMatchObject({
      state: 'masked',
      value: expect.stringContaining(saved?.slice(-4) ?? '-'),
    });
    const own = await subjectOf(vault, await as('shop_backend'), one.of.id);
    const answers = [
      await (await as('support')).get(`/v1/customers/${one.of.id}?grant=${one.grant}`),
      await (await as('shop_backend')).get(`/v1/customers/${one.of.id}?grant=${one.grant}`),
      await own.get(`/v1/customers/${one.of.id}?grant=${one.grant}`),
      await (await as('shop_backend')).get(`/v1/grants/${one.grant}`),
      await (await as('shop_backend')).get(`/v1/grants?customerId=${one.of.id}`),
      await (await as('accounting')).get(`/v1/grants/${one.grant}`),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      for (const word of [one.iban, one.iban.slice(-6), 'مریم احمدی', 'accountHolder'])
        expect(answer.text).not.toContain(word);
    }
    expect(answers[2]?.body.fields.iban).toEqual({ state: 'full', value: saved });
    expect(answers[3]?.body).toMatchObject({ accountGiven: true });
    expect(answers[3]?.body.fields).not.toContain('account');
    const found = await (await as('shop_backend')).post('/v1/customers/search', { by: 'iban', value: one.iban });
    expect(made(found, 200).matches).toEqual([]);
    const [row] = await atDatabase<{ row: string }>(
      vault,
      `select g::text || encode(g.account, 'escape') as row from amanat.grants g where g.id = $1`,
      [one.grant],
    );
    expect(row?.row).not.toContain(one.iban);
  });

  test('with its holder’s name for the payment firm, for that order, also of one who saved none', async () => {
    const shop = await as('shop_backend');
    const sent = people.naturalCustomer();
    const { iban: _none, ...fields } = sent.fields;
    const of = await newPerson(shop, { ...sent, fields });
    const orderId = await newOrder(shop, of);
    const firm = staff.get('payment_processor')?.id;
    const account = { iban: people.iban(), holderName: 'مریم احمدی' };
    const terms = { grantee: { clientId: firm }, account, maxReads: 1 };
    const without = await opened(of, terms);
    expect([without.status, without.body.errors]).toEqual([403, [{ pointer: '/account', code: 'not_allowed' }]]);
    const { id: grant } = made(await opened(of, { ...terms, orderId }));
    const by = await as('payment_processor');
    const { customerId } = made(await by.get(`/v1/grants/${grant}`), 200);
    const full = made(await by.get(`/v1/customers/${customerId}?grant=${grant}`), 200);
    expect(full.fields.iban).toEqual({ state: 'full', value: account.iban });
    expect(full.accountHolder).toEqual({ state: 'full', value: 'مریم احمدی' });
    // That was its one read.
    const again = made(await by.get(`/v1/customers/${customerId}?grant=${grant}`), 200);
    expect(again.fields.iban).toEqual({ state: 'withheld', reason: 'expired' });
    expect(again).not.toHaveProperty('accountHolder');
  });

  test.each([
    ['for a ticket', { kind: 'ticket', grantee: { role: 'support' } }, 422, '/account', 'not_for_kind'],
    ['that is no account', { account: { iban: 'IR300990000000000000000018' } }, 422, '/account/iban', 'checksum'],
    ['under no name', { account: { iban: 'IR300990000000000000000017', holderName: '1' } }, 422, '/account/holderName'],
    ['with more in it', { account: { iban: 'IR300990000000000000000017', card: '1' } }, 422, '/account/card'],
    ['where the grant shows none', { fields: ['iban'], grantee: { role: 'support' } }, 403, '/grantee'],
  ])('is not taken %s', async (_what, terms, status, pointer, code = expect.any(String)) => {
    const answer = await opened(await person(), { account: { iban: 'IR300990000000000000000017' }, ...terms });
    expect([answer.status, answer.body.errors]).toEqual([status, [{ pointer, code }]]);
    expect(answer.text).not.toContain('0000000017');
  });

  test('is not taken where the policy has no refunds, collects no account or keeps none', async () => {
    const khakriz = await vault.secondTenant('khakriz');
    const tenants = [
      {
        by: khakriz,
        sent: customerUnder(shipped.khakriz, people.naturalCustomer()),
        refused: ['/kind', 'not_in_policy'],
      },
      {
        by: await tenantUnder(vault, { 'retention.refund_iban.after': 'not_stored' }),
        sent: people.naturalCustomer(),
        refused: ['/account', 'not_in_policy'],
      },
    ];
    for (const { by, sent, refused } of tenants) {
      const shop = await by.client('shop_backend');
      const { id: customerId } = made(await shop.post('/v1/customers', sent));
      const body = { kind: 'refund', customerId, grantee: { role: 'accounting' }, closesAt: at(day) };
      const answer = await shop.post('/v1/grants', { ...body, account: { iban: people.iban() } });
      const [pointer, code] = refused;
      expect([answer.status, answer.body.errors]).toEqual([403, [{ pointer, code }]]);
    }
  });

  test('sent twice under one key it is one refund, and another account under that key is none', async () => {
    const of = await person();
    const shop = await as('shop_backend');
    const open = (iban: string, closesAt: string) => {
      const body = { kind: 'refund', customerId: of.id, grantee: { role: 'accounting' }, closesAt, account: { iban } };
      return shop.post('/v1/grants', body, { 'idempotency-key': `refund-${of.id}` });
    };
    const [mine, theirs, until] = [people.iban(), people.iban(), at(day)];
    const answers = await Promise.all([open(mine, until), open(mine, until)]);
    const again = await open(mine, until);
    const ids = [...answers, again].filter(({ status }) => status === 201).map(({ body }) => body.id);
    expect(new Set(ids).size).toBe(1);
    const other = await open(theirs, until);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    const stored = await atDatabase(vault, 'select id from amanat.grants where customer_id = $1', [of.id]);
    expect(stored).toEqual([{ id: ids[0] }]);
    expect((await read({ of, grant: ids[0], iban: mine, holderName: '' })).fields.iban.value).toBe(mine);
  });

  test('whoever is settled while it is read is shown all or nothing of it, and its leaf says which', async () => {
    const one = await refund();
    const [accounting, shop] = [await as('accounting'), await as('shop_backend')];
    const reading = () => accounting.get(`/v1/customers/${one.of.id}?grant=${one.grant}&fields=iban`);
    const before = Array.from({ length: 6 }, reading);
    const settled = [0, 1].map(() => shop.post(`/v1/grants/${one.grant}/close`, { settled: true }));
    const answers = await Promise.all([...before, ...Array.from({ length: 6 }, reading)]);
    expect(statuses(await Promise.all(settled))).toEqual({ 200: 1, 409: 1 });
    const full = answers.filter(({ body }) => body.fields.iban.state === 'full');
    for (const { body } of full) expect(body.fields.iban.value).toBe(one.iban);
    for (const { body } of answers.filter((answer) => !full.includes(answer)))
      expect(body.fields.iban).toMatchObject({ state: 'masked', reason: 'expired' });
    const leaves = await leavesOf(await as('dpo'), `grant=${one.grant}`);
    const told = leaves.filter((leaf) => leaf.action === 'customers.read' && leaf.full.includes('iban'));
    expect(told.length).toBe(full.length);
    expect((await reading()).body.fields.iban.state, 'control').toBe('masked');
  });

  test('whoever takes it out of an open grant, or puts another’s in, gets nothing shown in its place', async () => {
    const [one, other] = [await refund(), await refund()];
    // Of the same person, so under the same key.
    const second = made(await opened(one.of, { account: { iban: people.iban() } })).id;
    const reading = async () =>
      (await as('accounting')).get(`/v1/customers/${one.of.id}?grant=${one.grant}&fields=iban`);
    const put = (sql: string) =>
      atDatabase(vault, `update amanat.grants g set account = ${sql} where id = $1`, [one.grant]);
    const [row] = await atDatabase<{ hex: string }>(
      vault,
      `select encode(account, 'hex') as hex from amanat.grants where id = $1`,
      [one.grant],
    );
    const another = (id: string) => `(select o.account from amanat.grants o where o.id = '${id}')`;
    for (const sql of ['null', another(other.grant), another(second)]) {
      await put(sql);
      const answer = await reading();
      expect([answer.status, answer.body.code], sql).toEqual([500, 'integrity_failure']);
      await put(`decode('${row?.hex}', 'hex')`);
    }
    expect((await reading()).body.fields.iban, 'control').toEqual({ state: 'full', value: one.iban });
    // The mark that one was given stands under the row's MAC.
    await atDatabase(vault, `update amanat.grants set fields = array_remove(fields, 'account') where id = $1`, [
      one.grant,
    ]);
    const stripped = await (await as('shop_backend')).get(`/v1/grants/${one.grant}`);
    expect(stripped.body.code).toBe('integrity_failure');
    await atDatabase(vault, `update amanat.grants set fields = array_append(fields, 'account') where id = $1`, [
      one.grant,
    ]);
    expect((await sweepOf(vault)).flaw).toBeUndefined();
    const flip = `update amanat.grants set account = set_byte(account, 40, get_byte(account, 40) # 1) where id = '${one.grant}'`;
    expect((await sweepAfter(vault, 'grants', flip)).flaw).toEqual({
      code: 'value_does_not_open',
      kind: 'grants',
      id: one.grant,
    });
  });
});

describe('in time', () => {
  test('a refund is settled by a word or by the end of its grant; another kind of work is not', async () => {
    const one = await refund();
    const ticket = made(await opened(one.of, { kind: 'ticket', grantee: { role: 'support' } })).id;
    const wrong = await (await as('shop_backend')).post(`/v1/grants/${ticket}/close`, { settled: true });
    expect([wrong.status, wrong.body.errors]).toEqual([422, [{ pointer: '/settled', code: 'not_for_kind' }]]);
    await settle(one);
    const shown = made(await (await as('shop_backend')).get(`/v1/grants/${one.grant}`), 200);
    expect(shown).toMatchObject({ status: 'closed', closedReason: 'settled', accountGiven: true });
    const leaves = await leavesOf(await as('dpo'), `grant=${one.grant}`);
    expect(leaves.find((leaf) => leaf.action === 'grants.close')).toMatchObject({ rule: 'refund.settled' });
    expect((await read(one)).fields.iban).toMatchObject({ state: 'masked', reason: 'expired' });
    const again = await (await as('shop_backend')).post(`/v1/grants/${one.grant}/close`, { settled: true });
    expect([again.status, again.body.code]).toEqual([409, 'conflict']);
  });

  test('it goes 90 days after; of a held person later, and nothing tells the two apart', async () => {
    // What was settled above is due before.
    vault.advance(3_600_000);
    const [free, kept, ended] = [await refund(), await refund(), await refund()];
    for (const one of [free, kept]) await settle(one);
    await hold(vault, await as('legal_registrar'), [kept.of.id]);
    const [copy] = await copied(free);
    expect(copy.items.map(({ title, value }: { title: string; value: string }) => [title, value])).toEqual([
      [expect.any(String), free.iban],
      ['صاحب حساب', free.holderName],
    ]);
    expect(copy.items[0].retention).toMatchObject({ class: 'refund_iban', keep: 'P90D', clock: 'settlement' });
    expect(await register(free)).toMatchObject({ count: 1, kept: { class: 'refund_iban' } });
    vault.advance(90 * day - 60_000);
    const before = await due();
    expect(await copied(free)).toHaveLength(1);
    vault.advance(120_000);
    await hold(vault, await as('legal_registrar'), [kept.of.id]);
    const counted = await due();
    expect([(counted?.due ?? 0) - (before?.due ?? 0), (counted?.held ?? 0) - (before?.held ?? 0)]).toEqual([2, 1]);
    const views = async () => {
      const seen = [];
      for (const one of [free, kept]) seen.push([await copied(one), await register(one)]);
      return seen;
    };
    expect(await views(), 'not yet swept').toEqual([
      [[], undefined],
      [[], undefined],
    ]);
    expect(await sweep()).toBe((counted?.due ?? 0) - (counted?.held ?? 0));
    expect([await isThere(free), await isThere(kept), await isThere(ended)]).toEqual([false, true, true]);
    expect(await views()).toEqual([
      [[], undefined],
      [[], undefined],
    ]);
    const grants = [free, kept].map(async ({ grant }) =>
      made(await (await as('shop_backend')).get(`/v1/grants/${grant}`), 200),
    );
    for (const grant of await Promise.all(grants)) expect(grant.accountGiven).toBe(true);
    const change = 'update amanat.grants set account = null where id = $1';
    await expect(atDatabase(vault, change, [kept.grant])).rejects.toThrow('conflict');
    const leaves = await leavesOf(await as('dpo'), `subject=${free.of.id}`);
    expect(leaves.find((leaf) => leaf.action === action)).toMatchObject({
      actor: 'sweep',
      rule: 'retention.refund_iban',
      objectId: free.grant,
    });
    // Nobody said that it was settled: its own end, a day later, counts.
    vault.advance(day);
    await sweep();
    expect(await isThere(ended)).toBe(false);
    expect((await sweepOf(vault)).flaw).toBeUndefined();
  });

  test('an end that somebody puts off in the table moves nothing; one brought forward is not believed', async () => {
    await sweep();
    const [late, early] = [await refund(), await refund()];
    for (const one of [late, early]) await settle(one);
    await atDatabase(vault, `update amanat.grants set closed_at = 'infinity' where id = $1`, [late.grant]);
    await atDatabase(vault, `update amanat.grants set closes_at = now() - interval '9 years' where id = $1`, [
      early.grant,
    ]);
    expect(await sweep()).toBe(0);
    vault.advance(91 * day + 60_000);
    await sweep();
    expect([await isThere(late), await isThere(early)]).toEqual([false, true]);
  });

  test('erasure takes it along; another’s stays', async () => {
    const [gone, stays] = [await refund(), await refund()];
    const own = await subjectOf(vault, await as('shop_backend'), gone.of.id);
    const { id } = made(await own.post('/v1/requests', { customerId: gone.of.id, kind: 'erase' }));
    made(await (await as('dpo')).post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
    expect((await (await as('accounting')).get(`/v1/customers/${gone.of.id}?grant=${gone.grant}`)).status).toBe(404);
    await sweepErasures(vault.vault);
    expect([await isThere(gone), await isThere(stays)]).toEqual([false, true]);
  });
});

test('another tenant neither sees, settles nor lets go of it', async () => {
  const one = await refund();
  const other = await vault.secondTenant();
  const shop = await other.client('shop_backend');
  const accounting = await other.client('accounting');
  expect((await shop.get(`/v1/grants/${one.grant}`)).status).toBe(404);
  expect((await shop.post(`/v1/grants/${one.grant}/close`, { settled: true })).status).toBe(404);
  expect((await accounting.get(`/v1/customers/${one.of.id}?grant=${one.grant}`)).status).toBe(404);
  await settle(one);
  vault.advance(91 * day);
  await vault.vault.watch.lookAnew();
  await sweepRetention(vault.vault, vault.vault.watch.policy(other.tenantId), other.tenantId);
  expect(await isThere(one)).toBe(true);
  expect(await sweep(), 'control').toBeGreaterThan(0);
  expect(await isThere(one)).toBe(false);
});
