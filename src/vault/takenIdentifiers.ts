import { findExclusiveTags, type TagRow } from '../db/indexTags.ts';
import { VaultError } from '../errors.ts';
import { load } from './act.ts';
import type { Caller } from './caller.ts';
import type { SingleField } from './customerFields.ts';
import { pointerTo } from './customerRecord.ts';
import type { Vault } from './vault.ts';

/** Says of an `already_exists` which identifiers another customer holds, by their places and not their values. */
export async function namingTaken(
  vault: Vault,
  caller: Caller,
  tags: readonly TagRow[],
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof VaultError) || error.code !== 'already_exists') return error;
  const exclusive = tags.filter((tag) => tag.exclusive);
  const [held] = await load(vault, caller.tenantId, [findExclusiveTags(caller.tenantId, exclusive)]);
  const others = held.filter(({ customerId }) => customerId !== tags[0]?.customerId);
  return new VaultError(
    'already_exists',
    // While the index key is renewed a value has two tags.
    [...new Set(others.map(({ field }) => field))].map((field) => ({
      pointer: pointerTo(field as SingleField),
      code: 'already_exists',
    })),
  );
}
