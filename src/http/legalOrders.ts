import * as z from 'zod';
import { refuse } from '../errors.ts';
import { mergePatch } from '../formats/mergePatch.ts';
import { patchLegalOrder } from '../vault/legalOrderChange.ts';
import { approveLegalOrder, rejectLegalOrder, revokeLegalOrder } from '../vault/legalOrderDecision.ts';
import { dateSecrecy } from '../vault/legalSecrecy.ts';
import { reviewLegalOrder } from '../vault/legalOrderReview.ts';
import { listLegalOrders, readLegalOrder, registerLegalOrder } from '../vault/legalOrders.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { requireVersion, versionIfAny } from './ifMatch.ts';
import { legalOrderIn, narrowingIn } from './legalOrderBody.ts';
import { parseBody } from './parse.ts';

const refusal = z.strictObject({ reason: z.string() });
const review = z.strictObject({ outcome: z.enum(['upheld', 'not_justified']), reason: z.string() });
const secrecy = z.strictObject({ until: z.string().optional(), reason: z.string() });
const statuses = ['registered', 'approved', 'rejected', 'revoked', 'executed'] as const;

/** Where digits and letters by chance look like a card's. */
const cardExempt = ['/letter/caseNumber', '/case/number', '/certificate'];

export function legalOrders(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/legal-orders', 'legal_orders.register', { body: 'json', cardExempt }, (request, caller, act) =>
    registerLegalOrder(vault, caller, act, legalOrderIn(request.body)),
  );
  declare(
    'get',
    '/v1/legal-orders',
    'legal_orders.list',
    { query: ['limit', 'cursor', 'status', 'review'] },
    ({ query }, caller, act) =>
      listLegalOrders(vault, caller, act, filterOf(query), parsePage(query.limit, query.cursor)),
  );
  declare('get', '/v1/legal-orders/:id', 'legal_orders.read', {}, (request, caller, act) =>
    readLegalOrder(vault, caller, act, idOf(request)),
  );
  declare(
    'patch',
    '/v1/legal-orders/:id',
    'legal_orders.patch',
    { body: 'mergePatch', cardExempt },
    (request, caller, act) =>
      patchLegalOrder(vault, caller, act, idOf(request), requireVersion(request.headers), (record) =>
        legalOrderIn(mergePatch(record, request.body)),
      ),
  );
  decisions(declare, vault);
}

function decisions(declare: DeclareAct, vault: Vault): void {
  declare(
    'post',
    '/v1/legal-orders/:id/approve',
    'legal_orders.approve',
    { body: 'jsonIfAny' },
    (request, caller, act) =>
      approveLegalOrder(vault, caller, act, idOf(request), {
        // What changed since the approver has read it is not approved unseen.
        version: versionIfAny(request.headers),
        narrowing: narrowingIn(request.body),
      }),
  );
  declare('post', '/v1/legal-orders/:id/reject', 'legal_orders.reject', { body: 'json' }, (request, caller, act) =>
    rejectLegalOrder(vault, caller, act, idOf(request), parseBody(refusal, request.body).reason),
  );
  declare('post', '/v1/legal-orders/:id/revoke', 'legal_orders.revoke', { body: 'json' }, (request, caller, act) =>
    revokeLegalOrder(vault, caller, act, idOf(request), parseBody(refusal, request.body).reason),
  );
  declare('post', '/v1/legal-orders/:id/secrecy', 'legal_orders.secrecy', { body: 'json' }, (request, caller, act) =>
    dateSecrecy(vault, caller, act, idOf(request), parseBody(secrecy, request.body)),
  );
  declare('post', '/v1/legal-orders/:id/review', 'legal_orders.review', { body: 'json' }, (request, caller, act) =>
    reviewLegalOrder(vault, caller, act, idOf(request), parseBody(review, request.body)),
  );
}

function filterOf(query: { readonly status?: string | undefined; readonly review?: string | undefined }) {
  const status = statuses.find((known) => known === query.status);
  const waiting = query.status === 'waiting';
  if (query.status !== undefined && status === undefined && !waiting) throw refuse('invalid_query', '?status', 'enum');
  if (query.review !== undefined && query.review !== 'due') throw refuse('invalid_query', '?review', 'enum');
  return { status, waiting, reviewDue: query.review === 'due' };
}
