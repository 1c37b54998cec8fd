import type { Cell, Field, Profile, Role } from './profile.ts';
import { deliveryFields, deliveryItems, processorKinds, roles } from './vocabulary.ts';
import type { DeliveryItem } from './vocabulary.ts';

/** Who asks, as the token says. */
export interface Reader {
  readonly role: Role;
  /** Names the department when the role is `department`; means nothing otherwise. */
  readonly department?: string | undefined;
  /** A courier's; `default` when its client names none. */
  readonly carrierProfile?: string | undefined;
}

/** The column of the access matrix this reader stands in; undefined when the profile has no such reader. */
export function columnOf(profile: Profile, { role, department }: Reader): string | undefined {
  if (role === 'subject') return role;
  const processor = processorKinds.find((kind) => kind === role);
  if (processor !== undefined) return profile.processors[processor].allowed ? role : undefined;
  const id = role === 'department' ? department : role;
  // A role's own name is that role's column: a further department cannot borrow it.
  if (id === undefined || (role === 'department' && roles.some((name) => name === id))) return undefined;
  return Object.hasOwn(profile.departments, id) ? id : undefined;
}

/** The cell of the matrix; undefined, and so refused, when nothing is written there. */
export function cellOf(profile: Profile, who: Reader, field: Field): Cell | undefined {
  const column = columnOf(profile, who);
  const row = profile.access[field];
  if (column === undefined || row === undefined || !Object.hasOwn(row, column)) return undefined;
  if (who.role === 'courier' && !carrierNeeds(profile, who.carrierProfile, field)) return undefined;
  return row[column];
}

/** Does this carrier's profile name the item? An unknown carrier profile names nothing. */
export function carrierShows(profile: Profile, carrierProfile: string | undefined, item: DeliveryItem): boolean {
  const name = carrierProfile ?? 'default';
  return Object.hasOwn(profile.carriers, name) && profile.carriers[name]?.shows.includes(item) === true;
}

function carrierNeeds(profile: Profile, carrierProfile: string | undefined, field: Field): boolean {
  return deliveryItems.some(
    (item) => deliveryFields[item].includes(field) && carrierShows(profile, carrierProfile, item),
  );
}
