import type { JudgedGrant, Reader } from '../../../src/policy/judge.ts';
import type { Field, GrantKind } from '../../../src/policy/profile.ts';
import { columnOfRole, columns } from './matrix.ts';
import type { Column } from './matrix.ts';
import type { ShippedName } from './shipped.ts';
import type { Purposes } from './situations.ts';

/**
 * The access matrices of the four profiles that are not the default, written from the decided matrix, the conflicts between the
 * texts and the clauses, and not from the files.
 *
 *   -    nothing, ever        m    a mask            F    in full without work
 *   t q r i s l b  in full under a ticket, inquiry, return, invoice, shipment, legal order, in an emergency
 *   °    only when that grant names an order        ¹    only until that order is delivered
 */
export type NewProfile = Exclude<ShippedName, 'kalak'>;

interface Table {
  /** What each kind of work is for; a kind that the profile does not have opens nothing, whatever it says it is for. */
  readonly purposes: Purposes;
  /** Columns as in the decided matrix: BE CS AS AC MK CO PP LG DP SA SU. A field in no row is nobody's. */
  readonly rows: Readonly<Record<string, string>>;
  /** Carriers a courier's view may be made for. */
  readonly carriers: readonly string[];
}

const none = {
  invoice: 'invoice',
  refund: 'payment',
  shipment: 'shipping',
  legal_order: 'legal',
  return: 'return',
  break_glass: 'service',
};

export const tables: Readonly<Record<NewProfile, Table>> = {
  // D21 takes CO and PP away; D5 and D18 imply AC and LG; D15 and D16 let MK send and count, and see nothing.
  khakriz: {
    purposes: { ...none, ticket: 'support', inquiry: 'inquiry' },
    carriers: [],
    rows: {
      //                                                          BE  CS    AS  AC  MK  CO  PP  LG  DP  SA  SU
      'givenName familyName contactGivenName contactFamilyName': 'm   mtq   mr  mi  -   -   -   ml  m   -   F',
      'nationalId foreignerId legalNationalId economicCode    ': 'm   m     -   mi  -   -   -   ml  m   -   F',
      'legalName                                              ': 'm   mtq   mr  mi  -   -   -   ml  F   -   F',
      'email mobile landline                                  ': 'm   mtq   mr  -   -   -   -   ml  m   -   F',
      'address postalCode                                     ': 'm   mt°   mr  mi  -   -   -   ml  m   -   F',
      'recipientName recipientPhone recipientAddress          ': 'm   mt°¹  -   -   -   -   -   ml  m   -   F',
      'externalRef                                            ': 'F   mtq   mr  mi  -   -   -   ml  F   -   F',
    },
  },
  // C6 and C12 zero AC, MK, CO and PP; what only they would use is not collected (C4).
  citra: {
    purposes: { ...none, ticket: 'service', inquiry: 'communication', return: 'service' },
    carriers: [],
    rows: {
      'givenName familyName contactGivenName contactFamilyName': 'm   mtq   mr  -   -   -   -   ml  m   b   F',
      'legalName                                              ': 'm   mtq   mr  -   -   -   -   ml  F   b   F',
      'email mobile landline                                  ': 'm   mtq   mr  -   -   -   -   ml  m   b   F',
      'address postalCode                                     ': 'm   mt°   mr  -   -   -   -   ml  m   b   F',
      'externalRef                                            ': 'F   mtq   mr  -   -   -   -   ml  F   -   F',
    },
  },
  // B6 zeroes MK and CO, and PP with them: a firm is another one, who takes permission for each disclosure.
  ito: {
    purposes: { ...none, ticket: 'service', inquiry: 'complaint_response', return: 'service' },
    carriers: [],
    rows: {
      'givenName familyName contactGivenName contactFamilyName': 'm   mtq   mr  mi  -   -   -   ml  m   -   F',
      'nationalId foreignerId legalNationalId economicCode    ': 'm   m     -   mi  -   -   -   ml  m   -   F',
      'legalName                                              ': 'm   mtq   mr  mi  -   -   -   ml  F   -   F',
      'email mobile landline                                  ': 'm   mtq   mr  -   -   -   -   ml  m   -   F',
      'address postalCode                                     ': 'm   mt°   mr  mi  -   -   -   ml  m   -   F',
      'externalRef                                            ': 'F   mtq   mr  mi  -   -   -   ml  F   -   F',
    },
  },
  // A8: a request is always named. A11, A12: a trusted municipality stands where a courier does, for one request. The text has
  // no after-sales, no accounting, no marketing and no payment.
  imo: {
    purposes: {
      ...none,
      ticket: 'deliver_requested_service',
      inquiry: 'complaint_response',
      shipment: 'coordination',
    },
    carriers: ['default'],
    rows: {
      'givenName familyName contactGivenName contactFamilyName': 'm   mt°q  -   -   -   s°  -   ml  m   -   F',
      'nationalId foreignerId legalNationalId                 ': 'm   m     -   -   -   -   -   ml  m   -   F',
      'legalName                                              ': 'm   mt°q  -   -   -   s°  -   ml  F   -   F',
      'email                                                  ': 'm   mt°q  -   -   -   -   -   ml  m   -   F',
      'mobile landline                                        ': 'm   mt°q  -   -   -   s°  -   ml  m   -   F',
      'address postalCode                                     ': 'm   mt°   -   -   -   s°  -   ml  m   -   F',
      'externalRef                                            ': 'F   mt°q  -   -   -   -   -   ml  F   -   F',
    },
  },
};

const letters: Readonly<Record<string, GrantKind>> = {
  t: 'ticket',
  q: 'inquiry',
  r: 'return',
  i: 'invoice',
  s: 'shipment',
  l: 'legal_order',
  b: 'break_glass',
};

/** The cell of this reader and field, as it is written; a dash where nothing is. */
export function cellFor(name: NewProfile, { role, carrierProfile }: Reader, field: Field): string {
  if (role === 'department') return '-';
  const column: Column = columnOfRole[role];
  if (role === 'courier' && !tables[name].carriers.includes(carrierProfile ?? 'default')) return '-';
  const row = Object.entries(tables[name].rows).find(([listed]) => listed.trim().split(' ').includes(field));
  const cell = row?.[1].split(/ +/)[columns.indexOf(column)];
  return row === undefined ? '-' : (cell ?? '?');
}

/** The state that the table gives. */
export function stateFor(
  name: NewProfile,
  who: Reader,
  grant: JudgedGrant | undefined,
  field: Field,
): 'full' | 'masked' | 'withheld' {
  const cell = cellFor(name, who, field);
  if (cell === 'F' || (grant !== undefined && opens(name, cell, grant, field))) return 'full';
  return cell.startsWith('m') ? 'masked' : 'withheld';
}

function opens(name: NewProfile, cell: string, grant: JudgedGrant, field: Field): boolean {
  const written = [...cell.matchAll(/([tqrislb])(°?)(¹?)/g)].find(([, letter = '']) => letters[letter] === grant.kind);
  if (written === undefined || grant.purpose !== tables[name].purposes[grant.kind]) return false;
  const [, , order, undelivered] = written;
  return (
    grant.state === 'open' &&
    (grant.fields === undefined || grant.fields.includes(field)) &&
    (order === '' || grant.hasOrder) &&
    (undelivered === '' || grant.delivered === false)
  );
}
