import { openCheckpoint, originOf } from '../crypto/checkpoint.ts';
import { digestOf } from '../crypto/digest.ts';
import type { Installation } from '../crypto/journal.ts';
import { openEnd } from '../crypto/journalNote.ts';
import { decodeLeaf, type AuditLeaf } from '../crypto/leaf.ts';
import { logKeys } from './epochs.ts';
import { leavesFrom, openPiece, type OpenedPiece } from './journal.ts';
import { isDoneAgain } from './journalActs.ts';
import type { LogStanding } from './rollback.ts';
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
  readonly after: number;
  readonly head: OpenedPiece | undefined;
  /** The witness has seen something of it. */
  readonly begun: boolean;
  readonly seen: number;
}

/** Throws `WitnessFault`. */
export async function lossOf(vault: Vault, witness: Witness, standing: LogStanding): Promise<Loss> {
  const stretches = await stretchesOf(vault, witness, standing);
  const pieces: { readonly stretch: Stretch; readonly found: readonly OpenedPiece[] }[] = [];
  for (const stretch of stretches) pieces.push({ stretch, found: await piecesOf(vault, witness, stretch) });
  const acts = pieces.flatMap(({ stretch, found }) =>
    found.flatMap(({ content }) => content.acts.filter(({ index }) => index >= stretch.after)),
  );
  const leaves = acts.map(({ leaf }) => decodeLeaf(leaf)).filter(({ tenantId }) => tenantId === standing.tenantId);
  const known = await knownOf(vault, standing, pieces[0]?.found ?? []);
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
    by: open?.head?.content.by,
    whole: pieces.every(({ stretch, found }) => isWhole(stretch, found)),
    ending: { origin: open?.origin ?? standing.origin, epoch: open?.epoch ?? standing.epoch, ended: last !== open },
    nextEpoch: last === undefined ? standing.epoch + 1 : last.epoch + (last.begun ? 1 : 0),
  };
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
async function stretchesOf(vault: Vault, witness: Witness, standing: LogStanding): Promise<readonly Stretch[]> {
  const stretches: Stretch[] = [];
  let { origin, epoch } = standing;
  let after = standing.code === 'behind' || standing.code === 'ended' ? standing.size : 0;
  for (;;) {
    const kept = (await witness.read(origin)) ?? {};
    const head = kept.head === undefined ? undefined : openPiece(vault, origin, kept.head);
    const begun = kept.checkpoint !== undefined || kept.head !== undefined;
    // Each log has a size of its own: the one that was left may have been longer.
    const signed = openCheckpoint(kept.checkpoint ?? '', logKeys(vault.keys, origin))?.size ?? 0;
    stretches.push({ origin, epoch, after, head, begun, seen: Math.max(signed, head?.to ?? 0) });
    const end = kept.end === undefined ? undefined : openEnd(kept.end, logKeys(vault.keys, origin));
    if (end === undefined || end.next !== originOf(standing.tenantId, epoch + 1)) return stretches;
    [origin, epoch, after] = [end.next, epoch + 1, Math.min(after, end.size)];
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

/** What the database itself has, by action: from the nearest piece of the journal on, leaf by leaf. */
async function knownOf(
  vault: Vault,
  { tenantId, size, code }: LogStanding,
  pieces: readonly OpenedPiece[],
): Promise<{ readonly tally: Readonly<Record<string, number>>; readonly at: number | undefined }> {
  const nearest = code === 'behind' ? pieces.findLast(({ to }) => to <= size) : undefined;
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
