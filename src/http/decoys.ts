import * as z from 'zod';
import { createDecoy, listDecoys, retireDecoy } from '../vault/decoys.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { id, nothing } from './shapes.ts';

const newDecoy = z.strictObject({ customerId: id });

/** Customers of nobody, known to the protection officer alone. */
export function decoys(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/decoys', 'decoys.create', { body: 'json' }, (request, caller, act) =>
    createDecoy(vault, caller, act, parseBody(newDecoy, request.body).customerId),
  );
  declare('get', '/v1/decoys', 'decoys.list', {}, (_request, caller, act) => listDecoys(vault, caller, act));
  declare('post', '/v1/decoys/:id/retire', 'decoys.retire', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return retireDecoy(vault, caller, act, idOf(request));
  });
}
