import type { AuditLeaf } from '../crypto/leaf.ts';
import type { RecordedKind } from '../db/auditVerification.ts';
import type { KeptTable } from '../db/recordStandings.ts';

/** The first thing found wrong. */
export interface Breach {
  readonly code: BreachCode;
  /** A leaf, a part of the tree over the leaves, a line of a bundle, or a kind of record. */
  readonly kind: 'leaf' | 'head' | 'tile' | 'checkpoint' | 'expiry' | 'line' | RecordedKind | KeptTable | KeyedTable;
  /**
   * Of a tile its level and number, of a checkpoint its size, of an expiry the first leaf it is about, of a line its number, of a
   * head its tenant.
   */
  readonly id: string;
  /** Where in the log it is, counted from 0. */
  readonly index?: number;
  /** Where the first bad leaf cannot be told by itself: it is one of those from here to `index`. */
  readonly from?: number;
}

type KeyedTable = 'policy_heads' | 'policy_versions' | 'tenant_keys';

export type BreachCode =
  | 'leaf_malformed'
  | 'leaf_hash'
  | 'leaf_id'
  | 'leaf_tenant'
  | 'leaf_time'
  | 'leaf_order'
  | 'leaf_columns'
  | 'leaf_missing'
  | 'leaf_replaced'
  | 'leaf_reordered'
  | 'leaf_unindexed'
  | 'leaf_twice'
  | 'leaf_overdue'
  | 'leaf_index'
  | 'tile_missing'
  | 'tile_entries'
  | 'tile_bounds'
  | 'head_missing'
  | 'head_size'
  | 'head_root'
  | 'checkpoint_malformed'
  | 'checkpoint_signature'
  | 'checkpoint_misplaced'
  | 'checkpoint_root'
  | 'checkpoint_missing'
  | 'expiry_signature'
  | 'expiry_untold'
  | 'log_rolled_back'
  | 'log_forked'
  | 'bundle_malformed'
  | 'bundle_truncated'
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
  leaf_missing: 'the tree names it, but it is not there, and nothing that the log signed says that its time was over',
  leaf_replaced: 'the tree has another leaf in its place',
  leaf_reordered: 'the tree has it at another index',
  leaf_unindexed: 'it is in no tile of the tree, and does not wait for one',
  leaf_twice: 'the tree names it more than once',
  leaf_overdue: 'it waits for the tree, which has long taken later ones',
  leaf_index: 'it does not have the next index',
  tile_missing: 'a tile of the tree is not there',
  tile_entries: 'a tile of the tree does not follow from the leaves',
  tile_bounds: 'a tile of the tree is not found by the ids in it',
  head_missing: 'there are tiles or checkpoints, but no head of the tree',
  head_size: 'the head of the tree does not have the size of its tiles',
  head_root: 'the head of the tree does not have the root of its leaves',
  checkpoint_malformed: 'it is none that this service writes',
  checkpoint_signature:
    'it is signed by none of the keys given for this log; one whose key has turned over needs every --key',
  checkpoint_misplaced:
    'it is of another log or another size than where it stands: it was moved, or leaves before it were taken out or put in',
  checkpoint_root: 'what was signed is not what is there: leaves before it were changed',
  checkpoint_missing: 'no signed checkpoint covers the last leaves',
  expiry_signature: 'what says which leaves had their time is not signed by a key of this log',
  expiry_untold: 'leaves had their time, but the log has no leaf that tells of it',
  log_rolled_back: 'the log ends before the checkpoint that was held',
  log_forked: 'the log does not begin with the one that the checkpoint held was signed over',
  bundle_malformed: 'the line is none that an export writes',
  bundle_truncated: 'the file ends before its closing line, or says something else there',
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
