import type { AssuranceFacts } from '../db/contactPoints.ts';
import type { SupplementaryFacts } from '../db/supplementaryRequests.ts';
import type { VerificationFacts } from '../db/verifications.ts';

/** Of rowMembers.ts: what is taken of a customer's contact points, and what a customer is asked. */
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
  /** What a customer was asked about an order. */
  supplementary_requests: {
    id: true,
    customerId: true,
    orderId: true,
    checkKind: true,
    checkFields: true,
    failedAt: true,
    foundBy: true,
    asks: true,
    purpose: true,
    state: true,
    openedBy: true,
    openedRole: true,
    openedActor: true,
    openedAt: true,
    dueAt: true,
    closesAt: true,
    answeredAt: true,
    answeredBy: true,
    answeredRole: true,
    answeredActor: true,
    closedAt: true,
  },
} as const;

export interface ContactRows {
  readonly contact_assurances: AssuranceFacts;
  readonly contact_verifications: VerificationFacts;
  readonly supplementary_requests: SupplementaryFacts;
}
