import { parseEconomicCode, parseHeldEconomicCode } from '../formats/economicCode.ts';
import { emailKey, parseEmail } from '../formats/email.ts';
import { parseForeignerId } from '../formats/foreignerId.ts';
import { parseIban } from '../formats/iban.ts';
import type { Parsed } from '../formats/identifier.ts';
import { parseLandline } from '../formats/landline.ts';
import { parseLegalNationalId } from '../formats/legalNationalId.ts';
import { parseMobile } from '../formats/mobile.ts';
import { parseNationalId } from '../formats/nationalId.ts';
import { checkText } from '../formats/text.ts';
import { searchKeys, type SearchKey } from '../policy/profile.ts';

export type PartyKind = 'natural' | 'legal';

/** The items a customer holds one of. Phones and addresses are lists. */
export const singleFields = [
  'givenName',
  'familyName',
  'nationalId',
  'foreignerId',
  'legalName',
  'legalNationalId',
  'economicCode',
  'contactGivenName',
  'contactFamilyName',
  'email',
  'iban',
  'externalRef',
] as const;
export type SingleField = (typeof singleFields)[number];

const ofKind: Readonly<Record<PartyKind, ReadonlySet<SingleField>>> = {
  natural: new Set([
    'givenName',
    'familyName',
    'nationalId',
    'foreignerId',
    'economicCode',
    'email',
    'iban',
    'externalRef',
  ]),
  legal: new Set([
    'legalName',
    'legalNationalId',
    'economicCode',
    'contactGivenName',
    'contactFamilyName',
    'email',
    'iban',
    'externalRef',
  ]),
};

export function belongsTo(kind: PartyKind, field: SingleField): boolean {
  return ofKind[kind].has(field);
}

export function singleFieldsOf(kind: PartyKind): readonly SingleField[] {
  return singleFields.filter((field) => belongsTo(kind, field));
}

/** The other identifiers of the same person, which an economic code has to agree with. */
export interface Identity {
  readonly nationalId?: string | undefined;
  readonly foreignerId?: string | undefined;
  readonly legalNationalId?: string | undefined;
}

function text(max: number, kind: 'name' | 'text') {
  return (input: string): Parsed => {
    const reason = checkText(input, { max, kind });
    return reason === undefined ? { ok: true, canonical: input, warnings: [] } : { ok: false, reason };
  };
}

const name = text(100, 'name');

const parsers: Readonly<Record<SingleField, (input: string, kind: PartyKind, identity: Identity) => Parsed>> = {
  givenName: name,
  familyName: name,
  contactGivenName: name,
  contactFamilyName: name,
  legalName: text(200, 'name'),
  nationalId: (input) => parseNationalId(input),
  foreignerId: (input) => parseForeignerId(input),
  legalNationalId: (input) => parseLegalNationalId(input),
  economicCode: (input, _kind, identity) => parseHeldEconomicCode(input, identity),
  email: (input) => parseEmail(input),
  iban: (input) => parseIban(input),
  externalRef: text(100, 'text'),
};

/** Canonical form of an identifier; text (names, references) comes back exactly as sent. */
export function parseSingle(field: SingleField, input: string, kind: PartyKind, identity: Identity): Parsed {
  return parsers[field](input, kind, identity);
}

export function parsePhone(kind: 'mobile' | 'landline', input: string): Parsed {
  return kind === 'mobile' ? parseMobile(input) : parseLandline(input);
}

/** Every `by` a search may name. */
export const searchable = searchKeys;
export type Searchable = SearchKey;

export function isSearchable(field: string): field is Searchable {
  return (searchable as readonly string[]).includes(field);
}

/** What a canonical value is indexed under, so that every spelling of it meets. */
export function searchKey(field: Searchable, canonical: string): string {
  return field === 'email' ? emailKey(canonical) : canonical;
}

/** A searched value in any spelling to its search key. */
export function parseSearch(by: Searchable, value: string): Parsed {
  const parsed = parseSearched(by, value);
  return parsed.ok ? { ...parsed, canonical: searchKey(by, parsed.canonical) } : parsed;
}

function parseSearched(by: Searchable, value: string): Parsed {
  if (by === 'mobile' || by === 'landline') return parsePhone(by, value);
  if (by !== 'economicCode') return parseSingle(by, value, 'natural', {});
  const parties = ['natural', 'foreigner', 'legal', 'partnership', 'legacy'] as const;
  const parsed = parties.map((party) => parseEconomicCode(value, party));
  return parsed.find((p) => p.ok) ?? parseEconomicCode(value, 'natural');
}
