import { listChanges } from '../vault/changes.ts';
import { parseNumberedPage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';

export function changes(declare: DeclareAct, vault: Vault): void {
  const query = ['limit', 'cursor'] as const;
  declare('get', '/v1/customers/:id/changes', 'changes.list', { query }, (request, caller, act) =>
    listChanges(vault, caller, act, idOf(request), parseNumberedPage(request.query.limit, request.query.cursor)),
  );
}
