import { openCheckpoint, originOf } from '../crypto/checkpoint.ts';
import { openEnd, openJournal, type LogEnd } from '../crypto/journalNote.ts';
import type { TreeHead } from '../crypto/merkleTree.ts';
import { VaultError } from '../errors.ts';
import { epochOf, logKeys } from './epochs.ts';
import { proveConsistency, readTreeHead } from './tree.ts';
import type { Vault } from './vault.ts';
import { WitnessFault, type Witness, type WitnessedLog } from './witness.ts';

/**
 * How a tenant's log stands against what its witness has seen. `new`: the witness has seen nothing of it yet; `unknown`: it
 * does not know the log. The rest is no ground to serve on: `behind`: the witness has seen more leaves; `forked`: as many, and
 * others; `ended`: the log went on under another name; `broken`: the tree does not give what its head says.
 */
export type StandingCode = 'same' | 'new' | 'unknown' | 'behind' | 'forked' | 'ended' | 'broken';

export interface LogStanding {
  readonly tenantId: string;
  readonly code: StandingCode;
  readonly epoch: number;
  readonly origin: string;
  /** Leaves in the database's tree, and as many as the witness has seen. */
  readonly size: number;
  readonly seen: number;
  readonly end?: LogEnd;
}

export const isSound = ({ code }: LogStanding): boolean => code === 'same' || code === 'new' || code === 'unknown';

/**
 * Believes of the witness only what this vault has signed itself: a witness can hide what it saw, and make nothing up. Throws
 * `WitnessFault`.
 */
export async function standingOf(vault: Vault, witness: Witness, tenantId: string): Promise<LogStanding> {
  const keys = await vault.keyring.tenant(tenantId);
  const epoch = await epochOf(vault, keys);
  const origin = originOf(tenantId, epoch);
  const kept = await witness.read(origin);
  const head = await readTreeHead(vault, keys).catch(() => 'broken' as const);
  const base = { tenantId, epoch, origin, size: head === 'broken' ? 0 : (head?.size ?? 0), seen: 0 };
  if (kept === undefined) return { ...base, code: 'unknown' };
  const seen = seenOf(vault, origin, kept);
  const most = Math.max(0, ...seen.map(({ size }) => size));
  const found = { ...base, seen: most };
  const end = endOf(vault, origin, kept);
  if (end !== undefined) return { ...found, code: 'ended', end };
  if (head === 'broken') return { ...found, code: 'broken' };
  return { ...found, code: await beginsWith(vault, tenantId, head ?? nothing, seen) };
}

/** May this head be handed to the witness, after what it keeps? Throws `WitnessFault`. */
export async function expectSound(
  vault: Vault,
  tenantId: string,
  origin: string,
  head: TreeHead,
  kept: WitnessedLog,
): Promise<void> {
  if (kept.end !== undefined) throw new WitnessFault('ended');
  const code = await beginsWith(vault, tenantId, head, seenOf(vault, origin, kept));
  if (code === 'behind') throw new WitnessFault('stale');
  if (code !== 'same' && code !== 'new') throw new WitnessFault('inconsistent');
}

const nothing: TreeHead = { size: 0, root: Buffer.alloc(0) };

async function beginsWith(
  vault: Vault,
  tenantId: string,
  head: TreeHead,
  seen: readonly TreeHead[],
): Promise<Exclude<StandingCode, 'unknown' | 'ended'>> {
  if (seen.length === 0) return 'new';
  if (seen.some(({ size }) => size > head.size)) return 'behind';
  for (const { size, root } of seen) {
    if (size === 0) continue;
    const older =
      size === head.size
        ? head
        : await proveConsistency(vault, tenantId, head, size, head.size).then(
            (proven) => proven.older,
            (error: unknown) => {
              if (error instanceof VaultError && error.code === 'integrity_failure') return undefined;
              throw error;
            },
          );
    if (older === undefined) return 'broken';
    if (!older.root.equals(root)) return 'forked';
  }
  return 'same';
}

/** The trees that this vault has signed for the witness. Throws `WitnessFault` for notes that it never signed. */
function seenOf(vault: Pick<Vault, 'keys'>, origin: string, { checkpoint, head }: WitnessedLog): readonly TreeHead[] {
  const keys = logKeys(vault.keys, origin);
  const signed = checkpoint === undefined ? undefined : openCheckpoint(checkpoint, keys);
  const piece = head === undefined ? undefined : openJournal(head, keys);
  if (checkpoint !== undefined && signed?.origin !== origin) throw new WitnessFault('unusable');
  if (head !== undefined && piece?.origin !== origin) throw new WitnessFault('unusable');
  return [
    ...(signed === undefined ? [] : [{ size: signed.size, root: signed.root }]),
    ...(piece === undefined ? [] : [{ size: piece.to, root: piece.root }]),
  ];
}

function endOf(vault: Pick<Vault, 'keys'>, origin: string, { end }: WitnessedLog): LogEnd | undefined {
  if (end === undefined) return undefined;
  const opened = openEnd(end, logKeys(vault.keys, origin));
  if (opened?.origin !== origin) throw new WitnessFault('unusable');
  return opened;
}
