import type { MessageFacts } from '../db/messages.ts';
import type { PermissionFacts } from '../db/permissions.ts';
import type { MailingFacts } from '../db/policyMailings.ts';
import type { WebhookFacts } from '../db/webhooks.ts';

/** Of what goes out: its part of rowMembers.ts. */
export const sendingRowMembers = {
  /** Who has the vault send what kind of thing to whom. */
  messages: {
    id: true,
    customerId: true,
    purpose: true,
    channel: true,
    clientId: true,
    role: true,
    department: true,
    actor: true,
    requestId: true,
    telling: true,
    about: true,
    recipientOrder: true,
    createdAt: true,
  },
  /** Who is told of which events. Address and secrets are sealed for this version. */
  webhooks: {
    id: true,
    clientId: true,
    audience: true,
    kinds: true,
    version: true,
    createdAt: true,
    disabledAt: true,
    disabledReason: true,
  },
  /** That everybody is to be told of a version of the policy. */
  policy_mailings: { id: true, number: true, requestedBy: true, requestedActor: true, requestedAt: true },
  /** What a person agreed to for one disclosure. */
  permissions: {
    id: true,
    customerId: true,
    fields: true,
    textVersion: true,
    givenAt: true,
    recordedBy: true,
    recordedRole: true,
    recordedActor: true,
    withdrawnAt: true,
  },
} as const;

export interface SendingRows {
  readonly messages: MessageFacts;
  readonly webhooks: WebhookFacts;
  readonly policy_mailings: MailingFacts;
  readonly permissions: PermissionFacts;
}
