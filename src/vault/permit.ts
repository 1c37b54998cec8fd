import { VaultError } from '../errors.ts';
import type { Role } from '../policy/profile.ts';
import type { Caller } from './caller.ts';
import { sendingRules } from './sendingRules.ts';
import { scopes, type Scope } from './scopes.ts';

export { scopes };
export type { Scope };

interface Rule {
  readonly scope: Scope;
  readonly roles: readonly Role[];
}

const departments = ['support', 'after_sales', 'accounting', 'department'] as const;
const legal = ['legal_registrar', 'legal_approver'] as const;
/** Whom the policy concerns: whoever works by it, and the person. */
const bound = ['shop_backend', ...departments, 'marketing', ...legal, 'dpo', 'subject'] as const;
const asking = ['shop_backend', 'support', 'accounting', 'dpo', 'subject'] as const;

const counters = ['shop_backend', ...departments, 'marketing', 'dpo'] as const;

/**
 * Who may hold the log to what it said: whoever writes, discloses or watches. Not everybody, because the size of the log tells how
 * much the shop does.
 */
const proving = ['shop_backend', ...legal, 'dpo', 'system_admin'] as const;

/** Every act there is, who may attempt it and under which scope. What is not here cannot be done. */
const rules = {
  ...sendingRules,
  'customers.create': { scope: 'customers:write', roles: ['shop_backend'] },
  'customers.import': { scope: 'customers:write', roles: ['shop_backend'] },
  'customers.patch': { scope: 'customers:write', roles: ['shop_backend', 'subject'] },
  'customers.list': { scope: 'customers:read', roles: ['shop_backend', ...departments, 'dpo'] },
  'customers.read': {
    scope: 'customers:read',
    roles: ['shop_backend', ...departments, 'payment_processor', ...legal, 'dpo', 'subject'],
  },
  'customers.search': { scope: 'customers:search', roles: ['shop_backend', ...departments, ...legal] },
  'customers.match': { scope: 'customers:search', roles: ['shop_backend', ...departments] },
  'cookies.check': { scope: 'customers:search', roles: ['shop_backend'] },
  'consents.read': {
    scope: 'consents:read',
    roles: ['shop_backend', 'support', 'after_sales', 'marketing', 'dpo', 'subject'],
  },
  'consents.give': { scope: 'consents:write', roles: ['shop_backend', 'subject'] },
  'consents.withdraw': { scope: 'consents:write', roles: ['shop_backend', 'support', 'marketing', 'dpo', 'subject'] },
  'contact_points.read': {
    scope: 'contact_points',
    roles: ['shop_backend', ...departments, ...legal, 'dpo', 'subject'],
  },
  'contact_points.send_code': { scope: 'contact_points', roles: ['shop_backend', 'support', 'subject'] },
  'contact_points.take_code': { scope: 'contact_points', roles: ['shop_backend', 'subject'] },
  'contact_points.confirm': { scope: 'contact_points', roles: ['shop_backend', 'support', 'subject'] },
  'orders.create': { scope: 'orders:write', roles: ['shop_backend'] },
  'orders.patch': { scope: 'orders:write', roles: ['shop_backend'] },
  'orders.cancel': { scope: 'orders:write', roles: ['shop_backend'] },
  'orders.list': { scope: 'orders:read', roles: ['shop_backend', ...departments, 'dpo', 'subject'] },
  'orders.read': { scope: 'orders:read', roles: ['shop_backend', ...departments, ...legal, 'dpo', 'subject'] },
  'shipments.create': { scope: 'orders:write', roles: ['shop_backend'] },
  'shipments.read': { scope: 'orders:read', roles: ['shop_backend', ...departments, 'dpo'] },
  'invoices.create': { scope: 'invoices:write', roles: ['shop_backend'] },
  'invoices.read': { scope: 'invoices:read', roles: ['accounting'] },
  'vat_certificates.request': { scope: 'invoices:write', roles: ['shop_backend'] },
  'vat_certificates.read': { scope: 'invoices:read', roles: ['accounting'] },
  'grants.create': { scope: 'grants:write', roles: ['shop_backend'] },
  'grants.close': { scope: 'grants:write', roles: ['shop_backend'] },
  'grants.read': {
    scope: 'grants:read',
    roles: ['shop_backend', ...departments, 'payment_processor', 'dpo'],
  },
  'grants.list': { scope: 'grants:read', roles: ['shop_backend', ...departments, 'payment_processor', 'dpo'] },
  'deliveries.list': { scope: 'deliveries', roles: ['courier'] },
  'deliveries.read': { scope: 'deliveries', roles: ['courier'] },
  'deliveries.confirm': { scope: 'deliveries', roles: ['courier'] },
  'deliveries.fail': { scope: 'deliveries', roles: ['courier'] },
  'deliveries.return': { scope: 'deliveries', roles: ['courier'] },
  'legal_orders.register': { scope: 'legal_orders:register', roles: ['legal_registrar'] },
  'legal_orders.list': { scope: 'legal_orders:read', roles: [...legal, 'dpo'] },
  'legal_orders.read': { scope: 'legal_orders:read', roles: [...legal, 'dpo'] },
  'legal_orders.patch': { scope: 'legal_orders:register', roles: ['legal_registrar'] },
  'legal_orders.approve': { scope: 'legal_orders:decide', roles: ['legal_approver'] },
  'legal_orders.reject': { scope: 'legal_orders:decide', roles: ['legal_approver'] },
  'legal_orders.revoke': { scope: 'legal_orders:decide', roles: ['legal_approver'] },
  'legal_orders.secrecy': { scope: 'legal_orders:decide', roles: ['legal_approver'] },
  'legal_orders.review': { scope: 'legal_orders:decide', roles: ['legal_approver'] },
  'legal_documents.upload': { scope: 'legal_orders:register', roles: ['legal_registrar'] },
  'legal_documents.read': { scope: 'legal_orders:read', roles: [...legal] },
  'holds.list': { scope: 'legal_orders:read', roles: [...legal, 'dpo'] },
  'holds.release': { scope: 'legal_orders:decide', roles: ['legal_approver'] },
  'exports.create': { scope: 'exports', roles: [...legal] },
  'exports.list': { scope: 'exports', roles: [...legal, 'dpo'] },
  'exports.read': { scope: 'exports', roles: [...legal, 'dpo'] },
  'exports.minutes': { scope: 'exports', roles: [...legal, 'dpo'] },
  'exports.acknowledge': { scope: 'exports', roles: [...legal] },
  'exports.report': { scope: 'exports', roles: [...legal, 'dpo'] },
  'exports.fetch': { scope: 'exports', roles: [...legal] },
  'exports.reissue': { scope: 'legal_orders:decide', roles: ['legal_approver'] },
  'events.list': { scope: 'events', roles: ['shop_backend', 'support', ...legal, 'dpo'] },
  'events.acknowledge': { scope: 'events', roles: ['shop_backend', 'support', ...legal, 'dpo'] },
  'notices.list': { scope: 'notices', roles: ['shop_backend', ...legal, 'dpo'] },
  'notices.sent': { scope: 'notices', roles: ['shop_backend'] },
  'requests.create': { scope: 'requests', roles: ['shop_backend', 'support', 'subject'] },
  'requests.list': { scope: 'requests', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'requests.read': { scope: 'requests', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'requests.certificate': { scope: 'requests', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'requests.copy': { scope: 'requests', roles: ['subject'] },
  'copy_links.create': { scope: 'requests', roles: ['shop_backend', 'support', 'subject'] },
  'requests.withdraw': { scope: 'requests', roles: ['shop_backend', 'support', 'subject'] },
  'changes.list': {
    scope: 'customers:read',
    roles: ['shop_backend', 'support', ...legal, 'dpo', 'subject'],
  },
  'accesses.list': { scope: 'requests', roles: ['support', 'dpo', 'subject'] },
  'requests.decide': { scope: 'requests:decide', roles: ['support', 'dpo'] },
  'incidents.create': { scope: 'incidents', roles: ['dpo'] },
  'incidents.list': { scope: 'incidents', roles: ['system_admin', 'dpo'] },
  'incidents.read': { scope: 'incidents', roles: ['system_admin', 'dpo'] },
  'incidents.patch': { scope: 'incidents', roles: ['dpo'] },
  'incidents.extent': { scope: 'incidents', roles: ['dpo'] },
  'incidents.extent_read': { scope: 'incidents', roles: ['dpo'] },
  'incidents.contain': { scope: 'incidents', roles: ['dpo'] },
  'incidents.thaw': { scope: 'incidents', roles: ['dpo'] },
  'break_glass.open': { scope: 'break_glass', roles: ['system_admin'] },
  'break_glass.use': { scope: 'break_glass', roles: ['system_admin'] },
  'break_glass.list': { scope: 'break_glass', roles: ['dpo'] },
  'break_glass.read': { scope: 'break_glass', roles: ['dpo'] },
  'break_glass.review': { scope: 'break_glass', roles: ['dpo'] },
  'anomalies.list': { scope: 'anomalies', roles: ['dpo'] },
  'anomalies.read': { scope: 'anomalies', roles: ['dpo'] },
  'decoys.create': { scope: 'decoys', roles: ['dpo'] },
  'decoys.list': { scope: 'decoys', roles: ['dpo'] },
  'decoys.retire': { scope: 'decoys', roles: ['dpo'] },
  'reader_freezes.list': { scope: 'incidents', roles: ['system_admin', 'dpo'] },
  'reader_freezes.lift': { scope: 'incidents', roles: ['dpo'] },
  'incidents.tell': { scope: 'incidents', roles: ['dpo'] },
  'incidents.told': { scope: 'incidents', roles: ['dpo'] },
  'incidents.close': { scope: 'incidents', roles: ['dpo'] },
  'misuse_reports.create': { scope: 'misuse', roles: ['shop_backend', 'support', 'subject'] },
  'misuse_reports.list': { scope: 'misuse', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'misuse_reports.read': { scope: 'misuse', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'misuse_reports.resolve': { scope: 'misuse:resolve', roles: ['support', 'dpo'] },
  'statements.read': { scope: 'customers:read', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'recipients.create': { scope: 'recipients', roles: ['dpo'] },
  'recipients.list': { scope: 'recipients', roles: ['system_admin', 'dpo'] },
  'recipients.read': { scope: 'recipients', roles: ['system_admin', 'dpo'] },
  'recipients.undertake': { scope: 'recipients', roles: ['dpo'] },
  'recipients.link': { scope: 'recipients', roles: ['system_admin', 'dpo'] },
  'recipients.revoke': { scope: 'recipients', roles: ['dpo'] },
  'staff_undertakings.create': { scope: 'undertakings', roles: ['dpo'] },
  'staff_undertakings.list': { scope: 'undertakings', roles: ['dpo'] },
  'staff_undertakings.revoke': { scope: 'undertakings', roles: ['dpo'] },
  'feedback.create': { scope: 'feedback', roles: ['shop_backend', 'support', 'subject'] },
  'feedback.list': { scope: 'feedback', roles: [...departments, 'shop_backend', 'dpo', 'subject'] },
  'feedback.read': { scope: 'feedback', roles: [...departments, 'shop_backend', 'dpo', 'subject'] },
  'complaints.create': { scope: 'complaints', roles: ['shop_backend', 'support', 'subject'] },
  'complaints.list': {
    scope: 'complaints',
    roles: ['shop_backend', 'support', 'after_sales', 'department', ...legal, 'dpo', 'subject'],
  },
  'complaints.read': {
    scope: 'complaints',
    roles: ['shop_backend', 'support', 'after_sales', 'department', ...legal, 'dpo', 'subject'],
  },
  'complaints.count': { scope: 'complaints', roles: ['dpo'] },
  'complaints.acknowledge': { scope: 'complaints:work', roles: ['support', 'dpo'] },
  'complaints.assign': { scope: 'complaints:work', roles: ['support', 'dpo'] },
  'complaints.close': { scope: 'complaints:work', roles: ['support', 'after_sales', 'department', 'dpo'] },
  'inquiries.create': { scope: 'inquiries', roles: ['shop_backend', 'support', 'subject'] },
  'inquiries.list': { scope: 'inquiries', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'inquiries.read': { scope: 'inquiries', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'inquiries.answer': { scope: 'inquiries', roles: ['support'] },
  'supplementary_requests.create': { scope: 'supplementary_requests', roles: ['shop_backend', 'support'] },
  'supplementary_requests.list': { scope: 'supplementary_requests', roles: asking },
  'supplementary_requests.read': { scope: 'supplementary_requests', roles: asking },
  'supplementary_requests.answer': { scope: 'supplementary_requests', roles: ['shop_backend', 'subject'] },
  'supplementary_requests.close': { scope: 'supplementary_requests', roles: ['shop_backend', 'support'] },
  'acceptances.create': { scope: 'acceptances', roles: ['shop_backend', 'subject'] },
  'acceptances.list': { scope: 'acceptances', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'policies.list': { scope: 'policies:read', roles: bound },
  'policies.read': { scope: 'policies:read', roles: bound },
  'policies.explain': {
    scope: 'policies:read',
    roles: ['shop_backend', ...departments, ...legal, 'dpo', 'system_admin'],
  },
  'policies.publish': { scope: 'policies:write', roles: ['dpo'] },
  'policies.notice': { scope: 'policies:write', roles: ['dpo'] },
  'statistics.list': { scope: 'statistics', roles: counters },
  'statistics.read': { scope: 'statistics', roles: counters },
  'policies.mail': { scope: 'policies:write', roles: ['dpo'] },
  'policies.mailing': { scope: 'policies:read', roles: ['dpo'] },
  'extracts.create': { scope: 'extracts', roles: ['marketing'] },
  'extracts.list': { scope: 'extracts', roles: ['marketing', 'dpo'] },
  'audit.list': { scope: 'audit:read', roles: ['dpo'] },
  'audit.checkpoint': { scope: 'audit:prove', roles: proving },
  'audit.inclusion': { scope: 'audit:prove', roles: proving },
  'audit.consistency': { scope: 'audit:prove', roles: proving },
  'retention.read': { scope: 'audit:read', roles: ['dpo'] },
  'clients.create': { scope: 'clients', roles: ['system_admin'] },
  'clients.list': { scope: 'clients', roles: ['system_admin'] },
  'clients.read': { scope: 'clients', roles: ['system_admin'] },
  'clients.patch': { scope: 'clients', roles: ['system_admin'] },
  'clients.renew_secret': { scope: 'clients', roles: ['system_admin'] },
  'vault.seal': { scope: 'seal', roles: ['system_admin'] },
  'subjects.exchange': { scope: 'subjects', roles: ['shop_backend'] },
} as const satisfies Record<string, Rule>;

export type Action = keyof typeof rules;
export const actions: Readonly<Record<Action, Rule>> = rules;

/** The scopes a role can ever hold. */
export function scopesOf(role: Role): readonly Scope[] {
  return scopes.filter((scope) =>
    Object.values(actions).some((r: Rule) => r.scope === scope && r.roles.includes(role)),
  );
}

/**
 * May this caller attempt this act at all? Judged by role first, then by the token's scope; what the caller may see is the
 * judge's business. Throws `not_permitted` or `insufficient_scope`.
 */
export function permit(caller: Caller, action: Action): void {
  const rule: Rule = actions[action];
  if (!rule.roles.includes(caller.role)) throw new VaultError('not_permitted');
  if (!caller.scopes.has(rule.scope)) throw new VaultError('insufficient_scope');
}
