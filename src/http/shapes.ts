import * as z from 'zod';
import { defaultOverlapSeconds, maxOverlapSeconds } from '../vault/clients.ts';
import { consentMethods } from '../policy/profile.ts';

/** Members that several bodies have in common. */

export const id = z.uuid().toLowerCase();

/** RFC 3339 with any offset. */
export const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

/** Reads in full that a grant allows. */
export const readCount = z.int().min(1).max(1_000_000);

/** How the shop came by what it sends. */
export const sources = z.enum(['web', 'phone', 'in_person', 'import']);
export const source = sources.default('web');

/** SHA-256 in hex, either case. */
const sha256 = z
  .string()
  .regex(/^[0-9A-Fa-f]{64}$/)
  .toLowerCase();

/** That the person stands by what they gave. */
export const attestation = z
  .strictObject({ textSha256: sha256, method: z.enum(consentMethods), at: instant.optional() })
  .optional();

/** Of a text that a person agreed to. */
export const textVersion = z.string().regex(/^[A-Za-z][A-Za-z0-9._/-]{0,39}$/);

/** The body of a call that says everything by its path. */
export const nothing = z.strictObject({}).optional();

/** There is no way back. */
export const disabling = z.strictObject({ disabled: z.literal(true) });

/** Of a secret; the ones before it work on for so long. */
export const renewal = z.strictObject({
  overlapSeconds: z.int().min(0).max(maxOverlapSeconds).default(defaultOverlapSeconds),
});
