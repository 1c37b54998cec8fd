import { refuse } from '../errors.ts';
import { foldDigits } from '../formats/identifier.ts';
import { listExports } from '../vault/exportRegister.ts';
import { printReport, reportExports } from '../vault/exportReport.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';
import { idInQuery } from './queryId.ts';

const narrowing = ['from', 'to', 'kind', 'ground', 'authority', 'delivery'] as const;

/** Before the routes of one export, whose pattern the report's path fits as well. */
export function exportRegister(declare: DeclareAct, vault: Vault): void {
  const query = [...narrowing, 'legalOrder', 'limit', 'cursor'] as const;
  declare('get', '/v1/exports', 'exports.list', { query }, ({ query: asked }, caller, act) => {
    const { legalOrder, limit, cursor, ...words } = asked;
    return listExports(vault, caller, act, {
      ...words,
      legalOrder: idInQuery('legalOrder', legalOrder),
      page: parsePage(limit, cursor),
    });
  });
  declare(
    'get',
    '/v1/exports/report',
    'exports.report',
    { query: ['year', 'public', 'format'], produces: ['application/json', 'text/html'] },
    async ({ query: asked }, caller, act) => {
      const report = { year: yearOf(asked.year), forPublic: flagOf('public', asked.public) };
      if (formatOf(asked.format) === 'json') return reportExports(vault, caller, act, report);
      const bytes = await printReport(vault, caller, act, report);
      return { status: 200, type: 'text/html; charset=utf-8', bytes };
    },
  );
}

/** A Jalali year in any digits. */
function yearOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const folded = foldDigits(text);
  if (!/^1[34]\d\d$/.test(folded)) throw refuse('invalid_query', '?year', 'format');
  return Number(folded);
}

function flagOf(name: string, text: string | undefined): boolean {
  if (text !== undefined && text !== 'true' && text !== 'false') throw refuse('invalid_query', `?${name}`, 'format');
  return text === 'true';
}

function formatOf(text: string | undefined): 'json' | 'html' {
  if (text === undefined || text === 'json' || text === 'html') return text ?? 'json';
  throw refuse('invalid_query', '?format', 'unknown_value');
}
