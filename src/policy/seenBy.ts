import type { Field, GrantKind, Profile } from './profile.ts';
import type { Cell } from './profile.ts';
import { processorKinds } from './vocabulary.ts';

/** One column of the access matrix that a field's row opens something to, and under which work. */
export interface Seer {
  /** A department, a kind of firm, or `subject`. */
  readonly reader: string;
  readonly kind: 'department' | 'processor' | 'subject';
  readonly title: { readonly fa: string; readonly en: string };
  /** What it sees without open work. */
  readonly base: Cell['base'];
  readonly under: readonly { readonly kind: GrantKind; readonly withOrder: boolean; readonly undelivered: boolean }[];
  readonly clauses: readonly string[];
}

const person = { fa: 'خود شخص', en: 'The person' };

/** Who may come to see a field, as the policy says; firms that it does not let work are left out, as the judge leaves them. */
export function seenBy(profile: Profile, field: Field): readonly Seer[] {
  return Object.entries(profile.access[field] ?? {}).flatMap(([reader, cell]) => {
    const named = nameOf(profile, reader);
    if (named === undefined || (cell.base === 'none' && cell.full.length === 0)) return [];
    const under = cell.full.map((kind) => ({
      kind,
      withOrder: cell.onlyWithOrder?.includes(kind) === true,
      undelivered: cell.onlyUndelivered?.includes(kind) === true,
    }));
    return [{ reader, ...named, base: cell.base, under, clauses: cell.clauses }];
  });
}

/** Departments and firms to which the policy ever opens the field in full. */
export function fullReadersOf(profile: Profile, field: Field): readonly Seer[] {
  return seenBy(profile, field).filter(
    ({ kind, base, under }) => kind !== 'subject' && (under.length > 0 || base === 'full'),
  );
}

function nameOf({ departments, processors }: Profile, reader: string): Pick<Seer, 'kind' | 'title'> | undefined {
  if (reader === 'subject') return { kind: 'subject', title: person };
  const processor = processorKinds.find((kind) => kind === reader);
  if (processor !== undefined)
    return processors[processor].allowed ? { kind: 'processor', title: processors[processor].title } : undefined;
  const department = Object.hasOwn(departments, reader) ? departments[reader] : undefined;
  return department === undefined ? undefined : { kind: 'department', title: department.title };
}
