import * as z from 'zod';
import { cited } from './citation.ts';

/** What a policy lets be counted, and for whom. */

/** Each counts one population of a month, in cells that do not overlap. */
export const measures = ['customers', 'orders', 'cities', 'consents', 'requests', 'cases'] as const;
export type Measure = (typeof measures)[number];

const word = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/);

export const statistics = z.strictObject({
  purpose: word,
  /** A figure stands for at least so many persons. */
  k: z.int().min(5).max(1_000).default(10),
  /** What each department may have counted. */
  readers: z.record(word, z.array(z.enum(measures)).min(1)),
  ...cited,
});
