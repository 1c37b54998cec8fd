import * as z from 'zod';
import { cited, title } from './citation.ts';
import { durationPattern } from './duration.ts';
import { checkKinds, fields } from './vocabulary.ts';

/** How what is sent comes, what it is taken for, and what more may be asked. */

const duration = z.string().regex(durationPattern);
const sourceKinds = ['web', 'phone', 'in_person', 'import'] as const;

/** How a record came in, and whether the policy's text speaks of it. */
export const sources = z.record(z.enum(sourceKinds), z.strictObject({ title, covered: z.boolean(), ...cited }));

export const attestation = z.strictObject({
  text: title,
  storedWithSubmission: z.boolean(),
  /** No submission is taken without it. */
  required: z.boolean().optional(),
  ...cited,
});

/** How far the shop may rely on a contact point. */
export const assurance = z.strictObject({
  /** Ways by which whoever enters a contact point thereby says that it is right. */
  entryConfirms: z.array(z.enum(sourceKinds)),
  /** What a contact point has to be before a message of a purpose goes to it. */
  demanded: z.record(z.string(), z.enum(['deemed_confirmed', 'verified'])),
  /** Of a one-time code. */
  codeExpires: duration,
  ...cited,
});

const answerReaders = z.enum(['support', 'accounting']);

/** What a customer may be asked for beside the forms, and only when a check of an order has failed. */
export const supplementary = z.discriminatedUnion('allowed', [
  z.strictObject({ allowed: z.literal(false), ...cited }),
  z.strictObject({
    allowed: z.literal(true),
    /** The one purpose that the answers serve. */
    purpose: z.string(),
    /** By what failed: who reads the answers while the request stands. */
    checks: z.partialRecord(
      z.enum(checkKinds),
      z.strictObject({ title, readers: z.array(answerReaders).min(1), ...cited }),
    ),
    /** What may be asked: an item of the policy, or a question of its own. */
    asks: z.record(
      z.string().regex(/^[a-z][A-Za-z0-9]{0,39}$/),
      z.strictObject({ title, field: z.enum(fields).optional(), ...cited }),
    ),
    /** From asking to the last day for an answer, and from the answer to the end of the work on it. */
    longest: duration,
    ...cited,
  }),
]);
