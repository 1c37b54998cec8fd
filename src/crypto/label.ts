import { numberLength, putByte, putNumber, putText, putUuid, uuidLength, type Cursor } from './framing.ts';

/**
 * The associated data of a sealed field: where the value belongs. A value opens only under the label it was sealed with.
 *
 * | offset | bytes | what                                                        |
 * | ------ | ----- | ----------------------------------------------------------- |
 * | 0      | 1     | format version of the sealed value: 1                       |
 * | 1      | 16    | tenant id                                                   |
 * | 17     | 16    | record id                                                   |
 * | 33     | 8     | record version, unsigned, big-endian                        |
 * | 41     | 1 + k | length and ASCII name of the kind of record                 |
 * | 42 + k | 1 + f | length and ASCII label of the field                         |
 */
export type RecordKind =
  'customer' | 'order' | 'invoice' | 'grant' | 'shipment' | 'legal_order' | 'export' | 'answer' | 'import';

export interface SealContext {
  /** UUID, lower case, like `recordId`. */
  readonly tenantId: string;
  readonly kind: RecordKind;
  readonly recordId: string;
  /** The record's version at this write; an older version's value does not open. */
  readonly version: number;
  /** Printable ASCII without space, 1 to 255 characters. */
  readonly field: string;
}

export const sealedFormat = 1;
const fixedLength = 1 + 2 * uuidLength + numberLength + 2;

/** Throws `internal` for a context that has no encoding. */
export function associatedData(context: SealContext): Buffer {
  const { tenantId, kind, recordId, version, field } = context;
  const cursor: Cursor = { bytes: Buffer.allocUnsafe(fixedLength + kind.length + field.length), at: 0 };
  putByte(cursor, sealedFormat);
  putUuid(cursor, tenantId);
  putUuid(cursor, recordId);
  putNumber(cursor, version);
  putText(cursor, kind);
  putText(cursor, field);
  return cursor.bytes;
}
