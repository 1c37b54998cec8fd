import type { JudgedGrant, Reader } from '../../../src/policy/judge.ts';
import type { Field, Reason } from '../../../src/policy/profile.ts';
import { deliveredAs } from './parcelItems.ts';
import { columnOfRole, columns, meaningOf, rows } from './matrix.ts';
import type { Meaning } from './matrix.ts';
import { purposeOf } from './situations.ts';

const shut: Meaning = { base: 'none', under: [] };

/** What each carrier needs, transcribed from delivery practice. */
const carriers: Readonly<Record<string, readonly string[]>> = {
  default: ['recipientName', 'phone', 'address', 'postalCode', 'location'],
  post: ['recipientName', 'phone', 'address', 'postalCode', 'location', 'nationalId'],
  tipax: ['recipientName', 'phone', 'address', 'postalCode'],
  alopeyk: ['recipientName', 'phone', 'address', 'location'],
};

/** What the matrix, read by hand, says about this reader and this field. */
export function meaningFor(who: Reader, field: Field): Meaning {
  if (who.role === 'department') return shut;
  const column = columnOfRole[who.role];
  const row = rows.find((candidate) => candidate.fields.includes(field));
  const words = row?.cells[columns.indexOf(column)];
  if (words === undefined) throw new Error(`${field} is not in the matrix`);
  const meaning = meaningOf(words, column);
  if (who.role !== 'courier') return meaning;
  const carrier = who.carrierProfile ?? 'default';
  const shown = Object.hasOwn(carriers, carrier) ? (carriers[carrier] ?? []) : [];
  return shown.includes(deliveredAs[field] ?? '') ? meaning : shut;
}

/** The oracle: the state that the matrix gives. */
export function expected(who: Reader, grant: JudgedGrant | undefined, field: Field): 'full' | 'masked' | 'withheld' {
  const meaning = meaningFor(who, field);
  const opened =
    grant !== undefined &&
    meaning.under.includes(grant.kind) &&
    grant.purpose === purposeOf(grant.kind) &&
    grant.state === 'open' &&
    (grant.fields === undefined || grant.fields.includes(field)) &&
    (meaning.needsOrder !== true || grant.hasOrder) &&
    (meaning.needsUndelivered !== true || grant.delivered === false);
  if (opened || meaning.base === 'full') return 'full';
  return meaning.base === 'masked' ? 'masked' : 'withheld';
}

/** Why a field that is not full is not, in the order in which the answer tells it: the first thing that stands in the way. */
export function expectedReason(who: Reader, grant: JudgedGrant | undefined, field: Field): Reason {
  const meaning = meaningFor(who, field);
  if (meaning.under.length === 0) return 'role';
  if (grant === undefined) return 'no_grant';
  if (!meaning.under.includes(grant.kind) || grant.purpose !== purposeOf(grant.kind)) return 'purpose';
  if (grant.fields !== undefined && !grant.fields.includes(field)) return 'grant_scope';
  if (meaning.needsOrder === true && !grant.hasOrder) return 'grant_scope';
  return 'expired';
}
