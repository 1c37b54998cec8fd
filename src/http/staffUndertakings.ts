import * as z from 'zod';
import { actorPattern } from '../vault/accessToken.ts';
import { parsePage } from '../vault/page.ts';
import { listStaffUndertakings, recordStaffUndertaking, revokeStaffUndertaking } from '../vault/staffUndertakings.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { nothing } from './shapes.ts';
import { undertaking } from './undertakingShape.ts';

const newUndertaking = z.strictObject({ actor: z.string().regex(actorPattern), ...undertaking });

export function staffUndertakings(declare: DeclareAct, vault: Vault): void {
  const path = '/v1/staff-undertakings';
  const paper = { body: 'json', cardExempt: ['/documentSha256'] } as const;
  declare('post', path, 'staff_undertakings.create', paper, (request, caller, act) =>
    recordStaffUndertaking(vault, caller, act, parseBody(newUndertaking, request.body)),
  );
  declare('get', path, 'staff_undertakings.list', { query: ['limit', 'cursor'] }, ({ query }, caller, act) =>
    listStaffUndertakings(vault, caller, act, parsePage(query.limit, query.cursor)),
  );
  declare('post', `${path}/:id/revoke`, 'staff_undertakings.revoke', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return revokeStaffUndertaking(vault, caller, act, idOf(request));
  });
}
