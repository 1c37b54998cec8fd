import type { JudgedGrant, Reader } from '../../../src/policy/judge.ts';
import { roles, type Field } from '../../../src/policy/profile.ts';
import { deliveredAs } from './parcelItems.ts';
import type { Written } from './randomProfiles.ts';

/**
 * What a profile allows, read off its text by hand: a list of sentences, each of which has to hold. It shares no code with the
 * judge, takes the profile as it is written, and knows only how to look up what stands there.
 */

const own = (table: Written, name: string | undefined): Written =>
  name !== undefined && typeof table === 'object' && table !== null && Object.hasOwn(table, name)
    ? table[name]
    : undefined;

/** The name under which the matrix speaks of this reader; undefined for a reader whom the profile does not know. */
function nameOf(profile: Written, { role, department }: Reader): string | undefined {
  if (role === 'subject') return 'subject';
  if (role === 'courier' || role === 'payment_processor')
    return profile.processors[role].allowed === true ? role : undefined;
  const name = role === 'department' ? department : role;
  const borrowed = role === 'department' && roles.some((other) => other === department);
  return borrowed || own(profile.departments, name) === undefined ? undefined : name;
}

/** Is it nobody's secret: declared, and by no party as personal? */
function isNobodys(profile: Written, field: Field): boolean {
  const items = ['natural', 'legal', 'recipient'].flatMap((party) => own(profile.items[party], field) ?? []);
  return items.length > 0 && items.every((item: Written) => item.personal === false);
}

export interface Situation {
  readonly who: Reader;
  readonly grant: JudgedGrant | undefined;
  readonly field: Field;
  /** The account was frozen after a report of misuse. */
  readonly frozen: boolean;
}

/** full: the value may be shown. masked: its mask, and no more. withheld: neither. */
export function allowed(profile: Written, { who, grant, field, frozen }: Situation): 'full' | 'masked' | 'withheld' {
  const name = nameOf(profile, who);
  const cell = own(own(profile.access, field), name);
  const carried = own(profile.carriers, who.carrierProfile ?? 'default')?.shows ?? [];
  if (cell === undefined || (who.role === 'courier' && !carried.includes(deliveredAs[field]))) return 'withheld';
  const masked = cell.base === 'none' ? 'withheld' : 'masked';
  if (cell.base === 'full' && isNobodys(profile, field)) return 'full';
  if (frozen) return masked;
  if (cell.base === 'full' && who.role === 'subject') return 'full';
  return opensUnder(profile, cell, name ?? '', grant, field) ? 'full' : masked;
}

function opensUnder(
  profile: Written,
  cell: Written,
  name: string,
  grant: JudgedGrant | undefined,
  field: Field,
): boolean {
  const kind = own(profile.grantKinds, grant?.kind);
  if (grant === undefined || kind === undefined) return false;
  const listed = (list: readonly unknown[] | undefined, item: unknown): boolean => list?.includes(item) === true;
  return [
    grant.state === 'open',
    listed(cell.full, grant.kind),
    listed(kind.grantees, name),
    kind.purpose === grant.purpose,
    listed(kind.fields, field),
    grant.fields === undefined || listed(grant.fields, field),
    grant.hasOrder || !(kind.requiresOrder === true || listed(cell.onlyWithOrder, grant.kind)),
    !listed(cell.onlyUndelivered, grant.kind) || (grant.hasOrder && grant.delivered === false),
  ].every(Boolean);
}
