import type { MessageFacts, NewMessageRow } from '../db/messages.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { sealNew, type Values } from './record.ts';
import { macOf } from './rowMac.ts';

/** A message as it is queued: its text sealed under a key of its own, the rest under its MAC. */
export function newMessage(
  keys: TenantKeys,
  asked: Omit<MessageFacts, 'id' | 'createdAt' | 'mac'>,
  content: Values,
  now: number,
): NewMessageRow & { readonly digest: Buffer } {
  const id = newId(now);
  const { digest, dataKey, sealed, keyVersion } = sealNew(keys, 'message', id, content);
  const facts = { ...asked, id, createdAt: new Date(now) };
  return { ...facts, mac: macOf(keys, 'messages', facts), keyVersion, dataKey, sealed, digest };
}
