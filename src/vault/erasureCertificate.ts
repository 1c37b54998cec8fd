import { signReceipt } from '../crypto/signature.ts';
import { digestOf } from '../crypto/digest.ts';
import { decodeLeaf } from '../crypto/leaf.ts';
import { selectLeaves } from '../db/audit.ts';
import type { LeavingRow, LeftRecord } from '../db/erasure.ts';
import type { ExportKey } from '../keys/folder.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import type { RequestRow } from '../db/requests.ts';
import type { Statement } from '../db/statement.ts';
import { load } from './act.ts';
import { proofOf } from './auditProofs.ts';
import { firstIdAt } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import type { Vault } from './vault.ts';
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

/** Between the moment of closing and its leaf. */
const closesWithinMs = 60_000;
const closing = 'requests.close';

/**
 * The leaf that binds a certificate: of the day of the answer, not of the destruction, whose place in the log would tell what had
 * held it.
 */
export function closingLeaf(
  vault: Vault,
  tenantId: string,
  { id, customerId, certificate }: Pick<RequestRow, 'id' | 'customerId' | 'certificate'>,
): Statement {
  const deed = {
    tenantId,
    policyVersion: vault.watch.policy(tenantId).label,
    action: closing,
    rule: 'rights.erase',
    subjectId: customerId,
    object: { kind: 'requests', id },
    digest: digestOf(Buffer.from(certificate ?? '')),
  };
  return sweepLeaf(deed, vault.now());
}

/** Leaves looked through; on one day there are hardly more about one person who has gone. */
const mostLeaves = 100;

/** That a certificate is in the log, with the leaf that names its digest; undefined until that is integrated. */
export async function certificateProof(
  vault: Vault,
  keys: TenantKeys,
  { id, customerId, closedAt }: Pick<RequestRow, 'id' | 'customerId' | 'closedAt'>,
) {
  if (closedAt === null) return undefined;
  const [rows] = await load(vault, keys.tenantId, [
    selectLeaves({
      tenantId: keys.tenantId,
      subjectId: customerId,
      clientId: undefined,
      grantId: undefined,
      fromId: firstIdAt(closedAt),
      beforeId: firstIdAt(new Date(closedAt.getTime() + closesWithinMs)),
      limit: mostLeaves,
    }),
  ]);
  const found = rows.find((row) => {
    const { action, objectId } = decodeLeaf(row.leaf);
    return action === closing && objectId === id;
  });
  const proof = found && (await proofOf(vault, keys, { id: found.id }));
  return proof && { ...proof, leaf: found.leaf.toString('base64') };
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
