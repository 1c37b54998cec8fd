import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, leavesOf, made, statuses, subjectOf, tenantUnder } from '../support/work.ts';

let vault: TestVault;
let beside: TestVault;
let shop: TestClient;
let dpo: TestClient;
const people = synthetic(81);

beforeAll(async () => {
  vault = await startVault();
  beside = await startVault({ beside: vault });
  shop = await vault.client('shop_backend');
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
});

const person = () => people.naturalCustomer();
const newCustomer = async (by = shop, more: object = {}): Promise<string> =>
  made(await by.post('/v1/customers', { ...person(), ...more })).id;
const yes = (more: object = {}) => ({
  purpose: 'marketing',
  channels: ['sms'],
  method: 'agree_button',
  textVersion: 'newsletter-2',
  ...more,
});
const give = (id: string, more: object = {}, by = shop) => by.post(`/v1/customers/${id}/consents`, yes(more));
const withdraw = (id: string, more: object = {}, by = shop) => by.post(`/v1/customers/${id}/consents/withdraw`, more);
const read = async (id: string, by = shop) => made(await by.get(`/v1/customers/${id}/consents`), 200);

/** `sms explicit true` for each line of the marketing ledger. */
function standing({ states }: { states: { purpose: string; channel: string; state: string; sends: boolean }[] }) {
  return Object.fromEntries(
    states
      .filter(({ purpose }) => purpose === 'marketing')
      .map(({ channel, state, sends }) => [channel, `${state} ${sends}`]),
  );
}

function expectCode(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.code]).toEqual([status, code]);
}

describe('E31: consent is what it was, by channel', () => {
  test('said by the person it opens sending, by that channel and no other', async () => {
    const id = await newCustomer();
    expect(standing(await read(id))).toEqual({ sms: 'none false', email: 'none false' });
    expect(standing(made(await give(id)))).toEqual({ sms: 'explicit true', email: 'none false' });
    expect(standing(await read(id))).toEqual({ sms: 'explicit true', email: 'none false' });
  });

  test.each(['account_created', 'feature_used', 'order_placed'])(
    '%s is recorded as implied, and opens nothing',
    async (method) => {
      const id = await newCustomer();
      made(await give(id, { method, channels: ['sms', 'email'] }));
      expect(standing(await read(id))).toEqual({ sms: 'implied false', email: 'implied false' });
      const { items } = await read(id, dpo);
      expect(items).toHaveLength(2);
      expect(items[0]).toMatchObject({ kind: 'given', explicit: false, method, textVersion: 'newsletter-2' });
      made(await give(id));
      made(await give(id, { method }));
      expect(standing(await read(id))).toEqual({ sms: 'explicit true', email: 'implied false' });
    },
  );

  test('under a profile that says so, and only there, implied consent sends', async () => {
    const side = await tenantUnder(vault, { 'consent.impliedOpensSending': true });
    const their = await side.client('shop_backend');
    const id = await newCustomer(their);
    expect(standing(made(await give(id, { method: 'order_placed' }, their)))).toEqual({
      sms: 'implied true',
      email: 'none false',
    });
  });

  test('each event says by whom, when, under which policy and text', async () => {
    const id = await newCustomer();
    made(await give(id, { source: 'phone' }));
    const { items } = await read(id, await vault.client('support'));
    expect(items).toEqual([
      {
        id: expect.any(String),
        purpose: 'marketing',
        channel: 'sms',
        kind: 'given',
        explicit: true,
        method: 'agree_button',
        source: 'phone',
        textVersion: 'newsletter-2',
        policyVersion: 'kalak/1',
        recordedBy: { clientId: shop.id, role: 'shop_backend' },
        at: expect.any(String),
        atJalali: expect.any(String),
      },
    ]);
    const leaf = (await leavesOf(dpo, `subject=${id}`)).find(({ action }) => action === 'consents.give');
    expect(leaf).toMatchObject({ purpose: 'marketing', recordVersion: 1, objectId: items[0].id });
  });

  test('what the policy does not know cannot be agreed to', async () => {
    const id = await newCustomer();
    for (const purpose of ['tracking', 'survey', 'constructor'])
      expectCode(await give(id, { purpose }), 403, 'not_permitted');
    const side = await tenantUnder(vault, { 'consent.channels': ['email'] });
    const their = await side.client('shop_backend');
    expectCode(await give(await newCustomer(their), {}, their), 403, 'not_permitted');
  });

  test('a contact point in the body is refused, and so is a text version that is a number', async () => {
    const id = await newCustomer();
    expectCode(await give(id, { mobile: people.mobile() }), 422, 'unknown_field');
    expectCode(await give(id, { textVersion: '09701234567' }), 422, 'invalid_body');
    expectCode(await give(id, { channels: ['sms', 'sms'] }), 422, 'invalid_body');
  });
});

describe('D16: members only', () => {
  test('a guest agrees to nothing until there is an account', async () => {
    const id = await newCustomer(shop, { guest: true });
    expect(made(await shop.get(`/v1/customers/${id}`), 200).guest).toBe(true);
    expectCode(await give(id), 403, 'not_permitted');
    made(await shop.patch(`/v1/customers/${id}`, { guest: false }, 1), 200);
    expect(standing(made(await give(id)))).toMatchObject({ sms: 'explicit true' });
    // Who gives up the account is sent nothing.
    made(await shop.patch(`/v1/customers/${id}`, { guest: true }, 2), 200);
    expect(standing(await read(id))).toMatchObject({ sms: 'explicit false' });
    made(await shop.patch(`/v1/customers/${id}`, { fields: { email: people.email() } }, 3), 200);
    expect(made(await shop.get(`/v1/customers/${id}`), 200).guest).toBe(true);
  });
});

describe('E32: a withdrawal holds at once and stays', () => {
  test('by one channel, then by all; in the other process too', async () => {
    const id = await newCustomer();
    made(await give(id, { channels: ['sms', 'email'] }));
    const other = await beside.client('support');
    const there = async () =>
      standing(made(await beside.request('GET', `/v1/customers/${id}/consents`, { token: other.token }), 200));
    expect(await there()).toEqual({ sms: 'explicit true', email: 'explicit true' });
    made(await withdraw(id, { channels: ['sms'], purpose: 'marketing' }), 200);
    expect(await there()).toEqual({ sms: 'withdrawn false', email: 'explicit true' });
    made(await withdraw(id), 200);
    expect(await there()).toEqual({ sms: 'withdrawn false', email: 'withdrawn false' });
  });

  test('a later implied consent does not override it, an explicit one does', async () => {
    const id = await newCustomer();
    made(await withdraw(id), 200);
    made(await give(id, { method: 'order_placed' }));
    expect(standing(await read(id))).toMatchObject({ sms: 'withdrawn false' });
    made(await give(id));
    expect(standing(await read(id))).toMatchObject({ sms: 'explicit true', email: 'withdrawn false' });
  });

  test('it is of the number, whoever has it next and whatever became of the record', async () => {
    const phones = [{ kind: 'mobile', number: people.mobile() }];
    const first = await newCustomer(shop, { phones });
    made(await withdraw(first), 200);
    await atDatabase(
      vault,
      `update amanat.customers set status = 'erased', sealed = null, data_key = null where id = $1`,
      [first],
    );
    expectCode(await shop.get(`/v1/customers/${first}/consents`), 404, 'not_found');
    const side = await tenantUnder(vault, { 'consent.impliedOpensSending': true });
    const their = await side.client('shop_backend');
    const strict = await newCustomer(shop, { phones });
    made(await give(strict, { method: 'order_placed' }));
    expect(standing(await read(strict))).toMatchObject({ sms: 'implied false' });
    // The control, in a tenant where implied consent sends: suppressed there by its own opt-out only.
    const lax = await newCustomer(their, { phones });
    expect(standing(made(await give(lax, { method: 'order_placed' }, their)))).toMatchObject({ sms: 'implied true' });
    made(await withdraw(lax, {}, their), 200);
    const next = await newCustomer(their, { phones });
    expect(standing(made(await give(next, { method: 'order_placed' }, their)))).toMatchObject({ sms: 'implied false' });
    expect(standing(made(await give(next, {}, their)))).toMatchObject({ sms: 'explicit true' });
  });

  test('the list holds keyed hashes: no address, no customer, none alike between tenants', async () => {
    const sent = person();
    const id = made(await shop.post('/v1/customers', sent)).id;
    made(await withdraw(id), 200);
    const side = await tenantUnder(vault, {});
    const their = await side.client('shop_backend');
    made(await withdraw(made(await their.post('/v1/customers', sent)).id, {}, their), 200);
    const rows = await atDatabase<{ row: string; contact: Buffer }>(
      vault,
      `select s::text as row, s.contact from amanat.suppressions s`,
    );
    const text = rows.map(({ row }) => row).join('\n');
    expect(text).not.toContain(id);
    for (const { number } of sent.phones) expect(text).not.toContain(number);
    expect(new Set(rows.map(({ contact }) => contact.toString('hex'))).size).toBe(rows.length);
  });

  test('many at once are all recorded, and a withdrawal among them is not lost', async () => {
    const id = await newCustomer();
    const answers = await Promise.all([
      ...Array.from({ length: 3 }, () => give(id, { method: 'feature_used' })),
      withdraw(id),
    ]);
    expect(statuses(answers)).toEqual({ 201: 3, 200: 1 });
    expect(standing(await read(id))).toMatchObject({ sms: 'withdrawn false' });
    const { items } = await read(id, dpo);
    expect(items).toHaveLength(5);
  });
});

describe('whose it is', () => {
  test('the person says and reads their own, and nobody else’s', async () => {
    const [id, another] = [await newCustomer(), await newCustomer()];
    const self = await subjectOf(vault, shop, id);
    made(await give(id, {}, self));
    made(await withdraw(id, { channels: ['email'] }, self), 200);
    const { items } = await read(id, self);
    expect(items).toHaveLength(2);
    expect(items[0].recordedBy.role).toBe('subject');
    for (const answer of [
      await give(another, {}, self),
      await withdraw(another, {}, self),
      await self.get(`/v1/customers/${another}/consents`),
    ])
      expectCode(answer, 404, 'not_found');
  });

  test('marketing sees how it stands and takes a no, but neither gives a yes nor reads what was said', async () => {
    const id = await newCustomer();
    const marketing = await vault.client('marketing');
    made(await give(id));
    const seen = await read(id, marketing);
    expect([standing(seen)['sms'], seen.items]).toEqual(['explicit true', []]);
    expectCode(await give(id, {}, marketing), 403, 'not_permitted');
    made(await withdraw(id, {}, marketing), 200);
  });

  test('pages', async () => {
    const id = await newCustomer();
    for (let i = 0; i < 3; i += 1) made(await give(id));
    const first = made(await dpo.get(`/v1/customers/${id}/consents?limit=2`), 200);
    const rest = made(await dpo.get(`/v1/customers/${id}/consents?limit=2&cursor=${first.nextCursor}`), 200);
    expect([first.items.length, rest.items.length, rest.nextCursor]).toEqual([2, 1, undefined]);
  });

  test('an Idempotency-Key records once', async () => {
    const id = await newCustomer();
    const key = { 'idempotency-key': 'consent-1' };
    const twice = [1, 2].map(() => shop.post(`/v1/customers/${id}/consents`, yes(), key));
    const [one, two] = await Promise.all(twice);
    expect([one?.status, two?.status]).toContain(201);
    expect((await read(id, dpo)).items).toHaveLength(1);
  });
});

describe('editing the tables makes no consent', () => {
  const heads = 'amanat.consent_heads';
  const broken = async (id: string) =>
    expectCode(await shop.get(`/v1/customers/${id}/consents`), 500, 'integrity_failure');

  test('control: untouched, it is read', async () => {
    const id = await newCustomer();
    made(await give(id));
    expect(standing(await read(id))).toMatchObject({ sms: 'explicit true' });
  });

  test.each([
    [
      'a state rewritten',
      `update ${heads} set states = replace(states, 'withdrawn', 'explicit') where customer_id = $1`,
    ],
    ['a number moved', `update ${heads} set number = number + 1 where customer_id = $1`],
    ['the head taken away', `delete from ${heads} where customer_id = $1`],
    ['the last event taken away', `delete from amanat.consents where customer_id = $1 and number = 3`],
  ])('%s', async (_, sql) => {
    const id = await newCustomer();
    made(await give(id, { method: 'order_placed' }));
    made(await withdraw(id), 200);
    await atDatabase(vault, sql, [id]);
    await broken(id);
  });

  test('an older head put back', async () => {
    const id = await newCustomer();
    made(await give(id));
    const [old] = await atDatabase<{ number: number; states: string; mac: Buffer }>(
      vault,
      `select number, states, mac from ${heads} where customer_id = $1`,
      [id],
    );
    made(await withdraw(id), 200);
    await atDatabase(vault, `update ${heads} set number = $2, states = $3, mac = $4 where customer_id = $1`, [
      id,
      old?.number,
      old?.states,
      old?.mac,
    ]);
    await broken(id);
  });

  test('another customer’s head and events', async () => {
    const [willing, id] = [await newCustomer(), await newCustomer()];
    made(await give(willing));
    await atDatabase(vault, `update ${heads} set customer_id = $2 where customer_id = $1`, [willing, id]);
    await atDatabase(vault, `update amanat.consents set customer_id = $2 where customer_id = $1`, [willing, id]);
    await broken(id);
  });

  test('an event rewritten is shown to nobody', async () => {
    const id = await newCustomer();
    made(await give(id, { method: 'order_placed' }));
    await atDatabase(vault, `update amanat.consents set explicit = true where customer_id = $1`, [id]);
    const seen = await read(id, dpo);
    expect([standing(seen)['sms'], seen.items]).toEqual(['implied false', []]);
  });

  test('the service itself may neither change nor delete an event', async () => {
    const [rights] = await atDatabase<{ can: boolean }>(
      vault,
      `select has_table_privilege('amanat_service', 'amanat.consents', 'update, delete') as can`,
    );
    expect(rights?.can).toBe(false);
  });
});
