import { domainToASCII } from 'node:url';

import { accepted, rejected } from './identifier.ts';
import type { Parsed } from './identifier.ts';

// RFC 5321 section 4.1.2: Dot-string of atext. Quoted strings and SMTPUTF8 (RFC 6531) are not taken.
const localPart = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;
// RFC 1035 section 2.3.1 labels, at least two, the last one not a number.
const domainName = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * An e-mail address. The canonical form keeps the local part as typed and lower-cases the domain (a Persian domain goes
 * to its ASCII form). Reasons: `length` (1 to 254), `at_sign` (exactly one), `local_part`, `formula`, `domain`.
 */
export function parseEmail(input: string): Parsed {
  if (input.length === 0 || input.length > 254) return rejected('length');
  const [local, domain, ...rest] = input.split('@');
  if (local === undefined || domain === undefined || rest.length > 0) return rejected('at_sign');
  if (local.length > 64 || !localPart.test(local)) return rejected('local_part');
  // Legal, but a spreadsheet would run it.
  if (/^[=+-]/.test(local)) return rejected('formula');
  const ascii = asciiDomain(domain);
  if (ascii.length > 253 || !domainName.test(ascii)) return rejected('domain');
  const canonical = `${local}@${ascii}`;
  return canonical.length > 254 ? rejected('length') : accepted(canonical);
}

/** What the blind index is made from: two spellings of one mailbox differ in nothing but case. */
export function emailKey(canonical: string): string {
  return canonical.toLowerCase();
}

function asciiDomain(domain: string): string {
  // Pure ASCII is not sent through the URL parser, which would read 0x7f.1 as an address.
  return /[^\p{ASCII}]/u.test(domain) ? domainToASCII(domain) : domain.toLowerCase();
}
