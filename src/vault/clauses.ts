import { refuse } from '../errors.ts';
import { citations } from '../policy/citation.ts';
import type { Profile } from '../policy/profile.ts';

/** Throws `invalid_body` at the first clause that no rule of the policy rests on. */
export function checkClauses(profile: Profile, clauses: readonly string[]): void {
  const known = new Set(citations(profile).flatMap((citation) => citation.clauses));
  const unknown = clauses.findIndex((clause) => !known.has(clause));
  if (unknown >= 0) throw refuse('invalid_body', `/clauses/${unknown}`, 'unknown_value');
}
