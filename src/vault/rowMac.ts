import { canonicalJson } from '../crypto/canonicalJson.ts';
import { sameBytes } from '../crypto/hmac.ts';
import { VaultError } from '../errors.ts';
import type { TenantKeys } from './keyring.ts';
import { rowMembers, type Fixed, type RowKind, type Rows } from './rowMembers.ts';
import type { Vault } from './vault.ts';

export type { RowKind };

/**
 * Rows that decide who may do what, and have no sealed value to vouch for them, carry a MAC: made where the row is made,
 * checked wherever it is believed. Whoever edits the tables can take a row away or put back an older one, but not make,
 * widen or move one.
 *
 * | bytes | of a MAC as it is stored                                                                 |
 * | ----- | ----------------------------------------------------------------------------------------- |
 * | 4     | version of the mac key, big-endian, so that the database can turn away what is stored late |
 * | 32    | keyed hash; in rows of an older version of the vault this alone                                    |
 *
 * | part | of the keyed hash `row/<kind>` (crypto/blindIndex.ts: each part behind its length)                          |
 * | ---- | ------------------------------------------------------------------------------------------------------------ |
 * | 1    | tenant id                                                                                                    |
 * | 2 …  | the members in rowMembers.ts in the order of their names, each as canonical JSON (RFC 8785); a time as       |
 * |      | RFC 3339 in UTC with milliseconds, bytes in hex                                                              |
 *
 * The key is the tenant's mac key. While it is renewed, a row is believed under each of its live versions. Not in it,
 * because they change: a grant's `reads`, `closed_at` and its reason; a parcel's `status`, `code_tries`, `attempts`,
 * `closed_at`; of a notice, who was told and that it was taken back. Putting those, or a whole row with its MAC, back
 * to what they were is a rollback: the leaves of the audit tell of it, the row cannot. A code's `tries` and `used_at`
 * likewise. Nor are `external_ref`, `call_reference`, `answers`, `last_failure` and `release`, which are sealed on
 * their own; `source_sha256`, which repeats `source`; and `tokens_valid_from`, which can only take away.
 */
export type Unsigned<Kind extends RowKind> = Pick<Rows[Kind], Fixed<Kind>>;
export type Signed<Kind extends RowKind> = Unsigned<Kind> & { readonly mac: Buffer | null };
/** What MACs are made with. */
export type MacKeys = Pick<TenantKeys, 'tenantId' | 'macs' | 'macVersions'>;

/** Under the version in use. */
export function macOf<Kind extends RowKind>(keys: MacKeys, kind: Kind, row: Unsigned<Kind>): Buffer {
  const [mac] = macsOf(keys, kind, row);
  if (mac === undefined) throw new VaultError('internal');
  return mac;
}

/** Under each version, the one in use first; what is not asked for is not computed. */
function* macsOf<Kind extends RowKind>(keys: MacKeys, kind: Kind, row: Unsigned<Kind>): Iterable<Buffer> {
  const names = Object.keys(rowMembers[kind]).sort() as Fixed<Kind>[];
  const versions = keys.macVersions;
  let place = 0;
  for (const hash of keys.macs(`row/${kind}`, keys.tenantId, ...names.map((name) => canonical(row[name])))) {
    const mac = Buffer.alloc(versionBytes + hashBytes);
    mac.writeUInt32BE(versions[place] ?? 0);
    hash.copy(mac, versionBytes);
    place += 1;
    yield mac;
  }
}

/** Constant time in the MAC. */
function isMac(stored: Buffer | null, mac: Buffer): boolean {
  if (stored === null) return false;
  return sameBytes(stored, mac) || sameBytes(stored, hashOfMac(mac));
}

/** What a leaf says of a row that is vouched for by nothing but its MAC (32 bytes). */
export const hashOfMac = (mac: Buffer): Buffer => mac.subarray(-hashBytes);

const versionBytes = 4;
const hashBytes = 32;

function canonical(value: unknown): string {
  if (value instanceof Date) return canonicalJson(value.toISOString());
  return canonicalJson(Buffer.isBuffer(value) ? value.toString('hex') : value);
}

/**
 * Which live version made the row's MAC: its place among them, 0 for the one in use, and what it would be. Undefined for a row
 * that is not genuine.
 */
export function macPlaceOf<Kind extends RowKind>(
  keys: MacKeys,
  kind: Kind,
  row: Signed<Kind>,
): { readonly place: number; readonly current: Buffer } | undefined {
  const macs = [...macsOf(keys, kind, row)];
  const place = macs.findIndex((mac) => isMac(row.mac, mac));
  const [current] = macs;
  return place === -1 || current === undefined ? undefined : { place, current };
}

/** Is the row as it was made, by this tenant's key? Constant time in the MAC. */
export function isGenuine<Kind extends RowKind>(keys: MacKeys, kind: Kind, row: Signed<Kind>): boolean {
  try {
    if (row.mac === null) return false;
    for (const mac of macsOf(keys, kind, row)) if (isMac(row.mac, mac)) return true;
    return false;
  } catch {
    // A value that none of ours could be, `infinity` for a time, say.
    return false;
  }
}

/** Throws `integrity_failure` unless the row is genuine. */
export function checkMac<Kind extends RowKind>(keys: MacKeys, kind: Kind, row: Signed<Kind>): void {
  if (!isGenuine(keys, kind, row)) throw new VaultError('integrity_failure');
}

/** Where one bad row must not stand in the way of the others: it is passed over, and the operator is told. */
export function believes<Kind extends RowKind>(
  vault: Pick<Vault, 'notice'>,
  keys: MacKeys,
  kind: Kind,
  row: Signed<Kind>,
): boolean {
  const genuine = isGenuine(keys, kind, row);
  if (!genuine) vault.notice('integrity_failure', kind);
  return genuine;
}

/** The same of a page: those that are believed. */
export const believed =
  <Kind extends RowKind>(kind: Kind) =>
  <Row extends Signed<Kind>>(
    { vault, keys }: { readonly vault: Pick<Vault, 'notice'>; readonly keys: MacKeys },
    rows: readonly Row[],
  ): readonly Row[] =>
    rows.filter((row) => believes(vault, keys, kind, row));

/** A parcel rests on two rows: its own and its grant's. Throws `integrity_failure`. */
export function checkParcel(
  keys: MacKeys,
  parcel: Signed<'shipments'>,
  grant: Signed<'grants'> | undefined,
): asserts grant is Signed<'grants'> {
  checkMac(keys, 'shipments', parcel);
  if (grant?.id !== parcel.grantId) throw new VaultError('integrity_failure');
  checkMac(keys, 'grants', grant);
}
