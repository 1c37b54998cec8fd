import type { IncomingMessage } from 'node:http';

import { refuse, VaultError } from '../errors.ts';

/**
 * Which of `types` the body is. Throws `unsupported_media_type` when it is none, not in UTF-8 or not as it is (no gzip to
 * blow up).
 */
export function requireMediaType<Type extends string>(req: IncomingMessage, ...types: readonly Type[]): Type {
  const { headers } = req;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw refuse('unsupported_media_type', 'header:Content-Encoding');
  }
  const sent = headers['content-type'] ?? '';
  const exactly = types.find((type) => type === sent);
  if (exactly !== undefined) return exactly;
  const [essence = '', ...parameters] = sent.split(';');
  const utf8 = parameters.every((parameter) => /^\s*charset="?utf-8"?\s*$/i.test(parameter));
  const found = types.find((type) => type === essence.trim().toLowerCase());
  if (found === undefined || !utf8 || parameters.length > 1) {
    throw refuse('unsupported_media_type', 'header:Content-Type');
  }
  return found;
}

/** Throws `not_acceptable` when Accept rules out all that may be answered (RFC 9110 section 12.5.1). */
export function requireAcceptable(req: IncomingMessage, produced: string | readonly string[]): void {
  const { accept } = req.headers;
  if (accept === undefined || accept === '*/*' || accept === produced) return;
  const types = typeof produced === 'string' ? [produced] : produced;
  const weights = new Map(accept.split(',', 100).map(rangeOf));
  // The most specific range that matches decides.
  const weightOf = (type: string) =>
    weights.get(type) ?? weights.get(`${type.slice(0, type.indexOf('/'))}/*`) ?? weights.get('*/*') ?? 0;
  if (types.every((type) => weightOf(type) === 0)) throw new VaultError('not_acceptable');
}

function rangeOf(text: string): [string, number] {
  const [range = '', ...parameters] = text.split(';');
  const weight = parameters.map((p) => /^\s*q=([01](?:\.\d{0,3})?)\s*$/i.exec(p)?.[1]).find((q) => q !== undefined);
  return [range.trim().toLowerCase(), weight === undefined ? 1 : Number(weight)];
}
