/** A tenant's mac key turns over: every MAC is made anew under the version in use, and nothing else of its row changes. */
import { commit } from '../db/commit.ts';
import { resignRows, selectKeyColumns, selectSignedPage, type KeyColumn, type SignedPageRow } from '../db/macTurn.ts';
import { introduce, promote, type Turning } from './keyTurn.ts';
import type { Rests } from './rewrap.ts';
import { macPlaceOf, type RowKind, type Signed } from './rowMac.ts';
import { rowMembers } from './rowMembers.ts';
import type { TenantKeys } from './tenantKeys.ts';

const usualPage = 500;
const kinds = Object.keys(rowMembers) as RowKind[];

/** Does, or goes on with, a whole turn up to the retirement. Answers with how many MACs were made anew. */
export async function rotateMac(turning: Turning): Promise<number> {
  if ((await introduce(turning, 'mac')) !== undefined) {
    await turning.settle();
    await promote(turning, 'mac');
  }
  let made = await resignAll(turning);
  // A request that began before may still have signed under the former one.
  await turning.settle();
  made += await resignAll(turning);
  return made;
}

async function resignAll(turning: Turning): Promise<number> {
  const { db, tenantId } = turning;
  let made = 0;
  await everyRow(turning, async (kind, key, keys, page, share) => {
    const began = performance.now();
    const anew = page.flatMap((row) => {
      const found = placeOf(keys, kind, row);
      if (found === undefined && row.mac !== null) turning.onBroken(kind, row.at.join(' '));
      return found === undefined || row.mac === null || row.mac.equals(found.current)
        ? []
        : [{ at: row.at, was: row.mac, mac: found.current }];
    });
    if (anew.length > 0) {
      const [[done]] = await commit(db, { tenantIds: [tenantId] }, [resignRows(tenantId, kind, key, anew)]);
      made += done?.count ?? 0;
    }
    turning.onProgress(share, made);
    await turning.rest(performance.now() - began);
  });
  return made;
}

function placeOf(keys: TenantKeys, kind: RowKind, row: SignedPageRow) {
  try {
    return macPlaceOf(keys, kind, row as unknown as Signed<RowKind>);
  } catch {
    // A value that none of ours could be.
    return undefined;
  }
}

/** How many MACs rest on each version; version 0 stands for rows that are not genuine under any. */
export async function countMac({
  db,
  tenantId,
  keyring,
}: Pick<Turning, 'db' | 'tenantId' | 'keyring'>): Promise<Rests> {
  const rests: Record<string, Record<number, number>> = {};
  await everyRow({ db, tenantId, keyring }, async (kind, _key, keys, page) => {
    const found = (rests[kind] ??= {});
    const versions = keys.macVersions;
    for (const row of page) {
      if (row.mac === null) continue;
      const place = placeOf(keys, kind, row)?.place;
      const version = place === undefined ? 0 : (versions[place] ?? 0);
      found[version] = (found[version] ?? 0) + 1;
    }
  });
  return rests;
}

async function everyRow(
  { db, tenantId, keyring, pageSize = usualPage }: Pick<Turning, 'db' | 'tenantId' | 'keyring' | 'pageSize'>,
  look: (
    kind: RowKind,
    key: readonly KeyColumn[],
    keys: TenantKeys,
    page: readonly SignedPageRow[],
    share: number,
  ) => Promise<void>,
): Promise<void> {
  const keys = await keyring.tenant(tenantId);
  const scope = { tenantIds: [tenantId] };
  for (const [i, kind] of kinds.entries()) {
    const members = Object.keys(rowMembers[kind]);
    const [key] = await commit(db, scope, [selectKeyColumns(kind)]);
    for (let after: readonly string[] | undefined; ;) {
      const [page] = await commit(db, scope, [selectSignedPage(tenantId, kind, members, key, after, pageSize)]);
      await look(kind, key, keys, page, (i + 1) / kinds.length);
      if (page.length < pageSize) break;
      after = page.at(-1)?.at;
    }
  }
}
