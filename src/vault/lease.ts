import { endLease, takeLease } from '../db/leases.ts';
import { write } from './act.ts';
import { newId } from './ids.ts';
import type { Vault } from './vault.ts';

/** Longer than any step of such work takes, so that nobody takes it over meanwhile. */
const leaseMs = 30_000;
/** So many times its length a lease may run on by another clock. */
const clocksDiffer = 10;

/**
 * Does a piece of work of a tenant that one process at a time may do; elsewhere it is left alone. `renew` is asked between steps
 * and is false when the work was lost to another: what is not committed then is the other's to do. Undefined where another does it.
 */
export async function underLease<Result>(
  vault: Vault,
  tenantId: string,
  work: string,
  doing: (renew: () => Promise<boolean>) => Promise<Result>,
): Promise<Result | undefined> {
  const holder = newId(vault.now());
  const take = async (): Promise<boolean> => {
    const now = vault.now();
    const believed = new Date(now + clocksDiffer * leaseMs);
    const lease = { holder, now: new Date(now), until: new Date(now + leaseMs), believed };
    const [rows] = await write(vault, tenantId, [takeLease(tenantId, work, lease)]);
    return rows.length > 0;
  };
  if (!(await take())) return undefined;
  try {
    return await doing(take);
  } finally {
    await write(vault, tenantId, [endLease(tenantId, work, holder, new Date(vault.now()))]).catch(() => undefined);
  }
}

/** Work that one process leads as long as it keeps at it, without giving it back in between. */
export interface Leadership {
  /** Under which id this process leads, and whose lease it believes now. */
  readonly asked: () => { readonly holder: string; readonly now: Date; readonly believed: Date };
  /** Asked before each step: true while this process leads the tenant's work, or may take it over. */
  readonly leads: (tenantId: string) => Promise<boolean>;
  /** Gives back what this process leads: whoever goes on need not wait until it is missed. Never rejects. */
  readonly leave: () => Promise<void>;
}

/** Whoever leads and is heard of no more is followed after `ms`. Half of it passes before the lease is renewed. */
export function openLeadership(vault: Vault, work: string, ms: number): Leadership {
  const holder = newId(vault.now());
  const heldUntil = new Map<string, number>();
  const asked: Leadership['asked'] = () => {
    const now = vault.now();
    return { holder, now: new Date(now), believed: new Date(now + clocksDiffer * ms) };
  };
  return {
    asked,
    async leads(tenantId) {
      const lease = { ...asked(), until: new Date(vault.now() + ms) };
      if ((heldUntil.get(tenantId) ?? 0) > lease.now.getTime() + ms / 2) return true;
      const [rows] = await write(vault, tenantId, [takeLease(tenantId, work, lease)]);
      if (rows.length > 0) heldUntil.set(tenantId, lease.until.getTime());
      else heldUntil.delete(tenantId);
      return rows.length > 0;
    },
    async leave() {
      const led = [...heldUntil.keys()];
      heldUntil.clear();
      const now = new Date(vault.now());
      await Promise.all(led.map((id) => write(vault, id, [endLease(id, work, holder, now)]).catch(() => undefined)));
    },
  };
}
