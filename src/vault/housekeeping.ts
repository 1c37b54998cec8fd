import { deleteExpired } from '../db/housekeeping.ts';
import { commit } from '../db/commit.ts';
import type { Vault } from './vault.ts';

const everyMs = 10 * 60 * 1000;
/** Rows a table gives up in one commit; the rest waits for the next round. */
const atMost = 10_000;

/** Deletes what has expired: stored answers, import lines, revocations of dead tokens, used assertions. */
export async function housekeep(vault: Vault): Promise<void> {
  const now = new Date(vault.now());
  for (const tenantId of vault.watch.tenants()) {
    await commit(vault.db, { tenantIds: [tenantId] }, deleteExpired(tenantId, now, atMost));
  }
}

/** Every process may run it: deleting twice does no harm. Returns how to stop it. */
export function keepHouse(vault: Vault): () => void {
  const timer = setInterval(() => void housekeep(vault).catch(() => undefined), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
