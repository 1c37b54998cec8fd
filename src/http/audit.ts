import { refuse } from '../errors.ts';
import { listAudit } from '../vault/audit.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';
import { idInQuery } from './queryId.ts';

/** RFC 3339 with any offset. */
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** `GET /v1/audit`: the log for the data-protection officer, newest first. */
export function audit(declare: DeclareAct, vault: Vault): void {
  const query = ['subject', 'client', 'grant', 'from', 'to', 'limit', 'cursor'] as const;
  declare('get', '/v1/audit', 'audit.list', { query }, ({ query: asked }, caller, act) =>
    listAudit(vault, caller, act, {
      subject: idInQuery('subject', asked.subject),
      client: idInQuery('client', asked.client),
      grant: idInQuery('grant', asked.grant),
      from: time('from', asked.from),
      to: time('to', asked.to),
      page: parsePage(asked.limit, asked.cursor),
    }),
  );
}

function time(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (!instant.test(text) || Number.isNaN(date.getTime())) throw refuse('invalid_query', `?${name}`, 'format');
  return date;
}
