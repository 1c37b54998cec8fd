import { canonicalJson } from '../crypto/canonicalJson.ts';
import { VaultError, type Fault } from '../errors.ts';
import { parseDate } from '../formats/jalali.ts';
import type { OrderSubject } from './legalOrderRecord.ts';
import type { LegalOrderFile, Narrowing } from './legalOrderSeal.ts';
import { approvedScope } from './legalOrderSeal.ts';
import { checkScope } from './legalScope.ts';

/** What an approver leaves of the scope, as sent; what is not named stays as it is. */
export interface NarrowingInput {
  readonly subjects?: readonly OrderSubject[] | undefined;
  readonly fields?: readonly string[] | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Only ever a part of what stands. Throws `invalid_body`: `not_in_scope`, `wider`, and what any scope is refused for. */
export function narrowingWithin(file: LegalOrderFile, asked: NarrowingInput): Narrowing {
  const standing = approvedScope(file);
  const scopeFaults: Fault[] = [];
  const { subjects, fields } = checkScope(
    { ...standing, subjects: asked.subjects ?? standing.subjects, fields: asked.fields ?? standing.fields },
    standing.fields,
    scopeFaults,
    [],
  );
  // A field that the policy may well declare, and this order does not have.
  const faults = scopeFaults.map(({ pointer, code }) => ({
    pointer,
    code: code === 'field_not_declared' ? 'not_in_scope' : code,
  }));
  const known = new Set(standing.subjects.map((subject) => canonicalJson(subject)));
  subjects.forEach((subject, i) => {
    if (!known.has(canonicalJson(subject))) faults.push({ pointer: `/scope/subjects/${i}`, code: 'not_in_scope' });
  });
  const from = dayWithin('/scope/from', asked.from, standing.from, faults);
  const to = dayWithin('/scope/to', asked.to, standing.to, faults);
  if (from < standing.from) faults.push({ pointer: '/scope/from', code: 'wider' });
  if (to > standing.to) faults.push({ pointer: '/scope/to', code: 'wider' });
  if (from > to) faults.push({ pointer: '/scope/to', code: 'before_from' });
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
  return { subjects, fields, from, to };
}

function dayWithin(pointer: string, sent: string | undefined, standing: string, faults: Fault[]): string {
  if (sent === undefined) return standing;
  const day = parseDate(sent);
  if (day === undefined) faults.push({ pointer, code: 'date' });
  return day ?? standing;
}
