import { caseKinds } from '../db/cases.ts';
import type { Profile } from '../policy/profile.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import { leaves } from './auditExpiry.ts';
import { deactivatingUnheard, tellingIdle } from './idleAccounts.ts';
import { refundAccounts } from './refundAccounts.ts';
import { durationOf, orderTermsOf } from './retentionTerms.ts';
import {
  answers,
  cases,
  deliveryCodes,
  feedback,
  holds,
  incidents,
  invoices,
  legalOrders,
  orders,
  parcelGrants,
  relations,
  sweepingOf,
  type Sweeping,
} from './sweepings.ts';

/** What is done about a class. Whoever adds a class to a policy adds its plan here: without one the build breaks. */
export type Plan =
  | { readonly does: 'sweep'; readonly sweepings: (profile: Profile) => readonly Sweeping[] }
  /** Another part of the vault does it, at its own moment. */
  | { readonly does: 'elsewhere'; readonly why: string }
  /** The vault holds nothing of this class. */
  | { readonly does: 'not_stored'; readonly why: string }
  /** It stands outside the vault: whoever runs it does it. */
  | { readonly does: 'operator'; readonly why: string }
  /** Kept longer than the policy says, for now, and said aloud. */
  | { readonly does: 'open'; readonly why: string };

const sweep = (sweepings: (profile: Profile) => readonly Sweeping[]): Plan => ({ does: 'sweep', sweepings });

/** In the order in which they are swept: a hold that is over ends before what it held is looked at. */
export const plans: Readonly<Record<RetentionClass, Plan>> = {
  preservation_hold: sweep(() => [holds(['preservation', 'own'])]),
  provisional_hold: sweep(() => [holds(['provisional'])]),
  invoice_snapshot: sweep(({ retention }) => [invoices(retention.invoice_snapshot)]),
  order_shipping: sweep(({ retention }) => [orders(orderTermsOf(retention.order_shipping, 'customer'))]),
  alternate_recipient: sweep(({ retention }) => [orders(orderTermsOf(retention.alternate_recipient, 'recipient'))]),
  courier_grant: sweep(({ retention }) => [parcelGrants(durationOf(retention.courier_grant.keep))]),
  delivery_code: sweep(({ retention }) => [deliveryCodes(durationOf(retention.delivery_code.keep))]),
  suppression_hash: {
    does: 'elsewhere',
    why: 'goes with the consent by which the person opts in again; a keyed hash, and nothing of whose it is',
  },
  account: sweep(({ retention }) => [
    sweepingOf(tellingIdle(retention.account)),
    sweepingOf(deactivatingUnheard(retention.account)),
  ]),
  erased_hold: {
    does: 'elsewhere',
    why: 'the sweep of erasures leaves the key so long after the decision, out of everybody’s reach',
  },
  // One that the customer has saved is an item of the account.
  refund_iban: sweep(({ retention }) => [refundAccounts(durationOf(retention.refund_iban.keep))]),
  consent_record: sweep(({ retention }) => [relations(durationOf(retention.consent_record.keep))]),
  legal_order: sweep(({ retention }) => [legalOrders(durationOf(retention.legal_order.keep))]),
  supplementary_answers: sweep(({ retention }) => [answers(durationOf(retention.supplementary_answers.keep))]),
  // Inquiries and reports of misuse are kept as complaints are.
  complaint: sweep(({ retention }) => caseKinds.map((kind) => cases(kind, durationOf(retention.complaint.keep)))),
  feedback: sweep(({ retention }) => [feedback(durationOf(retention.feedback.keep))]),
  incident: sweep(({ retention }) => [incidents(durationOf(retention.incident.keep))]),
  access_audit: sweep(({ retention }) => [leaves(durationOf(retention.access_audit.keep))]),
  visitor_technical: { does: 'not_stored', why: 'the vault takes no technical data of visitors' },
  backup: {
    does: 'operator',
    why: 'amanat backup prune deletes them in time, where it is called; a PostgreSQL of your own: its tools',
  },
};
