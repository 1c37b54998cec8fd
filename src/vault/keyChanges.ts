import { DbFault } from '../db/fault.ts';
import type { KeyChange } from '../db/tenants.ts';
import type { Keyring } from './keyring.ts';

/** What one process knows of how the tenants' keys turn over. */
export interface KeyChanges {
  /**
   * Takes in what changed, before anything that was sealed under it is read. A key that cannot be had here (its root key is not in
   * this process's folder) leaves those that are known: what is stored opens as before, and `onBroken` is told once.
   */
  learn(keyring: Keyring, changes: readonly KeyChange[], onBroken: () => void): Promise<void>;
}

export function openKeyChanges(): KeyChanges {
  /** When each tenant's keys changed last, of what is known here and of what could not be had. */
  const known = new Map<string, number>();
  const missed = new Map<string, number>();
  return {
    async learn(keyring, changes, onBroken) {
      for (const { tenantId, changedAt } of changes) {
        const at = changedAt.getTime();
        if (known.get(tenantId) === at) continue;
        try {
          await keyring.renew(tenantId);
          known.set(tenantId, at);
          missed.delete(tenantId);
        } catch (error) {
          // Without the database there is no look at all.
          if (error instanceof DbFault) throw error;
          if (missed.get(tenantId) !== at) onBroken();
          missed.set(tenantId, at);
        }
      }
    },
  };
}
