import * as z from 'zod';
import { cited, title } from './citation.ts';
import { durationPattern } from './duration.ts';
import {
  deliveryItems,
  fields,
  forms,
  grantKinds,
  groundKinds,
  maskKinds,
  parties,
  processorKinds,
  searchKeys,
} from './vocabulary.ts';

/** What the judge reads of a profile: items, departments, work, the access matrix. Shapes only; references are checked after. */

/** A role, or the id of a further department: one column of the access matrix. */
const reader = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/);
const purpose = reader;
const field = z.enum(fields);
const kind = z.enum(grantKinds);
const duration = z.string().regex(durationPattern);

export const purposes = z.record(
  purpose,
  z.strictObject({
    title,
    /** read: somebody may see values under a grant. send_through: the vault delivers, nobody sees. none: no values at all. */
    values: z.enum(['read', 'send_through', 'none']),
    ...cited,
  }),
);

const item = z.strictObject({
  title,
  class: z.enum(['identity', 'contact', 'financial', 'address', 'reference']),
  /** Demanded when the customer is created. */
  mandatory: z.boolean(),
  /** The mandatory item of the same party in whose place this one is taken. */
  standsInFor: field.optional(),
  /** One holder in the tenant: a second one is 409. */
  unique: z.boolean(),
  searchable: z.boolean(),
  /** false: identity of a legal person or a bare reference, which may be shown without a grant (guideline of 1397). */
  personal: z.boolean(),
  purposes: z.array(purpose),
  ...cited,
});
export const items = z.record(z.enum(parties), z.partialRecord(field, item));

/** What each moment demands beyond the account: every row needs one of its fields. */
const demands = z.strictObject({ demands: z.array(z.array(field).min(1)).min(1), ...cited });
export const demandForms = z.record(z.enum(forms).exclude(['account']), z.partialRecord(z.enum(parties), demands));

export const departments = z.record(
  reader,
  z.strictObject({ title, seesValues: z.boolean(), purposes: z.array(purpose).min(1), ...cited }),
);

export const processors = z.record(
  z.enum(processorKinds),
  z.strictObject({ title, allowed: z.boolean(), purposes: z.array(purpose).min(1), ...cited }),
);

/** What has to be written down before values leave on this ground. */
const demandedFacts = [
  'order',
  'issuing_authority',
  'law',
  'article',
  'recipient_body',
  'case_reference',
  'written_reason',
  'two_persons',
  'later_review',
  'subject_permission',
] as const;
export const grounds = z.record(
  z.enum(groundKinds),
  z.strictObject({
    title,
    allowed: z.boolean(),
    demands: z.array(z.enum(demandedFacts)).min(1),
    /** Persons who must approve, beside the one who registered. None is never enough. */
    approvals: z.int().min(1).max(3).default(1),
    ...cited,
  }),
);

export const grants = z.partialRecord(
  kind,
  z.strictObject({
    title,
    purpose,
    grantees: z.array(reader).min(1),
    /** At most these; a grant may name fewer. */
    fields: z.array(field).min(1),
    requiresOrder: z.boolean(),
    /** Opened for nothing but an entry of that register that is open, and closed with it. */
    boundTo: z.enum(['complaint', 'inquiry']).optional(),
    longest: duration,
    /** Reads in full when the opener names no number. */
    maxReads: z.int().positive(),
    ...cited,
  }),
);

const cell = z.strictObject({
  base: z.enum(['none', 'masked', 'full']),
  full: z.array(kind).default([]),
  /** Of those in `full`: only when the grant names an order. */
  onlyWithOrder: z.array(kind).optional(),
  /** Of those in `full`: only until that order is delivered. */
  onlyUndelivered: z.array(kind).optional(),
  ...cited,
});
export type Cell = z.output<typeof cell>;
/** By field, then by reader. What is not written is refused. */
export const access = z.partialRecord(field, z.record(reader, cell));

export const carriers = z.record(
  reader,
  z.strictObject({ title, shows: z.array(z.enum(deliveryItems)).min(1), ...cited }),
);

export const masks = z.partialRecord(field, z.strictObject({ kind: z.enum(maskKinds), ...cited }));

const byReader = <T extends z.ZodType>(allowed: T) =>
  z.record(reader, z.strictObject({ fields: z.array(allowed).min(1), ...cited }));
export const search = byReader(z.enum(searchKeys));
export const match = byReader(z.enum(searchKeys));
export const write = byReader(field);

export const readCeilings = z.strictObject({
  /** A page without `limit` has twenty; no page has more than a hundred. */
  pageSize: z.int().min(20).max(100),
  fullReadsPerActorPerDay: z.record(reader, z.int().positive()),
  /** Of a client whose token names nobody: a system's own. */
  fullReadsPerClientPerDay: z.record(reader, z.int().positive()).optional(),
  ...cited,
});
