import { selectCustomer, selectStandingCustomer } from '../db/customers.ts';
import { selectOrders } from '../db/orders.ts';
import {
  changeSupplementary,
  insertSupplementary,
  listSupplementary,
  selectSupplementary,
  type SupplementaryFilter,
  type SupplementaryRow,
} from '../db/supplementaryRequests.ts';
import { refuse, VaultError } from '../errors.ts';
import { addDuration } from '../policy/duration.ts';
import { isDeclared } from '../policy/items.ts';
import type { Field } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import type { PartyKind } from './customerFields.ts';
import { failedCheck, type CheckInput } from './failedCheck.ts';
import { newId } from './ids.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes, checkMac } from './rowMac.ts';
import {
  certainty,
  openAnswers,
  readersOf,
  shownAnswers,
  signedSupplementary,
  standingAt,
  supplementaryOf,
  viewSupplementary,
} from './supplementaryRecord.ts';
import { tellSubject } from './tellings.ts';
import { clocksOf } from './retentionTerms.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface NewSupplementary {
  readonly orderId: string;
  readonly check: CheckInput;
  readonly asks: readonly string[];
  readonly dueAt: Date;
}

/**
 * Asks the customer of an order for more, when a check of it has failed and for the certainty of that order alone (D12). What
 * is asked, for which failure and for how long the policy says.
 */
export async function createSupplementary(
  vault: Vault,
  caller: Caller,
  act: Act,
  input: NewSupplementary,
): Promise<Answer> {
  permit(caller, 'supplementary_requests.create');
  const { tenantId, clientId, role, actor = null } = caller;
  const policy = vault.watch.policy(tenantId);
  const rule = ruleFor(policy, input);
  const [[order]] = await load(vault, tenantId, [
    selectOrders(tenantId, [input.orderId], clocksOf(policy.profile, new Date(vault.now()))),
  ]);
  if (order === undefined) throw refuse('invalid_body', '/orderId', 'unknown_id');
  if (order.status === 'cancelled') throw refuse('conflict', '', 'cancelled');
  const [[customer]] = await load(vault, tenantId, [selectCustomer(tenantId, order.customerId)]);
  if (customer === undefined) throw refuse('invalid_body', '/orderId', 'unknown_id');
  checkAsks(policy, customer.kind, input.asks);
  const at = new Date(vault.now());
  checkDue(input.dueAt, rule.longest, at);
  const keys = await vault.keyring.tenant(tenantId);
  const failed = await failedCheck({ vault, keys, caller, customer, order }, input.check);
  const id = newId(at.getTime());
  const row = signedSupplementary(keys, {
    ...failed,
    ...unanswered,
    id,
    customerId: customer.id,
    orderId: order.id,
    asks: input.asks,
    purpose: rule.purpose,
    state: 'open',
    openedBy: clientId,
    openedRole: role,
    openedActor: actor,
    openedAt: at,
    dueAt: input.dueAt,
    closesAt: input.dueAt,
  });
  const told = { telling: 'data_request', about: id, params: { step: certainty.text, id } } as const;
  const messages = await tellSubject(vault, tenantId, customer.id, told, { caller, act });
  const deed = { ...deedOf(row), rule: `supplementary.${failed.checkKind}` };
  return commitAct(vault, caller, act, deed, [insertSupplementary(tenantId, row), ...messages], {
    status: 201,
    headers: { Location: `/v1/supplementary-requests/${id}` },
    body: viewSupplementary(policy.profile, row, at),
  });
}

const unanswered = {
  answeredAt: null,
  answeredBy: null,
  answeredRole: null,
  answeredActor: null,
  closedAt: null,
  answers: null,
} as const;

export const deedOf = ({ id, customerId, purpose }: Pick<SupplementaryRow, 'id' | 'customerId' | 'purpose'>) => ({
  subjectId: customerId,
  object: { kind: 'supplementary_requests', id },
  purpose,
});

/** Throws `not_permitted` where the policy in force asks for nothing more, or not after this. */
function ruleFor({ profile }: Policy, { check }: NewSupplementary) {
  const rule = supplementaryOf(profile);
  if (rule === undefined) throw refuse('not_permitted', '', 'not_in_policy');
  if (rule.checks[check.kind] === undefined) throw refuse('not_permitted', '/check/kind', 'not_in_policy');
  return rule;
}

function checkAsks({ profile }: Policy, party: PartyKind, asks: readonly string[]): void {
  const list = supplementaryOf(profile)?.asks ?? {};
  asks.forEach((name, i) => {
    const ask = Object.hasOwn(list, name) ? list[name] : undefined;
    const collected = ask?.field === undefined || isDeclared(profile, party, ask.field);
    if (ask === undefined || !collected) throw refuse('invalid_body', `/asks/${i}`, 'unknown_value');
    if (asks.indexOf(name) !== i) throw refuse('invalid_body', `/asks/${i}`, 'twice');
  });
}

function checkDue(dueAt: Date, longest: string, at: Date): void {
  if (dueAt <= at) throw refuse('invalid_body', '/dueAt', 'in_past');
  const latest = addDuration(at, longest);
  if (latest !== undefined && dueAt > latest) throw refuse('invalid_body', '/dueAt', 'too_late');
}

/** Throws `not_found` for another tenant's or person's, and for one that is none of the caller's work. */
export async function supplementaryRow(vault: Vault, caller: Caller, id: string): Promise<SupplementaryRow> {
  const { tenantId, subjectId } = caller;
  const { profile } = vault.watch.policy(tenantId);
  const [[row]] = await load(vault, tenantId, [selectSupplementary(tenantId, id, subjectId)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(await vault.keyring.tenant(tenantId), 'supplementary_requests', row);
  if (caller.role === 'accounting' && !readersOf(profile, row.checkKind).includes('accounting'))
    throw new VaultError('not_found');
  return row;
}

/** One request, with its answers as this caller may see them now. */
export async function readSupplementary(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'supplementary_requests.read');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const row = await supplementaryRow(vault, caller, id);
  const at = new Date(vault.now());
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, row.customerId)]);
  const keys = await vault.keyring.tenant(tenantId);
  // Out of reach is out of reach, whether the key has gone or not.
  const answers = customer === undefined ? undefined : openAnswers(keys, policy.profile, customer, row, at);
  const shown =
    answers === undefined
      ? undefined
      : shownAnswers(policy.profile, caller, row, answers, at, customer?.frozen === true);
  const asks = supplementaryOf(policy.profile)?.asks ?? {};
  const fieldsIn = (state: 'full' | 'masked'): Field[] =>
    Object.entries(shown ?? {}).flatMap(([name, one]) => (one.state === state ? (asks[name]?.field ?? []) : []));
  const deed = { ...deedOf(row), full: fieldsIn('full'), masked: fieldsIn('masked') };
  const body = { ...viewSupplementary(policy.profile, row, at), ...(shown === undefined ? {} : { answers: shown }) };
  return commitAct(vault, caller, act, deed, [], { status: 200, body });
}

/** Newest first, without answers; the person's own token lists their own, accounting what is of its work. */
export async function listSupplementaryRequests(
  vault: Vault,
  caller: Caller,
  act: Act,
  asked: SupplementaryFilter,
  page: Page,
): Promise<Answer> {
  permit(caller, 'supplementary_requests.list');
  const { tenantId, subjectId, role } = caller;
  const { profile } = vault.watch.policy(tenantId);
  const others = subjectId !== undefined && asked.customerId !== undefined && asked.customerId !== subjectId;
  const filter = { ...asked, customerId: subjectId ?? asked.customerId };
  const kinds =
    role === 'accounting'
      ? Object.keys(supplementaryOf(profile)?.checks ?? {}).filter((kind) => readersOf(profile, kind).includes(role))
      : undefined;
  const [rows] = await load(vault, tenantId, [listSupplementary(tenantId, filter, kinds, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const at = new Date(vault.now());
  const body = pageOf(
    others ? [] : rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'supplementary_requests', row) ? viewSupplementary(profile, row, at) : undefined),
  );
  return commitAct(vault, caller, act, { subjectId: filter.customerId }, [], { status: 200, body });
}

/** Ends it: withdrawn before an answer came, or done with once one has. Nobody who works on the order reads it any more. */
export async function closeSupplementary(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  how: 'withdraw' | 'close',
): Promise<Answer> {
  permit(caller, 'supplementary_requests.close');
  const { tenantId } = caller;
  const { profile } = vault.watch.policy(tenantId);
  const row = await supplementaryRow(vault, caller, id);
  const at = new Date(vault.now());
  const { state, closedAt } = standingAt(row, at);
  if (closedAt !== null || state !== (how === 'withdraw' ? 'open' : 'answered'))
    throw refuse('conflict', '', closedAt === null ? state : 'closed');
  const keys = await vault.keyring.tenant(tenantId);
  const next = signedSupplementary(keys, {
    ...row,
    state: how === 'withdraw' ? 'withdrawn' : 'answered',
    closedAt: at,
  });
  const deed = { ...deedOf(row), rule: `supplementary.${how}` };
  return commitAct(vault, caller, act, deed, [changeSupplementary(tenantId, [{ ...next, was: row.mac }])], {
    status: 200,
    body: viewSupplementary(profile, next, at),
  });
}
