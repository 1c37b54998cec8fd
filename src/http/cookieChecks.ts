import * as z from 'zod';
import { checkCookie } from '../vault/cookieChecks.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';

// A cookie holds no control character (RFC 6265 section 4.1.1).
// oxlint-disable-next-line no-control-regex
const cookie = z.strictObject({ value: z.string().regex(/^[^\u0000-\u001F\u007F]*$/) });

export function cookieChecks(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/cookie-checks', 'cookies.check', { body: 'json' }, (request, caller, act) =>
    checkCookie(vault, caller, act, parseBody(cookie, request.body).value),
  );
}
