import * as z from 'zod';
import { refuse } from '../errors.ts';
import { channels } from '../policy/profile.ts';
import { readMessage, sendMessage, type Content } from '../vault/messages.ts';
import { templateNames } from '../vault/messageTemplates.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { id } from './shapes.ts';

const message = z.strictObject({
  customerId: id,
  purpose: z.string().regex(/^[a-z][a-z0-9_]{0,39}$/),
  channel: z.enum(channels),
  subject: z.string().optional(),
  text: z.string().optional(),
  template: z.enum(templateNames).optional(),
  params: z.record(z.string(), z.string().max(500)).optional(),
});

export function messages(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/messages', 'messages.send', { body: 'json' }, (request, caller, act) => {
    const { customerId, purpose, channel, ...said } = parseBody(message, request.body);
    return sendMessage(vault, caller, act, { customerId, purpose, channel, content: contentOf(said) });
  });
  declare('get', '/v1/messages/:id', 'messages.read', {}, (request, caller, act) =>
    readMessage(vault, caller, act, idOf(request)),
  );
}

/** A text or a template, never both and never neither. */
function contentOf({
  subject,
  text,
  template,
  params,
}: Pick<z.output<typeof message>, 'subject' | 'text' | 'template' | 'params'>): Content {
  if (template === undefined) {
    if (text === undefined) throw refuse('invalid_body', '/text', 'required');
    if (params !== undefined) throw refuse('invalid_body', '/params', 'without_template');
    return { subject, text };
  }
  if (text !== undefined || subject !== undefined) throw refuse('invalid_body', '/template', 'beside_text');
  return { template, params: params ?? {} };
}
