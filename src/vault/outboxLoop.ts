import { commit } from '../db/commit.ts';
import type { Statement } from '../db/statement.ts';
import { write } from './act.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import type { Vault } from './vault.ts';

export interface Claim {
  readonly id: string;
  readonly now: Date;
  /** Till then it is nobody else's. */
  readonly until: Date;
}

/** A table of things that have to go out: any number of processes takes from it, each its own. */
export interface Outbox<Row extends object> {
  /** Longer than a try with all that goes before it, so that nobody takes over what is on its way out. */
  readonly claimMs: number;
  dueTenants(tenantIds: readonly string[], now: Date): Statement<{ readonly tenantId: string }>;
  claim(tenantId: string, claim: Claim, limit: number): Statement<Row>;
  /** One try. Whatever happens to it, its claim runs out and it is tried again. */
  attempt(vault: Vault, keys: TenantKeys, claim: string, row: Row): Promise<void>;
}

const atOnce = 10;
const firstPauseMs = 5_000;

/** Of the pause, at random: what failed together is not tried again together. */
const spread = 0.2;

/**
 * 5 seconds, 10, 20 and so on, or as long as the other side asks for where that is more, up to the longest; and up to a fifth
 * longer.
 */
export function pauseAfter(attempts: number, longestMs: number, askedMs = 0): number {
  const pause = Math.min(longestMs, Math.max(askedMs, firstPauseMs * 2 ** Math.max(0, attempts - 1)));
  return Math.round(pause * (1 + spread * Math.random()));
}

/** Tries everything that is due. */
export async function workOff<Row extends object>(vault: Vault, outbox: Outbox<Row>): Promise<void> {
  const tenantIds = vault.watch.tenants();
  if (tenantIds.length === 0) return;
  const [due] = await commit(vault.db, { tenantIds }, [outbox.dueTenants(tenantIds, new Date(vault.now()))]);
  for (const { tenantId } of due) {
    // One tenant in trouble does not keep the others waiting.
    await workOffOf(vault, tenantId, outbox).catch(() => undefined);
  }
}

async function workOffOf<Row extends object>(vault: Vault, tenantId: string, outbox: Outbox<Row>): Promise<void> {
  const keys = await vault.keyring.tenant(tenantId);
  for (;;) {
    const now = vault.now();
    const claim = { id: newId(now), now: new Date(now), until: new Date(now + outbox.claimMs) };
    const [claimed] = await write(vault, tenantId, [outbox.claim(tenantId, claim, atOnce)]);
    if (claimed.length === 0) return;
    await Promise.allSettled(claimed.map((row) => outbox.attempt(vault, keys, claim.id, row)));
  }
}
