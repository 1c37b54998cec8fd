import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { headerOf, openRecord } from '../../src/vault/record.ts';
import type { CustomerHeader } from '../../src/vault/customerSeal.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, made, newPerson, tenantUnder } from '../support/work.ts';
import { shipped } from '../unit/policy/shipped.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
const people = synthetic(6021);
const textSha256 = createHash('sha256').update(shipped.kalak.attestation.text.fa).digest('hex');
const said = { textSha256, method: 'agree_button' } as const;

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-7' });
});
afterAll(() => vault.stop());

const viewOf = async (id: string) => made(await support.get(`/v1/customers/${id}`), 200);

async function headerAt(id: string): Promise<CustomerHeader> {
  const [row] = await atDatabase<never>(
    vault,
    `select id, version, key_version as "keyVersion", data_key as "dataKey", sealed from amanat.customers where id = $1`,
    [id],
  );
  return headerOf<CustomerHeader>(openRecord(await vault.vault.keyring.tenant(vault.tenantId), 'customer', row!));
}

describe('the source of a record (E1)', () => {
  test('is told with whether the published text speaks of it, for whatever the values came by', async () => {
    const web = await newPerson(shop, people.naturalCustomer());
    expect(await viewOf(web.id)).toMatchObject({ source: 'web', policyCovers: true });
    const phone = await shop.post('/v1/customers', { ...people.naturalCustomer(), source: 'phone' });
    expect(made(phone).warnings).toContainEqual({ pointer: '/source', code: 'source_not_covered' });
    expect(await viewOf(phone.body.id)).toMatchObject({ source: 'phone', policyCovers: false });
  });

  test('changes with a write only, and what the write left alone keeps its own', async () => {
    const { id } = await newPerson(shop, people.naturalCustomer());
    const patched = await shop.patch(
      `/v1/customers/${id}`,
      { source: 'phone', fields: { familyName: 'نمونه‌زاده' } },
      1,
    );
    expect(made(patched, 200).warnings).toContainEqual({ pointer: '/source', code: 'source_not_covered' });
    expect(await viewOf(id)).toMatchObject({ source: 'phone', policyCovers: false });
    const { submissions, from } = await headerAt(id);
    expect(submissions?.map(({ version, source }) => [version, source])).toEqual([
      [1, 'web'],
      [2, 'phone'],
    ]);
    expect(from?.['givenName']).toBe(1);
    expect(from).not.toHaveProperty('familyName');
    // Once nothing is left of what came by telephone, the text covers the record again.
    made(await shop.patch(`/v1/customers/${id}`, { source: 'web', fields: { familyName: 'نمونه' } }, 2), 200);
    expect(await viewOf(id)).toMatchObject({ source: 'web', policyCovers: true });
    made(await shop.patch(`/v1/customers/${id}`, { fields: { familyName: 'دیگر' } }, 3), 200);
    expect(await viewOf(id)).toMatchObject({ source: 'web', policyCovers: true });
  });

  test('that somebody writes into the table is found; control: it was not the row as such', async () => {
    const { id } = await newPerson(shop, people.naturalCustomer());
    await viewOf(id);
    await atDatabase(vault, `update amanat.customers set source = 'phone' where id = $1`, [id]);
    const answer = await support.get(`/v1/customers/${id}`);
    expect([answer.status, answer.body.code]).toEqual([500, 'integrity_failure']);
    await atDatabase(vault, `update amanat.customers set source = 'web' where id = $1`, [id]);
    await viewOf(id);
  });
});

describe('the person’s word that it is true (E3)', () => {
  test('is readable by anybody, and stored with the version it came with', async () => {
    const policy = made(await vault.request('GET', `/v1/tenants/${vault.tenantId}/policies/1`), 200);
    expect(policy.attestation).toEqual({ text: shipped.kalak.attestation.text, sha256: textSha256 });
    const at = new Date(vault.vault.now() - day).toISOString();
    const { id } = made(
      await shop.post('/v1/customers', { ...people.naturalCustomer(), attestation: { ...said, at } }),
    );
    expect((await headerAt(id)).submissions).toEqual([
      {
        version: 1,
        source: 'web',
        at: expect.any(String),
        by: { clientId: shop.id, role: 'shop_backend' },
        attestation: { ...said, at },
      },
    ]);
    made(await shop.patch(`/v1/customers/${id}`, { fields: { familyName: 'نمونه' }, attestation: said }, 1), 200);
    const { submissions } = await headerAt(id);
    expect(submissions?.map(({ version, attestation }) => [version, attestation?.textSha256])).toEqual([
      [1, textSha256],
      [2, textSha256],
    ]);
    // A later writing that says nothing takes nothing of it over.
    made(await shop.patch(`/v1/customers/${id}`, { fields: { familyName: 'دیگر' } }, 2), 200);
    expect((await headerAt(id)).submissions?.at(-1)).not.toHaveProperty('attestation');
  });

  const wrong = [
    ['another sentence', { textSha256: 'ab'.repeat(32) }, '/attestation/textSha256', 'not_in_force'],
    ['a moment to come', { at: '2099-01-01T00:00:00Z' }, '/attestation/at', 'in_future'],
  ] as const;
  test.each(wrong)('%s is refused where it stands, in every way of writing', async (_what, change, pointer, code) => {
    const attestation = { ...said, ...change };
    const fault = { pointer, code };
    const refused = await shop.post('/v1/customers', { ...people.naturalCustomer(), attestation });
    expect([refused.status, refused.body.code, refused.body.errors]).toEqual([422, 'invalid_body', [fault]]);
    const { id } = await newPerson(shop, people.naturalCustomer());
    const patched = await shop.patch(`/v1/customers/${id}`, { attestation }, 1);
    expect([patched.status, patched.body.errors]).toEqual([422, [fault]]);
    const customers = [
      { ...people.naturalCustomer(), attestation },
      { ...people.naturalCustomer(), attestation: said },
    ];
    const { results } = made(await shop.post('/v1/customers/batch', { customers }), 200);
    expect(results).toMatchObject([{ status: 422, errors: [fault] }, { status: 201 }]);
    const lines = customers.map((line) =>
      JSON.stringify({ ...line, ...people.naturalCustomer(), attestation: line.attestation }),
    );
    const imported = await shop.call('POST', '/v1/customers/import', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    const answers = imported.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([
      { line: 1, status: 422, errors: [fault] },
      { line: 2, status: 201 },
    ]);
  });

  test('is demanded where the policy says so, and a way that the policy does not have is none', async () => {
    const strict = await (await tenantUnder(vault, { 'attestation.required': true })).client('shop_backend');
    const bare = await strict.post('/v1/customers', people.naturalCustomer());
    expect([bare.status, bare.body.code, bare.body.errors]).toEqual([
      422,
      'field_required',
      [{ pointer: '/attestation', code: 'field_required' }],
    ]);
    made(await strict.post('/v1/customers', { ...people.naturalCustomer(), attestation: said }));
    const narrow = await (await tenantUnder(vault, { 'acceptance.methods': ['agree_button'] })).client('shop_backend');
    const other = await narrow.post('/v1/customers', {
      ...people.naturalCustomer(),
      attestation: { ...said, method: 'order_placed' },
    });
    expect(other.body.errors).toEqual([{ pointer: '/attestation/method', code: 'not_declared' }]);
  });
});
