import * as z from 'zod';
import { cited } from './citation.ts';
import { durationPattern } from './duration.ts';
import { weekdays } from './vocabulary.ts';

/** How a policy watches over what it allows. */

const duration = z.string().regex(durationPattern);
const most = z.int().positive();
const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/);

/**
 * What of the log is unusual enough to tell the officer: for each, of a window of that length, how much by one member of staff and
 * by one client. Reads are also held against the reader's own past.
 */
export const monitoring = z.strictObject({
  /** So many times the mean of the windows with reads in `past`, and no fewer than `atLeast`. */
  reads: z.strictObject({
    window: duration,
    person: most,
    client: most,
    timesOwnPast: most,
    past: duration,
    atLeast: most,
  }),
  /** Different persons. */
  subjects: z.strictObject({ window: duration, person: most, client: most }),
  /** By the clock of Tehran: reads in full before `opens`, from `closes` on, or on a day off. */
  outOfHours: z.strictObject({
    window: duration,
    person: most,
    opens: clock,
    closes: clock,
    daysOff: z.array(z.enum(weekdays)),
  }),
  refused: z.strictObject({ window: duration, person: most, client: most }),
  ...cited,
});

/**
 * An emergency's read by whoever runs the system, which has no duty that needs a value: one person, as long and as
 * often as its kind of grant says, looked at after.
 */
export const breakGlass = z.discriminatedUnion('allowed', [
  z.strictObject({ allowed: z.literal(false), ...cited }),
  z.strictObject({
    allowed: z.literal(true),
    /** In a day of Tehran, of the whole shop. */
    perDay: most,
    reviewWithin: duration,
    ...cited,
  }),
]);

/** Records of nobody: who reads one had no reason to. `freezes`: whom the vault stops at once. */
export const decoys = z.strictObject({ freezes: z.enum(['nobody', 'actor', 'client']), ...cited });
