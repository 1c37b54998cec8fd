import { refuse } from '../errors.ts';
import { caseStates, type CaseFilter } from '../vault/caseRecord.ts';
import { idInQuery } from './queryId.ts';

/** What a register of cases can be asked for. */
export const caseQuery = ['customerId', 'state', 'limit', 'cursor'] as const;

/** Throws `invalid_query`. */
export function caseFilter(asked: {
  readonly customerId?: string | undefined;
  readonly state?: string | undefined;
}): CaseFilter {
  const state = caseStates.find((known) => known === asked.state);
  if (asked.state !== undefined && state === undefined) throw refuse('invalid_query', '?state', 'enum');
  return { customerId: idInQuery('customerId', asked.customerId), state };
}
