import type { AuditLeaf } from '../crypto/leaf.ts';
import type { OperatorDeed } from './operatorLeaf.ts';
import type { Action } from './permit.ts';

/** Acts that take something away, and are done again to a database that does not know of them. */
export const reapplied = [
  'customers.erase',
  'customers.deactivate',
  'requests.decide',
  'requests.withdraw',
  'orders.erase',
  'orders.expire',
  'invoices.expire',
  'orders.cancel',
  'deliveries.confirm',
  'deliveries.return',
  'grants.close',
  'tokens.revoke',
  'clients.patch',
  'clients.renew_secret',
  'consents.withdraw',
  'permissions.withdraw',
  'holds.release',
  'legal_orders.revoke',
  'exports.fetch',
  'recipients.revoke',
  'staff_undertakings.revoke',
  'incidents.contain',
] as const;
export type Reapplied = (typeof reapplied)[number];

/** Acts that somebody has to do again by hand: what they put there is lost, and no leaf holds it. */
export const byHand = [
  'policies.publish',
  'policies.notice',
  'legal_orders.register',
  'legal_orders.patch',
  'legal_documents.upload',
  'legal_orders.approve',
  'legal_orders.reject',
  'legal_orders.secrecy',
  'legal_orders.review',
  'exports.create',
  'exports.reissue',
  'requests.create',
  'misuse_reports.create',
  'webhooks.patch',
  'decoys.create',
  'keys.rotate',
  'keys.retire',
] as const satisfies readonly (Action | OperatorDeed['action'])[];
export type ByHand = (typeof byHand)[number];

const journaled: ReadonlySet<string> = new Set<string>([...reapplied, ...byHand]);

export const isReapplied = (action: string): action is Reapplied => (reapplied as readonly string[]).includes(action);
/** Of a containment, whom it stopped besides customers and their grants only the incident's file says, which is lost with it. */
export const isDoneAgain = ({ action, subjectId }: Pick<AuditLeaf, 'action' | 'subjectId'>): boolean =>
  isReapplied(action) && (action !== 'incidents.contain' || subjectId !== undefined);
export const isByHand = (action: string): action is ByHand => (byHand as readonly string[]).includes(action);

/** What the journal tells of. A refusal changed nothing; of an execution the leaf of the export tells, not one for each person. */
export function isJournaled({
  action,
  outcome,
  subjectId,
}: Pick<AuditLeaf, 'action' | 'outcome' | 'subjectId'>): boolean {
  return outcome === 'allowed' && journaled.has(action) && (action !== 'exports.create' || subjectId === undefined);
}

const againRule = 'reconcile.';
/** The rule of a leaf that tells of an act done again, where what it came to depends on the rule of the act. */
export const ruleAgain = <Rule extends string>(rule: Rule) => `${againRule}${rule}` as const;
/** The rule of the act itself, be it done for the first time or again after a restore. */
export const ruleOfAct = ({ rule }: Pick<AuditLeaf, 'rule'>): string =>
  rule.startsWith(againRule) ? rule.slice(againRule.length) : rule;
