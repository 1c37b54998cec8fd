import * as z from 'zod';
import { createExtract, listExtracts } from '../vault/extracts.ts';
import { parsePage } from '../vault/page.ts';
import { isPeriod } from '../vault/period.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';

const newExtract = z.strictObject({ period: z.string().refine(isPeriod) });

export function extracts(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/extracts', 'extracts.create', { body: 'json' }, (request, caller, act) =>
    createExtract(vault, caller, act, parseBody(newExtract, request.body).period),
  );
  declare('get', '/v1/extracts', 'extracts.list', { query: ['limit', 'cursor'] }, ({ query }, caller, act) =>
    listExtracts(vault, caller, act, parsePage(query.limit, query.cursor)),
  );
}
