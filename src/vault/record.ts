import { packRecord, unpackMarked, unpackShown, type Unpacked } from '../crypto/container.ts';
import type { RecordKind } from '../crypto/label.ts';
import { sealValues } from '../crypto/recordSeal.ts';
import { openerOf, sealerOf, type DataKey } from '../crypto/seal.ts';
import { VaultError } from '../errors.ts';
import type { Verdict } from '../policy/judge.ts';
import type { TenantKeys } from './keyring.ts';

declare const closed: unique symbol;

/** A value as it came out of the store. Only `reveal`, with the judge's verdict in hand, turns it into an answer. */
export interface Plaintext {
  readonly [closed]: true;
}

/** A row that holds a sealed record. */
export interface StoredRecord {
  readonly id: string;
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

/** What a write stores: every value sealed anew under the record's key for this version. */
export interface SealedRecord extends StoredRecord {
  /** SHA-256 of `sealed`, bound into the audit leaf of the write. */
  readonly digest: Buffer;
}

/** What can be sealed: JSON. */
export type Value =
  string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value | undefined };
/** Label to value, as JSON. */
export type Values = ReadonlyMap<string, Value>;

/** Seals a record under a new data key (version 1). */
export function sealNew(keys: TenantKeys, kind: RecordKind, id: string, values: Values): SealedRecord {
  const made = keys.newDataKey(kind, id);
  return sealWith(
    keys.tenantId,
    kind,
    { id, version: 1, keyVersion: made.keyVersion, dataKey: made.wrapped },
    made.key,
    values,
  );
}

/**
 * The same, together with what else is sealed at this moment: where that is much, by the thread beside this one (sealing.ts). Throws
 * `sealed` when the vault was sealed meanwhile.
 */
export async function sealNewBeside(
  keys: TenantKeys,
  kind: RecordKind,
  id: string,
  values: Values,
  mark?: string,
): Promise<SealedRecord> {
  const record = { kind, recordId: id, version: 1, values: [...inJson(values)], mark };
  const { wrapped, keyVersion, sealed, digest } = await keys.newRecord(record);
  return { id, version: 1, keyVersion, dataKey: wrapped, sealed, digest };
}

/** As `sealNext`, together with what else is sealed at this moment. */
export async function sealNextBeside(
  keys: TenantKeys,
  kind: RecordKind,
  { id, version: before, keyVersion, dataKey }: StoredRecord,
  values: Values,
  mark?: string,
): Promise<SealedRecord> {
  const version = before + 1;
  const record = { kind, recordId: id, version, values: [...inJson(values)], mark };
  const { sealed, digest } = await keys.nextRecord({ kind, id, keyVersion, wrapped: dataKey }, record);
  return { id, version, keyVersion, dataKey, sealed, digest };
}

/** Seals every value of a record anew, as its next version, so that no value of an older version opens in its place. */
export function sealNext(
  keys: TenantKeys,
  kind: RecordKind,
  stored: StoredRecord,
  values: Values,
  mark?: string,
): SealedRecord {
  const key = keyOf(keys, kind, stored);
  return sealWith(keys.tenantId, kind, { ...stored, version: stored.version + 1 }, key, values, mark);
}

function sealWith(
  tenantId: string,
  kind: RecordKind,
  record: Omit<StoredRecord, 'sealed'>,
  key: DataKey,
  values: Values,
  mark?: string,
): SealedRecord {
  const { id, version, keyVersion, dataKey } = record;
  const made = sealValues(key, { tenantId, kind, recordId: id, version }, inJson(values), mark);
  return { id, version, keyVersion, dataKey, ...made };
}

function* inJson(values: Values): Iterable<[label: string, json: string]> {
  for (const [label, value] of values) yield [label, JSON.stringify(value)];
}

/**
 * The same values under another data key, as another version or as the one they are. Throws `integrity_failure` where one does not
 * open: nothing damaged is carried over.
 */
export function resealed(
  tenantId: string,
  kind: RecordKind,
  { id, sealed }: Pick<StoredRecord, 'id' | 'sealed'>,
  from: { readonly key: DataKey; readonly version: number },
  to: { readonly key: DataKey; readonly version: number },
): Buffer {
  const context = { tenantId, kind, recordId: id };
  const open = openerOf(from.key, { ...context, version: from.version });
  const sealAnew = sealerOf(to.key, { ...context, version: to.version });
  const was = unpackMarked(sealed);
  const entries = new Map<string, Buffer>();
  for (const [field, value] of was.entries) entries.set(field, sealAnew(field, open(field, value)));
  return packRecord(entries, was.mark);
}

/** A stored record whose values can be opened one by one. Nothing is opened until `value` is called, and no value twice. */
export interface OpenRecord extends OpenValues {
  readonly labels: ReadonlySet<string>;
}

export interface OpenValues {
  /** Throws `integrity_failure` when the value is missing or does not open. */
  value(label: string): Plaintext;
}

export function openRecord(keys: TenantKeys, kind: RecordKind, { sealed, ...stored }: StoredRecord): OpenRecord {
  const { entries } = unpackWith(unpackMarked, stored, sealed);
  return { labels: new Set(entries.keys()), value: valuesIn(keys, kind, stored, entries) };
}

/** A row that was fetched to be shown: whole, or with nothing but its header where all that is released are masks. */
export interface ShownRecord extends Omit<StoredRecord, 'sealed'> {
  readonly shown: Buffer;
}

/** Which values there are, its header says. `mark`: of its container. */
export function openShown(
  keys: TenantKeys,
  kind: RecordKind,
  { shown, ...stored }: ShownRecord,
): OpenValues & Pick<Unpacked, 'mark'> {
  const { entries, mark } = unpackWith(unpackShown, stored, shown);
  return { mark, value: valuesIn(keys, kind, stored, entries) };
}

/** Erasure alone empties a row, and one that was erased comes here no more. */
function unpackWith(
  unpack: (bytes: Buffer) => Unpacked,
  { dataKey }: Pick<StoredRecord, 'dataKey'>,
  sealed: Buffer,
): Unpacked {
  if (!Buffer.isBuffer(sealed) || !Buffer.isBuffer(dataKey)) throw new VaultError('integrity_failure');
  return unpack(sealed);
}

function valuesIn(
  keys: TenantKeys,
  kind: RecordKind,
  stored: Omit<StoredRecord, 'sealed'>,
  entries: ReadonlyMap<string, Buffer>,
): OpenValues['value'] {
  const { id, version } = stored;
  const open = openerOf(keyOf(keys, kind, stored), { tenantId: keys.tenantId, kind, recordId: id, version });
  const opened = new Map<string, Plaintext>();
  return (label) => {
    const before = opened.get(label);
    if (before !== undefined) return before;
    const sealed = entries.get(label);
    if (sealed === undefined) throw new VaultError('integrity_failure');
    const value = JSON.parse(open(label, sealed)) as Plaintext;
    opened.set(label, value);
    return value;
  };
}

/** The data key of a stored record, for what is sealed under it outside its row: the chunks of an order's scan. */
export function dataKeyOf(keys: TenantKeys, kind: RecordKind, stored: StoredRecord): DataKey {
  return keyOf(keys, kind, stored);
}

function keyOf(keys: TenantKeys, kind: RecordKind, stored: Omit<StoredRecord, 'sealed'>): DataKey {
  return keys.dataKey({ kind, id: stored.id, keyVersion: stored.keyVersion, wrapped: stored.dataKey });
}

/** Lets a value out. Only a `full` verdict of the judge is accepted. */
export function reveal(_verdict: Extract<Verdict, { state: 'full' }>, value: Plaintext): unknown {
  return value;
}

/** For work inside the vault that shows nothing: re-sealing, copying into another record. The name says who may not. */
export function forResealing(value: Plaintext): Value {
  return value as unknown as Value;
}

/** For figures about many: a word that is counted, and never shown as anybody's. */
export function forCounting(value: Plaintext): string | undefined {
  const word: unknown = value;
  return typeof word === 'string' ? word : undefined;
}

/** The record's header: shape and masks, which are meant to be shown. */
export function headerOf<Header>(record: OpenValues): Header {
  return record.value('header') as unknown as Header;
}
