import type { Profile } from '../policy/profile.ts';
import { columnOf, type Reader } from '../policy/reader.ts';

/**
 * Does the profile in force know this role, department and carrier? A role it does not know gets no token. The
 * administrator of clients reads no values, so no privacy policy needs to name one.
 */
export function isDeclared(profile: Profile, who: Reader): boolean {
  const { role, carrierProfile } = who;
  if (role === 'system_admin') return true;
  if (carrierProfile !== undefined && !Object.hasOwn(profile.carriers, carrierProfile)) return false;
  return columnOf(profile, who) !== undefined;
}

/** What the profile lets this role work for. */
export function purposesOf(profile: Profile, who: Reader): readonly string[] {
  const column = columnOf(profile, who);
  if (column === undefined) return [];
  const processor = column === 'courier' || column === 'payment_processor' ? profile.processors[column] : undefined;
  return processor?.purposes ?? profile.departments[column]?.purposes ?? [];
}
