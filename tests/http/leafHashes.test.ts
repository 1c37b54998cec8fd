import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leafHash } from '../../src/crypto/leaf.ts';
import { verifyInclusion } from '../../src/crypto/merkleTree.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, made, newOrder, newPerson, type Person } from '../support/work.ts';

/** What a caller is told of its act's entry in the log, held against the log. */

let vault: TestVault;
let shop: TestClient;
let person: Person;
const people = synthetic(47);

beforeAll(async () => {
  vault = await startVault({ clock: 'machine' });
  shop = await vault.client('shop_backend');
  person = await newPerson(shop, people.naturalCustomer());
});
afterAll(async () => vault.stop());

/** The hash of a leaf of these bytes, for each leaf there is, by its action. */
async function stored(): Promise<Map<string, string>> {
  const rows = await atDatabase<{ leaf: Buffer }>(vault, 'select leaf from amanat.audit_leaves');
  return new Map(rows.map(({ leaf }) => [leafHash(leaf).toString('hex'), leaf.toString('latin1')]));
}

const told = ({ headers }: Answer): string => headers.get('amanat-leaf-hash') ?? expect.fail('no hash');

describe('an answer to a mutation', () => {
  test('carries the hash of the leaf that is stored, of that act', async () => {
    const body = {
      customerId: person.id,
      externalRef: 'O-4',
      delivery: { to: 'customer', addressId: person.addressId },
    };
    const order = await shop.post('/v1/orders', body);
    const customer = await shop.post('/v1/customers', people.naturalCustomer());
    const patched = await shop.patch(`/v1/customers/${person.id}`, { fields: { email: people.email() } }, 1);
    const client = await vault.admin.post('/v1/clients', { name: 'x', role: 'support', authMethod: 'client_secret' });
    const leaves = await stored();
    for (const [answer, action] of [
      [order, 'orders.create'],
      [customer, 'customers.create'],
      [patched, 'customers.patch'],
      [client, 'clients.create'],
    ] as const)
      expect(leaves.get(told(answer)), action).toContain(action);
    expect(new Set([order, customer, patched, client].map(told)).size).toBe(4);
    // A read is told none, and a refusal none.
    expect((await shop.get(`/v1/customers/${person.id}`)).headers.has('amanat-leaf-hash')).toBe(false);
    expect((await shop.get('/v1/customers')).headers.has('amanat-leaf-hash')).toBe(false);
    expect((await shop.post('/v1/orders', {})).headers.has('amanat-leaf-hash')).toBe(false);
  });

  test('says the same when it is asked again', async () => {
    const key = { 'idempotency-key': 'leaf-1' };
    const sent = people.naturalCustomer();
    const [first, second] = [await shop.post('/v1/customers', sent, key), await shop.post('/v1/customers', sent, key)];
    expect([second.body.id, told(second)]).toEqual([first.body.id, told(first)]);
    expect((await stored()).has(told(first))).toBe(true);
  });

  test('says it of each item of a batch and each line of an import, and again', async () => {
    const customers = [people.naturalCustomer(), { kind: 'natural' }, people.legalCustomer()];
    const batch = await shop.post('/v1/customers/batch', { customers });
    const hashes = made(batch, 200).results.map((result: { leafHash?: string }) => result.leafHash);
    expect(hashes[1]).toBeUndefined();
    const lines = [0, 1].map(() => JSON.stringify(people.naturalCustomer())).join('\n');
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'leaf-2' };
    const send = async () =>
      (await shop.call('POST', '/v1/customers/import', lines, headers)).text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).leafHash);
    const imported = await send();
    expect(await send()).toEqual(imported);
    const leaves = await stored();
    for (const one of [hashes[0], hashes[2], ...imported, told(batch)])
      expect(leaves.get(one), one).toContain('customers.');
  });

  test('is enough to have the act proven, with the time of the answer', async () => {
    const answer = await shop.post('/v1/customers', people.naturalCustomer());
    await newOrder(shop, person);
    await openIntegrator(vault.vault)();
    const at = new Date(answer.headers.get('date') ?? '').toISOString();
    const proof = made(await shop.get(`/v1/audit/proof/inclusion?hash=${told(answer)}&at=${at}`), 200);
    const claim = {
      ...proof,
      leafHash: Buffer.from(told(answer), 'hex'),
      path: proof.path.map((hex: string) => Buffer.from(hex, 'hex')),
    };
    expect(verifyInclusion(claim, Buffer.from(proof.rootHash, 'hex'))).toBe(true);
    // Control: another hash is not.
    expect(verifyInclusion({ ...claim, leafHash: Buffer.alloc(32) }, Buffer.from(proof.rootHash, 'hex'))).toBe(false);
  });
});
