import type { IncomingHttpHeaders } from 'node:http';
import { refuse } from '../errors.ts';

/**
 * The version in If-Match (RFC 9110 section 13.1.1): `"3"`. Required; a tag that names no version of ours (a weak one, a
 * list, `*`) cannot be the stored one, so it is undefined and the record counts as changed.
 */
export function requireVersion(headers: IncomingHttpHeaders): number | undefined {
  const tag = headers['if-match'];
  if (tag === undefined) throw refuse('precondition_required', 'header:If-Match');
  const version = /^"([1-9]\d{0,8})"$/.exec(tag)?.[1];
  return version === undefined ? undefined : Number(version);
}

/** The same where the client may leave it out: `any` when it does. */
export function versionIfAny(headers: IncomingHttpHeaders): number | 'any' | undefined {
  return headers['if-match'] === undefined ? 'any' : requireVersion(headers);
}
