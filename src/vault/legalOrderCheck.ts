import { parseCaseNumber } from '../formats/caseNumber.ts';
import { parseDate } from '../formats/jalali.ts';
import { checkText, type TextRule } from '../formats/text.ts';
import { VaultError, type Fault } from '../errors.ts';
import type { Field } from '../policy/profile.ts';
import { demandsOf } from './legalGround.ts';
import type { LegalOrderInput, LegalOrderRecord } from './legalOrderRecord.ts';
import { checkScope } from './legalScope.ts';
import { endOfDay, startOfDay } from './tehranDay.ts';
import type { Policy } from './watch.ts';

const clockSkewMs = 5 * 60 * 1000;
/** No order holds for longer after its receipt. */
const longestMs = 366 * 24 * 60 * 60 * 1000;
const certificateMaxLength = 16_384;

export interface CheckedOrder {
  readonly record: LegalOrderRecord;
  readonly warnings: readonly Fault[];
}

/** Every text of the record and what it may be. */
const texts: readonly (readonly [pointer: string, rule: TextRule])[] = [
  ['/authority/name', { max: 200, kind: 'name' }],
  ['/authority/jurisdiction', { max: 100, kind: 'name' }],
  ['/authority/branchKind', { max: 100, kind: 'name' }],
  ['/authority/branchNumber', { max: 20, kind: 'text' }],
  ['/authority/officialName', { max: 100, kind: 'name' }],
  ['/authority/officialTitle', { max: 100, kind: 'name' }],
  ['/letter/number', { max: 64, kind: 'text' }],
  ['/letter/archiveNumber', { max: 64, kind: 'text' }],
  ['/letter/subject', { max: 500, kind: 'text' }],
  ['/letter/annexes', { max: 200, kind: 'text' }],
  ['/basis/law', { max: 200, kind: 'name' }],
  ['/basis/article', { max: 50, kind: 'text' }],
  ['/scope/format', { max: 100, kind: 'text' }],
  ['/scope/place', { max: 300, kind: 'text' }],
  ['/scope/limits', { max: 500, kind: 'text' }],
  ['/scope/encryptedOrDeleted', { max: 500, kind: 'text' }],
  ['/recipient/name', { max: 100, kind: 'name' }],
  ['/recipient/title', { max: 100, kind: 'name' }],
  ['/recipient/unit', { max: 100, kind: 'text' }],
  ['/secret/basis', { max: 200, kind: 'text' }],
  ['/authenticity/noticeId', { max: 64, kind: 'text' }],
  ['/authenticity/callBack/by', { max: 100, kind: 'name' }],
  ['/authenticity/callBack/numberFrom', { max: 200, kind: 'text' }],
];

/**
 * Checks an order against its form, the law's demands and the profile in force. Throws `ground_not_allowed` before all
 * else, then `invalid_body` once with every fault. Card data was refused at the door.
 */
export function checkLegalOrder(
  policy: Policy,
  disclosable: readonly Field[],
  input: LegalOrderInput,
  now: number,
): CheckedOrder {
  const demands = demandsOf(policy.profile, input.kind, input.authority.kind);
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  const missing = demands.filter((pointer) => memberAt(input, pointer) === undefined);
  faults.push(...missing.map((pointer) => ({ pointer, code: 'required' })));
  checkTexts(input, faults);
  const scope = checkScope(input.scope, disclosable, faults, warnings);
  const record = withoutGaps({
    ...input,
    letter: {
      ...input.letter,
      date: day(input, '/letter/date', faults),
      caseNumber: caseNumber(input, faults, warnings),
    },
    scope: { ...input.scope, ...scope, from: day(input, '/scope/from', faults), to: day(input, '/scope/to', faults) },
    receivedAt: moment(input.receivedAt, '/receivedAt', faults),
    deadline: input.deadline === undefined ? undefined : day(input, '/deadline', faults),
    validUntil: day(input, '/validUntil', faults),
    secret:
      input.secret?.until === undefined
        ? input.secret
        : { ...input.secret, until: day(input, '/secret/until', faults) },
    authenticity: authenticity(input, faults),
    certificate: certificate(input, faults),
  });
  if (faults.length === 0) checkTimes(record, now, faults, warnings);
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
  return { record, warnings };
}

function memberAt(order: object, pointer: string): unknown {
  const path = pointer.slice(1).split('/');
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined,
    order,
  );
}

function checkTexts(input: LegalOrderInput, faults: Fault[]): void {
  for (const [pointer, rule] of texts) {
    const value = memberAt(input, pointer);
    const reason = typeof value === 'string' ? checkText(value, rule) : undefined;
    if (reason !== undefined) faults.push({ pointer, code: reason });
  }
}

function day(input: LegalOrderInput, pointer: string, faults: Fault[]): string {
  const parsed = parseDate(String(memberAt(input, pointer)));
  if (parsed === undefined) faults.push({ pointer, code: 'date' });
  return parsed ?? '';
}

const rfc3339 = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

function moment(text: string, pointer: string, faults: Fault[]): string {
  const [, date] = rfc3339.exec(text) ?? [];
  const time = Date.parse(text);
  if (date !== undefined && parseDate(date) !== undefined && !Number.isNaN(time)) return new Date(time).toISOString();
  faults.push({ pointer, code: 'date_time' });
  return '';
}

function caseNumber(input: LegalOrderInput, faults: Fault[], warnings: Fault[]): string | undefined {
  if (input.letter.caseNumber === undefined) return undefined;
  const parsed = parseCaseNumber(input.letter.caseNumber);
  const pointer = '/letter/caseNumber';
  if (!parsed.ok) faults.push({ pointer, code: parsed.reason });
  else warnings.push(...parsed.warnings.map((code) => ({ pointer, code })));
  return parsed.ok ? parsed.canonical : undefined;
}

function authenticity(input: LegalOrderInput, faults: Fault[]): LegalOrderRecord['authenticity'] {
  const callBack = input.authenticity?.callBack;
  if (callBack === undefined) return input.authenticity;
  return {
    ...input.authenticity,
    callBack: { ...callBack, at: moment(callBack.at, '/authenticity/callBack/at', faults) },
  };
}

/** One PEM block (RFC 7468) around what begins like a DER sequence; what is in it is judged when it is used. */
function certificate(input: LegalOrderInput, faults: Fault[]): string | undefined {
  const pem = input.certificate?.trim().replaceAll('\r\n', '\n');
  if (pem === undefined) return undefined;
  const shape = /^-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/=]{1,76}\n){1,400})-----END CERTIFICATE-----$/;
  const base64 = pem.length > certificateMaxLength ? undefined : shape.exec(pem)?.[1]?.replaceAll('\n', '');
  const der = Buffer.from(base64 ?? '', 'base64');
  const fits = der.length >= 4 && der[0] === 0x30 && der.toString('base64') === base64;
  if (!fits) faults.push({ pointer: '/certificate', code: 'not_a_certificate' });
  return pem;
}

function checkTimes(record: LegalOrderRecord, now: number, faults: Fault[], warnings: Fault[]): void {
  const received = Date.parse(record.receivedAt);
  if (received > now + clockSkewMs) faults.push({ pointer: '/receivedAt', code: 'in_future' });
  if (startOfDay(record.letter.date) > received) faults.push({ pointer: '/letter/date', code: 'after_receipt' });
  if (record.scope.from > record.scope.to) faults.push({ pointer: '/scope/to', code: 'before_from' });
  const ends = {
    '/validUntil': record.validUntil,
    '/deadline': record.deadline,
    '/secret/until': record.secret?.until,
  };
  for (const [pointer, end] of Object.entries(ends)) {
    if (end === undefined) continue;
    if (endOfDay(end) <= received) faults.push({ pointer, code: 'not_after_receipt' });
    // A judge may bind the shop to silence for longer than the order holds.
    if (pointer !== '/secret/until' && endOfDay(end) > received + longestMs) faults.push({ pointer, code: 'too_far' });
  }
  if (record.secret?.until !== undefined && !record.secret.fromSubject)
    faults.push({ pointer: '/secret/until', code: 'not_secret' });
  if (endOfDay(record.validUntil) <= now) warnings.push({ pointer: '/validUntil', code: 'already_expired' });
  if (record.deadline !== undefined && record.deadline > record.validUntil) {
    warnings.push({ pointer: '/deadline', code: 'after_valid_until' });
  }
}

/** Members that are not there have no place in canonical JSON. */
function withoutGaps(record: LegalOrderRecord): LegalOrderRecord {
  return JSON.parse(JSON.stringify(record)) as LegalOrderRecord;
}
