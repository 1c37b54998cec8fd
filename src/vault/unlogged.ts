import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { selectIdTilesOver, selectPendingOf } from '../db/treeVerification.ts';
import type { Breach } from './breach.ts';
import { idsOf } from './treeVerification.ts';

/** Of these leaves, in the order of their ids, the first that the tree has not taken and that does not wait for it, or that it has twice. */
export async function unlogged(db: Database, tenantId: string, ids: readonly string[]): Promise<Breach | undefined> {
  const [first, last] = [ids[0], ids.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const scope = { tenantIds: [tenantId] };
  const [waiting] = await commit(db, scope, [selectPendingOf(tenantId, ids)]);
  const pending = new Set(waiting.map(({ id }) => id));
  const [tiles] = await commit(db, scope, [selectIdTilesOver(tenantId, first, last)]);
  const times = new Map<string, number>();
  for (const { ids: named } of tiles) for (const id of idsOf(named)) times.set(id, (times.get(id) ?? 0) + 1);
  for (const id of ids) {
    const count = times.get(id) ?? 0;
    if (count > 1) return { code: 'leaf_twice', kind: 'leaf', id };
    if (count === 0 && !pending.has(id)) return { code: 'leaf_unindexed', kind: 'leaf', id };
  }
  return undefined;
}
