import { refuse, VaultError } from '../errors.ts';
import { decode } from './target.ts';

const mostQueryLength = 2048;
const mostPairs = 64;
const safeName = /^[A-Za-z][A-Za-z0-9_]{0,39}$/;

export type Query<Name extends string = string> = Readonly<Partial<Record<Name, string>>>;
const none: Query = Object.freeze({});

/**
 * The query of a URL. A name comes at most once and only if the route knows it; `+` is a space. Throws `malformed_request`
 * (encoding, repeated name), `uri_too_long`, `invalid_query` (unknown name).
 */
export function readQuery(url: string, allowed: readonly string[]): Query {
  const start = url.indexOf('?');
  if (start < 0 || start === url.length - 1) return none;
  if (url.length - start > mostQueryLength) throw new VaultError('uri_too_long');
  const query: Record<string, string> = {};
  for (const [name, value] of readPairs(url.slice(start + 1), '?')) {
    if (!allowed.includes(name)) throw refuse('invalid_query', pointerTo('?', name), 'unknown_parameter');
    query[name] = value;
  }
  return query;
}

/** `a=b&c=d`, decoded, each name once. Names of a fault are repeated only when they cannot be data. */
export function readPairs(text: string, pointer: '?' | '/'): Map<string, string> {
  const pairs = new Map<string, string>();
  const parts = text.split('&', mostPairs + 1);
  if (parts.length > mostPairs) throw refuse('malformed_request', pointer, 'too_many');
  for (const part of parts) {
    if (part === '') continue;
    const cut = part.indexOf('=');
    const name = decodeForm(cut < 0 ? part : part.slice(0, cut), pointer);
    if (pairs.has(name)) throw refuse('malformed_request', pointerTo(pointer, name), 'duplicate');
    pairs.set(name, cut < 0 ? '' : decodeForm(part.slice(cut + 1), pointerTo(pointer, name)));
  }
  return pairs;
}

const pointerTo = (pointer: string, name: string): string => (safeName.test(name) ? pointer + name : pointer);

function decodeForm(text: string, pointer: string): string {
  try {
    return decode(text.replaceAll('+', ' '));
  } catch {
    throw refuse('malformed_request', pointer, 'encoding');
  }
}
