import { lookup as systemLookup } from 'node:dns';
import { request as plainRequest } from 'node:http';
import { request as secureRequest, type RequestOptions } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isAllowableAddress, isPublicAddress } from './addresses.ts';
import { isLoopback, type SendFault } from './sender.ts';

/** What goes out to another system, once. */
export interface Posting {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `address`: the name leads to where nothing is sent. */
export type PostFault = Extract<SendFault, 'unreachable' | 'tls' | 'timeout'> | 'address';
/** What came back: a status and, of a wait that was asked for, milliseconds; or nothing. */
export type Posted =
  { readonly status: number; readonly retryAfterMs: number | undefined } | { readonly fault: PostFault };

/** Never rejects; answers within `longestPostMs`. Follows no redirect and reads no body. */
export interface WebhookSender {
  /** Why nothing may be sent there, as far as the text tells; undefined when something may. */
  refusal(url: string): 'format' | 'not_https' | 'address' | undefined;
  post(posting: Posting): Promise<Posted>;
  close(): void;
}

/** Milliseconds; Standard Webhooks 1.0.0, "Request timeouts": 15 to 30 seconds. */
export const longestPostMs = 20_000;
const longestUrl = 2_000;

/**
 * Posts to public hosts over TLS, and to those that the operator names, which may be private ones; plainly only to this machine
 * itself, and only if it is named. Where a name leads is looked up for each connection, and the connection goes to what was
 * looked at.
 */
export function webhookSender(allowedHosts: readonly string[], lookup = systemLookup): WebhookSender {
  const closing = new AbortController();
  const isAllowed = (hostname: string): boolean => allowedHosts.includes(bare(hostname));
  const goes = (hostname: string, address: string): boolean =>
    isPublicAddress(address) || (isAllowed(hostname) && isAllowableAddress(address));

  function refusal(text: string): ReturnType<WebhookSender['refusal']> {
    if (text.length > longestUrl || !URL.canParse(text)) return 'format';
    const { protocol, hostname, username, password, hash } = new URL(text);
    if (hostname === '' || username !== '' || password !== '' || hash !== '') return 'format';
    if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback(hostname) && isAllowed(hostname)))
      return 'not_https';
    const host = bare(hostname);
    if (isIP(host) !== 0 ? !goes(hostname, host) : isLoopback(hostname) && !isAllowed(hostname)) return 'address';
    return undefined;
  }

  return {
    refusal,
    close: () => closing.abort(),
    post({ url, headers, body }) {
      if (refusal(url) !== undefined) return Promise.resolve({ fault: 'address' });
      const signal = AbortSignal.any([AbortSignal.timeout(longestPostMs), closing.signal]);
      const { hostname } = new URL(url);
      const options = {
        method: 'POST',
        agent: false,
        signal,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        lookup: checkedLookup(lookup, (address) => goes(hostname, address)),
      };
      return exchange(url, options, body).catch((error: unknown) => ({ fault: faultOf(error) }));
    },
  };
}

const bare = (hostname: string): string => hostname.toLowerCase().replace(/^\[|\]$/g, '');

class RefusedAddress extends Error {}

/** One address that may not be reached spoils the name: the next look-up could lead there. */
function checkedLookup(lookup: typeof systemLookup, goes: (address: string) => boolean): LookupFunction {
  return (hostname, { all, family, hints, order }, answer) => {
    lookup(hostname, { all: true, ...defined({ family, hints, order }) }, (error, found) => {
      if (error !== null) return answer(error, []);
      if (found.length === 0 || !found.every(({ address }) => goes(address))) return answer(new RefusedAddress(), []);
      const [first] = found;
      return all === true || first === undefined ? answer(null, found) : answer(null, first.address, first.family);
    });
  };
}

function defined<T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}

/** The head of the answer is all that is read of it. */
function exchange(url: string, options: RequestOptions, body: string): Promise<Posted> {
  const send = url.startsWith('https:') ? secureRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const sent = send(url, options, (response) => {
      const { statusCode = 0 } = response;
      resolve({ status: statusCode, retryAfterMs: secondsOf(response.headers['retry-after']) });
      response.destroy();
    });
    sent.on('error', reject).end(body);
  });
}

/** RFC 9110 section 10.2.3; a date is not taken. */
function secondsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined;
}

function faultOf(error: unknown): PostFault {
  if (error instanceof RefusedAddress) return 'address';
  const { name, code } = (error instanceof Error ? error : {}) as { readonly name?: string; readonly code?: unknown };
  if (name === 'TimeoutError' || name === 'AbortError') return 'timeout';
  return /CERT|SSL|TLS|ALTNAME|EPROTO/.test(String(code)) ? 'tls' : 'unreachable';
}
