import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { toPersianDigits } from '../../src/formats/jalali.ts';
import { legalDesk } from '../http/legalDesk.ts';
import { clientOf, startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  day,
  made,
  newOrder,
  newParcel,
  newPerson,
  statuses,
  subjectOf,
  type Parcel,
  type Person,
} from '../support/work.ts';

/** Two processes, as it were, on one database: no race is won by one process's memory. */
let vault: TestVault;
let beside: TestVault;
let shop: TestClient;
const people = synthetic(1101);

beforeAll(async () => {
  vault = await startVault();
  beside = await startVault({ beside: vault });
  shop = await vault.client('shop_backend');
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
});

/** The client at the first process for even turns, at the second for odd ones. */
function at(turn: number, { id, secret, token }: TestClient): TestClient {
  return clientOf(turn % 2 === 0 ? vault.url : beside.url, id, secret, token);
}

/** All at once, over both processes. */
function race(
  count: number,
  call: (by: (client: TestClient) => TestClient, turn: number) => Promise<Answer>,
): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, (_, turn) => call((client) => at(turn, client), turn)));
}

const codesOf = (answers: readonly Answer[]) =>
  new Set(answers.filter(({ status }) => status >= 300).map((a) => a.body.code));

async function holders(by: string, value: string | undefined): Promise<string[]> {
  const found = made(await shop.post('/v1/customers/search', { by, value }), 200);
  return found.matches.map((match: { id: string }) => match.id);
}

describe('P11: creates', () => {
  test('of one identifier in many spellings, one is made', async () => {
    const nationalId = people.nationalId();
    const persian = toPersianDigits(nationalId);
    const answers = await race(30, (by, turn) => {
      const sent = people.naturalCustomer();
      const fields = { ...sent.fields, nationalId: turn % 3 === 0 ? persian : nationalId };
      return by(shop).post(
        '/v1/customers',
        { ...sent, fields },
        turn % 5 === 0 ? { 'idempotency-key': `race-${turn}` } : {},
      );
    });
    expect(statuses(answers)).toEqual({ 201: 1, 409: 29 });
    expect(codesOf(answers)).toEqual(new Set(['already_exists']));
    expect(await holders('nationalId', nationalId)).toEqual([answers.find(({ status }) => status === 201)?.body.id]);
  });

  test('control: of one that two may hold, all are', async () => {
    const email = people.email();
    const answers = await race(12, (by) => {
      const sent = people.naturalCustomer();
      return by(shop).post('/v1/customers', { ...sent, fields: { ...sent.fields, email } });
    });
    expect(statuses(answers)).toEqual({ 201: 12 });
    expect(await holders('email', email)).toHaveLength(12);
  });

  test('under one Idempotency-Key, one is made', async () => {
    const sent = people.naturalCustomer();
    const answers = await race(20, (by) =>
      by(shop).post('/v1/customers', sent, { 'idempotency-key': 'both-processes' }),
    );
    expect(new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body.id)).size).toBe(1);
    for (const code of codesOf(answers)) expect(code).toBe('idempotency_in_flight');
    expect(await holders('nationalId', sent.fields.nationalId)).toHaveLength(1);
  });
});

interface Referenced {
  readonly id: string;
  readonly externalRef: string;
}

async function newReferenced(): Promise<Referenced> {
  const sent = people.naturalCustomer();
  return { id: made(await shop.post('/v1/customers', sent)).id, externalRef: sent.externalRef };
}

describe('P11: patches', () => {
  test('of one version, one wins, whichever process it came through', async () => {
    const { id } = await newPerson(shop, people.naturalCustomer());
    const emails = Array.from({ length: 40 }, () => people.email());
    const answers = await race(40, (by, turn) =>
      by(shop).patch(`/v1/customers/${id}`, { fields: { email: emails[turn] } }, 1),
    );
    expect(statuses(answers)).toEqual({ 200: 1, 412: 39 });
    const winner = answers.findIndex(({ status }) => status === 200);
    for (const [turn, email] of emails.entries())
      expect(await holders('email', email)).toEqual(turn === winner ? [id] : []);
  });

  test('that take each other’s identifiers take nothing, and answer', async () => {
    const ring = await Promise.all(Array.from({ length: 6 }, newReferenced));
    const referenceOf = (turn: number) => ring[turn % ring.length]?.externalRef;
    const answers = await race(ring.length, (by, turn) =>
      by(shop).patch(`/v1/customers/${ring[turn]?.id}`, { externalRef: referenceOf(turn + 1) }, 1),
    );
    expect(statuses(answers)).toEqual({ 409: ring.length });
    for (const [turn, { id }] of ring.entries()) expect(await holders('externalRef', referenceOf(turn))).toEqual([id]);
  });

  test('to one free identifier leave it to one; one that is given up goes to one at most', async () => {
    for (let round = 0; round < 4; round += 1) {
      const [first, ...others] = await Promise.all(Array.from({ length: 5 }, newReferenced));
      if (first === undefined) throw new Error('nobody');
      const [given, free] = [first.externalRef, people.externalRef()];
      const answers = await race(5, (by, turn) => {
        const own = others[turn - 1];
        return own === undefined
          ? by(shop).patch(`/v1/customers/${first.id}`, { externalRef: free }, 1)
          : by(shop).patch(`/v1/customers/${own.id}`, { externalRef: turn % 2 === 0 ? free : given }, 1);
      });
      for (const code of codesOf(answers)) expect(code).toBe('already_exists');
      const held = [...(await holders('externalRef', given)), ...(await holders('externalRef', free))];
      expect(new Set(held).size).toBe(held.length);
      expect(held.length).toBeLessThanOrEqual(2);
      for (const [turn, answer] of answers.entries()) {
        const person = [first, ...others][turn];
        const moved = held.includes(person?.id ?? '');
        // The first also stands among the holders when it was refused and kept what it had.
        if (turn > 0) expect(moved).toBe(answer.status === 200);
      }
    }
  });

  test('raced with 300 reads: each read is one version, whole', async () => {
    const support = await vault.client('support', { actor: 'staff-7' });
    const person = await newPerson(shop, people.naturalCustomer());
    const path = `/v1/customers/${person.id}`;
    const subject = await subjectOf(vault, shop, person.id);
    const phoneId = made(await shop.get(path), 200).phones[0].id;
    const versions = [new Map<string, string>(), valuesOf(made(await subject.get(path), 200))];
    const progress = { patching: true };
    const patches = async (): Promise<void> => {
      for (let version = 1; version <= 40; version += 1) {
        const sent = people.naturalCustomer();
        const { email, iban, familyName } = sent.fields;
        const number = `+98${sent.phones[0]?.number.slice(1)}`;
        // Known before it can be read.
        versions.push(new Map(Object.entries({ email, iban, familyName, number })));
        const change = { fields: { email, iban, familyName }, phones: [{ id: phoneId, number }] };
        expect((await at(version, shop).patch(path, change, version)).body.version).toBe(version + 1);
      }
      progress.patching = false;
    };
    const seen: { readonly full: Answer; readonly masked: Answer }[] = [];
    const reads = async (turn: number): Promise<void> => {
      for (let n = 0; n < 25 || progress.patching; n += 1) {
        const [full, masked] = await Promise.all([at(turn, subject).get(path), at(turn + 1, support).get(path)]);
        seen.push({ full, masked });
      }
    };
    await Promise.all([patches(), ...Array.from({ length: 6 }, (_, turn) => reads(turn))]);
    expect(seen.length * 2).toBeGreaterThanOrEqual(300);
    const masks = new Map<number, string>();
    for (const { full, masked } of seen) {
      expect([full.status, masked.status]).toEqual([200, 200]);
      expect(full.headers.get('etag')).toBe(`"${full.body.version}"`);
      expect(Object.fromEntries(valuesOf(full.body))).toEqual(Object.fromEntries(versions[full.body.version] ?? []));
      const shown = JSON.stringify([masked.body.fields, masked.body.phones]);
      const { version } = masked.body;
      expect(masks.get(version) ?? shown, 'one version has one set of masks').toBe(shown);
      masks.set(version, shown);
      expect(masked.body.phones[0].number.value.slice(-4)).toBe(versions[version]?.get('number')?.slice(-4));
      expect(masked.body.fields.email.value[0]).toBe(versions[version]?.get('email')?.[0]);
    }
    expect(
      new Set(seen.map(({ full }) => full.body.version)).size,
      'control: reads fell between patches',
    ).toBeGreaterThan(10);
  });
});

function valuesOf(body: Answer['body']): Map<string, string> {
  const { email, iban, familyName } = body.fields;
  return new Map(
    Object.entries({
      email: email.value,
      iban: iban.value,
      familyName: familyName.value,
      number: body.phones[0].number.value,
    }),
  );
}

describe('P11: grants, parcels and exports', () => {
  let person: Person;
  let couriers: readonly TestClient[];
  beforeAll(async () => {
    person = await newPerson(shop, people.naturalCustomer());
    couriers = await Promise.all([vault.client('courier'), vault.client('courier')]);
  });
  const courierOf = (turn: number): TestClient => {
    const courier = couriers[(turn >> 1) % couriers.length];
    if (courier === undefined) throw new Error('no courier');
    return courier;
  };

  test('a grant of three reads gives three', async () => {
    const support = await vault.client('support');
    const open = { kind: 'ticket', customerId: person.id, grantee: { role: 'support' }, maxReads: 3 };
    const closesAt = new Date(vault.vault.now() + day).toISOString();
    const { id } = made(await shop.post('/v1/grants', { ...open, closesAt }));
    const answers = await race(20, (by) => by(support).get(`/v1/customers/${person.id}?grant=${id}`));
    expect(statuses(answers)).toEqual({ 200: 20 });
    expect(answers.filter(({ body }) => body.fields.email.state === 'full')).toHaveLength(3);
    expect(made(await shop.get(`/v1/grants/${id}`), 200).reads).toBe(3);
  });

  test('of shipments of one order, one parcel is open, and only its courier sees it', async () => {
    const orderId = await newOrder(shop, person);
    const answers = await race(20, (by, turn) =>
      by(shop).post(`/v1/orders/${orderId}/shipments`, { courierClientId: courierOf(turn).id }),
    );
    const parcels: Parcel[] = answers.filter(({ status }) => status === 201).map(({ body }) => body);
    expect(parcels.length).toBeGreaterThan(0);
    for (const code of codesOf(answers)) expect(code).toBe('conflict');
    const rows = await atDatabase<{ id: string; status: string; closed: boolean }>(
      vault,
      `select s.id, s.status, g.closed_at is not null as closed
         from amanat.shipments s join amanat.grants g on g.id = s.grant_id where s.order_id = $1`,
      [orderId],
    );
    expect(rows.map(({ id }) => id).toSorted()).toEqual(parcels.map(({ id }) => id).toSorted());
    const open = rows.filter(({ status }) => status === 'open');
    expect(open).toHaveLength(1);
    for (const { status, closed } of rows)
      expect([status, closed]).toEqual(status === 'open' ? ['open', false] : ['reassigned', true]);
    const reads = await Promise.all(
      parcels.flatMap(({ id }) =>
        couriers.map(async (courier) => [id, await courier.get(`/v1/deliveries/${id}`)] as const),
      ),
    );
    expect(reads.filter(([, { status }]) => status === 200).map(([id]) => id)).toEqual([open[0]?.id]);
    expect(new Set(reads.map(([, { status }]) => status))).toEqual(new Set([200, 404]));
  });

  test('control: shipments of different orders do not stand in each other’s way', async () => {
    const orders = await Promise.all(Array.from({ length: 8 }, () => newOrder(shop, person)));
    const answers = await race(8, (by, turn) =>
      by(shop).post(`/v1/orders/${orders[turn]}/shipments`, { courierClientId: courierOf(turn).id }),
    );
    expect(statuses(answers)).toEqual({ 201: 8 });
  });

  test('one of many confirmations with the right code hands the parcel over', async () => {
    const [courier] = couriers;
    if (courier === undefined) throw new Error('no courier');
    const parcel = await newParcel(shop, await newOrder(shop, person), courier);
    const confirm = { code: parcel.deliveryCode };
    const answers = await race(20, (by) => by(courier).post(`/v1/deliveries/${parcel.id}/confirm`, confirm));
    expect(statuses(answers)).toEqual({ 200: 1, 404: 19 });
    expect(made(await shop.get(`/v1/shipments/${parcel.id}`), 200).status).toBe('delivered');
  });

  test('a confirmation, a return and a reassignment at once: the parcel ends in one of the three', async () => {
    const [courier, rival] = couriers;
    if (courier === undefined || rival === undefined) throw new Error('no courier');
    for (let round = 0; round < 6; round += 1) {
      const orderId = await newOrder(shop, person);
      const parcel = await newParcel(shop, orderId, courier);
      const path = `/v1/deliveries/${parcel.id}`;
      const answers = await race(3, (by, turn) => {
        if (turn === 0) return by(courier).post(`${path}/confirm`, { code: parcel.deliveryCode });
        if (turn === 1) return by(courier).post(`${path}/return`, {});
        return by(shop).post(`/v1/orders/${orderId}/shipments`, { courierClientId: rival.id });
      });
      const [confirmed, returned, moved] = answers.map(({ status }) => status < 300);
      const { status } = made(await shop.get(`/v1/shipments/${parcel.id}`), 200);
      expect([confirmed, returned].filter(Boolean).length).toBeLessThanOrEqual(1);
      expect(status).toBe(confirmed ? 'delivered' : returned ? 'returned' : 'reassigned');
      if (!confirmed && !returned) expect(moved).toBe(true);
      if (confirmed) expect(moved).toBe(false);
      expect((await courier.get(path)).status).toBe(404);
    }
  });

  test('an order is executed once and its package leaves once', async () => {
    const desk = await legalDesk(vault, 1103);
    const legalOrderId = await desk.approve([{ customerId: person.id }]);
    const executed = await race(8, (by) => by(desk.registrar).post('/v1/exports', { legalOrderId }));
    const winner = executed.find(({ status }) => status === 201);
    expect(statuses(executed)).toEqual({ 201: 1, 403: 7 });
    const fetched = await race(8, (by) => by(desk.registrar).get(`/v1/exports/${winner?.body.id}/package`));
    expect(statuses(fetched)).toEqual({ 200: 1, 403: 7 });
    expect(codesOf([...executed, ...fetched])).toEqual(new Set(['legal_order_used']));
  });
});
