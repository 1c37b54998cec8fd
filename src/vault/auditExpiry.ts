import { originOf } from '../crypto/checkpoint.ts';
import { digestOf } from '../crypto/digest.ts';
import { expiryText, signExpiry } from '../crypto/expiryNote.ts';
import { countDueLeaves, expireLeaves, insertExpiry, selectDueLeaves, type DueLeaf } from '../db/auditExpiry.ts';
import type { Statement } from '../db/statement.ts';
import { passingActions } from './auditTerms.ts';
import { epochOf, logSigners } from './epochs.ts';
import { expiryAction } from './expiredLeaves.ts';
import { newId } from './ids.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import { sweepingOf, type Round, type Sweeping } from './sweepings.ts';

/** As many as the database lets go at once; there are more of these than of anything else. */
const pageSize = 1_000;

/**
 * Leaves of the log itself. What a leaf said goes; its hash stays in the tree, and a note that the log's key signed says that it
 * went. Held persons' go as everybody's: one that stayed would tell of the hold, and what a hold keeps is what is held of them.
 */
export function leaves(keep: string | null): Sweeping {
  return sweepingOf<DueLeaf>({
    action: expiryAction,
    kind: 'audit_leaves',
    select: (tenantId, at, limit) => selectDueLeaves(tenantId, keep, passingActions, at, limit),
    count: (tenantId, at) => countDueLeaves(tenantId, keep, passingActions, at),
    letGo: expire,
    sparesHeld: false,
    destroysKeys: false,
    rows: pageSize,
    leavesOne: true,
  });
}

async function expire({ vault, policy, keys, at }: Round, due: readonly DueLeaf[]): Promise<readonly Statement[]> {
  const { tenantId } = keys;
  const [first, last] = [due[0], due.at(-1)];
  if (first === undefined || last === undefined) return [];
  const epoch = await epochOf(vault, keys);
  const leafId = newId(at.getTime());
  const text = expiryText({
    origin: originOf(tenantId, epoch),
    before: first.before.getTime(),
    leafId,
    indexes: due.map(({ index }) => index),
  });
  const note = signExpiry(text, ...logSigners(vault.keys, tenantId, epoch));
  const ids = due.map(({ id }) => id);
  return [
    expireLeaves(tenantId, ids, first.before),
    insertExpiry(tenantId, { fromIndex: first.index, untilIndex: last.index + 1, leafId, note }),
    sweepLeaf(
      {
        id: leafId,
        tenantId,
        policyVersion: policy.label,
        action: expiryAction,
        rule: 'retention.access_audit',
        // The newest of them says up to when, the version how many.
        object: { kind: 'audit_leaves', id: ids.toSorted().at(-1) ?? '' },
        digest: digestOf(Buffer.from(text)),
        recordVersion: ids.length,
      },
      at.getTime(),
    ),
  ];
}
