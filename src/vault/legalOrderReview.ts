import { refuse } from '../errors.ts';
import type { Act, Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { expectTwo, personOf } from './fourEyes.ts';
import { openOrder } from './legalOrderSeal.ts';
import { orderOf, registrarOf, takeStep } from './legalOrderStep.ts';
import { statusAt } from './legalOrderView.ts';
import { permit } from './permit.ts';
import { checkReason } from './reason.ts';
import type { Vault } from './vault.ts';

export interface ReviewInput {
  readonly outcome: 'upheld' | 'not_justified';
  readonly reason: string;
}

/**
 * The later look at what was disclosed without an order, by somebody who had no hand in it. Throws `conflict` while it is
 * not due, was taken already, or the order still opens the gate: there is nothing to look at yet.
 */
export async function reviewLegalOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  { outcome, reason }: ReviewInput,
): Promise<Answer> {
  permit(caller, 'legal_orders.review');
  checkReason(reason);
  const person = personOf(caller);
  const row = await orderOf(vault, caller, id);
  expectTwo(person, registrarOf(row));
  const isOpen = statusAt(row, vault.now()) === 'approved';
  if (row.reviewDue === null || row.reviewedAt !== null || isOpen)
    throw refuse(
      'conflict',
      '',
      row.reviewDue === null ? 'no_review' : row.reviewedAt === null ? 'still_open' : 'reviewed',
    );
  const file = openOrder(await vault.keyring.tenant(caller.tenantId), row);
  const hands = [...(file.changes ?? []), ...(file.approvals ?? []), ...(file.execution ? [file.execution] : [])];
  for (const other of hands) expectTwo(person, other);
  const review = { ...person, at: new Date(vault.now()).toISOString(), outcome, reason };
  return takeStep(vault, caller, act, row, { from: [row.status], file: { ...file, review }, says: { outcome } });
}
