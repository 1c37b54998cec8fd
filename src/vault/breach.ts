import type { AuditLeaf } from '../crypto/leaf.ts';
import type { RecordedKind } from '../db/auditVerification.ts';
import type { KeptTable } from '../db/recordStandings.ts';

/** The first thing found wrong. */
export interface Breach {
  readonly code: BreachCode;
  /** A leaf, or a kind of record. */
  readonly kind: 'leaf' | RecordedKind | KeptTable | 'policy_heads' | 'policy_versions';
  readonly id: string;
}

export type BreachCode =
  | 'leaf_malformed'
  | 'leaf_hash'
  | 'leaf_id'
  | 'leaf_tenant'
  | 'leaf_time'
  | 'leaf_order'
  | 'leaf_columns'
  | 'record_missing'
  | 'record_older'
  | 'record_emptied'
  | 'record_unrecorded'
  | 'record_digest';

/** What each code means, for people. */
export const breachMeanings: Readonly<Record<BreachCode, string>> = {
  leaf_malformed: 'its bytes are none that this service writes',
  leaf_hash: 'its bytes do not have the hash stored beside them',
  leaf_id: 'it stands under another id than the one written in it',
  leaf_tenant: 'it is written for another tenant',
  leaf_time: 'its time is far from the time of its id',
  leaf_order: 'it does not come after the leaf before it',
  leaf_columns: 'the columns beside it say something else than the leaf',
  record_missing: 'the log tells of its writing, but it is not there',
  record_older: 'an older version is stored than the log tells of',
  record_emptied: 'what it held is gone, and the log tells of no erasure',
  record_unrecorded: 'no leaf tells of the version that is stored',
  record_digest: 'what is stored is not what the log says was stored',
};

/** A write that a leaf tells of: which row, and the version it was stored as. */
export interface RecordedWrite {
  readonly kind: RecordedKind | 'shipments';
  readonly id: string;
  readonly version: number;
}

const writtenKinds: ReadonlySet<string> = new Set<RecordedWrite['kind']>([
  'customers',
  'orders',
  'invoices',
  'legal_orders',
  'exports',
  'clients',
  'holds',
  'shipments',
]);

/** Undefined for a leaf that tells of no write. */
export function writeOf(leaf: AuditLeaf): RecordedWrite | undefined {
  const { digest, recordVersion: version, subjectId, objectKind = 'customers', objectId = subjectId } = leaf;
  if (digest === undefined || version === undefined || objectId === undefined) return undefined;
  return writtenKinds.has(objectKind)
    ? { kind: objectKind as RecordedWrite['kind'], id: objectId, version }
    : undefined;
}
