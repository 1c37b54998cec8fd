import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { sweepIntegrity } from '../../src/vault/integritySweep.ts';
import { sweepRetention } from '../../src/vault/retention.ts';
import { sweepSupplementary } from '../../src/vault/supplementaryAnswers.ts';
import { hold } from '../support/holds.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  bytesOf,
  day,
  leavesOf,
  made,
  newOrder,
  newParcel,
  newPerson,
  subjectOf,
} from '../support/work.ts';
import { tenantUnder, type Person } from '../support/work.ts';

let vault: TestVault;
const staff = new Map<string, TestClient>();
const people = synthetic(6024);
const path = '/v1/supplementary-requests';

beforeAll(async () => {
  vault = await startVault();
  const roles = ['shop_backend', 'support', 'accounting', 'courier', 'dpo', 'legal_registrar', 'marketing'];
  for (const role of roles) staff.set(role, await vault.client(role));
});
afterAll(() => vault.stop());

/** A fresh token: the clock moves here. */
async function as(role: string): Promise<TestClient> {
  const client = staff.get(role);
  if (client === undefined) throw new Error(role);
  return client.as(role === 'shop_backend' ? undefined : `staff-${role.length}`);
}
const inDays = (days: number) => new Date(vault.vault.now() + days * day).toISOString();
const person = async () => newPerson(await as('shop_backend'), people.naturalCustomer());
const mismatch = (kind = 'identity_mismatch') => ({
  kind,
  fields: ['nationalId'],
  failedAt: new Date(vault.vault.now()).toISOString(),
});

interface Opened {
  readonly id: string;
  readonly order: string;
  readonly of: Person;
}

async function opened(more: object = {}, of?: Person, kind?: string): Promise<Opened> {
  const customer = of ?? (await person());
  const order = await newOrder(await as('shop_backend'), customer);
  const asked = { orderId: order, check: mismatch(kind), asks: ['nationalId'], dueAt: inDays(3), ...more };
  return { id: made(await (await as('support')).post(path, asked)).id, order, of: customer };
}

async function answered(more: object = {}) {
  const nationalId = people.nationalId();
  const one = await opened(more);
  const own = await subjectOf(vault, await as('shop_backend'), one.of.id);
  made(await own.post(`${path}/${one.id}/answers`, { answers: { nationalId } }), 200);
  return { ...one, nationalId, own };
}

const read = async (id: string, role: string) => made(await (await as(role)).get(`${path}/${id}`), 200);
const sweep = () => sweepRetention(vault.vault, vault.vault.watch.policy(vault.tenantId), vault.tenantId);

describe('asking for more (D12, E9)', () => {
  test('only when a check has failed that the vault can see, or somebody says of the order that it did', async () => {
    const of = await person();
    const shop = await as('shop_backend');
    const orderId = await newOrder(shop, of);
    const ask = (check: object, more: object = {}) =>
      shop.post(path, { orderId, check, asks: ['address'], dueAt: inDays(1), ...more });
    const refusal = ({ status, body }: Awaited<ReturnType<typeof ask>>) => [status, body.code, body.errors[0]];
    const notFailed = [409, 'conflict', { pointer: '/check/kind', code: 'not_failed' }];
    expect(refusal(await ask({ kind: 'incomplete' }))).toEqual(notFailed);
    expect(refusal(await ask({ kind: 'delivery_failed' }))).toEqual(notFailed);
    const held = of.sent.fields['nationalId'];
    const match = { kind: 'match_failed', fields: ['nationalId'] };
    expect(refusal(await ask({ ...match, value: held }))).toEqual(notFailed);
    const told = { kind: 'address_undeliverable', fields: ['address'] };
    expect(refusal(await ask(told))[2]).toEqual({ pointer: '/check/failedAt', code: 'field_required' });
    const early = new Date(vault.vault.now() - day).toISOString();
    expect(refusal(await ask({ ...told, failedAt: early }))[2]).toEqual({
      pointer: '/check/failedAt',
      code: 'before_the_order',
    });
    expect(refusal(await ask({ ...told, failedAt: inDays(1) }))[2]).toEqual({
      pointer: '/check/failedAt',
      code: 'in_future',
    });
    expect(
      await atDatabase(vault, `select 1 from amanat.supplementary_requests where order_id = $1`, [orderId]),
    ).toEqual([]);
    // Controls: the same checks once they have failed.
    const courier = await as('courier');
    const parcel = await newParcel(shop, orderId, courier);
    made(await courier.post(`/v1/deliveries/${parcel.id}/fail`, { reason: 'کسی نبود' }), 200);
    const seen = made(await ask({ kind: 'delivery_failed', fields: ['address'] }));
    expect(seen).toMatchObject({
      state: 'open',
      reason: { code: 'order_certainty', text: 'اطمینان از سفارش' },
      purpose: 'inquiry',
      check: { kind: 'delivery_failed', fields: ['address'], foundBy: 'vault' },
    });
    // One waits at a time.
    const wrong = { ...match, value: people.nationalId() };
    expect((await ask(wrong)).status).toBe(409);
    made(await shop.post(`${path}/${seen.id}/withdraw`), 200);
    const matched = made(await ask(wrong));
    expect(matched.check).toMatchObject({ kind: 'match_failed', fields: ['nationalId'], foundBy: 'vault' });
    expect(JSON.stringify(await atDatabase(vault, 'select * from amanat.supplementary_requests'))).not.toContain(
      wrong.value,
    );
    made(await shop.post(`${path}/${matched.id}/withdraw`), 200);
    expect(made(await ask({ ...told, failedAt: new Date(vault.vault.now()).toISOString() })).check.foundBy).toBe(
      'caller',
    );
  });

  test('only what the policy lists, by its day, for an order of one’s own that stands', async () => {
    const of = await person();
    const shop = await as('shop_backend');
    const orderId = await newOrder(shop, of);
    const ask = async (more: object) => {
      const answer = await shop.post(path, {
        orderId,
        check: mismatch(),
        asks: ['nationalId'],
        dueAt: inDays(1),
        ...more,
      });
      return [answer.status, answer.body.errors?.[0]?.pointer, answer.body.errors?.[0]?.code];
    };
    expect(await ask({ asks: ['income'] })).toEqual([422, '/asks/0', 'unknown_value']);
    expect(await ask({ asks: ['constructor'] })).toEqual([422, '/asks/0', 'unknown_value']);
    expect(await ask({ asks: ['email', 'email'] })).toEqual([422, '/asks/1', 'twice']);
    expect(await ask({ dueAt: inDays(8) })).toEqual([422, '/dueAt', 'too_late']);
    expect(await ask({ dueAt: inDays(-1) })).toEqual([422, '/dueAt', 'in_past']);
    const foreign = await vault.secondTenant();
    const theirs = await (
      await foreign.client('shop_backend')
    ).post(path, {
      orderId,
      check: mismatch(),
      asks: ['nationalId'],
      dueAt: inDays(1),
    });
    expect(theirs.body.errors).toEqual([{ pointer: '/orderId', code: 'unknown_id' }]);
    const off = { allowed: false, clauses: ['D'], why: 'a test' };
    const silent = await (await tenantUnder(vault, { supplementary: off })).client('shop_backend');
    const refused = await silent.post(path, { orderId, check: mismatch(), asks: ['nationalId'], dueAt: inDays(1) });
    expect([refused.status, refused.body.code]).toEqual([403, 'not_permitted']);
    made(await shop.post(`/v1/orders/${orderId}/cancel`), 200);
    expect((await ask({}))[0]).toBe(409);
  });

  test('the person is told by the vault, under a number and without a word of what', async () => {
    const { id, of } = await opened();
    const messages = await atDatabase(
      vault,
      `select telling, about, channel, purpose from amanat.messages where customer_id = $1 order by channel`,
      [of.id],
    );
    expect(messages).toEqual([
      { telling: 'data_request', about: id, channel: 'email', purpose: 'order' },
      { telling: 'data_request', about: id, channel: 'sms', purpose: 'order' },
    ]);
  });
});

describe('answers', () => {
  test('are sealed by themselves, checked as the items they are, and go into no other record', async () => {
    const one = await opened({ asks: ['nationalId', 'address', 'mobile'] });
    const own = await subjectOf(vault, await as('shop_backend'), one.of.id);
    const answer = (answers: object) => own.post(`${path}/${one.id}/answers`, { answers });
    const address = { province: 'تهران', city: 'تهران', street: 'نمونه', plaque: '77' };
    const good = { nationalId: people.nationalId(), address, mobile: people.mobile() };
    expect((await answer({ nationalId: good.nationalId })).body.code).toBe('field_required');
    expect((await answer({ ...good, email: 'a@example.com' })).body.errors).toEqual([
      { pointer: '/answers', code: 'not_asked' },
    ]);
    const bad = await answer({ ...good, nationalId: '1111111111', address: { city: 'تهران' } });
    expect(bad.body.errors).toEqual([
      { pointer: '/answers/nationalId', code: 'repeated_digit' },
      { pointer: '/answers/address/province', code: 'required' },
    ]);
    expect((await answer({ ...good, mobile: '6037990000000006' })).body.code).toBe('card_data_refused');
    const before = await atDatabase(vault, 'select version, sealed from amanat.customers where id = $1', [one.of.id]);
    expect(made(await answer(good), 200)).toMatchObject({ state: 'answered', answered: { role: 'subject' } });
    expect(await atDatabase(vault, 'select version, sealed from amanat.customers where id = $1', [one.of.id])).toEqual(
      before,
    );
    const [row] = await atDatabase<{ answers: Buffer }>(
      vault,
      'select answers from amanat.supplementary_requests where id = $1',
      [one.id],
    );
    expect(row?.answers.includes(good.nationalId)).toBe(false);
    const found = made(
      await (await as('shop_backend')).post('/v1/customers/search', { by: 'nationalId', value: good.nationalId }),
      200,
    );
    expect(found.matches).toEqual([]);
    // Once.
    expect((await answer(good)).status).toBe(409);
    const shown = made(await own.get(`${path}/${one.id}`), 200).answers;
    expect(shown.nationalId).toEqual({ state: 'full', value: good.nationalId });
    expect(shown.address).toEqual({ state: 'full', value: address });
  });

  test('are read by who works on the order while it stands, masked by the officer, withheld from who asked, closed to the rest', async () => {
    const { id, nationalId, of } = await answered();
    const full = { state: 'full', value: nationalId };
    expect((await read(id, 'support')).answers.nationalId).toEqual(full);
    expect((await read(id, 'accounting')).answers.nationalId).toEqual(full);
    expect((await read(id, 'dpo')).answers.nationalId).toEqual({
      state: 'masked',
      value: `*******${nationalId.slice(-3)}`,
      reason: 'role',
    });
    expect((await read(id, 'shop_backend')).answers.nationalId).toEqual({ state: 'withheld', reason: 'role' });
    const marketing = await (await as('marketing')).get(`${path}/${id}`);
    expect([marketing.status, marketing.body.code]).toEqual([403, 'not_permitted']);
    const leaf = (await leavesOf(await as('dpo'), `subject=${of.id}`)).find(
      ({ action, role }) => action === 'supplementary_requests.read' && role === 'support',
    );
    expect(leaf).toMatchObject({ purpose: 'inquiry', full: ['nationalId'] });
    // Another kind of failure is none of accounting's work.
    const other = await opened({}, undefined, 'address_undeliverable');
    const accounting = await as('accounting');
    const unknown = await accounting.get(`${path}/00000000-0000-7000-8000-000000000000`);
    expect(bytesOf(await accounting.get(`${path}/${other.id}`))).toBe(bytesOf(unknown));
    const listed = made(await accounting.get(`${path}?limit=100`), 200).items;
    expect(listed.map(({ id: one }: { id: string }) => one)).toContain(id);
    expect(listed.map(({ id: one }: { id: string }) => one)).not.toContain(other.id);
    // Closed is closed.
    made(await (await as('support')).post(`${path}/${id}/close`), 200);
    expect((await read(id, 'support')).answers.nationalId).toEqual({ state: 'withheld', reason: 'expired' });
    expect((await (await as('support')).post(`${path}/${id}/close`)).status).toBe(409);
  });

  test('a frozen customer’s are shown to nobody, and nobody answers for them', async () => {
    const { id, of } = await answered();
    const waiting = await opened({}, of);
    made(await (await as('shop_backend')).post('/v1/misuse-reports', { customerId: of.id }));
    expect((await read(id, 'support')).answers.nationalId).toEqual({ state: 'withheld', reason: 'deactivated' });
    const answer = await (
      await as('shop_backend')
    ).post(`${path}/${waiting.id}/answers`, { answers: { nationalId: people.nationalId() } });
    expect([answer.status, answer.body.code]).toEqual([409, 'conflict']);
  });

  test('another person’s and another tenant’s request is none', async () => {
    const { id } = await opened();
    const stranger = await subjectOf(vault, await as('shop_backend'), (await person()).id);
    const foreign = await (await vault.secondTenant()).client('support');
    const unknown = await stranger.get(`${path}/00000000-0000-7000-8000-000000000000`);
    expect(bytesOf(await stranger.get(`${path}/${id}`))).toBe(bytesOf(unknown));
    expect((await stranger.post(`${path}/${id}/answers`, { answers: {} })).status).toBe(404);
    expect((await foreign.get(`${path}/${id}`)).status).toBe(404);
  });

  test('what somebody writes into the table is found; answers of one request do not open in another', async () => {
    const [one, two] = [await answered(), await answered()];
    const flaw = async () =>
      (await sweepIntegrity(vault.vault.db, vault.vault.keyring, vault.tenantId, undefined, () => undefined)).flaw;
    expect(await flaw()).toBeUndefined();
    await atDatabase(
      vault,
      `update amanat.supplementary_requests a set answers = o.answers from amanat.supplementary_requests o where a.id = $1 and o.id = $2`,
      [one.id, two.id],
    );
    const swapped = await (await as('support')).get(`${path}/${one.id}`);
    expect([swapped.status, swapped.body.code]).toEqual([500, 'integrity_failure']);
    expect(await flaw()).toEqual({ code: 'value_does_not_open', kind: 'supplementary_requests', id: one.id });
    await atDatabase(
      vault,
      `update amanat.supplementary_requests set closes_at = closes_at + interval '1 year' where id = $1`,
      [two.id],
    );
    const longer = await (await as('support')).get(`${path}/${two.id}`);
    expect([longer.status, longer.body.code]).toEqual([500, 'integrity_failure']);
  });
});

describe('time', () => {
  test('a request without an answer is over on its day, before anybody looks; the clock writes it down once, with an event', async () => {
    const { id, of } = await opened();
    vault.advance(3 * day);
    expect((await read(id, 'support')).state).toBe('expired');
    const own = await subjectOf(vault, await as('shop_backend'), of.id);
    const late = await own.post(`${path}/${id}/answers`, { answers: { nationalId: people.nationalId() } });
    expect([late.status, late.body.code]).toEqual([409, 'conflict']);
    await Promise.all([sweepSupplementary(vault.vault), sweepSupplementary(vault.vault)]);
    await sweepSupplementary(vault.vault);
    const [row] = await atDatabase(
      vault,
      'select state, closed_at = due_at as on_its_day from amanat.supplementary_requests where id = $1',
      [id],
    );
    expect(row).toEqual({ state: 'expired', on_its_day: true });
    const events = await atDatabase(
      vault,
      `select audience from amanat.events where object_id = $1 and kind = 'supplementary.expired' order by audience`,
      [id],
    );
    expect(events).toEqual([{ audience: 'shop_backend' }, { audience: 'support' }]);
  });

  test('answers go 30 days after the request was closed, of a held person later, and no answer tells the two apart', async () => {
    const [free, kept] = [await answered(), await answered()];
    vault.advance(7 * day);
    await sweepSupplementary(vault.vault);
    expect((await read(free.id, 'support')).answers.nationalId.reason).toBe('expired');
    vault.advance(29 * day);
    await hold(vault, await as('legal_registrar'), [kept.of.id]);
    vault.advance(2 * day);
    const views = async () => {
      const own = await Promise.all(
        [free, kept].map(async ({ id, of }) =>
          made(await (await subjectOf(vault, await as('shop_backend'), of.id)).get(`${path}/${id}`), 200),
        ),
      );
      return own.map((view) => Object.keys(view).toSorted());
    };
    const [one, other] = await views();
    expect(one).toEqual(other);
    expect(one).not.toContain('answers');
    await sweep();
    const stored = await atDatabase(
      vault,
      'select answers is null as gone from amanat.supplementary_requests where id = any ($1) order by id = $2',
      [[free.id, kept.id], kept.id],
    );
    expect(stored).toEqual([{ gone: true }, { gone: false }]);
    expect((await views())[0]).toEqual(other);
    await expect(
      atDatabase(vault, 'update amanat.supplementary_requests set answers = null where id = $1', [kept.id]),
    ).rejects.toThrow('conflict');
    const leaf = (await leavesOf(await as('dpo'), `subject=${free.of.id}`)).find(
      ({ action }) => action === 'supplementary_requests.forget',
    );
    expect(leaf).toMatchObject({ rule: 'retention.supplementary_answers' });
  });

  test('erasure takes them along', async () => {
    const { id, of, own } = await answered();
    const request = made(await own.post('/v1/requests', { customerId: of.id, kind: 'erase' }));
    made(await (await as('dpo')).post(`/v1/requests/${request.id}/decide`, { outcome: 'done' }), 200);
    expect(await read(id, 'support')).not.toHaveProperty('answers');
    await sweepErasures(vault.vault);
    const [row] = await atDatabase(vault, 'select answers from amanat.supplementary_requests where id = $1', [id]);
    expect(row).toEqual({ answers: null });
  });
});
