import { isIP } from 'node:net';
import { UsageFault } from './command.ts';

/** The vault's service did not do what was asked. The message is for the operator and holds no data. */
export class ServiceFault extends Error {
  /** An exit code by its name. */
  readonly kind: 'unavailable' | 'config' | 'software';

  constructor(kind: ServiceFault['kind'], message: string) {
    super(message);
    this.name = 'ServiceFault';
    this.kind = kind;
  }
}

export interface Credentials {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The staff member the client acts for. */
  readonly actor?: string | undefined;
  /** The customer whose own view it is: the token is exchanged for one that is theirs alone. */
  readonly customerId?: string | undefined;
}

export interface Sending {
  readonly body?: string | Buffer | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client of the vault, whose token is renewed before it runs out. */
export interface Session {
  readonly clientId: string;
  readonly actor: string | undefined;
  /** Throws `ServiceFault` when the service cannot be reached or takes the credentials for none. */
  send(method: string, path: string, sending?: Sending): Promise<Response>;
}

/** A token is renewed when it has less than this left. */
const spareMs = 30_000;

/** Takes the address of a vault. Personal data go in clear to this machine only. Throws `UsageFault`. */
export function serviceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new UsageFault('--url must be an https:// URL');
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new UsageFault('--url must be https://: http:// would send personal data in clear over the network');
  return url.href.replace(/\/$/, '');
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

export function openSession(credentials: Credentials): Session {
  let token: { readonly value: string; readonly until: number } | undefined;
  const current = async (): Promise<string> => {
    if (token === undefined || token.until - spareMs < Date.now()) token = await requestToken(credentials);
    return token.value;
  };
  const send: Session['send'] = async (method, path, sending = {}) => {
    const authorization = `Bearer ${await current()}`;
    const answer = await reach(credentials.url + path, {
      method,
      headers: { authorization, ...sending.headers },
      ...(sending.body === undefined ? {} : { body: bytesOf(sending.body) }),
    });
    if (answer.status === 401) token = undefined;
    return answer;
  };
  return { clientId: credentials.clientId, actor: credentials.actor, send };
}

const bytesOf = (body: string | Buffer): string | Uint8Array<ArrayBuffer> =>
  typeof body === 'string' ? body : new Uint8Array(body);

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** Client credentials (RFC 6749 section 4.4) or token exchange (RFC 8693), the client by HTTP Basic. */
async function requestToken({ url, clientId, clientSecret, actor, customerId }: Credentials) {
  const form = new URLSearchParams({
    ...(customerId === undefined
      ? { grant_type: 'client_credentials' }
      : { grant_type: tokenExchange, requested_subject: customerId }),
    ...(actor === undefined ? {} : { actor }),
  });
  const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
  const answer = await reach(`${url}/oauth/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: form.toString(),
  });
  if (answer.status >= 500 || answer.status === 429)
    throw new ServiceFault('unavailable', `${url} answers ${answer.status}.`);
  const body: unknown = await answer.json().catch(() => undefined);
  if (answer.status !== 200 || !isToken(body)) {
    throw new ServiceFault(
      'config',
      `${url} does not take these credentials (${answer.status}): check client id and secret.`,
    );
  }
  return { value: body.access_token, until: Date.now() + body.expires_in * 1000 };
}

function isToken(body: unknown): body is { access_token: string; expires_in: number } {
  return typeof body === 'object' && body !== null && 'access_token' in body && 'expires_in' in body;
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'error' });
  } catch {
    throw new ServiceFault('unavailable', `${new URL(url).origin} cannot be reached.`);
  }
}
