import { refuse } from '../errors.ts';
import { findingsInCookie, mostCookieBytes } from '../formats/cookieSafe.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

/** E28: may the shop put this into a cookie? The value is looked at, kept nowhere, and the leaf says the answer alone. */
export async function checkCookie(vault: Vault, caller: Caller, act: Act, value: string): Promise<Answer> {
  permit(caller, 'cookies.check');
  if (Buffer.byteLength(value) > mostCookieBytes) throw refuse('invalid_body', '/value', 'too_long');
  const found = findingsInCookie(value);
  const safe = found.length === 0;
  const rule = safe ? 'cookies.safe' : 'cookies.unsafe';
  return commitAct(vault, caller, act, { rule }, [], { status: 200, body: { safe, found } });
}
