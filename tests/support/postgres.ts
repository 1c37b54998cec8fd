import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { inspect } from 'node:util';
import { Client } from 'pg';
import { inject } from 'vitest';
import { ensureServiceLogin } from '../../src/db/roles.ts';
import { scramVerifier } from '../../src/db/scram.ts';
import { databaseUrl, migratedTemplate, type TestCluster } from './testCluster.ts';

export interface TestDatabase {
  readonly name: string;
  /** Owner of the schema; may make roles, is no superuser. */
  readonly ownerUrl: string;
  readonly superuserUrl: string;
  /** As the service works: in amanat_service, owns nothing. */
  readonly serviceUrl: string;
  drop(): Promise<void>;
}

export interface EmptyDatabase {
  readonly name: string;
  readonly ownerUrl: string;
  readonly superuserUrl: string;
  drop(): Promise<void>;
}

/** A database of its own with the schema of sql/, copied from one that was migrated once. Drop it in `afterAll`. */
export async function testDatabase(): Promise<TestDatabase> {
  const made = await createDatabase('migrated', `template ${migratedTemplate}`);
  const password = randomBytes(16).toString('hex');
  const verifier = await scramVerifier(password);
  const role = await withClient(made.ownerUrl, (owner) => ensureServiceLogin(owner, { verifier }));
  const url = new URL(made.ownerUrl);
  url.username = role;
  url.password = password;
  return {
    ...made,
    serviceUrl: url.href,
    async drop() {
      await made.drop();
      await withClient(databaseUrl(made.superuserUrl, 'postgres'), (client) =>
        client.query(`drop role if exists ${role}`),
      );
    },
  };
}

/** A database without any schema, for tests of the migration runner and of transactions. */
export async function emptyDatabase(): Promise<EmptyDatabase> {
  return createDatabase('cluster', '');
}

async function createDatabase(need: 'cluster' | 'migrated', template: string): Promise<EmptyDatabase> {
  const cluster = await knock(need);
  const name = `t_${randomBytes(6).toString('hex')}`;
  await withClient(cluster.superuserUrl, (client) =>
    client.query(`create database ${name} owner amanat_owner ${template}`),
  );
  return {
    name,
    ownerUrl: databaseUrl(cluster.ownerUrl, name),
    superuserUrl: databaseUrl(cluster.superuserUrl, name),
    async drop() {
      await withClient(cluster.superuserUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

/** One client, ended afterwards. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * Until so many backends of this database wait for a lock. Throws when one of `those`, who are to be among them, ends before: nobody
 * would wait then, and what it says is its own promise's to say, not nobody's.
 */
export async function untilWaiting(superuserUrl: string, most: number, ...those: Promise<unknown>[]): Promise<void> {
  const ended: string[] = [];
  for (const one of those)
    one.then(
      (value) => ended.push(inspect(value)),
      (error: unknown) => ended.push(inspect(error)),
    );
  const locked = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await withClient(superuserUrl, async (client) => {
    while (((await client.query(locked)).rowCount ?? 0) < most) {
      if (ended.length > 0) throw new Error(`ended and did not wait: ${ended.join(', ')}`);
      await new Promise(setImmediate);
    }
  });
}

function knock(need: 'cluster' | 'migrated'): Promise<TestCluster> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(inject('postgresDoor'), '127.0.0.1', () => void socket.write(`${need}\n`));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.once('error', reject);
    socket.once('end', () => {
      const answer = JSON.parse(text) as TestCluster | { failed: string };
      if ('failed' in answer) reject(new Error(answer.failed));
      else resolve(answer);
    });
  });
}
