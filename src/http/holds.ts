import * as z from 'zod';
import { refuse } from '../errors.ts';
import { listHolds, releaseHold } from '../vault/holdRegister.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { idInQuery } from './queryId.ts';

const release = z.strictObject({ reason: z.string() });

export function holds(declare: DeclareAct, vault: Vault): void {
  const query = ['customerId', 'legalOrderId', 'active', 'limit', 'cursor'] as const;
  declare('get', '/v1/holds', 'holds.list', { query }, ({ query: asked }, caller, act) =>
    listHolds(
      vault,
      caller,
      act,
      {
        customerId: idInQuery('customerId', asked.customerId),
        legalOrderId: idInQuery('legalOrderId', asked.legalOrderId),
        active: yesOrNo('active', asked.active),
      },
      parsePage(asked.limit, asked.cursor),
    ),
  );
  declare('post', '/v1/holds/:id/release', 'holds.release', { body: 'json' }, (request, caller, act) =>
    releaseHold(vault, caller, act, idOf(request), parseBody(release, request.body).reason),
  );
}

function yesOrNo(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text !== 'true' && text !== 'false') throw refuse('invalid_query', `?${name}`, 'format');
  return text === 'true';
}
