import { types } from 'pg';
import { DbFault } from './fault.ts';

type Parse = (text: string) => unknown;
export type TypeOid = number;

/** pg_type.oid of the types whose stock parser would lose or bend a value. */
const int8 = 20;
const date = 1082;
const timestamptz = 1184;
const numericArray = 1231;
const dateArray = 1182;
const int8Array = 1016;
const textArray = 1009;

/** pg's own signature knows built-in scalar types only. */
const stockParser = types.getTypeParser as (oid: TypeOid, format: 'text') => Parse;
const parseTime = stockParser(timestamptz, 'text');
const parseTexts = stockParser(textArray, 'text') as (text: string) => (string | null)[];

const ours: Readonly<Record<TypeOid, Parse>> = {
  [int8]: safeInteger,
  [int8Array]: (text) => parseTexts(text).map((item) => (item === null ? null : safeInteger(item))),
  // A date has no time zone: the stock parser makes local midnight of it.
  [date]: (text) => text,
  [timestamptz]: moment,
  [dateArray]: parseTexts,
  [numericArray]: parseTexts,
};

/** bytea -> Buffer, int8 -> number, timestamptz -> Date, date and numeric -> string, json -> value, uuid -> string. */
export function columnParser(oid: TypeOid): Parse {
  return ours[oid] ?? stockParser(oid, 'text');
}

/** The last moment that a Date can be at, in milliseconds (ECMA-262 section 21.4.1.1); the first is as far before the epoch. */
const lastMoment = 8.64e15;

/** The first and the last stand for all that is beyond them: the stock parser makes a number of `infinity`, which is no Date. */
function moment(text: string): Date {
  const at = parseTime(text);
  if (at instanceof Date && !Number.isNaN(at.getTime())) return at;
  return new Date(text.startsWith('-') || text.endsWith('BC') ? -lastMoment : lastMoment);
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new DbFault('broken');
  return value;
}
