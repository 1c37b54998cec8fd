import * as z from 'zod';
import { searchable } from '../vault/customerFields.ts';
import {
  approveLegalOrder,
  listLegalOrders,
  readLegalOrder,
  registerLegalOrder,
  rejectLegalOrder,
  revokeLegalOrder,
} from '../vault/legalOrders.ts';
import {
  callBackResults,
  channels,
  confidentialityGrades,
  type LegalOrderInput,
  type OrderSubject,
} from '../vault/legalOrderRecord.ts';
import { mostSubjects } from '../vault/legalScope.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { nothing } from './shapes.ts';

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

const authenticity = z.strictObject({
  signed: z.boolean().optional(),
  stamped: z.boolean().optional(),
  noticeId: some,
  channel: z.enum(channels).optional(),
  callBack: z.strictObject({ by: text, at: text, numberFrom: text, result: z.enum(callBackResults) }).optional(),
});

/** `kind` and `authority.kind` are open here: what opens no gate is refused as a ground, not as a spelling. */
const newLegalOrder = z.strictObject({
  kind: text,
  authority: z.strictObject({
    kind: text,
    name: text,
    jurisdiction: some,
    branchKind: some,
    branchNumber: some,
    officialName: some,
    officialTitle: some,
  }),
  letter: z.strictObject({
    number: text,
    date: text,
    caseNumber: some,
    archiveNumber: some,
    subject: some,
    annexes: some,
    confidentiality: z.enum(confidentialityGrades).optional(),
  }),
  basis: z.strictObject({ law: some, article: some }).optional(),
  scope: z.strictObject({
    subjects: z.array(subject).max(mostSubjects),
    fields: z.array(text).max(64),
    from: text,
    to: text,
    format: some,
    place: some,
    limits: some,
    encryptedOrDeleted: some,
  }),
  recipient: z.strictObject({ name: text, title: some, unit: some }),
  receivedAt: text,
  deadline: some,
  validUntil: text,
  secret: z.strictObject({ fromSubject: z.boolean(), until: some, basis: some }).optional(),
  authenticity: authenticity.optional(),
  certificate: some,
});

const refusal = z.strictObject({ reason: text });

/** Where digits and letters by chance look like a card's. */
const cardExempt = ['/letter/caseNumber', '/certificate'];

export function legalOrders(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/legal-orders', 'legal_orders.register', { body: 'json', cardExempt }, (request, caller, act) =>
    registerLegalOrder(vault, caller, act, newLegalOrderOf(request.body)),
  );
  declare('get', '/v1/legal-orders', 'legal_orders.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listLegalOrders(vault, caller, act, parsePage(request.query.limit, request.query.cursor)),
  );
  declare('get', '/v1/legal-orders/:id', 'legal_orders.read', {}, (request, caller, act) =>
    readLegalOrder(vault, caller, act, idOf(request)),
  );
  declare(
    'post',
    '/v1/legal-orders/:id/approve',
    'legal_orders.approve',
    { body: 'jsonIfAny' },
    (request, caller, act) => {
      parseBody(nothing, request.body);
      return approveLegalOrder(vault, caller, act, idOf(request));
    },
  );
  declare('post', '/v1/legal-orders/:id/reject', 'legal_orders.reject', { body: 'json' }, (request, caller, act) =>
    rejectLegalOrder(vault, caller, act, idOf(request), parseBody(refusal, request.body).reason),
  );
  declare('post', '/v1/legal-orders/:id/revoke', 'legal_orders.revoke', { body: 'json' }, (request, caller, act) =>
    revokeLegalOrder(vault, caller, act, idOf(request), parseBody(refusal, request.body).reason),
  );
}

function newLegalOrderOf(body: unknown): LegalOrderInput {
  const { scope, ...order } = parseBody(newLegalOrder, body);
  return { ...order, scope: { ...scope, subjects: scope.subjects.map(subjectOf) } };
}

/** One form or the other; the schema has seen to that. */
function subjectOf({ customerId, by, value }: z.output<typeof subject>): OrderSubject {
  if (customerId !== undefined) return { customerId };
  return { by: by ?? 'nationalId', value: value ?? '' };
}
