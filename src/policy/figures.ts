import * as z from 'zod';
import { cited } from './citation.ts';

/** What a policy lets be counted, and for whom. */

/** Each counts one population of a month, in cells that do not overlap. */
export const measures = ['customers', 'orders', 'cities', 'consents', 'requests', 'cases'] as const;
export type Measure = (typeof measures)[number];

const word = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/);

/** One person a row, by a pseudonym, in classes of `statistics.k` persons at least; or nobody gets any. */
export const extracts = z.discriminatedUnion('allowed', [
  z.strictObject({ allowed: z.literal(false), ...cited }),
  z.strictObject({
    allowed: z.literal(true),
    purpose: word,
    readers: z.array(word).min(1),
    /** Persons in one extract. */
    most: z.int().min(1).max(20_000),
    ...cited,
  }),
]);

export const statistics = z.strictObject({
  purpose: word,
  /** A figure stands for at least so many persons. */
  k: z.int().min(5).max(1_000).default(10),
  /** What each department may have counted. */
  readers: z.record(word, z.array(z.enum(measures)).min(1)),
  ...cited,
});
