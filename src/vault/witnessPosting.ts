import { openCheckpoint, signCheckpoint } from '../crypto/checkpoint.ts';
import { openNote, type VerifierKey } from '../crypto/signedNote.ts';
import { epochOf, logKeys, logSigner } from './epochs.ts';
import { nextPiece } from './journal.ts';
import { openLeadership, type Leadership } from './lease.ts';
import { expectSound, isSound, standingOf, type LogStanding } from './rollback.ts';
import { proveConsistency, readTreeHead } from './tree.ts';
import type { Vault } from './vault.ts';
import { WitnessFault, type Witness, type WitnessState } from './witness.ts';

const work = 'witness';
/**
 * So long is a leader missed that was killed, and what it does not hand over meanwhile may be lost unseen. Longer than one call and its
 * answer; where all of a post takes longer, two post, of whom the witness takes one and the other finds the log as it should be.
 */
const leadMs = 10_000;
/**
 * Whoever has not asked the witness for so long does once what the leader should: the lease lies in the database, and who writes there
 * may hold it without doing anything.
 */
const overdueMs = 60_000;
/** What is wrong is told again after this. */
const tellEveryMs = 60_000;

export interface Posting {
  /** One round; a call during another does nothing. Never rejects. */
  readonly post: () => Promise<void>;
  /** A last round, and lets another process lead. Never rejects. */
  readonly finish: () => Promise<void>;
  readonly state: () => WitnessState;
}

export interface PostingOptions {
  readonly witness: Witness;
  /** Whose cosignature has to be on what it takes; undefined for the service's own folder, which makes none. */
  readonly cosigner: VerifierKey | undefined;
  readonly warn: (code: string) => void;
  /** The database is behind what this vault has signed before, or beside it: it may not be served on. */
  readonly onRolledBack: (standing: LogStanding) => void;
}

/**
 * Hands each new head of each tenant's log to the witness: first the journal up to it, then its checkpoint. So what the witness has
 * cosigned, its journal tells of. One process at a time does it for a tenant; no request waits for it.
 */
export function openPosting(vault: Vault, options: PostingOptions): Posting {
  const leadership = openLeadership(vault, work, leadMs);
  const began = vault.now();
  const asked = new Map<string, number>();
  const isOverdue = (tenantId: string): boolean => vault.now() - (asked.get(tenantId) ?? began) > overdueMs;
  const leads = async (tenantId: string): Promise<boolean> => (await leadership.leads(tenantId)) || isOverdue(tenantId);
  const posted = new Map<string, string>();
  const told = new Map<string, number>();
  let state: WitnessState = { code: 'none', at: undefined };
  let running: Promise<void> | undefined;
  const warn = (code: string): void => {
    const now = vault.now();
    if (now - (told.get(code) ?? -Infinity) < tellEveryMs) return;
    told.set(code, now);
    options.warn(code);
  };
  const round = async (): Promise<void> => {
    for (const tenantId of vault.watch.tenants()) {
      try {
        const outcome = await postTenant(vault, options, leads, posted, tenantId);
        if (outcome !== 'led') asked.set(tenantId, vault.now());
        if (outcome === 'posted') state = { code: 'ok', at: vault.now() };
      } catch (error) {
        if (!(error instanceof WitnessFault)) continue;
        asked.set(tenantId, vault.now());
        state = { code: error.code, at: state.at };
        warn(`witness_${error.code}`);
        await tellRolledBack(vault, options, tenantId, error);
      }
    }
  };
  const post = async (): Promise<void> => {
    if (running !== undefined) return;
    running = round().finally(() => void (running = undefined));
    await running;
  };
  return {
    state: () => state,
    post,
    async finish() {
      await running?.catch(() => undefined);
      await post().catch(() => undefined);
      await leadership.leave();
    },
  };
}

/** `known`: the witness has been told of all there is; `led`: another process tells it. */
async function postTenant(
  vault: Vault,
  { witness, cosigner }: PostingOptions,
  leads: Leadership['leads'],
  posted: Map<string, string>,
  tenantId: string,
): Promise<'posted' | 'known' | 'led'> {
  const keys = await vault.keyring.tenant(tenantId);
  const head = await readTreeHead(vault, keys);
  if (head === undefined) return 'known';
  const epoch = await epochOf(vault, keys);
  const mark = `${epoch}/${head.size}`;
  if (posted.get(tenantId) === mark) return 'known';
  if (!(await leads(tenantId))) return 'led';
  const signer = logSigner(vault.keys, tenantId, epoch);
  const origin = signer.key.name;
  const kept = await witness.read(origin);
  if (kept === undefined) throw new WitnessFault('unknown_log');
  // Before anything is handed over: of a database that forked, the journal of the other one must not go on.
  await expectSound(vault, tenantId, origin, head, kept);
  for (let { head: last } = kept; ;) {
    const piece = await nextPiece(vault, tenantId, epoch, head, last === undefined ? {} : { head: last });
    if (piece === undefined) break;
    await witness.addJournal(piece.note);
    last = piece.note;
    if (piece.to < head.size && !(await leads(tenantId))) return 'led';
  }
  const last = kept.checkpoint === undefined ? undefined : openCheckpoint(kept.checkpoint, logKeys(vault.keys, origin));
  const oldSize = last?.size ?? 0;
  const proof = oldSize === 0 ? [] : (await proveConsistency(vault, tenantId, head, oldSize, head.size)).path;
  const note = signCheckpoint(head, signer);
  const cosignatures = await witness.addCheckpoint(oldSize, proof, note);
  // A witness that does not sign what it takes has promised nothing.
  if (cosigner !== undefined && openNote(note + cosignatures, [cosigner]) === undefined)
    throw new WitnessFault('unusable');
  posted.set(tenantId, mark);
  return 'posted';
}

/** A witness's word alone stops nobody: what it has seen has to bear this vault's own signature. */
async function tellRolledBack(
  vault: Vault,
  { witness, onRolledBack }: PostingOptions,
  tenantId: string,
  { code }: WitnessFault,
): Promise<void> {
  if (!['stale', 'inconsistent', 'ended'].includes(code)) return;
  const standing = await standingOf(vault, witness, tenantId).catch(() => undefined);
  if (standing !== undefined && !isSound(standing)) onRolledBack(standing);
}
