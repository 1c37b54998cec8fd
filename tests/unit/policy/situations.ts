import type { JudgedGrant, Reader } from '../../../src/policy/judge.ts';
import { fields, grantKinds, roles } from '../../../src/policy/profile.ts';
import type { Field, GrantKind } from '../../../src/policy/profile.ts';

/** Every role, the courier once for each kind of carrier profile, and departments that no profile knows. */
export const readers: readonly Reader[] = [
  ...roles.filter((role) => role !== 'department' && role !== 'courier').map((role) => ({ role })),
  { role: 'courier' },
  ...['default', 'post', 'tipax', 'alopeyk', 'no_such_carrier', 'constructor', '__proto__'].map((carrierProfile) => ({
    role: 'courier' as const,
    carrierProfile,
  })),
  { role: 'department' },
  ...['warehouse', 'support', 'courier', 'subject', 'constructor', '__proto__', 'toString'].map((department) => ({
    role: 'department' as const,
    department,
  })),
  // A department's name on another role's token gives nothing.
  { role: 'marketing', department: 'support' },
];

export type Purposes = Readonly<Record<GrantKind, string>>;

const purposes: Purposes = {
  ticket: 'support',
  return: 'return',
  invoice: 'invoice',
  refund: 'payment',
  inquiry: 'inquiry',
  shipment: 'shipping',
  legal_order: 'legal',
  break_glass: 'service',
};

/** For one field: no grant, and every kind in every state, listed and unlisted, with and without order and delivery. */
export function grantsFor(field: Field, named: Purposes = purposes): readonly (JudgedGrant | undefined)[] {
  const others = fields.filter((other) => other !== field);
  return [
    undefined,
    ...grantKinds.flatMap((kind) =>
      [named[kind], 'marketing', ''].flatMap((purpose) =>
        (['open', 'expired'] as const).flatMap((state) =>
          [undefined, [field], others, []].flatMap((listed) =>
            [
              { hasOrder: false },
              { hasOrder: true },
              { hasOrder: true, delivered: false },
              { hasOrder: true, delivered: true },
            ].map((order): JudgedGrant => ({ kind, purpose, state, fields: listed, ...order })),
          ),
        ),
      ),
    ),
  ];
}

export function openGrant(kind: GrantKind, more: Partial<JudgedGrant> = {}): JudgedGrant {
  return { kind, purpose: purposes[kind], hasOrder: false, fields: undefined, state: 'open', ...more };
}

export function purposeOf(kind: GrantKind): string {
  return purposes[kind];
}
