import { refuse } from '../errors.ts';
import { isPeriod } from '../vault/period.ts';
import { listStatistics, readStatistic } from '../vault/statistics.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';

export function statistics(declare: DeclareAct, vault: Vault): void {
  declare('get', '/v1/statistics', 'statistics.list', {}, (_request, caller, act) =>
    listStatistics(vault, caller, act),
  );
  declare('get', '/v1/statistics/:measure', 'statistics.read', { query: ['period'] }, (request, caller, act) =>
    readStatistic(vault, caller, act, {
      measure: request.params['measure'] ?? '',
      period: periodOf(request.query.period),
    }),
  );
}

function periodOf(text: string | undefined): string {
  if (text === undefined) throw refuse('invalid_query', '?period', 'required');
  if (!isPeriod(text)) throw refuse('invalid_query', '?period', 'format');
  return text;
}
