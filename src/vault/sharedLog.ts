import { leafHash } from '../crypto/leaf.ts';
import type { TreeHead } from '../crypto/merkleTree.ts';
import { VaultError } from '../errors.ts';
import { openPiece, type OpenedPiece } from './journal.ts';
import type { LogStanding } from './rollback.ts';
import { proveConsistency, provenHashes, readTreeHead } from './tree.ts';
import type { Vault } from './vault.ts';
import type { Witness } from './witness.ts';

/**
 * What a database's log has in common with a log that the witness was told of. A database that is shorter need not be a beginning of
 * it: it may have been served past the backup, with leaves of its own where the witness knows others.
 */
export interface SharedLog {
  /** The last piece of this log's journal whose root the database's tree has too; undefined where there is none. */
  readonly pieceOf: (origin: string) => Promise<OpenedPiece | undefined>;
  /** Is this leaf of the witness's at this index in the database's tree as well? Proven against its head. */
  readonly has: (index: number, leaf: Buffer) => Promise<boolean>;
}

/** Its calls throw `WitnessFault`. */
export async function sharedLog(
  vault: Vault,
  witness: Witness,
  { tenantId, size }: Pick<LogStanding, 'tenantId' | 'size'>,
): Promise<SharedLog> {
  const head = await readTreeHead(vault, await vault.keyring.tenant(tenantId)).catch(() => undefined);
  return {
    async has(index, leaf) {
      if (head === undefined || index >= size || size > head.size) return false;
      const [hash] = await unlessBroken(provenHashes(vault, tenantId, head, [index]), []);
      return hash?.equals(leafHash(leaf)) === true;
    },
    async pieceOf(origin) {
      if (head === undefined || size > head.size) return undefined;
      // Asked from the end of the database's log backwards, in growing steps: mostly one of the first answers holds it.
      for (let back = 1; ; back *= 16) {
        const from = Math.max(0, size - back);
        const notes = await witness.journal(origin, from);
        const pieces = notes.flatMap((note) => openPiece(vault, origin, note) ?? []).filter(({ to }) => to <= size);
        for (const piece of pieces.toReversed()) if (await isPast(vault, tenantId, head, piece)) return piece;
        if (from === 0) return undefined;
      }
    },
  };
}

/** Had this tree that root when it had that size? */
async function isPast(vault: Vault, tenantId: string, head: TreeHead, { to, root }: OpenedPiece): Promise<boolean> {
  if (to === head.size) return head.root.equals(root);
  const proven = await unlessBroken(proveConsistency(vault, tenantId, head, to, head.size), undefined);
  return proven?.older.root.equals(root) === true;
}

async function unlessBroken<Found, Instead>(proof: Promise<Found>, instead: Instead): Promise<Found | Instead> {
  try {
    return await proof;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'integrity_failure') return instead;
    throw error;
  }
}
