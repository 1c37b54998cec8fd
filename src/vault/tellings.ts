import { selectStandingCustomer, type StandingCustomerRow } from '../db/customers.ts';
import { insertMessages, type NewMessageRow } from '../db/messages.ts';
import type { OrderRow } from '../db/orders.ts';
import type { Statement } from '../db/statement.ts';
import type { Channel, Telling } from '../policy/profile.ts';
import { mayTell } from '../policy/sendThrough.ts';
import { load, type Act } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { newMessage } from './messageRecord.ts';
import { recipientMobile, routeOf } from './messageRoute.ts';
import { textOf } from './tellingTexts.ts';
import type { Vault } from './vault.ts';

/** Something a person is told of by the vault itself. */
export interface Told {
  readonly telling: Telling;
  /** Id of what it is about: of the request, the notice, the parcel. */
  readonly about: string;
  /** What stands in the text's places; words of ours, never anything that somebody typed. */
  readonly params: Readonly<Record<string, string>>;
}

/** Whose act it follows from; undefined when the clock brought it about. */
export type Teller = { readonly caller: Caller; readonly act: Act } | undefined;

/**
 * For the transaction of the act that a person is to hear of: queues the message, by each channel that the profile's `tells`
 * names, that is set up, and by which the person can be reached. No statements where the policy tells nothing, or nobody can
 * be reached: that is no reason for the act not to be done. To be put after what changes the person's own row, and of no use
 * to whoever is erased by the same act: the vault reaches them no more.
 */
export async function tellSubject(
  vault: Vault,
  tenantId: string,
  customerId: string,
  told: Told,
  by?: Teller,
): Promise<readonly Statement[]> {
  if (channelsOf(vault, tenantId, told.telling).length === 0) return [];
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, customerId)]);
  if (customer === undefined) return [];
  return queued(tenantId, await messagesTo(vault, await vault.keyring.tenant(tenantId), customer, told, by));
}

/** The statement that queues them; none for none. */
export function queued(tenantId: string, rows: readonly NewMessageRow[]): readonly Statement[] {
  return rows.length === 0 ? [] : [insertMessages(tenantId, rows)];
}

/** The messages by which a customer would be told. */
export async function messagesTo(
  vault: Vault,
  keys: TenantKeys,
  customer: StandingCustomerRow,
  told: Told,
  by?: Teller,
): Promise<readonly NewMessageRow[]> {
  const policy = vault.watch.policy(keys.tenantId);
  const rule = policy.profile.tells?.[told.telling];
  if (rule === undefined) return [];
  const rows: NewMessageRow[] = [];
  for (const channel of channelsOf(vault, keys.tenantId, told.telling)) {
    if (!mayTell(policy.profile, told.telling, customer.kind, channel)) continue;
    const sending = { purpose: rule.purpose, channel, rights: true };
    const { obstacle } = await routeOf(vault, keys, policy, customer, sending);
    if (obstacle !== undefined) continue;
    rows.push(ownMessage(vault, keys, told, { ...sending, customerId: customer.id, recipientOrder: null }, by));
  }
  return rows;
}

/** The same to the alternate recipient of an order: to a mobile, for there is nothing else. */
export function messagesToRecipient(
  vault: Vault,
  keys: TenantKeys,
  order: OrderRow,
  told: Told,
  by?: Teller,
): readonly NewMessageRow[] {
  const { profile } = vault.watch.policy(keys.tenantId);
  const rule = profile.tells?.[told.telling];
  const reachable = channelsOf(vault, keys.tenantId, told.telling).includes('sms');
  if (rule === undefined || !reachable || !mayTell(profile, told.telling, 'recipient', 'sms')) return [];
  if (recipientMobile(keys, order) === undefined) return [];
  const { customerId, id: recipientOrder } = order;
  return [
    ownMessage(vault, keys, told, { customerId, recipientOrder, purpose: rule.purpose, channel: 'sms' as const }, by),
  ];
}

/** Those of the profile that are set up. */
export function channelsOf(vault: Vault, tenantId: string, telling: Telling): readonly Channel[] {
  const { profile } = vault.watch.policy(tenantId);
  return (profile.tells?.[telling]?.channels ?? []).filter((channel) => vault.senders[channel] !== undefined);
}

interface Destination {
  readonly customerId: string;
  readonly recipientOrder: string | null;
  readonly purpose: string;
  readonly channel: Channel;
}

/** One message in the vault's own words, to where the teller knows that it may go. */
export function ownMessage(
  vault: Vault,
  keys: TenantKeys,
  { telling, about, params }: Told,
  { customerId, recipientOrder, purpose, channel }: Destination,
  by: Teller,
): NewMessageRow {
  const now = vault.now();
  const { subject, text } = textOf(telling, params);
  const content = new Map(Object.entries(channel === 'email' ? { subject, text } : { text }));
  const asked = { customerId, recipientOrder, purpose, channel, telling, about, ...doerOf(by, now) };
  return newMessage(keys, asked, content, now);
}

/** As sweepLeaf.ts names whoever acts when nobody asked. */
function doerOf(by: Teller, now: number) {
  if (by === undefined)
    return { clientId: null, role: 'system_admin', department: null, actor: 'sweep', requestId: newId(now) };
  const { clientId, role, department = null, actor = null } = by.caller;
  return { clientId, role, department, actor, requestId: by.act.requestId };
}
