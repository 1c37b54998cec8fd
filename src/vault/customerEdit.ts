import { takeCustomersAtOnce, updateCustomers, type CustomerRow, type CustomerUpdate } from '../db/customers.ts';
import { requireEdits } from '../db/freezes.ts';
import { replaceTags, type TagRow } from '../db/indexTags.ts';
import type { Statement } from '../db/statement.ts';
import type { Fault } from '../errors.ts';
import type { Deed } from './audit.ts';
import type { Doer } from './caller.ts';
import { mergeCustomer, type CustomerPatch } from './customerPatch.ts';
import { checkCustomer } from './customerRecord.ts';
import { tagsOf, valuesAfter } from './customerSeal.ts';
import { newId } from './ids.ts';
import { openRecord, sealNext, sealNextBeside, type SealedRecord } from './record.ts';
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
  readonly update: CustomerUpdate;
  readonly warnings: readonly Fault[];
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
  const { values, edited } = checkedEdit(vault, policy, keys, doer, stored, change);
  return edited(sealNext(keys, 'customer', stored, values, policy.label));
}

/** The same for one of many at this moment: they are sealed together (record.ts). */
export async function editBeside(...of: Parameters<typeof editCustomer>): Promise<CustomerEdit> {
  const [, policy, keys, , stored] = of;
  const { values, edited } = checkedEdit(...of);
  return edited(await sealNextBeside(keys, 'customer', stored, values, policy.label));
}

/** What is to be sealed, and what it is once that is done. */
function checkedEdit(...[vault, policy, keys, doer, stored, change]: Parameters<typeof editCustomer>) {
  const { id, status } = stored;
  const { tenantId } = keys;
  const record = openRecord(keys, 'customer', stored);
  const data = checkCustomer(
    policy,
    mergeCustomer(record, stored.kind, change, () => newId(vault.now())),
  );
  const updatedAt = new Date(vault.now());
  const submitted = { ...change, source: change.source ?? (stored.source as Source) };
  const submission = submissionOf(policy, doer, submitted, updatedAt);
  const { source } = submission;
  const tags = tagsOf(keys, policy, id, data);
  const edited = ({ version, sealed, digest }: SealedRecord): CustomerEdit => ({
    update: { tenantId, id, status, version, source, sealed, updatedAt },
    warnings: [...data.warnings, ...uncovered(policy, source)],
    tags,
    deed: { policy, subjectId: id, digest, recordVersion: version },
  });
  return { values: valuesAfter(policy, stored, record, data, submission), edited };
}

/**
 * Guarded: precondition_failed unless each customer stands as it was read, customer_frozen under a report of misuse. Where there
 * are several, `conflict` unless nobody else is at any of them.
 */
export function editStatements(edits: readonly Pick<CustomerEdit, 'update' | 'tags'>[]): readonly Statement[] {
  const updates = edits.map(({ update }) => update);
  return [
    ...(edits.length > 1 ? [takeCustomersAtOnce(updates)] : []),
    requireEdits(updates),
    updateCustomers(updates),
    ...replaceTags(
      updates,
      edits.flatMap(({ tags }) => tags),
    ),
  ];
}
