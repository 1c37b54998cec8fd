import { selectStandingCustomer } from '../db/customers.ts';
import { changeRequests, type RequestRow } from '../db/requests.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { addDuration } from '../policy/duration.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { checkClauses } from './clauses.ts';
import { eventStatement } from './events.ts';
import { isSame, personOf, type Person } from './fourEyes.ts';
import { permit } from './permit.ts';
import { effectsOf, type Applying } from './requestEffects.ts';
import { isCopy, sealSaid, signed, viewRequest, type LegalReason } from './requestRecord.ts';
import { requestOf } from './requests.ts';
import { tellStep } from './requestStep.ts';
import { namingTaken } from './takenIdentifiers.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface Decision extends Applying {
  /** Of whatever is not wholly done: the legal reason, and the clauses of the policy it rests on. */
  readonly reason?: LegalReason | undefined;
  readonly clauses?: readonly string[] | undefined;
  readonly why?: string | undefined;
}

/**
 * Decides a request, by another client and another person than entered it for somebody (`self_approval`). An erasure that is
 * granted puts the person out of everybody's reach in this commit; its key goes when nothing holds it, and the request is
 * closed on its day, by the sweep. Nothing here asks whether a hold stands, so nothing of this answer can tell.
 */
export async function decideRequest(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  decision: Decision,
): Promise<Answer> {
  permit(caller, 'requests.decide');
  const person = personOf(caller);
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const row = await requestOf(vault, caller, id);
  checkDecision(policy, row, decision);
  if (row.state !== 'open' || row.outcome !== null) throw refuse('conflict', '', 'decided');
  if (row.askedRole !== 'subject' && isSame(person, { clientId: row.askedBy, actor: row.askedActor ?? '' }))
    throw new VaultError('self_approval');
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, row.customerId)]);
  if (customer === undefined) throw refuse('conflict', '', 'customer_gone');
  const at = new Date(vault.now());
  const keys = await vault.keyring.tenant(tenantId);
  const why = decision.why === undefined ? null : sealSaid(keys, customer, id, 'why', decision.why);
  const effects = effectsOf({ vault, policy, keys, caller, act, customer, at }, row, decision);
  const next = signed(keys, { ...decided(policy, row, decision, person, at), why, applied: effects.applied });
  const statements = [
    ...effects.statements,
    changeRequests(tenantId, [{ ...next, was: row.mac }]),
    eventStatement(vault, tenantId, { kind: 'request.decided', objectId: id, customerId: customer.id, at }),
    // Whoever leaves is out of reach from this commit on.
    ...(next.state === 'open' ? [] : await tellStep(vault, tenantId, next, { caller, act })),
  ];
  const deed = {
    subjectId: customer.id,
    object: { kind: 'requests', id },
    rule: `rights.${row.kind}.${decision.outcome}`,
  };
  const answer = { status: 200, body: viewRequest(next) };
  return commitAct(vault, caller, act, deed, statements, answer).catch(async (error: unknown) => {
    throw await namingTaken(vault, caller, effects.tags, error);
  });
}

function decided(policy: Policy, row: RequestRow, decision: Decision, person: Person, at: Date): RequestRow {
  const { outcome, reason, clauses } = decision;
  const waits = row.kind === 'erase' && outcome === 'done';
  const copies = isCopy(row.kind) && outcome === 'done';
  return {
    ...row,
    state: waits ? 'open' : outcome,
    decidedBy: person.clientId,
    decidedActor: person.actor,
    decidedAt: at,
    outcome,
    reason: reason ?? null,
    clauses: clauses ?? [],
    closedAt: waits ? null : at,
    copyExpiresAt: copies ? (addDuration(at, policy.profile.rights.copy.linkExpires) ?? at) : null,
  };
}

function checkDecision({ profile }: Policy, { kind }: RequestRow, decision: Decision): void {
  const { outcome, reason, clauses = [], why } = decision;
  const fault = why === undefined ? undefined : checkText(why, { max: 2_000, kind: 'text' });
  if (fault !== undefined) throw refuse('invalid_body', '/why', fault);
  // What is kept of an erasure the law says, not whoever decides it.
  if (outcome === 'partly' && kind !== 'correct') throw refuse('invalid_body', '/outcome', 'not_for_kind');
  if (kind === 'erase' && !profile.rights.erase.answers.includes(outcome)) throw new VaultError('not_permitted');
  if (outcome === 'done') {
    if (reason !== undefined) throw refuse('invalid_body', '/reason', 'not_for_outcome');
    return;
  }
  if (reason === undefined) throw refuse('field_required', '/reason');
  if (clauses.length === 0) throw refuse('field_required', '/clauses');
  checkClauses(profile, clauses);
}
