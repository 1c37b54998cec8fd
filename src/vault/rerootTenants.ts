/** The root key turns over: every tenant's keys are wrapped under the newest one. What they are stays as it is. */
import { wrapContext } from '../crypto/wrap.ts';
import { commit } from '../db/commit.ts';
import { changeTenantKey, selectTenantKeys, type TenantKeyRow } from '../db/tenants.ts';
import { VaultError } from '../errors.ts';
import type { KeyFolder } from '../keys/folder.ts';
import type { Turning } from './keyTurn.ts';
import { operatorLeaf } from './operatorLeaf.ts';

type Rerooting = Pick<Turning, 'db' | 'keyring' | 'tenantId' | 'policyVersion' | 'incidentId' | 'now'>;

/** All keys of one tenant in one commit. Answers with how many were wrapped anew. Throws `sealed` without the root of before. */
export async function reroot(turning: Rerooting, root: KeyFolder['root']): Promise<number> {
  const { db, tenantId, policyVersion, incidentId, now } = turning;
  const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectTenantKeys([tenantId])]);
  const old = rows.filter(({ rootId }) => rootId !== root.current.id);
  if (old.length === 0) return 0;
  const at = new Date(now());
  const changes = await Promise.all(old.map(async (row) => changeTenantKey(await underRoot(row, root), at)));
  const object = { kind: 'keys/root', id: incidentId ?? tenantId };
  const leaf = operatorLeaf({ tenantId, policyVersion, action: 'keys.rotate', object }, now());
  await commit(db, { tenantIds: [tenantId] }, [...changes, leaf]);
  return old.length;
}

async function underRoot(row: TenantKeyRow, { current, byId }: KeyFolder['root']) {
  const { tenantId, use, version, state, wrapped } = row;
  const before = byId.get(row.rootId);
  if (before === undefined) throw new VaultError('sealed');
  const context = wrapContext.tenantKey(tenantId, use, version, state);
  const material = await before.unwrap(context, wrapped);
  const anew = await current.wrap(context, material);
  material.fill(0);
  return { ...row, rootId: current.id, wrapped: anew, was: wrapped };
}

/** How many keys of these tenants rest on each root key. */
export async function countRoots(
  db: Turning['db'],
  tenantIds: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const [rows] = await commit(db, { tenantIds }, [selectTenantKeys(tenantIds)]);
  const found: Record<string, number> = {};
  for (const { rootId } of rows) found[rootId] = (found[rootId] ?? 0) + 1;
  return found;
}
