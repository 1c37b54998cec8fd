/**
 * کد اقتصادی, per circular 21017-260-د of the tax administration (Ordibehesht 1403):
 *
 *   party        digits  rule
 *   natural      14      national ID, serial from 0001
 *   legal        11      the legal national ID
 *   partnership  11      the partnership's ID, no known check digit
 *   foreigner    14      foreigner ID, serial from 01
 *   legacy       12      before the circular; kept, not for electronic invoices
 *
 * 11, 12 and 14 digits are each ambiguous, so the party is always told, never guessed from the length alone.
 */
import { parseForeignerId } from './foreignerId.ts';
import { accepted, digitsFault, foldIdentifier, rejected } from './identifier.ts';
import type { Parsed } from './identifier.ts';
import { parseLegalNationalId } from './legalNationalId.ts';
import { parseNationalId } from './nationalId.ts';

export type EconomicParty = 'natural' | 'legal' | 'foreigner' | 'partnership' | 'legacy';

/** The identifiers, in canonical form, that the holder of an economic code is known by. */
export interface EconomicHolder {
  readonly nationalId?: string | undefined;
  readonly legalNationalId?: string | undefined;
  readonly foreignerId?: string | undefined;
}

const legacyLength = 12;

const rules: Readonly<Record<EconomicParty, (digits: string) => Parsed>> = {
  natural: (digits) => serialAfter(digits, 10, parseNationalId, 'embedded_national_id_'),
  legal: parseLegalNationalId,
  foreigner: (digits) => serialAfter(digits, 12, parseForeignerId, 'embedded_foreigner_id_'),
  partnership: (digits) => structureOnly(digits, 11, 'checksum_none'),
  legacy: (digits) => structureOnly(digits, legacyLength, 'legacy'),
};

export function parseEconomicCode(input: string, party: EconomicParty): Parsed {
  return rules[party](foldIdentifier(input));
}

/**
 * Does a canonical code belong to this holder? A legal person's equals its legal national ID or is an old 12-digit one;
 * a natural person's begins with the national ID, a foreigner's with the foreigner ID. With no identifier to compare
 * with, nothing contradicts.
 */
export function economicCodeMatches(code: string, holder: EconomicHolder): boolean {
  const { nationalId, legalNationalId, foreignerId } = holder;
  if (legalNationalId !== undefined) return code === legalNationalId || code.length === legacyLength;
  if (nationalId === undefined && foreignerId === undefined) return true;
  return [nationalId, foreignerId].some((id) => id !== undefined && code.length === 14 && code.startsWith(id));
}

/**
 * Parses the code a holder gives as its own: the party follows from the identifiers held, a legal person's 12 digits
 * are `legacy`, and a code that is well formed but someone else's is refused as `does_not_match_id`.
 */
export function parseHeldEconomicCode(input: string, holder: EconomicHolder): Parsed {
  const digits = foldIdentifier(input);
  const parsed = rules[partyOf(digits, holder)](digits);
  return parsed.ok && !economicCodeMatches(parsed.canonical, holder) ? rejected('does_not_match_id') : parsed;
}

function partyOf(digits: string, holder: EconomicHolder): EconomicParty {
  if (holder.legalNationalId !== undefined) return digits.length === legacyLength ? 'legacy' : 'legal';
  if (holder.foreignerId === undefined) return 'natural';
  return holder.nationalId !== undefined && digits.startsWith(holder.nationalId) ? 'natural' : 'foreigner';
}

function serialAfter(digits: string, idLength: number, parseId: (id: string) => Parsed, prefix: string): Parsed {
  const fault = digitsFault(digits, 14);
  if (fault !== undefined) return rejected(fault);
  const id = parseId(digits.slice(0, idLength));
  if (!id.ok) return rejected(prefix + id.reason);
  if (/^0+$/.test(digits.slice(idLength))) return rejected('serial_zero');
  return accepted(digits, id.warnings);
}

function structureOnly(digits: string, length: number, warning: string): Parsed {
  const fault = digitsFault(digits, length);
  return fault === undefined ? accepted(digits, [warning]) : rejected(fault);
}
