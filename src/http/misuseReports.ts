import * as z from 'zod';
import {
  listMisuseReports,
  misuseOutcomes,
  readMisuseReport,
  reportMisuse,
  resolveMisuse,
} from '../vault/misuseReports.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { caseFilter, caseQuery } from './caseQuery.ts';
import { parseBody } from './parse.ts';
import { id } from './shapes.ts';

const newReport = z.strictObject({ customerId: id, text: z.string().optional() });
const finding = z.strictObject({ outcome: z.enum(misuseOutcomes), finding: z.string() });

export function misuseReports(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/misuse-reports', 'misuse_reports.create', { body: 'json' }, (request, caller, act) =>
    reportMisuse(vault, caller, act, parseBody(newReport, request.body)),
  );
  declare('get', '/v1/misuse-reports', 'misuse_reports.list', { query: caseQuery }, ({ query }, caller, act) =>
    listMisuseReports(vault, caller, act, caseFilter(query), parsePage(query.limit, query.cursor)),
  );
  declare('get', '/v1/misuse-reports/:id', 'misuse_reports.read', {}, (request, caller, act) =>
    readMisuseReport(vault, caller, act, idOf(request)),
  );
  declare(
    'post',
    '/v1/misuse-reports/:id/resolve',
    'misuse_reports.resolve',
    { body: 'json' },
    (request, caller, act) => resolveMisuse(vault, caller, act, idOf(request), parseBody(finding, request.body)),
  );
}
