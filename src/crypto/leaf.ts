import { VaultError } from '../errors.ts';
import { digestOf } from './digest.ts';
import {
  expectEnd,
  putByte,
  putBytes,
  putNumber,
  putText,
  putUuid,
  takeByte,
  takeBytes,
  takeNumber,
  takeText,
  takeUuid,
  type Cursor,
} from './framing.ts';

/**
 * The canonical audit leaf: who did what to which fields of whom, under which grant, purpose and policy, and by which
 * rule it was allowed or refused. These bytes are stored and hashed, and are what a Merkle tree (RFC 9162) stands on:
 * the layout only ever changes under a new version number.
 *
 * No personal values and nothing that a dictionary reverses: names of fields, never what stands in them; opaque ids;
 * the digest is over sealed bytes. All text is printable ASCII without space, so a name or an address cannot slip in.
 *
 * | bytes     | what                                                                                     |
 * | --------- | ---------------------------------------------------------------------------------------- |
 * | 1         | format version: 2 where part 7 is there, else 1, which had no part 7                     |
 * | 1         | presence: bit n is 1 where the optional part n below is there                            |
 * | 16        | leaf id                                                                                  |
 * | 16        | tenant id                                                                                |
 * | 8         | time, milliseconds since 1970 UTC                                                        |
 * | 1         | outcome: 1 allowed, 2 refused                                                            |
 * | text      | role                                                                                     |
 * | text      | actor: the staff member's opaque id, or empty                                            |
 * | text      | action, like `customers.read`                                                            |
 * | text      | rule that decided, like `kalak/1#nationalId.accounting.invoice`, or the refusal's code   |
 * | text      | purpose, or empty                                                                        |
 * | text      | policy version                                                                           |
 * | text      | request id                                                                               |
 * | 1 + texts | number of fields given in full, and their names                                          |
 * | 1 + texts | number of fields given masked, and their names                                           |
 * | 16        | 0: client id                                                                             |
 * | text + 16 | 1: kind and id of the subject                                                            |
 * | text + 16 | 2: kind and id of the object (order, shipment, grant, invoice, legal order, client ...)  |
 * | 16        | 3: grant id                                                                              |
 * | 16        | 4: legal order id                                                                        |
 * | 32        | 5: SHA-256 of what was stored                                                            |
 * | 8         | 6: version of the record                                                                 |
 * | 16        | 7: id of the access token (`jti`) under which it was done                                |
 *
 * Text, UUID and number as in framing.ts. One leaf has one encoding, of at most 8 KiB.
 */
export interface AuditLeaf {
  /** UUIDs here are lower case. */
  readonly id: string;
  readonly tenantId: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly clientId?: string | undefined;
  readonly role: string;
  readonly actor: string;
  readonly action: string;
  readonly outcome: 'allowed' | 'refused';
  readonly rule: string;
  /** Kind and id are there together or not at all. */
  readonly subjectKind?: string | undefined;
  readonly subjectId?: string | undefined;
  readonly objectKind?: string | undefined;
  readonly objectId?: string | undefined;
  /** Names of the fields given in full, and of those given masked. */
  readonly full: readonly string[];
  readonly masked: readonly string[];
  readonly grantId?: string | undefined;
  readonly purpose: string;
  readonly policyVersion: string;
  readonly legalOrderId?: string | undefined;
  /** 32 bytes. */
  readonly digest?: Buffer | undefined;
  readonly recordVersion?: number | undefined;
  readonly tokenId?: string | undefined;
  readonly requestId: string;
}

const formats = { plain: 1, withToken: 2 } as const;
const outcomes = ['allowed', 'refused'] as const;
const maxLeaf = 8192;
const digestLength = 32;
const leafPrefix = Buffer.of(0);
const bit = {
  client: 1,
  subject: 2,
  object: 4,
  grant: 8,
  legalOrder: 16,
  digest: 32,
  recordVersion: 64,
  token: 128,
} as const;

// Written here first, then copied out at its exact length: one allocation a leaf.
const scratch = Buffer.alloc(maxLeaf);

/** Throws `internal` for a leaf that has no encoding; nothing is served without its leaf, so the caller refuses. */
export function encodeLeaf(leaf: AuditLeaf): Buffer {
  const cursor: Cursor = { bytes: scratch, at: 0 };
  putByte(cursor, leaf.tokenId === undefined ? formats.plain : formats.withToken);
  putByte(cursor, presenceOf(leaf));
  putUuid(cursor, leaf.id);
  putUuid(cursor, leaf.tenantId);
  putNumber(cursor, leaf.at);
  putByte(cursor, outcomes.indexOf(leaf.outcome) + 1);
  putText(cursor, leaf.role);
  putText(cursor, leaf.actor);
  putText(cursor, leaf.action);
  putText(cursor, leaf.rule);
  putText(cursor, leaf.purpose);
  putText(cursor, leaf.policyVersion);
  putText(cursor, leaf.requestId);
  putNames(cursor, leaf.full);
  putNames(cursor, leaf.masked);
  if (leaf.clientId !== undefined) putUuid(cursor, leaf.clientId);
  putReference(cursor, leaf.subjectKind, leaf.subjectId);
  putReference(cursor, leaf.objectKind, leaf.objectId);
  if (leaf.grantId !== undefined) putUuid(cursor, leaf.grantId);
  if (leaf.legalOrderId !== undefined) putUuid(cursor, leaf.legalOrderId);
  if (leaf.digest !== undefined) putDigest(cursor, leaf.digest);
  if (leaf.recordVersion !== undefined) putNumber(cursor, leaf.recordVersion);
  if (leaf.tokenId !== undefined) putUuid(cursor, leaf.tokenId);
  return Buffer.from(scratch.subarray(0, cursor.at));
}

/**
 * Strict: accepts what `encodeLeaf` writes and nothing else, so that bytes and meaning correspond one to one. What was
 * absent is absent. Throws `integrity_failure`.
 */
export function decodeLeaf(bytes: Buffer): AuditLeaf {
  if (bytes.length > maxLeaf) throw new VaultError('integrity_failure');
  const cursor: Cursor = { bytes, at: 0 };
  const format = takeByte(cursor);
  const presence = takeByte(cursor);
  const has = (part: number): boolean => (presence & part) !== 0;
  if (format !== (has(bit.token) ? formats.withToken : formats.plain)) throw new VaultError('integrity_failure');
  // Members are read in the order they are written here, which is the table's.
  const leaf: AuditLeaf = {
    id: takeUuid(cursor),
    tenantId: takeUuid(cursor),
    at: takeNumber(cursor),
    outcome: takeOutcome(cursor),
    role: takeText(cursor),
    actor: takeText(cursor),
    action: takeText(cursor),
    rule: takeText(cursor),
    purpose: takeText(cursor),
    policyVersion: takeText(cursor),
    requestId: takeText(cursor),
    full: takeNames(cursor),
    masked: takeNames(cursor),
    ...(has(bit.client) ? { clientId: takeUuid(cursor) } : {}),
    ...(has(bit.subject) ? { subjectKind: takeText(cursor), subjectId: takeUuid(cursor) } : {}),
    ...(has(bit.object) ? { objectKind: takeText(cursor), objectId: takeUuid(cursor) } : {}),
    ...(has(bit.grant) ? { grantId: takeUuid(cursor) } : {}),
    ...(has(bit.legalOrder) ? { legalOrderId: takeUuid(cursor) } : {}),
    ...(has(bit.digest) ? { digest: Buffer.from(takeBytes(cursor, digestLength)) } : {}),
    ...(has(bit.recordVersion) ? { recordVersion: takeNumber(cursor) } : {}),
    ...(has(bit.token) ? { tokenId: takeUuid(cursor) } : {}),
  };
  expectEnd(cursor);
  return leaf;
}

/** The hash of a Merkle tree's leaf: SHA-256(0x00 | leaf) (RFC 9162 section 2.1.1). */
export function leafHash(leaf: Buffer): Buffer {
  return digestOf(Buffer.concat([leafPrefix, leaf]));
}

/** Can this stand as text in a leaf? To be asked of what comes from outside before a leaf needs it. */
export function isLeafText(candidate: string): boolean {
  return /^[\x21-\x7e]{0,255}$/.test(candidate);
}

function presenceOf(leaf: AuditLeaf): number {
  return (
    (leaf.clientId === undefined ? 0 : bit.client) |
    (leaf.subjectId === undefined ? 0 : bit.subject) |
    (leaf.objectId === undefined ? 0 : bit.object) |
    (leaf.grantId === undefined ? 0 : bit.grant) |
    (leaf.legalOrderId === undefined ? 0 : bit.legalOrder) |
    (leaf.digest === undefined ? 0 : bit.digest) |
    (leaf.recordVersion === undefined ? 0 : bit.recordVersion) |
    (leaf.tokenId === undefined ? 0 : bit.token)
  );
}

/** What a judge decides stands in many leaves; its names, which never change, are laid out once. */
const laidOut = new WeakMap<readonly string[], Buffer>();

function putNames(cursor: Cursor, names: readonly string[]): void {
  const known = laidOut.get(names);
  if (known !== undefined) {
    putBytes(cursor, known);
    return;
  }
  if (names.length > 0xff) throw new VaultError('internal');
  const start = cursor.at;
  putByte(cursor, names.length);
  for (const name of names) putText(cursor, name);
  if (Object.isFrozen(names)) laidOut.set(names, Buffer.from(cursor.bytes.subarray(start, cursor.at)));
}

/** The same lists stand in most leaves and are read once; when so many are known, it begins anew. */
const readBefore = new Map<string, readonly string[]>();
const mostReadBefore = 256;

function takeNames(cursor: Cursor): readonly string[] {
  const start = cursor.at;
  const count = takeByte(cursor);
  let end = cursor.at;
  for (let i = 0; i < count; i++) end += 1 + (cursor.bytes[end] ?? 0);
  const run = cursor.bytes.toString('latin1', start, end);
  const known = readBefore.get(run);
  if (known !== undefined) {
    cursor.at = end;
    return known;
  }
  const names = Object.freeze(Array.from({ length: count }, () => takeText(cursor)));
  if (readBefore.size >= mostReadBefore) readBefore.clear();
  readBefore.set(run, names);
  return names;
}

function putReference(cursor: Cursor, kind: string | undefined, id: string | undefined): void {
  if (kind === undefined && id === undefined) return;
  if (kind === undefined || id === undefined) throw new VaultError('internal');
  putText(cursor, kind);
  putUuid(cursor, id);
}

function putDigest(cursor: Cursor, digest: Buffer): void {
  if (digest.length !== digestLength) throw new VaultError('internal');
  putBytes(cursor, digest);
}

function takeOutcome(cursor: Cursor): AuditLeaf['outcome'] {
  const outcome = outcomes[takeByte(cursor) - 1];
  if (outcome === undefined) throw new VaultError('integrity_failure');
  return outcome;
}
