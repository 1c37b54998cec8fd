import * as z from 'zod';
import { listNotices, markNoticeSent, noticeChannels } from '../vault/notices.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { stateOf } from './events.ts';
import { parseBody } from './parse.ts';

const sent = z.strictObject({ channel: z.enum(noticeChannels) });

export function notices(declare: DeclareAct, vault: Vault): void {
  const query = ['state', 'limit', 'cursor'] as const;
  declare('get', '/v1/notices', 'notices.list', { query }, ({ query: asked }, caller, act) =>
    listNotices(vault, caller, act, stateOf(asked.state), parsePage(asked.limit, asked.cursor)),
  );
  declare('post', '/v1/notices/:id/sent', 'notices.sent', { body: 'json' }, (request, caller, act) =>
    markNoticeSent(vault, caller, act, idOf(request), parseBody(sent, request.body).channel),
  );
}
