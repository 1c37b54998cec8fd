import type { AuditLeaf } from '../crypto/leaf.ts';
import { changeHolds, insertHolds, selectHold, takeCustomersForHold, type HoldRow } from '../db/holds.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { load, write } from './act.ts';
import { changeOf, deedOf } from './holds.ts';
import { undecidedUntil } from './holdTerm.ts';
import type { TenantKeys } from './keyring.ts';
import type { Loss } from './loss.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import { believes, macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** How many holds of the lost time stand again, and how many stand longer than the backup says. */
export interface HoldsAgain {
  readonly placed: number;
  readonly prolonged: number;
}

/**
 * Holds that the journal tells of and the database has lost stand again for a week, before anything is erased anew: the order that
 * says for how long, and of what kind, may be lost with them, and somebody with the letter in hand has to register it again. One that
 * the database has, and that was made longer for an order that is lost, stands as long. What was held and let go again in the same
 * time is left alone.
 */
export async function placeLostHolds(
  vault: Vault,
  { standing: { tenantId }, again, byHand }: Pick<Loss, 'standing' | 'again' | 'byHand'>,
): Promise<HoldsAgain> {
  const leaves = [...again, ...byHand].filter(({ objectKind }) => objectKind === 'holds');
  const over = new Set(leaves.filter(({ recordVersion }) => recordVersion === 2).map(({ objectId }) => objectId));
  const newest = new Map(leaves.filter(({ objectId }) => !over.has(objectId)).map((leaf) => [leaf.objectId, leaf]));
  const keys = await vault.keyring.tenant(tenantId);
  const count = { placed: 0, prolonged: 0 };
  for (const leaf of newest.values()) {
    const [[hold]] = await load(vault, tenantId, [selectHold(tenantId, leaf.objectId ?? leaf.id)]);
    if (hold === undefined) count.placed += (await placeAgain(vault, keys, leaf)) ? 1 : 0;
    else if (wasProlonged(vault, keys, hold, leaf)) count.prolonged += (await prolong(vault, keys, hold)) ? 1 : 0;
  }
  return count;
}

async function placeAgain(vault: Vault, keys: TenantKeys, leaf: AuditLeaf): Promise<boolean> {
  const { tenantId } = keys;
  const { objectId: id, subjectId: customerId, legalOrderId } = leaf;
  if (id === undefined || customerId === undefined || legalOrderId === undefined) return false;
  const at = new Date(vault.now());
  const term = { startsAt: at, endsAt: undecidedUntil(at), releasedAt: null, createdAt: at };
  const hold = { id, legalOrderId, customerId, kind: 'preservation', ...term } as const;
  const row = { ...hold, mac: macOf(keys, 'holds', hold) };
  return store(vault, tenantId, row, [takeCustomersForHold(tenantId, [customerId]), insertHolds(tenantId, [row])]);
}

/**
 * Only the registration of a judge's order makes a standing hold longer (`keepHoldsUntilDecided`); a decision on that order gives it its
 * day again. Whatever stands as long already was prolonged by a call before this one. One that somebody changed stands anyway.
 */
function wasProlonged(vault: Vault, keys: TenantKeys, hold: HoldRow, { action, at }: AuditLeaf): boolean {
  return (
    action === 'legal_orders.register' &&
    believes(vault, keys, 'holds', hold) &&
    hold.releasedAt === null &&
    hold.endsAt < undecidedUntil(new Date(Math.min(at, vault.now())))
  );
}

function prolong(vault: Vault, keys: TenantKeys, hold: HoldRow): Promise<boolean> {
  const { tenantId } = keys;
  const change = changeOf(keys, { hold, endsAt: undecidedUntil(new Date(vault.now())), releasedAt: null });
  return store(vault, tenantId, { ...hold, mac: change.mac }, [changeHolds(tenantId, [change])]);
}

/** With its leaf. False where there is nothing to keep any more, or another call has done it meanwhile. */
async function store(
  vault: Vault,
  tenantId: string,
  hold: HoldRow,
  statements: readonly Statement[],
): Promise<boolean> {
  const { label: policyVersion } = vault.watch.policy(tenantId);
  const told = { tenantId, policyVersion, action: 'log.reconcile', rule: 'reconcile' } as const;
  const deed = { ...told, ...deedOf(hold, 1) };
  try {
    await write(vault, tenantId, [...statements, operatorLeaf(deed, vault.now())]);
    return true;
  } catch (error) {
    // Whoever is not there, or erased already, has nothing left to keep.
    if (error instanceof VaultError && error.code === 'conflict') return false;
    throw error;
  }
}
