import * as z from 'zod';
import { actorPattern } from '../vault/accessToken.ts';
import { clientRoles } from '../vault/clients.ts';
import {
  closeGrant,
  listGrants,
  openableKinds,
  openGrant,
  readGrant,
  type Grantee,
  type NewGrant,
} from '../vault/grants.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { idInQuery } from './queryId.ts';
import { id, instant, readCount } from './shapes.ts';

const mostFields = 50;

/** A role, for a further department with its name, or one client. */
const grantee = z
  .strictObject({ role: z.enum(clientRoles).optional(), department: z.string().optional(), clientId: id.optional() })
  .refine(({ role, clientId }) => (role === undefined) !== (clientId === undefined), {
    params: { reason: 'role_or_client' },
  })
  .refine(({ role, department }) => (role === 'department') === (department !== undefined), {
    params: { reason: 'role_and_department' },
  });

const newGrant = z.strictObject({
  kind: z.enum(openableKinds),
  customerId: id,
  orderId: id.optional(),
  grantee,
  actor: z.string().regex(actorPattern).optional(),
  fields: z.array(z.string()).min(1).max(mostFields).optional(),
  externalRef: z.string().optional(),
  account: z.strictObject({ iban: z.string(), holderName: z.string().optional() }).optional(),
  complaintId: id.optional(),
  inquiryId: id.optional(),
  opensAt: instant.optional(),
  closesAt: instant,
  maxReads: readCount.optional(),
});

const closing = z.strictObject({ settled: z.literal(true).optional() }).optional();

export function grants(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/grants', 'grants.create', { body: 'json' }, (request, caller, act) =>
    openGrant(vault, caller, act, newGrantOf(request.body)),
  );
  declare('get', '/v1/grants/:id', 'grants.read', {}, (request, caller, act) =>
    readGrant(vault, caller, act, idOf(request)),
  );
  declare('get', '/v1/grants', 'grants.list', { query: ['customerId', 'limit', 'cursor'] }, (request, caller, act) => {
    const { customerId, limit, cursor } = request.query;
    return listGrants(vault, caller, act, idInQuery('customerId', customerId), parsePage(limit, cursor));
  });
  declare('post', '/v1/grants/:id/close', 'grants.close', { body: 'jsonIfAny' }, (request, caller, act) => {
    return closeGrant(vault, caller, act, idOf(request), parseBody(closing, request.body) ?? {});
  });
}

function newGrantOf(body: unknown): NewGrant {
  const { grantee: asked, ...grant } = parseBody(newGrant, body);
  return { ...grant, grantee: granteeOf(asked) };
}

/** One form or the other; the schema has seen to that. */
function granteeOf({ role, department, clientId }: z.output<typeof grantee>): Grantee {
  return role === undefined ? { clientId: clientId ?? '' } : { role, department };
}
