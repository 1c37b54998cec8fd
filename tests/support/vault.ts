import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createApp, openVault } from '../../src/app.ts';
import { commit } from '../../src/db/commit.ts';
import { closeDatabase, openDatabase, type Database } from '../../src/db/database.ts';
import type { HttpOptions } from '../../src/http/http.ts';
import { listen } from '../../src/http/server.ts';
import { createKeyFolder, loadKeyFolder } from '../../src/keys/folder.ts';
import { createLog } from '../../src/log.ts';
import { readProfile } from '../../src/prepare.ts';
import type { Sender, Senders } from '../../src/sending/sender.ts';
import type { WebhookSender } from '../../src/sending/webhookSender.ts';
import type { Caller } from '../../src/vault/caller.ts';
import { newTenant } from '../../src/vault/tenants.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { contractFetch } from './contract.ts';
import { testDatabase, type TestDatabase } from './postgres.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; the text itself when it is none. */
  readonly body: any; // oxlint-disable-line typescript/no-explicit-any
  readonly text: string;
}

/** One client of the vault, with a token of its own. */
export interface TestClient {
  readonly id: string;
  readonly secret: string;
  readonly token: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  patch(path: string, body: unknown, version: number | undefined): Promise<Answer>;
  /** Another token of the same client, for a staff member or a narrower scope. */
  as(actor: string | undefined, scope?: string): Promise<TestClient>;
}

export interface TestVault {
  readonly url: string;
  readonly vault: Vault;
  readonly db: TestDatabase;
  readonly tenantId: string;
  readonly keysFolder: string;
  /** Lines of the log so far. */
  readonly logLines: string[];
  readonly admin: TestClient;
  client(role: string, options?: { actor?: string; scope?: string } & Record<string, unknown>): Promise<TestClient>;
  /** A second tenant of the same vault, seen by its own administrator. */
  secondTenant(profile?: string, profileText?: string): Promise<Pick<TestVault, 'tenantId' | 'admin' | 'client'>>;
  /** Moves the vault's clock. */
  advance(ms: number): void;
  request(
    method: string,
    path: string,
    options?: { token?: string; body?: string | Buffer; headers?: Record<string, string> },
  ): Promise<Answer>;
  stop(): Promise<void>;
}

export interface TestVaultOptions extends Pick<
  HttpOptions<Caller>,
  'rate' | 'mostInFlight' | 'turnstile' | 'patience'
> {
  readonly profile?: string;
  /** The text of a profile, instead of one in policies/. JSON will do. */
  readonly profileText?: string;
  /** Share a database and keys with another vault: a second process, as it were. */
  readonly beside?: TestVault;
  /** Instead of one in the run's PostgreSQL. Dropped by `stop`, like that one. */
  readonly database?: TestDatabase;
  /** The machine's own time, for a test that holds the vault against another clock: that of PostgreSQL, of a process, of HTTP. */
  readonly clock?: 'machine';
  readonly wrapDatabase?: (db: Database) => Database;
  /** Where messages go; taken and forgotten when absent. Nothing goes out by itself: tests call `sendDue`. */
  readonly senders?: Senders;
}

const quiet: Sender = { send: () => Promise.resolve({ outcome: 'taken' }), close: () => undefined };

const quietWebhook: WebhookSender = {
  refusal: () => undefined,
  post: () => Promise.resolve({ status: 204, retryAfterMs: undefined }),
  close: () => undefined,
};

/**
 * Ten in the morning in Tehran, on the next day of UTC (Unix time, ms): no window that the vault counts by ends under a test,
 * whenever it runs.
 */
const nextMorning = (): number => new Date(Date.now() + 86_400_000).setUTCHours(6, 30, 0, 0);

/** A whole vault over real PostgreSQL, real keys and real HTTP on a free port, with one tenant. */
export async function startVault(options: TestVaultOptions = {}): Promise<TestVault> {
  const {
    profile = 'kalak',
    profileText,
    beside,
    wrapDatabase = (db) => db,
    senders = { sms: quiet, email: quiet, webhook: quietWebhook },
    database: shared,
    clock: kind,
    ...httpOptions
  } = options;
  const database = shared ?? beside?.db ?? (await testDatabase());
  const keysFolder = beside?.keysFolder ?? join(await mkdtemp(join(tmpdir(), 'amanat-keys-')), 'keys');
  if (beside === undefined) await createKeyFolder(keysFolder);
  const keys = await loadKeyFolder(keysFolder, { production: true });
  const db = wrapDatabase(openDatabase({ connectionString: database.serviceUrl, max: 10 }));
  const logLines: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line) => logLines.push(line) } });
  const clock = { offset: kind === 'machine' ? 0 : (beside?.vault.now() ?? nextMorning()) - Date.now() };
  const now = () => Date.now() + clock.offset;
  const issuer = beside?.vault.issuer ?? 'https://vault.example.com';
  const vault = openVault({ db, keys, issuer, now, log, senders });
  const first = beside === undefined ? await makeTenant(vault, profileText ?? (await readProfile(profile))) : undefined;
  await vault.watch.look();
  vault.watch.start();
  const running = await listen(createApp(vault, log, httpOptions), { host: '127.0.0.1', port: 0 });
  const { url } = running;
  const request: TestVault['request'] = (method, path, sent = {}) => send(url, method, path, sent);
  const admin = first === undefined ? beside!.admin : await login(url, first.clientId, first.clientSecret);
  const started: TestVault = {
    url,
    vault,
    db: database,
    tenantId: first?.tenantId ?? beside!.tenantId,
    keysFolder,
    logLines,
    admin,
    client: (role, given = {}) => makeClient(url, admin, role, given),
    async secondTenant(name = 'kalak', text?: string) {
      const second = await makeTenant(vault, text ?? (await readProfile(name)));
      await vault.watch.look();
      const secondAdmin = await login(url, second.clientId, second.clientSecret);
      return {
        tenantId: second.tenantId,
        admin: secondAdmin,
        client: (role, given = {}) => makeClient(url, secondAdmin, role, given),
      };
    },
    advance(ms) {
      clock.offset += ms;
    },
    request,
    async stop() {
      await running.stop();
      vault.watch.stop();
      await closeDatabase(db);
      if (beside !== undefined) return;
      await database.drop();
      await rm(dirname(keysFolder), { recursive: true, force: true });
    },
  };
  return started;
}

async function makeTenant(vault: Vault, profileText: string) {
  const tenant = await newTenant(vault.keys.root.current, 'test', profileText, vault.now());
  await commit(vault.db, { tenantIds: [tenant.tenantId] }, tenant.statements);
  return tenant;
}

async function makeClient(
  url: string,
  admin: TestClient,
  role: string,
  { actor, scope, ...rest }: { actor?: string; scope?: string } & Record<string, unknown>,
): Promise<TestClient> {
  const made = await admin.post('/v1/clients', { name: `${role} system`, role, authMethod: 'client_secret', ...rest });
  if (made.status !== 201) throw new Error(`client ${role}: ${made.status} ${made.text}`);
  return login(url, made.body.id, made.body.secret, actor, scope);
}

/** Gets a token by client credentials. */
export async function login(
  url: string,
  id: string,
  secret: string,
  actor?: string,
  scope?: string,
): Promise<TestClient> {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (actor !== undefined) form.set('actor', actor);
  if (scope !== undefined) form.set('scope', scope);
  const basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64');
  const answer = await send(url, 'POST', '/oauth/token', {
    body: form.toString(),
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
  });
  if (answer.status !== 200) throw new Error(`token: ${answer.status} ${answer.text}`);
  return clientOf(url, id, secret, answer.body.access_token);
}

/** A client around a token that is already there. */
export function clientOf(url: string, id: string, secret: string, token: string): TestClient {
  const call: TestClient['call'] = (method, path, body, headers = {}) =>
    send(url, method, path, {
      token,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  return {
    id,
    secret,
    token,
    call,
    get: (path, headers) => call('GET', path, undefined, headers),
    post: (path, body = {}, headers) => call('POST', path, body, headers),
    patch: (path, body, version) =>
      call('PATCH', path, body, {
        'content-type': 'application/merge-patch+json',
        ...(version === undefined ? {} : { 'if-match': `"${version}"` }),
      }),
    as: (actor, scope) => login(url, id, secret, actor, scope),
  };
}

async function send(
  url: string,
  method: string,
  path: string,
  { token, body, headers = {} }: { token?: string; body?: string | Buffer; headers?: Record<string, string> },
): Promise<Answer> {
  const response = await contractFetch(url)(path, {
    method,
    headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
