import { randomBytes } from 'node:crypto';
import { chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, DatabaseError, escapeLiteral } from 'pg';
import type { Binaries } from './embeddedBinaries.ts';
import { EmbeddedFault } from './embeddedFault.ts';
import { runPlain, type RunAs } from './embeddedUser.ts';
import { scramVerifier } from './scram.ts';
import { syncFolder } from '../syncFolder.ts';

/**
 * What lies in the folder:
 *   cluster/          PostgreSQL's own files
 *   superuser.secret  password of `postgres`, used to set up and then left alone
 *   owner.secret      password of `amanat_owner`, who owns the database `amanat`
 *   postgres.log      messages of PostgreSQL; no statements, no parameters
 *   lock.N            who holds the folder (embeddedLock.ts)
 */
export interface Cluster {
  readonly path: string;
  readonly superuserPassword: string;
  readonly ownerPassword: string;
  /** Made just now, so without its owner and database. */
  readonly fresh: boolean;
}

export const superuser = 'postgres';
export const owner = 'amanat_owner';
export const databaseName = 'amanat';

/** Finds the cluster of the folder or makes it. A run that was cut short leaves nothing that counts. */
export async function ensureCluster(folder: string, binaries: Binaries, runAs: RunAs): Promise<Cluster> {
  const path = join(folder, 'cluster');
  const superuserPassword = await keepSecret(join(folder, 'superuser.secret'), runAs);
  const ownerPassword = await keepSecret(join(folder, 'owner.secret'), runAs);
  const version = await readFile(join(path, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined) await makeCluster(folder, path, binaries, runAs);
  else if (version.trim() !== binaries.majorVersion) {
    throw new EmbeddedFault(
      'version_changed',
      `${path} was made by PostgreSQL ${version.trim()}, this build brings ${binaries.majorVersion}. ` +
        `Dump it with the build that made it and load it with this one.`,
    );
  }
  return { path, superuserPassword, ownerPassword, fresh: version === undefined };
}

async function makeCluster(folder: string, path: string, binaries: Binaries, runAs: RunAs): Promise<void> {
  if ((await stat(path).catch(() => undefined)) !== undefined) {
    throw new EmbeddedFault(
      'folder_unusable',
      `${path} is there but is no PostgreSQL cluster. Move it away or restore it.`,
    );
  }
  const partial = join(folder, 'cluster.partial');
  await rm(partial, { recursive: true, force: true });
  const words = [
    binaries.initdb,
    `--pgdata=${partial}`,
    `--username=${superuser}`,
    `--pwfile=${join(folder, 'superuser.secret')}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
  ];
  try {
    await runPlain(runAs, words);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n').at(-1) ?? '') : '';
    throw new EmbeddedFault('init_failed', `The database could not be made in ${folder}: ${reason}`);
  }
  await rename(partial, path);
  await syncFolder(folder);
}

/** Random, ASCII, made once. */
async function keepSecret(file: string, runAs: RunAs): Promise<string> {
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (kept.trim() !== '') return kept.trim();
  const secret = randomBytes(32).toString('hex');
  await writeFile(file, `${secret}\n`, { mode: 0o600, flush: true });
  if (runAs.ids !== undefined) await chown(file, runAs.ids.uid, runAs.ids.gid);
  return secret;
}

/** As `amanat_owner`, who may make roles and owns the database, and is no superuser. */
export function ownerUrl(cluster: Cluster, port: number): string {
  return `postgres://${owner}:${cluster.ownerPassword}@127.0.0.1:${port}/${databaseName}`;
}

/** Finds role and database, or makes what a first start cut short left out. */
export async function ensureOwner(cluster: Cluster, port: number): Promise<void> {
  if (!cluster.fresh && (await opens(ownerUrl(cluster, port)))) return;
  const url = `postgres://${superuser}:${cluster.superuserPassword}@127.0.0.1:${port}/postgres`;
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const verifier = escapeLiteral(await scramVerifier(cluster.ownerPassword));
    const roles = await client.query(`select 1 from pg_catalog.pg_roles where rolname = $1::name`, [owner]);
    await client.query(
      `${roles.rows.length === 0 ? 'create' : 'alter'} role ${owner} login createrole password ${verifier}`,
    );
    const databases = await client.query(`select 1 from pg_catalog.pg_database where datname = $1::name`, [
      databaseName,
    ]);
    if (databases.rows.length === 0) await client.query(`create database ${databaseName} owner ${owner}`);
  } catch (error) {
    const sqlstate = error instanceof DatabaseError ? (error.code ?? '') : 'no connection';
    throw new EmbeddedFault('init_failed', `The database could not be set up (${sqlstate}).`);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function opens(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
