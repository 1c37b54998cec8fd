import { escapeToken } from './citation.ts';
import { columnOf, type Reader } from './reader.ts';
import type { Profile } from './profile.ts';

/** Whose reads are counted together: a member of staff's, or those of a client whose token names nobody. */
export type CountedBy = 'actor' | 'client';

export const ceilingMembers = {
  actor: 'fullReadsPerActorPerDay',
  client: 'fullReadsPerClientPerDay',
} as const satisfies Record<CountedBy, string>;

/** How many reads in full a reader may make in a day of Tehran. */
export interface ReadCeiling {
  readonly countedBy: CountedBy;
  readonly perDay: number;
  /** RFC 6901, into the profile. */
  readonly pointer: string;
}

/** Undefined where the policy names none for this reader. */
export function readCeilingOf(profile: Profile, who: Reader, countedBy: CountedBy): ReadCeiling | undefined {
  const column = columnOf(profile, who) ?? '';
  const ceilings = profile.readCeilings[ceilingMembers[countedBy]] ?? {};
  const perDay = Object.hasOwn(ceilings, column) ? ceilings[column] : undefined;
  if (perDay === undefined) return undefined;
  return { countedBy, perDay, pointer: `/readCeilings/${ceilingMembers[countedBy]}/${escapeToken(column)}` };
}
