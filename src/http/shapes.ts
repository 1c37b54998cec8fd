import * as z from 'zod';

/** Members that several bodies have in common. */

export const id = z.uuid().toLowerCase();

/** RFC 3339 with any offset. */
export const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

/** Reads in full that a grant allows. */
export const readCount = z.int().min(1).max(1_000_000);

/** How the shop came by what it sends. */
export const source = z.enum(['web', 'phone', 'in_person', 'import']).default('web');

/** The body of a call that says everything by its path. */
export const nothing = z.strictObject({}).optional();
