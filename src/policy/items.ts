import type { Fault } from '../errors.ts';
import type { Field, Form, Party, Profile, SearchKey } from './profile.ts';
import { fields, parties, searchKeys } from './profile.ts';

/** May this item be collected from this party? Only what is declared, and declared with a purpose (ECA 59 a). */
export function isDeclared(profile: Profile, party: Party, field: Field): boolean {
  return (profile.items[party][field]?.purposes.length ?? 0) > 0;
}

/** What the form demands and `present` lacks; where one of several would do, the first is named. */
export function missingItems(
  profile: Profile,
  party: Party,
  form: Form,
  present: ReadonlySet<Field>,
): readonly Field[] {
  return demandsOf(profile, party, form)
    .filter((choice) => !choice.some((field) => present.has(field)))
    .map(([field]) => field);
}

/** The same as faults. The pointer is the bare field name, for the caller to place in its own body. */
export function checkItems(profile: Profile, party: Party, form: Form, present: readonly Field[]): Fault[] {
  return missingItems(profile, party, form, new Set(present)).map((field) => ({
    pointer: field,
    code: 'field_required',
  }));
}

/** Rows of alternatives: each row needs one of its fields. */
export function demandsOf(profile: Profile, party: Party, form: Form): readonly (readonly [Field, ...Field[]])[] {
  if (form === 'account') return fields.filter((field) => isMandatory(profile, party, field)).map((field) => [field]);
  return (profile.forms[form][party]?.demands ?? []).flatMap(([first, ...rest]) =>
    first === undefined ? [] : [[first, ...rest] as const],
  );
}

function isMandatory(profile: Profile, party: Party, field: Field): boolean {
  return profile.items[party][field]?.mandatory === true;
}

/** The identifiers of which a tenant has one holder. */
export function uniqueKeys(profile: Profile): readonly SearchKey[] {
  return searchKeys.filter((key) => parties.some((party) => profile.items[party][key]?.unique === true));
}

/** The identifiers that are indexed at all. */
export function indexedKeys(profile: Profile): readonly SearchKey[] {
  return searchKeys.filter((key) => parties.some((party) => profile.items[party][key]?.searchable === true));
}
