import { numberLength, putByte, putBytes, putNumber, putText, putUuid, uuidLength, type Cursor } from './framing.ts';

/**
 * The associated data of a sealed field: where the value belongs. A value opens only under the label it was sealed with.
 *
 * | offset | bytes | what                                                        |
 * | ------ | ----- | ----------------------------------------------------------- |
 * | 0      | 1     | format version of the sealed value: 1 or 2                  |
 * | 1      | 16    | tenant id                                                   |
 * | 17     | 16    | record id                                                   |
 * | 33     | 8     | record version, unsigned, big-endian                        |
 * | 41     | 1 + k | length and ASCII name of the kind of record                 |
 * | 42 + k | 1 + f | length and ASCII label of the field                         |
 */
export type RecordKind =
  | 'customer'
  | 'order'
  | 'invoice'
  | 'grant'
  | 'shipment'
  | 'legal_order'
  | 'legal_document'
  | 'hold'
  | 'request'
  | 'case'
  | 'recipient'
  | 'feedback'
  | 'undertaking'
  | 'export'
  | 'message'
  | 'contact_point'
  | 'webhook'
  | 'permission'
  | 'supplementary_request'
  | 'incident'
  | 'anomaly'
  | 'decoys'
  | 'statement'
  | 'answer'
  | 'import';

export interface RecordContext {
  /** UUID, lower case, like `recordId`. */
  readonly tenantId: string;
  readonly kind: RecordKind;
  readonly recordId: string;
  /** The record's version at this write; an older version's value does not open. */
  readonly version: number;
}

export interface SealContext extends RecordContext {
  /** Printable ASCII without space, 1 to 255 characters. */
  readonly field: string;
}

/** 1: envelope.ts, 2: valueEnvelope.ts. */
export type SealedFormat = 1 | 2;
const fixedLength = 1 + 2 * uuidLength + numberLength + 1;

/** Throws `internal` for a context that has no encoding. */
export function associatedData(context: SealContext, format: SealedFormat): Buffer {
  return withField(recordLabel(context, format), context.field);
}

/** What all values of one record have in common: the associated data up to the field's label, once for a record. */
export function recordLabel({ tenantId, kind, recordId, version }: RecordContext, format: SealedFormat): Buffer {
  const cursor: Cursor = { bytes: Buffer.allocUnsafe(fixedLength + kind.length), at: 0 };
  putByte(cursor, format);
  putUuid(cursor, tenantId);
  putUuid(cursor, recordId);
  putNumber(cursor, version);
  putText(cursor, kind);
  return cursor.bytes;
}

export function withField(record: Buffer, field: string): Buffer {
  const cursor: Cursor = { bytes: Buffer.allocUnsafe(record.length + 1 + field.length), at: 0 };
  putBytes(cursor, record);
  putText(cursor, field);
  return cursor.bytes;
}
