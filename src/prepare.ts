import { readFile, rename, writeFile, open } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openVault } from './app.ts';
import { ConfigFault, type Config } from './config.ts';
import { commit } from './db/commit.ts';
import { openAccess, withDatabase } from './databaseAccess.ts';
import { checkDurability, checkNoPooler, checkRole, checkVersion, transportOf, type Database } from './db/database.ts';
import { startEmbedded, type Embedded } from './db/embedded.ts';
import { selectPolicyVersions } from './db/policies.ts';
import type { Statement } from './db/statement.ts';
import { selectTenantKeys, selectTenants, type TenantKeyRow } from './db/tenants.ts';
import { refuseInDatabase, refuseKeysBeside } from './keysApart.ts';
import type { Log } from './log.ts';
import { refuseRolledBack } from './logFault.ts';
import { keysOf, type Opened } from './keyAccess.ts';
import { makeFolder } from './makeFolder.ts';
import { createKeyFolder, KeyFault, type KeyFolder } from './keys/folder.ts';
import { missingTenantKeys, openKeyring } from './vault/keyring.ts';
import { newTenant } from './vault/tenants.ts';
import { openWitness } from './witnessConfig.ts';

/** What a first start hands to the operator, mode 0600 in the data folder. */
export interface FirstRun {
  readonly url: string;
  readonly issuer: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Everything a process needs before it can serve. Made once, by the first process. */
export interface Ground {
  /** The service's own restricted login. */
  readonly serviceUrl: string;
  readonly embedded: Embedded | undefined;
  /** A tenant was made by this start. */
  readonly firstStart: boolean;
  readonly keys: KeyFolder;
  /** Texts of the policies in force, each once. */
  readonly profiles: readonly string[];
}

const profilesFolder = fileURLToPath(new URL('../policies/', import.meta.url));

/** Text of a shipped profile. Throws when there is none of that name. */
export function readProfile(name: string): Promise<string> {
  return readFile(join(profilesFolder, `${name}.yaml`), 'utf8');
}

/**
 * Database, schema, keys and, in an empty database, the first tenant: in this order, each step refusing to go on where the
 * next would do harm. Keys are made only where nothing is stored yet; where something is, keys that do not open it stop
 * the start before anything is changed.
 */
export async function prepare(
  config: Config,
  address: { url: string; issuer: string },
  opened: Opened | undefined,
  log: Log,
): Promise<Ground> {
  await refuseUnusable(config);
  await makeFolder(config.dataDir);
  const embedded = config.databaseUrl === undefined ? await startOwn(config) : undefined;
  try {
    const access = await openAccess(config, embedded?.ownerUrl);
    if (config.databaseUrl !== undefined && config.databasePooler === 'none')
      await withDatabase(config, config.databaseUrl, checkNoPooler);
    const empty = await withDatabase(config, access.url, isEmpty);
    const keys = opened?.keys ?? (await keysFor(config, empty));
    await withDatabase(config, access.url, (db) => openEveryTenant(db, keys));
    const serviceUrl = await access.serviceUrl(keys);
    const profiles = await withDatabase(config, serviceUrl, async (db) => {
      await checkRole(db);
      await checkVersion(db);
      await checkDurability(db);
      if (empty) await makeFirstTenant(db, config, keys, address);
      else await checkLogs(db, config, keys, log);
      return publishedProfiles(db);
    });
    await refreshFirstRun(config, address);
    return { serviceUrl, embedded, firstStart: empty, keys, profiles };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

/** Throws `LogFault` where the database is older than what its witness has seen, or another one. */
async function checkLogs(db: Database, config: Config, keys: KeyFolder, log: Log): Promise<void> {
  const vault = openVault({ db, keys, issuer: '', now: Date.now, log });
  await vault.watch.look();
  const warnings = await refuseRolledBack(vault, openWitness(config.witness, vault), config.witness);
  for (const code of warnings) log.event('warning', { code });
  vault.keyring.forget();
}

/** The embedded PostgreSQL, which archives its WAL where a folder for backups is set. */
async function startOwn({ dataDir, keysDir, backupDir }: Config): Promise<Embedded> {
  const folder = join(dataDir, 'postgres');
  if (backupDir === undefined) return startEmbedded({ folder });
  await refuseKeysBeside(keysDir, backupDir);
  await refuseInDatabase(dataDir, backupDir);
  return startEmbedded({ folder, archive: backupDir });
}

/** What can be told before anything is made or asked. Throws `ConfigFault`, `DatabaseRefusal`. */
async function refuseUnusable(config: Config): Promise<void> {
  for (const url of [config.databaseOwnerUrl, config.databaseUrl]) if (url !== undefined) transportOf(url);
  await readProfile(config.profile).catch(() => {
    throw new ConfigFault(['AMANAT_PROFILE must be the name of a profile in policies/.']);
  });
}

/** Those in force, and those that are to come. */
async function publishedProfiles(db: Database): Promise<readonly string[]> {
  const [rows] = await commit(db, 'directory', [selectPolicyVersions([])]);
  return [...new Set(rows.map((row) => row.source))];
}

async function isEmpty(db: Database): Promise<boolean> {
  const [tenants] = await commit(db, 'directory', [selectTenants()]);
  return tenants.length === 0;
}

/** Loads the keys folder; makes one only for an empty database. Throws `KeyFault`. */
export async function keysFor(config: Config, empty: boolean): Promise<KeyFolder> {
  try {
    return await keysOf(config);
  } catch (error) {
    const absent = error instanceof KeyFault && (error.code === 'keys_missing' || error.code === 'keys_empty');
    if (!absent || !empty) throw error;
    await createKeyFolder(config.keysDir);
    return keysOf(config);
  }
}

/** Every tenant's keys must open under these root keys, or nothing is served. Tenants made by an older version get what they lack. */
export async function openEveryTenant(db: Database, keys: KeyFolder): Promise<void> {
  const [tenants] = await commit(db, 'directory', [selectTenants()]);
  const ids = tenants.map((t) => t.id);
  const [rows] = await commit(db, { tenantIds: ids }, [selectTenantKeys(ids)]);
  const unknown = rows.find((row) => !keys.root.byId.has(row.rootId));
  if (unknown !== undefined) {
    throw new KeyFault(
      'keys_wrong',
      `The database was sealed under root key ${unknown.rootId}, which is not in the keys folder. Put that key back; nothing was changed.`,
    );
  }
  const keyring = openKeyring(db, keys.root.byId, Date.now);
  for (const id of ids) {
    const missing = await missingKeys(keys, id, rows);
    if (missing.length > 0) await commit(db, { tenantIds: [id] }, missing);
    await keyring.tenant(id).catch(() => doNotOpen(id));
  }
}

/** Of several processes that start at once, each makes the same keys. */
async function missingKeys(keys: KeyFolder, id: string, rows: readonly TenantKeyRow[]): Promise<readonly Statement[]> {
  const own = rows.filter(({ tenantId }) => tenantId === id);
  return missingTenantKeys(keys.root.byId, own, new Date()).catch(() => doNotOpen(id));
}

function doNotOpen(tenantId: string): never {
  throw new KeyFault(
    'keys_wrong',
    `The keys of tenant ${tenantId} do not open under the root keys in the keys folder. Nothing was changed.`,
  );
}

async function makeFirstTenant(
  db: Database,
  config: Config,
  keys: KeyFolder,
  { url, issuer }: { url: string; issuer: string },
): Promise<void> {
  const tenant = await newTenant(keys.root.current, 'default', await readProfile(config.profile), Date.now());
  const { tenantId, clientId, clientSecret } = tenant;
  // Written before the commit: a secret whose hash is stored must not be lost.
  await writeFirstRun(config, { url, issuer, tenantId, clientId, clientSecret });
  await commit(db, { tenantIds: [tenantId] }, tenant.statements);
}

export function firstRunFile(config: Config): string {
  return join(config.dataDir, 'first-run.json');
}

async function writeFirstRun(config: Config, firstRun: FirstRun): Promise<void> {
  const file = firstRunFile(config);
  const temporary = `${file}.new`;
  await writeFile(temporary, `${JSON.stringify(firstRun, null, 2)}\n`, { mode: 0o600 });
  const handle = await open(temporary);
  await handle.sync();
  await handle.close();
  await rename(temporary, file);
}

/** Keeps the address in first-run.json true when the port changes. */
async function refreshFirstRun(config: Config, address: { url: string; issuer: string }): Promise<void> {
  if (!existsSync(firstRunFile(config))) return;
  const kept = JSON.parse(await readFile(firstRunFile(config), 'utf8')) as FirstRun;
  if (kept.url !== address.url || kept.issuer !== address.issuer) await writeFirstRun(config, { ...kept, ...address });
}
