import { deleteTags, insertTags, updateCustomer, type CustomerRow, type TagRow } from '../db/customers.ts';
import { requireEdits } from '../db/freezes.ts';
import type { Statement } from '../db/statement.ts';
import type { Fault } from '../errors.ts';
import type { Deed } from './audit.ts';
import type { Doer } from './caller.ts';
import { mergeCustomer, type CustomerPatch } from './customerPatch.ts';
import { checkCustomer } from './customerRecord.ts';
import { resealCustomer, tagsOf } from './customerSeal.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { submissionOf, uncovered, type Source, type Submitted } from './submission.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** A change, and how it came; by the way of the record's last one where nothing is said. */
export interface CustomerChange extends CustomerPatch, Pick<Submitted, 'attestation'> {
  readonly source?: Source | undefined;
}

/** A change that was checked and sealed, ready to be committed. */
export interface CustomerEdit {
  readonly version: number;
  readonly updatedAt: Date;
  readonly warnings: readonly Fault[];
  /** Guarded: precondition_failed unless the customer stands as it was read, customer_frozen under a report of misuse. */
  readonly statements: readonly Statement[];
  readonly tags: readonly TagRow[];
  readonly deed: Deed;
}

/** Applies a change to a customer as it was read: checked whole against formats and policy, every value sealed anew. */
export function editCustomer(
  vault: Vault,
  policy: Policy,
  keys: TenantKeys,
  doer: Doer,
  stored: CustomerRow,
  change: CustomerChange,
): CustomerEdit {
  const { id, status } = stored;
  const data = checkCustomer(
    policy,
    mergeCustomer(keys, stored, change, () => newId(vault.now())),
  );
  const updatedAt = new Date(vault.now());
  const submitted = { ...change, source: change.source ?? (stored.source as Source) };
  const submission = submissionOf(policy, doer, submitted, updatedAt);
  const { version, sealed, digest } = resealCustomer(keys, policy, stored, data, submission);
  const tags = tagsOf(keys, policy, id, data);
  return {
    version,
    updatedAt,
    warnings: [...data.warnings, ...uncovered(policy, submission.source)],
    statements: [
      requireEdits(keys.tenantId, id),
      updateCustomer(keys.tenantId, { id, status, version, source: submission.source, sealed, updatedAt }),
      deleteTags(keys.tenantId, id),
      insertTags(tags),
    ],
    tags,
    deed: { policy, subjectId: id, digest, recordVersion: version },
  };
}
