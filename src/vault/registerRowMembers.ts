import type { AdmissionRow } from '../db/admissions.ts';
import type { FeedbackFacts } from '../db/feedback.ts';
import type { RecipientFacts } from '../db/recipients.ts';
import type { SealRow } from '../db/seals.ts';
import type { UndertakingFacts } from '../db/undertakings.ts';

/** What the MACs of the recipients' and undertakings' rows cover (rowMac.ts). */
export const registerRowMembers = {
  recipients: {
    id: true,
    kind: true,
    purpose: true,
    fields: true,
    expiresAt: true,
    createdAt: true,
    createdBy: true,
    createdActor: true,
    undertakingId: true,
    clientIds: true,
    revokedAt: true,
    revokedBy: true,
    revokedActor: true,
  },
  undertakings: {
    id: true,
    recipientId: true,
    actor: true,
    signedOn: true,
    documentSha256: true,
    recordedAt: true,
    recordedBy: true,
    recordedActor: true,
    revokedAt: true,
    revokedBy: true,
    revokedActor: true,
  },
  /** Whose an answer is, if anybody's. */
  feedback: { id: true, kind: true, survey: true, customerId: true, createdAt: true },
  /** By whom the vault was sealed, and that it was lifted. */
  seals: { id: true, clientId: true, actor: true, sealedAt: true, liftedAt: true },
  /** What every process believes of a client or a member of staff. */
  admissions: { kind: true, subject: true, fields: true, validFrom: true, validUntil: true, changedAt: true },
} as const;

export interface RegisterRows {
  readonly recipients: RecipientFacts;
  readonly undertakings: UndertakingFacts;
  readonly feedback: FeedbackFacts;
  readonly admissions: AdmissionRow;
  readonly seals: SealRow;
}
