import * as z from 'zod';
import { listDeliveries, readDelivery } from '../vault/deliveries.ts';
import { confirmDelivery, failDelivery, returnDelivery } from '../vault/handover.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { nothing } from './shapes.ts';

const confirmation = z.strictObject({ code: z.string().min(1).max(64) });
const failure = z.strictObject({ reason: z.string() });

/** What a courier can do: with its own open parcels, and with nothing else. */
export function deliveries(declare: DeclareAct, vault: Vault): void {
  declare('get', '/v1/deliveries/:id', 'deliveries.read', {}, (request, caller, act) =>
    readDelivery(vault, caller, act, idOf(request)),
  );
  declare('get', '/v1/deliveries', 'deliveries.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listDeliveries(vault, caller, act, parsePage(request.query.limit, request.query.cursor)),
  );
  declare('post', '/v1/deliveries/:id/confirm', 'deliveries.confirm', { body: 'json' }, (request, caller, act) =>
    confirmDelivery(vault, caller, act, idOf(request), parseBody(confirmation, request.body).code),
  );
  declare('post', '/v1/deliveries/:id/fail', 'deliveries.fail', { body: 'json' }, (request, caller, act) =>
    failDelivery(vault, caller, act, idOf(request), parseBody(failure, request.body).reason),
  );
  declare('post', '/v1/deliveries/:id/return', 'deliveries.return', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return returnDelivery(vault, caller, act, idOf(request));
  });
}
