import {
  selectEndingHolds,
  selectExpiredApprovals,
  selectFallenNotices,
  selectOverdueCases,
  selectOverdueRequests,
  selectOverdueReviews,
  type DueRow,
} from '../db/dueEvents.ts';
import { selectOverdueGlass } from '../db/breakGlass.ts';
import type { CaseKind } from '../db/cases.ts';
import type { NoticeFacts } from '../db/notices.ts';
import { load, write } from './act.ts';
import { tellDisclosures } from './disclosureTelling.ts';
import type { EventKind } from './eventKinds.ts';
import { eventStatement, type NewEvent } from './events.ts';
import type { TenantKeys } from './keyring.ts';
import { dueEvent } from './notices.ts';
import { believes } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Of each kind in one commit; what is more comes in the next. */
const atMost = 500;

/**
 * Raises what no act but the clock raises. Any number of processes may do it at once, and again: an event is one by what it is
 * about, so the second to raise it raises nothing.
 */
export async function raiseDueEvents(vault: Vault): Promise<void> {
  for (const tenantId of vault.watch.tenants()) {
    // A tenant whose keys or rows are in trouble does not keep the others from being told.
    await raiseDueOf(vault, tenantId).catch(() => undefined);
  }
}

async function raiseDueOf(vault: Vault, tenantId: string): Promise<void> {
  const keys = await vault.keyring.tenant(tenantId);
  const now = new Date(vault.now());
  // Whatever becomes of the messages, the shop hears of it.
  await tellDisclosures(vault, keys).catch(() => undefined);
  for (;;) {
    const [reviews, approvals, holds, notices, cases, glass, requests] = await load(vault, tenantId, [
      selectOverdueReviews(tenantId, now, atMost),
      selectExpiredApprovals(tenantId, now, atMost),
      selectEndingHolds(tenantId, now, atMost),
      selectFallenNotices(tenantId, now, atMost),
      selectOverdueCases(tenantId, now, atMost),
      selectOverdueGlass(tenantId, now, atMost),
      selectOverdueRequests(tenantId, now, atMost),
    ]);
    const events = [
      ...reviews.map((row) => dueOf('review.overdue', row)),
      ...approvals.map((row) => dueOf('legal_order.approval_expired', row)),
      ...holds.map((row) => dueOf('hold.ending', row)),
      ...genuine(vault, keys, notices).map(dueEvent),
      ...glass.map((row) => dueOf('break_glass.overdue', row)),
      ...cases.map(({ id, kind, customerId, dueAt }) => overdueCase(kind, id, customerId, dueAt)),
      ...requests.map(({ id, customerId, dueAt }) => overdueRequest(id, customerId, dueAt)),
    ];
    if (events.length === 0) return;
    const [raised] = await write(vault, tenantId, [eventStatement(vault, tenantId, ...events)]);
    // Found again and again, of rows whose day no event can have: a part of a millisecond.
    if (raised.length === 0) return;
    const found = [reviews, approvals, holds, notices, cases, glass, requests];
    if (found.every((rows) => rows.length < atMost)) return;
  }
}

const overdueCase = (kind: CaseKind, objectId: string, customerId: string, at: Date): NewEvent => ({
  kind: `${kind}.overdue`,
  objectId,
  customerId,
  at,
});

const overdueRequest = (objectId: string, customerId: string, at: Date): NewEvent => ({
  kind: 'request.overdue',
  objectId,
  customerId,
  at,
});

function dueOf(kind: EventKind, { objectId, legalOrderId, dueAt }: DueRow): NewEvent {
  return { kind, objectId, legalOrderId: legalOrderId ?? undefined, at: dueAt };
}

/** A day that somebody wrote into the table tells nobody anything. */
function genuine(vault: Vault, keys: TenantKeys, notices: readonly NoticeFacts[]): readonly NoticeFacts[] {
  return notices.filter((row) => believes(vault, keys, 'notices', row));
}
