import type { Field, GrantKind, Role } from '../../../src/policy/profile.ts';

/**
 * The access matrix as it was decided, transcribed by hand from its document word for word, and read here a second time
 * without a look at the profile: a wrong cell in the profile differs from this.
 */
export const columns = ['BE', 'CS', 'AS', 'AC', 'MK', 'CO', 'PP', 'LG', 'DP', 'SA', 'SU'] as const;
export type Column = (typeof columns)[number];

interface Row {
  readonly label: string;
  readonly fields: readonly Field[];
  readonly cells: readonly string[];
}

export const rows: readonly Row[] = [
  {
    label: 'name, surname',
    fields: ['givenName', 'familyName', 'contactGivenName', 'contactFamilyName'],
    cells: [
      'M',
      'F (ticket)',
      'F (return)',
      'F (invoice)',
      'N',
      'F (shipment)',
      'F (refund: account holder)',
      'F (order/case)',
      'M',
      'N',
      'F',
    ],
  },
  {
    label: 'کد ملی',
    fields: ['nationalId'],
    cells: [
      'M, write',
      'M + match yes/no',
      'N',
      'F (invoice)',
      'N',
      "N; F only for Post's profile",
      'N',
      'F (order/case)',
      'M',
      'N',
      'F after step-up',
    ],
  },
  {
    label: 'کد فراگیر',
    fields: ['foreignerId'],
    cells: ['M, write', 'M + match', 'N', 'F (invoice)', 'N', 'N', 'N', 'F (order/case)', 'M', 'N', 'F after step-up'],
  },
  {
    label: 'legal name',
    fields: ['legalName'],
    cells: ['M', 'F', 'F', 'F', 'N', 'F (shipment)', 'F (refund)', 'F', 'F', 'N', 'F'],
  },
  {
    label: 'شناسه ملی، کد اقتصادی',
    fields: ['legalNationalId', 'economicCode'],
    cells: ['M, write', 'M', 'N', 'F (invoice)', 'N', 'N', 'N', 'F (order/case)', 'M', 'N', 'F'],
  },
  {
    label: 'e-mail',
    fields: ['email'],
    cells: [
      'M',
      'F (ticket)',
      'F (return)',
      'send-through',
      'send-through (consent)',
      'N',
      'N',
      'F (order/case)',
      'M',
      'N',
      'F',
    ],
  },
  {
    label: 'mobile',
    fields: ['mobile'],
    cells: [
      'M',
      'F (ticket)',
      'F (return)',
      'send-through',
      'send-through (consent)',
      'F (shipment)',
      'N',
      'F (order/case)',
      'M',
      'N',
      'F',
    ],
  },
  {
    label: 'landline',
    fields: ['landline'],
    cells: ['M', 'F (ticket)', 'F (return)', 'N', 'N', 'F (shipment)', 'N', 'F (order/case)', 'M', 'N', 'F'],
  },
  {
    label: 'address text, plaque, unit',
    fields: ['address'],
    cells: [
      'M: city',
      'F (ticket on shipping)',
      'F (return)',
      'F (invoice)',
      'N; city counts only',
      'F (shipment)',
      'N',
      'F (order/case)',
      'M',
      'N',
      'F',
    ],
  },
  {
    label: 'postal code',
    fields: ['postalCode'],
    cells: [
      'M: first 5',
      'F (ticket on shipping)',
      'F (return)',
      'F (invoice)',
      'N',
      'F (shipment)',
      'N',
      'F (order/case)',
      'M',
      'N',
      'F',
    ],
  },
  {
    label: 'geo point',
    fields: ['location'],
    cells: ['N', 'N', 'M', 'N', 'N', 'F (shipment)', 'N', 'F (order/case)', 'N', 'N', 'F'],
  },
  {
    label: 'شبا',
    fields: ['iban'],
    cells: ['M', 'M', 'M', 'F (refund)', 'N', 'N', 'F (refund)', 'F (order/case)', 'M', 'N', 'M, F after step-up'],
  },
  {
    label: 'alternate recipient (3 items)',
    fields: ['recipientName', 'recipientPhone', 'recipientAddress'],
    cells: [
      'M, write',
      'F (that order, undelivered)',
      'N',
      'N',
      'N',
      'F (that shipment)',
      'N',
      'F (order/case)',
      'M',
      'N',
      'F to the buyer who entered it',
    ],
  },
  {
    label: 'order references',
    fields: ['externalRef'],
    cells: ['F own', 'F (ticket)', 'F', 'F', 'pseudonymous', 'this one', 'payment ref', 'F', 'F', 'N', 'F'],
  },
];

/** Which column a role reads. */
export const columnOfRole: Readonly<Record<Exclude<Role, 'department'>, Column>> = {
  shop_backend: 'BE',
  support: 'CS',
  after_sales: 'AS',
  accounting: 'AC',
  marketing: 'MK',
  courier: 'CO',
  payment_processor: 'PP',
  legal_registrar: 'LG',
  legal_approver: 'LG',
  dpo: 'DP',
  system_admin: 'SA',
  subject: 'SU',
};

export interface Meaning {
  readonly base: 'none' | 'masked' | 'full';
  readonly under: readonly GrantKind[];
  readonly needsOrder?: true;
  readonly needsUndelivered?: true;
  readonly onlyCarrier?: string;
}

const none: Meaning = { base: 'none', under: [] };
const masked: Meaning = { base: 'masked', under: [] };
const open: Meaning = { base: 'full', under: [] };
const ticket: Meaning = { base: 'masked', under: ['ticket'] };

/**
 * What the words say. An F without brackets rests on the work that its column has; the officer and the person have none, so
 * theirs stands open. An inquiry (clause E9) is a ticket without an order: it opens what a plain ticket opens.
 */
export function meaningOf(words: string, column: Column): Meaning {
  const fixed = fixedMeanings[words];
  if (fixed !== undefined) return fixed;
  if (words === 'F (refund)') {
    return column === 'PP'
      ? { base: 'none', under: ['refund'], needsOrder: true }
      : { base: 'masked', under: ['refund'] };
  }
  const plain = words === 'F' ? plainMeanings[column] : undefined;
  if (plain === undefined) throw new Error(`no meaning for ${words} in ${column}`);
  return plain;
}

const fixedMeanings: Readonly<Record<string, Meaning>> = {
  N: none,
  'N; city counts only': none,
  'send-through': none,
  'send-through (consent)': none,
  pseudonymous: none,
  // The parcel's and the payment's own references, not the customer's at the shop.
  'this one': none,
  'payment ref': none,
  M: masked,
  'M, write': masked,
  'M + match': masked,
  'M + match yes/no': masked,
  'M: city': masked,
  'M: first 5': masked,
  'F (ticket)': { base: 'masked', under: ['ticket', 'inquiry'] },
  'F (ticket on shipping)': { ...ticket, needsOrder: true },
  'F (that order, undelivered)': { ...ticket, needsOrder: true, needsUndelivered: true },
  'F (return)': { base: 'masked', under: ['return'] },
  'F (invoice)': { base: 'masked', under: ['invoice'] },
  'F (order/case)': { base: 'masked', under: ['legal_order'] },
  'F (shipment)': { base: 'none', under: ['shipment'], needsOrder: true },
  'F (that shipment)': { base: 'none', under: ['shipment'], needsOrder: true },
  "N; F only for Post's profile": { base: 'none', under: ['shipment'], needsOrder: true, onlyCarrier: 'post' },
  'F (refund: account holder)': { base: 'none', under: ['refund'], needsOrder: true },
  'F own': open,
  'F after step-up': open,
  'M, F after step-up': open,
  'F to the buyer who entered it': open,
};

const plainMeanings: Readonly<Partial<Record<Column, Meaning>>> = {
  CS: { base: 'masked', under: ['ticket', 'inquiry'] },
  AS: { base: 'masked', under: ['return'] },
  AC: { base: 'masked', under: ['invoice'] },
  LG: { base: 'masked', under: ['legal_order'] },
  DP: open,
  SU: open,
};
