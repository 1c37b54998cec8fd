import * as z from 'zod';
import { VaultError } from '../errors.ts';
import { listExports } from '../vault/exportRegister.ts';
import { executeLegalOrder, fetchPackage } from '../vault/exports.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';

const newExport = z.strictObject({ legalOrderId: z.string() });
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function exports(declare: DeclareAct, vault: Vault): void {
  declare(
    'post',
    '/v1/exports',
    'exports.create',
    { body: 'jsonIfAny', concerns: orderConcerned, anyone: true },
    (request, caller, act) => executeLegalOrder(vault, caller, act, orderNamedIn(request.body)),
  );
  declare('get', '/v1/exports', 'exports.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listExports(vault, caller, act, parsePage(request.query.limit, request.query.cursor)),
  );
  declare('get', '/v1/exports/:id/package', 'exports.fetch', {}, async (request, caller, act) => {
    // A HEAD would use up the one delivery and hand nothing out.
    if (request.raw.method === 'HEAD') throw new VaultError('method_not_allowed');
    const { bytes, sha256 } = await fetchPackage(vault, caller, act, idOf(request));
    // RFC 9530 section 3.
    const headers = { 'Repr-Digest': `sha-256=:${sha256.toString('base64')}:` };
    return { status: 200, type: 'application/json', bytes, headers };
  });
}

/**
 * The order that is to be executed. A body that names none is refused for that before anything else about it is looked at;
 * one that names an order may say nothing more.
 */
function orderNamedIn(body: unknown): string | undefined {
  const id = idIn(body);
  if (id !== undefined) parseBody(newExport, body);
  return id;
}

function orderConcerned({ body }: { readonly body: unknown }) {
  return { legalOrderId: idIn(body) };
}

/** What cannot be an order's id is none. */
function idIn(body: unknown): string | undefined {
  const named = typeof body === 'object' && body !== null && 'legalOrderId' in body ? body.legalOrderId : undefined;
  return typeof named === 'string' && uuid.test(named) ? named.toLowerCase() : undefined;
}
