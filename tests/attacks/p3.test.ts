import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { beginningOf, packRecord, unpackMarked, unpackRecord } from '../../src/crypto/container.ts';
import { legalDesk } from '../http/legalDesk.ts';
import { verifyLog } from '../support/logs.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { made, newOrder, newParcel, newPerson, statuses, subjectOf, type Person } from '../support/work.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let second: Awaited<ReturnType<TestVault['secondTenant']>>;
let bystander: Subject;
let superuser: Client;
const people = synthetic(301);

/** A customer, and its own token, which sees every value in full: each one is opened. */
interface Subject extends Person {
  readonly view: () => Promise<Answer>;
}

async function newSubject(by: TestClient = shop): Promise<Subject> {
  const person = await newPerson(by, people.naturalCustomer());
  const token = await subjectOf(vault, by, person.id);
  return { ...person, view: () => token.get(`/v1/customers/${person.id}`) };
}

beforeAll(async () => {
  vault = await startVault();
  [shop, support] = await Promise.all([vault.client('shop_backend'), vault.client('support', { actor: 'staff-7' })]);
  second = await vault.secondTenant();
  bystander = await newSubject();
  superuser = new Client({ connectionString: vault.db.superuserUrl });
  await superuser.connect();
});
afterAll(async () => {
  await superuser.end();
  await vault.stop();
});

async function sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  return (await superuser.query<Row>(text, values)).rows;
}

interface Stored {
  readonly sealed: Buffer;
  readonly data_key: Buffer;
  readonly version: number;
}

async function stored(id: string, table = 'customers'): Promise<Stored> {
  const [row] = await sql<Stored>(`select sealed, data_key, version from amanat.${table} where id = $1`, [id]);
  if (row === undefined) throw new Error('no such row');
  return row;
}

async function store(id: string, columns: Partial<Record<keyof Stored, unknown>>, table = 'customers'): Promise<void> {
  for (const [column, value] of Object.entries(columns)) {
    await sql(`update amanat.${table} set ${column} = $2 where id = $1`, [id, value]);
  }
}

/** An integrity failure, told to the caller and to the operator, with nothing of anybody in it. */
function expectBroken(answer: Answer, ...of: readonly Person[]): void {
  expect([answer.status, answer.body.code], answer.text).toEqual([500, 'integrity_failure']);
  for (const { sent } of of) {
    for (const value of Object.values(sent.fields)) expect(answer.text).not.toContain(value);
  }
  const events = vault.logLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const own = events.filter(
    ({ event, requestId }) => event === 'integrity_failure' && requestId === answer.body.requestId,
  );
  expect(own).toHaveLength(1);
}

/** Read in one batch with others, the damaged record harms none of them. */
async function expectAlone(damaged: Subject, ...of: readonly Person[]): Promise<void> {
  const crowd = [bystander, damaged, bystander, bystander];
  const answers = await Promise.all(crowd.map((one) => one.view()));
  crowd.forEach((one, i) => {
    const answer = answers[i];
    if (answer === undefined) throw new Error('no answer');
    if (one === damaged) expectBroken(answer, damaged, ...of);
    else expect(answer.body.fields.email.value).toBe(bystander.sent.fields['email']);
  });
}

describe('P3: a stored value that was changed does not open', () => {
  test('one bit anywhere: container, labels, lengths, commitments, nonces, ciphertexts, tags, data key', async () => {
    const victim = await newSubject();
    const { sealed, data_key } = await stored(victim.id);
    expect((await victim.view()).status, 'control').toBe(200);
    const places = placesIn(sealed);
    expect(places.length).toBeGreaterThan(80);
    for (const at of places) {
      await store(victim.id, { sealed: flipped(sealed, at) });
      expectBroken(await victim.view(), victim);
    }
    await store(victim.id, { sealed });
    for (let at = 0; at < data_key.length; at += 7) {
      await store(victim.id, { data_key: flipped(data_key, at) });
      expectBroken(await victim.view(), victim);
    }
    await expectAlone(victim);
    await store(victim.id, { data_key });
    expect((await victim.view()).status, 'control: put back, it opens').toBe(200);
  });

  test('cut short, emptied, or with a value taken out', async () => {
    const victim = await newSubject();
    const { sealed, data_key } = await stored(victim.id);
    const without = unpackRecord(sealed);
    without.delete('iban');
    const spoilt: Partial<Record<keyof Stored, unknown>>[] = [
      { sealed: sealed.subarray(0, -1) },
      { sealed: sealed.subarray(0, sealed.length / 2) },
      { sealed: Buffer.concat([sealed, Buffer.alloc(1)]) },
      { sealed: Buffer.alloc(0) },
      { sealed: packRecord(without) },
      { sealed: packRecord(new Map()) },
      { sealed: null },
      { data_key: data_key.subarray(0, -1) },
      { data_key: Buffer.alloc(0) },
      { data_key: null },
    ];
    for (const change of spoilt) {
      await store(victim.id, change);
      await expectAlone(victim);
      await store(victim.id, { sealed, data_key });
    }
    expect((await victim.view()).status, 'control').toBe(200);
  });

  test('what is damaged is not carried over by a patch, an order or an invoice', async () => {
    const victim = await newSubject();
    const orderId = await newOrder(shop, victim);
    const { sealed } = await stored(victim.id);
    for (const at of [sealed.length - 1, 40]) {
      await store(victim.id, { sealed: flipped(sealed, at) });
      expectBroken(await shop.patch(`/v1/customers/${victim.id}`, { fields: { iban: null } }, 1), victim);
      const delivery = { to: 'customer', addressId: victim.addressId };
      const ordered = await shop.post('/v1/orders', { customerId: victim.id, externalRef: 'O-2', delivery });
      // The last value of the container, a postal code or a place, goes into an order; the first into neither.
      expect([201, 500]).toContain(ordered.status);
      expect((await stored(victim.id)).version).toBe(1);
    }
    await store(victim.id, { sealed });
    expect((await shop.get(`/v1/orders/${orderId}`)).status, 'the order has its own copy').toBe(200);
  });
});

describe('P3: a stored value that was moved does not open', () => {
  test('between two customers: the record, its key, or both', async () => {
    const [victim, other] = [await newSubject(), await newSubject()];
    const [own, foreign] = [await stored(victim.id), await stored(other.id)];
    for (const columns of [['sealed'], ['data_key'], ['sealed', 'data_key']] as const) {
      for (const column of columns) {
        await store(victim.id, { [column]: foreign[column] });
        await store(other.id, { [column]: own[column] });
      }
      expectBroken(await victim.view(), victim, other);
      expectBroken(await other.view(), victim, other);
      expectBroken(await support.get(`/v1/customers/${victim.id}`), victim, other);
      await expectAlone(victim, other);
      await store(victim.id, { sealed: own.sealed, data_key: own.data_key });
      await store(other.id, { sealed: foreign.sealed, data_key: foreign.data_key });
    }
    expect((await victim.view()).body.fields.email.value, 'control').toBe(victim.sent.fields['email']);
    expect((await other.view()).body.fields.email.value, 'control').toBe(other.sent.fields['email']);
  });

  test('between two tenants: its bytes, or the whole row', async () => {
    const abroad = await second.client('shop_backend');
    const [victim, other] = [await newSubject(), await newSubject(abroad)];
    const foreign = await stored(other.id);
    const own = await stored(victim.id);
    await store(victim.id, { sealed: foreign.sealed, data_key: foreign.data_key });
    await expectAlone(victim, other);
    await store(victim.id, { sealed: own.sealed, data_key: own.data_key });
    await sql(`update amanat.customers set tenant_id = $2 where id = $1`, [victim.id, second.tenantId]);
    expect((await victim.view()).status, 'its own tenant has it no more').toBe(404);
    expectBroken(await abroad.get(`/v1/customers/${victim.id}`), victim);
    await sql(`update amanat.customers set tenant_id = $2 where id = $1`, [victim.id, vault.tenantId]);
    expect((await victim.view()).status, 'control').toBe(200);
  });

  test('between a customer, its order and its invoice', async () => {
    const victim = await newSubject();
    const courier = await vault.client('courier');
    const accounting = await vault.client('accounting');
    const orderId = await newOrder(shop, victim);
    const parcel = await newParcel(shop, orderId, courier);
    const invoiceId = made(await shop.post(`/v1/orders/${orderId}/invoices`, {})).id;
    const reads = {
      customers: () => victim.view(),
      orders: () => courier.get(`/v1/deliveries/${parcel.id}`),
      invoices: () => accounting.get(`/v1/invoices/${invoiceId}`),
    };
    const rows = { customers: victim.id, orders: orderId, invoices: invoiceId };
    const tables = ['customers', 'orders', 'invoices'] as const;
    for (const table of tables) expect((await reads[table]()).status, `control: ${table}`).toBe(200);
    for (const table of tables) {
      const own = await stored(rows[table], table);
      for (const from of tables) {
        if (from === table) continue;
        const { sealed, data_key } = await stored(rows[from], from);
        for (const change of [{ sealed }, { data_key }, { sealed, data_key }]) {
          await store(rows[table], change, table);
          expectBroken(await reads[table](), victim);
          await store(rows[table], { sealed: own.sealed, data_key: own.data_key }, table);
        }
      }
    }
    for (const table of tables) expect((await reads[table]()).status, `control: ${table}`).toBe(200);
  });

  test('from one field to another of its record, or of another’s', async () => {
    const [victim, other] = [await newSubject(), await newSubject()];
    const { sealed } = await stored(victim.id);
    const entries = unpackRecord(sealed);
    const foreign = unpackRecord((await stored(other.id)).sealed);
    const put = (label: string, value: Buffer | undefined) =>
      packRecord(new Map([...entries, [label, value ?? Buffer.alloc(0)]]));
    const swapped = new Map([
      ...entries,
      ['email', entries.get('iban') ?? ''],
      ['iban', entries.get('email') ?? ''],
    ]) as Map<string, Buffer>;
    for (const spoilt of [
      packRecord(swapped),
      put('email', entries.get('iban')),
      put('email', entries.get('header')),
      put('header', entries.get('email')),
      put('email', foreign.get('email')),
      put('header', foreign.get('header')),
    ]) {
      expect(spoilt.equals(sealed)).toBe(false);
      await store(victim.id, { sealed: spoilt });
      expectBroken(await victim.view(), victim, other);
    }
    await expectAlone(victim, other);
    await store(victim.id, { sealed: packRecord(entries) });
    expect((await victim.view()).status, 'control').toBe(200);
    await store(victim.id, { sealed });
  });

  test('from one stored answer to another', async () => {
    const key = (n: number) => ({ 'idempotency-key': `p3-${n}` });
    const bodies = [people.naturalCustomer(), people.naturalCustomer()];
    for (const [n, body] of bodies.entries()) made(await shop.post('/v1/customers', body, key(n)));
    await sql(
      `update amanat.idempotent_answers a set answer = b.answer, data_key = b.data_key, answer_id = b.answer_id
         from amanat.idempotent_answers b where a.client_id = $1 and b.client_id = $1 and a.key_hash > b.key_hash`,
      [shop.id],
    );
    const again = await Promise.all(bodies.map((body, n) => shop.post('/v1/customers', body, key(n))));
    expect(statuses(again)).toEqual({ 201: 1, 500: 1 });
  });
});

describe('P3: what a read in masks fetches was changed', () => {
  const masksOf = ({ id }: Person) => support.get(`/v1/customers/${id}`);

  test('one bit anywhere in the lead', async () => {
    const victim = await newSubject();
    const { sealed } = await stored(victim.id);
    const { mark = '', entries } = unpackMarked(sealed);
    const end = beginningOf(mark).length + 3 + (entries.get('header')?.length ?? 0);
    const before = await masksOf(victim);
    expect(before.status, 'control').toBe(200);
    for (const at of placesIn(sealed).filter((place) => place < end)) {
      await store(victim.id, { sealed: flipped(sealed, at) });
      expectBroken(await masksOf(victim), victim);
    }
    // Control: what such a read does not fetch does not stand in its way, and is found by who fetches it.
    await store(victim.id, { sealed: flipped(sealed, sealed.length - 1) });
    expect((await masksOf(victim)).text).toBe(before.text);
    expect((await verifyLog(vault)).breach).toMatchObject({ code: 'record_digest', id: victim.id });
    await store(victim.id, { sealed });
    expect((await masksOf(victim)).text, 'control: put back').toBe(before.text);
  });

  test('the header of another, of another version, of none; another mark; the length; nothing but the lead', async () => {
    const [victim, other] = [await newSubject(), await newSubject()];
    const old = await stored(victim.id);
    made(await shop.patch(`/v1/customers/${victim.id}`, { fields: { email: people.email() } }, 1), 200);
    const { sealed } = await stored(victim.id);
    const { mark = '', entries } = unpackMarked(sealed);
    const before = await masksOf(victim);
    const headerIn = (bytes: Buffer) => unpackRecord(bytes).get('header') ?? Buffer.alloc(0);
    const withHeader = (header: Buffer) => packRecord(new Map([...entries, ['header', header]]), mark);
    const beginning = beginningOf(mark);
    const withLength = (length: number) => {
      const changed = Buffer.from(sealed);
      changed.writeUIntBE(length, beginning.length, 3);
      return changed;
    };
    const whole = headerIn(sealed).length;
    for (const spoilt of [
      withHeader(headerIn((await stored(other.id)).sealed)),
      withHeader(headerIn(old.sealed)),
      withHeader(entries.get('email') ?? Buffer.alloc(0)),
      withHeader(Buffer.alloc(0)),
      packRecord(entries, 'kalak/2'),
      packRecord(entries, 'kalak/10'),
      withLength(0),
      withLength(whole - 1),
      withLength(whole + 1),
      withLength(0xffffff),
      beginning,
      sealed.subarray(0, beginning.length + 2),
      Buffer.alloc(0),
    ]) {
      await store(victim.id, { sealed: spoilt });
      // Together with others in one statement, which fails for none of them.
      const [spoiltAnswer, bystanders] = await Promise.all([masksOf(victim), masksOf(bystander)]);
      expectBroken(spoiltAnswer, victim, other);
      expect(bystanders.status).toBe(200);
    }
    // Masks alone are as right as ever where the rest is cut off; who needs a value is told.
    await store(victim.id, { sealed: sealed.subarray(0, beginning.length + 3 + whole) });
    expect((await masksOf(victim)).text).toBe(before.text);
    expectBroken(await victim.view(), victim);
    await store(victim.id, { sealed });
    expect((await masksOf(victim)).text, 'control').toBe(before.text);
    expect((await victim.view()).status, 'control').toBe(200);
  });

  test('who cuts every lead short, or gives one where masks are of other rules, shows nothing by it', async () => {
    const victim = await newSubject();
    const { sealed } = await stored(victim.id);
    const [{ was } = { was: '' }] = await sql<{ was: string }>(
      `select pg_get_functiondef('amanat.lead_of(bytea, bytea)'::regprocedure) as was`,
    );
    const replaced = (body: string) =>
      sql(
        `create or replace function amanat.lead_of(sealed bytea, beginning bytea) returns bytea language sql immutable return ${body}`,
      );
    const { mark = '', entries } = unpackMarked(sealed);
    const length = beginningOf(mark).length + 3 + (entries.get('header')?.length ?? 0);
    try {
      await replaced(`substring(sealed from 1 for ${length - 1})`);
      expectBroken(await masksOf(victim), victim);
      expectBroken(await victim.view(), victim);
      // The lead where the whole was asked for: what is to be shown in full is not there.
      await replaced(`substring(sealed from 1 for ${length})`);
      expectBroken(await victim.view(), victim);
      expect((await masksOf(victim)).status, 'control').toBe(200);
    } finally {
      await sql(was);
    }
    expect((await victim.view()).status, 'control').toBe(200);
  });
});

describe('P3: what leads to a record was changed', () => {
  const nationalIdOf = ({ sent }: Person) => String(sent.fields['nationalId']);

  test('index tags moved to another customer hand nobody out to an authority; a search cannot tell', async () => {
    const desk = await legalDesk(vault, 303);
    const [victim, other] = [await newSubject(), await newSubject()];
    const move = () =>
      sql(
        `update amanat.index_tags set customer_id = case customer_id when $1::uuid then $2::uuid else $1::uuid end
          where customer_id in ($1, $2)`,
        [victim.id, other.id],
      );
    const subjects = [
      { by: 'nationalId', value: nationalIdOf(victim) },
      { by: 'mobile', value: victim.sent.phones[0]?.number },
    ];
    const orders = [await desk.approve(subjects), await desk.approve(subjects)];
    const execute = (legalOrderId: string | undefined) => desk.registrar.post('/v1/exports', { legalOrderId });
    const find = () => shop.post('/v1/customers/search', { by: 'nationalId', value: nationalIdOf(victim) });
    await move();
    expectBroken(await execute(orders[0]), victim, other);
    // The tag has only its customer's id beside it, and a search opens no record: it is led astray.
    expect((await find()).body.matches).toMatchObject([{ id: other.id }]);
    expect((await victim.view()).body.fields.nationalId.value).toBe(nationalIdOf(victim));
    expect((await other.view()).body.fields.nationalId.value).toBe(nationalIdOf(other));
    await move();
    expect((await find()).body.matches, 'control').toMatchObject([{ id: victim.id }]);
    const exported = made(await execute(orders[1]));
    expect((await desk.registrar.get(`/v1/exports/${exported.id}/package`)).text, 'control').toContain(
      nationalIdOf(victim),
    );
  });

  test('a parcel does not show its buyer in place of its recipient, nor the other way round', async () => {
    const courier = await vault.client('courier');
    const victim = await newSubject();
    const toRecipient = await newOrder(shop, victim, { to: 'recipient', recipient: people.recipient() });
    for (const orderId of [toRecipient, await newOrder(shop, victim)]) {
      const parcel = await newParcel(shop, orderId, courier);
      const turn = () =>
        sql(
          `update amanat.orders set delivery_to = case delivery_to when 'customer' then 'recipient' else 'customer' end
            where id = $1`,
          [orderId],
        );
      const read = () => courier.get(`/v1/deliveries/${parcel.id}`);
      await turn();
      expectBroken(await read(), victim);
      await turn();
      expect((await read()).status, 'control').toBe(200);
    }
  });

  test('an approval moved from one legal order to another opens nothing', async () => {
    const desk = await legalDesk(vault, 304);
    const victim = await newSubject();
    const subjects = [{ customerId: victim.id }];
    const [approved, registered] = [await desk.approve(subjects), await desk.register(subjects)];
    const columns =
      'status, approvals, approval_expires, decided_by, decided_actor, decided_at, decided_digest, version';
    for (const more of ['', ', sealed', ', sealed, data_key']) {
      await sql(
        `update amanat.legal_orders o set (${columns}${more}) = (select ${columns}${more} from amanat.legal_orders where id = $2)
          where o.id = $1`,
        [registered, approved],
      );
      expectBroken(await desk.registrar.post('/v1/exports', { legalOrderId: registered }), victim);
    }
    expect((await desk.registrar.post('/v1/exports', { legalOrderId: approved })).status, 'control').toBe(201);
  });
});

describe('P3: a stored value that was rolled back', () => {
  test('does not open while its version stands', async () => {
    const victim = await newSubject();
    const before = await stored(victim.id);
    const email = people.email();
    made(await shop.patch(`/v1/customers/${victim.id}`, { fields: { email } }, 1), 200);
    const after = await stored(victim.id);
    await store(victim.id, { sealed: before.sealed });
    await expectAlone(victim);
    const [old, now] = [unpackRecord(before.sealed), unpackRecord(after.sealed)];
    for (const label of ['email', 'header', 'iban']) {
      await store(victim.id, { sealed: packRecord(new Map([...now, [label, old.get(label) ?? Buffer.alloc(0)]])) });
      expectBroken(await victim.view(), victim);
    }
    await store(victim.id, { sealed: after.sealed, version: 1 });
    expectBroken(await victim.view(), victim);
    await store(victim.id, { version: 2 });
    expect((await victim.view()).body.fields.email.value, 'control').toBe(email);
  });

  test('with its version is whole in itself: a read cannot tell, the check of the log against the records can', async () => {
    const victim = await newSubject();
    const before = await stored(victim.id);
    made(await shop.patch(`/v1/customers/${victim.id}`, { fields: { email: people.email() } }, 1), 200);
    const after = await stored(victim.id);
    await store(victim.id, before);
    expect((await victim.view()).body.fields.email.value).toBe(victim.sent.fields['email']);
    const sweep = () => verifyLog(vault);
    expect((await sweep()).breach).toEqual({ code: 'record_older', kind: 'customers', id: victim.id });
    await store(victim.id, after);
    expect((await sweep()).breach, 'control').toBeUndefined();
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
  return changed;
}

/** Of every part of a container (src/crypto/container.ts) and of every sealed value in it (envelope.ts), both ends. */
function placesIn(sealed: Buffer): number[] {
  const ends = (at: number, { length }: Buffer): number[] =>
    [0, 1, 32, 33, 44, 45, length - 17, length - 16, length - 1].map((end) => at + end);
  const { mark = '', entries } = unpackMarked(sealed);
  const [header, ...others] = entries.values();
  if (header === undefined) throw new Error('no header');
  const leadAt = 2 + mark.length + 3;
  const countAt = leadAt + header.length;
  const places = [0, 1, 2, leadAt - 4, leadAt - 3, leadAt - 1, ...ends(leadAt, header), countAt, countAt + 1];
  let at = countAt + 2;
  for (const [i, value] of others.entries()) {
    const label = [...entries.keys()][i + 1] ?? '';
    const valueAt = at + 1 + label.length + 4;
    places.push(at, at + 1, at + label.length, valueAt - 4, valueAt - 1, ...ends(valueAt, value));
    at = valueAt + value.length;
  }
  expect(at).toBe(sealed.length);
  return places;
}
