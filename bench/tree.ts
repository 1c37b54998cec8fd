import { mkdtemp, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { openVault } from '../src/app.ts';
import { leafHash } from '../src/crypto/leaf.ts';
import { insertLeaf, type LeafRow } from '../src/db/audit.ts';
import { commit } from '../src/db/commit.ts';
import { closeDatabase, openDatabase, type Database } from '../src/db/database.ts';
import { startEmbedded } from '../src/db/embedded.ts';
import { migrate } from '../src/db/migrate.ts';
import { ensureServiceLogin } from '../src/db/roles.ts';
import { scramVerifier } from '../src/db/scram.ts';
import { statement, type Statement } from '../src/db/statement.ts';
import { createKeyFolder, loadKeyFolder } from '../src/keys/folder.ts';
import { createLog } from '../src/log.ts';
import { newId } from '../src/vault/ids.ts';
import { openIntegrator } from '../src/vault/integration.ts';
import { newTenant } from '../src/vault/tenants.ts';
import { proveConsistency, proveInclusion, readTreeHead } from '../src/vault/tree.ts';
import type { Vault } from '../src/vault/vault.ts';
import { readFileSync } from 'node:fs';

/**
 * The log's tree by itself: what queueing costs the insert of a leaf, how fast leaves are integrated, and what a proof reads at so
 * many of them. `npm run bench:tree -- 1000000`; prints one line a figure.
 */
const root = fileURLToPath(new URL('../../', import.meta.url));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;

async function main(count: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'amanat-tree-'));
  const embedded = await startEmbedded({ folder: join(folder, 'postgres') });
  try {
    await migrate(embedded.ownerUrl, { dir: join(root, 'sql') });
    await createKeyFolder(join(folder, 'keys'));
    const keys = await loadKeyFolder(join(folder, 'keys'), { production: true });
    const owner = new Client({ connectionString: embedded.ownerUrl });
    await owner.connect();
    const password = randomBytes(16).toString('hex');
    const url = new URL(embedded.ownerUrl);
    url.username = await ensureServiceLogin(owner, { verifier: await scramVerifier(password) });
    url.password = password;
    const reads = { statements: 0, tiles: 0 };
    const db = openDatabase({ connectionString: url.href, max: 4 });
    const log = createLog({ level: 'error', destination: { write: (line) => say(line) } });
    const vault = openVault({ db, keys, issuer: 'https://bench.example', now: Date.now, log });
    const profile = readFileSync(join(root, 'policies/kalak.yaml'), 'utf8');
    const { tenantId, statements } = await newTenant(keys.root.current, 'bench', profile, Date.now());
    await commit(db, { tenantIds: [tenantId] }, statements);
    await vault.watch.look();
    await timeInserts(db, tenantId);
    await timeWork(owner, tenantId);
    await fill(owner, tenantId, count);
    await timeIntegration(vault, owner, tenantId);
    await timeProofs(vault, owner, tenantId, reads);
    await owner.end();
    await closeDatabase(db);
  } finally {
    await embedded.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function leafOf(tenantId: string): LeafRow {
  const leaf = randomBytes(300);
  const id = newId(Date.now());
  return { tenantId, id, clientId: tenantId, subjectId: id, grantId: undefined, leaf, leafHash: leafHash(leaf) };
}

function withoutQueue(leaf: LeafRow): Statement {
  return statement(
    'insert_leaf_alone',
    `insert into amanat.audit_leaves (tenant_id, id, client_id, subject_id, grant_id, leaf, leaf_hash)
     values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::bytea, $7::bytea)`,
    [leaf.tenantId, leaf.id, leaf.clientId, leaf.subjectId, null, leaf.leaf, leaf.leafHash],
  );
}

/** Rounds of both kinds in turn, so that neither has the quieter machine. */
async function timeInserts(db: Database, tenantId: string): Promise<void> {
  const each = 1_000;
  const run = async (insert: (leaf: LeafRow) => Statement): Promise<number> => {
    const began = performance.now();
    for (let i = 0; i < each; i++) await commit(db, { tenantIds: [tenantId] }, [insert(leafOf(tenantId))]);
    return ((performance.now() - began) * 1000) / each;
  };
  await run(insertLeaf);
  const [alone, queued]: [number[], number[]] = [[], []];
  for (let round = 0; round < 7; round++) {
    alone.push(await run(withoutQueue));
    queued.push(await run(insertLeaf));
  }
  const [one, other] = [median(alone), median(queued)];
  say(
    `insert of a leaf, one commit: ${one.toFixed(0)} µs alone, ${other.toFixed(0)} µs queued (${(other / one).toFixed(2)})`,
  );
  say(`  rounds alone ${alone.map(Math.round).join(' ')}, queued ${queued.map(Math.round).join(' ')}`);
}

/** What PostgreSQL itself does for a leaf, without the commit and the way there: many in one statement, taken back. */
async function timeWork(owner: Client, tenantId: string): Promise<void> {
  const each = 5_000;
  const insert = `insert into amanat.audit_leaves (tenant_id, id, client_id, subject_id, leaf, leaf_hash)
    select $1::uuid, gen_random_uuid(), $1::uuid, gen_random_uuid(), decode(repeat('ab', 300), 'hex'), sha256(n::text::bytea)
      from generate_series(1, ${each}) n`;
  const queue = `with recorded as (${insert} returning tenant_id, id)
    insert into amanat.audit_pending (tenant_id, id) select r.tenant_id, r.id from recorded r`;
  const run = async (text: string): Promise<number> => {
    await owner.query('begin');
    const began = performance.now();
    await owner.query(text, [tenantId]);
    const took = performance.now() - began;
    await owner.query('rollback');
    return (took * 1000) / each;
  };
  await run(queue);
  const [alone, queued]: [number[], number[]] = [[], []];
  for (let round = 0; round < 15; round++) {
    alone.push(await run(insert));
    queued.push(await run(queue));
  }
  say(`work of PostgreSQL for a leaf: ${median(alone).toFixed(1)} µs alone, ${median(queued).toFixed(1)} µs queued`);
}

async function fill(owner: Client, tenantId: string, count: number): Promise<void> {
  const began = performance.now();
  for (let done = 0; done < count; done += 50_000) {
    await owner.query(
      `with made as (
         select lpad(to_hex($3::bigint + n), 12, '0') as ms, gen_random_uuid()::text as random,
                convert_to(repeat('x', 300) || ($3::bigint + n), 'UTF8') as leaf
           from generate_series(1, $2::integer) n
       ),
       recorded as (
         insert into amanat.audit_leaves (tenant_id, id, client_id, leaf, leaf_hash)
         select $1::uuid, (left(m.ms, 8) || '-' || substr(m.ms, 9) || '-7' || substr(m.random, 16))::uuid, $1::uuid, m.leaf,
                sha256('\\x00'::bytea || m.leaf) from made m
         returning tenant_id, id
       )
       insert into amanat.audit_pending (tenant_id, id) select r.tenant_id, r.id from recorded r`,
      [tenantId, Math.min(50_000, count - done), Date.now() - 10_000_000 + done],
    );
  }
  say(`filled ${count} leaves in ${((performance.now() - began) / 1000).toFixed(0)} s`);
}

async function timeIntegration(vault: Vault, owner: Client, tenantId: string): Promise<void> {
  const began = performance.now();
  const integrate = openIntegrator(vault);
  for (let left = 1; left > 0;) {
    await integrate();
    left = Number((await owner.query('select count(*) from amanat.audit_pending')).rows[0].count);
  }
  const seconds = (performance.now() - began) / 1000;
  const head = await readTreeHead(vault, await vault.keyring.tenant(tenantId));
  say(
    `integrated ${head?.size} leaves in ${seconds.toFixed(1)} s: ${((head?.size ?? 0) / seconds).toFixed(0)} a second`,
  );
  const sizes = await owner.query(
    `select t, pg_total_relation_size(('amanat.' || t)::regclass)::float8 as bytes
       from unnest(array['audit_leaves', 'audit_tiles', 'audit_id_tiles', 'audit_pending']) t`,
  );
  for (const { t, bytes } of sizes.rows) say(`  ${t}: ${(bytes / (head?.size ?? 1)).toFixed(1)} bytes a leaf`);
}

async function timeProofs(
  { ...vault }: Vault,
  owner: Client,
  tenantId: string,
  reads: { statements: number; tiles: number },
): Promise<void> {
  const keys = await vault.keyring.tenant(tenantId);
  const head = (await readTreeHead(vault, keys)) ?? { size: 0, root: Buffer.alloc(0) };
  const { rows } = await owner.query<{ tile: string; entries: Buffer }>(
    'select tile, entries from amanat.audit_tiles where level = 0 order by tile',
  );
  const leafAt = (index: number): Buffer => {
    const entries = rows[Math.floor(index / 256)]?.entries ?? Buffer.alloc(0);
    return entries.subarray((index % 256) * 32, (index % 256) * 32 + 32);
  };
  const measure = async (name: string, prove: (n: number) => Promise<unknown>): Promise<void> => {
    const times: number[] = [];
    const before = await tilesRead(owner);
    for (let n = 0; n < 500; n++) {
      const began = performance.now();
      await prove(n);
      times.push(performance.now() - began);
    }
    reads.tiles = (await tilesRead(owner)) - before;
    const sorted = times.toSorted((a, b) => a - b);
    say(
      `${name}: median ${median(times).toFixed(2)} ms, p99 ${sorted[494]?.toFixed(2)} ms, ${(reads.tiles / 500).toFixed(1)} tiles`,
    );
  };
  const anywhere = (): number => Math.floor(Math.random() * head.size);
  await measure('inclusion in the head', async () => {
    const index = anywhere();
    await proveInclusion(vault, tenantId, head, { index, leafHash: leafAt(index) }, head.size);
  });
  await measure('inclusion in an older tree', async () => {
    const [index, size] = [anywhere(), anywhere() + 1].toSorted((a, b) => a - b) as [number, number];
    await proveInclusion(
      vault,
      tenantId,
      head,
      { index: Math.min(index, size - 1), leafHash: leafAt(Math.min(index, size - 1)) },
      size,
    );
  });
  await measure('consistency of two older trees', async () => {
    const [from, to] = [anywhere() + 1, anywhere() + 1].toSorted((a, b) => a - b) as [number, number];
    await proveConsistency(vault, tenantId, head, from, to);
  });
}

/** Rows of tiles that PostgreSQL fetched by the index. */
async function tilesRead(owner: Client): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await owner.query('select pg_stat_clear_snapshot()');
  const { rows } = await owner.query(
    `select idx_tup_fetch::float8 as count from pg_stat_all_tables where schemaname = 'amanat' and relname = 'audit_tiles'`,
  );
  return rows[0].count;
}

await main(Number(process.argv[2] ?? 1_000_000));
