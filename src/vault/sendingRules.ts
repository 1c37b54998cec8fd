/** Of permit.ts: what goes out to people and systems, and what they agreed to beforehand. */

const departments = ['support', 'after_sales', 'accounting', 'department'] as const;
const legal = ['legal_registrar', 'legal_approver'] as const;

export const sendingRules = {
  'permissions.give': { scope: 'consents:write', roles: ['shop_backend', 'subject'] },
  'permissions.list': { scope: 'consents:read', roles: ['shop_backend', 'support', ...legal, 'dpo', 'subject'] },
  'permissions.withdraw': { scope: 'consents:write', roles: ['shop_backend', 'support', 'dpo', 'subject'] },
  'messages.send': { scope: 'messages', roles: ['shop_backend', ...departments, 'marketing', 'dpo'] },
  'messages.read': { scope: 'messages', roles: ['shop_backend', ...departments, 'marketing', 'dpo'] },
  // Of legal matters a client's own system hears where the client itself says, and nobody else's word (webhooks.ts).
  'webhooks.create': { scope: 'webhooks', roles: ['shop_backend', ...legal, 'dpo', 'system_admin'] },
  'webhooks.list': { scope: 'webhooks', roles: ['system_admin', 'dpo'] },
  'webhooks.read': { scope: 'webhooks', roles: ['system_admin', 'dpo'] },
  'webhooks.patch': { scope: 'webhooks', roles: ['system_admin', 'dpo'] },
  'webhooks.renew_secret': { scope: 'webhooks', roles: ['system_admin'] },
  'webhooks.ping': { scope: 'webhooks', roles: ['system_admin'] },
  'webhooks.deliveries': { scope: 'webhooks', roles: ['system_admin', 'dpo'] },
  'webhooks.redeliver': { scope: 'webhooks', roles: ['system_admin'] },
} as const;
