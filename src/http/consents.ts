import * as z from 'zod';
import { readConsents } from '../vault/consentRegister.ts';
import { giveConsent, withdrawConsent } from '../vault/consents.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { channels, consentMethods } from '../policy/profile.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { source, textVersion } from './shapes.ts';

const purpose = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/);
const someChannels = z
  .array(z.enum(channels))
  .min(1)
  .max(channels.length)
  .refine((list) => new Set(list).size === list.length, { params: { reason: 'duplicate' } });
const given = z.strictObject({
  purpose,
  channels: someChannels,
  method: z.enum(consentMethods),
  source,
  textVersion,
});
const withdrawn = z.strictObject({ purpose: purpose.optional(), channels: someChannels.optional(), source });

export function consents(declare: DeclareAct, vault: Vault): void {
  const path = '/v1/customers/:id/consents';
  declare('post', path, 'consents.give', { body: 'json' }, (request, caller, act) =>
    giveConsent(vault, caller, act, idOf(request), parseBody(given, request.body)),
  );
  declare('get', path, 'consents.read', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    readConsents(vault, caller, act, idOf(request), parsePage(request.query.limit, request.query.cursor)),
  );
  declare('post', `${path}/withdraw`, 'consents.withdraw', { body: 'json' }, (request, caller, act) => {
    const { purpose: of, channels: by, source: from } = parseBody(withdrawn, request.body);
    return withdrawConsent(vault, caller, act, idOf(request), { purpose: of, channels: by, source: from });
  });
}
