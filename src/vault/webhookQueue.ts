import {
  insertPing,
  listDeliveriesOf,
  requeueDeliveries,
  selectDelivery,
  type WebhookDelivery,
} from '../db/webhookDeliveries.ts';
import { refuse } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { isLegal } from './eventKinds.ts';
import { newId } from './ids.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';
import { webhookOf } from './webhookRecord.ts';

export const pingKind = 'webhook.ping';
export const deliveryStates = ['queued', 'delivered', 'withheld', 'dead'] as const;

/** Sends the endpoint something that means nothing, to see that it gets through. */
export async function pingWebhook(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'webhooks.ping');
  await inService(vault, caller, id);
  const at = new Date(vault.now());
  const deliveryId = newId(vault.now());
  const ping = insertPing(caller.tenantId, id, deliveryId, pingKind, at);
  return commitAct(vault, caller, act, { object: { kind: 'webhooks', id } }, [ping], {
    status: 202,
    body: { id: deliveryId, state: 'queued' },
  });
}

/** What went out and what did not, newest first. */
export async function listWebhookDeliveries(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  state: string | undefined,
  page: Page,
): Promise<Answer> {
  permit(caller, 'webhooks.deliveries');
  const { tenantId } = caller;
  await webhookOf(vault, await vault.keyring.tenant(tenantId), id);
  const [rows] = await load(vault, tenantId, [listDeliveriesOf(tenantId, id, state, page.after, page.limit + 1)]);
  const body = pageOf(rows, page.limit, (row) => row.eventId, viewOf);
  return commitAct(vault, caller, act, { object: { kind: 'webhooks', id } }, [], { status: 200, body });
}

/** Queues again, under the same webhook-id: one that was settled, or all that were given up since. */
export async function redeliver(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  which: { readonly eventId: string } | { readonly since: Date },
): Promise<Answer> {
  permit(caller, 'webhooks.redeliver');
  const { tenantId } = caller;
  await inService(vault, caller, id);
  if ('eventId' in which) {
    const [[found]] = await load(vault, tenantId, [selectDelivery(tenantId, id, which.eventId)]);
    if (found === undefined) throw refuse('invalid_body', '/eventId', 'unknown_id');
    if (found.state === 'queued') throw refuse('conflict', '', 'queued');
  }
  const again = requeueDeliveries(tenantId, id, which, new Date(vault.now()));
  return commitAct(vault, caller, act, { object: { kind: 'webhooks', id } }, [again], {
    status: 202,
    body: { id, state: 'queued' },
  });
}

async function inService(vault: Vault, caller: Caller, id: string): Promise<void> {
  const row = await webhookOf(vault, await vault.keyring.tenant(caller.tenantId), id);
  if (row.disabledAt !== null) throw refuse('conflict', '', 'disabled');
}

function viewOf({ eventId, kind, state, reason, status, attempts, dueAt, createdAt, settledAt }: WebhookDelivery) {
  return {
    id: eventId,
    ...(isLegal(kind) ? {} : { kind }),
    state,
    ...(reason === null ? {} : { reason }),
    ...(status === null ? {} : { status }),
    attempts,
    ...timeView('createdAt', createdAt),
    ...(state === 'queued' ? timeView('dueAt', dueAt) : {}),
    ...timeView('settledAt', settledAt),
  };
}
