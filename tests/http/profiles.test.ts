import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { customerUnder } from '../support/profiles.ts';
import { linkedFirm } from '../support/undertakings.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { leavesOf, made, newPerson, subjectOf } from '../support/work.ts';
import { shipped, shippedNames, type ShippedName } from '../unit/policy/shipped.ts';

/** One build, five policies: the same requests on a vault of each. */

let vault: TestVault;
const people = synthetic(404);
const shops = {} as Record<ShippedName, TestClient>;
const tenants = {} as Record<ShippedName, Pick<TestVault, 'client' | 'admin'>>;

beforeAll(async () => {
  vault = await startVault({ profile: 'kalak' });
  for (const name of shippedNames) {
    tenants[name] = name === 'kalak' ? vault : await vault.secondTenant(name);
    shops[name] = await tenants[name].client('shop_backend');
  }
});
afterAll(() => vault.stop());

const natural = (name: ShippedName) => customerUnder(shipped[name], people.naturalCustomer());
const legal = (name: ShippedName) => customerUnder(shipped[name], people.legalCustomer());
const create = (name: ShippedName, body: unknown) => shops[name].post('/v1/customers', body);
const bare = (fields: object) => ({ kind: 'natural', fields, phones: [], addresses: [] });
const reasons = ({ status, body }: Answer) => [status, body.code, body.errors];

describe('a vault of each policy', () => {
  test.each(shippedNames)(
    '%s stores a person and a company with what it collects, and shows it to them',
    async (name) => {
      for (const sent of [natural(name), legal(name)]) {
        const { id } = made(await create(name, sent));
        const read = made(await shops[name].get(`/v1/customers/${id}`), 200);
        expect(read.policyVersion).toBe(`${name}/1`);
        const own = made(await (await subjectOf(vault, shops[name], id)).get(`/v1/customers/${id}`), 200);
        for (const [field, value] of Object.entries(sent.fields)) {
          expect(own.fields[field], field).toEqual({ state: 'full', value });
          expect(read.fields[field].state, field).toBe(field === 'externalRef' ? 'full' : 'masked');
        }
      }
    },
  );
});

describe('what is demanded', () => {
  const enough: Readonly<Record<ShippedName, (drawn: { givenName: string; familyName: string }) => object>> = {
    kalak: (names) => names,
    // D7
    khakriz: (names) => ({ ...names, nationalId: people.nationalId() }),
    citra: (names) => names,
    // B7
    ito: (names) => names,
    imo: (names) => names,
  };

  test.each(shippedNames)('%s takes that and no more is needed', async (name) => {
    made(await create(name, bare(enough[name](people.name()))));
    const { familyName: _, ...without } = enough[name](people.name()) as Record<string, string>;
    expect(reasons(await create(name, bare(without)))).toEqual([
      422,
      'field_required',
      [{ pointer: '/fields/familyName', code: 'field_required' }],
    ]);
  });

  test('D7: a natural person without an ID is refused by khakriz, and a foreigner has another', async () => {
    const answer = await create('khakriz', bare(people.name()));
    expect(reasons(answer)).toEqual([
      422,
      'field_required',
      [{ pointer: '/fields/nationalId', code: 'field_required' }],
    ]);
    made(await create('khakriz', bare({ ...people.name(), foreignerId: people.foreignerId() })));
  });

  test('D8: a company has both identifiers, and they agree', async () => {
    const { economicCode: _, ...fields } = legal('khakriz').fields;
    const answer = await create('khakriz', { ...legal('khakriz'), fields });
    expect(reasons(answer).slice(0, 2)).toEqual([422, 'field_required']);
    const other = { ...legal('khakriz').fields, economicCode: people.legalNationalId() };
    expect((await create('khakriz', { ...legal('khakriz'), fields: other })).status).toBe(422);
  });

  test('D3: an order needs an address, a phone and an e-mail; E8 does without the last', async () => {
    for (const [name, status] of [
      ['khakriz', 422],
      ['kalak', 201],
    ] as const) {
      const { email: _, ...fields } = natural(name).fields;
      const person = await newPerson(shops[name], { ...natural(name), fields });
      const delivery = { to: 'customer', addressId: person.addressId };
      const answer = await shops[name].post('/v1/orders', { customerId: person.id, externalRef: 'O-1', delivery });
      expect(answer.status, name).toBe(status);
      if (status === 422) expect(answer.body.errors).toEqual([{ pointer: '/customerId', code: 'email_required' }]);
    }
  });
});

describe('what is not declared', () => {
  const point = [people.address()];
  const nationalId = people.nationalId();
  const cases: readonly (readonly [ShippedName, string, object, string])[] = [
    ['khakriz', 'a bank account', { fields: { iban: people.iban() } }, '/fields/iban'],
    ['khakriz', 'a point on the map', { addresses: point }, '/addresses/0/location'],
    ['citra', 'a national ID', { fields: { nationalId: people.nationalId() } }, '/fields/nationalId'],
    ['citra', 'a bank account', { fields: { iban: people.iban() } }, '/fields/iban'],
    ['ito', 'a bank account', { fields: { iban: people.iban() } }, '/fields/iban'],
    ['ito', 'a point on the map', { addresses: point }, '/addresses/0/location'],
    ['imo', 'an economic code', { fields: { nationalId, economicCode: `${nationalId}0001` } }, '/fields/economicCode'],
    // A3, B9: what a visitor's browser tells.
    ['imo', 'an address of the net', { fields: { ip: '192.0.2.7' } }, '/fields/ip'],
    ['ito', 'an address of the net', { fields: { ip: '192.0.2.7' } }, '/fields/ip'],
  ];

  test.each(cases)('%s refuses %s, and stores nothing', async (name, _, more, pointer) => {
    const person = natural(name);
    const fields = { ...person.fields, ...('fields' in more ? (more.fields as object) : {}) };
    const answer = await create(name, { ...person, ...more, fields });
    expect(reasons(answer)).toEqual([422, 'field_not_declared', [{ pointer, code: 'field_not_declared' }]]);
    // Without it the same person is taken: nothing of the first try was kept.
    made(await create(name, person));
  });

  test('control: kalak takes each of them, but for the address of the net', async () => {
    made(await create('kalak', { ...natural('kalak'), addresses: point }));
    expect((await create('kalak', bare({ ...people.name(), ip: '192.0.2.7' }))).body.code).toBe('field_not_declared');
  });

  test.each<[ShippedName, number]>([
    ['kalak', 201],
    ['khakriz', 201],
    ['citra', 422],
    ['ito', 422],
    ['imo', 422],
  ])('%s: a parcel for somebody else is %d', async (name, status) => {
    const { id } = await newPerson(shops[name], natural(name));
    const delivery = { to: 'recipient', recipient: people.recipient() };
    const answer = await shops[name].post('/v1/orders', { customerId: id, externalRef: 'O-2', delivery });
    expect(answer.status, answer.text).toBe(status);
    if (status === 422) expect(answer.body.code).toBe('field_not_declared');
  });
});

describe('who may work', () => {
  // C6, C12, D21, B6 and what imo's text does not have.
  const nobody: Readonly<Record<ShippedName, readonly string[]>> = {
    kalak: [],
    khakriz: ['courier', 'payment_processor'],
    citra: ['accounting', 'marketing', 'courier', 'payment_processor'],
    ito: ['marketing', 'courier', 'payment_processor'],
    imo: ['after_sales', 'accounting', 'marketing', 'payment_processor'],
  };
  const all = [
    'support',
    'after_sales',
    'accounting',
    'marketing',
    'courier',
    'payment_processor',
    'legal_registrar',
    'dpo',
  ];

  test.each(shippedNames)('%s', async (name) => {
    const refused: string[] = [];
    for (const role of all) {
      const answer = await tenants[name].admin.post('/v1/clients', { name: role, role, authMethod: 'client_secret' });
      if (answer.status !== 201) {
        expect(reasons(answer)).toEqual([422, 'invalid_body', [{ pointer: '/role', code: 'not_declared' }]]);
        refused.push(role);
      }
    }
    expect(refused).toEqual(nobody[name]);
  });

  async function parcel(name: ShippedName, courierClientId: string): Promise<Answer> {
    const person = await newPerson(shops[name], natural(name));
    const delivery = { to: 'customer', addressId: person.addressId };
    const order = { customerId: person.id, externalRef: 'O-3', delivery };
    const { id } = made(await shops[name].post('/v1/orders', order));
    return shops[name].post(`/v1/orders/${id}/shipments`, { courierClientId });
  }

  test.each(['citra', 'khakriz', 'ito'] as const)(
    '%s: no courier carries a parcel, and the answer says why',
    async (name) => {
      const answer = await parcel(name, shops[name].id);
      expect(reasons(answer)).toEqual([
        403,
        'not_permitted',
        [{ pointer: '/courierClientId', code: 'no_courier_in_policy' }],
      ]);
      const dpo = await tenants[name].client('dpo');
      const leaves = await leavesOf(dpo, '');
      expect(leaves.find(({ action }) => action === 'shipments.create')).toMatchObject({ outcome: 'refused' });
    },
  );

  test('control: kalak hands it to a courier; imo one request to a trusted municipality (A11), who sees that', async () => {
    for (const name of ['kalak', 'imo'] as const) {
      const courier = await tenants[name].client('courier');
      // A13: not before it undertook confidentiality.
      const firm = { kind: 'courier', purpose: 'coordination' };
      const dpo = await tenants[name].client('dpo', { actor: 'staff-9' });
      if (name === 'imo') await linkedFirm(dpo, courier.id, firm, vault.vault.now());
      const { id } = made(await parcel(name, courier.id));
      const view = made(await courier.get(`/v1/deliveries/${id}`), 200);
      expect(Object.keys(view).includes('location'), name).toBe(name === 'kalak');
      expect(view.address.city).toEqual(expect.any(String));
    }
  });
});

describe('invoices', () => {
  test.each<[ShippedName, number]>([
    ['kalak', 201],
    // D5
    ['khakriz', 201],
    // C6: nobody may read what would be kept.
    ['citra', 403],
    ['ito', 201],
    ['imo', 403],
  ])('%s: freezing the identity that an invoice needs is %d', async (name, status) => {
    const person = await newPerson(shops[name], natural(name));
    const delivery = { to: 'customer', addressId: person.addressId };
    const order = made(await shops[name].post('/v1/orders', { customerId: person.id, externalRef: 'O-4', delivery }));
    const answer = await shops[name].post(`/v1/orders/${order.id}/invoices`);
    expect(answer.status, answer.text).toBe(status);
    if (status === 403) expect(answer.body.code).toBe('not_permitted');
  });
});

describe('work that the policy knows', () => {
  const open = async (name: ShippedName, kind: string, role: string, more: object = {}): Promise<Answer> => {
    const { id } = await newPerson(shops[name], natural(name));
    const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
    return shops[name].post('/v1/grants', { kind, customerId: id, grantee: { role }, closesAt, ...more });
  };

  test.each<[ShippedName, string, string, number]>([
    ['khakriz', 'invoice', 'accounting', 201],
    ['khakriz', 'refund', 'accounting', 403],
    ['citra', 'ticket', 'support', 201],
    ['citra', 'return', 'after_sales', 201],
    ['citra', 'invoice', 'accounting', 403],
    // B21: only for a complaint that is open (complaints.test.ts).
    ['ito', 'inquiry', 'support', 403],
    ['ito', 'refund', 'payment_processor', 403],
    ['imo', 'inquiry', 'support', 403],
    // A8: only with the request that it is for.
    ['imo', 'ticket', 'support', 422],
  ])('%s: %s for %s is %d', async (name, kind, role, status) => {
    const answer = await open(name, kind, role);
    expect(answer.status, answer.text).toBe(status);
  });
});
