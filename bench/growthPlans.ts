import { randomBytes } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, escapeIdentifier } from 'pg';
import { parse } from 'yaml';
import { createApp, openVault } from '../src/app.ts';
import { closeDatabase, openDatabase, type Database } from '../src/db/database.ts';
import { databaseName, superuser } from '../src/db/embeddedCluster.ts';
import { ensureServiceLogin } from '../src/db/roles.ts';
import { scramVerifier } from '../src/db/scram.ts';
import { listen } from '../src/http/server.ts';
import { loadKeyFolder } from '../src/keys/folder.ts';
import { createLog } from '../src/log.ts';
import { sweepErasures } from '../src/vault/erasure.ts';
import { raiseDueEvents } from '../src/vault/dueEvents.ts';
import { advanceExtents } from '../src/vault/extentPass.ts';
import { housekeep } from '../src/vault/housekeeping.ts';
import { advanceTellings } from '../src/vault/incidentTelling.ts';
import { openIntegrator } from '../src/vault/integration.ts';
import { sweepMailings } from '../src/vault/policyMailing.ts';
import { sweepPolicyChanges } from '../src/vault/policySweep.ts';
import { watchReaders, type Heads } from '../src/vault/readerWatch.ts';
import { readiness } from '../src/vault/readiness.ts';
import { countRetention } from '../src/vault/retention.ts';
import { sweepSupplementary } from '../src/vault/supplementaryAnswers.ts';
import { treeProgress } from '../src/vault/tree.ts';
import type { Vault } from '../src/vault/vault.ts';
import { any } from './floorWorks.ts';
import type { Growing } from './grow.ts';
import { makeClient } from './seed.ts';

/**
 * What PostgreSQL did for each kind of work, told by itself (auto_explain): a statement that looks at more rows than it needs is
 * found here, whatever its table holds.
 */
export interface Passed {
  readonly work: string;
  readonly ms: number;
  readonly statements: number;
  /** Of 8 KiB, in memory or not. */
  readonly pages: number;
  /** Statements that looked at more than `many` rows of a table. */
  readonly heavy: readonly Heavy[];
}

export interface Heavy {
  readonly text: string;
  readonly node: string;
  readonly rows: number;
  readonly ms: number;
}

const many = 5_000;
const root = fileURLToPath(new URL('../../', import.meta.url));

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly PlanNode[];
}

interface Explained {
  readonly 'Query Text': string;
  readonly Plan: PlanNode;
}

export async function passesOf({ service, ownerUrl, seed }: Growing): Promise<readonly Passed[]> {
  const told: { ms: number; plan: Explained }[] = [];
  const db = await explainingDatabase(service.folder, ownerUrl, (ms, plan) => told.push({ ms, plan }));
  const keys = await loadKeyFolder(join(service.folder, 'keys'), { production: false });
  const log = createLog({ level: 'silent' });
  // As the service has it, so that its tokens are good here.
  const vault = openVault({ db, keys, issuer: 'http://127.0.0.1', now: Date.now, log });
  await vault.watch.look();
  const officer = await makeClient(service, 'dpo');
  // Where the service finds it, seen from its own code.
  await copyFile(join(root, 'openapi.yaml'), join(root, 'dist-bench/openapi.yaml'));
  const app = await listen(createApp(vault, log), { host: '127.0.0.1', port: 0 });
  const passed: Passed[] = [];
  for (const [work, doing] of [...backgroundOf(vault), ...(await requestsOf(app.url, seed, officer.bearer))]) {
    told.length = 0;
    const began = performance.now();
    const refused = await doing();
    const ms = performance.now() - began;
    passed.push({ work: typeof refused === 'string' ? `${work}: ${refused}` : work, ms, ...summed(told) });
  }
  await app.stop();
  await closeDatabase(db);
  return passed;
}

type Doing = readonly [string, () => Promise<unknown>];

/** Whatever a process does by itself; each once. */
function backgroundOf(vault: Vault): readonly Doing[] {
  const [tenantId = ''] = vault.watch.tenants();
  const heads: Heads = new Map();
  return [
    ['look at policies, clients, revocations (1 s)', () => vault.watch.look()],
    ['integration into the tree (0.5 s)', openIntegrator(vault)],
    ['anomalies and decoys, first look', () => watchReaders(vault, heads)],
    ['anomalies and decoys (1 s)', () => watchReaders(vault, heads)],
    ['changes of policy (2 s)', () => sweepPolicyChanges(vault, new Map())],
    ['mailings of policies (2 s)', () => sweepMailings(vault)],
    ['tellings of incidents (2 s)', () => advanceTellings(vault)],
    ['extents of incidents (2 s)', () => advanceExtents(vault)],
    ['due events (30 s)', () => raiseDueEvents(vault)],
    ['supplementary requests (30 s)', () => sweepSupplementary(vault)],
    ['erasures (30 s)', () => sweepErasures(vault)],
    ['housekeeping and retention (10 min)', () => housekeep(vault)],
    ['retention, dry run', () => countRetention(vault, vault.watch.policy(tenantId), tenantId)],
    ['readyz', () => readiness(vault)],
    ['metrics of the tree', () => treeProgress(vault)],
  ];
}

interface Described {
  readonly get?: {
    readonly 'x-roles'?: readonly string[];
    readonly parameters?: readonly { readonly name?: string; readonly required?: boolean }[];
  };
}

/** Everything that the officer may list or read of one customer, as openapi.yaml has it, and a search. */
async function requestsOf(url: string, { ids, nationalIds, bearer }: Growing['seed'], officer: () => string) {
  const { paths } = parse(await readFile(join(root, 'openapi.yaml'), 'utf8')) as { paths: Record<string, Described> };
  const id = any(ids);
  const lists = Object.entries(paths).flatMap(([path, { get }]): Doing[] => {
    const roles = get?.['x-roles'] ?? [];
    const named = get?.parameters?.filter(({ required }) => required === true) ?? [];
    if (!roles.includes('dpo') || named.length > 0) return [];
    if (path.replace('/v1/customers/{id}', '').includes('{')) return [];
    const own = get?.parameters?.some(({ name }) => name === 'customerId' || name === 'subject') === true;
    const ways = own ? ['', path === '/v1/audit' ? `?subject=${id}` : `?customerId=${id}`] : [''];
    return ways.map((query) => [
      `GET ${path}${query.replace(id, '…')}`,
      () => answered(url + path.replace('{id}', id) + query, officer),
    ]);
  });
  const sought = { by: 'nationalId', value: any(nationalIds) };
  const search = () => answered(`${url}/v1/customers/search`, bearer.shop, sought);
  return [...lists, ['POST /v1/customers/search', search] as const];
}

async function answered(url: string, who: () => string, body?: unknown): Promise<string | undefined> {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: who(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  await answer.text();
  return answer.ok ? undefined : String(answer.status);
}

/** A login as the service's own, on whose connections PostgreSQL explains each statement to its client. */
async function explainingDatabase(
  folder: string,
  ownerUrl: string,
  onPlan: (ms: number, plan: Explained) => void,
): Promise<Database> {
  const password = randomBytes(16).toString('hex');
  const url = new URL(ownerUrl);
  const secret = (await readFile(join(folder, 'postgres/superuser.secret'), 'utf8')).trim();
  const admin = new Client({ connectionString: `postgres://${superuser}:${secret}@${url.host}/${databaseName}` });
  const owner = new Client({ connectionString: ownerUrl });
  await Promise.all([admin.connect(), owner.connect()]);
  url.username = await ensureServiceLogin(owner, { verifier: await scramVerifier(password), suffix: 'explained' });
  url.password = password;
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_buffers': 'on',
    'auto_explain.log_format': 'json',
    'auto_explain.log_level': 'notice',
    statement_timeout: '0',
    transaction_timeout: '0',
  };
  for (const [name, value] of Object.entries(settings))
    await admin.query(`alter role ${escapeIdentifier(url.username)} set ${name} to '${value}'`);
  await Promise.all([admin.end(), owner.end()]);
  const db = openDatabase({ connectionString: url.href, max: 4, deadlineMs: 600_000 });
  db.pool.on('connect', (client) => {
    client.on('notice', ({ message = '' }) => {
      const [, ms, plan] = /^duration: ([\d.]+) ms\s+plan:\s+(.*)$/s.exec(message) ?? [];
      if (plan !== undefined) onPlan(Number(ms), JSON.parse(plan) as Explained);
    });
  });
  return db;
}

function summed(told: readonly { readonly ms: number; readonly plan: Explained }[]): Omit<Passed, 'work' | 'ms'> {
  const pages = told.reduce(
    (sum, { plan }) => sum + (plan.Plan['Shared Hit Blocks'] ?? 0) + (plan.Plan['Shared Read Blocks'] ?? 0),
    0,
  );
  const heavy = told.flatMap(({ ms, plan }) =>
    nodesOf(plan.Plan).flatMap((node) => {
      const rows = lookedAt(node);
      const name = `${node['Node Type']} ${node['Index Name'] ?? node['Relation Name']}`;
      return rows > many ? [{ text: plan['Query Text'].replaceAll(/\s+/g, ' ').trim(), node: name, rows, ms }] : [];
    }),
  );
  return { statements: told.length, pages, heavy };
}

const nodesOf = (node: PlanNode): readonly PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** Rows of a table, those thrown away included. */
function lookedAt(node: PlanNode): number {
  if (node['Relation Name'] === undefined && node['Index Name'] === undefined) return 0;
  const each =
    (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return Math.round(each * (node['Actual Loops'] ?? 1));
}
