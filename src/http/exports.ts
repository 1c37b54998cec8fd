import * as z from 'zod';
import { VaultError } from '../errors.ts';
import { fetchPackage, reissuePackage } from '../vault/exportDelivery.ts';
import { acknowledgeExport, printMinutes, readExport } from '../vault/exportRecord.ts';
import { executeLegalOrder } from '../vault/exports.ts';
import { parseId } from '../vault/ids.ts';
import { deliveryMeans } from '../vault/minutes.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';

const newExport = z.strictObject({ legalOrderId: z.string() });
const reissue = z.strictObject({ reason: z.string() });
const mostPresent = 10;
const acknowledgement = z.strictObject({
  receivedBy: z.strictObject({
    name: z.string(),
    title: z.string().optional(),
    unit: z.string().optional(),
    card: z.string().optional(),
  }),
  means: z.enum(deliveryMeans),
  present: z.array(z.string()).max(mostPresent).default([]),
});

/** Media type of each format; CMS as RFC 8551 section 3.2.1 names it. */
const types = {
  json: 'application/json',
  html: 'text/html; charset=utf-8',
  cms: 'application/pkcs7-mime; smime-type=authEnveloped-data',
} as const;

export function exports(declare: DeclareAct, vault: Vault): void {
  declare(
    'post',
    '/v1/exports',
    'exports.create',
    { body: 'jsonIfAny', concerns: orderConcerned, anyone: true },
    (request, caller, act) => executeLegalOrder(vault, caller, act, orderNamedIn(request.body)),
  );
  declare('get', '/v1/exports/:id', 'exports.read', {}, (request, caller, act) =>
    readExport(vault, caller, act, idOf(request)),
  );
  declare(
    'get',
    '/v1/exports/:id/package',
    'exports.fetch',
    { produces: ['application/json', 'text/html', 'application/pkcs7-mime'] },
    async (request, caller, act) => {
      // A HEAD would use up the one delivery and hand nothing out.
      if (request.raw.method === 'HEAD') throw new VaultError('method_not_allowed');
      const { format, bytes, sha256, ended } = await fetchPackage(vault, caller, act, idOf(request));
      // RFC 9530 section 3.
      const headers = { 'Repr-Digest': `sha-256=:${sha256.toString('base64')}:` };
      return { status: 200, type: types[format], bytes, headers, ended };
    },
  );
  papers(declare, vault);
}

function papers(declare: DeclareAct, vault: Vault): void {
  declare(
    'get',
    '/v1/exports/:id/minutes',
    'exports.minutes',
    { produces: 'text/html' },
    async (request, caller, act) => ({
      status: 200,
      type: types.html,
      bytes: await printMinutes(vault, caller, act, idOf(request)),
    }),
  );
  declare('post', '/v1/exports/:id/reissue', 'exports.reissue', { body: 'json' }, (request, caller, act) =>
    reissuePackage(vault, caller, act, idOf(request), parseBody(reissue, request.body).reason),
  );
  declare('post', '/v1/exports/:id/acknowledge', 'exports.acknowledge', { body: 'json' }, (request, caller, act) =>
    acknowledgeExport(vault, caller, act, idOf(request), parseBody(acknowledgement, request.body)),
  );
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
  return typeof named === 'string' ? parseId(named) : undefined;
}
