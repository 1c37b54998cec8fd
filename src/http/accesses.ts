import { listAccesses } from '../vault/accesses.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';

export function accesses(declare: DeclareAct, vault: Vault): void {
  declare(
    'get',
    '/v1/customers/:id/accesses',
    'accesses.list',
    { query: ['limit', 'cursor'] },
    (request, caller, act) =>
      listAccesses(vault, caller, act, idOf(request), parsePage(request.query.limit, request.query.cursor)),
  );
}
