import { selectClientsInService } from '../db/clients.ts';
import { changeWebhook, insertWebhook, listWebhooks as listStatement } from '../db/webhooks.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { eventRule, isLegal } from './eventKinds.ts';
import { newId } from './ids.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes, checkMac } from './rowMac.ts';
import type { Vault } from './vault.ts';
import { freshSecret, newEndpoint, nextEndpoint, openEndpoint, webhookOf, webhookView } from './webhookRecord.ts';

export interface NewWebhook {
  /** Whose system it is: it hears what that client's role hears, for as long as the client is in service. */
  readonly clientId: string;
  readonly url: string;
  readonly kinds: readonly string[];
}

/** Secrets of one endpoint that may be live at once. */
const mostSecrets = 3;

/** That a webhook failed is nothing that a webhook tells. */
const untold: ReadonlySet<string> = new Set(['webhook.failed']);

/** May an endpoint of this role be told of this kind? */
export function mayHear(audience: string, kind: string): boolean {
  return !untold.has(kind) && eventRule(kind)?.audience.some((role) => role === audience) === true;
}

/**
 * An endpoint's address is its registrant's choice, and what goes there is read by whoever waits there: what tells of a legal order
 * is registered by its own client, everything else by the administrator.
 */
function checkWhose({ role, clientId }: Caller, input: NewWebhook): void {
  const isAdmin = role === 'system_admin';
  if (!isAdmin && clientId !== input.clientId) throw refuse('not_permitted', '/clientId', 'own_client_only');
  const anothers = input.kinds.findIndex((kind) => isLegal(kind) === isAdmin);
  if (anothers < 0) return;
  throw refuse('not_permitted', `/kinds/${anothers}`, isAdmin ? 'own_client_only' : 'administrator_only');
}

/** Registers an endpoint. The secret is shown here and nowhere again. */
export async function createWebhook(vault: Vault, caller: Caller, act: Act, input: NewWebhook): Promise<Answer> {
  permit(caller, 'webhooks.create');
  const { tenantId } = caller;
  const { clientId, url } = input;
  checkWhose(caller, input);
  const sender = vault.senders.webhook;
  if (sender === undefined) throw refuse('channel_unavailable', '/url');
  const fault = sender.refusal(url);
  if (fault !== undefined) throw refuse('invalid_body', '/url', fault);
  const [[client]] = await load(vault, tenantId, [selectClientsInService(tenantId, [clientId])]);
  if (client === undefined) throw refuse('invalid_body', '/clientId', 'unknown_id');
  const keys = await vault.keyring.tenant(tenantId);
  checkMac(keys, 'clients', client);
  const deaf = input.kinds.findIndex((kind) => !mayHear(client.role, kind));
  if (deaf >= 0) throw refuse('not_permitted', `/kinds/${deaf}`, 'not_for_role');
  const at = new Date(vault.now());
  const id = newId(vault.now());
  const secret = freshSecret();
  const kinds = [...new Set(input.kinds)].sort();
  const facts = { id, clientId, audience: client.role, kinds, createdAt: at, disabledAt: null, disabledReason: null };
  const row = newEndpoint(keys, facts, { url, secrets: [secret] });
  const deed = { object: { kind: 'webhooks', id }, digest: row.digest, recordVersion: 1 };
  return commitAct(vault, caller, act, deed, [insertWebhook(tenantId, row)], {
    status: 201,
    headers: { Location: `/v1/webhooks/${id}`, ETag: '"1"' },
    body: { id, secret: secret.secret },
  });
}

export async function listWebhooks(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'webhooks.list');
  const { tenantId } = caller;
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'webhooks', row) ? webhookView(keys, row) : undefined),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

export async function readWebhook(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'webhooks.read');
  const keys = await vault.keyring.tenant(caller.tenantId);
  const row = await webhookOf(vault, keys, id);
  return commitAct(vault, caller, act, { object: { kind: 'webhooks', id } }, [], {
    status: 200,
    headers: { ETag: `"${row.version}"` },
    body: webhookView(keys, row),
  });
}

/** Nothing is sent there any more, from the next try on. There is no way back. */
export async function disableWebhook(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  expected: number | 'any' | undefined,
): Promise<Answer> {
  permit(caller, 'webhooks.patch');
  const keys = await vault.keyring.tenant(caller.tenantId);
  const row = await webhookOf(vault, keys, id);
  if (expected !== 'any' && expected !== row.version) throw new VaultError('precondition_failed');
  const change = { disabledAt: new Date(vault.now()), disabledReason: 'asked' };
  const next = row.disabledAt === null ? nextEndpoint(keys, row, change) : undefined;
  const stands = next ?? row;
  const deed = { object: { kind: 'webhooks', id }, recordVersion: stands.version };
  return commitAct(vault, caller, act, deed, next === undefined ? [] : [changeWebhook(caller.tenantId, next)], {
    status: 200,
    headers: { ETag: `"${stands.version}"` },
    body: webhookView(keys, stands),
  });
}

/** A further secret; webhooks are signed with the ones before it as well for `overlapSeconds` more (0: not at all). */
export async function renewWebhookSecret(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  overlapSeconds: number,
): Promise<Answer> {
  permit(caller, 'webhooks.renew_secret');
  const keys = await vault.keyring.tenant(caller.tenantId);
  const row = await webhookOf(vault, keys, id);
  if (row.disabledAt !== null) throw refuse('conflict', '', 'disabled');
  const now = vault.now();
  const until = new Date(now + overlapSeconds * 1000);
  const { url, secrets } = openEndpoint(keys, row);
  const old = secrets
    .filter((one) => one.until === null || Date.parse(one.until) > now)
    .map((one) => ({ ...one, until: ends(one.until, until) }))
    .filter((one) => Date.parse(one.until) > now);
  if (old.length >= mostSecrets) throw refuse('conflict', '', 'too_many');
  const fresh = freshSecret();
  const next = nextEndpoint(keys, row, {}, { url, secrets: [fresh, ...old] });
  const deed = { object: { kind: 'webhooks', id }, digest: next.digest, recordVersion: next.version };
  return commitAct(vault, caller, act, deed, [changeWebhook(caller.tenantId, next)], {
    status: 201,
    body: { id, secret: fresh.secret, oldSecretsUntil: until.toISOString() },
  });
}

/** The sooner of the two. */
function ends(was: string | null, until: Date): string {
  return was !== null && Date.parse(was) < until.getTime() ? was : until.toISOString();
}
