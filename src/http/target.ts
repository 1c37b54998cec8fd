import type { IncomingMessage } from 'node:http';

import { refuse, VaultError } from '../errors.ts';

const mostUriLength = 4096;
const mostHeaders = 100;
// RFC 3986 appendix A: pchar, "/" and, after "?", also "?". Percent-encoding is looked at when it is decoded.
const originForm = /^\/[\w\-.~!$&'()*+,;=:@%/]*(?:\?[\w\-.~!$&'()*+,;=:@%/?]*)?$/;
const absoluteForm = /^https?:\/\/[^/?#]+(?=[/?]|$)/i;
const hostForm = /^[\w.\-:[\]]{1,255}$/;

/**
 * Refuses a request line or Host that two readers could understand differently, and headers so many that Node leaves some
 * out, before any route sees them. Rewrites the absolute form that RFC 9112 section 3.2.2 asks servers to accept. Throws
 * `malformed_request`, `uri_too_long`, `headers_too_large`.
 */
export function checkHead(req: IncomingMessage): void {
  if (req.rawHeaders.length > 2 * mostHeaders) throw new VaultError('headers_too_large');
  const host = req.headers.host;
  // RFC 9112 section 3.2: required in HTTP/1.1; repeated ones arrive here joined by a comma.
  if (host === undefined ? req.httpVersion === '1.1' : !hostForm.test(host)) {
    throw refuse('malformed_request', 'header:Host', 'format');
  }
  let url = req.url ?? '';
  if (url.length > mostUriLength) throw new VaultError('uri_too_long');
  if (!url.startsWith('/') && absoluteForm.test(url)) {
    url = url.replace(absoluteForm, '');
    if (!url.startsWith('/')) url = `/${url}`;
    req.url = url;
  }
  if (!originForm.test(url)) throw new VaultError('malformed_request');
  const path = pathOf(url);
  if (path.includes('%')) decode(path);
}

export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/** Percent-decoding to UTF-8, without control characters. Throws `malformed_request`. */
export function decode(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw new VaultError('malformed_request');
  }
  if (/\p{Cc}/u.test(decoded)) throw new VaultError('malformed_request');
  return decoded;
}
