import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { paper } from '../support/undertakings.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, made, newOrder, newParcel, newPerson } from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

/** kalak asks no undertaking of its firms; imo does, and citra of its staff (the tenants beside). */
let vault: TestVault;
let shop: TestClient;
let dpo: TestClient;
const people = synthetic(513);
beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

const soon = () => new Date(vault.vault.now() + 30 * day).toISOString();
const post = (by = dpo, more: object = {}) =>
  by.post('/v1/recipients', {
    name: 'پست نمونه',
    kind: 'courier',
    purpose: 'shipping',
    contractRef: 'G-7',
    expiresAt: soon(),
    ...more,
  });
const entered = async (more: object = {}, by = dpo) => made(await post(by, more)).id as string;
const link = (id: string, client: TestClient, by = dpo) =>
  by.post(`/v1/recipients/${id}/clients`, { clientId: client.id });
const undertake = (id: string, more: object = {}, by = dpo) =>
  by.post(`/v1/recipients/${id}/undertaking`, { ...paper, ...more });
const order = async () => newOrder(shop, await newPerson(shop, people.naturalCustomer()));
const ship = async (courier: TestClient) =>
  shop.post(`/v1/orders/${await order()}/shipments`, { courierClientId: courier.id });
const inactive = (answer: { status: number; body: { errors: object[] } }, pointer = '') => {
  expect(answer.body.errors).toEqual([{ pointer, code: 'recipient_not_active' }]);
  expect(answer.status).toBe(403);
};

describe('a recipient', () => {
  test('is waiting until its undertaking is recorded, and active until it is revoked', async () => {
    const courier = await vault.client('courier');
    const free = await vault.client('courier');
    const before = await newParcel(shop, await order(), courier);
    const id = await entered();
    expect(made(await link(id, courier), 200)).toMatchObject({ state: 'waiting', clientIds: [courier.id] });
    inactive(await ship(courier), '/courierClientId');
    for (const path of [`/v1/deliveries/${before.id}`, '/v1/deliveries']) inactive(await courier.get(path));
    made(await ship(free));
    expect(made(await undertake(id), 200).state).toBe('active');
    expect(made(await dpo.get(`/v1/recipients/${id}`), 200)).toMatchObject({
      name: 'پست نمونه',
      undertaking: {
        signedOn: '2025-10-23',
        signedOnJalali: '1404/08/01',
        documentSha256: paper.documentSha256,
        signer: paper.signer,
      },
    });
    expect((await courier.get(`/v1/deliveries/${before.id}`)).body.phone).toBeDefined();
    made(await ship(courier));
    expectRefusal(await undertake(id), 409, 'conflict');
    expect(made(await dpo.post(`/v1/recipients/${id}/revoke`), 200)).toMatchObject({
      state: 'revoked',
      revoked: { actor: 'staff-9' },
    });
    inactive(await ship(courier), '/courierClientId');
    inactive(await courier.get(`/v1/deliveries/${before.id}`));
    expect(
      (await courier.post(`/v1/deliveries/${before.id}/confirm`, { code: before.deliveryCode })).status,
      'what it has in hand',
    ).toBe(200);
    for (const again of [undertake(id), link(id, free), dpo.post(`/v1/recipients/${id}/revoke`)])
      expectRefusal(await again, 409, 'conflict');
  });

  test('is of a kind, a purpose and fields that the policy has: nobody buys, rents or sponsors', async () => {
    for (const kind of ['buyer', 'renter', 'sponsor'])
      expectRefusal(await post(dpo, { kind }), 422, 'invalid_body', '/kind');
    expectRefusal(await post(dpo, { kind: 'trusted_body' }), 403, 'not_permitted', '/kind');
    expectRefusal(await post(dpo, { purpose: 'marketing' }), 403, 'not_permitted', '/purpose');
    expectRefusal(await post(dpo, { fields: ['givenName', 'email'] }), 422, 'invalid_body', '/fields/1');
    expectRefusal(
      await post(dpo, { expiresAt: new Date(vault.vault.now()).toISOString() }),
      422,
      'invalid_body',
      '/expiresAt',
    );
    expectRefusal(await post(await dpo.as(undefined)), 403, 'not_permitted');
    expectRefusal(await post(vault.admin), 403, 'not_permitted');
    const id = await entered();
    expectRefusal(await undertake(id, { signedOn: '1490/01/01' }), 422, 'invalid_body', '/signedOn');
    expectRefusal(await undertake(id, { documentSha256: 'x' }), 422, 'invalid_body', '/documentSha256');
    expectRefusal(await link(id, shop), 422, 'invalid_body', '/clientId');
    const [row] = await atDatabase<{ all: string }>(
      vault,
      'select r::text as all from amanat.recipients r where id = $1',
      [id],
    );
    expect(row?.all).not.toContain(Buffer.from('نمونه').toString('hex'));
  });

  test('a payment firm under a refund, and a client of one recipient alone', async () => {
    const firm = await vault.client('payment_processor');
    const person = await newPerson(shop, people.naturalCustomer());
    const refund = async () =>
      shop.post('/v1/grants', {
        kind: 'refund',
        customerId: person.id,
        orderId: await newOrder(shop, person),
        grantee: { clientId: firm.id },
        closesAt: new Date(vault.vault.now() + day).toISOString(),
      });
    const grant = made(await refund()).id;
    const iban = async () => firm.get(`/v1/customers/${person.id}?grant=${grant}&fields=iban`);
    expect((await iban()).body.fields.iban.state, 'control').toBe('full');
    const id = await entered({ kind: 'payment_processor', purpose: 'payment' });
    made(await link(id, firm), 200);
    inactive(await iban());
    inactive(await refund(), '/grantee/clientId');
    expectRefusal(await link(await entered({ kind: 'payment_processor', purpose: 'payment' }), firm), 409, 'conflict');
    made(await undertake(id), 200);
    expect((await iban()).body.fields.iban.state).toBe('full');
  });

  test('rows that somebody rewrote admit nobody', async () => {
    const courier = await vault.client('courier');
    const id = await entered();
    made(await link(id, courier), 200);
    const sql = `update amanat.admissions set valid_from = now() - interval '1 day', changed_at = $2 where subject = $1`;
    await atDatabase(vault, sql, [courier.id, new Date(vault.vault.now())]);
    await vault.vault.watch.lookAnew();
    inactive(await ship(courier), '/courierClientId');
    await atDatabase(vault, `update amanat.recipients set expires_at = expires_at + interval '1 year' where id = $1`, [
      id,
    ]);
    expect((await undertake(id)).body.code).toBe('integrity_failure');
  });
});

test('imo: A13, a firm without a recipient that undertook confidentiality is given nothing', async () => {
  const side = await vault.secondTenant('imo');
  const [theirs, officer, courier] = [
    await side.client('shop_backend'),
    await side.client('dpo', { actor: 'd-1' }),
    await side.client('courier'),
  ];
  const { fields, phones, addresses } = people.naturalCustomer();
  const { givenName, familyName } = fields;
  const kept = addresses.map(({ address, postalCode }) => ({ address, postalCode }));
  const person = await newPerson(theirs, {
    kind: 'natural',
    source: 'web',
    fields: { givenName, familyName },
    phones,
    addresses: kept,
  } as never);
  const send = async () =>
    theirs.post(`/v1/orders/${await newOrder(theirs, person)}/shipments`, { courierClientId: courier.id });
  inactive(await send(), '/courierClientId');
  const id = await entered({ kind: 'trusted_body', purpose: 'coordination' }, officer);
  made(await link(id, courier, officer), 200);
  inactive(await send(), '/courierClientId');
  expect((await undertake(id)).status, 'of another tenant').toBe(404);
  made(await undertake(id, {}, officer), 200);
  made(await send());
  // For statistics and mail nothing is handed over (A11).
  const mail = await post(officer, { kind: 'trusted_body', purpose: 'partner_mailing' });
  expect(made(mail).fields).toEqual([]);
});

test('citra: C8, nothing is shown in full to staff who undertook nothing', async () => {
  const side = await vault.secondTenant('citra');
  const [theirs, officer] = [await side.client('shop_backend'), await side.client('dpo', { actor: 'd-1' })];
  const support = await side.client('support', { actor: 'staff-3' });
  const { fields, phones } = people.naturalCustomer();
  const { givenName, familyName } = fields;
  const { id } = made(
    await theirs.post('/v1/customers', {
      kind: 'natural',
      source: 'web',
      fields: { givenName, familyName },
      phones,
      addresses: [],
    }),
  );
  const closesAt = new Date(vault.vault.now() + day).toISOString();
  const grant = made(
    await theirs.post('/v1/grants', { kind: 'ticket', customerId: id, grantee: { role: 'support' }, closesAt }),
  ).id;
  const read = (by: TestClient, named = `?grant=${grant}`) => by.get(`/v1/customers/${id}${named}`);
  const refused = { code: 'not_permitted', errors: [{ pointer: 'header:actor', code: 'undertaking_required' }] };
  for (const by of [support, await support.as(undefined)]) expect((await read(by)).body).toMatchObject(refused);
  expect((await read(support, '')).status, 'masks').toBe(200);
  const record = (by: TestClient) => by.post('/v1/staff-undertakings', { actor: 'staff-3', ...paper });
  expectRefusal(await record(support), 403, 'not_permitted');
  const undertaking = made(await record(officer));
  expectRefusal(await record(officer), 409, 'conflict');
  expect((await read(support)).body.fields.givenName.state).toBe('full');
  expect((await read(await support.as('staff-4'))).body).toMatchObject(refused);
  made(await officer.post(`/v1/staff-undertakings/${undertaking.id}/revoke`), 200);
  expect((await read(support)).body).toMatchObject(refused);
  expect(made(await officer.get('/v1/staff-undertakings'), 200).items).toMatchObject([
    { actor: 'staff-3', revoked: { actor: 'd-1' } },
  ]);
});

test('a recipient is for the fields it was entered with, and no longer than its contract', async () => {
  const courier = await vault.client('courier');
  const id = await entered({
    fields: ['givenName', 'familyName', 'address', 'postalCode', 'recipientName', 'recipientAddress'],
  });
  made(await link(id, courier), 200);
  made(await undertake(id), 200);
  const parcel = await newParcel(shop, await order(), courier);
  const seen = made(await courier.get(`/v1/deliveries/${parcel.id}`), 200);
  expect([seen.recipientName, seen.phone]).toEqual([expect.any(String), undefined]);
  vault.advance(31 * day);
  [shop, dpo] = [await shop.as(undefined), await dpo.as('staff-9')];
  inactive(await (await courier.as(undefined)).get('/v1/deliveries'));
  expect(made(await dpo.get(`/v1/recipients/${id}`), 200).state).toBe('expired');
});
