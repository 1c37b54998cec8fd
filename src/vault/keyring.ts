import type { KeyObject } from 'node:crypto';
import { indexSubkey, indexTag, keyedHash } from '../crypto/blindIndex.ts';
import type { RecordKind } from '../crypto/label.ts';
import { dataKey, newDataKeyMaterial, type DataKey } from '../crypto/seal.ts';
import { secretKey, unwrapKey, wrapContext, wrapKey } from '../crypto/wrap.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import type { Statement } from '../db/statement.ts';
import { insertTenantKey, selectTenantKeys, type TenantKeyRow } from '../db/tenants.ts';
import { VaultError } from '../errors.ts';
import type { RootKey } from '../keys/folder.ts';

/** Unwrapped data keys kept in memory: at most this many, for at most this long. */
const maxDataKeys = 10_000;
const dataKeyLifetimeMs = 60_000;

/** Where a record's data key stands: which record, wrapped by which version of the tenant's data key. */
export interface WrappedDataKey {
  readonly kind: RecordKind;
  readonly id: string;
  readonly keyVersion: number;
  readonly wrapped: Buffer;
}

/** The keys of one tenant, unwrapped. */
export interface TenantKeys {
  readonly tenantId: string;
  newDataKey(
    kind: RecordKind,
    id: string,
  ): { readonly wrapped: Buffer; readonly keyVersion: number; readonly key: DataKey };
  dataKey(record: WrappedDataKey): DataKey;
  /** Blind index tag of a canonical value (16 bytes). */
  tag(field: string, canonical: string): Buffer;
  /** Keyed hash of values that must be compared and never read back (32 bytes). */
  hash(purpose: string, ...parts: readonly (string | Buffer)[]): Buffer;
  readonly indexVersion: number;
}

export interface Keyring {
  tenant(tenantId: string): Promise<TenantKeys>;
  /** How many data keys were unwrapped since the process started. A refusal must not move it. */
  readonly unwraps: () => number;
  /** Drops the unwrapped keys of records that were destroyed. */
  forgetDataKeys(recordIds: readonly string[]): void;
  /** Drops every unwrapped key. */
  forget(): void;
}

interface CachedDataKey {
  readonly wrapped: Buffer;
  readonly key: DataKey;
  readonly until: number;
}

/** Keys of a tenant to be. What they hash before they are stored is what they will hash ever after. */
export async function newTenantKeys(
  root: RootKey,
  tenantId: string,
  at: Date,
): Promise<{ readonly keys: Pick<TenantKeys, 'tenantId' | 'hash'>; readonly statements: readonly Statement[] }> {
  const material = { data: newDataKeyMaterial(), index: newDataKeyMaterial() };
  const statement = async (use: 'data' | 'index'): Promise<Statement> => {
    const wrapped = await root.wrap(wrapContext.tenantKey(tenantId, use, 1), material[use]);
    return insertTenantKey({ tenantId, use, version: 1, rootId: root.id, wrapped, createdAt: at });
  };
  const statements = [await statement('data'), await statement('index')];
  return { keys: { tenantId, hash: indexKeys(secretKey(material.index)).hash }, statements };
}

export function openKeyring(db: Database, roots: ReadonlyMap<string, RootKey>, now: () => number): Keyring {
  const tenants = new Map<string, Promise<TenantKeys>>();
  const dataKeys = new Map<string, CachedDataKey>();
  let unwraps = 0;

  function cachedDataKey(tenantId: string, wrapping: KeyObject, record: WrappedDataKey): DataKey {
    const cached = dataKeys.get(record.id);
    const time = now();
    if (cached !== undefined && cached.until > time && cached.wrapped.equals(record.wrapped)) return cached.key;
    unwraps += 1;
    const key = dataKey(unwrapKey(wrapping, wrapContext.dataKey(tenantId, record.kind, record.id), record.wrapped));
    dataKeys.delete(record.id);
    dataKeys.set(record.id, { wrapped: record.wrapped, key, until: time + dataKeyLifetimeMs });
    if (dataKeys.size > maxDataKeys) dataKeys.delete(dataKeys.keys().next().value ?? '');
    return key;
  }

  async function load(tenantId: string): Promise<TenantKeys> {
    const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectTenantKeys([tenantId])]);
    const data = await unwrapAll(roots, rows, 'data');
    const index = await unwrapAll(roots, rows, 'index');
    return tenantKeys(tenantId, data, index, cachedDataKey);
  }

  return {
    tenant(tenantId) {
      const known = tenants.get(tenantId);
      if (known !== undefined) return known;
      const loading = load(tenantId);
      tenants.set(tenantId, loading);
      loading.catch(() => tenants.delete(tenantId));
      return loading;
    },
    unwraps: () => unwraps,
    forgetDataKeys(recordIds) {
      for (const id of recordIds) dataKeys.delete(id);
    },
    forget() {
      tenants.clear();
      dataKeys.clear();
    },
  };
}

interface Versions {
  readonly current: number;
  readonly keys: ReadonlyMap<number, KeyObject>;
}

/** Every version of one of a tenant's keys. A row under an unknown root or one that does not open is `sealed`. */
async function unwrapAll(
  roots: ReadonlyMap<string, RootKey>,
  rows: readonly TenantKeyRow[],
  use: 'data' | 'index',
): Promise<Versions> {
  const keys = new Map<number, KeyObject>();
  for (const row of rows.filter((r) => r.use === use)) {
    const root = roots.get(row.rootId);
    if (root === undefined) throw new VaultError('sealed');
    const material = await root.unwrap(wrapContext.tenantKey(row.tenantId, use, row.version), row.wrapped);
    keys.set(row.version, secretKey(material));
    material.fill(0);
  }
  if (keys.size === 0) throw new VaultError('sealed');
  return { current: Math.max(...keys.keys()), keys };
}

function tenantKeys(
  tenantId: string,
  data: Versions,
  index: Versions,
  cachedDataKey: (tenantId: string, wrapping: KeyObject, record: WrappedDataKey) => DataKey,
): TenantKeys {
  return {
    ...indexKeys(versionOf(index, index.current)),
    tenantId,
    indexVersion: index.current,
    newDataKey(kind, id) {
      const material = newDataKeyMaterial();
      const wrapped = wrapKey(versionOf(data, data.current), wrapContext.dataKey(tenantId, kind, id), material);
      return { wrapped, keyVersion: data.current, key: dataKey(material) };
    },
    dataKey: (record) => cachedDataKey(tenantId, versionOf(data, record.keyVersion), record),
  };
}

/** Tags and hashes under one version of an index key. */
function indexKeys(indexKey: KeyObject): Pick<TenantKeys, 'tag' | 'hash'> {
  const subkeys = new Map<string, KeyObject>();
  const subkey = (name: string): KeyObject => {
    const known = subkeys.get(name);
    if (known !== undefined) return known;
    const made = indexSubkey(indexKey, name);
    subkeys.set(name, made);
    return made;
  };
  return {
    tag: (field, canonical) => indexTag(subkey(field), canonical),
    hash: (purpose, ...parts) => keyedHash(subkey(`hash/${purpose}`), ...parts),
  };
}

function versionOf(versions: Versions, version: number): KeyObject {
  const key = versions.keys.get(version);
  if (key === undefined) throw new VaultError('integrity_failure');
  return key;
}
