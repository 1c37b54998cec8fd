import * as z from 'zod';
import { answerInquiry, fileInquiry, listInquiries, readInquiry } from '../vault/inquiries.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { caseFilter, caseQuery } from './caseQuery.ts';
import { parseBody } from './parse.ts';
import { id } from './shapes.ts';

const newInquiry = z.strictObject({ customerId: id, text: z.string() });
const answered = z.strictObject({ answer: z.string() });

export function inquiries(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/inquiries', 'inquiries.create', { body: 'json' }, (request, caller, act) =>
    fileInquiry(vault, caller, act, parseBody(newInquiry, request.body)),
  );
  declare('get', '/v1/inquiries', 'inquiries.list', { query: caseQuery }, ({ query }, caller, act) =>
    listInquiries(vault, caller, act, caseFilter(query), parsePage(query.limit, query.cursor)),
  );
  declare('get', '/v1/inquiries/:id', 'inquiries.read', {}, (request, caller, act) =>
    readInquiry(vault, caller, act, idOf(request)),
  );
  declare('post', '/v1/inquiries/:id/answer', 'inquiries.answer', { body: 'json' }, (request, caller, act) =>
    answerInquiry(vault, caller, act, idOf(request), parseBody(answered, request.body).answer),
  );
}
