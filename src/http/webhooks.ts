import * as z from 'zod';
import { refuse } from '../errors.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { deliveryStates, listWebhookDeliveries, pingWebhook, redeliver } from '../vault/webhookQueue.ts';
import { createWebhook, disableWebhook, listWebhooks, readWebhook, renewWebhookSecret } from '../vault/webhooks.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { versionIfAny } from './ifMatch.ts';
import { parseBody } from './parse.ts';
import { disabling, id, instant, nothing, renewal } from './shapes.ts';

const newWebhook = z.strictObject({
  clientId: id,
  url: z.string(),
  kinds: z
    .array(z.string().regex(/^[a-z_]{1,40}\.[a-z_]{1,40}$/))
    .min(1)
    .max(100),
});
const again = z.union([z.strictObject({ eventId: id }), z.strictObject({ since: instant })]);

/** Where other systems hear of events, for the tenant's administrator; the protection officer looks on. */
export function webhooks(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/webhooks', 'webhooks.create', { body: 'json' }, (request, caller, act) =>
    createWebhook(vault, caller, act, parseBody(newWebhook, request.body)),
  );
  declare('get', '/v1/webhooks', 'webhooks.list', { query: ['limit', 'cursor'] }, ({ query }, caller, act) =>
    listWebhooks(vault, caller, act, parsePage(query.limit, query.cursor)),
  );
  declare('get', '/v1/webhooks/:id', 'webhooks.read', {}, (request, caller, act) =>
    readWebhook(vault, caller, act, idOf(request)),
  );
  declare('patch', '/v1/webhooks/:id', 'webhooks.patch', { body: 'mergePatch' }, (request, caller, act) => {
    parseBody(disabling, request.body);
    return disableWebhook(vault, caller, act, idOf(request), versionIfAny(request.headers));
  });
  declare('post', '/v1/webhooks/:id/secret', 'webhooks.renew_secret', { body: 'jsonIfAny' }, (request, caller, act) => {
    const { overlapSeconds } = parseBody(renewal, request.body === undefined ? {} : request.body);
    return renewWebhookSecret(vault, caller, act, idOf(request), overlapSeconds);
  });
  declare('post', '/v1/webhooks/:id/ping', 'webhooks.ping', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return pingWebhook(vault, caller, act, idOf(request));
  });
  declare('post', '/v1/webhooks/:id/redeliver', 'webhooks.redeliver', { body: 'json' }, (request, caller, act) =>
    redeliver(vault, caller, act, idOf(request), parseBody(again, request.body)),
  );
  const query = ['state', 'limit', 'cursor'] as const;
  declare('get', '/v1/webhooks/:id/deliveries', 'webhooks.deliveries', { query }, (request, caller, act) => {
    const { state, limit, cursor } = request.query;
    return listWebhookDeliveries(vault, caller, act, idOf(request), stateOf(state), parsePage(limit, cursor));
  });
}

function stateOf(text: string | undefined): string | undefined {
  if (text !== undefined && !deliveryStates.some((known) => known === text))
    throw refuse('invalid_query', '?state', 'unknown_value');
  return text;
}
