import type { Role } from '../policy/profile.ts';

/** What an event is about. */
export type EventObject =
  | 'legal_orders'
  | 'exports'
  | 'notices'
  | 'requests'
  | 'customers'
  | 'incidents'
  | 'break_glass'
  | 'anomalies'
  | 'misuse_reports'
  | 'complaints'
  | 'inquiries'
  | 'policies'
  | 'webhooks'
  | 'supplementary_requests';

interface EventRule {
  readonly object: EventObject;
  /** Who hears of it. Whatever a legal order is named in stays with the legal roles and the protection officer. */
  readonly audience: readonly Role[];
  /** Cannot wait until somebody looks at a list. */
  readonly alarm?: true;
  /** Raised at most once in so long for one object, so that whoever repeats an attempt does not drown the list. Milliseconds. */
  readonly atMostEvery?: number;
}

const registrars = ['legal_registrar'] as const;
const approvers = ['legal_approver'] as const;
const legal = ['legal_registrar', 'legal_approver'] as const;
const watching = ['legal_approver', 'dpo'] as const;

const kinds = {
  'legal_order.waiting': { object: 'legal_orders', audience: approvers },
  'legal_order.approved': { object: 'legal_orders', audience: registrars },
  'legal_order.rejected': { object: 'legal_orders', audience: registrars },
  'legal_order.revoked': { object: 'legal_orders', audience: registrars },
  'legal_order.approval_expired': { object: 'legal_orders', audience: legal },
  'emergency.approved': { object: 'legal_orders', audience: watching, alarm: true },
  'review.due': { object: 'legal_orders', audience: watching },
  'review.overdue': { object: 'legal_orders', audience: watching, alarm: true },
  'package.second_try': { object: 'exports', audience: watching, alarm: true, atMostEvery: 60_000 },
  'package.aborted': { object: 'exports', audience: [...legal, 'dpo'] },
  'hold.ending': { object: 'legal_orders', audience: legal },
  'notice.due': { object: 'notices', audience: ['shop_backend'] },
  // The person is told through the vault where the policy says so; whoever cannot be reached so, the shop tells.
  'account.idle': { object: 'customers', audience: ['shop_backend'] },
  'account.deactivated': { object: 'customers', audience: ['shop_backend'] },
  'request.opened': { object: 'requests', audience: ['support', 'dpo'] },
  // The shop tells the person of each step.
  'request.decided': { object: 'requests', audience: ['shop_backend'] },
  // Nobody has decided it by its day. One that was granted waits for nothing that anybody here could do.
  'request.overdue': { object: 'requests', audience: ['support', 'dpo'], alarm: true },
  'request.closed': { object: 'requests', audience: ['shop_backend', 'support'] },
  'anomaly.found': { object: 'anomalies', audience: ['dpo'], alarm: true },
  'break_glass.opened': { object: 'break_glass', audience: ['dpo'], alarm: true },
  'break_glass.overdue': { object: 'break_glass', audience: ['dpo'], alarm: true },
  'incident.extent_done': { object: 'incidents', audience: ['dpo'] },
  'incident.opened': { object: 'incidents', audience: ['dpo'], alarm: true },
  'misuse.reported': { object: 'misuse_reports', audience: ['support', 'dpo'], alarm: true },
  'misuse.overdue': { object: 'misuse_reports', audience: ['support', 'dpo'], alarm: true },
  'complaint.opened': { object: 'complaints', audience: ['support', 'dpo'] },
  'complaint.overdue': { object: 'complaints', audience: ['support', 'dpo'], alarm: true },
  // The shop tells the person of each step.
  'complaint.acknowledged': { object: 'complaints', audience: ['shop_backend'] },
  'complaint.closed': { object: 'complaints', audience: ['shop_backend', 'dpo'] },
  'inquiry.opened': { object: 'inquiries', audience: ['support'] },
  'inquiry.overdue': { object: 'inquiries', audience: ['support'] },
  'inquiry.answered': { object: 'inquiries', audience: ['shop_backend'] },
  'misuse.resolved': { object: 'misuse_reports', audience: ['shop_backend', 'support'] },
  'policy.in_force': { object: 'policies', audience: ['shop_backend', 'dpo'] },
  'webhook.failed': { object: 'webhooks', audience: ['dpo'], atMostEvery: 3_600_000 },
  'supplementary.answered': { object: 'supplementary_requests', audience: ['shop_backend', 'support'] },
  'supplementary.expired': { object: 'supplementary_requests', audience: ['shop_backend', 'support'] },
} as const satisfies Readonly<Record<string, EventRule>>;

export type EventKind = keyof typeof kinds;
export const eventKinds: Readonly<Record<EventKind, EventRule>> = kinds;

const legalObjects: ReadonlySet<EventObject> = new Set(['legal_orders', 'exports', 'notices']);

/** Does a kind tell that there is a legal order? Who runs the system learns of none, not even that there was something to tell. */
export const isLegal = (kind: string): boolean => {
  const object = eventRule(kind)?.object;
  return object !== undefined && legalObjects.has(object);
};

/** The rule of a kind as it is stored; undefined for one that is none of ours. */
export function eventRule(kind: string): EventRule | undefined {
  return Object.hasOwn(eventKinds, kind) ? eventKinds[kind as EventKind] : undefined;
}
