import { discardPackage } from '../db/exports.ts';
import { settleEvents } from '../db/events.ts';
import type { LegalOrderRow } from '../db/legalOrders.ts';
import type { Statement } from '../db/statement.ts';
import { cancelNotices } from '../db/notices.ts';
import { refuse, VaultError } from '../errors.ts';
import type { Profile } from '../policy/profile.ts';
import type { Act, Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { eventStatement, type NewEvent } from './events.ts';
import { expectTwo, personOf, type Person } from './fourEyes.ts';
import { holdLeaves } from './holds.ts';
import { groundOf, type Ground } from './legalGround.ts';
import { expectDemands } from './legalOrderCheck.ts';
import { holdsAtApproval, holdsAtRejection, holdsAtRevocation, type Keeping } from './legalHolds.ts';
import { narrowingWithin, type NarrowingInput } from './legalNarrowing.ts';
import {
  digestOfOrder,
  narrowingOf,
  openOrder,
  withoutDecision,
  type Approval,
  type LegalOrderFile,
  type Narrowing,
} from './legalOrderSeal.ts';
import { orderOf, registrarOf, takeStep } from './legalOrderStep.ts';
import { statusAt } from './legalOrderView.ts';
import { permit } from './permit.ts';
import { checkReason } from './reason.ts';
import type { Vault } from './vault.ts';

/** A19: what was done in haste is looked at within three days. */
const reviewMs = 72 * 60 * 60 * 1000;
/** Tries to revoke an order that is being executed at the same moment. */
const tries = 4;

export interface ApprovalInput {
  /** The version that was read; undefined is none there ever was. */
  readonly version: number | 'any' | undefined;
  readonly narrowing: NarrowingInput | undefined;
}

/**
 * A person's yes to the exact record, its scope perhaps narrowed. The order is approved when as many have said so as its
 * ground wants. Throws `self_approval` for whoever registered, changed or approved it, as a client or as a person, and
 * `precondition_failed` when it is another version than the person has read.
 */
export async function approveLegalOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  { version, narrowing: asked }: ApprovalInput,
): Promise<Answer> {
  permit(caller, 'legal_orders.approve');
  const person = personOf(caller);
  const { profile } = vault.watch.policy(caller.tenantId);
  const row = await orderToDecide(vault, caller, person, id, profile);
  if (version !== 'any' && row.version !== version) throw new VaultError('precondition_failed');
  // An officer's word holds from its registration, for a day; there is nothing to approve.
  if (row.authorityKind === 'officer') throw refuse('conflict', '', 'in_force');
  if (row.validUntil.getTime() <= vault.now()) throw new VaultError('legal_order_expired');
  const ground = groundOf(profile, row);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const file = openOrder(keys, row);
  expectDemands(ground, file.record, '');
  const standing = standingApprovals(file, vault.now());
  for (const other of [...(file.changes ?? []), ...standing]) expectTwo(person, other);
  // What one approver took out of the scope stays out of it, also when that approval has run out.
  const narrowed = asked === undefined ? narrowingOf(file) : narrowingWithin(file, asked);
  const approval = approvalOf(vault, person, ground, row, file, narrowed);
  // A narrower scope is another one: those who approved the wider one have not approved it.
  const approvals = [...(asked === undefined ? standing : []), approval];
  const enough = approvals.length >= ground.approvals;
  const { digest, at, expires } = approval;
  const record = { ...file.record, scope: { ...file.record.scope, ...narrowed } };
  const reviewDue = enough && ground.needsReview ? new Date(Date.parse(at) + reviewMs) : undefined;
  const keeping = { vault, keys, legalOrderId: id, record, at: new Date(at) };
  const statements = enough ? await takesEffect(caller, act, keeping, eventsAtApproval(id, ground, reviewDue)) : [];
  return takeStep(vault, caller, act, row, {
    from: [row.status],
    file: {
      ...withoutDecision(file),
      approvals,
      ...(enough ? { decision: { ...person, at, digest, outcome: 'approved' } } : {}),
      ...(reviewDue === undefined ? {} : { reviewDue: reviewDue.toISOString() }),
    },
    statements,
    says: { digest, approvals: approvals.length, approvalsNeeded: ground.approvals, approvalExpires: expires },
  });
}

/** What the last approval that was needed brings with it: what is to be kept is held, and nobody waits for it any more. */
async function takesEffect(
  caller: Caller,
  act: Act,
  keeping: Keeping,
  events: readonly NewEvent[],
): Promise<readonly Statement[]> {
  const { vault, legalOrderId, at } = keeping;
  const held = await holdsAtApproval(keeping);
  return [
    ...held.statements,
    ...holdLeaves(vault, caller, act, held),
    eventStatement(vault, caller.tenantId, ...events),
    settleWaiting(caller, legalOrderId, at),
  ];
}

/** Those that are to the record as it stands and have not run out meanwhile. */
function standingApprovals({ approvals = [] }: LegalOrderFile, now: number): readonly Approval[] {
  return approvals.filter(({ expires }) => Date.parse(expires) > now);
}

function eventsAtApproval(objectId: string, { alarm }: Ground, reviewDue: Date | undefined): readonly NewEvent[] {
  return [
    { kind: 'legal_order.approved', objectId },
    ...(alarm ? [{ kind: 'emergency.approved', objectId } as const] : []),
    ...(reviewDue === undefined ? [] : [{ kind: 'review.due', objectId, at: reviewDue } as const]),
  ];
}

/** What was decided waits for nobody any more. */
function settleWaiting({ tenantId, clientId, actor }: Caller, id: string, at: Date): Statement {
  return settleEvents(tenantId, 'legal_approver', 'legal_order.waiting', id, { by: clientId, actor, at });
}

function approvalOf(
  vault: Vault,
  person: Person,
  { kind, approvalMs }: Ground,
  { validUntil }: LegalOrderRow,
  file: LegalOrderFile,
  narrowed: Narrowing | undefined,
): Approval {
  const at = vault.now();
  // What is to be kept is kept for as long as the order says.
  const end = kind === 'preservation' ? validUntil.getTime() : Math.min(validUntil.getTime(), at + approvalMs);
  return {
    ...person,
    at: new Date(at).toISOString(),
    digest: digestOfOrder(file, narrowed).toString('hex'),
    expires: new Date(end).toISOString(),
    ...(narrowed === undefined ? {} : { narrowed }),
  };
}

/** Another person's no. The authority's letter may then be recorded anew. */
export async function rejectLegalOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  reason: string,
): Promise<Answer> {
  permit(caller, 'legal_orders.reject');
  checkReason(reason);
  const person = personOf(caller);
  const row = await orderToDecide(vault, caller, person, id);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const file = openOrder(keys, row);
  const digest = digestOfOrder(file, narrowingOf(file)).toString('hex');
  const at = new Date(vault.now());
  const decision = { ...person, at: at.toISOString(), digest, outcome: 'rejected', reason } as const;
  const held = await holdsAtRejection({ vault, keys, legalOrderId: id, record: file.record, at });
  return takeStep(vault, caller, act, row, {
    from: [row.status],
    file: { ...withoutDecision(file), decision },
    statements: [
      ...held.statements,
      ...holdLeaves(vault, caller, act, held),
      eventStatement(vault, caller.tenantId, { kind: 'legal_order.rejected', objectId: id }),
      settleWaiting(caller, id, at),
    ],
    says: { digest },
  });
}

/** Waiting for a decision, or approved so long ago that it needs another. Throws `self_approval`, `conflict`. */
async function orderToDecide(
  vault: Vault,
  caller: Caller,
  person: Person,
  id: string,
  profile?: Profile,
): Promise<LegalOrderRow> {
  const row = await orderOf(vault, caller, id);
  expectTwo(person, registrarOf(row));
  const status = statusAt(row, vault.now());
  const waits = row.status === 'registered' || status === 'approval_expired';
  if (!waits && !(status === 'approved' && isShort(profile, row))) throw refuse('conflict', '', 'decided');
  return row;
}

/** Approved when fewer approvals were enough than the profile wants now. What is kept already is kept. */
function isShort(profile: Profile | undefined, row: LegalOrderRow): boolean {
  return profile !== undefined && row.kind !== 'preservation' && row.approvals < groundOf(profile, row).approvals;
}

/** Takes an approval back, before or after the execution; a package that was not fetched yet is destroyed. */
export async function revokeLegalOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  reason: string,
): Promise<Answer> {
  permit(caller, 'legal_orders.revoke');
  checkReason(reason);
  const person = personOf(caller);
  for (let attempt = 1; ; attempt += 1) {
    const row = await orderOf(vault, caller, id);
    expectTwo(person, registrarOf(row));
    if (row.status !== 'approved' && row.status !== 'executed') throw refuse('conflict', '', 'not_approved');
    const keys = await vault.keyring.tenant(caller.tenantId);
    const file = openOrder(keys, row);
    // Another process's clock may be ahead: nothing is ever executed after its revocation.
    const at = new Date(Math.max(vault.now(), row.executedAt?.getTime() ?? 0));
    const held = await holdsAtRevocation({ vault, keys, legalOrderId: id, record: file.record, at });
    try {
      return await takeStep(vault, caller, act, row, {
        from: [row.status],
        file: { ...file, revocation: { ...person, at: at.toISOString(), reason } },
        statements: [
          discardPackage(caller.tenantId, row.id),
          cancelNotices(caller.tenantId, row.id, at),
          ...held.statements,
          ...holdLeaves(vault, caller, act, held),
          eventStatement(vault, caller.tenantId, { kind: 'legal_order.revoked', objectId: id }),
        ],
      });
    } catch (error) {
      // An execution came in between: it is revoked as well.
      if (!(error instanceof VaultError && error.code === 'conflict') || attempt === tries) throw error;
    }
  }
}
