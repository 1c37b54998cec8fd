import { addDuration } from './duration.ts';
import { fields, searchKeys } from './profile.ts';
import type { Field, GrantKind, Profile, SearchKey } from './profile.ts';
import { cellOf, columnOf } from './reader.ts';
import type { Reader } from './reader.ts';

/** The fields this reader could see in full under such a grant; empty when the profile gives that kind nothing for it. */
export function fieldsUnder(profile: Profile, kind: GrantKind, who: Reader): readonly Field[] {
  const column = columnOf(profile, who);
  const rule = profile.grantKinds[kind];
  if (column === undefined || rule?.grantees.includes(column) !== true) return [];
  return fields.filter(
    (field) => rule.fields.includes(field) && cellOf(profile, who, field)?.full.includes(kind) === true,
  );
}

/** The latest a grant of this kind that opens then may close; undefined when the profile has no such kind. */
export function latestClose(profile: Profile, kind: GrantKind, opensAt: Date): Date | undefined {
  const rule = profile.grantKinds[kind];
  return rule === undefined ? undefined : addDuration(opensAt, rule.longest);
}

/** By which identifiers this reader may look for a person. */
export function searchableBy(profile: Profile, who: Reader): readonly SearchKey[] {
  return keysIn(profile, who, 'search');
}

/** Which identifiers this reader may check for a yes or no, without being shown them. */
export function matchableBy(profile: Profile, who: Reader): readonly SearchKey[] {
  return keysIn(profile, who, 'match');
}

/** Which fields this reader may write. */
export function writableBy(profile: Profile, who: Reader): readonly Field[] {
  const column = columnOf(profile, who);
  return column !== undefined && Object.hasOwn(profile.write, column) ? (profile.write[column]?.fields ?? []) : [];
}

function keysIn(profile: Profile, who: Reader, list: 'search' | 'match'): readonly SearchKey[] {
  const column = columnOf(profile, who);
  if (column === undefined || !Object.hasOwn(profile[list], column)) return [];
  const listed = profile[list][column]?.fields ?? [];
  return searchKeys.filter((key) => listed.includes(key));
}
