import { insertMessage, selectMessage, type MessageRow } from '../db/messages.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { consentAsked } from '../policy/consent.ts';
import type { Channel } from '../policy/profile.ts';
import { maySendThrough } from '../policy/sendThrough.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { headOf, sends, suppressedAt } from './consentHead.ts';
import { contactPointsOf } from './contactPoints.ts';
import { selectStandingCustomer } from '../db/customers.ts';
import type { CustomerRow } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { filled, type TemplateName } from './messageTemplates.ts';
import { permit } from './permit.ts';
import { sealNew, type Value } from './record.ts';
import { checkMac, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** What is said: in the sender's own words, or by a text of the vault's. */
export type Content =
  | { readonly subject: string | undefined; readonly text: string }
  | { readonly template: TemplateName; readonly params: Readonly<Record<string, string>> };

export interface NewMessage {
  readonly customerId: string;
  readonly purpose: string;
  readonly channel: Channel;
  readonly content: Content;
}

/** Characters. */
const longest = { sms: 1_000, email: 20_000 } as const satisfies Readonly<Record<Channel, number>>;

/** Takes a message for a person. Who asks never learns the address; it is looked up when the message goes out. */
export async function sendMessage(vault: Vault, caller: Caller, act: Act, input: NewMessage): Promise<Answer> {
  permit(caller, 'messages.send');
  const { tenantId } = caller;
  const { customerId, purpose, channel } = input;
  const policy = vault.watch.policy(tenantId);
  const content = checked(channel, input.content);
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, customerId)]);
  if (customer === undefined) throw refuse('invalid_body', '/customerId', 'unknown_id');
  const keys = await vault.keyring.tenant(tenantId);
  if (!maySendThrough(policy.profile, caller, purpose, customer.kind, channel))
    throw refuse('not_permitted', '/purpose', 'not_in_policy');
  if (vault.senders[channel] === undefined) throw refuse('channel_unavailable', '/channel');
  const obstacle = (await routeOf(vault, keys, policy, customer, { purpose, channel, role: caller.role })).obstacle;
  if (obstacle !== undefined) throw new VaultError(refusals[obstacle]);
  const now = vault.now();
  const id = newId(now);
  const { digest, dataKey, sealed, keyVersion } = sealNew(keys, 'message', id, content);
  const { clientId, role, department = null, actor = null } = caller;
  const asked = { clientId, role, department, actor, requestId: act.requestId };
  const facts = { id, customerId, purpose, channel, ...asked, createdAt: new Date(now) };
  const row = { ...facts, mac: macOf(keys, 'messages', facts), keyVersion, dataKey, sealed };
  const deed = { subjectId: customerId, object: { kind: 'messages', id }, purpose, digest, recordVersion: 1 };
  return commitAct(vault, caller, act, deed, [requireReveals(tenantId, customerId), insertMessage(tenantId, row)], {
    status: 202,
    headers: { Location: `/v1/messages/${id}` },
    body: { id, state: 'queued' },
  });
}

/** Throws `invalid_body` with every fault. */
function checked(channel: Channel, content: Content): ReadonlyMap<string, Value> {
  if ('template' in content) {
    const made = filled(content.template, content.params);
    if (!('text' in made)) throw new VaultError('invalid_body', made);
    return new Map(Object.entries(channel === 'email' ? made : { text: made.text }));
  }
  const { subject, text } = content;
  const wrongText = checkText(text.replaceAll('\n', ' '), { max: longest[channel], kind: 'text' });
  if (wrongText !== undefined) throw refuse('invalid_body', '/text', wrongText);
  if ((subject !== undefined) !== (channel === 'email'))
    throw refuse('invalid_body', '/subject', channel === 'email' ? 'required' : 'not_of_this_channel');
  const wrongSubject = subject === undefined ? undefined : checkText(subject, { max: 150, kind: 'text' });
  if (wrongSubject !== undefined) throw refuse('invalid_body', '/subject', wrongSubject);
  return new Map(Object.entries({ text, ...(subject === undefined ? {} : { subject }) }));
}

/** Why a message may not go to a person now. */
export type Obstacle = 'customer' | 'consent' | 'contact';

const refusals = {
  customer: 'conflict',
  consent: 'consent_required',
  contact: 'no_contact_point',
} as const satisfies Readonly<Record<Obstacle, string>>;

/**
 * The official contact point, or what stands in the way: the state of the account, the person's own word, or that there is
 * none. Asked when a message is taken and again before every try, of the database.
 */
export async function routeOf(
  vault: Vault,
  keys: TenantKeys,
  { profile }: Policy,
  customer: CustomerRow,
  { purpose, channel, role }: { readonly purpose: string; readonly channel: Channel; readonly role: string },
): Promise<{ readonly obstacle: Obstacle } | { readonly obstacle?: undefined; readonly to: string }> {
  const state = profile.states[customer.status];
  const asked = consentAsked(profile, purpose) !== undefined;
  // Whoever is deactivated still hears of their rights and of what changes.
  if (asked ? !state.marketing : !state.ordinaryReads && role !== 'dpo') return { obstacle: 'customer' };
  const contacts = contactPointsOf(keys, customer);
  const to = contacts.points[channel][0];
  if (asked) {
    const { standings } = await headOf(vault, keys, customer.id);
    const suppressed = await suppressedAt(vault, keys, [purpose], [channel], contacts);
    if (!sends(profile, purpose, channel, { guest: contacts.guest, standings, suppressed }))
      return { obstacle: 'consent' };
  }
  return to === undefined ? { obstacle: 'contact' } : { to };
}

/** How a message stands, without whom it went to: for who asked for it, and the protection officer. */
export async function readMessage(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'messages.read');
  const { tenantId } = caller;
  const [[row]] = await load(vault, tenantId, [selectMessage(tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(await vault.keyring.tenant(tenantId), 'messages', row);
  if (caller.role !== 'dpo' && row.clientId !== caller.clientId) throw new VaultError('not_found');
  const deed = { subjectId: row.customerId, object: { kind: 'messages', id } };
  return commitAct(vault, caller, act, deed, [], { status: 200, body: viewOf(row) });
}

function viewOf(row: MessageRow) {
  const { id, customerId, purpose, channel, state, reason, attempts, dueAt, createdAt, settledAt } = row;
  return {
    id,
    customerId,
    purpose,
    channel,
    state,
    ...(reason === null ? {} : { reason }),
    attempts,
    ...timeView('createdAt', createdAt),
    ...(state === 'queued' ? timeView('dueAt', dueAt) : {}),
    ...timeView('settledAt', settledAt),
  };
}
