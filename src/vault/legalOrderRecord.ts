import type { Field, GroundKind } from '../policy/profile.ts';
import type { Searchable } from './customerFields.ts';
import type { RecipientKind } from './legalGround.ts';

export const confidentialityGrades = [
  'ordinary',
  'confidential',
  'highly_confidential',
  'secret',
  'top_secret',
] as const;
export const channels = ['paper', 'electronic_notice', 'officer_by_hand'] as const;
export const callBackResults = ['confirmed', 'denied', 'not_reached'] as const;
/** What a package is: canonical JSON, or a document to read and print which holds that JSON as well. */
export const packageFormats = ['json', 'html'] as const;

/** Whom an order is about: a customer by id, or whoever holds an identifier. */
export type OrderSubject = { readonly customerId: string } | { readonly by: Searchable; readonly value: string };

/**
 * A written order, member by member as the letter has it. As sent, dates are Jalali or Gregorian and identifiers in any
 * spelling; as checked, dates are Gregorian ISO days and identifiers canonical. Text stays as sent.
 */
export interface LegalOrderRecord {
  readonly kind: string;
  readonly ground: GroundKind;
  /** Authority and letter are there together, or there is neither: a ground that rests on no letter. */
  readonly authority?:
    | {
        readonly kind: string;
        readonly name: string;
        readonly jurisdiction?: string | undefined;
        readonly branchKind?: string | undefined;
        readonly branchNumber?: string | undefined;
        readonly officialName?: string | undefined;
        readonly officialTitle?: string | undefined;
      }
    | undefined;
  readonly letter?:
    | {
        readonly number: string;
        readonly date: string;
        readonly caseNumber?: string | undefined;
        readonly archiveNumber?: string | undefined;
        readonly subject?: string | undefined;
        readonly annexes?: string | undefined;
        readonly confidentiality?: (typeof confidentialityGrades)[number] | undefined;
      }
    | undefined;
  /** Of a ground that rests on no letter: the case, why, and who decided so. */
  readonly case?: { readonly number: string; readonly authority?: string | undefined } | undefined;
  readonly reason?: string | undefined;
  readonly decider?: { readonly name: string; readonly title?: string | undefined } | undefined;
  /** What the person was shown and agreed to. */
  readonly permission?:
    | {
        /** Of the record of it (permissions.ts). */
        readonly id?: string | undefined;
        readonly givenAt: string;
        readonly recipientName: string;
        readonly purpose: string;
        readonly fields: readonly Field[];
        readonly method?: string | undefined;
      }
    | undefined;
  /** Earlier preservation that this one goes on from: a judge's that ends, or an officer's of the last day. */
  readonly renews?: string | undefined;
  readonly follows?: string | undefined;
  readonly basis?: { readonly law?: string | undefined; readonly article?: string | undefined } | undefined;
  readonly scope: {
    readonly subjects: readonly OrderSubject[];
    readonly fields: readonly Field[];
    /** Days in Tehran, both included: what was captured before or after is not in the order. */
    readonly from: string;
    readonly to: string;
    readonly format?: (typeof packageFormats)[number] | undefined;
    readonly place?: string | undefined;
    readonly limits?: string | undefined;
    readonly encryptedOrDeleted?: string | undefined;
  };
  /** Nobody, where data are only to be kept. */
  readonly recipient?: Recipient | undefined;
  /** RFC 3339. */
  readonly receivedAt: string;
  readonly deadline?: string | undefined;
  /** The last day on which the order holds. */
  readonly validUntil: string;
  readonly secret?:
    | { readonly fromSubject: boolean; readonly until?: string | undefined; readonly basis?: string | undefined }
    | undefined;
  /** A15: whether the person is told of the disclosure; as the profile says where it is not said. */
  readonly notifySubject?: boolean | undefined;
  readonly authenticity?:
    | {
        readonly signed?: boolean | undefined;
        readonly stamped?: boolean | undefined;
        readonly noticeId?: string | undefined;
        readonly channel?: (typeof channels)[number] | undefined;
        readonly callBack?:
          | {
              readonly by: string;
              readonly at: string;
              readonly numberFrom: string;
              readonly result: (typeof callBackResults)[number];
            }
          | undefined;
      }
    | undefined;
  /** The authority's X.509 certificate, PEM. */
  readonly certificate?: string | undefined;
}

export interface Recipient {
  readonly name: string;
  readonly title?: string | undefined;
  readonly unit?: string | undefined;
  readonly as: RecipientKind;
}

/** As sent: ground, recipient and fields are not judged yet. */
export interface LegalOrderInput extends Omit<LegalOrderRecord, 'scope' | 'ground' | 'recipient' | 'permission'> {
  readonly ground?: string | undefined;
  readonly recipient?: (Omit<Recipient, 'as'> & { readonly as?: RecipientKind | undefined }) | undefined;
  readonly permission?:
    (Omit<NonNullable<LegalOrderRecord['permission']>, 'fields'> & { readonly fields: readonly string[] }) | undefined;
  readonly scope: Omit<LegalOrderRecord['scope'], 'fields'> & { readonly fields: readonly string[] };
}
