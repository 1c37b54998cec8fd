import { parseStrictJson } from '../formats/json.ts';
import { VaultError } from '../errors.ts';

/** A compact JWS (RFC 7515 section 7.1) taken apart. Nothing in it is believed yet: no signature has been checked. */
export interface CompactToken {
  readonly header: unknown;
  readonly payload: unknown;
  readonly signature: Buffer;
}

const limits = { maxDepth: 4 };

/**
 * Three segments of canonical base64url, the first two strict JSON. jsonwebtoken is lenient in each of these: it drops
 * padding, whitespace and spare bits of the last character, and lets the last of two equal keys win.
 * Throws `unauthenticated` for anything else.
 */
export function parseCompactToken(token: string, maxLength: number): CompactToken {
  if (token.length > maxLength) throw new VaultError('unauthenticated');
  const segments = token.split('.');
  const [header, payload, signature] = segments;
  if (header === undefined || payload === undefined || signature === undefined || segments.length !== 3) {
    throw new VaultError('unauthenticated');
  }
  return { header: json(header), payload: json(payload), signature: bytes(signature) };
}

function bytes(segment: string): Buffer {
  const decoded = Buffer.from(segment, 'base64url');
  if (segment === '' || decoded.toString('base64url') !== segment) throw new VaultError('unauthenticated');
  return decoded;
}

function json(segment: string): unknown {
  try {
    return parseStrictJson(bytes(segment), limits);
  } catch {
    throw new VaultError('unauthenticated');
  }
}
