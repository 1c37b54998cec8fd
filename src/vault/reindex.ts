/**
 * A tenant's index key turns over: while the next version is introduced every write makes tags under both and every search asks
 * for both; tags of what was stored before are added; then the next version is in use, and the former tags go.
 */
import { commit } from '../db/commit.ts';
import {
  deleteTagsAt,
  insertNextTags,
  selectTagged,
  selectTags,
  type NextTag,
  type TaggedCustomer,
  type TagPlace,
} from '../db/indexTurn.ts';
import { VaultError } from '../errors.ts';
import type { SingleField } from './customerFields.ts';
import { keysOf } from './customerRecord.ts';
import { mergeCustomer } from './customerPatch.ts';
import { openRecord } from './record.ts';
import { introduce, promote, standingOf, type Turning } from './keyTurn.ts';
import type { Rests } from './rewrap.ts';
import type { TenantKeys } from './tenantKeys.ts';

const usualPage = 200;
const usualTags = 5_000;
/** Edits that come between reading and writing leave gaps for the next round; what is left after these is no chance. */
const mostRounds = 5;

/** Does, or goes on with, a whole turn up to the retirement. Answers with how many tags were made. Throws `integrity_failure`. */
export async function rotateIndex(turning: Turning): Promise<number> {
  let made = 0;
  const next = await introduce(turning, 'index');
  if (next !== undefined) {
    // From here on whatever is written has both.
    await turning.settle();
    made = await tagAll(turning, next.version);
    await promote(turning, 'index');
  }
  // Until then a process may still write both.
  await turning.settle();
  await dropFormer(turning);
  return made;
}

async function tagAll(turning: Turning, to: number): Promise<number> {
  const from = (await standingOf(turning, 'index')).find(({ state }) => state === 'current')?.version;
  // Somebody else has come to the end of it.
  if (from === undefined || from >= to) return 0;
  let made = 0;
  for (let round = 1; round <= mostRounds; round += 1) {
    const found = await tagRound(turning, { from, to }, (count) => turning.onProgress(0.5, made + count));
    if (found.lacking === 0) return made;
    made += found.made;
  }
  // A tag that its record does not explain, or a record that does not open: nothing is put into use on top of that.
  throw new VaultError('integrity_failure');
}

async function tagRound(
  turning: Turning,
  versions: { readonly from: number; readonly to: number },
  onMade: (count: number) => void,
): Promise<{ readonly lacking: number; readonly made: number }> {
  const { db, tenantId, pageSize = usualPage } = turning;
  const keys = await turning.keyring.tenant(tenantId);
  let [lacking, made] = [0, 0];
  for (let after: string | undefined; ; onMade(made)) {
    const began = performance.now();
    const [page] = await commit(db, { tenantIds: [tenantId] }, [selectTagged(tenantId, versions, after, pageSize)]);
    lacking += page.filter(({ lacks }) => lacks).length;
    const tags = page.flatMap((customer) => nextTagsOf(turning, keys, versions, customer));
    if (tags.length > 0) await commit(db, { tenantIds: [tenantId] }, [insertNextTags(tenantId, versions.to, tags)]);
    made += tags.length;
    if (page.length < pageSize) return { lacking, made };
    after = page.at(-1)?.id;
    await turning.rest(performance.now() - began);
  }
}

/** Computed from the record itself, because a tag tells nothing of its value. */
function nextTagsOf(
  turning: Turning,
  keys: TenantKeys,
  { from, to }: { readonly from: number; readonly to: number },
  customer: TaggedCustomer,
): NextTag[] {
  if (!customer.lacks) return [];
  const { id: customerId, version: recordVersion, status } = customer;
  try {
    const { fields, phones } = mergeCustomer(openRecord(keys, 'customer', customer), customer.kind, {}, () => '');
    const single = Object.entries(fields) as [SingleField, string][];
    return keysOf({ single, phones }).flatMap(({ field, key }) => {
      const both = keys.newTags(field, key);
      const tag = both.find(({ keyVersion }) => keyVersion === from)?.tag;
      const next = both.find(({ keyVersion }) => keyVersion === to)?.tag;
      return tag === undefined || next === undefined
        ? []
        : [{ customerId, recordVersion, status, field, tag, next } satisfies NextTag];
    });
  } catch (error) {
    if (!(error instanceof VaultError && error.code === 'integrity_failure')) throw error;
    turning.onBroken('customers', customerId);
    return [];
  }
}

async function dropFormer(turning: Turning): Promise<void> {
  const former = (await standingOf(turning, 'index')).filter(({ state }) => state === 'former').map((k) => k.version);
  if (former.length === 0) return;
  const { db, tenantId } = turning;
  await everyTag(turning, async (page, began) => {
    for (const version of former) {
      const old = page.filter(({ keyVersion }) => keyVersion === version);
      if (old.length > 0) await commit(db, { tenantIds: [tenantId] }, [deleteTagsAt(tenantId, version, old)]);
    }
    await turning.rest(performance.now() - began);
  });
  turning.onProgress(1, 0);
}

/** How many tags rest on each version. */
export async function countIndex({ db, tenantId }: Pick<Turning, 'db' | 'tenantId'>): Promise<Rests> {
  const found: Record<number, number> = {};
  await everyTag({ db, tenantId }, async (page) => {
    for (const { keyVersion } of page) found[keyVersion] = (found[keyVersion] ?? 0) + 1;
  });
  return { index_tags: found };
}

async function everyTag(
  { db, tenantId, pageSize = usualTags }: Pick<Turning, 'db' | 'tenantId' | 'pageSize'>,
  look: (page: readonly (TagPlace & { readonly keyVersion: number })[], began: number) => Promise<void>,
): Promise<void> {
  for (let after: TagPlace | undefined; ;) {
    const began = performance.now();
    const [page] = await commit(db, { tenantIds: [tenantId] }, [selectTags(tenantId, after, pageSize)]);
    await look(page, began);
    if (page.length < pageSize) return;
    after = page.at(-1);
  }
}
