import type { KeyObject } from 'node:crypto';
import { indexSubkey, indexTag, keyedHash } from '../crypto/blindIndex.ts';
import type { RecordKind } from '../crypto/label.ts';
import { newDataKey, sealRecord, type RecordToSeal, type Sealed, type SealOrder } from '../crypto/recordSeal.ts';
import type { DataKey } from '../crypto/seal.ts';
import { unwrapKey, wrapContext, wrapKey, type TenantKeyState, type TenantKeyUse } from '../crypto/wrap.ts';
import { VaultError } from '../errors.ts';

/** Where a record's data key stands: which record, wrapped by which version of the tenant's data key. */
export interface WrappedDataKey {
  readonly kind: RecordKind;
  readonly id: string;
  readonly keyVersion: number;
  readonly wrapped: Buffer;
}

/** A blind index tag (16 bytes), and the version of the index key that it was made with. */
export interface IndexTag {
  readonly tag: Buffer;
  readonly keyVersion: number;
}

/** The keys of one tenant, unwrapped. */
export interface TenantKeys {
  readonly tenantId: string;
  newDataKey(
    kind: RecordKind,
    id: string,
  ): { readonly wrapped: Buffer; readonly keyVersion: number; readonly key: DataKey };
  /** A record sealed under a new data key, together with others that are sealed at this moment. */
  newRecord(record: UnsealedRecord): Promise<Sealed & { readonly keyVersion: number }>;
  /** The same under the data key that it has. */
  nextRecord(held: WrappedDataKey, record: UnsealedRecord): Promise<Sealed>;
  dataKey(record: WrappedDataKey): DataKey;
  /** The same data key, wrapped under the version in use. */
  rewrapped(record: WrappedDataKey): { readonly wrapped: Buffer; readonly keyVersion: number };
  /** Each live version of a key and its state. */
  versions(use: TenantKeyUse): readonly Pick<LiveKey, 'version' | 'state'>[];
  /** Tags of a canonical value under each live version of the index key: what is asked for. */
  tags(field: string, canonical: string): readonly Buffer[];
  /** The tags that a write stores: while the key is renewed, under the next version too. */
  newTags(field: string, canonical: string): readonly IndexTag[];
  /** The same under each live version, with what becomes of it: what a stored tag is held against. */
  everyTag(field: string, canonical: string): readonly (IndexTag & { readonly state: TenantKeyState })[];
  /** Keyed hash of values that must be compared and never read back (32 bytes). The same for as long as the tenant lives. */
  hash(purpose: string, ...parts: readonly (string | Buffer)[]): Buffer;
  readonly hashVersion: number;
  /** MACs of a row under each live version (32 bytes), the one in use first; computed as they are asked for. */
  macs(purpose: string, ...parts: readonly (string | Buffer)[]): Iterable<Buffer>;
  /** The versions of `macs`, in its order. */
  readonly macVersions: readonly number[];
}

/** One live version of a key. */
export interface LiveKey {
  readonly version: number;
  readonly state: TenantKeyState;
  readonly key: KeyObject;
}

/** Opens a record's data key, or has it in memory. */
export type OpenDataKey = (tenantId: string, wrapping: KeyObject, record: WrappedDataKey) => DataKey;

/** One of this tenant's. */
export type UnsealedRecord = Omit<RecordToSeal, 'tenantId'>;

/** Seals a record, here or elsewhere. */
export type SealRecord = (order: SealOrder) => Promise<Sealed>;

const sealHere: SealRecord = async (order) => sealRecord(order);

/** Throws `sealed` where a key is missing or none of its versions is in use. */
export function tenantKeys(
  tenantId: string,
  live: Readonly<Record<TenantKeyUse, readonly LiveKey[]>>,
  openDataKey: OpenDataKey,
  seal: SealRecord = sealHere,
): TenantKeys {
  const data = currentOf(live.data);
  currentOf(live.index);
  const index = live.index.map((one) => ({ ...one, subkeyOf: subkeys(one.key) }));
  const macLive = [currentOf(live.mac), ...live.mac.filter(({ state }) => state !== 'current')];
  const macKeys = macLive.map(({ key }) => subkeys(key));
  // What it makes is stored beside nothing that could make it anew: it never changes.
  const hashKey = live.hash.toSorted((a, b) => a.version - b.version)[0] ?? currentOf(live.hash);
  const hashSubkeys = subkeys(hashKey.key);
  const opened: TenantKeys['dataKey'] = (held) => openDataKey(tenantId, versionOf(live.data, held.keyVersion), held);
  return {
    tenantId,
    newDataKey: (kind, id) => ({ ...newDataKey(data.key, tenantId, kind, id), keyVersion: data.version }),
    async newRecord(record) {
      const sealed = await seal({ wrapping: data.key, record: { tenantId, ...record } });
      return { ...sealed, keyVersion: data.version };
    },
    nextRecord: async (held, record) => seal({ key: opened(held), record: { tenantId, ...record } }),
    dataKey: opened,
    rewrapped({ kind, id, keyVersion, wrapped }) {
      const context = wrapContext.dataKey(tenantId, kind, id);
      const material = unwrapKey(versionOf(live.data, keyVersion), context, wrapped);
      const anew = wrapKey(data.key, context, material);
      material.fill(0);
      return { wrapped: anew, keyVersion: data.version };
    },
    versions: (use) => live[use].map(({ version, state }) => ({ version, state })),
    tags: (field, canonical) => index.map(({ subkeyOf }) => indexTag(subkeyOf(field), canonical)),
    newTags: (field, canonical) =>
      index
        .filter(({ state }) => state !== 'former')
        .map(({ subkeyOf, version }) => ({ tag: indexTag(subkeyOf(field), canonical), keyVersion: version })),
    everyTag: (field, canonical) =>
      index.map(({ subkeyOf, version, state }) => ({
        tag: indexTag(subkeyOf(field), canonical),
        keyVersion: version,
        state,
      })),
    hash: (purpose, ...parts) => keyedHash(hashSubkeys(`hash/${purpose}`), ...parts),
    hashVersion: hashKey.version,
    macVersions: macLive.map(({ version }) => version),
    *macs(purpose, ...parts) {
      for (const subkeyOf of macKeys) yield keyedHash(subkeyOf(`hash/${purpose}`), ...parts);
    },
  };
}

/** One tenant's keys as they are given out: replaced, and taken back, wherever they are held. */
export interface HeldKeys {
  readonly keys: TenantKeys;
  /** Keys that were taken back stay so. */
  renew(next: TenantKeys): void;
  /** From now on they do nothing: every use is `sealed`. */
  close(): void;
}

export function heldKeys(first: TenantKeys): HeldKeys {
  let held: TenantKeys | undefined = first;
  const here = (): TenantKeys => {
    if (held === undefined) throw new VaultError('sealed');
    return held;
  };
  /** Nothing that was made with keys that have been taken back meanwhile. */
  const still = async <T>(making: Promise<T>): Promise<T> => {
    const made = await making;
    here();
    return made;
  };
  return {
    renew(next) {
      if (held !== undefined) held = next;
    },
    close: () => void (held = undefined),
    keys: {
      tenantId: first.tenantId,
      newDataKey: (kind, id) => here().newDataKey(kind, id),
      newRecord: (record) => still(here().newRecord(record)),
      nextRecord: (record, next) => still(here().nextRecord(record, next)),
      dataKey: (record) => here().dataKey(record),
      rewrapped: (record) => here().rewrapped(record),
      versions: (use) => here().versions(use),
      tags: (field, canonical) => here().tags(field, canonical),
      newTags: (field, canonical) => here().newTags(field, canonical),
      everyTag: (field, canonical) => here().everyTag(field, canonical),
      hash: (purpose, ...parts) => here().hash(purpose, ...parts),
      get hashVersion() {
        return here().hashVersion;
      },
      macs: (purpose, ...parts) => here().macs(purpose, ...parts),
      get macVersions() {
        return here().macVersions;
      },
    },
  };
}

/** One subkey a name, derived once. */
function subkeys(key: KeyObject): (name: string) => KeyObject {
  const known = new Map<string, KeyObject>();
  return (name) => {
    const subkey = known.get(name) ?? indexSubkey(key, name);
    known.set(name, subkey);
    return subkey;
  };
}

function currentOf(live: readonly LiveKey[]): LiveKey {
  const current = live.find(({ state }) => state === 'current');
  if (current === undefined) throw new VaultError('sealed');
  return current;
}

function versionOf(live: readonly LiveKey[], version: number): KeyObject {
  const found = live.find((one) => one.version === version);
  if (found === undefined) throw new VaultError('integrity_failure');
  return found.key;
}
