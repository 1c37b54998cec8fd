import * as z from 'zod';
import { refuse } from '../errors.ts';
import { fetchCopy, type CopyFormat } from '../vault/copies.ts';
import { parsePage } from '../vault/page.ts';
import { decideRequest } from '../vault/requestDecision.ts';
import { askers, checks, legalReasons, outcomes, requestKinds, requestStates } from '../vault/requestRecord.ts';
import { createRequest, listRequests, readCertificate, readRequest } from '../vault/requests.ts';
import { withdrawRequest } from '../vault/requestWithdrawal.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { changeOf, correction } from './customers.ts';
import { parseBody } from './parse.ts';
import { idInQuery } from './queryId.ts';
import { id } from './shapes.ts';

const mostClauses = 20;
const mostParts = 40;

const newRequest = z.strictObject({
  customerId: id,
  kind: z.enum(requestKinds),
  purpose: z.string().optional(),
  asker: z.enum(askers).optional(),
  checked: z.enum(checks).optional(),
  note: z.string().optional(),
  correction: correction.optional(),
});
const nothing = z.strictObject({});
const decision = z.strictObject({
  outcome: z.enum(outcomes),
  reason: z.enum(legalReasons).optional(),
  clauses: z.array(z.string()).max(mostClauses).optional(),
  why: z.string().optional(),
  apply: z.array(z.string()).max(mostParts).optional(),
  version: z.int().positive().optional(),
});

export function requests(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/requests', 'requests.create', { body: 'json' }, (request, caller, act) => {
    const { correction: asked, ...rest } = parseBody(newRequest, request.body);
    return createRequest(vault, caller, act, { ...rest, correction: asked && changeOf(asked) });
  });
  const query = ['customerId', 'state', 'overdue', 'limit', 'cursor'] as const;
  declare('get', '/v1/requests', 'requests.list', { query }, ({ query: asked }, caller, act) => {
    const filter = {
      customerId: idInQuery('customerId', asked.customerId),
      state: stateOf(asked.state),
      overdue: isOverdue(asked.overdue),
    };
    return listRequests(vault, caller, act, filter, parsePage(asked.limit, asked.cursor));
  });
  declare('get', '/v1/requests/:id', 'requests.read', {}, (request, caller, act) =>
    readRequest(vault, caller, act, idOf(request)),
  );
  declare('post', '/v1/requests/:id/decide', 'requests.decide', { body: 'json' }, (request, caller, act) =>
    decideRequest(vault, caller, act, idOf(request), parseBody(decision, request.body)),
  );
  declare('post', '/v1/requests/:id/withdraw', 'requests.withdraw', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body ?? {});
    return withdrawRequest(vault, caller, act, idOf(request));
  });
  declare('get', '/v1/requests/:id/certificate', 'requests.certificate', {}, (request, caller, act) =>
    readCertificate(vault, caller, act, idOf(request)),
  );
  declare(
    'get',
    '/v1/requests/:id/copy',
    'requests.copy',
    { query: ['format'], produces: ['application/json', 'text/html'] },
    async (request, caller, act) => {
      const format = formatOf(request.query.format);
      const asked = request.raw.method === 'HEAD' ? undefined : format;
      const bytes = await fetchCopy(vault, caller, act, idOf(request), asked);
      return { status: 200, type: types[format], bytes };
    },
  );
}

const types: Readonly<Record<CopyFormat, string>> = {
  json: 'application/json; charset=utf-8',
  html: 'text/html; charset=utf-8',
};

function formatOf(text = 'json'): CopyFormat {
  if (text !== 'json' && text !== 'html') throw refuse('invalid_query', '?format', 'enum');
  return text;
}

function isOverdue(text: string | undefined): boolean {
  if (text !== undefined && text !== 'true') throw refuse('invalid_query', '?overdue', 'enum');
  return text === 'true';
}

function stateOf(text: string | undefined) {
  const state = requestStates.find((known) => known === text);
  if (text !== undefined && state === undefined) throw refuse('invalid_query', '?state', 'enum');
  return state;
}
