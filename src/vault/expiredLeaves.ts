import { digestOf } from '../crypto/digest.ts';
import { openExpiry, type OpenedExpiry } from '../crypto/expiryNote.ts';
import type { AuditLeaf } from '../crypto/leaf.ts';
import type { VerifierKey } from '../crypto/signedNote.ts';
import { selectExpiries, type ExpiryRow } from '../db/auditExpiry.ts';
import type { Statement } from '../db/statement.ts';
import { selectLeavesByIds } from '../db/treeVerification.ts';
import type { Breach } from './breach.ts';
import { leafIn } from './leafCheck.ts';
import type { LogTrust } from './logCheck.ts';

/** What a leaf says was done that tells of other leaves' end. */
export const expiryAction = 'audit.expire';

export type Ask = <Row>(statement: Statement<Row>) => Promise<readonly Row[]>;

/** Leaves whose time was over, by their indexes, as the log signed it: each with the moment before which it was made. */
export interface ExpiredLeaves {
  readonly before: ReadonlyMap<number, number>;
}

const none: ExpiredLeaves = { before: new Map() };

/**
 * Of the leaves from an index to before another, those whose time was over. Believed are notes that a key of the log signed and
 * of which a leaf tells, so that letting go is itself in the log; a breach otherwise. Not asked where no leaf is missing.
 */
export async function expiredIn(
  ask: Ask,
  { tenantId, keys }: LogTrust,
  from: number,
  until: number,
  isAsked: boolean,
): Promise<ExpiredLeaves | Breach> {
  const rows = isAsked ? await ask(selectExpiries(tenantId, from, until)) : [];
  if (rows.length === 0) return none;
  const notes: OpenedExpiry[] = [];
  for (const row of rows) {
    const note = openedRow(tenantId, keys, row);
    if (note === undefined) return { code: 'expiry_signature', kind: 'expiry', id: String(row.fromIndex) };
    notes.push(note);
  }
  const telling = await ask(
    selectLeavesByIds(
      tenantId,
      notes.map(({ leafId }) => leafId),
    ),
  );
  const leaves = new Map(telling.map(({ id, leaf }) => [id, leafIn(leaf)]));
  const silent = notes.map(toldOf).find((told) => !tells(leaves.get(told.leafId), told));
  if (silent !== undefined) return untold(silent);
  return { before: new Map(notes.flatMap(({ before, indexes }) => indexes.map((index) => [index, before] as const))) };
}

/** The columns beside a note say where it is found: they are its own. */
function openedRow(
  tenantId: string,
  keys: readonly VerifierKey[],
  { fromIndex, untilIndex, note }: ExpiryRow,
): OpenedExpiry | undefined {
  const opened = openExpiry(tenantId, note, keys);
  const [first, last] = [opened?.indexes[0], opened?.indexes.at(-1)];
  return first === fromIndex && last === untilIndex - 1 ? opened : undefined;
}

/** What the leaf that tells of a note says of it. */
export interface ToldExpiry {
  readonly leafId: string;
  readonly digest: Buffer;
  readonly count: number;
  /** Index of the first leaf that went. */
  readonly first: number;
}

export const toldOf = ({ text, leafId, indexes }: OpenedExpiry): ToldExpiry => ({
  leafId,
  digest: digestOf(Buffer.from(text)),
  count: indexes.length,
  first: indexes[0] ?? 0,
});

export function tells(leaf: AuditLeaf | undefined, { leafId, digest, count }: ToldExpiry): boolean {
  return (
    leaf?.id === leafId &&
    leaf.action === expiryAction &&
    leaf.recordVersion === count &&
    leaf.digest?.equals(digest) === true
  );
}

export const untold = ({ first }: ToldExpiry): Breach => ({ code: 'expiry_untold', kind: 'expiry', id: String(first) });
