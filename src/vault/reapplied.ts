import { digestOfNothing } from '../crypto/digest.ts';
import type { AuditLeaf } from '../crypto/leaf.ts';
import { insertDestroyedKeys } from '../db/destroyedKeys.ts';
import { destroyOrders, hideCustomer, deactivateCustomer } from '../db/erasure.ts';
import { closePurpose } from '../db/objections.ts';
import {
  closeGrantAgain,
  closeParcelAgain,
  selectCustomerStatus,
  selectKeyedInvoice,
  selectKeyedOrder,
  selectOpenGrant,
  selectOpenParcel,
} from '../db/reconciliation.ts';
import { changeRequests, insertRequest, selectRequest, selectRequestsOf, type RequestRow } from '../db/requests.ts';
import { destroyInvoices } from '../db/retention.ts';
import type { Statement } from '../db/statement.ts';
import { insertRevocation } from '../db/tokens.ts';
import { addDuration } from '../policy/duration.ts';
import { load } from './act.ts';
import { clockMarginMs, maxLifetimeSeconds } from './accessToken.ts';
import { ruleAgain, ruleOfAct } from './journalActs.ts';
import type { TenantKeys } from './keyring.ts';
import type { OperatorDeed } from './operatorLeaf.ts';
import { signed } from './requestRecord.ts';
import { clocksOf } from './retentionTerms.ts';
import { believes } from './rowMac.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** An act that a restored database does not know of, with what it is done again with. */
export interface Lost {
  readonly vault: Vault;
  readonly policy: Policy;
  readonly keys: TenantKeys;
  readonly leaf: AuditLeaf;
  /** Now. */
  readonly at: Date;
}

/** What is written, all or nothing, and told. */
export interface Again {
  readonly statements: readonly Statement[];
  readonly deed: Pick<OperatorDeed, 'rule' | 'subjectId' | 'object' | 'digest' | 'recordVersion'>;
}

/** Undefined where there is nothing to do: it stands so already, or what it was done to is not there. */
export type Reapplying = (lost: Lost) => Promise<Again | undefined>;

export const told = (leaf: AuditLeaf): Again['deed'] => ({
  ...(leaf.subjectId === undefined ? {} : { subjectId: leaf.subjectId }),
  ...objectOf(leaf),
});
const objectOf = ({ objectKind, objectId }: AuditLeaf): Pick<OperatorDeed, 'object'> =>
  objectKind === undefined || objectId === undefined ? {} : { object: { kind: objectKind, id: objectId } };

/**
 * Puts the person out of reach as the decision did, with a granted request under it as of then: the sweep of erasures, which runs
 * before anything is served, destroys what was due.
 */
export const eraseAgain: Reapplying = async ({ vault, policy, keys, leaf, at: now }) => {
  const { tenantId } = keys;
  const id = leaf.subjectId;
  if (id === undefined) return undefined;
  const [[customer], requests] = await load(vault, tenantId, [
    selectCustomerStatus(tenantId, id),
    selectRequestsOf(tenantId, [id]),
  ]);
  if (customer === undefined || !['active', 'deactivated'].includes(customer.status)) return undefined;
  const open = requests.find(
    (row) => row.kind === 'erase' && row.state === 'open' && believes(vault, keys, 'requests', row),
  );
  // Another machine's clock may have been ahead: what is decided is due, not to come.
  const at = new Date(Math.min(leaf.at, now.getTime()));
  const decided = {
    decidedBy: leaf.clientId ?? null,
    decidedActor: leaf.actor || null,
    decidedAt: at,
    outcome: 'done',
  } as const;
  const grant =
    open === undefined
      ? insertRequest(
          tenantId,
          signed(keys, { ...requestFrom(policy, leaf, id), ...decided, decidedBy: null, decidedActor: null }),
        )
      : changeRequests(tenantId, [{ ...signed(keys, { ...open, ...decided }), was: open.mac }]);
  return {
    statements: [grant, ...hideCustomer(tenantId, id, at, clocksOf(policy.profile, at))],
    deed: { subjectId: id, rule: ruleAgain('rights.erase.done') },
  };
};

/** The request that was granted is lost with everything else of its time: one stands in its place, with its id where it is known. */
function requestFrom({ profile }: Policy, leaf: AuditLeaf, customerId: string): Omit<RequestRow, 'mac'> {
  const at = new Date(leaf.at);
  return {
    id: leaf.objectKind === 'requests' ? (leaf.objectId ?? leaf.id) : leaf.id,
    customerId,
    kind: 'erase',
    state: 'open',
    askedBy: leaf.clientId ?? leaf.id,
    askedRole: leaf.role,
    askedActor: leaf.actor || null,
    asker: 'shop',
    checked: 'none',
    purpose: null,
    askedAt: at,
    dueAt: addDuration(at, profile.rights.erase.deadline) ?? at,
    decidedBy: null,
    decidedActor: null,
    decidedAt: at,
    outcome: 'done',
    reason: null,
    clauses: [],
    closedAt: null,
    copyExpiresAt: null,
    fetchedAt: null,
    certificate: null,
    applied: null,
    withdrawnAt: null,
    note: null,
    why: null,
    proposal: null,
  };
}

/** Of a decision only what was granted takes something away. */
export const decideAgain: Reapplying = async (lost) => {
  const { vault, keys, leaf, at } = lost;
  const { tenantId } = keys;
  const rule = ruleOfAct(leaf);
  if (rule === 'rights.erase.done') return eraseAgain(lost);
  if (rule === 'rights.deactivate.done') return deactivateAgain(lost);
  if (rule !== 'rights.object.done' || leaf.objectId === undefined || leaf.subjectId === undefined) return undefined;
  const [[row]] = await load(vault, tenantId, [selectRequest(tenantId, leaf.objectId, leaf.subjectId)]);
  if (row === undefined || row.purpose === null || !believes(vault, keys, 'requests', row)) return undefined;
  return {
    statements: closePurpose(tenantId, leaf.subjectId, row.purpose, at),
    deed: { ...told(leaf), rule: ruleAgain(rule) },
  };
};

/** Whoever would decide it does not know that it was taken back. An objection that had been granted stays: less is done than asked. */
export const withdrawRequestAgain: Reapplying = async ({ vault, keys, leaf }) => {
  const { tenantId } = keys;
  if (leaf.objectId === undefined || leaf.subjectId === undefined) return undefined;
  const [[row]] = await load(vault, tenantId, [selectRequest(tenantId, leaf.objectId, leaf.subjectId)]);
  if (row?.state !== 'open' || row.outcome !== null || !believes(vault, keys, 'requests', row)) return undefined;
  const at = new Date(leaf.at);
  const next = signed(keys, { ...row, state: 'withdrawn', withdrawnAt: at, closedAt: at });
  return { statements: [changeRequests(tenantId, [{ ...next, was: row.mac }])], deed: told(leaf) };
};

export const deactivateAgain: Reapplying = async ({ vault, keys: { tenantId }, leaf }) => {
  if (leaf.subjectId === undefined) return undefined;
  const [[customer]] = await load(vault, tenantId, [selectCustomerStatus(tenantId, leaf.subjectId)]);
  if (customer?.status !== 'active') return undefined;
  return {
    statements: [deactivateCustomer(tenantId, leaf.subjectId, new Date(leaf.at))],
    deed: { subjectId: leaf.subjectId, rule: ruleAgain('rights.deactivate.done') },
  };
};

/** A token that could still live: it is refused whatever the restored list of revocations says. */
export const revokeTokenAgain: Reapplying = async ({ keys, leaf, at }) => {
  const expiresAt = new Date(leaf.at + maxLifetimeSeconds * 1000 + clockMarginMs);
  if (leaf.objectId === undefined || expiresAt <= at) return undefined;
  return { statements: [insertRevocation(keys.tenantId, { tokenId: leaf.objectId, expiresAt }, at)], deed: told(leaf) };
};

/** What was closed is closed: a grant with its parcel, a parcel with its grant. */
export const closeAgain =
  (kind: 'grants' | 'shipments'): Reapplying =>
  async ({ vault, keys: { tenantId }, leaf, at }) => {
    const id = kind === 'grants' ? (leaf.grantId ?? leaf.objectId) : leaf.objectId;
    if (id === undefined) return undefined;
    const [[open]] = await load(vault, tenantId, [
      (kind === 'grants' ? selectOpenGrant : selectOpenParcel)(tenantId, id),
    ]);
    if (open === undefined) return undefined;
    const close = kind === 'grants' ? closeGrantAgain : closeParcelAgain;
    return { statements: [close(tenantId, id, at)], deed: told(leaf) };
  };

/** Its key had gone. What a hold keeps stays, by the database's own guard. */
export const destroyAgain =
  (kind: 'orders' | 'invoices'): Reapplying =>
  async ({ vault, keys: { tenantId }, leaf, at }) => {
    if (leaf.objectId === undefined) return undefined;
    const [[row]] = await load(vault, tenantId, [
      (kind === 'orders' ? selectKeyedOrder : selectKeyedInvoice)(tenantId, leaf.objectId),
    ]);
    if (row === undefined) return undefined;
    const { id, customerId, version } = row;
    return {
      statements: [
        ...(kind === 'orders'
          ? destroyOrders(tenantId, [{ id, version }], at)
          : [destroyInvoices(tenantId, [{ id, version }])]),
        insertDestroyedKeys(tenantId, [{ recordId: id, customerId }], at),
      ],
      deed: { ...told(leaf), digest: digestOfNothing, recordVersion: version + 1 },
    };
  };
