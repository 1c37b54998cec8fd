import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { parse, stringify } from 'yaml';
import type { SyntheticAddress, SyntheticPhone } from '../../src/cli/synthetic.ts';
import { commit } from '../../src/db/commit.ts';
import { newTenant } from '../../src/vault/tenants.ts';
import { withClient } from './postgres.ts';
import { clientOf, login, type Answer, type TestClient, type TestVault } from './vault.ts';

/** A shop at work: customers, orders and parcels made over HTTP, as its own systems would. */

export const hour = 3_600_000;
export const day = 24 * hour;

/** The answer's body, or a failure that tells what came instead. */
export function made(answer: Answer, status = 201): any /* oxlint-disable-line typescript/no-explicit-any */ {
  if (answer.status !== status) throw new Error(`expected ${status}: ${answer.status} ${answer.text}`);
  return answer.body;
}

/** What a shop sends of a person. */
export interface SentPerson {
  readonly fields: Readonly<Record<string, string>>;
  readonly phones: readonly (Pick<SyntheticPhone, 'kind' | 'number'> & Partial<SyntheticPhone>)[];
  readonly addresses: readonly SyntheticAddress[];
}

export interface Person {
  readonly id: string;
  readonly addressId: string;
  readonly sent: SentPerson;
}

/** A stored customer, and the id of its first address. */
export async function newPerson(shop: TestClient, sent: SentPerson): Promise<Person> {
  const { id } = made(await shop.post('/v1/customers', sent));
  const read = made(await shop.get(`/v1/customers/${id}`), 200);
  return { id, addressId: read.addresses[0].id, sent };
}

/** An order that goes to its customer. */
export async function newOrder(shop: TestClient, person: Person, delivery?: unknown): Promise<string> {
  const to = delivery ?? { to: 'customer', addressId: person.addressId };
  return made(await shop.post('/v1/orders', { customerId: person.id, externalRef: 'O-1', delivery: to })).id;
}

export interface Parcel {
  readonly id: string;
  readonly grantId: string;
  readonly deliveryCode: string;
}

export async function newParcel(
  shop: TestClient,
  orderId: string,
  courier: TestClient,
  terms: Record<string, unknown> = {},
): Promise<Parcel> {
  return made(await shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: courier.id, ...terms }));
}

export function wrongCode({ deliveryCode }: Parcel): string {
  return String((Number(deliveryCode) + 1) % 100_000).padStart(5, '0');
}

/** A data subject's own token (RFC 8693), by the shop's client. */
export async function subjectOf(vault: TestVault, shop: TestClient, customerId: string): Promise<TestClient> {
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: shop.token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    requested_subject: customerId,
  });
  const basic = Buffer.from(`${shop.id}:${shop.secret}`).toString('base64');
  const answer = await vault.request('POST', '/oauth/token', {
    body: form.toString(),
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
  });
  return clientOf(vault.url, shop.id, shop.secret, made(answer, 200).access_token);
}

/** How many answers came with each status. */
export function statuses(answers: readonly Answer[]): Record<number, number> {
  const counted: Record<number, number> = {};
  for (const { status } of answers) counted[status] = (counted[status] ?? 0) + 1;
  return counted;
}

/** Everything of an answer that may not differ between a closed door and a wall: all but request id, time, rate and the log's entry. */
export function bytesOf({ status, headers, text, body }: Answer): string {
  const requestId = String(body?.requestId);
  const own = new Set(['date', 'x-request-id', 'ratelimit', 'ratelimit-policy', 'amanat-leaf-hash']);
  const lines = [...headers].filter(([name]) => !own.has(name)).map(([name, value]) => `${name}: ${value}`);
  return [status, ...lines, text.replaceAll(requestId, '<id>')].join('\n');
}

/** Leaves of the audit as the officer reads them, newest first. */
export async function leavesOf(dpo: TestClient, query: string): Promise<any[] /* oxlint-disable-line */> {
  return made(await dpo.get(`/v1/audit?limit=100&${query}`), 200).items;
}

/** A connection to each database that is kept between looks: to open one costs as much as twenty looks. */
const idle = new Map<string, Client>();

/** Looks at, or spoils, the tables behind the service's back. */
export async function atDatabase<Row extends object>(
  vault: TestVault,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const url = vault.db.superuserUrl;
  const client = idle.get(url) ?? (await opened(url));
  // Who comes while it is busy opens another.
  idle.delete(url);
  const { rows } = await client.query<Row>(sql, values).catch(async (error: unknown) => {
    await client.end();
    throw error;
  });
  if (idle.has(url)) await client.end();
  else idle.set(url, client);
  return rows;
}

/** It ends with its database, at the latest. */
async function opened(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  client.on('end', () => idle.get(url) === client && idle.delete(url));
  await client.connect();
  return client;
}

/** A further tenant under kalak with some of it changed: `{ 'processors.courier.allowed': false }`. */
export async function tenantUnder(
  vault: TestVault,
  changes: Readonly<Record<string, unknown>>,
): Promise<Pick<TestVault, 'client'>> {
  const profile = parse(readFileSync(new URL('../../policies/kalak.yaml', import.meta.url), 'utf8'), { merge: true });
  for (const [path, value] of Object.entries(changes)) {
    const steps = path.split('.');
    const last = steps.pop() ?? '';
    steps.reduce((at, step) => at[step], profile)[last] = value;
  }
  const { keys, db, watch, now } = vault.vault;
  const source = stringify(profile, { aliasDuplicateObjects: false });
  const tenant = await newTenant(keys.root.current, 'another shop', source, now());
  await commit(db, { tenantIds: [tenant.tenantId] }, tenant.statements);
  await watch.lookAnew();
  const admin = await login(vault.url, tenant.clientId, tenant.clientSecret);
  return {
    async client(role) {
      const { id, secret } = made(
        await admin.post('/v1/clients', { name: `${role} system`, role, authMethod: 'client_secret' }),
      );
      return login(vault.url, id, secret);
    },
  };
}

/**
 * Makes a change while a request waits for its order: after it has looked, before it commits. The request waits on the
 * order's row lock, which the change holds; that it does is seen in the database, not guessed by time.
 */
export async function changedMeanwhile(
  vault: TestVault,
  orderId: string,
  change: string,
  values: unknown[],
  request: () => Promise<Answer>,
): Promise<Answer> {
  return withClient(vault.db.superuserUrl, async (client) => {
    await client.query('begin');
    await client.query('select 1 from amanat.orders where id = $1 for update', [orderId]);
    const state = { answered: false };
    const answer = request().finally(() => (state.answered = true));
    const waits = async () => {
      await client.query('select pg_stat_clear_snapshot()');
      const locked = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      return (await client.query(locked)).rowCount !== 0;
    };
    while (!state.answered && !(await waits())) await new Promise(setImmediate);
    await client.query(change, values);
    await client.query('commit');
    return answer;
  });
}

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Runs the command as it ships against a vault's database, until `seen` holds; then kill -9. True where it was killed, not done. */
export async function killedOnce(
  vault: TestVault,
  argv: readonly string[],
  seen: () => Promise<boolean>,
): Promise<boolean> {
  const folder = { AMANAT_KEYS_DIR: vault.keysFolder, AMANAT_DATA_DIR: vault.keysFolder };
  const env = { PATH: process.env['PATH'], AMANAT_DATABASE_URL: vault.db.serviceUrl, ...folder };
  const child = spawn(process.execPath, [cli, ...argv], { env, stdio: 'ignore' });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  while (child.exitCode === null && !(await seen()));
  child.kill('SIGKILL');
  return (await exited)[1] === 'SIGKILL';
}
