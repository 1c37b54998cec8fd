/** A tenant's data key turns over: every data key there is is wrapped anew. What is sealed stays as it is. */
import type { RecordKind } from '../crypto/label.ts';
import { commit } from '../db/commit.ts';
import {
  cursorAfter,
  keyPlaceNames,
  keyPlaces,
  rewrapKeys,
  selectKeyPage,
  selectKeyVersions,
  type Cursor,
  type KeyPlaceName,
  type Rewrapped,
  type StandingKey,
} from '../db/keyPlaces.ts';
import { VaultError } from '../errors.ts';
import { introduce, promote, standingOf, type Turning } from './keyTurn.ts';
import type { TenantKeys } from './tenantKeys.ts';

/** Rows looked at, and at most as many keys wrapped, in one statement; and rows counted in one. */
const usualPage = 1_000;
const countSize = 10_000;

/** Does, or goes on with, a whole turn up to the retirement. Answers with how many data keys were wrapped anew. */
export async function rotateData(turning: Turning): Promise<number> {
  if ((await introduce(turning, 'data')) !== undefined) {
    await turning.settle();
    await promote(turning, 'data');
  }
  // A request that began before may still wrap under the former one; after the settling nobody does.
  let moved = await moveAll(turning, 0);
  await turning.settle();
  moved += await moveAll(turning, moved);
  return moved;
}

async function moveAll(turning: Turning, before: number): Promise<number> {
  const keys = await turning.keyring.tenant(turning.tenantId);
  let moved = 0;
  for (const [i, name] of keyPlaceNames.entries()) {
    moved += await movePlace(turning, keys, name, (count) =>
      turning.onProgress(i / keyPlaceNames.length, before + moved + count),
    );
  }
  turning.onProgress(1, before + moved);
  return moved;
}

async function movePlace(
  turning: Turning,
  keys: TenantKeys,
  name: KeyPlaceName,
  onMoved: (count: number) => void,
): Promise<number> {
  const { db, tenantId, pageSize = usualPage } = turning;
  const version = keys.versions('data').find(({ state }) => state === 'current')?.version ?? 0;
  let moved = 0;
  for (let after: Cursor | undefined; ; onMoved(moved)) {
    const began = performance.now();
    const page = selectKeyPage(tenantId, name, version, after, pageSize);
    const [rows] = await commit(db, { tenantIds: [tenantId] }, [page]);
    const anew = rewrappedOf(turning, keys, name, rows);
    if (anew.length > 0) {
      const [[done]] = await commit(db, { tenantIds: [tenantId] }, [rewrapKeys(tenantId, name, version, anew)]);
      moved += done?.count ?? 0;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return moved;
    after = cursorAfter(last);
    await turning.rest(performance.now() - began);
  }
}

/** A key that does not open stays where it is: it stands in nobody's way, and the former version cannot be retired under it. */
function rewrappedOf(
  turning: Turning,
  keys: TenantKeys,
  name: KeyPlaceName,
  rows: readonly StandingKey[],
): Rewrapped[] {
  const kind = keyPlaces[name].kind as RecordKind;
  return rows.flatMap((row) => {
    const { id, keyVersion, dataKey } = row;
    if (dataKey === null) return [];
    try {
      const { wrapped } = keys.rewrapped({ kind, id, keyVersion, wrapped: dataKey });
      return [{ at: cursorAfter(row), was: dataKey, dataKey: wrapped }];
    } catch (error) {
      if (!(error instanceof VaultError && error.code === 'integrity_failure')) throw error;
      turning.onBroken(name, id);
      return [];
    }
  });
}

/** How many data keys rest on each version, by place. */
export type Rests = Readonly<Record<string, Readonly<Record<number, number>>>>;

export async function countData(
  { db, tenantId }: Pick<Turning, 'db' | 'tenantId'>,
  onCounted: (rows: number) => void = () => {},
): Promise<Rests> {
  const rests: Record<string, Record<number, number>> = {};
  for (const name of keyPlaceNames) {
    const found: Record<number, number> = (rests[name] = {});
    for (let after: Cursor | undefined; ;) {
      const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectKeyVersions(tenantId, name, after, countSize)]);
      for (const { keyVersion } of rows) if (keyVersion !== null) found[keyVersion] = (found[keyVersion] ?? 0) + 1;
      onCounted(rows.length);
      const last = rows.at(-1);
      if (last === undefined || rows.length < countSize) break;
      after = cursorAfter(last);
    }
  }
  return rests;
}

/** Former versions of the data key, which may be retired when nothing rests on them. */
export async function formerData(turning: Turning) {
  return (await standingOf(turning, 'data')).filter(({ state }) => state === 'former');
}
