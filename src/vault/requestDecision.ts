import { deactivateCustomer, hideCustomer, selectCustomersForRights } from '../db/erasure.ts';
import { requireEdits } from '../db/freezes.ts';
import { changeRequests, type Outcome, type RequestRow } from '../db/requests.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { addDuration } from '../policy/duration.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { checkClauses } from './clauses.ts';
import { eventStatement } from './events.ts';
import { isSame, personOf, type Person } from './fourEyes.ts';
import { permit } from './permit.ts';
import { isCopy, sealSaid, signed, viewRequest, type LegalReason } from './requestRecord.ts';
import { requestOf } from './requests.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface Decision {
  readonly outcome: Outcome;
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
  if (row.state !== 'open' || row.outcome !== null) throw new VaultError('conflict');
  if (row.askedRole !== 'subject' && isSame(person, { clientId: row.askedBy, actor: row.askedActor ?? '' }))
    throw new VaultError('self_approval');
  const [[customer]] = await load(vault, tenantId, [selectCustomersForRights(tenantId, [row.customerId])]);
  if (customer?.standing !== true) throw new VaultError('conflict');
  const at = new Date(vault.now());
  const keys = await vault.keyring.tenant(tenantId);
  const why = decision.why === undefined ? null : sealSaid(keys, customer, id, 'why', decision.why);
  const next = signed(keys, { ...decided(policy, row, decision, person, at), why });
  const statements = [
    changeRequests(tenantId, [{ ...next, was: row.mac }]),
    ...doneBy(tenantId, row, decision, at),
    eventStatement(vault, tenantId, { kind: 'request.decided', objectId: id, customerId: customer.id, at }),
  ];
  const deed = {
    subjectId: customer.id,
    object: { kind: 'requests', id },
    rule: `rights.${row.kind}.${decision.outcome}`,
  };
  return commitAct(vault, caller, act, deed, statements, { status: 200, body: viewRequest(next) });
}

/** What is done at once; of a granted erasure, all but the key. */
function doneBy(tenantId: string, row: RequestRow, { outcome }: Decision, at: Date): Statement[] {
  if (outcome === 'refused') return [];
  const free = requireEdits(tenantId, row.customerId);
  if (row.kind === 'erase') return [free, ...hideCustomer(tenantId, row.customerId, at)];
  return row.kind === 'deactivate' ? [free, deactivateCustomer(tenantId, row.customerId, at)] : [];
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
  if (outcome === 'partly' && kind !== 'correct' && kind !== 'object')
    throw refuse('invalid_body', '/outcome', 'not_for_kind');
  if (kind === 'erase' && !profile.rights.erase.answers.includes(outcome)) throw new VaultError('not_permitted');
  if (outcome === 'done') {
    if (reason !== undefined) throw refuse('invalid_body', '/reason', 'not_for_outcome');
    return;
  }
  if (reason === undefined) throw refuse('field_required', '/reason');
  if (clauses.length === 0) throw refuse('field_required', '/clauses');
  checkClauses(profile, clauses);
}
