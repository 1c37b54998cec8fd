import { openCheckpoint, originOf } from '../crypto/checkpoint.ts';
import { digestOf } from '../crypto/digest.ts';
import type { Installation } from '../crypto/journal.ts';
import { openEnd } from '../crypto/journalNote.ts';
import { decodeLeaf, type AuditLeaf } from '../crypto/leaf.ts';
import { logKeys } from './epochs.ts';
import { leavesFrom, openPiece, type OpenedPiece } from './journal.ts';
import { isDoneAgain } from './journalActs.ts';
import type { LogStanding } from './rollback.ts';
import { sharedLog, type SharedLog } from './sharedLog.ts';
import type { Vault } from './vault.ts';
import type { Witness } from './witness.ts';

/** What a tenant's database does not know of, as the journal at the witness tells it. */
export interface Loss {
  readonly standing: LogStanding;
  /** By action: leaves that the database lacks. */
  readonly missing: Readonly<Record<string, number>>;
  /** When the last leaf was made that the database has, and the last that the journal tells of. */
  readonly from: number | undefined;
  readonly until: number | undefined;
  /** To be done again, in their order. */
  readonly again: readonly AuditLeaf[];
  readonly byHand: readonly AuditLeaf[];
  /** The policy version that the database has in force. */
  readonly policyVersion: string;
  /** Who told the witness last of the log that has to end; undefined where the journal does not say. */
  readonly by: Installation | undefined;
  /** Every act that the witness has seen is told of. */
  readonly whole: boolean;
  /** The log that has to end, unless it has ended already, and the number of the one that goes on. */
  readonly ending: { readonly origin: string; readonly epoch: number; readonly ended: boolean };
  readonly nextEpoch: number;
}

/** One log under one name, from a leaf on. */
interface Stretch {
  readonly origin: string;
  readonly epoch: number;
  /** The last piece of its journal that the database knows whole, and where it ends. */
  readonly nearest: OpenedPiece | undefined;
  readonly after: number;
  readonly head: OpenedPiece | undefined;
  /** The witness has seen something of it. */
  readonly begun: boolean;
  readonly seen: number;
}

/** Throws `WitnessFault`. */
export async function lossOf(vault: Vault, witness: Witness, standing: LogStanding): Promise<Loss> {
  const shared = await sharedLog(vault, witness, standing);
  const stretches = await stretchesOf(vault, witness, standing, shared);
  const pieces: { readonly stretch: Stretch; readonly found: readonly OpenedPiece[] }[] = [];
  for (const stretch of stretches) pieces.push({ stretch, found: await piecesOf(vault, witness, stretch) });
  const told = pieces.flatMap(({ stretch, found }) =>
    found.flatMap(({ content }) => content.acts.filter(({ index }) => index >= stretch.after)),
  );
  const { leaves, forked } = await lackedOf(standing, shared, told);
  const nearest = stretches[0]?.nearest;
  const known = await knownOf(vault, standing, nearest, forked ? (nearest?.to ?? 0) : standing.size);
  const heads = stretches.flatMap(({ head }) => head ?? []);
  const last = stretches.at(-1);
  const open = stretches.findLast(({ begun }) => begun) ?? stretches[0];
  return {
    standing,
    missing: lacking(known.tally, heads.at(-1)?.content.tally ?? {}),
    from: known.at,
    until: heads.length === 0 ? undefined : Math.max(...heads.map(({ content }) => content.at)),
    again: leaves.filter(isDoneAgain),
    byHand: leaves.filter((leaf) => !isDoneAgain(leaf)),
    policyVersion: vault.watch.policy(standing.tenantId).label,
    by: open?.head?.content.by,
    whole: pieces.every(({ stretch, found }) => isWhole(stretch, found)),
    ending: { origin: open?.origin ?? standing.origin, epoch: open?.epoch ?? standing.epoch, ended: last !== open },
    nextEpoch: last === undefined ? standing.epoch + 1 : last.epoch + (last.begun ? 1 : 0),
  };
}

/** Each act once that the database does not have; logs that went on tell again of what they began with. */
async function lackedOf(
  { tenantId, size, code }: LogStanding,
  { has }: SharedLog,
  told: readonly { readonly index: number; readonly leaf: Buffer }[],
): Promise<{ readonly leaves: readonly AuditLeaf[]; readonly forked: boolean }> {
  const lacked = new Map<string, AuditLeaf>();
  let forked = code === 'forked';
  for (const act of told) {
    const leaf = decodeLeaf(act.leaf);
    if (leaf.tenantId !== tenantId || lacked.has(leaf.id)) continue;
    if (await has(act.index, act.leaf)) continue;
    if (act.index < size) forked = true;
    lacked.set(leaf.id, leaf);
  }
  return { leaves: [...lacked.values()], forked };
}

/** What the confirmation is bound to: it holds for this loss and for no other. */
export function codeOf(losses: readonly Loss[]): string {
  const told = losses.map(({ standing, again, byHand, nextEpoch }) => [
    standing.origin,
    standing.code,
    standing.size,
    standing.seen,
    nextEpoch,
    again.map(({ id }) => id),
    byHand.map(({ id }) => id),
  ]);
  return digestOf(Buffer.from(JSON.stringify(told)))
    .toString('hex')
    .slice(0, 8);
}

/** The database's log, and those that went on after it. */
async function stretchesOf(
  vault: Vault,
  witness: Witness,
  standing: LogStanding,
  shared: SharedLog,
): Promise<readonly Stretch[]> {
  const stretches: Stretch[] = [];
  let { origin, epoch } = standing;
  for (;;) {
    const kept = (await witness.read(origin)) ?? {};
    const head = kept.head === undefined ? undefined : openPiece(vault, origin, kept.head);
    const begun = kept.checkpoint !== undefined || kept.head !== undefined;
    // Each log has a size of its own: the one that was left may have been longer.
    const signed = openCheckpoint(kept.checkpoint ?? '', logKeys(vault.keys, origin))?.size ?? 0;
    const nearest = begun ? await shared.pieceOf(origin) : undefined;
    const after = nearest?.to ?? 0;
    stretches.push({ origin, epoch, nearest, after, head, begun, seen: Math.max(signed, head?.to ?? 0) });
    const end = kept.end === undefined ? undefined : openEnd(kept.end, logKeys(vault.keys, origin));
    if (end === undefined || end.next !== originOf(standing.tenantId, epoch + 1)) return stretches;
    [origin, epoch] = [end.next, epoch + 1];
  }
}

async function piecesOf(vault: Vault, witness: Witness, { origin, after, begun }: Stretch): Promise<OpenedPiece[]> {
  const pieces: OpenedPiece[] = [];
  if (!begun) return pieces;
  for (let from = after; ;) {
    const page = await witness.journal(origin, from);
    const opened = page.flatMap((note) => openPiece(vault, origin, note) ?? []);
    pieces.push(...opened);
    const to = opened.at(-1)?.to;
    if (to === undefined || to <= from) break;
    from = to;
  }
  return pieces;
}

/** Each piece begins where the one before it ended, up to the newest, which reaches as far as the witness has seen. */
function isWhole({ after, head, begun, seen }: Stretch, found: readonly OpenedPiece[]): boolean {
  if (!begun) return true;
  if (head === undefined) return false;
  let reached = Math.min(after, found[0]?.from ?? head.from);
  for (const piece of found) {
    if (piece.from > Math.max(reached, after)) return false;
    reached = piece.to;
  }
  const newest = head.acts > 0 ? found.at(-1)?.to === head.to : head.from <= Math.max(reached, after);
  return (newest || head.to <= after) && head.to >= seen;
}

/** What the database has of the witness's log, by action: from the nearest piece of the journal on, leaf by leaf. */
async function knownOf(
  vault: Vault,
  { tenantId }: LogStanding,
  nearest: OpenedPiece | undefined,
  size: number,
): Promise<{ readonly tally: Readonly<Record<string, number>>; readonly at: number | undefined }> {
  const tally: Record<string, number> = { ...nearest?.content.tally };
  let at = nearest?.content.at;
  for (let index = nearest?.to ?? 0; index < size;) {
    const page = await leavesFrom(vault, tenantId, index, size);
    for (const { leaf } of page) {
      const action = leaf?.action ?? 'unreadable';
      tally[action] = (tally[action] ?? 0) + 1;
      if (leaf !== undefined) at = Math.max(at ?? 0, leaf.at);
    }
    if (page.length === 0) break;
    index += page.length;
  }
  return { tally, at };
}

function lacking(
  has: Readonly<Record<string, number>>,
  seen: Readonly<Record<string, number>>,
): Record<string, number> {
  const rows = Object.entries(seen).map(([action, count]) => [action, count - (has[action] ?? 0)] as const);
  return Object.fromEntries(rows.filter(([, count]) => count > 0));
}
