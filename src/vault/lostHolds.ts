import type { AuditLeaf } from '../crypto/leaf.ts';
import { insertHolds, selectHold, takeCustomersForHold } from '../db/holds.ts';
import { VaultError } from '../errors.ts';
import { load, write } from './act.ts';
import { deedOf } from './holds.ts';
import { undecidedUntil } from './holdTerm.ts';
import type { TenantKeys } from './keyring.ts';
import type { Loss } from './loss.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import { macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';

/**
 * Holds that the journal tells of and the database has lost stand again for a week, before anything is erased anew: the order that
 * says for how long, and of what kind, may be lost with them, and somebody with the letter in hand has to register it again. What was held
 * and let go again in the same time is left alone. Returns how many stand again.
 */
export async function placeLostHolds(vault: Vault, { standing: { tenantId }, again, byHand }: Loss): Promise<number> {
  const leaves = [...again, ...byHand].filter(({ objectKind }) => objectKind === 'holds');
  const over = new Set(leaves.filter(({ recordVersion }) => recordVersion === 2).map(({ objectId }) => objectId));
  const placed = new Map(leaves.filter(({ objectId }) => !over.has(objectId)).map((leaf) => [leaf.objectId, leaf]));
  const keys = await vault.keyring.tenant(tenantId);
  let count = 0;
  for (const leaf of placed.values()) if (await placeAgain(vault, keys, leaf)) count += 1;
  return count;
}

async function placeAgain(vault: Vault, keys: TenantKeys, leaf: AuditLeaf): Promise<boolean> {
  const { tenantId } = keys;
  const { objectId: id, subjectId: customerId, legalOrderId } = leaf;
  if (id === undefined || customerId === undefined || legalOrderId === undefined) return false;
  const [[there]] = await load(vault, tenantId, [selectHold(tenantId, id)]);
  if (there !== undefined) return false;
  const at = new Date(vault.now());
  const term = { startsAt: at, endsAt: undecidedUntil(at), releasedAt: null, createdAt: at };
  const hold = { id, legalOrderId, customerId, kind: 'preservation', ...term } as const;
  const row = { ...hold, mac: macOf(keys, 'holds', hold) };
  const { object, digest } = deedOf(row, 1);
  const { label: policyVersion } = vault.watch.policy(tenantId);
  const told = { tenantId, policyVersion, action: 'log.reconcile', rule: 'reconcile', subjectId: customerId } as const;
  const deed = { ...told, ...(object && { object }), ...(digest && { digest }), recordVersion: 1, legalOrderId };
  try {
    await write(vault, tenantId, [
      takeCustomersForHold(tenantId, [customerId]),
      insertHolds(tenantId, [row]),
      operatorLeaf(deed, at.getTime()),
    ]);
    return true;
  } catch (error) {
    // Whoever is not there, or erased already, has nothing left to keep.
    if (error instanceof VaultError && error.code === 'conflict') return false;
    throw error;
  }
}
