import type { KeyObject } from 'node:crypto';
import { dataKey, newDataKeyMaterial, type DataKey } from '../crypto/seal.ts';
import { secretKey, tenantKeyUses, unwrapKey, wrapContext, type TenantKeyUse } from '../crypto/wrap.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import type { Statement } from '../db/statement.ts';
import { insertTenantKey, selectTenantKeys, type TenantKeyRow } from '../db/tenants.ts';
import { VaultError } from '../errors.ts';
import type { RootKey } from '../keys/folder.ts';
import type { Sealing } from './sealing.ts';
import {
  heldKeys,
  tenantKeys,
  type HeldKeys,
  type LiveKey,
  type OpenDataKey,
  type TenantKeys,
  type WrappedDataKey,
} from './tenantKeys.ts';

export type { TenantKeys, WrappedDataKey } from './tenantKeys.ts';

/** Unwrapped data keys kept in memory: at most this many, for at most this long. */
const maxDataKeys = 10_000;
const dataKeyLifetimeMs = 60_000;

export interface Keyring {
  /** Of a tenant whose keys are renewed meanwhile, what was given out before knows of the new versions too. */
  tenant(tenantId: string): Promise<TenantKeys>;
  /** Reads the tenant's keys anew. When that fails, those that are known stay. Nothing for a tenant that is not known. */
  renew(tenantId: string): Promise<void>;
  /** How many data keys were unwrapped since the process started. A refusal must not move it. */
  readonly unwraps: () => number;
  /** Drops the unwrapped keys of records that were destroyed. */
  forgetDataKeys(recordIds: readonly string[]): void;
  /** Drops every unwrapped key; tenants' keys that were given out do nothing any more. */
  forget(): void;
}

/** Root keys by their ids. */
export type Roots = Pick<ReadonlyMap<string, RootKey>, 'get'>;

interface CachedDataKey {
  /** A copy: a Buffer as it was read may be a piece of a pool of Node's, all of which would be kept with it. */
  readonly wrapped: Uint8Array;
  readonly key: DataKey;
  readonly until: number;
}

/** Keys of a tenant to be. What they sign before they are stored is believed ever after. */
export async function newTenantKeys(
  root: RootKey,
  tenantId: string,
  at: Date,
): Promise<{ readonly keys: TenantKeys; readonly statements: readonly Statement[] }> {
  const live: Record<TenantKeyUse, LiveKey[]> = { data: [], index: [], mac: [], hash: [] };
  const statements: Statement[] = [];
  for (const use of tenantKeyUses) {
    const material = newDataKeyMaterial();
    live[use].push({ version: 1, state: 'current', key: secretKey(material) });
    statements.push(await firstVersion(root, tenantId, use, material, at));
    material.fill(0);
  }
  return { keys: tenantKeys(tenantId, live, openDataKey), statements };
}

/**
 * For a tenant that was made before `mac` and `hash` were keys of their own: they begin as what the index key's first version is,
 * so that everything made with it stays valid. Nothing for a tenant that has them. Throws `sealed`, `integrity_failure`.
 */
export async function missingTenantKeys(
  roots: Roots,
  rows: readonly TenantKeyRow[],
  at: Date,
): Promise<readonly Statement[]> {
  const first = rows.find(({ use, version }) => use === 'index' && version === 1);
  const missing = tenantKeyUses.filter((use) => !rows.some((row) => row.use === use));
  if (first === undefined || missing.length === 0 || missing.some((use) => use === 'data')) return [];
  const root = rootOf(roots, first);
  const material = await materialOf(roots, first);
  const statements = await Promise.all(missing.map((use) => firstVersion(root, first.tenantId, use, material, at)));
  material.fill(0);
  return statements;
}

async function firstVersion(
  root: RootKey,
  tenantId: string,
  use: TenantKeyUse,
  material: Buffer,
  createdAt: Date,
): Promise<Statement> {
  const wrapped = await root.wrap(wrapContext.tenantKey(tenantId, use, 1), material);
  return insertTenantKey({ tenantId, use, version: 1, state: 'current', rootId: root.id, wrapped, createdAt });
}

/** Without `sealing` every record is sealed in this thread. */
export function openKeyring(db: Database, roots: Roots, now: () => number, sealing?: Sealing): Keyring {
  const tenants = new Map<string, Promise<HeldKeys>>();
  const givenOut = new Set<HeldKeys>();
  const dataKeys = dataKeyMemory(now);

  async function load(tenantId: string): Promise<TenantKeys> {
    const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectTenantKeys([tenantId])]);
    return tenantKeys(tenantId, await liveKeys(roots, rows), dataKeys.open, sealing?.seal);
  }

  function held(tenantId: string): Promise<HeldKeys> {
    const known = tenants.get(tenantId);
    if (known !== undefined) return known;
    const loading = load(tenantId).then((keys) => {
      const made = heldKeys(keys);
      if (tenants.get(tenantId) === loading) givenOut.add(made);
      // Forgotten while they were read.
      else made.close();
      return made;
    });
    tenants.set(tenantId, loading);
    loading.catch(() => tenants.get(tenantId) === loading && tenants.delete(tenantId));
    return loading;
  }

  return {
    tenant: async (tenantId) => (await held(tenantId)).keys,
    async renew(tenantId) {
      const known = tenants.get(tenantId);
      if (known === undefined) return;
      (await known).renew(await load(tenantId));
    },
    unwraps: dataKeys.unwraps,
    forgetDataKeys: dataKeys.forget,
    forget() {
      for (const keys of givenOut) keys.close();
      givenOut.clear();
      tenants.clear();
      dataKeys.forgetAll();
      sealing?.forget();
    },
  };
}

interface DataKeyMemory {
  readonly open: OpenDataKey;
  readonly unwraps: () => number;
  readonly forget: (recordIds: readonly string[]) => void;
  readonly forgetAll: () => void;
}

function dataKeyMemory(now: () => number): DataKeyMemory {
  const known = new Map<string, CachedDataKey>();
  let unwraps = 0;
  return {
    open(tenantId, wrapping, record) {
      const cached = known.get(record.id);
      const time = now();
      if (cached !== undefined && cached.until > time && record.wrapped.equals(cached.wrapped)) return cached.key;
      unwraps += 1;
      const key = openDataKey(tenantId, wrapping, record);
      known.delete(record.id);
      known.set(record.id, { wrapped: Uint8Array.from(record.wrapped), key, until: time + dataKeyLifetimeMs });
      if (known.size > maxDataKeys) known.delete(known.keys().next().value ?? '');
      return key;
    },
    unwraps: () => unwraps,
    forget(recordIds) {
      for (const id of recordIds) known.delete(id);
    },
    forgetAll: () => known.clear(),
  };
}

function openDataKey(tenantId: string, wrapping: KeyObject, { kind, id, wrapped }: WrappedDataKey): DataKey {
  return dataKey(unwrapKey(wrapping, wrapContext.dataKey(tenantId, kind, id), wrapped), id);
}

/** Every version of each of a tenant's keys. A row under an unknown root is `sealed`, one that does not open is broken. */
async function liveKeys(
  roots: Roots,
  rows: readonly TenantKeyRow[],
): Promise<Readonly<Record<TenantKeyUse, readonly LiveKey[]>>> {
  const live: Record<TenantKeyUse, LiveKey[]> = { data: [], index: [], mac: [], hash: [] };
  for (const row of rows) {
    const material = await materialOf(roots, row);
    live[row.use].push({ version: row.version, state: row.state, key: secretKey(material) });
    material.fill(0);
  }
  return live;
}

async function materialOf(roots: Roots, row: TenantKeyRow): Promise<Buffer> {
  const { tenantId, use, version, state, wrapped } = row;
  return rootOf(roots, row).unwrap(wrapContext.tenantKey(tenantId, use, version, state), wrapped);
}

function rootOf(roots: Roots, { rootId }: TenantKeyRow): RootKey {
  const root = roots.get(rootId);
  if (root === undefined) throw new VaultError('sealed');
  return root;
}
