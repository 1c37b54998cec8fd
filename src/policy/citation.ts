import * as z from 'zod';

/** The mark of a rule that no clause asks for: decided by the people who wrote the profile, with a reason. */
export const decided = 'D';

/** What every rule carries: the clauses that ask for it, or `D` and why. */
export const cited = {
  clauses: z.array(z.string().regex(/^(?:[A-E][1-9]\d?|D)$/)).min(1),
  why: z.string().min(1).optional(),
};

export const title = z.strictObject({ fa: z.string().min(1), en: z.string().min(1) });

/** A rule of the profile and where it stands. */
export interface Citation {
  /** RFC 6901. */
  readonly pointer: string;
  readonly clauses: readonly string[];
  readonly why: string | undefined;
}

/** Every rule of the profile, in the order it is written. */
export function citations(part: unknown, pointer = ''): readonly Citation[] {
  if (typeof part !== 'object' || part === null) return [];
  const below = Object.entries(part).flatMap(([key, inner]) => citations(inner, `${pointer}/${escapeToken(key)}`));
  if (Array.isArray(part) || !('clauses' in part) || !Array.isArray(part.clauses)) return below;
  const why = 'why' in part && typeof part.why === 'string' ? part.why : undefined;
  return [{ pointer, clauses: part.clauses.map(String), why }, ...below];
}

/** RFC 6901 section 3. */
export function escapeToken(key: PropertyKey): string {
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1');
}
