import { refuse } from '../errors.ts';
import { parseDate } from '../formats/jalali.ts';
import type { Act, Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { expectTwo, personOf } from './fourEyes.ts';
import { furthestMs } from './legalOrderCheck.ts';
import { openOrder, secrecyOf } from './legalOrderSeal.ts';
import { orderOf, takeStep } from './legalOrderStep.ts';
import { redateStatements } from './notices.ts';
import { permit } from './permit.ts';
import { checkReason } from './reason.ts';
import { endOfDay } from './tehranDay.ts';
import type { Vault } from './vault.ts';

export interface SecrecyInput {
  /** The last day of the secrecy; without one it ends now. */
  readonly until?: string | undefined;
  /** The letter that says so. */
  readonly reason: string;
}

/**
 * A later letter ends the secrecy of an order, or gives it another last day. Whoever was not told of the disclosure yet is
 * told then. By another person than its registrar, since the subject may learn of it by this.
 */
export async function dateSecrecy(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  { until: sent, reason }: SecrecyInput,
): Promise<Answer> {
  permit(caller, 'legal_orders.secrecy');
  checkReason(reason);
  const person = personOf(caller);
  const at = new Date(vault.now());
  const until = sent === undefined ? undefined : parseDate(sent);
  if (sent !== undefined && until === undefined) throw refuse('invalid_body', '/until', 'date');
  if (until !== undefined && endOfDay(until) <= at.getTime()) throw refuse('invalid_body', '/until', 'in_past');
  if (until !== undefined && endOfDay(until) > at.getTime() + furthestMs)
    throw refuse('invalid_body', '/until', 'too_far');
  const row = await orderOf(vault, caller, id);
  expectTwo(person, { clientId: row.registeredBy, actor: row.registeredActor });
  const file = openOrder(await vault.keyring.tenant(caller.tenantId), row);
  for (const other of file.changes ?? []) expectTwo(person, other);
  if (secrecyOf(file)?.fromSubject !== true) throw refuse('conflict', '', 'not_secret');
  const dated = { ...person, at: at.toISOString(), ...(until === undefined ? {} : { until }), reason };
  const after = { ...file, secrecy: [...(file.secrecy ?? []), dated] };
  const statements = await redateStatements(vault, caller.tenantId, { legalOrderId: id, secret: secrecyOf(after), at });
  return takeStep(vault, caller, act, row, { from: [row.status], file: after, statements });
}
