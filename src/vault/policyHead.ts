import { movePolicyHead, type PolicyHeadRow } from '../db/policyHeads.ts';
import type { Statement } from '../db/statement.ts';
import { isGenuine, macOf, type MacKeys } from './rowMac.ts';

/** For the commit that publishes: from now on there are this many. */
export function headStatement(keys: MacKeys, { number, mac: last }: { number: number; mac: Buffer }): Statement {
  const head = { tenantId: keys.tenantId, number, last };
  return movePolicyHead({ ...head, mac: macOf(keys, 'policy_heads', head) });
}

/**
 * What the head says of versions that were read after it. missing: one at the end was taken away, or the head was edited.
 * absent: there are further versions and no head, which somebody took away. Whoever puts an older head of this tenant back
 * together with what it knew of wins; the audit tells of it.
 */
export function headOfVersions(
  keys: MacKeys,
  head: PolicyHeadRow | undefined,
  versions: readonly { readonly number: number }[],
): 'whole' | 'missing' | 'absent' {
  const newest = versions.at(-1)?.number ?? 0;
  if (head === undefined) return newest > 1 ? 'absent' : 'whole';
  return isGenuine(keys, 'policy_heads', head) && head.number <= newest ? 'whole' : 'missing';
}
