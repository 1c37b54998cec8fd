import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import type { JudgedGrant, Reader } from '../../src/policy/judge.ts';
import { fields as allFields, grantKinds, type Field, type GrantKind, type Role } from '../../src/policy/profile.ts';
import { newId } from '../../src/vault/ids.ts';
import { actions } from '../../src/vault/permit.ts';
import { signGrants } from '../support/signedRows.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, made, newOrder, newParcel, newPerson, subjectOf } from '../support/work.ts';
import { expected, expectedReason } from '../unit/policy/oracle.ts';
import { purposeOf } from '../unit/policy/situations.ts';
import { tokenOf } from './shop.ts';

/**
 * P7: every role x field x state of a grant, through HTTP, against the access matrix read by hand. Grants are put into the
 * table behind the service's back, so that there are also those that no call would open.
 */

let vault: TestVault;
let shop: TestClient;
let otherClient: TestClient;
const people = synthetic(77);
const orders: Record<'placed' | 'other' | 'delivered' | 'cancelled', string> = {
  placed: '',
  other: '',
  delivered: '',
  cancelled: '',
};

/** A customer, and by field the bytes that give its value away. */
interface Known {
  readonly id: string;
  readonly values: Readonly<Partial<Record<Field, string>>>;
}
const customers: Record<'natural' | 'foreign' | 'legal' | 'stranger', Known> = {} as never;
const recipient = { ...people.recipient(), name: `نرگس ${word()}`, phone: people.mobile() };

/** Letters that nobody else's name has. */
function word(): string {
  return [...randomBytes(9)].map((byte) => 'ابپتجچدرزسشقکگلمنوهی'.charAt(byte % 20)).join('');
}

const digitsOf = (number: string | undefined): string => (number ?? '').replace(/\D/g, '').replace(/^0/, '');

const draws = {
  natural: () => people.naturalCustomer(),
  foreign: () => people.foreignCustomer(),
  legal: () => people.legalCustomer(),
};

/** A customer with everything its kind can have, every value one of a kind. */
async function store(kind: 'natural' | 'foreign' | 'legal'): Promise<Known> {
  const drawn = draws[kind]();
  const [place] = drawn.addresses;
  const names = ['givenName', 'familyName', 'contactGivenName', 'contactFamilyName', 'legalName'] as const;
  const single: Record<string, string> = { ...drawn.fields };
  for (const name of names) if (single[name] !== undefined) single[name] = `${single[name]} ${word()}`;
  if (kind === 'natural') single['economicCode'] = `${single['nationalId']}0001`;
  if (kind === 'foreign') single['economicCode'] = `${single['foreignerId']}01`;
  const externalRef = `C-${word()}`;
  const [mobile, landline, alley] = [people.mobile(), people.landline(), `کوچه ${word()}`];
  const { id } = await newPerson(shop, {
    ...drawn,
    externalRef,
    fields: single,
    phones: [
      { kind: 'mobile', number: mobile, primary: true },
      { kind: 'landline', number: landline, primary: false, extension: '7531' },
    ],
    addresses: [{ ...place, address: { ...place?.address, alley } }],
  } as never);
  return {
    id,
    values: {
      ...single,
      externalRef,
      mobile: digitsOf(mobile),
      landline: digitsOf(landline),
      email: single['email']?.split('@')[0] ?? '',
      iban: single['iban']?.slice(4) ?? '',
      address: alley,
      postalCode: place?.postalCode ?? '',
      location: String(place?.location.lat),
    },
  };
}

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  otherClient = await vault.client('support');
  for (const kind of ['natural', 'foreign', 'legal'] as const) customers[kind] = await store(kind);
  customers.stranger = await store('natural');
  const courier = await vault.client('courier');
  const buyer = { id: customers.natural.id, addressId: '', sent: people.naturalCustomer() };
  for (const name of ['placed', 'other', 'delivered', 'cancelled'] as const) {
    orders[name] = await newOrder(shop, buyer, { to: 'recipient', recipient });
  }
  const parcel = await newParcel(shop, orders.delivered, courier);
  made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
  made(await shop.post(`/v1/orders/${orders.cancelled}/cancel`), 200);
});
afterAll(() => vault.stop());

/** A way in which a reader comes with a grant, and what of it counts. */
interface Situation {
  readonly name: string;
  readonly kind: GrantKind;
  readonly row: Readonly<Record<string, unknown>>;
  /** What the judge may make of it; undefined when it is not this reader's, or not for this customer. */
  readonly judged: (about: { readonly orderDelivered: boolean | undefined }) => JudgedGrant | undefined;
}

const some = allFields.filter((_, i) => i % 2 === 0);
const hourFrom = (hours: number): Date => new Date(vault.vault.now() + hours * 3_600_000);

function situationsOf(kind: GrantKind): readonly Situation[] {
  const open = { kind, purpose: purposeOf(kind), fields: undefined, hasOrder: false, state: 'open' } as const;
  const order = { order_id: orders.placed };
  const is = (name: string, row: Situation['row'], more: Partial<JudgedGrant> = {}): Situation => ({
    name,
    kind,
    row,
    judged: ({ orderDelivered }) => ({ ...open, ...more, delivered: orderDelivered }),
  });
  const none = (name: string, row: Situation['row']): Situation => ({ name, kind, row, judged: () => undefined });
  return [
    is('open', {}),
    is('open, for an order', order, { hasOrder: true }),
    is('open, counted', { ...order, max_reads: 9 }, { hasOrder: true }),
    is('open, for its client', { ...order, grantee_role: null, grantee_client_id: 'own' }, { hasOrder: true }),
    is('open, for its member of staff', { ...order, actor: 'staff-1' }, { hasOrder: true }),
    is('open, for some fields', { ...order, fields: some }, { hasOrder: true, fields: some }),
    is('open, for no fields', { ...order, fields: [] }, { hasOrder: true, fields: [] }),
    is('of another purpose', { ...order, purpose: 'marketing' }, { hasOrder: true, purpose: 'marketing' }),
    is('closed', { ...order, closed_at: hourFrom(-1), closed_reason: 'closed' }, { hasOrder: true, state: 'expired' }),
    is(
      'past its end',
      { ...order, opens_at: hourFrom(-9), closes_at: hourFrom(-1) },
      { hasOrder: true, state: 'expired' },
    ),
    is(
      'before its time',
      { ...order, opens_at: hourFrom(1), closes_at: hourFrom(2) },
      { hasOrder: true, state: 'expired' },
    ),
    is('used up', { ...order, max_reads: 3, reads: 3 }, { hasOrder: true, state: 'expired' }),
    none('another role’s', { ...order, grantee_role: 'marketing' }),
    none('another client’s', { ...order, grantee_role: null, grantee_client_id: 'other' }),
    none('another member of staff’s', { ...order, actor: 'staff-2' }),
    none('for another customer', { customer_id: 'stranger' }),
  ];
}

interface Asked {
  readonly who: Reader;
  readonly by: TestClient;
  readonly situation: Situation | undefined;
  readonly grantId: string | undefined;
}

/** Everybody who may read, with nothing and with every grant in every situation. */
async function everybody(readers: readonly Role[]): Promise<Asked[]> {
  const asked: Asked[] = [];
  const rows: Record<string, unknown>[] = [];
  for (const role of readers.filter((name) => name !== 'subject')) {
    const client = role === 'shop_backend' || role === 'department' ? shop : await vault.client(role);
    const department = role === 'department' ? { department: 'warehouse' } : {};
    const by = tokenOf(vault, vault, client, role, { actor: 'staff-1', ...department });
    const who: Reader = { role, ...department };
    asked.push({ who, by, situation: undefined, grantId: undefined });
    asked.push({ who, by, situation: undefined, grantId: newId(vault.vault.now()) });
    for (const situation of grantKinds.flatMap(situationsOf)) {
      const grantId = newId(vault.vault.now());
      rows.push(grantRow(grantId, situation, role, client.id));
      asked.push({ who, by, situation, grantId });
    }
  }
  await insertGrants(rows);
  return asked;
}

function grantRow(id: string, { kind, row }: Situation, role: Role, clientId: string): Record<string, unknown> {
  const { grantee_client_id: grantee, customer_id: customer, ...rest } = row;
  return {
    tenant_id: vault.tenantId,
    id,
    kind,
    purpose: purposeOf(kind),
    customer_id: customer === 'stranger' ? customers.stranger.id : customers.natural.id,
    grantee_role: role,
    grantee_client_id: grantee === 'own' ? clientId : grantee === 'other' ? otherClient.id : null,
    policy_version: 1,
    opened_by: shop.id,
    opened_at: hourFrom(-10),
    opens_at: hourFrom(-1),
    closes_at: hourFrom(1),
    ...rest,
  };
}

async function insertGrants(rows: readonly Record<string, unknown>[]): Promise<void> {
  await atDatabase(
    vault,
    `insert into amanat.grants
       (tenant_id, id, kind, purpose, customer_id, order_id, grantee_role, grantee_client_id, actor, fields, policy_version,
        opened_by, opened_at, opens_at, closes_at, max_reads, reads, closed_at, closed_reason, mac)
     select tenant_id, id, kind, purpose, customer_id, order_id, grantee_role, grantee_client_id, actor, fields,
            policy_version, opened_by, opened_at, opens_at, closes_at, max_reads, coalesce(reads, 0), closed_at, closed_reason,
            '\\x'
       from jsonb_populate_recordset(null::amanat.grants, $1::jsonb)`,
    [JSON.stringify(rows)],
  );
  await signGrants(
    vault,
    rows.map(({ id }) => String(id)),
  );
}

interface Shown {
  readonly state: string;
  readonly reason?: string;
  readonly value?: unknown;
}

/** What an answer says of each field of a customer. */
function customerFields(body: any /* oxlint-disable-line */): Partial<Record<Field, Shown>> {
  const [place] = body.addresses;
  const phone = (kind: string): Shown => body.phones.find((p: { kind: string }) => p.kind === kind)?.number;
  const { address, postalCode, location } = place;
  return { ...body.fields, mobile: phone('mobile'), landline: phone('landline'), address, postalCode, location };
}

type Expect = (who: Reader, grant: JudgedGrant | undefined, field: Field) => { state: string; reason?: string };

const matrix: Expect = (who, grant, field) => {
  const state = expected(who, grant, field);
  return state === 'full' ? { state } : { state, reason: expectedReason(who, grant, field) };
};

/** Where an answer differs from what it should say, and where it holds bytes it should not. */
function differences(
  { who, situation }: Pick<Asked, 'who' | 'situation'>,
  text: string,
  shown: Partial<Record<Field, Shown>>,
  values: Known['values'],
  expectation: Expect,
  orderDelivered?: boolean,
): string[] {
  const grant = situation?.judged({ orderDelivered });
  const place = `${who.role}, ${situation === undefined ? 'no grant' : `${situation.kind} ${situation.name}`}`;
  const found: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    const field = name as Field;
    const should = expectation(who, grant, field);
    const is = shown[field];
    const said = `${is?.state} ${is?.reason ?? ''}`;
    if (is?.state !== should.state || is?.reason !== should.reason) {
      found.push(`${place}: ${field} is ${said}, not ${should.state} ${should.reason ?? ''}`);
    }
    // An economic code holds the identifier it is made of, and is shown by its own cell.
    const inside = field.endsWith('Id') && shown.economicCode?.state === 'full';
    if (should.state !== 'full' && !inside && text.includes(value)) found.push(`${place}: ${field} is in the answer`);
    if (should.state === 'full' && !text.includes(value)) found.push(`${place}: ${field} is not in the answer`);
  }
  return found;
}

interface Seen {
  readonly asked: Asked;
  readonly text: string;
  readonly shown: Partial<Record<Field, Shown>>;
}

/** Reads as everybody, sixteen at a time. */
async function readAs(
  asked: readonly Asked[],
  path: string,
  shownIn: (body: any /* oxlint-disable-line */) => Seen['shown'],
): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (let at = 0; at < asked.length; at += 16) {
    const some16 = asked.slice(at, at + 16).map(async (one) => {
      const answer = await one.by.get(one.grantId === undefined ? path : `${path}?grant=${one.grantId}`);
      return { asked: one, text: answer.text, shown: shownIn(made(answer, 200)) };
    });
    seen.push(...(await Promise.all(some16)));
  }
  return seen;
}

describe('P7: customers.read', () => {
  const readers: readonly Role[] = actions['customers.read'].roles;

  test('every role x field x state of a grant says what the matrix says, and holds no byte more', async () => {
    const asked = await everybody(readers);
    const { id, values } = customers.natural;
    const seen = await readAs(asked, `/v1/customers/${id}`, customerFields);
    const wrong = (expectation: Expect) =>
      seen.flatMap(({ asked: one, text, shown }) => differences(one, text, shown, values, expectation));
    expect(wrong(matrix)).toEqual([]);
    expect(seen.length).toBe((readers.length - 1) * (2 + 8 * 16));
    // The controls: one cell opened, closed, or with another reason, is noticed, and so are its bytes.
    const opened: Expect = (who, grant, field) =>
      who.role === 'support' && field === 'iban' ? { state: 'full' } : matrix(who, grant, field);
    expect(wrong(opened)).toContain('support, no grant: iban is not in the answer');
    const shut: Expect = (who, grant, field) =>
      who.role === 'support' && field === 'mobile' ? { state: 'masked', reason: 'role' } : matrix(who, grant, field);
    expect(wrong(shut)).toContain('support, ticket open: mobile is in the answer');
    const renamed: Expect = (who, grant, field) => {
      const should = matrix(who, grant, field);
      return should.reason === 'grant_scope' ? { ...should, reason: 'no_grant' } : should;
    };
    expect(wrong(renamed).length).toBeGreaterThan(20);
  });

  test.each(['foreign', 'legal'] as const)('and of a %s customer, which has other fields', async (kind) => {
    const { id, values } = customers[kind];
    const asked = (await everybody(readers)).filter(
      ({ situation }) => situation === undefined || situation.name.startsWith('open'),
    );
    const granted = asked.flatMap(({ grantId }) => grantId ?? []);
    const change = `update amanat.grants set customer_id = $1, order_id = null where id = any ($2)`;
    await atDatabase(vault, change, [id, granted]);
    await signGrants(vault, granted);
    const plain = asked.map((one) => ({ ...one, situation: one.situation && withoutOrder(one.situation) }));
    const seen = await readAs(plain, `/v1/customers/${id}`, customerFields);
    expect(seen.flatMap(({ asked: one, text, shown }) => differences(one, text, shown, values, matrix))).toEqual([]);
  });

  function withoutOrder(situation: Situation): Situation {
    return {
      ...situation,
      judged(about) {
        const grant = situation.judged(about);
        return grant && { ...grant, hasOrder: false };
      },
    };
  }

  test('asking for some fields by name shows no field more, and none better', async () => {
    const { id, values } = customers.natural;
    const asked = (await everybody(readers)).filter(
      ({ situation }) => situation === undefined || situation.name === 'open',
    );
    for (const { by, who, situation, grantId } of asked) {
      for (const field of Object.keys(values) as Field[]) {
        const grant = grantId === undefined ? '' : `&grant=${grantId}`;
        const { text } = await by.get(`/v1/customers/${id}?fields=${field}${grant}`);
        const full = expected(who, situation?.judged({ orderDelivered: undefined }), field) === 'full';
        const given = Object.entries(values)
          .filter(([, value]) => text.includes(value))
          .map(([name]) => name);
        const also = field === 'economicCode' && full ? ['nationalId'] : [];
        expect(given.toSorted(), `${who.role} ${situation?.kind} ${field}`).toEqual(
          full ? [field, ...also].toSorted() : [],
        );
      }
    }
  });

  test('the person sees everything of their own, and that nobody else is there', async () => {
    const { id, values } = customers.natural;
    const own = await subjectOf(vault, shop, id);
    const answer = await own.get(`/v1/customers/${id}`);
    const reader = { who: { role: 'subject' }, situation: undefined } as const;
    expect(differences(reader, answer.text, customerFields(made(answer, 200)), values, matrix)).toEqual([]);
    const other = await own.get(`/v1/customers/${customers.stranger.id}`);
    expect(other.status).toBe(404);
    for (const value of Object.values(customers.stranger.values)) expect(other.text).not.toContain(value);
  });

  test('a counted grant is full as often as it says, and then as if it were over', async () => {
    const { id, values } = customers.natural;
    const by = tokenOf(vault, vault, otherClient, 'support', { actor: 'staff-1' });
    const situation = situationsOf('ticket').find(({ name }) => name === 'open');
    if (situation === undefined) throw new Error('no situation');
    const grantId = newId(vault.vault.now());
    await insertGrants([{ ...grantRow(grantId, situation, 'support', otherClient.id), max_reads: 3 }]);
    const states: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      const answer = await by.get(`/v1/customers/${id}?grant=${grantId}`);
      states.push(made(answer, 200).phones[0].number.state);
      expect(answer.text.includes(String(values.mobile))).toBe(n < 3);
    }
    expect(states).toEqual(['full', 'full', 'full', 'masked', 'masked']);
  });
});

describe('P7: the alternate recipient', () => {
  const readers: readonly Role[] = actions['orders.read'].roles;
  const values = {
    recipientName: recipient.name,
    recipientPhone: digitsOf(recipient.phone),
    recipientAddress: recipient.address.alley,
  };
  const recipientFields = (body: any /* oxlint-disable-line */): Partial<Record<Field, Shown>> => ({
    recipientName: body.delivery.name,
    recipientPhone: body.delivery.phone,
    recipientAddress: body.delivery.address,
  });

  test.each([
    ['placed', false],
    ['other', undefined],
    ['delivered', true],
    ['cancelled', true],
  ] as const)('of an order that is %s: every role x field x state of a grant', async (name, delivered) => {
    const asked = await everybody(readers);
    // Grants for an order are for this one, save where it is the other one that is looked at.
    if (name !== 'other') {
      const granted = asked.flatMap(({ grantId }) => grantId ?? []);
      const change = `update amanat.grants set order_id = $1 where order_id is not null and id = any ($2)`;
      await atDatabase(vault, change, [orders[name], granted]);
      await signGrants(vault, granted);
    }
    const seen = await readAs(asked, `/v1/orders/${orders[name]}`, recipientFields);
    const wrong = seen.flatMap(({ asked: one, text, shown }) => {
      const elsewhere = name === 'other' && one.situation?.judged({ orderDelivered: delivered })?.hasOrder === true;
      const situation = elsewhere ? undefined : one.situation;
      return differences({ who: one.who, situation }, text, shown, values, matrix, delivered);
    });
    expect(wrong).toEqual([]);
    const full = seen.filter(({ shown }) => shown.recipientPhone?.state === 'full').map(({ asked: one }) => one);
    const bySupport = full
      .filter(({ who }) => who.role === 'support')
      .map(({ situation }) => `${situation?.kind} ${situation?.name}`);
    expect(bySupport.includes('ticket open, for an order')).toBe(name === 'placed');
  });
});

describe('P7: the courier', () => {
  test.each(['default', 'post', 'tipax', 'alopeyk'])(
    'of the carrier profile %s sees what that carrier needs',
    async (carrierProfile) => {
      const courier = await vault.client('courier', { carrierProfile });
      for (const kind of ['natural', 'legal'] as const) {
        const { id, values } = customers[kind];
        const addressId = made(await shop.get(`/v1/customers/${id}`), 200).addresses[0].id;
        const orderId = await newOrder(shop, { id, addressId, sent: people.naturalCustomer() });
        const parcel = await newParcel(shop, orderId, courier);
        const answer = await courier.get(`/v1/deliveries/${parcel.id}`);
        made(answer, 200);
        const grant: JudgedGrant = {
          kind: 'shipment',
          purpose: 'shipping',
          hasOrder: true,
          delivered: false,
          fields: undefined,
          state: 'open',
        };
        for (const [name, value] of Object.entries(values)) {
          const field = name as Field;
          // One phone is given: the mobile, where there is one.
          const second = field === 'landline' && values.mobile !== undefined;
          const full = expected({ role: 'courier', carrierProfile }, grant, field) === 'full' && !second;
          expect(answer.text.includes(value), `${carrierProfile} ${kind} ${field}`).toBe(full);
        }
      }
    },
  );
});
