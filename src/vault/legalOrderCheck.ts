import { judgeCertificate } from '../crypto/certificate.ts';
import { parseCaseNumber } from '../formats/caseNumber.ts';
import { parseDate } from '../formats/jalali.ts';
import { checkText, type TextRule } from '../formats/text.ts';
import { refuse, VaultError, type Fault } from '../errors.ts';
import type { Field } from '../policy/profile.ts';
import { addDuration } from '../policy/duration.ts';
import { groundOf, type Ground } from './legalGround.ts';
import { parseId } from './ids.ts';
import type { LegalOrderInput, LegalOrderRecord } from './legalOrderRecord.ts';
import { checkPermission, checkRecipient } from './legalRecipient.ts';
import { checkScope } from './legalScope.ts';
import { dayMs, endOfDay, startOfDay } from './tehranDay.ts';
import type { Policy } from './watch.ts';

const clockSkewMs = 5 * 60 * 1000;
/** No order holds for longer after its receipt. */
const longestMs = 366 * dayMs;
/** No day that an order names is further off: a slip of the pen, and no year of the Persian calendar as it is written. */
export const furthestMs = 100 * longestMs;

export interface CheckedOrder {
  readonly record: LegalOrderRecord;
  readonly ground: Ground;
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
  ['/case/number', { max: 64, kind: 'text' }],
  ['/case/authority', { max: 200, kind: 'name' }],
  ['/reason', { max: 1000, kind: 'text' }],
  ['/decider/name', { max: 100, kind: 'name' }],
  ['/decider/title', { max: 100, kind: 'name' }],
  ['/permission/recipientName', { max: 100, kind: 'name' }],
  ['/permission/purpose', { max: 300, kind: 'text' }],
  ['/permission/method', { max: 100, kind: 'text' }],
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
  const { kind, ground: claimed, authority } = input;
  // `none` is what there is without an authority: a letter under it would be a private lawyer's, dressed as an order.
  if (authority?.kind === 'none') throw refuse('ground_not_allowed', '/authority/kind');
  const ground = groundOf(policy.profile, { kind, authorityKind: authority?.kind, ground: claimed });
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  faults.push(...lackingIn(ground, input).map((pointer) => ({ pointer, code: 'required' })));
  if ((authority === undefined) !== (input.letter === undefined))
    faults.push({ pointer: authority === undefined ? '/authority' : '/letter', code: 'required' });
  checkTexts(input, faults);
  const scope = checkScope(input.scope, disclosable, faults, warnings);
  if (scope.subjects.length > ground.mostSubjects) faults.push({ pointer: '/scope/subjects', code: 'too_many' });
  const record = withoutGaps({
    ...input,
    ground: ground.ground,
    recipient: checkRecipient(ground, input, faults),
    letter: letter(input, faults, warnings),
    permission: permission(input, disclosable, faults),
    renews: orderId(input, '/renews', faults),
    follows: orderId(input, '/follows', faults),
    scope: { ...input.scope, ...scope, from: day(input, '/scope/from', faults), to: day(input, '/scope/to', faults) },
    receivedAt: moment(input.receivedAt, '/receivedAt', faults),
    deadline: input.deadline === undefined ? undefined : day(input, '/deadline', faults),
    validUntil: day(input, '/validUntil', faults),
    secret:
      input.secret?.until === undefined
        ? input.secret
        : { ...input.secret, until: day(input, '/secret/until', faults) },
    authenticity: authenticity(input, faults),
    certificate: certificate(input, now, faults, warnings),
  });
  if (faults.length === 0) checkTimes(record, ground, now, faults, warnings);
  checkPermission(record, faults);
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
  return { record, ground, warnings };
}

function lackingIn({ required }: Ground, order: object): readonly string[] {
  return required.filter((pointer) => memberAt(order, pointer) === undefined);
}

/** The profile may have come to demand more since the order was registered. Throws `ground_not_allowed`. */
export function expectDemands(ground: Ground, record: LegalOrderRecord, pointer: string): void {
  if (lackingIn(ground, record).length > 0) throw refuse('ground_not_allowed', pointer, 'demand_not_met');
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

function letter(input: LegalOrderInput, faults: Fault[], warnings: Fault[]): LegalOrderRecord['letter'] {
  if (input.letter === undefined) return undefined;
  const date = day(input, '/letter/date', faults);
  return { ...input.letter, date, caseNumber: caseNumber(input.letter.caseNumber, faults, warnings) };
}

function permission(
  input: LegalOrderInput,
  disclosable: readonly Field[],
  faults: Fault[],
): LegalOrderRecord['permission'] {
  if (input.permission === undefined) return undefined;
  const fields = disclosable.filter((field) => input.permission?.fields.includes(field) === true);
  return { ...input.permission, fields, givenAt: moment(input.permission.givenAt, '/permission/givenAt', faults) };
}

function orderId(input: LegalOrderInput, pointer: '/renews' | '/follows', faults: Fault[]): string | undefined {
  const sent = pointer === '/renews' ? input.renews : input.follows;
  if (sent === undefined) return undefined;
  const id = input.kind === 'preservation' ? parseId(sent) : undefined;
  if (id === undefined) faults.push({ pointer, code: 'format' });
  return id;
}

function caseNumber(sent: string | undefined, faults: Fault[], warnings: Fault[]): string | undefined {
  if (sent === undefined) return undefined;
  const parsed = parseCaseNumber(sent);
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

/** What the package will be sealed to: looked at now, and once more when it is used. */
function certificate(input: LegalOrderInput, now: number, faults: Fault[], warnings: Fault[]): string | undefined {
  if (input.certificate === undefined) return undefined;
  const pem = input.certificate.trim().replaceAll('\r\n', '\n');
  const verdict = judgeCertificate(pem, new Date(now));
  const pointer = '/certificate';
  if (verdict.state === 'refused') faults.push({ pointer, code: verdict.reason });
  else warnings.push(...verdict.warnings.map((code) => ({ pointer, code })));
  return pem;
}

function checkTimes(record: LegalOrderRecord, ground: Ground, now: number, faults: Fault[], warnings: Fault[]): void {
  const received = Date.parse(record.receivedAt);
  if (received > now + clockSkewMs) faults.push({ pointer: '/receivedAt', code: 'in_future' });
  if (record.letter !== undefined && startOfDay(record.letter.date) > received)
    faults.push({ pointer: '/letter/date', code: 'after_receipt' });
  if (record.scope.from > record.scope.to) faults.push({ pointer: '/scope/to', code: 'before_from' });
  for (const [pointer, last] of [
    ['/scope/to', record.scope.to],
    ['/secret/until', record.secret?.until],
  ] as const)
    if (last !== undefined && startOfDay(last) > received + furthestMs) faults.push({ pointer, code: 'too_far' });
  const ends = {
    '/validUntil': record.validUntil,
    '/deadline': record.deadline,
    '/secret/until': record.secret?.until,
  };
  for (const [pointer, end] of Object.entries(ends)) {
    if (end === undefined) continue;
    if (endOfDay(end) <= received) faults.push({ pointer, code: 'not_after_receipt' });
    // A judge may bind the shop to silence for longer than the order holds.
    if (pointer !== '/secret/until' && endOfDay(end) > latest(ground, received, record.renews !== undefined))
      faults.push({ pointer, code: 'too_far' });
  }
  if (record.secret?.until !== undefined && !record.secret.fromSubject)
    faults.push({ pointer: '/secret/until', code: 'not_secret' });
  if (endOfDay(record.validUntil) <= now) warnings.push({ pointer: '/validUntil', code: 'already_expired' });
  if (record.deadline !== undefined && record.deadline > record.validUntil) {
    warnings.push({ pointer: '/deadline', code: 'after_valid_until' });
  }
}

/** CPC 669: data are kept for three months at most, then by another order. An emergency is over the next day. */
function latest({ ground, kind, authorityKind }: Ground, received: number, renews: boolean): number {
  if (ground === 'emergency') return received + 2 * dayMs;
  if (kind !== 'preservation' || ground === 'legal_pursuit') return received + longestMs;
  if (authorityKind === 'officer') return received + 2 * dayMs;
  // One that goes on from another may begin where that one ends.
  const months = renews ? 'P6M' : 'P3M';
  return (addDuration(new Date(received), months)?.getTime() ?? received) + dayMs;
}

/** Members that are not there have no place in canonical JSON. */
function withoutGaps(record: LegalOrderRecord): LegalOrderRecord {
  return JSON.parse(JSON.stringify(record)) as LegalOrderRecord;
}
