import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
const people = synthetic(11);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-7' });
});
afterAll(() => vault.stop());

test('a customer is stored, answered without a word of what was sent, and read with masks', async () => {
  const sent = people.naturalCustomer();
  const made = await shop.post('/v1/customers', sent);
  expect(made.status, made.text).toBe(201);
  expect(Object.keys(made.body).toSorted()).toEqual(['createdAt', 'id', 'version', 'warnings']);
  expect(made.headers.get('etag')).toBe('"1"');
  expect(made.headers.get('location')).toBe(`/v1/customers/${made.body.id}`);
  for (const value of Object.values(sent.fields)) expect(made.text).not.toContain(value);

  const read = await support.get(`/v1/customers/${made.body.id}`);
  expect(read.status).toBe(200);
  expect(read.body.fields.givenName).toMatchObject({ state: 'masked', reason: 'no_grant' });
  expect(read.body.fields.nationalId).toMatchObject({ state: 'masked', reason: 'role' });
  expect(read.body.policyVersion).toBe('kalak/1');
  for (const value of Object.values(sent.fields)) expect(read.text).not.toContain(value);
});
