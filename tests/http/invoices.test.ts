import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, leavesOf, made, newOrder, newPerson } from '../support/work.ts';

let vault: TestVault;
let shop: TestClient;
let accounting: TestClient;
let dpo: TestClient;
const people = synthetic(51);

beforeAll(async () => {
  vault = await startVault();
  [shop, accounting, dpo] = await Promise.all([
    vault.client('shop_backend'),
    vault.client('accounting'),
    vault.client('dpo'),
  ]);
});
afterAll(() => vault.stop());

const unknownId = '0199a9b0-0000-7000-8000-00000000abcd';

test('an invoice freezes the buyer as it was, whatever becomes of the customer', async () => {
  const person = await newPerson(shop, people.naturalCustomer());
  const orderId = await newOrder(shop, person);
  const answer = await shop.post(`/v1/orders/${orderId}/invoices`);
  expect([answer.status, answer.body]).toEqual([201, { id: expect.any(String) }]);
  const { id } = answer.body;
  expect(answer.headers.get('location')).toBe(`/v1/invoices/${id}`);
  made(await shop.patch(`/v1/customers/${person.id}`, { fields: { familyName: 'رحیمی' }, addresses: null }, 1), 200);
  const { fields, addresses } = person.sent;
  const read = made(await accounting.get(`/v1/invoices/${id}`), 200);
  expect(read).toEqual({
    id,
    orderId,
    customerId: person.id,
    kind: 'natural',
    policyVersion: 'kalak/1',
    createdAt: expect.any(String),
    fields: {
      givenName: { state: 'full', value: fields['givenName'] },
      familyName: { state: 'full', value: fields['familyName'] },
      nationalId: { state: 'full', value: fields['nationalId'] },
      address: { state: 'full', value: addresses[0]?.address },
      postalCode: { state: 'full', value: addresses[0]?.postalCode },
    },
  });
  const [leaf] = await leavesOf(dpo, `subject=${person.id}`);
  expect(leaf).toMatchObject({
    action: 'invoices.read',
    objectKind: 'invoices',
    objectId: id,
    purpose: 'invoice',
    full: ['givenName', 'familyName', 'nationalId', 'address', 'postalCode'],
  });
});

test('a company’s invoice has what the tax rules ask for', async () => {
  const person = await newPerson(shop, people.legalCustomer());
  const { id } = made(await shop.post(`/v1/orders/${await newOrder(shop, person)}/invoices`));
  const { fields } = made(await accounting.get(`/v1/invoices/${id}`), 200);
  for (const field of ['legalName', 'legalNationalId', 'economicCode'] as const) {
    expect(fields[field]).toEqual({ state: 'full', value: (person.sent.fields as Record<string, string>)[field] });
  }
  for (const field of ['email', 'iban', 'mobile']) expect(fields).not.toHaveProperty(field);
});

test('nothing of it stands in clear in the tables', async () => {
  const person = await newPerson(shop, people.naturalCustomer());
  const { id } = made(await shop.post(`/v1/orders/${await newOrder(shop, person)}/invoices`));
  const [row] = await atDatabase<{ row: string; sealed: Buffer }>(
    vault,
    `select i::text as row, i.sealed from amanat.invoices i where i.id = $1`,
    [id],
  );
  for (const value of Object.values(person.sent.fields)) {
    expect(row?.row).not.toContain(value);
    expect(row?.sealed.includes(value)).toBe(false);
  }
  expect(row?.row).toContain(person.id);
});

test('accounting alone reads it, and only its own tenant’s', async () => {
  const person = await newPerson(shop, people.naturalCustomer());
  const { id } = made(await shop.post(`/v1/orders/${await newOrder(shop, person)}/invoices`));
  for (const role of ['support', 'after_sales', 'dpo', 'courier', 'payment_processor', 'legal_registrar']) {
    expect((await (await vault.client(role)).get(`/v1/invoices/${id}`)).body.code, role).toBe('not_permitted');
  }
  expect((await shop.get(`/v1/invoices/${id}`)).body.code).toBe('not_permitted');
  expect((await accounting.post(`/v1/orders/${unknownId}/invoices`)).body.code).toBe('not_permitted');
  const stranger = await (await vault.secondTenant()).client('accounting');
  const foreign = await stranger.get(`/v1/invoices/${id}`);
  expect(foreign.status).toBe(404);
  expect(bytesOf(foreign)).toBe(bytesOf(await stranger.get(`/v1/invoices/${unknownId}`)));
  expect((await accounting.get(`/v1/invoices/${id}`)).status).toBe(200);
});

test('a value moved from another invoice does not open', async () => {
  const invoice = async () => {
    const person = await newPerson(shop, people.naturalCustomer());
    return made(await shop.post(`/v1/orders/${await newOrder(shop, person)}/invoices`)).id as string;
  };
  const [one, other] = [await invoice(), await invoice()];
  expect((await accounting.get(`/v1/invoices/${one}`)).status).toBe(200);
  await atDatabase(
    vault,
    `update amanat.invoices i set sealed = j.sealed from amanat.invoices j where i.id = $1 and j.id = $2`,
    [one, other],
  );
  expect((await accounting.get(`/v1/invoices/${one}`)).body.code).toBe('integrity_failure');
  expect((await accounting.get(`/v1/invoices/${other}`)).status).toBe(200);
});
