import type { AssuranceFacts } from '../db/contactPoints.ts';
import type { VerificationFacts } from '../db/verifications.ts';

/** Of rowMembers.ts: what is taken of a customer's contact points. */
export const contactRowMembers = {
  /** What a contact point is taken for. */
  contact_assurances: {
    customerId: true,
    point: true,
    level: true,
    valueHash: true,
    setAt: true,
    setBy: true,
    setRole: true,
    actor: true,
  },
  /** A code that was sent to a contact point. */
  contact_verifications: {
    id: true,
    customerId: true,
    point: true,
    valueHash: true,
    codeHash: true,
    startedAt: true,
    expiresAt: true,
  },
} as const;

export interface ContactRows {
  readonly contact_assurances: AssuranceFacts;
  readonly contact_verifications: VerificationFacts;
}
