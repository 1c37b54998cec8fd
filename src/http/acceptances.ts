import * as z from 'zod';
import { listAcceptances, recordAcceptance } from '../vault/acceptances.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';

const acceptance = z.strictObject({
  version: z.int().positive().optional(),
  method: z.enum(['agree_button', 'account_created', 'feature_used', 'order_placed']),
  attested: z.boolean().optional(),
});

export function acceptances(declare: DeclareAct, vault: Vault): void {
  const path = '/v1/customers/:id/acceptances';
  declare('post', path, 'acceptances.create', { body: 'json' }, (request, caller, act) =>
    recordAcceptance(vault, caller, act, idOf(request), parseBody(acceptance, request.body)),
  );
  declare('get', path, 'acceptances.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listAcceptances(vault, caller, act, idOf(request), parsePage(request.query.limit, request.query.cursor)),
  );
}
