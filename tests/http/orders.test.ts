import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
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
  statuses,
  subjectOf,
  type Person,
} from '../support/work.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let courier: TestClient;
let dpo: TestClient;
const people = synthetic(31);

beforeAll(async () => {
  vault = await startVault();
  [shop, support, courier, dpo] = await Promise.all([
    vault.client('shop_backend'),
    vault.client('support'),
    vault.client('courier'),
    vault.client('dpo'),
  ]);
});
afterAll(() => vault.stop());

const unknownId = '0199a9b0-0000-7000-8000-00000000abcd';
const person = () => newPerson(shop, people.naturalCustomer());
const until = (ms = day) => new Date(vault.vault.now() + ms).toISOString();

async function toRecipient(): Promise<{
  buyer: Person;
  recipient: ReturnType<typeof people.recipient>;
  orderId: string;
}> {
  const buyer = await person();
  const recipient = people.recipient();
  return { buyer, recipient, orderId: await newOrder(shop, buyer, { to: 'recipient', recipient }) };
}

async function ticket(customerId: string, terms: Record<string, unknown> = {}): Promise<string> {
  const grant = { kind: 'ticket', customerId, grantee: { role: 'support' }, closesAt: until(), ...terms };
  return made(await shop.post('/v1/grants', grant)).id;
}

describe('an order is taken', () => {
  test('for its customer: only an id comes back', async () => {
    const { id, addressId, sent } = await person();
    const order = { customerId: id, externalRef: 'O-77', delivery: { to: 'customer', addressId } };
    const answer = await shop.post('/v1/orders', order);
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body).toEqual({ id: expect.any(String), version: 1 });
    expect(answer.headers.get('location')).toBe(`/v1/orders/${answer.body.id}`);
    expect(answer.headers.get('etag')).toBe('"1"');
    const [leaf] = await leavesOf(dpo, `subject=${id}`);
    expect(leaf).toMatchObject({
      action: 'orders.create',
      objectKind: 'orders',
      objectId: answer.body.id,
      recordVersion: 1,
    });
    const shown = made(await shop.get(`/v1/orders/${answer.body.id}`), 200);
    expect(shown).toMatchObject({
      customerId: id,
      status: 'placed',
      version: 1,
      externalRef: { state: 'full', value: 'O-77' },
    });
    expect(shown.delivery).toEqual({
      to: 'customer',
      name: { state: 'masked', reason: 'role', value: expect.stringMatching(/^.\*\*\* .\*\*\*$/) },
      phone: { state: 'masked', reason: 'role', value: expect.stringMatching(/^0970\*\*\*\d{4}$/) },
      address: {
        state: 'masked',
        reason: 'role',
        value: { province: sent.addresses[0]?.address.province, city: sent.addresses[0]?.address.city },
      },
      postalCode: { state: 'masked', reason: 'role', value: expect.stringMatching(/^\d{5}\*{5}$/) },
      location: { state: 'withheld', reason: 'role' },
    });
  });

  test('for another person, who is searchable by nothing', async () => {
    const { recipient } = await toRecipient();
    const search = (by: string, value: string) => shop.post('/v1/customers/search', { by, value });
    expect(made(await search('mobile', recipient.phone), 200).matches).toEqual([]);
    const before = await atDatabase<{ n: number }>(vault, `select count(*)::integer as n from amanat.index_tags`);
    await toRecipientOf(await person());
    const after = await atDatabase<{ n: number }>(vault, `select count(*)::integer as n from amanat.index_tags`);
    expect((after[0]?.n ?? 0) - (before[0]?.n ?? 0)).toBe(await tagsOfOnePerson());
    // The control: the same number of a customer is found.
    const known = people.naturalCustomer();
    const { id } = await newPerson(shop, {
      ...known,
      phones: [{ kind: 'mobile', number: recipient.phone, primary: true }],
    });
    expect(made(await search('mobile', recipient.phone), 200).matches).toMatchObject([{ id }]);
  });

  const toRecipientOf = (buyer: Person) => newOrder(shop, buyer, { to: 'recipient', recipient: people.recipient() });
  async function tagsOfOnePerson(): Promise<number> {
    const { id } = await person();
    const rows = await atDatabase<{ n: number }>(
      vault,
      `select count(*)::integer as n from amanat.index_tags where customer_id = $1`,
      [id],
    );
    return rows[0]?.n ?? 0;
  }

  test('and nothing of it stands in clear in the tables', async () => {
    const { orderId, recipient } = await toRecipient();
    const [row] = await atDatabase<{ row: string; sealed: Buffer }>(
      vault,
      `select o::text as row, o.sealed from amanat.orders o where o.id = $1`,
      [orderId],
    );
    for (const value of [
      recipient.name,
      recipient.phone.slice(1),
      recipient.postalCode,
      'O-1',
      recipient.address.alley,
    ]) {
      expect(row?.row).not.toContain(value);
      expect(row?.sealed.includes(value)).toBe(false);
    }
    // The control: what is in clear is seen by this very look.
    expect(row?.row).toContain('recipient');
  });

  test('with exactly the three items', async () => {
    const buyer = await person();
    const recipient = people.recipient();
    const send = (changed: object) =>
      shop.post('/v1/orders', {
        customerId: buyer.id,
        externalRef: 'O-2',
        delivery: { to: 'recipient', recipient: changed },
      });
    for (const item of ['name', 'phone', 'address'] as const) {
      const answer = await send({ ...recipient, [item]: undefined });
      expect([answer.status, answer.body.errors]).toEqual([
        422,
        [{ pointer: `/delivery/recipient/${item}`, code: 'required' }],
      ]);
    }
    const more = await send({ ...recipient, email: 'someone@example.com' });
    expect([more.body.code, more.body.errors]).toEqual([
      'unknown_field',
      [{ pointer: '/delivery/recipient/email', code: 'unknown_field' }],
    ]);
    expect((await send({ name: recipient.name, phone: recipient.phone, address: recipient.address })).status).toBe(201);
    expect((await send({ ...recipient, phone: people.landline() })).status).toBe(201);
  });

  test.each([
    ['a number for a name', { name: '12345' }, '/name', 'no_letter'],
    ['a formula for a name', { name: '=SUM(1)' }, '/name', 'formula'],
    ['a short phone', { phone: '0970123' }, '/phone', 'length'],
    ['letters in a phone', { phone: '0970abc4567' }, '/phone', 'not_digits'],
    ['a postal code with 0 in front', { postalCode: '0417613155' }, '/postalCode', 'first_five_has_0_or_2'],
    ['an address without a city', { address: { province: 'تهران' } }, '/address/city', 'required'],
    ['a point in the sea', { location: { lat: 20, lng: 51 } }, '/location', 'lat_out_of_range'],
  ])('and not with %s', async (_what, changed, pointer, code) => {
    const buyer = await person();
    const delivery = { to: 'recipient', recipient: { ...people.recipient(), ...changed } };
    const answer = await shop.post('/v1/orders', { customerId: buyer.id, externalRef: 'O-3', delivery });
    expect([answer.status, answer.body.code, answer.body.errors]).toEqual([
      422,
      'invalid_body',
      [{ pointer: `/delivery/recipient${pointer}`, code }],
    ]);
  });

  test('and never with card data', async () => {
    const buyer = await person();
    const recipient = people.recipient();
    const note = { ...recipient, address: { ...recipient.address, note: 'کارت ۹۹۹۹۹۹۰۰۰۰۰۰۰۰۱۴' } };
    const answer = await shop.post('/v1/orders', {
      customerId: buyer.id,
      externalRef: 'O-4',
      delivery: { to: 'recipient', recipient: note },
    });
    expect([answer.status, answer.body.code]).toEqual([422, 'card_data_refused']);
    expect(answer.text).not.toContain('۹۹۹۹');
  });

  test('of a customer and an address that are there; a foreign one is as unknown as one that never was', async () => {
    const elsewhere = await vault.secondTenant();
    const foreign = await newPerson(await elsewhere.client('shop_backend'), people.naturalCustomer());
    const own = await person();
    const other = await person();
    const order = (customerId: string, addressId: string) =>
      shop.post('/v1/orders', { customerId, externalRef: 'O-5', delivery: { to: 'customer', addressId } });
    const unknown = await order(unknownId, own.addressId);
    expect([unknown.status, unknown.body.errors]).toEqual([422, [{ pointer: '/customerId', code: 'unknown_id' }]]);
    expect(bytesOf(await order(foreign.id, foreign.addressId))).toBe(bytesOf(unknown));
    for (const addressId of [unknownId, other.addressId, foreign.addressId]) {
      expect((await order(own.id, addressId)).body.errors).toEqual([
        { pointer: '/delivery/addressId', code: 'unknown_id' },
      ]);
    }
    expect((await order(own.id.toUpperCase(), own.addressId)).status).toBe(201);
  });

  test('with what the policy’s order form demands', async () => {
    const sent = people.naturalCustomer();
    const mute = await newPerson(shop, { ...sent, phones: [] });
    const answer = await shop.post('/v1/orders', {
      customerId: mute.id,
      externalRef: 'O-6',
      delivery: { to: 'customer', addressId: mute.addressId },
    });
    expect([answer.body.code, answer.body.errors]).toEqual([
      'field_required',
      [{ pointer: '/customerId', code: 'mobile_required' }],
    ]);
    // Another person’s order asks that of the recipient.
    await newOrder(shop, mute, { to: 'recipient', recipient: people.recipient() });
  });

  test('once under one Idempotency-Key', async () => {
    const { id, addressId } = await person();
    const order = { customerId: id, externalRef: 'O-8', delivery: { to: 'customer', addressId } };
    const key = { 'idempotency-key': `order-${id}` };
    const answers = [await shop.post('/v1/orders', order, key), await shop.post('/v1/orders', order, key)];
    expect(answers.map((a) => a.status)).toEqual([201, 201]);
    expect(answers[0]?.text).toBe(answers[1]?.text);
    expect(made(await shop.get(`/v1/orders?customerId=${id}`), 200).items).toHaveLength(1);
  });
});

describe('an order is read', () => {
  test('by support in full under a ticket that names it, and only while it is undelivered', async () => {
    const { buyer, recipient, orderId } = await toRecipient();
    const masked = made(await support.get(`/v1/orders/${orderId}`), 200).delivery;
    expect(masked.name).toMatchObject({ state: 'masked', reason: 'no_grant' });
    const grant = await ticket(buyer.id, { orderId });
    const full = made(await support.get(`/v1/orders/${orderId}?grant=${grant}`), 200).delivery;
    expect(full).toEqual({
      to: 'recipient',
      name: { state: 'full', value: recipient.name },
      phone: { state: 'full', value: `+98${recipient.phone.slice(1)}` },
      address: { state: 'full', value: recipient.address },
      postalCode: { state: 'full', value: recipient.postalCode },
      location: { state: 'withheld', reason: 'role' },
    });
    const [leaf] = await leavesOf(dpo, `grant=${grant}`);
    expect(leaf).toMatchObject({
      action: 'orders.read',
      purpose: 'support',
      objectId: orderId,
      subjectId: buyer.id,
      full: ['postalCode', 'externalRef', 'recipientName', 'recipientPhone', 'recipientAddress'],
      masked: [],
    });
    const parcel = await newParcel(shop, orderId, courier);
    made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
    const closed = await support.get(`/v1/orders/${orderId}?grant=${grant}`);
    expect(closed.body.delivery.name).toMatchObject({ state: 'masked', reason: 'expired' });
    expect(closed.text).not.toContain(recipient.name);
  });

  test('with masks under a ticket without an order, on another order, of another customer, or for others', async () => {
    const { buyer, recipient, orderId } = await toRecipient();
    const another = await toRecipient();
    const same = await newOrder(shop, buyer);
    const colleague = await vault.client('support');
    const grants = {
      'no order': [await ticket(buyer.id), 'grant_scope'],
      'another order': [await ticket(buyer.id, { orderId: same }), 'no_grant'],
      'another customer': [await ticket(another.buyer.id, { orderId: another.orderId }), 'no_grant'],
      'another client': [await ticket(buyer.id, { orderId, grantee: { clientId: colleague.id } }), 'no_grant'],
      'another person': [await ticket(buyer.id, { orderId, actor: 'staff-9' }), 'no_grant'],
      'nobody’s': [unknownId, 'no_grant'],
      'no id': ['x', 'no_grant'],
    };
    for (const [whose, [grant, reason]] of Object.entries(grants)) {
      const answer = await support.get(`/v1/orders/${orderId}?grant=${grant}`);
      expect(answer.body.delivery.name, whose).toMatchObject({ state: 'masked', reason });
      expect(answer.text, whose).not.toContain(recipient.name);
    }
    // The control: the one that is for this person opens it.
    const staff = await support.as('staff-9');
    const answer = await staff.get(`/v1/orders/${orderId}?grant=${grants['another person'][0]}`);
    expect(answer.body.delivery.name).toEqual({ state: 'full', value: recipient.name });
  });

  test('with masks once the shop has closed the ticket', async () => {
    const { buyer, orderId } = await toRecipient();
    const grant = await ticket(buyer.id, { orderId });
    const name = async () => made(await support.get(`/v1/orders/${orderId}?grant=${grant}`), 200).delivery.name;
    expect((await name()).state).toBe('full');
    made(await shop.post(`/v1/grants/${grant}/close`), 200);
    expect(await name()).toMatchObject({ state: 'masked', reason: 'expired' });
  });

  test('of 20 reads at once under a ticket for one, exactly one is full', async () => {
    const { buyer, orderId } = await toRecipient();
    const grant = await ticket(buyer.id, { orderId, maxReads: 1 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => support.get(`/v1/orders/${orderId}?grant=${grant}`)),
    );
    const states = answers.map((a) => a.body.delivery.name);
    expect(states.filter((s) => s.state === 'full')).toHaveLength(1);
    expect(states.filter((s) => s.state === 'masked' && s.reason === 'expired')).toHaveLength(19);
    const leaves = (await leavesOf(dpo, `grant=${grant}`)).filter((leaf) => leaf.action === 'orders.read');
    expect(leaves).toHaveLength(20);
    expect(leaves.filter((leaf) => leaf.full?.includes('recipientName'))).toHaveLength(1);
    expect(leaves.every((leaf) => leaf.integrity === undefined)).toBe(true);
  });

  test('by the buyer in full, and by nobody else’s token', async () => {
    const { buyer, recipient, orderId } = await toRecipient();
    const own = await subjectOf(vault, shop, buyer.id);
    const answer = made(await own.get(`/v1/orders/${orderId}`), 200);
    expect(answer.delivery.name).toEqual({ state: 'full', value: recipient.name });
    expect(answer.delivery.location).toEqual({ state: 'full', value: recipient.location });
    const other = await subjectOf(vault, shop, (await person()).id);
    expect(bytesOf(await other.get(`/v1/orders/${orderId}`))).toBe(bytesOf(await other.get(`/v1/orders/${unknownId}`)));
    const mine = made(await own.get('/v1/orders'), 200).items;
    expect(mine.map((item: { id: string }) => item.id)).toEqual([orderId]);
    expect((await other.get(`/v1/orders?customerId=${buyer.id}`)).status).toBe(404);
  });

  test('as the matrix has it by the other departments', async () => {
    const { orderId } = await toRecipient();
    const own = await newOrder(shop, await person());
    const seen = async (role: string, id: string) =>
      made(await (await vault.client(role)).get(`/v1/orders/${id}`), 200).delivery;
    expect((await seen('after_sales', orderId)).name).toEqual({ state: 'withheld', reason: 'role' });
    expect((await seen('after_sales', own)).name).toMatchObject({ state: 'masked', reason: 'no_grant' });
    expect((await seen('after_sales', own)).location).toMatchObject({ state: 'masked', reason: 'role' });
    expect((await seen('accounting', orderId)).phone).toEqual({ state: 'withheld', reason: 'role' });
    expect((await seen('dpo', orderId)).name).toMatchObject({ state: 'masked', reason: 'role' });
    for (const role of ['marketing', 'payment_processor', 'courier']) {
      expect((await (await vault.client(role)).get(`/v1/orders/${own}`)).body.code, role).toBe('not_permitted');
    }
  });

  test('of its own tenant only', async () => {
    const orderId = await newOrder(shop, await person());
    const elsewhere = await vault.secondTenant();
    const stranger = await elsewhere.client('shop_backend');
    const strangers = await elsewhere.client('courier');
    const { id: foreignCourier } = strangers;
    for (const [method, end, body] of [
      ['GET', ''],
      ['POST', '/cancel', {}],
      ['POST', '/invoices', {}],
      ['POST', '/shipments', { courierClientId: foreignCourier }],
    ] as const) {
      const foreign = await stranger.call(method, `/v1/orders/${orderId}${end}`, body);
      expect(foreign.status, end).toBe(404);
      expect(bytesOf(foreign)).toBe(bytesOf(await stranger.call(method, `/v1/orders/${unknownId}${end}`, body)));
      expect(bytesOf(foreign)).toBe(bytesOf(await stranger.call(method, `/v1/orders/x${end}`, body)));
    }
    expect(made(await stranger.get('/v1/orders'), 200).items).toEqual([]);
    const other = await shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: foreignCourier });
    expect(other.body.errors).toEqual([{ pointer: '/courierClientId', code: 'unknown_id' }]);
    expect((await shop.get(`/v1/orders/${orderId}`)).status).toBe(200);
  });
});

describe('an order’s delivery is corrected', () => {
  test('on the version that was read, and every value is sealed anew', async () => {
    const { orderId, recipient } = await toRecipient();
    const next = people.recipient();
    const patch = (version: number | undefined) =>
      shop.patch(`/v1/orders/${orderId}`, { delivery: { to: 'recipient', recipient: next } }, version);
    expect((await patch(undefined)).status).toBe(428);
    expect((await patch(2)).body.code).toBe('precondition_failed');
    const answer = await patch(1);
    expect([answer.status, answer.body.version, answer.headers.get('etag')]).toEqual([200, 2, '"2"']);
    const parcel = await newParcel(shop, orderId, courier);
    const seen = await courier.get(`/v1/deliveries/${parcel.id}`);
    expect(seen.body.recipientName).toBe(next.name);
    expect(seen.text).not.toContain(recipient.name);
    expect(made(await shop.get(`/v1/orders/${orderId}`), 200).externalRef).toEqual({ state: 'full', value: 'O-1' });
  });

  test('from oneself to another and back', async () => {
    const buyer = await person();
    const orderId = await newOrder(shop, buyer);
    const patch = (delivery: unknown, version: number) => shop.patch(`/v1/orders/${orderId}`, { delivery }, version);
    made(await patch({ to: 'recipient', recipient: people.recipient() }, 1), 200);
    expect(made(await shop.get(`/v1/orders/${orderId}`), 200).delivery.to).toBe('recipient');
    made(await patch({ to: 'customer', addressId: buyer.addressId }, 2), 200);
    expect(made(await shop.get(`/v1/orders/${orderId}`), 200).delivery.to).toBe('customer');
  });

  test('by one of fifty who read the same version', async () => {
    const { orderId } = await toRecipient();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        shop.patch(`/v1/orders/${orderId}`, { delivery: { to: 'recipient', recipient: people.recipient() } }, 1),
      ),
    );
    expect(statuses(answers)).toEqual({ 200: 1, 412: 49 });
  });

  test('not once it is delivered or cancelled', async () => {
    const { orderId } = await toRecipient();
    const delivery = { to: 'recipient', recipient: people.recipient() };
    made(await shop.post(`/v1/orders/${orderId}/cancel`), 200);
    expect((await shop.patch(`/v1/orders/${orderId}`, { delivery }, 1)).body.code).toBe('conflict');
    const second = (await toRecipient()).orderId;
    const parcel = await newParcel(shop, second, courier);
    made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
    expect((await shop.patch(`/v1/orders/${second}`, { delivery }, 1)).body.code).toBe('conflict');
  });
});

describe('an order is cancelled', () => {
  test('with its parcel and its grants, once', async () => {
    const { buyer, recipient, orderId } = await toRecipient();
    const grant = await ticket(buyer.id, { orderId });
    const other = await ticket(buyer.id);
    const parcel = await newParcel(shop, orderId, courier);
    expect(made(await shop.post(`/v1/orders/${orderId}/cancel`), 200)).toEqual({ id: orderId, status: 'cancelled' });
    expect(made(await shop.get(`/v1/shipments/${parcel.id}`), 200).status).toBe('cancelled');
    expect(made(await shop.get(`/v1/grants/${grant}`), 200)).toMatchObject({
      status: 'closed',
      closedReason: 'cancelled',
    });
    expect(made(await shop.get(`/v1/grants/${other}`), 200).status).toBe('open');
    const read = await support.get(`/v1/orders/${orderId}?grant=${grant}`);
    expect(read.body.delivery.name.reason).toBe('expired');
    expect(read.text).not.toContain(recipient.name);
    expect((await shop.post(`/v1/orders/${orderId}/cancel`)).body.code).toBe('conflict');
    expect((await shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: courier.id })).body.code).toBe(
      'conflict',
    );
    expect((await shop.post(`/v1/orders/${orderId}/invoices`)).body.code).toBe('conflict');
  });

  test('without a body too, and answered again under its Idempotency-Key', async () => {
    const orderId = await newOrder(shop, await person());
    const key = { 'idempotency-key': `cancel-${orderId}` };
    const answers = [
      await shop.call('POST', `/v1/orders/${orderId}/cancel`, undefined, key),
      await shop.call('POST', `/v1/orders/${orderId}/cancel`, undefined, key),
    ];
    expect(answers.map((a) => a.status)).toEqual([200, 200]);
  });

  test('but not when it is delivered', async () => {
    const orderId = await newOrder(shop, await person());
    const parcel = await newParcel(shop, orderId, courier);
    made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
    expect((await shop.post(`/v1/orders/${orderId}/cancel`)).body.code).toBe('conflict');
    expect((await shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: courier.id })).body.code).toBe(
      'conflict',
    );
  });
});

describe('a parcel', () => {
  test('goes to a courier in service, and to nobody else', async () => {
    const orderId = await newOrder(shop, await person());
    const retired = await vault.client('courier');
    made(await vault.admin.patch(`/v1/clients/${retired.id}`, { disabled: true }, 1), 200);
    for (const id of [unknownId, support.id, retired.id]) {
      const answer = await shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: id });
      expect([answer.status, answer.body.errors]).toEqual([422, [{ pointer: '/courierClientId', code: 'unknown_id' }]]);
    }
    expect(made(await shop.get(`/v1/orders/${orderId}`), 200).status).toBe('placed');
    await newParcel(shop, orderId, courier);
    expect(made(await shop.get(`/v1/orders/${orderId}`), 200).status).toBe('dispatched');
  });

  test('is made once under one Idempotency-Key, and the second answer still has its code', async () => {
    const orderId = await newOrder(shop, await person());
    const send = () =>
      shop.post(
        `/v1/orders/${orderId}/shipments`,
        { courierClientId: courier.id },
        { 'idempotency-key': `parcel-${orderId}` },
      );
    const [first, again] = [await send(), await send()];
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
    expect(
      (await courier.post(`/v1/deliveries/${first.body.id}/confirm`, { code: again.body.deliveryCode })).status,
    ).toBe(200);
    const rows = await atDatabase<{ row: string }>(vault, `select a::text as row from amanat.idempotent_answers a`);
    expect(rows.some(({ row }) => row.includes(shop.id))).toBe(true);
    expect(rows.some(({ row }) => row.includes(first.body.id))).toBe(false);
  });

  test('is told to the shop without its code', async () => {
    const orderId = await newOrder(shop, await person());
    const parcel = await newParcel(shop, orderId, courier, { maxReads: 5 });
    await courier.get(`/v1/deliveries/${parcel.id}`);
    const shown = made(await shop.get(`/v1/shipments/${parcel.id}`), 200);
    expect(shown).toEqual({
      id: parcel.id,
      orderId,
      grantId: parcel.grantId,
      courierClientId: courier.id,
      status: 'open',
      attempts: 0,
      opensAt: expect.any(String),
      closesAt: expect.any(String),
      maxReads: 5,
      reads: 1,
      createdAt: expect.any(String),
    });
  });
});

test('orders are listed newest first, page by page, one customer’s or all', async () => {
  const buyer = await person();
  const ids: string[] = [];
  for (let i = 0; i < 3; i += 1) ids.unshift(await newOrder(shop, buyer));
  await newOrder(shop, await person());
  const first = made(await shop.get(`/v1/orders?customerId=${buyer.id}&limit=2`), 200);
  const second = made(await shop.get(`/v1/orders?customerId=${buyer.id}&limit=2&cursor=${first.nextCursor}`), 200);
  expect([...first.items, ...second.items].map((item) => item.id)).toEqual(ids);
  expect(first.items[0]).toEqual({
    id: ids[0],
    customerId: buyer.id,
    status: 'placed',
    version: 1,
    createdAt: expect.any(String),
  });
  expect(made(await shop.get('/v1/orders?limit=100'), 200).items.length).toBeGreaterThan(3);
  expect((await shop.get('/v1/orders?customerId=x')).body.code).toBe('invalid_query');
  expect(made(await shop.get(`/v1/orders?customerId=${unknownId}`), 200).items).toEqual([]);
});

test('without an audit no order is read, changed or told apart (P1)', async () => {
  const { buyer, recipient, orderId } = await toRecipient();
  const grant = await ticket(buyer.id, { orderId });
  const parcel = await newParcel(shop, orderId, courier);
  await atDatabase(vault, `revoke insert on amanat.audit_leaves from amanat_service`);
  try {
    const own = await subjectAnswers();
    for (const answer of own) {
      expect([answer.status, answer.body.code]).toEqual([503, 'audit_unavailable']);
      expect(answer.text).not.toContain(recipient.name);
    }
  } finally {
    await atDatabase(vault, `grant insert on amanat.audit_leaves to amanat_service`);
  }
  expect(made(await shop.get(`/v1/shipments/${parcel.id}`), 200).status).toBe('open');
  // The control: with the audit back the same reads show it.
  const again = await subjectAnswers();
  expect(again[0]?.text).toContain(recipient.name);
  expect(again[1]?.text).toContain(recipient.name);
  expect(again.at(-1)?.status).toBe(200);

  async function subjectAnswers() {
    return [
      await support.get(`/v1/orders/${orderId}?grant=${grant}`),
      await courier.get(`/v1/deliveries/${parcel.id}`),
      await courier.get('/v1/deliveries'),
      await shop.get(`/v1/grants/${grant}`),
      await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }),
    ];
  }
});
