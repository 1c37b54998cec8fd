import type { Fault } from '../errors.ts';
import type { Field, Form, Party, Profile } from './profile.ts';
import { fields } from './profile.ts';

/** May this item be collected from this party? Only what is declared, and declared with a purpose (ECA 59 a). */
export function isDeclared(profile: Profile, party: Party, field: Field): boolean {
  return (profile.items[party][field]?.purposes.length ?? 0) > 0;
}

/**
 * What the form demands and `present` lacks. Each fault's pointer is the bare field name, for the caller to place in its own
 * body; where one of several would do, the first is named.
 */
export function checkItems(profile: Profile, party: Party, form: Form, present: readonly Field[]): Fault[] {
  return demandedItems(profile, party, form)
    .filter((choice) => !choice.some((field) => present.includes(field)))
    .map(([pointer]) => ({ pointer, code: 'field_required' }));
}

/** Rows of alternatives: each row needs one of its fields. */
export function demandedItems(profile: Profile, party: Party, form: Form): readonly (readonly [Field, ...Field[]])[] {
  if (form === 'account') {
    return fields
      .filter((field) => isMandatory(profile, party, field))
      .map((field) => [field, ...substitutes(profile, party, field)]);
  }
  return (profile.forms[form][party]?.demands ?? []).flatMap(([first, ...rest]) =>
    first === undefined ? [] : [[first, ...rest] as const],
  );
}

function isMandatory(profile: Profile, party: Party, field: Field): boolean {
  return profile.items[party][field]?.mandatory === true;
}

/** Items of this party that are taken in the place of a mandatory one: a foreigner has an ID of another kind. */
function substitutes(profile: Profile, party: Party, mandatory: Field): readonly Field[] {
  return fields.filter((field) => profile.items[party][field]?.standsInFor === mandatory);
}
