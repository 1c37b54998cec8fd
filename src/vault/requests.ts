import { selectStandingCustomer, type CustomerRow } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import {
  insertRequest,
  listRequests as listStatement,
  selectRequest,
  type RequestFilter,
  type RequestKind,
  type RequestRow,
} from '../db/requests.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { addDuration } from '../policy/duration.ts';
import { fields as allFields } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import { editCustomer, type CustomerChange } from './customerEdit.ts';
import { eventStatement } from './events.ts';
import { newId } from './ids.ts';
import { certificateProof } from './erasureCertificate.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { atCorrection, fieldsOfProposal, openProposal, pointersOf, sealProposal, viewProposal } from './proposal.ts';
import { isCopy, openSaid, sealSaid, signed, viewRequest } from './requestRecord.ts';
import type { Asker, Check, LegalReason } from './requestRecord.ts';
import { believes, checkMac } from './rowMac.ts';
import { tellStep } from './requestStep.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface NewRequest {
  readonly customerId: string;
  readonly kind: RequestKind;
  /** Of the profile, for an objection. */
  readonly purpose?: string | undefined;
  /** Who asks and how it was made sure: always of a request on somebody's behalf, never of the person's own. */
  readonly asker?: Asker | undefined;
  readonly checked?: Exclude<Check, 'token'> | undefined;
  readonly note?: string | undefined;
  /** What is to be changed, for a correction. */
  readonly correction?: CustomerChange | undefined;
}

/**
 * Enters a request in the register: the person's own, by their own token, or one on their behalf with who asked and how that
 * was made sure. A copy that the person asks for themselves is there at once; everything else waits for a decision.
 */
export async function createRequest(vault: Vault, caller: Caller, act: Act, input: NewRequest): Promise<Answer> {
  permit(caller, 'requests.create');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const said = checkAsked(policy, caller, input);
  const own = caller.subjectId === undefined || caller.subjectId === input.customerId;
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, input.customerId)]);
  if (customer === undefined || !own) throw refuse('invalid_body', '/customerId', 'unknown_id');
  const keys = await vault.keyring.tenant(tenantId);
  const id = newId(vault.now());
  const at = new Date(vault.now());
  const proposal = proposalOf(vault, policy, keys, caller, customer, id, input.correction);
  const note = input.note === undefined ? null : sealSaid(keys, customer, id, 'note', input.note);
  const request = signed(keys, { ...enteredAt(policy, caller, input, at), ...said, id, note, proposal });
  const raised = [{ kind: 'request.opened', objectId: id, customerId: customer.id, at } as const];
  const deed = { subjectId: customer.id, object: { kind: 'requests', id }, rule: `rights.${input.kind}` };
  const statements = [
    insertRequest(tenantId, request),
    eventStatement(vault, tenantId, ...raised),
    ...(await tellStep(vault, tenantId, request, { caller, act })),
  ];
  return commitAct(vault, caller, act, deed, statements, {
    status: 201,
    headers: { Location: `/v1/requests/${id}` },
    body: viewRequest(request),
  });
}

/** Checked as it would be applied now, so that what cannot be is told at once. Nothing of it is stored but as proposed. */
function proposalOf(
  vault: Vault,
  policy: Policy,
  keys: TenantKeys,
  caller: Caller,
  customer: CustomerRow,
  requestId: string,
  change: CustomerChange | undefined,
): Buffer | null {
  if (change === undefined) return null;
  if (pointersOf(change).length === 0) throw refuse('invalid_body', '/correction', 'empty');
  atCorrection(() => editCustomer(vault, policy, keys, caller, customer, change));
  return sealProposal(keys, customer, requestId, { version: customer.version, change });
}

function enteredAt(policy: Policy, caller: Caller, input: NewRequest, at: Date) {
  const { erase, copy } = policy.profile.rights;
  const atOnce = isCopy(input.kind) && caller.subjectId !== undefined;
  const reason = refusalAtOnce(policy, input);
  const closed = atOnce || reason !== undefined ? at : null;
  return {
    customerId: input.customerId,
    kind: input.kind,
    state: reason !== undefined ? ('refused' as const) : atOnce ? ('done' as const) : ('open' as const),
    askedBy: caller.clientId,
    askedRole: caller.role,
    askedActor: caller.subjectId === undefined ? (caller.actor ?? null) : null,
    purpose: input.purpose ?? null,
    askedAt: at,
    dueAt: addDuration(at, erase.deadline) ?? at,
    decidedBy: null,
    decidedActor: null,
    decidedAt: closed,
    outcome: reason !== undefined ? ('refused' as const) : atOnce ? ('done' as const) : null,
    reason: reason ?? null,
    clauses: reason === undefined ? [] : (policy.profile.rights.object?.clauses ?? []),
    closedAt: closed,
    copyExpiresAt: atOnce ? (addDuration(at, copy.linkExpires) ?? at) : null,
    fetchedAt: null,
    certificate: null,
    applied: null,
    withdrawnAt: null,
    why: null,
  };
}

/** Why nobody has to decide it: the law or the contract demands the purpose, and the policy says so. */
function refusalAtOnce({ profile }: Policy, { kind, purpose }: NewRequest): LegalReason | undefined {
  const refused = profile.rights.object?.refused ?? {};
  if (kind !== 'object' || purpose === undefined || !Object.hasOwn(refused, purpose)) return undefined;
  return refused[purpose];
}

function checkAsked(policy: Policy, { subjectId }: Caller, input: NewRequest): { asker: string; checked: string } {
  const { asker, checked, note, purpose, kind, correction } = input;
  if (correction !== undefined && kind !== 'correct') throw refuse('invalid_body', '/correction', 'not_for_kind');
  if ((kind === 'object') !== (purpose !== undefined))
    throw kind === 'object' ? refuse('field_required', '/purpose') : refuse('invalid_body', '/purpose', 'not_for_kind');
  if (purpose !== undefined && !Object.hasOwn(policy.profile.purposes, purpose))
    throw refuse('invalid_body', '/purpose', 'unknown_value');
  const fault = note === undefined ? undefined : checkText(note, { max: 2_000, kind: 'text' });
  if (fault !== undefined) throw refuse('invalid_body', '/note', fault);
  if (subjectId !== undefined) {
    if (asker !== undefined) throw refuse('invalid_body', '/asker', 'not_for_the_person');
    if (checked !== undefined) throw refuse('invalid_body', '/checked', 'not_for_the_person');
    return { asker: 'subject', checked: 'token' };
  }
  if (asker === undefined) throw refuse('field_required', '/asker');
  if (checked === undefined) throw refuse('field_required', '/checked');
  if (checked === 'none' && asker !== 'shop') throw refuse('invalid_body', '/checked', 'not_identified');
  return { asker, checked };
}

/** Throws `not_found`, for another tenant's or person's request as for none, and `integrity_failure`. */
export async function requestOf(vault: Vault, caller: Caller, id: string): Promise<RequestRow> {
  const { tenantId, subjectId } = caller;
  const [[row]] = await load(vault, tenantId, [selectRequest(tenantId, id, subjectId)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(await vault.keyring.tenant(tenantId), 'requests', row);
  return row;
}

/** One request, with what was said in words for as long as the person's key is there. */
export async function readRequest(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'requests.read');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const row = await requestOf(vault, caller, id);
  // Out of reach is out of reach, whether the key has gone or not.
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, row.customerId)]);
  const keys = await vault.keyring.tenant(tenantId);
  // The person's own token, which may be in other hands, hears nothing that was said of a frozen account.
  const hears = caller.subjectId !== undefined && customer?.frozen === true ? undefined : customer;
  const [note, why] = [openSaid(keys, hears, row, 'note'), openSaid(keys, hears, row, 'why')];
  const proposal = openProposal(keys, customer, row);
  const judged = policy.decide(caller, undefined, allFields, customer?.frozen === true);
  const body = {
    ...viewRequest(row),
    ...(note === undefined ? {} : { note }),
    ...(why === undefined ? {} : { why }),
    ...(proposal === undefined
      ? {}
      : { correction: { version: proposal.version, proposed: viewProposal(policy, judged, proposal) } }),
  };
  const shown: Deed = proposal === undefined ? {} : { rule: judged.rule, ...fieldsOfProposal(judged, proposal) };
  const deed = { subjectId: row.customerId, object: { kind: 'requests', id }, ...shown };
  const heard = caller.subjectId !== undefined && (note ?? why) !== undefined;
  const seen = heard || (shown.full ?? []).length > 0 ? [requireReveals(tenantId, row.customerId)] : [];
  return commitAct(vault, caller, act, deed, seen, { status: 200, body });
}

/** The register, newest first; the person's own token sees their own. */
export async function listRequests(
  vault: Vault,
  caller: Caller,
  act: Act,
  asked: Omit<RequestFilter, 'overdueAt'> & { readonly overdue: boolean },
  page: Page,
): Promise<Answer> {
  permit(caller, 'requests.list');
  const { tenantId, subjectId } = caller;
  const others = subjectId !== undefined && asked.customerId !== undefined && asked.customerId !== subjectId;
  const overdueAt = asked.overdue ? new Date(vault.now()) : undefined;
  const filter = { state: asked.state, overdueAt, customerId: subjectId ?? asked.customerId };
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, filter, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    others ? [] : rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'requests', row) ? viewRequest(row) : undefined),
  );
  return commitAct(vault, caller, act, { subjectId: filter.customerId }, [], { status: 200, body });
}

/** The signed statement of an erasure. Throws `conflict` until the request is closed by one. */
export async function readCertificate(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'requests.certificate');
  const { customerId, state, certificate, closedAt } = await requestOf(vault, caller, id);
  if (state === 'open') throw refuse('conflict', '', 'not_answered');
  if (certificate === null) throw refuse('conflict', '', 'no_certificate');
  const proof = await certificateProof(vault, await vault.keyring.tenant(caller.tenantId), {
    id,
    customerId,
    closedAt,
  });
  const deed = { subjectId: customerId, object: { kind: 'requests', id } };
  const body = { id, certificate, ...(proof === undefined ? {} : { proof }) };
  return commitAct(vault, caller, act, deed, [], { status: 200, body });
}
