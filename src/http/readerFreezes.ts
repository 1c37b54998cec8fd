import { parsePage } from '../vault/page.ts';
import { liftFreeze, listFreezes } from '../vault/readerFreezes.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { nothing } from './shapes.ts';

/** Readers who were stopped, by an incident or by the vault itself. */
export function readerFreezes(declare: DeclareAct, vault: Vault): void {
  declare('get', '/v1/reader-freezes', 'reader_freezes.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listFreezes(vault, caller, act, parsePage(request.query.limit, request.query.cursor)),
  );
  declare(
    'post',
    '/v1/reader-freezes/:id/lift',
    'reader_freezes.lift',
    { body: 'jsonIfAny' },
    (request, caller, act) => {
      parseBody(nothing, request.body);
      return liftFreeze(vault, caller, act, idOf(request));
    },
  );
}
