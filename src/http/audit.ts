import { listAudit } from '../vault/audit.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';
import { idInQuery } from './queryId.ts';
import { timeInQuery } from './timeInQuery.ts';

/** `GET /v1/audit`: the log for the data-protection officer, newest first. */
export function audit(declare: DeclareAct, vault: Vault): void {
  const query = ['subject', 'client', 'grant', 'from', 'to', 'limit', 'cursor'] as const;
  declare('get', '/v1/audit', 'audit.list', { query }, ({ query: asked }, caller, act) =>
    listAudit(vault, caller, act, {
      subject: idInQuery('subject', asked.subject),
      client: idInQuery('client', asked.client),
      grant: idInQuery('grant', asked.grant),
      from: timeInQuery('from', asked.from),
      to: timeInQuery('to', asked.to),
      page: parsePage(asked.limit, asked.cursor),
    }),
  );
}
