import * as z from 'zod';
import { searchable } from '../vault/customerFields.ts';
import { recipientKinds } from '../vault/legalGround.ts';
import type { NarrowingInput } from '../vault/legalNarrowing.ts';
import {
  callBackResults,
  channels,
  confidentialityGrades,
  packageFormats,
  type LegalOrderInput,
  type OrderSubject,
} from '../vault/legalOrderRecord.ts';
import { mostSubjects } from '../vault/legalScope.ts';
import { parseBody } from './parse.ts';

const text = z.string();
const some = text.optional();

const subject = z
  .strictObject({ customerId: z.uuid().optional(), by: z.enum(searchable).optional(), value: some })
  .refine(
    ({ customerId, by, value }) =>
      customerId === undefined ? by !== undefined && value !== undefined : by === undefined && value === undefined,
    {
      params: { reason: 'id_or_identifier' },
    },
  );
const subjects = z.array(subject).max(mostSubjects);
const fields = z.array(text).max(64);

const authenticity = z.strictObject({
  signed: z.boolean().optional(),
  stamped: z.boolean().optional(),
  noticeId: some,
  channel: z.enum(channels).optional(),
  callBack: z.strictObject({ by: text, at: text, numberFrom: text, result: z.enum(callBackResults) }).optional(),
});

/** Kinds and grounds are open here: what opens no gate is refused as a ground, not as a spelling. */
const legalOrder = z.strictObject({
  kind: text,
  ground: some,
  authority: z
    .strictObject({
      kind: text,
      name: text,
      jurisdiction: some,
      branchKind: some,
      branchNumber: some,
      officialName: some,
      officialTitle: some,
    })
    .optional(),
  letter: z
    .strictObject({
      number: text,
      date: text,
      caseNumber: some,
      archiveNumber: some,
      subject: some,
      annexes: some,
      confidentiality: z.enum(confidentialityGrades).optional(),
    })
    .optional(),
  case: z.strictObject({ number: text, authority: some }).optional(),
  reason: some,
  decider: z.strictObject({ name: text, title: some }).optional(),
  permission: z
    .strictObject({
      id: z.uuid().toLowerCase().optional(),
      givenAt: text,
      recipientName: text,
      purpose: text,
      fields,
      method: some,
    })
    .optional(),
  renews: some,
  follows: some,
  basis: z.strictObject({ law: some, article: some }).optional(),
  scope: z.strictObject({
    subjects,
    fields,
    from: text,
    to: text,
    format: z.enum(packageFormats).optional(),
    place: some,
    limits: some,
    encryptedOrDeleted: some,
  }),
  recipient: z.strictObject({ name: text, title: some, unit: some, as: z.enum(recipientKinds).optional() }).optional(),
  receivedAt: text,
  deadline: some,
  validUntil: text,
  secret: z.strictObject({ fromSubject: z.boolean(), until: some, basis: some }).optional(),
  notifySubject: z.boolean().optional(),
  authenticity: authenticity.optional(),
  certificate: some,
});

export function legalOrderIn(body: unknown): LegalOrderInput {
  const { scope, ...order } = parseBody(legalOrder, body);
  return { ...order, scope: { ...scope, subjects: scope.subjects.map(subjectOf) } };
}

const approval = z.strictObject({
  scope: z.strictObject({ subjects: subjects.optional(), fields: fields.optional(), from: some, to: some }).optional(),
});

/** What an approver leaves of the scope; nothing when the body names none. */
export function narrowingIn(body: unknown): NarrowingInput | undefined {
  const { scope } = parseBody(approval, body ?? {});
  if (scope === undefined) return undefined;
  return { ...scope, subjects: scope.subjects?.map(subjectOf) };
}

/** One form or the other; the schema has seen to that. */
function subjectOf({ customerId, by, value }: z.output<typeof subject>): OrderSubject {
  if (customerId !== undefined) return { customerId };
  return { by: by ?? 'nationalId', value: value ?? '' };
}
