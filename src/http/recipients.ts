import * as z from 'zod';
import { parsePage } from '../vault/page.ts';
import {
  createRecipient,
  linkClient,
  listRecipients,
  readRecipient,
  revokeRecipient,
  undertake,
} from '../vault/recipients.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { id, instant, nothing } from './shapes.ts';
import { undertaking } from './undertakingShape.ts';

const mostFields = 50;

const newRecipient = z.strictObject({
  name: z.string(),
  kind: z.enum(['courier', 'payment_processor', 'trusted_body']),
  purpose: z.string(),
  fields: z.array(z.string()).max(mostFields).optional(),
  contractRef: z.string(),
  expiresAt: instant,
});
const link = z.strictObject({ clientId: id });

export function recipients(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/recipients', 'recipients.create', { body: 'json' }, (request, caller, act) =>
    createRecipient(vault, caller, act, parseBody(newRecipient, request.body)),
  );
  declare('get', '/v1/recipients', 'recipients.list', { query: ['limit', 'cursor'] }, ({ query }, caller, act) =>
    listRecipients(vault, caller, act, parsePage(query.limit, query.cursor)),
  );
  declare('get', '/v1/recipients/:id', 'recipients.read', {}, (request, caller, act) =>
    readRecipient(vault, caller, act, idOf(request)),
  );
  // A digest may well hold sixteen digits in a row.
  const paper = { body: 'json', cardExempt: ['/documentSha256'] } as const;
  declare('post', '/v1/recipients/:id/undertaking', 'recipients.undertake', paper, (request, caller, act) =>
    undertake(vault, caller, act, idOf(request), parseBody(z.strictObject(undertaking), request.body)),
  );
  declare('post', '/v1/recipients/:id/clients', 'recipients.link', { body: 'json' }, (request, caller, act) =>
    linkClient(vault, caller, act, idOf(request), parseBody(link, request.body).clientId),
  );
  declare('post', '/v1/recipients/:id/revoke', 'recipients.revoke', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return revokeRecipient(vault, caller, act, idOf(request));
  });
}
