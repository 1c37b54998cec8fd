import { signReceipt } from '../crypto/signature.ts';
import type { LeavingRow, LeftRecord } from '../db/erasure.ts';
import type { ExportKey } from '../keys/folder.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import type { Kept } from './keptByLaw.ts';
import { keptByLaw } from './requestRecord.ts';
import { jalaliDayOf } from './tehranDay.ts';
import type { Policy } from './watch.ts';

/** What went of a customer, in one commit. */
export interface Erased {
  readonly customer: LeavingRow;
  readonly orders: readonly LeftRecord[];
  readonly kept: readonly Kept[];
  /** The day of the answer, or later. */
  readonly by: Date;
}

/**
 * The signed statement of an erasure: what was destroyed and what is kept under which rule of the policy. A compact JWS, as a
 * receipt is; it has counts, classes and days, and nothing that is about a person. Not when the key went, but by when: the
 * moment itself would tell what had held it.
 */
export function certificateOf(
  key: ExportKey,
  policy: Policy,
  requestId: string,
  { customer, orders, kept, by }: Erased,
): string {
  return signReceipt(key.privateKey, {
    format: 'amanat-erasure-1',
    requestId,
    erasedBy: by.toISOString(),
    erasedByJalali: jalaliDayOf(by),
    controller: policy.profile.controller.fa,
    policyVersion: policy.label,
    destroyed: {
      dataKeys: 1 + orders.length,
      formerStates: customer.versions,
      identifiers: customer.tags,
      orders: orders.length,
    },
    kept: [...countsOf(kept)].map(([name, { count, until }]) => keptView(policy, name, count, until)),
  });
}

/** By class, with the last day of all of it. */
function countsOf(kept: readonly Kept[]): Map<RetentionClass, { readonly count: number; readonly until: Date }> {
  const counts = new Map<RetentionClass, { readonly count: number; readonly until: Date }>();
  for (const { rule, until } of kept) {
    const before = counts.get(rule);
    const last = before === undefined || before.until < until ? until : before.until;
    counts.set(rule, { count: (before?.count ?? 0) + 1, until: last });
  }
  return counts;
}

function keptView({ profile }: Policy, name: RetentionClass, count: number, until: Date) {
  const { keep, clock, clauses, why } = profile.retention[name];
  return {
    class: name,
    text: keptByLaw,
    count,
    keep,
    clock,
    until: until.toISOString(),
    untilJalali: jalaliDayOf(until),
    clauses,
    ...(why === undefined ? {} : { why }),
  };
}
