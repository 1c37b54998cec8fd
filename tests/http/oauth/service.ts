import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { createApp, openVault } from '../../../src/app.ts';
import { decodeLeaf, type AuditLeaf } from '../../../src/crypto/leaf.ts';
import { commit } from '../../../src/db/commit.ts';
import { closeDatabase, openDatabase } from '../../../src/db/database.ts';
import { listen } from '../../../src/http/server.ts';
import { createKeyFolder, loadKeyFolder, type KeyFolder } from '../../../src/keys/folder.ts';
import { createLog } from '../../../src/log.ts';
import { newTenant } from '../../../src/vault/tenants.ts';
import type { Vault } from '../../../src/vault/vault.ts';
import { testDatabase, withClient, type TestDatabase } from '../../support/postgres.ts';

/** The token part of the service, of real parts: a database, a keys folder, any number of processes' worth of it. */

export interface Tenant {
  readonly tenantId: string;
  readonly admin: Account;
}

/** A client with its secret. */
export interface Account {
  readonly id: string;
  readonly secret: string;
}

export interface Ground {
  readonly database: TestDatabase;
  readonly keys: KeyFolder;
  /** Shared by every service on this ground; move it, forward only, to let time pass. */
  readonly clock: { aheadMs: number };
  tenant(profile?: string): Promise<Tenant>;
  close(): Promise<void>;
}

export const kalak = readFileSync(new URL('../../../policies/kalak.yaml', import.meta.url), 'utf8');

/** kalak with some of it changed: `{ 'processors.courier.allowed': false }`. */
export function changedKalak(changes: Readonly<Record<string, unknown>>): string {
  const profile = parse(kalak) as Record<string, unknown>;
  for (const [path, value] of Object.entries(changes)) {
    const steps = path.split('.');
    const last = steps.pop() ?? '';
    const place = steps.reduce((at, step) => at[step] as Record<string, unknown>, profile);
    place[last] = value;
  }
  return stringify(profile);
}

export async function openGround(): Promise<Ground> {
  const database = await testDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'amanat-oauth-'));
  const keysFolder = join(folder, 'keys');
  await createKeyFolder(keysFolder);
  const keys = await loadKeyFolder(keysFolder, { production: false });
  const db = openDatabase({ connectionString: database.serviceUrl, max: 2 });
  return {
    database,
    keys,
    clock: { aheadMs: 0 },
    async tenant(profile = kalak) {
      const made = await newTenant(keys.root.current, 'a shop', profile, Date.now());
      await commit(db, { tenantIds: [made.tenantId] }, made.statements);
      return { tenantId: made.tenantId, admin: { id: made.clientId, secret: made.clientSecret } };
    },
    async close() {
      await closeDatabase(db);
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Service {
  readonly url: string;
  readonly vault: Vault;
  stop(): Promise<void>;
}

/** One process's worth. Its watch does not run by itself: a test looks when it wants to. */
export async function serve(ground: Ground, options: { issuer?: string; keys?: KeyFolder } = {}): Promise<Service> {
  const port = await freePort();
  const now = () => Date.now() + ground.clock.aheadMs;
  const db = openDatabase({ connectionString: ground.database.serviceUrl, max: 4 });
  const keys = options.keys ?? ground.keys;
  const log = createLog({ level: 'silent', destination: { write: () => undefined } });
  const vault = openVault({ db, keys, issuer: options.issuer ?? `http://127.0.0.1:${port}`, now, log });
  await vault.watch.look();
  const http = createApp(vault, log);
  const running = await listen(http, { host: '127.0.0.1', port });
  return {
    url: running.url,
    vault,
    async stop() {
      vault.watch.stop();
      await running.stop();
      await closeDatabase(db);
    },
  };
}

/** The issuer is in the tokens, so the port must be known before anything listens on it. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

export const basic = ({ id, secret }: Account): string => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
}

async function answered(response: Response): Promise<Answered> {
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') === true;
  const body = json && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, body, text };
}

type Form = Readonly<Record<string, string>> | readonly (readonly [string, string])[];

/** POST of a form to one of the token endpoints. */
export async function postForm(url: string, form: Form, headers: Record<string, string> = {}): Promise<Answered> {
  const pairs = (Array.isArray(form) ? form : Object.entries(form)) as [string, string][];
  return answered(await fetch(url, { method: 'POST', headers, body: new URLSearchParams(pairs) }));
}

/** A token request by client secret. */
export function askToken(service: Service, account: Account, form: Readonly<Record<string, string>> = {}) {
  const all = { grant_type: 'client_credentials', ...form };
  return postForm(`${service.url}/oauth/token`, all, { Authorization: basic(account) });
}

/** The access token of a client. Throws when it gets none. */
export async function tokenOf(
  service: Service,
  account: Account,
  form: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await askToken(service, account, form);
  if (answer.status !== 200) throw new Error(`no token: ${answer.text}`);
  return String(answer.body['access_token']);
}

/** A call with a token. */
export async function call(
  service: Service,
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const response = await fetch(service.url + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'Content-Type': type }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answered(response);
}

/** Makes a client with a secret, as the tenant's administrator does. */
export async function newAccount(service: Service, admin: Account, client: object): Promise<Account> {
  const token = await tokenOf(service, admin);
  const answer = await call(service, token, 'POST', '/v1/clients', {
    name: 'a client',
    authMethod: 'client_secret',
    ...client,
  });
  if (answer.status !== 201) throw new Error(`no client: ${answer.text}`);
  return { id: String(answer.body['id']), secret: String(answer.body['secret']) };
}

/** Is this token let in? Any route that asks for one tells. */
export async function isLetIn(service: Service, token: string): Promise<boolean> {
  const { status } = await call(service, token, 'GET', '/v1/clients?limit=1');
  return status !== 401;
}

/** The tenant's log, oldest first. */
export function leavesOf(ground: Ground, tenantId: string): Promise<AuditLeaf[]> {
  return withClient(ground.database.superuserUrl, async (db) => {
    const { rows } = await db.query<{ leaf: Buffer }>(
      'select leaf from amanat.audit_leaves where tenant_id = $1 order by id',
      [tenantId],
    );
    return rows.map((row) => decodeLeaf(row.leaf));
  });
}

/** What one act leaves in the log. */
export async function newLeaves(ground: Ground, tenantId: string, act: () => Promise<unknown>): Promise<AuditLeaf[]> {
  const before = await leavesOf(ground, tenantId);
  await act();
  return (await leavesOf(ground, tenantId)).slice(before.length);
}

/** Runs SQL as the superuser: what a test has to break, or to look at. */
export function sql<Row extends object>(
  ground: Ground,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  return withClient(ground.database.superuserUrl, async (db) => (await db.query<Row>(text, [...values])).rows);
}
