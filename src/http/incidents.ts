import * as z from 'zod';
import { refuse } from '../errors.ts';
import { incidentKinds, incidentStates } from '../vault/incidentRecord.ts';
import { containIncident, thawContained } from '../vault/containment.ts';
import { computeExtent, readExtent } from '../vault/incidentExtent.ts';
import { closeIncident, createIncident, listIncidents, patchIncident, readIncident } from '../vault/incidents.ts';
import { actorPattern } from '../vault/accessToken.ts';
import { readTelling, tellConcerned } from '../vault/incidentTelling.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { requireVersion } from './ifMatch.ts';
import { parseBody } from './parse.ts';
import { id, instant, nothing } from './shapes.ts';

const newIncident = z.strictObject({
  kind: z.enum(incidentKinds),
  summary: z.string(),
  customerId: id.optional(),
  detectedAt: instant.optional(),
});
const patch = z
  .strictObject({
    summary: z.string(),
    source: z.string(),
    recovery: z.string(),
    legalFollowUp: z.string(),
    legalReference: z.string(),
  })
  .partial();

const extent = z
  .strictObject({
    tokenId: id,
    clientId: id,
    courierClientId: id,
    actor: z.string().regex(actorPattern),
    keyVersion: z.int().min(1).max(1_000_000),
    from: instant,
    to: instant,
  })
  .partial();

const containment = z.strictObject({
  tokens: z.array(z.uuidv7().toLowerCase()).max(100).default([]),
  clients: z.array(id).max(20).default([]),
  actors: z.array(z.string().regex(actorPattern)).max(20).default([]),
  closeGrants: z.boolean().default(false),
  customers: z.array(id).max(100).default([]),
});
const thaw = z.strictObject({ customerId: id });

/** The register of incidents, for the data-protection officer; who runs the system reads the technical part. */
export function incidents(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/incidents', 'incidents.create', { body: 'json' }, (request, caller, act) =>
    createIncident(vault, caller, act, parseBody(newIncident, request.body)),
  );
  declare('get', '/v1/incidents', 'incidents.list', { query: ['state', 'limit', 'cursor'] }, (request, caller, act) => {
    const { state, limit, cursor } = request.query;
    return listIncidents(vault, caller, act, stateOf(state), parsePage(limit, cursor));
  });
  declare('get', '/v1/incidents/:id', 'incidents.read', {}, (request, caller, act) =>
    readIncident(vault, caller, act, idOf(request)),
  );
  declare('patch', '/v1/incidents/:id', 'incidents.patch', { body: 'mergePatch' }, (request, caller, act) => {
    const version = requireVersion(request.headers);
    return patchIncident(vault, caller, act, idOf(request), version, parseBody(patch, request.body));
  });
  declare('post', '/v1/incidents/:id/extent', 'incidents.extent', { body: 'json' }, (request, caller, act) =>
    computeExtent(vault, caller, act, idOf(request), parseBody(extent, request.body)),
  );
  const query = ['limit', 'cursor'] as const;
  declare('get', '/v1/incidents/:id/extent', 'incidents.extent_read', { query }, (request, caller, act) =>
    readExtent(vault, caller, act, idOf(request), parsePage(request.query.limit, request.query.cursor)),
  );
  declare('post', '/v1/incidents/:id/contain', 'incidents.contain', { body: 'json' }, (request, caller, act) =>
    containIncident(vault, caller, act, idOf(request), parseBody(containment, request.body)),
  );
  declare('post', '/v1/incidents/:id/thaw', 'incidents.thaw', { body: 'json' }, (request, caller, act) =>
    thawContained(vault, caller, act, idOf(request), parseBody(thaw, request.body).customerId),
  );
  declare('post', '/v1/incidents/:id/tellings', 'incidents.tell', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return tellConcerned(vault, caller, act, idOf(request));
  });
  declare('get', '/v1/incidents/:id/tellings', 'incidents.told', { query }, (request, caller, act) =>
    readTelling(vault, caller, act, idOf(request), parsePage(request.query.limit, request.query.cursor)),
  );
  declare('post', '/v1/incidents/:id/close', 'incidents.close', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return closeIncident(vault, caller, act, idOf(request));
  });
}

function stateOf(text: string | undefined) {
  const state = incidentStates.find((known) => known === text);
  if (text !== undefined && state === undefined) throw refuse('invalid_query', '?state', 'enum');
  return state;
}
