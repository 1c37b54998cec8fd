import * as z from 'zod';
import { createCopyLink, openCopyLink } from '../vault/copyLinks.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type Declarations, type DeclareAct } from './acts.ts';
import { copyLinkHeaders, copyLinkPage } from './copyLinkPage.ts';
import { parseBody } from './parse.ts';

const nothing = z.strictObject({});
const opened = z.strictObject({ link: z.string() });
const html = 'text/html; charset=utf-8';

export function copyLinks(declare: DeclareAct, api: Declarations, vault: Vault): void {
  declare('post', '/v1/requests/:id/link', 'copy_links.create', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body ?? {});
    return createCopyLink(vault, caller, act, idOf(request));
  });
  api.get('/copy', { auth: false, produces: 'text/html' }, () => ({
    status: 200,
    type: html,
    bytes: copyLinkPage,
    headers: copyLinkHeaders,
  }));
  api.post(
    '/v1/copies/open',
    { auth: false, body: 'json', produces: ['text/html', 'application/json'] },
    async (request) => {
      const { link } = parseBody(opened, request.body);
      const { format, bytes } = await openCopyLink(vault, link, request.id);
      return { status: 200, type: format === 'html' ? html : 'application/json; charset=utf-8', bytes };
    },
  );
}
