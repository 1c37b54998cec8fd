/** A former version of a key is destroyed when nothing rests on it, which is counted over every table first. */
import { canonicalJson } from '../crypto/canonicalJson.ts';
import { digestOf } from '../crypto/digest.ts';
import type { TenantKeyUse } from '../crypto/wrap.ts';
import { close, destroy, standingOf, type Turning } from './keyTurn.ts';
import { countIndex } from './reindex.ts';
import { countMac } from './resign.ts';
import { countData, type Rests } from './rewrap.ts';

/** The uses whose keys turn over. What the hash key makes cannot be made anew from anything that is kept. */
export const turnedUses = ['data', 'index', 'mac'] as const satisfies readonly TenantKeyUse[];
export type TurnedUse = (typeof turnedUses)[number];

type Counting = Pick<Turning, 'db' | 'tenantId' | 'keyring'>;

/** What rests on each version of a key, by place. */
export const countOf: Readonly<Record<TurnedUse, (counting: Counting) => Promise<Rests>>> = {
  data: countData,
  index: countIndex,
  mac: countMac,
};

export interface Retirement {
  readonly version: number;
  readonly destroyed: boolean;
  /** How many rest on it, by place; nothing where it was destroyed. */
  readonly rests: Readonly<Record<string, number>>;
}

/** Instead of a place: what they store is not there to be counted yet. */
const stillWriting = 'transactions that have not ended';

/** Every former version of one key: destroyed, or what rests on it. The count's digest stands in the leaf of the destruction. */
export async function retire(turning: Turning, use: TurnedUse): Promise<readonly Retirement[]> {
  const former = (await standingOf(turning, use)).filter(({ state }) => state === 'former');
  if (former.length === 0) return [];
  // Whoever began before the turn is through by then, and no longer has it in use. Whoever comes later all the same is turned away.
  await turning.settle();
  const writing = await close(turning, former);
  if (writing > 0)
    return former.map(({ version }) => ({ version, destroyed: false, rests: { [stillWriting]: writing } }));
  const counted = await countOf[use](turning);
  const retired: Retirement[] = [];
  for (const key of former) {
    const rests = restingOn(counted, key.version);
    const destroyed = Object.keys(rests).length === 0;
    const proof = { tenantId: turning.tenantId, use, version: key.version, counted: sorted(counted) };
    if (destroyed) await destroy(turning, key, digestOf(Buffer.from(canonicalJson(proof))));
    retired.push({ version: key.version, destroyed, rests });
  }
  return retired;
}

/** Under the version, and what is of none that is known: nobody can say that it does not rest on this one. */
export function restingOn(counted: Rests, version: number): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(counted).flatMap(([place, found]) => {
      const count = (found[version] ?? 0) + (found[0] ?? 0);
      return count === 0 ? [] : [[place, count]];
    }),
  );
}

const sorted = (counted: Rests): Rests =>
  Object.fromEntries(Object.entries(counted).sort(([a], [b]) => (a < b ? -1 : 1)));
