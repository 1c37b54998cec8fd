import { endLease, takeLease } from '../db/leases.ts';
import { write } from './act.ts';
import { newId } from './ids.ts';
import type { Vault } from './vault.ts';

/** Longer than any step of such work takes, so that nobody takes it over meanwhile. */
const leaseMs = 30_000;

/**
 * Does a piece of work of a tenant that one process at a time may do; elsewhere it is left alone. `renew` is asked between steps
 * and is false when the work was lost to another: what is not committed then is the other's to do.
 */
export async function underLease(
  vault: Vault,
  tenantId: string,
  work: string,
  doing: (renew: () => Promise<boolean>) => Promise<void>,
): Promise<void> {
  const holder = newId(vault.now());
  const take = async (): Promise<boolean> => {
    const now = vault.now();
    const lease = { holder, now: new Date(now), until: new Date(now + leaseMs) };
    const [rows] = await write(vault, tenantId, [takeLease(tenantId, work, lease)]);
    return rows.length > 0;
  };
  if (!(await take())) return;
  try {
    await doing(take);
  } finally {
    await write(vault, tenantId, [endLease(tenantId, work, holder, new Date(vault.now()))]).catch(() => undefined);
  }
}
