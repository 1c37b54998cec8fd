import { VaultError } from '../errors.ts';
import { pathId, type Incoming } from './route.ts';

/** The tenant in the path of what anybody may read. An id that cannot be one is answered as an unknown one is. */
export function tenantOf(request: Pick<Incoming, 'params'>): string {
  const id = pathId(request, 'tenantId');
  if (id === undefined) throw new VaultError('not_found');
  return id;
}
