import type { WebhookSender } from './webhookSender.ts';

/** What goes out to one person, once. */
export interface Outgoing {
  /** The same for every try of one message, so that the other side can tell a repetition. */
  readonly id: string;
  readonly to: string;
  readonly text: string;
  readonly subject: string | undefined;
}

/** Why a try brought nothing; never what the other side said, which may repeat the address. */
export type SendFault = 'unreachable' | 'tls' | 'timeout' | 'login' | 'busy' | 'refused';

/** taken: the other side has it. later: try again. never: it will not take it, however often. */
export type Sent =
  | { readonly outcome: 'taken' }
  | { readonly outcome: 'later'; readonly fault: SendFault }
  | { readonly outcome: 'never'; readonly fault: SendFault };

/** Hands a message to the outside. Never rejects; answers within `longestTryMs`. */
export interface Sender {
  send(message: Outgoing): Promise<Sent>;
  close(): void;
}

/** Milliseconds. */
export const longestTryMs = 30_000;

export interface Senders {
  readonly sms?: Sender | undefined;
  readonly email?: Sender | undefined;
  /** To other systems, which are told of events. */
  readonly webhook?: WebhookSender | undefined;
}

/** Is this the machine itself, as far as a name can tell? Plain transport is for it alone. */
export function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || /^127(?:\.\d{1,3}){3}$/.test(bare);
}
