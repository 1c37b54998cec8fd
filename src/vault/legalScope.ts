import type { Fault } from '../errors.ts';
import { fields as judgedFields, type Field } from '../policy/profile.ts';
import type { SubjectKey } from '../db/legalSubjects.ts';
import { parseSearch } from './customerFields.ts';
import { parseId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import type { LegalOrderInput, LegalOrderRecord, OrderSubject } from './legalOrderRecord.ts';

export const mostSubjects = 100;

/** The three items of an alternate recipient hang on a parcel, not on a customer, and no order reaches them yet. */
const notOfCustomers: ReadonlySet<Field> = new Set(['recipientName', 'recipientPhone', 'recipientAddress']);

/**
 * CPC 671: an order is about certain persons and certain data. A scope without either is refused, and there is no way to
 * say "all". Subjects come back canonical, fields in the order of the closed list, each once.
 */
export function checkScope(
  scope: LegalOrderInput['scope'],
  disclosable: readonly Field[],
  faults: Fault[],
  warnings: Fault[],
): Pick<LegalOrderRecord['scope'], 'subjects' | 'fields'> {
  if (scope.subjects.length === 0) faults.push({ pointer: '/scope/subjects', code: 'required' });
  if (scope.subjects.length > mostSubjects) faults.push({ pointer: '/scope/subjects', code: 'too_many' });
  if (scope.fields.length === 0) faults.push({ pointer: '/scope/fields', code: 'required' });
  scope.fields.forEach((name, i) => {
    const field = judgedFields.find((known) => known === name);
    const code = field === undefined ? 'not_a_field' : disclosable.includes(field) ? undefined : 'field_not_declared';
    const reason = field !== undefined && notOfCustomers.has(field) ? 'not_disclosable' : code;
    if (reason !== undefined) faults.push({ pointer: `/scope/fields/${i}`, code: reason });
  });
  return {
    subjects: scope.subjects
      .slice(0, mostSubjects)
      .map((subject, i) => checkSubject(subject, `/scope/subjects/${i}`, faults, warnings)),
    fields: judgedFields.filter((field) => scope.fields.includes(field)),
  };
}

function checkSubject(subject: OrderSubject, pointer: string, faults: Fault[], warnings: Fault[]): OrderSubject {
  if ('customerId' in subject) {
    const customerId = parseId(subject.customerId);
    if (customerId === undefined) faults.push({ pointer: `${pointer}/customerId`, code: 'format' });
    return { customerId: customerId ?? '' };
  }
  const parsed = parseSearch(subject.by, subject.value);
  if (!parsed.ok) faults.push({ pointer: `${pointer}/value`, code: parsed.reason });
  else warnings.push(...parsed.warnings.map((code) => ({ pointer: `${pointer}/value`, code })));
  return { by: subject.by, value: parsed.ok ? parsed.canonical : '' };
}

/** What the subjects are found by. Identifiers become blind index tags here and go no further. */
export function subjectKeys(keys: TenantKeys, subjects: readonly OrderSubject[]): SubjectKey[] {
  return subjects.map((subject) =>
    'customerId' in subject
      ? { customerId: subject.customerId, field: undefined, tags: [] }
      : { customerId: undefined, field: subject.by, tags: keys.tags(subject.by, subject.value) },
  );
}
