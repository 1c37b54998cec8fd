import * as z from 'zod';
import { refuse } from '../errors.ts';
import { checkKinds, fields } from '../policy/vocabulary.ts';
import { parsePage } from '../vault/page.ts';
import { answerSupplementary } from '../vault/supplementaryAnswers.ts';
import { supplementaryStates } from '../vault/supplementaryRecord.ts';
import {
  closeSupplementary,
  createSupplementary,
  listSupplementaryRequests,
  readSupplementary,
} from '../vault/supplementaryRequests.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { address } from './customers.ts';
import { parseBody } from './parse.ts';
import { idInQuery } from './queryId.ts';
import { attestation, id, instant, nothing, source } from './shapes.ts';

const mostAsks = 20;

const newRequest = z.strictObject({
  orderId: id,
  check: z.strictObject({
    kind: z.enum(checkKinds),
    fields: z.array(z.enum(fields)).max(mostAsks).optional(),
    value: z.string().optional(),
    failedAt: instant.optional(),
  }),
  asks: z.array(z.string()).min(1).max(mostAsks),
  dueAt: instant,
});
const answering = z.strictObject({
  answers: z.record(z.string(), z.union([z.string(), address])),
  source,
  attestation,
});

export function supplementaryRequests(declare: DeclareAct, vault: Vault): void {
  const path = '/v1/supplementary-requests';
  declare('post', path, 'supplementary_requests.create', { body: 'json' }, (request, caller, act) =>
    createSupplementary(vault, caller, act, parseBody(newRequest, request.body)),
  );
  const query = ['customerId', 'orderId', 'state', 'limit', 'cursor'] as const;
  declare('get', path, 'supplementary_requests.list', { query }, ({ query: asked }, caller, act) => {
    const filter = {
      customerId: idInQuery('customerId', asked.customerId),
      orderId: idInQuery('orderId', asked.orderId),
      state: stateOf(asked.state),
    };
    return listSupplementaryRequests(vault, caller, act, filter, parsePage(asked.limit, asked.cursor));
  });
  declare('get', `${path}/:id`, 'supplementary_requests.read', {}, (request, caller, act) =>
    readSupplementary(vault, caller, act, idOf(request)),
  );
  declare('post', `${path}/:id/answers`, 'supplementary_requests.answer', { body: 'json' }, (request, caller, act) =>
    answerSupplementary(vault, caller, act, idOf(request), parseBody(answering, request.body)),
  );
  for (const how of ['withdraw', 'close'] as const) {
    declare(
      'post',
      `${path}/:id/${how}`,
      'supplementary_requests.close',
      { body: 'jsonIfAny' },
      (request, caller, act) => {
        parseBody(nothing, request.body);
        return closeSupplementary(vault, caller, act, idOf(request), how);
      },
    );
  }
}

function stateOf(text: string | undefined) {
  const state = supplementaryStates.find((known) => known === text);
  if (text !== undefined && state === undefined) throw refuse('invalid_query', '?state', 'enum');
  return state;
}
