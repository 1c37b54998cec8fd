import { originOf } from '../crypto/checkpoint.ts';
import { signEnd } from '../crypto/journalNote.ts';
import type { AuditLeaf } from '../crypto/leaf.ts';
import { insertEpoch } from '../db/auditEpochs.ts';
import { endLeases } from '../db/reconciliation.ts';
import { VaultError } from '../errors.ts';
import { write } from './act.ts';
import { epochOf, logSigner } from './epochs.ts';
import { sweepErasuresOf } from './erasure.ts';
import { openIntegrator } from './integration.ts';
import { isReapplied, type Reapplied } from './journalActs.ts';
import { underLease } from './lease.ts';
import type { Loss } from './loss.ts';
import { placeLostHolds, type HoldsAgain } from './lostHolds.ts';
import { endLostApprovals, type LostOrderStanding } from './lostOrders.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import {
  closeAgain,
  deactivateAgain,
  decideAgain,
  destroyAgain,
  eraseAgain,
  revokeTokenAgain,
  withdrawRequestAgain,
  type Reapplying,
} from './reapplied.ts';
import {
  cancelAgain,
  containAgain,
  disableAgain,
  endSecretsAgain,
  fetchAgain,
  releaseHoldAgain,
  revokeOrderAgain,
  revokeRecipientAgain,
  revokeStaffAgain,
  withdrawConsentAgain,
  withdrawPermissionAgain,
} from './reappliedRights.ts';
import { sweepRetention } from './retention.ts';
import { isSound, standingOf } from './rollback.ts';
import { macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';
import type { Witness } from './witness.ts';
import { openPosting } from './witnessPosting.ts';

/** How each act is done again. */
const acts: Readonly<Record<Reapplied, Reapplying>> = {
  'customers.erase': eraseAgain,
  'customers.deactivate': deactivateAgain,
  'requests.decide': decideAgain,
  'requests.withdraw': withdrawRequestAgain,
  'orders.erase': destroyAgain('orders'),
  'orders.expire': destroyAgain('orders'),
  'invoices.expire': destroyAgain('invoices'),
  'orders.cancel': cancelAgain,
  'deliveries.confirm': closeAgain('shipments'),
  'deliveries.return': closeAgain('shipments'),
  'grants.close': closeAgain('grants'),
  'tokens.revoke': revokeTokenAgain,
  'clients.patch': disableAgain,
  'clients.renew_secret': endSecretsAgain,
  'consents.withdraw': withdrawConsentAgain,
  'permissions.withdraw': withdrawPermissionAgain,
  'holds.release': releaseHoldAgain,
  'legal_orders.revoke': revokeOrderAgain,
  'exports.fetch': fetchAgain,
  'recipients.revoke': revokeRecipientAgain,
  'staff_undertakings.revoke': revokeStaffAgain,
  'incidents.contain': containAgain,
};

/** By action: done again, nothing to do (it stands so, or what it was done to is not there), and not possible now. */
export interface Done {
  readonly action: string;
  readonly done: number;
  readonly nothing: number;
  readonly failed: number;
}

/** `under_way`: another call is at it; `done_elsewhere`: another has let this log go on since the loss was read, here or on a copy. */
export type Reconciled =
  | {
      readonly code: 'done';
      readonly holds: HoldsAgain;
      readonly acts: readonly Done[];
      readonly orders: readonly LostOrderStanding[];
    }
  | { readonly code: 'under_way' | 'done_elsewhere' };

/**
 * Does again what a restored database does not know of, and lets its log go on under a name of its own. It may stop anywhere and
 * be called again: what is done is not done twice, and only the last step makes the log sound. One call at a time does it. Throws
 * `WitnessFault` `unknown_log` while the operator of the witness has not confirmed the log that goes on.
 */
export async function reconcile(vault: Vault, witness: Witness, loss: Loss): Promise<Reconciled> {
  const { tenantId } = loss.standing;
  const done = await underLease(vault, tenantId, 'reconcile', (renew) => doAll(vault, witness, loss, renew));
  return done ?? { code: 'under_way' };
}

async function doAll(vault: Vault, witness: Witness, loss: Loss, renew: () => Promise<boolean>): Promise<Reconciled> {
  const { tenantId } = loss.standing;
  const counts = new Map<string, { done: number; nothing: number; failed: number }>();
  if ((await epochOf(vault, await vault.keyring.tenant(tenantId))) >= loss.nextEpoch) return { code: 'done_elsewhere' };
  const holds = await placeLostHolds(vault, loss);
  for (const leaf of loss.again) {
    if (!(await renew())) return { code: 'under_way' };
    const count = counts.get(leaf.action) ?? { done: 0, nothing: 0, failed: 0 };
    count[await doAgain(vault, tenantId, leaf)] += 1;
    counts.set(leaf.action, count);
  }
  const orders = await endLostApprovals(vault, loss);
  // Whom the acts above put out of reach, and whatever has had its time meanwhile, goes before anything is served. This tenant's alone:
  // whoever another's journal says is held stands under no hold again before its own turn.
  await sweepErasuresOf(vault, tenantId).catch(() => undefined);
  await sweepRetention(vault, vault.watch.policy(tenantId), tenantId, { pages: Number.POSITIVE_INFINITY });
  if (!(await renew())) return { code: 'under_way' };
  if (!(await goesOn(vault, witness, loss))) return { code: 'done_elsewhere' };
  return { code: 'done', holds, acts: [...counts].map(([action, count]) => ({ action, ...count })), orders };
}

async function doAgain(vault: Vault, tenantId: string, leaf: AuditLeaf): Promise<'done' | 'nothing' | 'failed'> {
  const { action } = leaf;
  if (!isReapplied(action)) return 'nothing';
  const policy = vault.watch.policy(tenantId);
  const keys = await vault.keyring.tenant(tenantId);
  const now = vault.now();
  try {
    const again = await acts[action]({ vault, policy, keys, leaf, at: new Date(now) });
    if (again === undefined) return 'nothing';
    const told = { tenantId, policyVersion: policy.label, action, rule: 'reconcile', ...again.deed } as const;
    await write(vault, tenantId, [...again.statements, operatorLeaf(told, now)]);
    return 'done';
  } catch (error) {
    if (error instanceof VaultError && error.status < 500) return error.code === 'conflict' ? 'nothing' : 'failed';
    if (error instanceof VaultError && error.code === 'integrity_failure') return 'failed';
    throw error;
  }
}

/**
 * First the witness is told that the log under its old name is over; the database's own word for it comes last. False where another
 * was faster, here (the epoch has its row) or on a copy of this database (the witness has seen another log under the name).
 */
async function goesOn(vault: Vault, witness: Witness, { standing, ending, nextEpoch }: Loss): Promise<boolean> {
  const { tenantId, size } = standing;
  const next = originOf(tenantId, nextEpoch);
  if (!ending.ended) await witness.endLog(signEnd({ next, size }, logSigner(vault.keys, tenantId, ending.epoch)));
  const keys = await vault.keyring.tenant(tenantId);
  const now = vault.now();
  const epoch = { number: nextEpoch, size, beganAt: new Date(now) };
  const { label: policyVersion } = vault.watch.policy(tenantId);
  const deed = {
    tenantId,
    policyVersion,
    action: 'log.reconcile',
    rule: 'reconcile',
    recordVersion: nextEpoch,
  } as const;
  const begun = write(vault, tenantId, [
    endLeases(tenantId, new Date(now)),
    insertEpoch(tenantId, { ...epoch, mac: macOf(keys, 'audit_epochs', epoch) }),
    operatorLeaf(deed, now),
  ]);
  if (!(await isFirst(begun))) return false;
  await openIntegrator(vault)();
  // The log that goes on is known to the witness before anything is served from it.
  await openPosting(vault, { witness, cosigner: undefined, warn: nothing, onRolledBack: nothing }).post();
  return isSound(await standingOf(vault, witness, tenantId));
}

async function isFirst(begun: Promise<unknown>): Promise<boolean> {
  try {
    await begun;
    return true;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'conflict') return false;
    throw error;
  }
}

const nothing = (): void => undefined;
