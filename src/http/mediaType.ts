import type { IncomingMessage } from 'node:http';

import { refuse, VaultError } from '../errors.ts';

/** Throws `unsupported_media_type` unless the body is one of `types`, in UTF-8 and as it is (no gzip to blow up). */
export function requireMediaType(req: IncomingMessage, type: string): void {
  const { headers } = req;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw refuse('unsupported_media_type', 'header:Content-Encoding');
  }
  const sent = headers['content-type'];
  if (sent === type) return;
  const [essence = '', ...parameters] = (sent ?? '').split(';');
  const utf8 = parameters.every((parameter) => /^\s*charset="?utf-8"?\s*$/i.test(parameter));
  if (essence.trim().toLowerCase() !== type || !utf8 || parameters.length > 1) {
    throw refuse('unsupported_media_type', 'header:Content-Type');
  }
}

/** Throws `not_acceptable` when Accept rules out `type` (RFC 9110 section 12.5.1). */
export function requireAcceptable(req: IncomingMessage, type: string): void {
  const { accept } = req.headers;
  if (accept === undefined || accept === '*/*' || accept === type) return;
  const group = `${type.slice(0, type.indexOf('/'))}/*`;
  // The most specific range that matches decides.
  const weights = new Map(accept.split(',', 100).map(rangeOf));
  const weight = weights.get(type) ?? weights.get(group) ?? weights.get('*/*') ?? 0;
  if (weight === 0) throw new VaultError('not_acceptable');
}

function rangeOf(text: string): [string, number] {
  const [range = '', ...parameters] = text.split(';');
  const weight = parameters.map((p) => /^\s*q=([01](?:\.\d{0,3})?)\s*$/i.exec(p)?.[1]).find((q) => q !== undefined);
  return [range.trim().toLowerCase(), weight === undefined ? 1 : Number(weight)];
}
