import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkpointKey, openCheckpoint } from '../../src/crypto/checkpoint.ts';
import { verifyConsistency, verifyInclusion, type TreeHead } from '../../src/crypto/merkleTree.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { commit } from '../../src/db/commit.ts';
import { openDatabase, closeDatabase, type Database } from '../../src/db/database.ts';
import { statement } from '../../src/db/statement.ts';
import { createLog } from '../../src/log.ts';
import { openMetrics } from '../../src/metrics.ts';
import { openIntegrator, type Integrator } from '../../src/vault/integration.ts';
import { newId } from '../../src/vault/ids.ts';
import { proveConsistency, proveInclusion, readTreeHead } from '../../src/vault/tree.ts';
import { faultsOf, fillLeaves, storedTree } from '../support/auditTree.ts';
import { untilWaiting, withClient } from '../support/postgres.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { atDatabase, newPerson } from '../support/work.ts';
import { cuttingProxy, type CuttingProxy } from './cuttingProxy.ts';
import { everyStatement } from './statements.ts';

/** The log's tree: every leaf once, whatever dies, whoever races; and nothing proven from tiles that were tampered with. */

let vault: TestVault;
const leadMs = 3_000;

beforeAll(async () => {
  vault = await startVault();
});
afterAll(async () => vault.stop());

const integrators = new Map<TestVault, Integrator>();
/** As the process of this vault does twice a second. */
async function integrate(of: TestVault = vault): Promise<void> {
  const own = integrators.get(of) ?? openIntegrator(of.vault);
  integrators.set(of, own);
  await own();
}
/** As if whoever led had died: its lease runs out. */
const afterLeader = (): void => vault.advance(leadMs + 1);

async function whole(): Promise<Awaited<ReturnType<typeof storedTree>>> {
  const tree = await storedTree(vault);
  expect(faultsOf(tree)).toEqual([]);
  return tree;
}

async function headOf(of: TestVault = vault): Promise<TreeHead> {
  return (await readTreeHead(of.vault, await of.vault.keyring.tenant(of.tenantId))) ?? expect.fail('no tree');
}

describe('the tree of a log', () => {
  test('every statement that stores a leaf queues it', async () => {
    const storing = (await everyStatement()).filter(({ text }) => /insert into amanat\.audit_leaves/.test(text));
    expect(storing.length).toBeGreaterThanOrEqual(6);
    const queueing =
      /recorded as \(\s*insert into amanat\.audit_leaves[^;]*returning tenant_id, id\s*\)[^;]*insert into amanat\.audit_pending/;
    for (const { name, text } of storing) expect(queueing.test(text), name).toBe(true);
  });

  test('holds each leaf of a shop at work, in a checkpoint that the vault signed', async () => {
    const shop = await vault.client('shop_backend');
    const person = await newPerson(shop, synthetic(5).naturalCustomer());
    await shop.get(`/v1/customers/${person.id}`);
    expect((await shop.get(`/v1/customers/${newId(1)}`)).status).toBe(404);
    const before = await storedTree(vault);
    expect(before.pending).toBe(before.leaves);
    await integrate();
    const tree = await whole();
    expect([tree.pending, tree.head.size]).toEqual([0, tree.leaves]);
    const key = checkpointKey(vault.tenantId, vault.vault.keys.checkpoint[0].publicKey);
    expect(openCheckpoint(tree.head.checkpoint, [key])).toMatchObject({ size: tree.leaves, root: tree.head.root });
    const kept = await atDatabase<{ checkpoint: string }>(vault, 'select checkpoint from amanat.audit_checkpoints');
    expect(kept.map(({ checkpoint }) => checkpoint)).toEqual([tree.head.checkpoint]);
  });

  test('keeps a checkpoint a minute, and each one holds on', async () => {
    for (const seconds of [0, 30, 30, 1]) {
      vault.advance(seconds * 1000);
      await fillLeaves(vault, 3);
      await integrate();
      afterLeader();
    }
    const kept = await atDatabase<{ size: string; checkpoint: string }>(
      vault,
      'select size, checkpoint from amanat.audit_checkpoints order by size',
    );
    expect(kept).toHaveLength(2);
    const { head } = await whole();
    const key = checkpointKey(vault.tenantId, vault.vault.keys.checkpoint[0].publicKey);
    for (const { checkpoint } of kept) {
      const older = openCheckpoint(checkpoint, [key]) ?? expect.fail('does not open');
      const { path } = await proveConsistency(vault.vault, vault.tenantId, head, older.size, head.size);
      expect(verifyConsistency(older, head, path)).toBe(true);
    }
  });

  test('grows over tiles of every level, and proves any leaf in any tree of it', async () => {
    await fillLeaves(vault, 5_000);
    await integrate();
    const { hashes, head } = await whole();
    expect(head.size).toBeGreaterThan(5_000);
    const levels = await atDatabase<{ level: number; tiles: string }>(
      vault,
      'select level, count(*) as tiles from amanat.audit_tiles group by level order by level',
    );
    expect(levels.map(({ tiles }) => Number(tiles))).toEqual([Math.ceil(head.size / 256), 1]);
    const places = [0, 1, 255, 256, 257, 4095, 4096, head.size - 1];
    for (const size of [1, 2, 255, 256, 257, 511, 512, 4096, 4097, head.size]) {
      for (const index of places.filter((at) => at < size)) {
        const leaf = hashes[index] ?? expect.fail('no leaf');
        const proof = await proveInclusion(vault.vault, vault.tenantId, head, { index, leafHash: leaf }, size);
        expect(verifyInclusion(proof, proof.root), `${index} in ${size}`).toBe(true);
        if (size === head.size) expect(proof.root.equals(head.root)).toBe(true);
      }
    }
  });

  test('takes a leaf that commits late though its id is older', async () => {
    const id = newId(vault.vault.now() - 5_000);
    await withClient(vault.db.superuserUrl, async (client) => {
      await client.query('begin');
      await client.query(
        `insert into amanat.audit_leaves (tenant_id, id, leaf, leaf_hash) values ($1, $2, 'late', sha256('\\x006c617465'))`,
        [vault.tenantId, id],
      );
      await client.query('insert into amanat.audit_pending (tenant_id, id) values ($1, $2)', [vault.tenantId, id]);
      await fillLeaves(vault, 2);
      await integrate();
      expect((await whole()).ids).not.toContain(id);
      await client.query('commit');
    });
    await integrate();
    expect((await whole()).ids.at(-1)).toBe(id);
  });
});

describe('integrators', () => {
  test('of many, one leads; when it dies another follows soon', async () => {
    const others = await Promise.all([1, 2].map(async () => startVault({ beside: vault })));
    await fillLeaves(vault, 2);
    await integrate();
    await fillLeaves(vault, 2);
    for (const other of others) {
      other.advance(vault.vault.now() - other.vault.now());
      await integrate(other);
    }
    // It has leaves to integrate still: the first one leads.
    expect((await whole()).pending).toBe(2);
    for (const other of others) other.advance(leadMs);
    await integrate(others[0]);
    expect((await whole()).pending).toBe(0);
    for (const other of others) await other.stop();
  });

  test('that all believe they lead give each index once', async () => {
    const racers = await Promise.all([0, 1, 2, 3].map(async () => startVault({ beside: vault })));
    // Each clock is so far from the others' that no lease of theirs binds it.
    racers.forEach((racer, i) => racer.advance((i + 1) * 1_000_000));
    const { leaves, head } = await whole();
    for (let round = 1; round <= 3; round++) {
      await fillLeaves(vault, 150);
      await withClient(vault.db.superuserUrl, async (client) => {
        await client.query('begin');
        await client.query('select 1 from amanat.audit_heads for update');
        const all = Promise.all(racers.map(integrate));
        // Every one of them has computed its step on the same head, and waits to commit it.
        await untilWaiting(vault.db.superuserUrl, racers.length, all);
        await client.query('commit');
        await all;
      });
      const tree = await whole();
      expect([tree.leaves - leaves, tree.head.size - head.size, tree.pending]).toEqual([150 * round, 150 * round, 0]);
    }
    for (const racer of racers) await racer.stop();
    // Control: an index given twice and one left out would be seen.
    const tree = await whole();
    const twice = { ...tree, ids: [...tree.ids, tree.ids[0]!], hashes: [...tree.hashes, tree.hashes[0]!] };
    expect(faultsOf(twice)).toEqual(['a leaf twice', 'a leaf left out', 'another size', 'another root']);
    expect(faultsOf({ ...tree, ids: tree.ids.slice(1), hashes: tree.hashes.slice(1) })).toContain('a leaf left out');
  });
});

describe('an integrator that is cut off', () => {
  let proxy: CuttingProxy;
  let far: TestVault;

  beforeAll(async () => {
    const url = new URL(vault.db.serviceUrl);
    proxy = await cuttingProxy(Number(url.port));
    url.port = String(proxy.port);
    let inner: Database | undefined;
    far = await startVault({
      beside: vault,
      wrapDatabase: (db) => {
        inner = openDatabase({ connectionString: url.href, max: 2 });
        void closeDatabase(db);
        return inner;
      },
    });
  });
  afterAll(async () => {
    await far.stop();
    await proxy.stop();
  });

  test.each(['before', 'at the answer'] as const)('%s of its commit leaves nothing half done', async (when) => {
    vault.advance(10 * leadMs);
    far.advance(vault.vault.now() - far.vault.now());
    await fillLeaves(vault, 300);
    const { head } = await whole();
    const cut = proxy.cut(when, 'take_pending');
    await integrate(far);
    await cut;
    const after = await whole();
    // Control: cut before, nothing happened; cut at the answer, all of it did.
    expect(after.head.size - head.size).toBe(when === 'before' ? 0 : 300);
    afterLeader();
    await integrate();
    expect(await whole()).toMatchObject({ pending: 0, head: { size: head.size + 300 } });
  });
});

describe('the database', () => {
  let service: Database;
  beforeAll(() => {
    service = openDatabase({ connectionString: vault.db.serviceUrl, max: 1 });
  });
  afterAll(async () => closeDatabase(service));

  test.each([
    ['rewrite a tile', `update amanat.audit_tiles set entries = set_byte(entries, 0, 255 - get_byte(entries, 0))`],
    [
      'cut a tile',
      `update amanat.audit_tiles set entries = substring(entries from 1 for 32) where octet_length(entries) > 32`,
    ],
    ['move a tile', `update amanat.audit_tiles set tile = tile + 1000`],
    ['take a tile away', `delete from amanat.audit_tiles`],
    ['rewrite ids', `update amanat.audit_id_tiles set entries = set_byte(entries, 0, 255 - get_byte(entries, 0))`],
    ['take ids away', `delete from amanat.audit_id_tiles`],
    ['shrink the tree', `update amanat.audit_heads set size = size - 1`],
    ['rewrite the root', `update amanat.audit_heads set root = set_byte(root, 0, 255 - get_byte(root, 0))`],
    ['rewrite the head’s checkpoint', `update amanat.audit_heads set checkpoint = ''`],
    ['forget the tree', `delete from amanat.audit_heads`],
    ['forget a checkpoint', `delete from amanat.audit_checkpoints`],
    ['rewrite a checkpoint', `update amanat.audit_checkpoints set checkpoint = ''`],
  ])('does not let the service %s', async (_what, text) => {
    const scope = { tenantIds: [vault.tenantId] };
    await expect(commit(service, scope, [statement('attack', text, [])])).rejects.toMatchObject({ name: 'DbFault' });
    await whole();
  });

  test('control: it lets it grow a tile, and sign a head anew', async () => {
    const last = `tile = (select max(tile) from amanat.audit_tiles where level = 0) and level = 0`;
    const text = `update amanat.audit_tiles set entries = entries || decode(repeat('00', 32), 'hex') where ${last}`;
    const anew = `update amanat.audit_heads set mac = set_byte(mac, 0, 255 - get_byte(mac, 0))`;
    const undo = statement('undo', `select amanat.require(false, 'probe')`, []);
    for (const allowed of [text, anew])
      await expect(
        commit(service, { tenantIds: [vault.tenantId] }, [statement('allowed', allowed, []), undo]),
      ).rejects.toMatchObject({ guard: 'probe' });
  });
});

describe('tiles that were tampered with', () => {
  const spoil = async (sql: string): Promise<void> =>
    withClient(vault.db.superuserUrl, async (client) => {
      await client.query('set session_replication_role = replica');
      await client.query(sql);
    });
  const flip = (where: string, at: number): string =>
    `update amanat.audit_tiles set entries = set_byte(entries, ${at}, 255 - get_byte(entries, ${at})) where ${where}`;

  test('prove nothing and are built on by nobody', async () => {
    const { hashes, head } = await whole();
    const index = 300;
    const prove = async (): Promise<unknown> =>
      proveInclusion(vault.vault, vault.tenantId, head, { index, leafHash: hashes[index]! }, head.size);
    await prove();
    const places: readonly (readonly [string, number])[] = [
      ['level = 0 and tile = 1', 45 * 32],
      ['level = 0 and tile = 1', 255 * 32 + 31],
      ['level = 1 and tile = 0', 0],
      ['level = 1 and tile = 0', 5 * 32 + 7],
    ];
    for (const [where, at] of places) {
      await spoil(flip(where, at));
      await expect(prove(), where).rejects.toMatchObject({ code: 'integrity_failure' });
      await spoil(flip(where, at));
      await prove();
    }
    await fillLeaves(vault, 1);
    await spoil(flip('level = 1 and tile = 0', 0));
    const before = vault.logLines.length;
    const again = openIntegrator(vault.vault);
    for (let i = 0; i < 3; i++) await again();
    const told = vault.logLines.slice(before).filter((line) => line.includes('audit_tree'));
    expect(told).toHaveLength(1);
    expect((await storedTree(vault)).pending).toBe(1);
    // Control: put back, it goes on.
    await spoil(flip('level = 1 and tile = 0', 0));
    await again();
    expect((await whole()).pending).toBe(0);
  });

  test('a head that was put back is not built on either', async () => {
    afterLeader();
    const { head } = await headAndRow();
    await fillLeaves(vault, 2);
    await integrate();
    await spoil(
      `update amanat.audit_heads set size = ${head.size}, root = '\\x${head.root.toString('hex')}', mac = '\\x${head.mac.toString('hex')}'`,
    );
    await fillLeaves(vault, 1);
    const before = vault.logLines.length;
    afterLeader();
    await integrate();
    expect((await storedTree(vault)).pending).toBe(1);
    // A head of its own making has no MAC.
    await spoil(`update amanat.audit_heads set size = 1`);
    afterLeader();
    await integrate();
    expect(vault.logLines.slice(before).filter((line) => line.includes('audit_tree'))).not.toEqual([]);
    await expect(headOf()).rejects.toMatchObject({ code: 'integrity_failure' });
  });

  async function headAndRow(): Promise<{ readonly head: TreeHead & { readonly mac: Buffer } }> {
    const [row] = await atDatabase<{ size: string; root: Buffer; mac: Buffer }>(
      vault,
      'select size, root, mac from amanat.audit_heads',
    );
    return { head: { size: Number(row?.size), root: row!.root, mac: row!.mac } };
  }

  test('a leaf that is gone before it is integrated is told of and holds nobody up', async () => {
    const second = await startVault();
    await second.vault.watch.lookAnew();
    await integrate(second);
    const shop = await second.client('shop_backend');
    await newPerson(shop, synthetic(6).naturalCustomer());
    await withClient(second.db.superuserUrl, (client) =>
      client.query('delete from amanat.audit_leaves where id = (select min(id::text)::uuid from amanat.audit_pending)'),
    );
    await integrate(second);
    const { pending, head } = await storedTree(second);
    expect([pending, head.size > 1]).toEqual([1, true]);
    expect(second.logLines.filter((line) => line.includes('audit_leaf'))).toHaveLength(1);
    // Its age is what an operator sees, here and in the metrics.
    expect((await second.request('GET', '/readyz')).body.warnings).toBeUndefined();
    second.advance(61_000);
    const late = await second.request('GET', '/readyz');
    expect([late.status, late.body.warnings]).toEqual([200, ['audit_integration_late']]);
    const metrics = openMetrics(createLog({ level: 'info', destination: { write: () => undefined } }));
    metrics.watch(second.vault);
    const figures = await metrics.registry.metrics();
    expect(figures).toContain(`amanat_audit_entries{state="integrated"} ${head.size}\n`);
    expect(figures).toContain('amanat_audit_entries{state="waiting"} 1\n');
    expect(Number(/^amanat_audit_waiting_seconds (.+)$/m.exec(figures)?.[1])).toBeGreaterThan(60);
    await second.stop();
  });
});
