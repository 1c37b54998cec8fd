import { longestTryMs, type Outgoing, type Sender, type Sent } from './sender.ts';

export interface SmsSettings {
  readonly url: string;
  /** Sent as a Bearer token. */
  readonly token: string | undefined;
  /** The line it comes from. */
  readonly from: string | undefined;
}

/**
 * A gateway that takes `POST` of `{ id, to, text, from? }` in JSON. `to` is E.164. `id` stands in `Idempotency-Key` too: a try
 * whose answer was lost is repeated under the same one. Redirects are not followed: they would carry the number elsewhere.
 */
export function smsGateway({ url, token, from }: SmsSettings): Sender {
  const closing = new AbortController();
  return {
    async send({ id, to, text }: Outgoing): Promise<Sent> {
      try {
        const response = await fetch(url, {
          method: 'POST',
          redirect: 'manual',
          signal: AbortSignal.any([AbortSignal.timeout(longestTryMs), closing.signal]),
          headers: {
            'content-type': 'application/json',
            accept: 'application/json',
            'idempotency-key': id,
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          },
          body: JSON.stringify({ id, to, text, ...(from === undefined ? {} : { from }) }),
        });
        await response.body?.cancel();
        return byStatus(response.status);
      } catch (error) {
        return { outcome: 'later', fault: faultOf(error) };
      }
    },
    close: () => closing.abort(),
  };
}

/** What a wrong token, an overload or a fault of the gateway stops may go through later; what it calls wrong will not. */
function byStatus(status: number): Sent {
  if (status >= 200 && status < 300) return { outcome: 'taken' };
  if (status === 401 || status === 403) return { outcome: 'later', fault: 'login' };
  if (status === 408 || status === 425 || status === 429 || status >= 500) return { outcome: 'later', fault: 'busy' };
  return status >= 400 ? { outcome: 'never', fault: 'refused' } : { outcome: 'later', fault: 'refused' };
}

function faultOf(error: unknown): 'timeout' | 'tls' | 'unreachable' {
  if (error instanceof Error && error.name === 'TimeoutError') return 'timeout';
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return /CERT|SSL|TLS|ALTNAME/.test(code) ? 'tls' : 'unreachable';
}
