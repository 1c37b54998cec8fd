import { spawn, type ChildProcess } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wrapContext, type TenantKeyUse } from '../../src/crypto/wrap.ts';
import { loadKeyFolder } from '../../src/keys/folder.ts';
import { freePort } from '../../src/worker.ts';
import { withClient } from '../support/postgres.ts';
import { rootKeyBytes } from '../support/rootKeyBytes.ts';
import { processesOf } from './ownCluster.ts';
import { scannerFor, type Canary } from './leaks.ts';
import { badDay, customersDay, importLines, legalDay, openDay, ordersDay, word, type Day } from './p5Day.ts';

/**
 * P5: the service as it ships, for a day on which everything the API offers is done with values that stand nowhere else, over
 * a PostgreSQL that writes down all it can. Then all of them, and every key and secret, are looked for in everything that
 * was written: logs, headers, refusals, metrics, statistics, files, what commands print.
 */

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'amanat-leaks-'));
const dataDir = join(folder, 'data');
const cluster = join(dataDir, 'postgres', 'cluster');

/** Where something was written, and what. */
type Places = Map<string, Buffer>;
const places: Places = new Map();
/** Planted by the test itself: each must be found in the place it is named for. */
const planted: Canary[] = [];
let day: Day;
let keys: Canary[];
/** Rows of every table, as text. */
let rows: string;

const running = new Set<ChildProcess>();

/** Runs a program of Node's and keeps every byte it says. */
function listen(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: process.env['PATH'], AMANAT_DATA_DIR: dataDir, AMANAT_LOG_LEVEL: 'debug', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  child.stdout.on('data', (piece: Buffer) => (said.stdout = Buffer.concat([said.stdout, piece])));
  child.stderr.on('data', (piece: Buffer) => (said.stderr = Buffer.concat([said.stderr, piece])));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  running.add(child);
  void ended.then(() => running.delete(child));
  return { child, said, ended };
}

interface Service {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** The service, until it is stopped; then what it said is one of the places. */
async function startService(name: string, metricsPort: number): Promise<Service> {
  const { child, said, ended } = listen(['dist/main.js'], {
    AMANAT_PORT: '0',
    AMANAT_METRICS_PORT: String(metricsPort),
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const found = /"event":"listening","url":"([^"]+)"/.exec(said.stdout.toString('utf8'))?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('close', () => reject(new Error(said.stderr.toString('utf8'))));
  });
  return {
    url,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
      places.set(`${name}: stdout`, said.stdout);
      places.set(`${name}: stderr`, said.stderr);
    },
  };
}

const secretFile = (name: string): string => readFileSync(join(dataDir, 'postgres', name), 'utf8').trim();

function superuserUrl(database: string): string {
  const port = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[3];
  return `postgres://postgres:${secretFile('superuser.secret')}@127.0.0.1:${port}/${database}`;
}

/** Everything PostgreSQL can be told to write down: its command line keeps these for the database and the cluster. */
async function makeTalkative(): Promise<void> {
  await withClient(superuserUrl('postgres'), async (client) => {
    const ofDatabase = {
      log_statement: 'all',
      log_min_duration_statement: '0',
      log_parameter_max_length: '-1',
      log_parameter_max_length_on_error: '-1',
      log_min_messages: 'info',
      log_min_error_statement: 'debug5',
      log_error_verbosity: 'verbose',
      'auto_explain.log_min_duration': '0',
      'auto_explain.log_parameter_max_length': '-1',
      work_mem: '64kB',
      log_temp_files: '0',
    };
    await client.query(`alter system set shared_preload_libraries = 'pg_stat_statements', 'auto_explain'`);
    await client.query(`alter system set track_activity_query_size = '64kB'`);
    await client.query(`alter system set wal_level = 'logical'`);
    for (const [name, value] of Object.entries(ofDatabase))
      await client.query(`alter database amanat set ${name} = '${value}'`);
  });
}

function plant(place: string): string {
  const value = `${word()}${word()}`;
  planted.push({ name: place, value });
  return value;
}

/** Answers are heard by their headers; this one says something it should not. */
async function plantHeader(): Promise<void> {
  const value = encodeURIComponent(plant('headers'));
  const server = createServer((_, res) => res.writeHead(404, { 'x-note': value }).end(plant('refusals')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  for (const [name, text] of answer.headers) day.heard.push(`${name}: ${text}`);
  day.heard.push(await answer.text());
  server.close();
}

/** In a row, in a large one that is compressed, in a statement, in a session, in an error. */
async function plantInDatabase(): Promise<void> {
  await withClient(superuserUrl('amanat'), async (client) => {
    await client.query('create extension if not exists pg_stat_statements');
    await client.query('create table amanat.planted (note text)');
    await client.query('insert into amanat.planted values ($1)', [plant('heap')]);
    await client.query('insert into amanat.planted values ($1)', [
      `${'<b>نان و پنیر</b>'.repeat(2_000)}${plant('rows')}`,
    ]);
    await client.query('select $1::text', [plant('postgres.log')]);
    await client.query(`select $1::integer`, [plant('an error')]).catch(() => undefined);
    await client.query(`select 1 as "${plant('pg_stat_statements')}"`);
    await client.query('checkpoint');
  });
}

/** What PostgreSQL tells of what it was asked. */
async function readStatistics(): Promise<void> {
  const idle = new Client({ connectionString: superuserUrl('amanat') });
  await idle.connect();
  await idle.query(`select 2 as "${plant('pg_stat_activity')}"`);
  await withClient(superuserUrl('amanat'), async (client) => {
    const text = async (sql: string): Promise<Buffer> => Buffer.from(JSON.stringify((await client.query(sql)).rows));
    places.set('pg_stat_activity', await text('select * from pg_stat_activity'));
    places.set('pg_stat_statements', await text('select * from pg_stat_statements'));
    places.set('pg_stats', await text('select * from pg_stats'));
    places.set('catalogue', await text(`select * from pg_roles cross join pg_settings where source <> 'default'`));
    const tables = await client.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'amanat'::regnamespace and relkind = 'r'`,
    );
    const pieces: string[] = [];
    for (const { name } of tables.rows) {
      await client.query(`analyze amanat.${name}`);
      pieces.push(
        ...(await client.query<{ row: string }>(`select to_jsonb(t)::text as row from amanat.${name} t`)).rows.map(
          ({ row }) => row,
        ),
      );
    }
    rows = pieces.join('\n');
    places.set('rows', Buffer.from(rows));
    places.set('pg_stats', await text('select * from pg_stats'));
  });
  await idle.end();
}

/** Every file of the data folder but the keys and the first run's secret, which are for the operator's eyes. */
function readFiles(): void {
  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(dataDir.length + 1);
    if (!name.startsWith('keys/') && name !== 'first-run.json') places.set(`file ${name}`, readFileSync(path));
  }
}

const postmasterPid = (): number => Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);

/** What everybody on the machine can see of a process: its command line; and what its own user can, its environment. */
function readProcess(pid: number): void {
  for (const part of ['cmdline', 'environ']) {
    const file = `/proc/${pid}/${part}`;
    if (existsSync(file)) places.set(`process ${pid} ${part}`, readFileSync(file));
  }
}

/** A write fails inside PostgreSQL, with its values in hand. */
async function failInside(buyer: { readonly id: string; readonly addressId: string }): Promise<void> {
  const owner = superuserUrl('amanat');
  const refuse = (sql: string): Promise<unknown> => withClient(owner, (client) => client.query(sql));
  await refuse('revoke insert on amanat.orders from amanat_service');
  const delivery = { to: 'customer', addressId: buyer.addressId };
  const name = word();
  day.canaries.push({ name: 'of a write that failed', value: name });
  const answer = await day.staff.shop_backend.post('/v1/orders', { customerId: buyer.id, externalRef: name, delivery });
  expect(answer.status).toBeGreaterThanOrEqual(500);
  await refuse('grant insert on amanat.orders to amanat_service');
}

/** Every command that an operator has, while the service runs. */
async function runCommands(url: string): Promise<void> {
  const { csv, ndjson } = importLines(day);
  const files = join(folder, 'files');
  mkdirSync(files);
  for (const [name, text] of [
    ['people.csv', csv],
    ['people.ndjson', ndjson],
    ['secret', day.staff.shop_backend.secret],
  ] as const)
    writeFileSync(join(files, name), text);
  const session = [
    '--url',
    url,
    '--client-id',
    day.staff.shop_backend.id,
    '--client-secret-file',
    join(files, 'secret'),
  ];
  const commands: readonly (readonly string[])[] = [
    ['--help'],
    ['import', '--help'],
    ['import', join(files, 'people.csv'), ...session],
    ['import', join(files, 'people.ndjson'), ...session, '--json'],
    ['import', join(files, 'secret'), ...session],
    ['tenants', 'list'],
    ['tenants', 'list', '--json'],
    ['clients', 'list', '--json'],
    ['keys', 'check'],
    ['audit', 'verify'],
    ['audit', 'verify', '--json'],
    ['audit', 'export', '--out', join(files, 'log')],
    ['verify'],
    ['verify', '--json'],
    ['profile', 'check', 'policies/kalak.yaml'],
    ['migrate'],
    ['no-such-command'],
  ];
  for (const args of commands) {
    const { said, ended } = listen(['dist/cli/main.js', ...args]);
    await ended;
    places.set(`amanat ${args.join(' ').replaceAll(folder, '')}`, Buffer.concat([said.stdout, said.stderr]));
  }
  for (const name of readdirSync(files))
    if (name.includes('.import') || name.includes('.results') || name === 'log')
      places.set(`written ${name}`, readFileSync(join(files, name)));
}

/** Root key, signing keys, tenants' keys, the database's passwords. */
async function readKeys(): Promise<Canary[]> {
  const keysFolder = join(dataDir, 'keys');
  const loaded = await loadKeyFolder(keysFolder, { production: true });
  const password = await loaded.root.current.secret('database service login');
  const found: Canary[] = [
    { name: 'the root key', value: rootKeyBytes(keysFolder) },
    { name: 'the service’s password', value: password.toString('base64url') },
    { name: 'the service’s password’s bytes', value: password },
    { name: 'the owner’s password', value: secretFile('owner.secret') },
    { name: 'the superuser’s password', value: secretFile('superuser.secret') },
  ];
  for (const name of ['token-1.pem', 'export-1.pem', 'checkpoint-1.pem']) {
    const pem = readFileSync(join(keysFolder, name), 'utf8');
    for (const [part, value] of Object.entries(createPrivateKey(pem).export({ format: 'jwk' }))) {
      if (['d', 'p', 'q', 'dp', 'dq', 'qi'].includes(part))
        found.push({ name: `${name} ${part}`, value: Buffer.from(String(value), 'base64url') });
    }
    for (const [i, line] of pem.split('\n').entries())
      if (line.length > 40 && !line.startsWith('-')) found.push({ name: `${name}, line ${i}`, value: line });
  }
  await withClient(superuserUrl('amanat'), async (client) => {
    const { rows: wrapped } = await client.query<{
      tenant_id: string;
      use: TenantKeyUse;
      version: number;
      wrapped: Buffer;
    }>('select * from amanat.tenant_keys');
    for (const key of wrapped) {
      const context = wrapContext.tenantKey(key.tenant_id, key.use, key.version);
      const value = await loaded.root.current.unwrap(context, key.wrapped);
      found.push({ name: `the tenant's ${key.use} key`, value });
    }
  });
  return found;
}

beforeAll(async () => {
  const metricsPort = await freePort('127.0.0.1');
  const first = await startService('first start', metricsPort);
  await makeTalkative();
  await first.stop();
  const service = await startService('the day', metricsPort);
  day = await openDay(
    service.url,
    JSON.parse(readFileSync(join(dataDir, 'first-run.json'), 'utf8')) as Record<string, string>,
  );
  const buyer = await customersDay(day);
  await ordersDay(day, buyer);
  await legalDay(day, buyer.id);
  await badDay(day, service.url);
  await failInside(buyer);
  await runCommands(service.url);
  for (const path of ['/readyz', '/docs', '/openapi.yaml', '/.well-known/jwks.json']) {
    places.set(path, Buffer.from(await (await fetch(service.url + path)).text()));
  }
  places.set('metrics', Buffer.from(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()));
  keys = await readKeys();
  await plantHeader();
  await plantInDatabase();
  await readStatistics();
  if (existsSync('/proc')) for (const pid of [service.pid, postmasterPid()].flatMap(processesOf)) readProcess(pid);
  await service.stop();
  readFiles();
  places.set('headers and refusals', Buffer.from(day.heard.join('\n')));
  const { said, ended } = listen([
    '-e',
    `console.log(${JSON.stringify(plant('stdout'))}); console.error(${JSON.stringify(plant('stderr'))})`,
  ]);
  await ended;
  places.set('planted: stdout', said.stdout);
  places.set('planted: stderr', said.stderr);
}, 120_000);
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Which canaries are in which places. */
function leaks(canaries: readonly Canary[], among: Places = places): string[] {
  const scanner = scannerFor(canaries);
  return [...among].flatMap(([place, bytes]) =>
    scanner.scan(bytes).map(({ canary, written }) => `${canary} in ${place} as ${written}`),
  );
}

describe('P5: after a day of everything', () => {
  test('control: that day was a full one, and PostgreSQL wrote down what it could', () => {
    expect(day.canaries.length).toBeGreaterThan(400);
    expect(new Set(day.canaries.map(({ value }) => String(value))).size).toBeGreaterThan(390);
    expect(places.size).toBeGreaterThan(1_000);
    const log = places.get('file postgres/postgres.log')?.toString('utf8') ?? '';
    // Statements of the service with their parameters, errors with their statements, plans.
    for (const written of [
      'insert into amanat.customers',
      'insert into amanat.legal_orders',
      'Parameters: $1 = ',
      'permission denied',
      'Query Text: ',
      'exclusive)',
    ]) {
      expect(log, written).toContain(written);
    }
    const wal = [...places].filter(([name]) => name.includes('pg_wal/0'));
    expect(wal.reduce((sum, [, bytes]) => sum + bytes.length, 0)).toBeGreaterThan(16_000_000);
    const lines = places.get('the day: stdout')?.toString('utf8').split('\n') ?? [];
    expect(lines.filter((line) => line.includes('"event":"request"')).length).toBeGreaterThan(100);
    expect(lines.some((line) => /"event":"(?:fault|audit_unavailable)"/.test(line))).toBe(true);
    expect(day.heard.length).toBeGreaterThan(1_000);
  });

  test('no value of a person stands in any log, header, refusal, file, statistic or output', () => {
    expect(leaks(day.canaries)).toEqual([]);
  });

  test('nor does any key, secret or token', () => {
    const own = new Set(['file postgres/owner.secret', 'file postgres/superuser.secret']);
    const among = new Map([...places].filter(([name]) => !own.has(name)));
    expect(keys.length).toBeGreaterThan(15);
    expect(day.secrets.length).toBeGreaterThan(20);
    expect(leaks([...keys, ...day.secrets], among)).toEqual([]);
    // The control: the two files that hold the passwords of the embedded database do.
    const held = leaks(keys, new Map([...places].filter(([name]) => own.has(name))));
    expect(held).toEqual(
      expect.arrayContaining([
        expect.stringContaining('the owner’s password in'),
        expect.stringContaining('the superuser’s password in'),
      ]),
    );
  });

  test('nor a delivery code: not in a row, a statement’s parameter, a log line or a header', () => {
    expect(day.deliveryCodes.length).toBe(4);
    const log = places.get('file postgres/postgres.log')?.toString('utf8') ?? '';
    const said = places.get('the day: stdout')?.toString('utf8') ?? '';
    for (const code of [...day.deliveryCodes, '7531']) {
      const alone = new RegExp(`(["'=/: ])${code}\\1|=${code}\\b|"${code}"|'${code}'`);
      for (const [place, text] of Object.entries({ rows, log, said, heard: day.heard.join('\n') }))
        expect(alone.test(text), place).toBe(false);
    }
    const [code = ''] = day.deliveryCodes;
    for (const text of [`{"code":"${code}"}`, `$1 = '${code}'`])
      expect(text).toMatch(new RegExp(`"${code}"|'${code}'`));
  });

  test('control: what was planted in each place is found there by the same scan', () => {
    const found = leaks(planted);
    const where: Readonly<Record<string, RegExp>> = {
      headers: /in headers and refusals as/,
      refusals: /in headers and refusals as/,
      heap: /in file postgres\/cluster\/base\/\d+\/\d+ as UTF-8$/,
      rows: /in rows as/,
      'postgres.log': /in file postgres\/postgres\.log as/,
      'an error': /in file postgres\/postgres\.log as/,
      pg_stat_statements: /in pg_stat_statements as/,
      pg_stat_activity: /in pg_stat_activity as/,
      stdout: /in planted: stdout as/,
      stderr: /in planted: stderr as/,
    };
    expect(planted.map(({ name }) => name).toSorted()).toEqual(Object.keys(where).toSorted());
    for (const [name, place] of Object.entries(where)) {
      expect(
        found.filter((line) => line.startsWith(`${name} in `) && place.test(line)),
        name,
      ).not.toEqual([]);
    }
    expect(found.some((line) => /^heap in file postgres\/cluster\/pg_wal\/0\w+ as/.test(line))).toBe(true);
    expect(found.some((line) => /^pg_stat_statements in file .*pg_stat/.test(line))).toBe(true);
  });
});
