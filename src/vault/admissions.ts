import type { AdmissionRow } from '../db/admissions.ts';
import { refuse } from '../errors.ts';
import type { JudgedGrant } from '../policy/judge.ts';
import type { Field, Role } from '../policy/profile.ts';
import { processorKinds } from '../policy/vocabulary.ts';
import type { Caller } from './caller.ts';
import { macOf, type MacKeys } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** From when until when somebody may read, as far as what they undertook goes. */
export type Admission = Pick<AdmissionRow, 'fields' | 'validFrom' | 'validUntil'>;

export function signedAdmission(keys: MacKeys, row: Omit<AdmissionRow, 'tenantId' | 'mac'>): AdmissionRow {
  return { ...row, tenantId: keys.tenantId, mac: macOf(keys, 'admissions', row) };
}

export function isAdmitted({ validFrom, validUntil }: Admission, now: number): boolean {
  return validFrom !== null && validFrom.getTime() <= now && (validUntil === null || now < validUntil.getTime());
}

const isProcessor = (role: Role): boolean => processorKinds.some((kind) => kind === role);

/**
 * May this firm be given anything now? One that belongs to a recipient, while that is active; one that belongs to none, where
 * the policy does not demand it. Undefined where there is no such limit, else the fields its recipient is for at most. Throws
 * `not_permitted` at the pointer.
 */
export function expectRecipient(
  vault: Pick<Vault, 'watch' | 'now'>,
  { tenantId, clientId, role }: { readonly tenantId: string; readonly clientId: string; readonly role: Role },
  pointer = '',
): readonly Field[] | undefined {
  if (!isProcessor(role)) return undefined;
  const admission = vault.watch.admission(tenantId, 'client', clientId);
  const demanded = vault.watch.policy(tenantId).profile.recipients?.undertaking === 'demanded';
  if (admission === undefined ? demanded : !isAdmitted(admission, vault.now()))
    throw refuse('not_permitted', pointer, 'recipient_not_active');
  return admission?.fields as readonly Field[] | undefined;
}

/** Work, as far as the reader's recipient is for it. */
export function within(work: JudgedGrant, admitted: readonly Field[] | undefined): JudgedGrant {
  if (admitted === undefined) return work;
  return { ...work, fields: (work.fields ?? admitted).filter((field) => admitted.includes(field)) };
}

/**
 * Where the policy demands it, a value in full is shown to a member of staff only who undertook to keep it to themselves: to a
 * token without `actor` to nobody. The person's own token and the legal desk, which has its own two persons, are not staff at
 * work on a customer. Throws `not_permitted`.
 */
export function expectUndertaking(
  vault: Pick<Vault, 'watch' | 'now'>,
  { tenantId, role, actor }: Pick<Caller, 'tenantId' | 'role' | 'actor'>,
): void {
  if (vault.watch.policy(tenantId).profile.staffUndertaking?.demanded !== true) return;
  if (role === 'subject' || isProcessor(role)) return;
  const admission = actor === undefined ? undefined : vault.watch.admission(tenantId, 'actor', actor.toLowerCase());
  if (admission === undefined || !isAdmitted(admission, vault.now()))
    throw refuse('not_permitted', 'header:actor', 'undertaking_required');
}
