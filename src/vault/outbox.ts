import { selectStandingCustomer } from '../db/customers.ts';
import {
  claimMessages,
  postponeMessage,
  requireClaim,
  selectDueTenants,
  settleMessage,
  type ClaimedMessage,
  type Settlement,
} from '../db/messages.ts';
import { commit } from '../db/commit.ts';
import { VaultError } from '../errors.ts';
import type { Channel, Role } from '../policy/profile.ts';
import { channelFields, maySendThrough } from '../policy/sendThrough.ts';
import { longestTryMs, type Outgoing, type Sent } from '../sending/sender.ts';
import { load, write, type Act } from './act.ts';
import { leafStatement, type Deed } from './audit.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { routeOf, type Obstacle } from './messages.ts';
import { forResealing, openRecord } from './record.ts';
import { isGenuine } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Longer than a try with all that goes before it, so that nobody takes over a message that is on its way out. */
const claimMs = 4 * longestTryMs;
const atOnce = 10;
/** Tries of one message; with these pauses between them about four hours. */
const mostAttempts = 12;
const firstPauseMs = 5_000;
const longestPauseMs = 60 * 60 * 1000;
const lookEveryMs = 1_000;

/**
 * Sends what is due. Any number of processes may: each takes its own. A process killed between the other side's yes and its
 * own mark leaves the message to be sent again, under the same id, by which the other side tells a repetition.
 */
export async function sendDue(vault: Vault): Promise<void> {
  const channels = (['sms', 'email'] as const).filter((channel) => vault.senders[channel] !== undefined);
  const tenantIds = vault.watch.tenants();
  if (channels.length === 0 || tenantIds.length === 0) return;
  const [due] = await commit(vault.db, { tenantIds }, [selectDueTenants(tenantIds, new Date(vault.now()))]);
  for (const { tenantId } of due) {
    // One tenant in trouble does not keep the others waiting.
    await sendDueOf(vault, tenantId, channels).catch(() => undefined);
  }
}

async function sendDueOf(vault: Vault, tenantId: string, channels: readonly Channel[]): Promise<void> {
  const keys = await vault.keyring.tenant(tenantId);
  for (;;) {
    const now = vault.now();
    const claim = { id: newId(now), now: new Date(now), until: new Date(now + claimMs), channels };
    const [claimed] = await write(vault, tenantId, [claimMessages(tenantId, claim, atOnce)]);
    if (claimed.length === 0) return;
    // Whatever happens to one, its claim runs out and it is tried again.
    await Promise.allSettled(claimed.map((row) => deliver(vault, keys, claim.id, row)));
  }
}

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
  const field = channelFields[row.channel as Channel];
  await write(vault, keys.tenantId, [
    requireClaim(keys.tenantId, row.id, claim),
    leaf(vault, keys, row, { full: [field] }),
  ]);
  const sent = (await vault.senders[row.channel as Channel]?.send(prepared)) ?? later;
  if (sent.outcome === 'taken') return settle({ state: 'sent', reason: null });
  if (sent.outcome === 'never') return settle({ state: 'dead', reason: sent.fault });
  if (row.attempts >= mostAttempts) return settle({ state: 'dead', reason: 'attempts' });
  const dueAt = new Date(vault.now() + pauseAfter(row.attempts));
  await write(vault, keys.tenantId, [postponeMessage(keys.tenantId, row.id, claim, { reason: sent.fault, dueAt })]);
}

const later: Sent = { outcome: 'later', fault: 'unreachable' };

const pauseAfter = (attempts: number): number => Math.min(longestPauseMs, firstPauseMs * 2 ** (attempts - 1));

/** What goes out and where to, or why it does not. */
async function prepare(
  vault: Vault,
  keys: TenantKeys,
  row: ClaimedMessage,
): Promise<Outgoing | Obstacle | 'policy' | 'integrity'> {
  if (!isGenuine(keys, 'messages', row)) return 'integrity';
  const { customerId, purpose } = row;
  const role = row.role as Role;
  const channel = row.channel as Channel;
  const policy = vault.watch.policy(keys.tenantId);
  const [[customer]] = await load(vault, keys.tenantId, [selectStandingCustomer(keys.tenantId, customerId)]);
  if (customer === undefined || customer.frozen) return 'customer';
  const who = { role, department: row.department ?? undefined };
  if (!maySendThrough(policy.profile, who, purpose, customer.kind, channel)) return 'policy';
  const route = await routeOf(vault, keys, policy, customer, { purpose, channel, role });
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
    leaf(vault, keys, row, deed),
  ]);
}

/** In the name of who asked for the message. */
function leaf(vault: Vault, { tenantId }: TenantKeys, row: ClaimedMessage, deed: Deed) {
  const doer = { tenantId, clientId: row.clientId, role: row.role as Role, actor: row.actor ?? undefined };
  const act: Act = { action: 'messages.deliver', requestId: row.requestId };
  const { customerId: subjectId, purpose, id } = row;
  return leafStatement(vault, doer, act, { subjectId, purpose, object: { kind: 'messages', id }, ...deed });
}

/** Looks every second, one look at a time. Returns how to stop it: what is on its way out is waited for by its claim. */
export function keepSending(vault: Vault): () => void {
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void sendDue(vault)
      .catch(() => undefined)
      .finally(() => {
        looking = false;
      });
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
