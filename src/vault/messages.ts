import { insertMessages, selectMessage, type MessageRow } from '../db/messages.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import type { Channel } from '../policy/profile.ts';
import { maySendThrough } from '../policy/sendThrough.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { selectStandingCustomer } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import { newMessage } from './messageRecord.ts';
import { routeOf, type Obstacle } from './messageRoute.ts';
import { filled, type TemplateName } from './messageTemplates.ts';
import { permit } from './permit.ts';
import type { Value } from './record.ts';
import { checkMac } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

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
  const rights = caller.role === 'dpo';
  const { obstacle } = await routeOf(vault, keys, policy, customer, { purpose, channel, rights });
  if (obstacle === 'assurance') throw refuse('no_contact_point', '/channel', 'not_confirmed');
  if (obstacle !== undefined) throw new VaultError(refusals[obstacle]);
  const now = vault.now();
  const { clientId, role, department = null, actor = null } = caller;
  const asked = { clientId, role, department, actor, requestId: act.requestId };
  const row = newMessage(keys, { customerId, purpose, channel, ...asked, ...notOurs }, content, now);
  const { id, digest } = row;
  const deed = { subjectId: customerId, object: { kind: 'messages', id }, purpose, digest, recordVersion: 1 };
  return commitAct(vault, caller, act, deed, [requireReveals(tenantId, customerId), insertMessages(tenantId, [row])], {
    status: 202,
    headers: { Location: `/v1/messages/${id}` },
    body: { id, state: 'queued' },
  });
}

/** What another system asks for is none of the vault's own tellings. */
const notOurs = { telling: null, about: null, recipientOrder: null };

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

const refusals = {
  customer: 'conflict',
  consent: 'consent_required',
  contact: 'no_contact_point',
  over: 'conflict',
} as const satisfies Readonly<Record<Exclude<Obstacle, 'assurance'>, string>>;

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
  const { id, customerId, purpose, channel, telling, state, reason, attempts, dueAt, createdAt, settledAt } = row;
  return {
    id,
    customerId,
    purpose,
    channel,
    ...(telling === null ? {} : { telling }),
    state,
    ...(reason === null ? {} : { reason }),
    attempts,
    ...timeView('createdAt', createdAt),
    ...(state === 'queued' ? timeView('dueAt', dueAt) : {}),
    ...timeView('settledAt', settledAt),
  };
}
