import { escapeToken } from './citation.ts';
import type { Profile } from './profile.ts';

/** One place in which two versions differ. `before` is missing where something was added, `after` where it was taken away. */
export interface Change {
  /** RFC 6901, into the later version, or into the earlier one for what was taken away. */
  readonly pointer: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * What differs between two versions of a policy, in the order of the profile's parts. A part that is wholly new or wholly gone
 * is one change; a list is one thing, in whatever order it is written where its order means nothing.
 */
export function changesBetween(before: Profile, after: Profile): readonly Change[] {
  return differences(before, after, '');
}

function differences(before: unknown, after: unknown, pointer: string): readonly Change[] {
  if (before === undefined) return after === undefined ? [] : [{ pointer, kind: 'added', after }];
  if (after === undefined) return [{ pointer, kind: 'removed', before }];
  if (!isTable(before) || !isTable(after))
    return isSame(before, after) ? [] : [{ pointer, kind: 'changed', before, after }];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => differences(own(before, name), own(after, name), `${pointer}/${escapeToken(name)}`));
}

type Table = Readonly<Record<string, unknown>>;

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(table: Table, name: string): unknown {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Names in a list stand in no order; anything else does. */
function isSame(one: unknown, other: unknown): boolean {
  return ordered(one) === ordered(other);
}

function ordered(value: unknown): string {
  const names = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return JSON.stringify(names ? [...value].sort() : value);
}
