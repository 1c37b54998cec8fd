import { selectStandingCustomer, type StandingCustomerRow } from '../db/customers.ts';
import {
  claimMessages,
  postponeMessage,
  requireClaim,
  selectDueTenants,
  settleMessage,
  type ClaimedMessage,
  type Settlement,
} from '../db/messages.ts';
import { VaultError } from '../errors.ts';
import type { Channel, Party, Role, Telling } from '../policy/profile.ts';
import { contactField, maySendThrough, mayTell } from '../policy/sendThrough.ts';
import { longestTryMs, type Outgoing, type Sent } from '../sending/sender.ts';
import { load, write, type Act } from './act.ts';
import { leafStatement, type Deed } from './audit.ts';
import { mayStillTell, toldStatements } from './disclosureTelling.ts';
import type { TenantKeys } from './keyring.ts';
import { isOnItsWay, recipientRoute, routeOf, verificationRoute, type Obstacle, type Route } from './messageRoute.ts';
import { pauseAfter, workOff, type Outbox } from './outboxLoop.ts';
import { forResealing, openRecord } from './record.ts';
import { rounds } from './rounds.ts';
import { isGenuine } from './rowMac.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';
import { webhookOutbox } from './webhookSending.ts';

/** Tries of one message; with the pauses between them about four hours. */
const mostAttempts = 12;
const longestPauseMs = 60 * 60 * 1000;
const lookEveryMs = 1_000;

/**
 * Sends what is due: messages to persons, webhooks to systems. A process killed between the other side's yes and its own mark
 * leaves it to be sent again, under the same id, by which the other side tells a repetition.
 */
export async function sendDue(vault: Vault): Promise<void> {
  const channels = (['sms', 'email'] as const).filter((channel) => vault.senders[channel] !== undefined);
  if (channels.length > 0) await workOff(vault, messageOutbox(channels));
  if (vault.senders.webhook !== undefined) await workOff(vault, webhookOutbox);
}

const messageOutbox = (channels: readonly Channel[]): Outbox<ClaimedMessage> => ({
  claimMs: 4 * longestTryMs,
  dueTenants: selectDueTenants,
  claim: (tenantId, claim, limit) => claimMessages(tenantId, { ...claim, channels }, limit),
  attempt: deliver,
});

/** One try: judged anew, recorded before the address leaves, handed over, settled. */
async function deliver(vault: Vault, keys: TenantKeys, claim: string, row: ClaimedMessage): Promise<void> {
  const settle = (settled: Omit<Settlement, 'at'>) => settleAs(vault, keys, claim, row, settled);
  if (row.attempts > mostAttempts) return settle({ state: 'dead', reason: 'attempts' });
  const prepared = await prepare(vault, keys, row).catch(damaged);
  if (typeof prepared === 'string') {
    return settle(
      prepared === 'integrity' ? { state: 'dead', reason: prepared } : { state: 'withheld', reason: prepared },
    );
  }
  const field = contactField(row.recipientOrder === null ? 'natural' : 'recipient', row.channel as Channel);
  await write(vault, keys.tenantId, [
    requireClaim(keys.tenantId, row.id, claim),
    leaf(vault, keys, row, { full: field === undefined ? [] : [field] }),
  ]);
  const sent = (await vault.senders[row.channel as Channel]?.send(prepared)) ?? later;
  if (sent.outcome === 'taken') return settle({ state: 'sent', reason: null });
  if (sent.outcome === 'never') return settle({ state: 'dead', reason: sent.fault });
  if (row.attempts >= mostAttempts) return settle({ state: 'dead', reason: 'attempts' });
  const dueAt = new Date(vault.now() + pauseAfter(row.attempts, longestPauseMs));
  await write(vault, keys.tenantId, [postponeMessage(keys.tenantId, row.id, claim, { reason: sent.fault, dueAt })]);
}

const later: Sent = { outcome: 'later', fault: 'unreachable' };

/** What goes out and where to, or why it does not. */
async function prepare(
  vault: Vault,
  keys: TenantKeys,
  row: ClaimedMessage,
): Promise<Outgoing | Obstacle | 'policy' | 'integrity'> {
  if (!isGenuine(keys, 'messages', row)) return 'integrity';
  const policy = vault.watch.policy(keys.tenantId);
  const [[customer]] = await load(vault, keys.tenantId, [selectStandingCustomer(keys.tenantId, row.customerId)]);
  if (customer === undefined || customer.frozen) return 'customer';
  const party = row.recipientOrder === null ? customer.kind : 'recipient';
  if (!mayGo(policy, row, party)) return 'policy';
  const route = await routeNow(vault, keys, policy, customer, row);
  if (route.obstacle !== undefined) return route.obstacle;
  const record = openRecord(keys, 'message', { ...row, version: 1 });
  const text = (label: string): string => forResealing(record.value(label)) as string;
  return {
    id: row.id,
    to: route.to,
    text: text('text'),
    subject: record.labels.has('subject') ? text('subject') : undefined,
  };
}

/** By the profile's `tells`, or by the purposes of the department that asked. */
function mayGo({ profile }: Policy, row: ClaimedMessage, party: Party): boolean {
  const channel = row.channel as Channel;
  if (row.telling !== null)
    return (
      profile.tells?.[row.telling as Telling]?.purpose === row.purpose &&
      mayTell(profile, row.telling as Telling, party, channel)
    );
  const who = { role: row.role as Role, department: row.department ?? undefined };
  return maySendThrough(profile, who, row.purpose, party, channel);
}

async function routeNow(
  vault: Vault,
  keys: TenantKeys,
  policy: Policy,
  customer: StandingCustomerRow,
  { telling, about, recipientOrder, purpose, channel, role }: ClaimedMessage,
): Promise<Route> {
  if (telling === 'delivery_code' && !(await isOnItsWay(vault, keys.tenantId, about ?? '')))
    return { obstacle: 'over' };
  if (telling === 'disclosure' && !(await mayStillTell(vault, keys, about ?? ''))) return { obstacle: 'over' };
  if (telling === 'contact_verification') return verificationRoute(vault, keys, customer, about ?? '');
  if (recipientOrder !== null) return recipientRoute(vault, keys, recipientOrder);
  const rights = telling !== null || role === 'dpo';
  return routeOf(vault, keys, policy, customer, { purpose, channel: channel as Channel, rights });
}

/** A record that does not open will not open later; anything else is a reason to try again. */
function damaged(error: unknown): 'integrity' {
  if (error instanceof VaultError && error.code === 'integrity_failure') return 'integrity';
  throw error;
}

async function settleAs(
  vault: Vault,
  keys: TenantKeys,
  claim: string,
  row: ClaimedMessage,
  settled: Omit<Settlement, 'at'>,
): Promise<void> {
  const at = new Date(vault.now());
  if (settled.reason === 'integrity') vault.notice('integrity_failure', 'messages');
  const deed: Deed = {
    outcome: settled.state === 'sent' ? 'allowed' : 'refused',
    rule: settled.reason === null ? settled.state : `${settled.state}.${settled.reason}`,
  };
  await write(vault, keys.tenantId, [
    settleMessage(keys.tenantId, row.id, claim, { ...settled, at }),
    ...(settled.state === 'sent' && row.telling === 'disclosure'
      ? toldStatements(keys.tenantId, row.about ?? '', row.channel, at)
      : []),
    leaf(vault, keys, row, deed),
  ]);
}

/** In the name of who asked for the message, or whose act brought it about; of nobody where the clock did. */
function leaf(vault: Vault, { tenantId }: TenantKeys, row: ClaimedMessage, deed: Deed) {
  const { customerId: subjectId, purpose, id } = row;
  const object = { kind: 'messages', id };
  const { label: policyVersion } = vault.watch.policy(tenantId);
  const { outcome = 'allowed', rule = 'messages.deliver', full = [] } = deed;
  const swept = {
    tenantId,
    policyVersion,
    action: 'messages.deliver',
    rule,
    outcome,
    full,
    subjectId,
    object,
    purpose,
  };
  if (row.clientId === null) return sweepLeaf(swept, vault.now());
  const doer = { tenantId, clientId: row.clientId, role: row.role as Role, actor: row.actor ?? undefined };
  const act: Act = { action: 'messages.deliver', requestId: row.requestId };
  return leafStatement(vault, doer, act, { subjectId, purpose, object, ...deed });
}

/** Looks every second, one look at a time. Returns how to stop it: what is on its way out is waited for by its claim. */
export function keepSending(vault: Vault): () => void {
  return rounds(lookEveryMs, () => sendDue(vault));
}
