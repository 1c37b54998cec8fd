import type { RequestFacts } from '../db/requests.ts';
import type { Statement } from '../db/statement.ts';
import { wordsOfState } from './requestRecord.ts';
import { tellSubject, type Teller } from './tellings.ts';
import type { Vault } from './vault.ts';

/**
 * For the transaction of a step of a request: the message by which the person hears of it, to be put last. A request that waits
 * says that it was entered; of whoever is out of reach nothing comes.
 */
export async function tellStep(
  vault: Vault,
  tenantId: string,
  { id, customerId, state }: Pick<RequestFacts, 'id' | 'customerId' | 'state'>,
  by?: Teller,
): Promise<readonly Statement[]> {
  const step = state === 'open' ? 'ثبت شد' : wordsOfState(state);
  return tellSubject(vault, tenantId, customerId, { telling: 'request_step', about: id, params: { step, id } }, by);
}
