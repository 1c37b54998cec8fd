import { webhookSignature } from '../crypto/webhookSignature.ts';
import { selectClientsInService } from '../db/clients.ts';
import {
  claimDeliveries,
  markDelivery,
  selectTenantsToDeliver,
  type ClaimedDelivery,
  type DeliveryMark,
} from '../db/webhookDeliveries.ts';
import { changeWebhook, selectWebhook, type WebhookRow } from '../db/webhooks.ts';
import type { Statement } from '../db/statement.ts';
import { longestPostMs, type Posted } from '../sending/webhookSender.ts';
import { load, write } from './act.ts';
import { eventStatement } from './events.ts';
import { eventRule } from './eventKinds.ts';
import type { TenantKeys } from './keyring.ts';
import { pauseAfter, type Outbox } from './outboxLoop.ts';
import { isGenuine } from './rowMac.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import type { Vault } from './vault.ts';
import { pingKind } from './webhookQueue.ts';
import { nextEndpoint, openEndpoint } from './webhookRecord.ts';
import { mayHear } from './webhooks.ts';

/** Tries of one webhook; with the pauses between them about three days (Standard Webhooks 1.0.0, "Deliverability"). */
const mostAttempts = 18;
const longestPauseMs = 12 * 60 * 60 * 1000;

/**
 * Webhooks, from the same kind of outbox as messages. One goes out at least once, under the same id, and in no order: whoever
 * hears of something asks for how it stands.
 */
export const webhookOutbox: Outbox<ClaimedDelivery> = {
  claimMs: 4 * longestPostMs,
  dueTenants: selectTenantsToDeliver,
  claim: claimDeliveries,
  attempt,
};

type Outcome = Omit<DeliveryMark, 'claim' | 'at'>;

async function attempt(vault: Vault, keys: TenantKeys, claim: string, row: ClaimedDelivery): Promise<void> {
  const { tenantId } = keys;
  const settle = (outcome: Outcome, more: readonly Statement[] = []) => settled(vault, keys, claim, row, outcome, more);
  const [[webhook]] = await load(vault, tenantId, [selectWebhook(tenantId, row.webhookId)]);
  const obstacle = await obstacleTo(vault, keys, webhook, row);
  if (webhook === undefined || obstacle === 'integrity')
    return settle({ state: 'dead', reason: 'integrity', status: null });
  if (obstacle !== undefined) return settle({ state: 'withheld', reason: obstacle, status: null });
  const posted = await post(vault, keys, webhook, row);
  const status = 'status' in posted ? posted.status : null;
  if (status !== null && status >= 200 && status < 300) return settle({ state: 'delivered', reason: null, status });
  // The receiver says that it wants no more of it (RFC 9110 section 15.5.11).
  if (status === 410) {
    const gone = nextEndpoint(keys, webhook, { disabledAt: new Date(vault.now()), disabledReason: 'gone' });
    return settle({ state: 'dead', reason: 'refused', status }, [changeWebhook(tenantId, gone)]);
  }
  const reason = 'fault' in posted ? posted.fault : 'refused';
  if (row.attempts >= mostAttempts) return settle({ state: 'dead', reason, status });
  const wait = 'status' in posted ? (posted.retryAfterMs ?? 0) : 0;
  const pause = pauseAfter(row.attempts, longestPauseMs, wait);
  const mark = { claim, state: 'queued', reason, status, at: new Date(vault.now() + pause) } as const;
  await write(vault, tenantId, [markDelivery(tenantId, row, mark)]);
}

/** Asked before every try: who may hear of it is decided by rows that carry a MAC, and by the kind. */
async function obstacleTo(
  vault: Vault,
  keys: TenantKeys,
  webhook: WebhookRow | undefined,
  { kind, objectId }: ClaimedDelivery,
): Promise<'integrity' | 'disabled' | 'client' | 'policy' | undefined> {
  if (webhook === undefined || !isGenuine(keys, 'webhooks', webhook)) return 'integrity';
  if (webhook.disabledAt !== null) return 'disabled';
  const [[client]] = await load(vault, keys.tenantId, [selectClientsInService(keys.tenantId, [webhook.clientId])]);
  if (client === undefined) return 'client';
  if (!isGenuine(keys, 'clients', client)) return 'integrity';
  if (client.role !== webhook.audience) return 'client';
  if (kind === pingKind) return undefined;
  if (objectId === null) return 'integrity';
  return webhook.kinds.includes(kind) && mayHear(webhook.audience, kind) ? undefined : 'policy';
}

/** Signed with every secret that is live, the newest first. */
async function post(vault: Vault, keys: TenantKeys, webhook: WebhookRow, row: ClaimedDelivery): Promise<Posted> {
  const now = vault.now();
  const { url, secrets } = openEndpoint(keys, webhook);
  const body = JSON.stringify(payloadOf(webhook, row));
  const timestamp = Math.floor(now / 1000);
  const signatures = secrets
    .filter(({ until }) => until === null || Date.parse(until) > now)
    .map(({ secret }) => webhookSignature(secret, row.eventId, timestamp, body));
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'amanat',
    'webhook-id': row.eventId,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  };
  return (await vault.senders.webhook?.post({ url, headers, body })) ?? { fault: 'unreachable' };
}

/** Ids and times: what they are about is asked for with a token, and leaves its own leaf. */
function payloadOf({ audience }: WebhookRow, row: ClaimedDelivery) {
  const { kind, eventId, objectKind, objectId, customerId, legalOrderId, at, createdAt } = row;
  const timestamp = (at ?? createdAt).toISOString();
  if (objectId === null) return { type: kind, timestamp, data: { id: eventId } };
  return {
    type: kind,
    timestamp,
    data: {
      id: eventId,
      object: { kind: objectKind, id: objectId },
      ...(customerId === null ? {} : { customerId }),
      ...(legalOrderId === null || audience === 'shop_backend' ? {} : { legalOrderId }),
      ...(eventRule(kind)?.alarm === true ? { alarm: true } : {}),
    },
  };
}

async function settled(
  vault: Vault,
  { tenantId }: TenantKeys,
  claim: string,
  row: ClaimedDelivery,
  outcome: Outcome,
  more: readonly Statement[],
): Promise<void> {
  const at = new Date(vault.now());
  const { webhookId, kind } = row;
  const { state, reason } = outcome;
  if (reason === 'integrity') vault.notice('integrity_failure', 'webhooks');
  const told = kind === pingKind || state !== 'dead' ? [] : [{ kind: 'webhook.failed', objectId: webhookId } as const];
  await write(vault, tenantId, [
    markDelivery(tenantId, row, { claim, ...outcome, at }),
    ...more,
    ...(told.length === 0 ? [] : [eventStatement(vault, tenantId, ...told)]),
    sweepLeaf(
      {
        tenantId,
        policyVersion: vault.watch.policy(tenantId).label,
        action: 'webhooks.deliver',
        rule: reason === null ? state : `${state}.${reason}`,
        outcome: state === 'delivered' ? 'allowed' : 'refused',
        object: { kind: 'webhooks', id: webhookId },
      },
      at.getTime(),
    ),
  ]);
}
