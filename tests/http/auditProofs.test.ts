import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/crypto/checkpoint.ts';
import { growTree, verifyConsistency, verifyInclusion, type TreeHead } from '../../src/crypto/merkleTree.ts';
import { parseVkey } from '../../src/crypto/signedNote.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { openIntegrator, type Integrator } from '../../src/vault/integration.ts';
import { newId } from '../../src/vault/ids.ts';
import { storedTree } from '../support/auditTree.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, made, newPerson } from '../support/work.ts';

/** The log's signed head and the proofs against it, as a client checks them that trusts nothing but the key. */

let vault: TestVault;
let dpo: TestClient;
let shop: TestClient;
let integrate: Integrator;
const people = synthetic(31);

beforeAll(async () => {
  vault = await startVault();
  dpo = await vault.client('dpo');
  shop = await vault.client('shop_backend');
  integrate = openIntegrator(vault.vault);
});
afterAll(async () => vault.stop());

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const headIn = ({ size, rootHash }: { size: number; rootHash: string }): TreeHead => ({ size, root: bytes(rootHash) });

/** The head, after its note has opened under the key beside it. */
async function checkpoint(of: TestClient = dpo) {
  const body = made(await of.get('/v1/audit/checkpoint'), 200);
  const keys = body.keys.map((text: string) => parseVkey(text) ?? expect.fail(text));
  const opened = openCheckpoint(body.checkpoint, keys) ?? expect.fail('the note does not open');
  expect(headIn(body)).toEqual({ size: opened.size, root: opened.root });
  expect(opened.origin).toBe(`amanat/${vault.tenantId}`);
  return { body, head: { size: opened.size, root: opened.root } };
}

const holds = (proof: any /* oxlint-disable-line typescript/no-explicit-any */, head: TreeHead): boolean =>
  verifyInclusion(
    { leafHash: bytes(proof.leafHash), index: proof.index, size: proof.size, path: proof.path.map(bytes) },
    head.root,
  );

const reasonOf = ({ status, body }: { status: number; body: any /* oxlint-disable-line */ }): unknown[] => [
  status,
  body.code,
  body.errors?.[0],
];

describe('the head of a log', () => {
  test('is not there before anything is in it', async () => {
    const waiting = [409, 'conflict', { pointer: '', code: 'not_integrated' }];
    expect(reasonOf(await dpo.get('/v1/audit/checkpoint'))).toEqual(waiting);
    expect(reasonOf(await dpo.get(`/v1/audit/proof/inclusion?leaf=${newId(1)}`))).toEqual(waiting);
    expect(reasonOf(await dpo.get('/v1/audit/proof/consistency?from=1'))).toEqual(waiting);
  });

  test('is signed, and later heads begin with it', async () => {
    await newPerson(shop, people.naturalCustomer());
    await integrate();
    const first = await checkpoint();
    await newPerson(shop, people.naturalCustomer());
    await integrate();
    const second = await checkpoint();
    expect(second.head.size).toBeGreaterThan(first.head.size);
    const proof = made(await dpo.get(`/v1/audit/proof/consistency?from=${first.head.size}`), 200);
    expect([headIn(proof.from), headIn(proof.to)]).toEqual([first.head, second.head]);
    expect(proof.to.checkpoint).toBe(second.body.checkpoint);
    expect(verifyConsistency(first.head, second.head, proof.path.map(bytes))).toBe(true);
    const between = made(await dpo.get(`/v1/audit/proof/consistency?from=1&to=${first.head.size}`), 200);
    expect(verifyConsistency(headIn(between.from), first.head, between.path.map(bytes))).toBe(true);
    expect(between.to.checkpoint).toBeUndefined();
    // Control: the proof of one pair proves no other.
    expect(verifyConsistency(headIn(between.from), second.head, between.path.map(bytes))).toBe(false);
  });

  test('is for those who write, disclose or watch, each of their own tenant', async () => {
    for (const role of ['shop_backend', 'dpo', 'legal_registrar', 'legal_approver']) {
      const client = await vault.client(role, role.startsWith('legal') ? { actor: 'staff-1' } : {});
      expect((await checkpoint(client)).head.size, role).toBeGreaterThan(0);
    }
    await checkpoint(vault.admin);
    for (const role of ['courier', 'support', 'marketing', 'accounting']) {
      const client = await vault.client(role);
      for (const path of ['checkpoint', 'proof/inclusion?leaf=x', 'proof/consistency?from=1'])
        expect((await client.get(`/v1/audit/${path}`)).status, `${role} ${path}`).toBe(403);
    }
    const second = await vault.secondTenant();
    const [mine] = (await storedTree(vault)).ids;
    await integrate();
    expect((await (await second.client('dpo')).get(`/v1/audit/proof/inclusion?leaf=${mine}`)).status).toBe(404);
    expect((await dpo.get(`/v1/audit/proof/inclusion?leaf=${mine}`)).status).toBe(200);
  });
});

describe('an entry of the log', () => {
  test('is proven by its id, in each tree that holds it', async () => {
    await integrate();
    const { ids, hashes } = await storedTree(vault);
    const { head } = await checkpoint();
    for (const index of [0, 3, head.size - 1]) {
      const proof = made(await dpo.get(`/v1/audit/proof/inclusion?leaf=${ids[index]}`), 200);
      expect([proof.index, proof.leafHash]).toEqual([index, hashes[index]?.toString('hex')]);
      const signed = openCheckpoint(proof.checkpoint, (await checkpoint()).body.keys.map(parseVkey));
      expect(holds(proof, signed ?? expect.fail('no checkpoint'))).toBe(true);
      // Control: a changed byte anywhere proves nothing.
      const first = proof.leafHash.startsWith('00') ? '01' : '00';
      expect(holds({ ...proof, leafHash: `${first}${proof.leafHash.slice(2)}` }, signed!)).toBe(false);
      expect(holds({ ...proof, path: proof.path.toSpliced(0, 1, proof.leafHash) }, signed!)).toBe(false);
    }
    const older = made(await dpo.get(`/v1/audit/proof/inclusion?leaf=${ids[2]}&size=3`), 200);
    const tree = growTree();
    for (const one of hashes.slice(0, 3)) tree.append(one);
    expect(older.checkpoint).toBeUndefined();
    expect(holds(older, tree.head())).toBe(true);
  });

  test('waits until it is integrated, and is not in the trees before it', async () => {
    const { head } = await checkpoint();
    const [newest] = made(await dpo.get('/v1/audit?limit=1'), 200).items;
    const ask = async (query: string) => reasonOf(await dpo.get(`/v1/audit/proof/inclusion?${query}`));
    expect(await ask(`leaf=${newest.id}`)).toEqual([409, 'conflict', { pointer: '', code: 'not_integrated' }]);
    const byHash = `hash=${newest.leafHash}&at=${newest.at}`;
    expect(await ask(byHash)).toEqual([409, 'conflict', { pointer: '', code: 'not_integrated' }]);
    await integrate();
    const proof = made(await dpo.get(`/v1/audit/proof/inclusion?${byHash}`), 200);
    expect(proof.leafHash).toBe(newest.leafHash);
    expect(proof.index).toBeGreaterThanOrEqual(head.size);
    expect(await ask(`leaf=${newest.id}&size=${head.size}`)).toEqual([
      409,
      'conflict',
      { pointer: '?size', code: 'before_the_leaf' },
    ]);
    expect(await ask(`leaf=${newest.id}&size=1000000`)).toEqual([
      409,
      'conflict',
      { pointer: '?size', code: 'beyond_the_tree' },
    ]);
    for (const query of [
      `leaf=${newId(1)}`,
      `hash=${'0'.repeat(64)}&at=${newest.at}`,
      `hash=${newest.leafHash}&at=2020-01-01T00:00:00Z`,
    ])
      expect((await ask(query))[0], query).toBe(404);
  });

  test.each([
    ['', '?leaf', 'required'],
    [`leaf=${newId(1)}&hash=${'0'.repeat(64)}`, '?hash', 'one_of'],
    [`hash=${'0'.repeat(64)}`, '?at', 'required'],
    [`hash=${'0'.repeat(63)}&at=2026-01-01T00:00:00Z`, '?hash', 'format'],
    [`leaf=${newId(1)}&size=0`, '?size', 'format'],
    [`leaf=${newId(1)}&size=1e3`, '?size', 'format'],
    [`leaf=7`, '?leaf', 'format'],
  ])('asked for by %s is refused', async (query, pointer, code) => {
    expect(reasonOf(await dpo.get(`/v1/audit/proof/inclusion?${query}`))).toEqual([
      422,
      'invalid_query',
      { pointer, code },
    ]);
  });

  test.each([
    ['', [422, 'invalid_query', { pointer: '?from', code: 'required' }]],
    ['from=0', [422, 'invalid_query', { pointer: '?from', code: 'format' }]],
    ['from=3&to=2', [422, 'invalid_query', { pointer: '?from', code: 'order' }]],
    ['from=999999', [409, 'conflict', { pointer: '?from', code: 'beyond_the_tree' }]],
    ['from=1&to=999999', [409, 'conflict', { pointer: '?to', code: 'beyond_the_tree' }]],
  ])('consistency asked for by %s is refused', async (query, expected) => {
    expect(reasonOf(await dpo.get(`/v1/audit/proof/consistency?${query}`))).toEqual(expected);
  });

  test('is not proven where the tiles were tampered with', async () => {
    const { ids } = await storedTree(vault);
    const spoil = `alter table amanat.audit_tiles disable trigger user;
      update amanat.audit_tiles set entries = set_byte(entries, 40, 255 - get_byte(entries, 40)) where level = 0;
      alter table amanat.audit_tiles enable trigger user`;
    await atDatabase(vault, spoil);
    expect((await dpo.get(`/v1/audit/proof/inclusion?leaf=${ids[0]}`)).body.code).toBe('integrity_failure');
    expect((await dpo.get('/v1/audit/proof/consistency?from=1')).body.code).toBe('integrity_failure');
    await atDatabase(vault, spoil);
    expect((await dpo.get(`/v1/audit/proof/inclusion?leaf=${ids[0]}`)).status).toBe(200);
  });
});
