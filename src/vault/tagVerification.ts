import type { TenantKeyState } from '../crypto/wrap.ts';
import type { TaggedCustomerRow } from '../db/recordStandings.ts';
import type { Profile } from '../policy/profile.ts';
import type { SingleField } from './customerFields.ts';
import { mergeCustomer } from './customerPatch.ts';
import { keysOf } from './customerRecord.ts';
import type { CustomerHeader } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import { headerOf, openRecord } from './record.ts';

export type TagFlaw = 'tag_missing' | 'tag_unfounded' | 'tag_not_exclusive' | 'tag_exclusive' | 'policy_missing';

/** What each code means, for people. */
export const tagMeanings: Readonly<Record<TagFlaw | 'tag_of_nobody', string>> = {
  tag_missing: 'a value that it should be found by has no index tag',
  tag_unfounded: 'an index tag leads to it that none of its values has, in this field and under this key',
  tag_not_exclusive: 'an identifier that is its alone is not kept from others',
  tag_exclusive: 'an identifier is kept from others that is not its alone',
  policy_missing: 'the version of the policy that it was written under is not there',
  tag_of_nobody: 'an index tag leads to a customer that is not there',
};

/** The profile by which a record was written, by the label in its header. */
export type ProfileOf = (label: string) => Profile | undefined;

/**
 * Do the tags that lead to a customer follow from its values, each of them and no other? Whoever moves, adds or takes away one makes
 * a search lie. Row and tags come from one statement, so that an edit meanwhile shows whole or not at all. Throws
 * `integrity_failure` where the record does not open.
 */
export function tagFlaw(keys: TenantKeys, profileOf: ProfileOf, row: TaggedCustomerRow): TagFlaw | undefined {
  const expected = expectedTags(keys, profileOf, row);
  if (expected === undefined) return 'policy_missing';
  for (const { field, tag, keyVersion, exclusive } of row.tags) {
    const place = placeOf(field, keyVersion, tag);
    const wanted = expected.get(place);
    if (wanted === undefined) return 'tag_unfounded';
    if (wanted.exclusive !== exclusive) return exclusive ? 'tag_exclusive' : 'tag_not_exclusive';
    expected.delete(place);
  }
  return [...expected.values()].some(({ state }) => state === 'current') ? 'tag_missing' : undefined;
}

interface Wanted {
  readonly exclusive: boolean;
  /** While the index key is renewed a value may have a tag under the next version, or still under the one before. */
  readonly state: TenantKeyState;
}

function expectedTags(keys: TenantKeys, profileOf: ProfileOf, row: TaggedCustomerRow): Map<string, Wanted> | undefined {
  const { sealed, dataKey, kind, status } = row;
  // Who was erased is found by nothing.
  if (sealed === null || dataKey === null) return new Map();
  const stored = { ...row, sealed, dataKey };
  const record = openRecord(keys, 'customer', stored);
  const { masks } = headerOf<CustomerHeader>(record);
  const items = profileOf(masks)?.items[kind];
  if (items === undefined) return undefined;
  const held = mergeCustomer(record, kind, {}, () => '');
  const single = Object.entries(held.fields) as [SingleField, string][];
  const found = keysOf({ single, phones: held.phones }).flatMap(({ field, key }) =>
    keys.everyTag(field, key).map(({ tag, keyVersion, state }): [string, Wanted] => [
      placeOf(field, keyVersion, tag.toString('hex')),
      // Who is leaving has let go of its identifiers already.
      { state, exclusive: status !== 'leaving' && items[field]?.unique === true },
    ]),
  );
  return new Map(found);
}

const placeOf = (field: string, keyVersion: number, tag: string): string => `${field}/${keyVersion}/${tag}`;
