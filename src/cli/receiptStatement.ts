import { jalaliOf } from '../vault/tehranDay.ts';
import { inTehran } from './inTehran.ts';
import { table } from './table.ts';

/** How a person reads the members of a receipt, in this order. A member that is not here is printed under its own name. */
const labels: Readonly<Record<string, string>> = {
  exportId: 'export',
  legalOrderId: 'legal order',
  orderSha256: 'SHA-256 of the order as approved',
  kind: 'kind',
  ground: 'ground',
  authority: 'authority',
  letter: 'letter',
  case: 'case',
  basis: 'basis',
  recipient: 'recipient',
  format: 'format',
  fields: 'fields disclosed',
  records: 'persons in the package',
  notFound: 'subjects not found',
  outsidePeriod: 'persons outside the period, left out',
  packageSha256: 'SHA-256 of the package',
  contentSha256: 'SHA-256 of its content',
  jsonSha256: 'SHA-256 of its JSON',
  executedAt: 'executed at',
  policyVersion: 'policy version',
  registeredBy: 'registered by',
  approvedBy: 'approved by',
  executedBy: 'executed by',
  leafHash: 'entry in the log',
};

/** Two columns; every member of every depth, nothing left out. Moments and days have the Jalali date beside them. */
export function readableStatement(statement: Readonly<Record<string, unknown>>): string {
  const order = Object.keys(labels);
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  const members = Object.entries(statement).sort(([a], [b]) => rank(a) - rank(b));
  return table(
    [],
    members.flatMap(([name, value]) => rowsOf(Object.hasOwn(labels, name) ? (labels[name] ?? '') : shown(name), value)),
  );
}

function rowsOf(name: string, value: unknown): (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [[name, scalar(value)]];
  const members = Object.entries(value);
  if (members.length === 0) return [[name, 'none']];
  if (!Array.isArray(value)) return members.flatMap(([member, inner]) => rowsOf(`${name}: ${shown(member)}`, inner));
  const isFlat = value.every((inner) => typeof inner !== 'object' || inner === null);
  if (isFlat) return [[name, value.map(scalar).join(', ')]];
  return value.flatMap((inner, i) => rowsOf(value.length === 1 ? name : `${name} ${i + 1}`, inner));
}

function scalar(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) return shown(value);
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return `${value}  (${jalaliOf(value)})`;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(value)) return `${value}  (${inTehran(time)})`;
  return shown(value);
}

/** Text that somebody else wrote: what would steer a terminal or turn its lines around is spelled out. */
export function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    // The joiners of Persian words stay.
    character === '\u200c' || character === '\u200d'
      ? character
      : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
