import * as z from 'zod';
import { fields } from '../policy/profile.ts';
import { parsePage } from '../vault/page.ts';
import { givePermission, listPermissions, withdrawPermission } from '../vault/permissions.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { nothing, textVersion } from './shapes.ts';

const given = z.strictObject({
  recipientName: z.string(),
  purpose: z.string(),
  fields: z.array(z.enum(fields)).min(1).max(fields.length),
  textVersion,
});

export function permissions(declare: DeclareAct, vault: Vault): void {
  const path = '/v1/customers/:id/permissions';
  declare('post', path, 'permissions.give', { body: 'json' }, (request, caller, act) =>
    givePermission(vault, caller, act, idOf(request), parseBody(given, request.body)),
  );
  declare('get', path, 'permissions.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listPermissions(vault, caller, act, idOf(request), parsePage(request.query.limit, request.query.cursor)),
  );
  const withdrawal = '/v1/permissions/:id/withdraw';
  declare('post', withdrawal, 'permissions.withdraw', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return withdrawPermission(vault, caller, act, idOf(request));
  });
}
