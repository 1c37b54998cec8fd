import { changeCase, closeGrantsOfCase, type CaseFilter, type CaseRow } from '../db/cases.ts';
import { refuse, VaultError } from '../errors.ts';
import { addDuration } from '../policy/duration.ts';
import type { Profile } from '../policy/profile.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import { checkWords, nounOf, openCase, sealCase, signedCase, viewCase } from './caseRecord.ts';
import { caseOf, customerOf, fileCase, guardsOf, isKept, listCases, tellStep } from './cases.ts';
import type { Caller } from './caller.ts';
import { checkClauses } from './clauses.ts';
import type { EventKind } from './eventKinds.ts';
import { eventStatement } from './events.ts';
import { personOf, type Person } from './fourEyes.ts';
import type { Page } from './page.ts';
import { permit, type Action } from './permit.ts';
import { isDeclared } from './reader.ts';
import type { Vault } from './vault.ts';

const noun = nounOf('complaint');

export interface NewComplaint {
  readonly customerId: string;
  readonly text: string;
  /** Of the policy in force, that was not kept. */
  readonly clauses?: readonly string[] | undefined;
  /** The member of staff it is about, if it is about one. */
  readonly about?: { readonly actor: string } | undefined;
}

export const complaintOwners = ['support', 'after_sales', 'department', 'dpo'] as const;
export interface ComplaintOwner {
  readonly role: (typeof complaintOwners)[number];
  readonly department?: string | undefined;
  readonly actor: string;
}

export const complaintOutcomes = ['upheld', 'partly_upheld', 'not_upheld'] as const;
export interface ComplaintFinding {
  readonly outcome: (typeof complaintOutcomes)[number];
  readonly finding: string;
  readonly remedy: string;
  readonly clauses?: readonly string[] | undefined;
}

/** Where a version has no rule of its own: as it answers requests about one's own data. */
const termsOf = ({ complaints, rights }: Profile) => ({
  acknowledgeWithin: complaints?.acknowledgeWithin ?? rights.erase.deadline,
  answerWithin: complaints?.answerWithin ?? rights.erase.deadline,
});

export async function fileComplaint(vault: Vault, caller: Caller, act: Act, input: NewComplaint): Promise<Answer> {
  permit(caller, 'complaints.create');
  const policy = vault.watch.policy(caller.tenantId);
  const { customerId, text, clauses = [], about } = input;
  checkClauses(policy.profile, clauses);
  const within = termsOf(policy.profile).acknowledgeWithin;
  const entry = { kind: 'complaint', customerId, text, clauses, aboutActor: about?.actor, within } as const;
  return fileCase(vault, caller, act, policy, entry, ({ id }) => [
    eventStatement(vault, caller.tenantId, { kind: 'complaint.opened', objectId: id, customerId }),
  ]);
}

/** Says that it was taken in, and which clauses it is about where that is clear by now. */
export async function acknowledgeComplaint(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  clauses: readonly string[] | undefined,
): Promise<Answer> {
  return step(vault, caller, act, 'complaints.acknowledge', id, (row, _person, at, profile) => {
    if (row.state !== 'open') throw refuse('conflict', '', row.state);
    checkClauses(profile, clauses ?? []);
    const dueAt = addDuration(row.filedAt, termsOf(profile).answerWithin) ?? at;
    const next = { ...row, state: 'acknowledged', acknowledgedAt: at, dueAt, clauses: clauses ?? row.clauses } as const;
    return { next, event: 'complaint.acknowledged' };
  });
}

/**
 * Gives it to a member of staff, who alone of the departments then reads it: nobody it is about, and no department that the
 * policy does not declare. Work that was opened for who had it before closes.
 */
export async function assignComplaint(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  owner: ComplaintOwner,
): Promise<Answer> {
  return step(vault, caller, act, 'complaints.assign', id, (row, _person, _at, profile) => {
    if (row.state !== 'acknowledged' && row.state !== 'assigned') throw refuse('conflict', '', row.state);
    if (!isDeclared(profile, owner)) throw refuse('invalid_body', '/role', 'not_declared');
    if (row.aboutActor?.toLowerCase() === owner.actor.toLowerCase())
      throw refuse('invalid_body', '/actor', 'it_is_about_them');
    const { role, department = null, actor } = owner;
    const owned = { ownerRole: role, ownerDepartment: department, ownerActor: actor };
    return { next: { ...row, ...owned, state: 'assigned', grantIds: [] } as const };
  });
}

/** Ends it, with what was found and what was done about it: neither can be left out, nor the clauses that it is about. */
export async function closeComplaint(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  { outcome, finding, remedy, clauses }: ComplaintFinding,
): Promise<Answer> {
  checkWords(finding, '/finding');
  checkWords(remedy, '/remedy');
  const { tenantId } = caller;
  const keys = await vault.keyring.tenant(tenantId);
  return step(vault, caller, act, 'complaints.close', id, async (row, { clientId, actor }, closedAt, profile) => {
    if (row.state !== 'assigned') throw refuse('conflict', '', row.state);
    if (!isOwner(caller, row) && caller.role !== 'dpo') throw new VaultError('not_permitted');
    checkClauses(profile, clauses ?? []);
    const about = clauses ?? row.clauses;
    if (about.length === 0) throw refuse('field_required', '/clauses');
    const customer = await customerOf(vault, tenantId, row.customerId);
    const next = {
      ...row,
      state: 'closed',
      outcome,
      clauses: about,
      closedBy: clientId,
      closedActor: actor,
      closedAt,
      grantIds: [],
      finding: sealCase(keys, customer, id, 'finding', finding),
      remedy: sealCase(keys, customer, id, 'remedy', remedy),
    } as const;
    return { next, event: 'complaint.closed' };
  });
}

interface Step {
  readonly next: Omit<CaseRow, 'mac'>;
  readonly event?: EventKind;
}

/** One step of a complaint by a member of staff, with its leaf; grants that the step takes away close in its commit. */
async function step(
  vault: Vault,
  caller: Caller,
  act: Act,
  action: Action,
  id: string,
  taken: (row: CaseRow, person: Person, at: Date, profile: Profile) => Step | Promise<Step>,
): Promise<Answer> {
  permit(caller, action);
  const person = personOf(caller);
  const { tenantId } = caller;
  const row = await caseOf(vault, caller, 'complaint', id);
  const at = new Date(vault.now());
  const { next: changed, event } = await taken(row, person, at, vault.watch.policy(tenantId).profile);
  const next = signedCase(await vault.keyring.tenant(tenantId), changed);
  const { customerId } = row;
  const statements = [
    changeCase(tenantId, next, row.mac),
    closeGrantsOfCase(
      tenantId,
      row.grantIds.filter((grant) => !next.grantIds.includes(grant)),
      at,
    ),
    ...(event === undefined ? [] : [eventStatement(vault, tenantId, { kind: event, objectId: id, customerId, at })]),
    ...(event === undefined ? [] : await tellStep(vault, caller, act, next)),
  ];
  const deed = { subjectId: customerId, object: { kind: noun, id }, rule: `${noun}.${next.outcome ?? next.state}` };
  return commitAct(vault, caller, act, deed, statements, { status: 200, body: viewCase(next) });
}

/** The member of staff whom it was given to, in the department it was given to. */
function isOwner({ role, department, actor }: Caller, row: CaseRow): boolean {
  if (row.ownerActor === null || actor === undefined) return false;
  return (
    row.ownerRole === role &&
    row.ownerDepartment === (department ?? null) &&
    row.ownerActor.toLowerCase() === actor.toLowerCase()
  );
}

const readers: ReadonlySet<string> = new Set(['legal_registrar', 'legal_approver', 'dpo', 'subject']);

/**
 * One complaint. What was said is read by whoever it was given to, the legal roles, the protection officer and the person, for
 * as long as it is kept; everybody else sees how it stands.
 */
export async function readComplaint(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'complaints.read');
  const { tenantId, role } = caller;
  const row = await caseOf(vault, caller, 'complaint', id);
  const reads = readers.has(role) || isOwner(caller, row);
  const shows = reads && isKept(vault.watch.policy(tenantId).profile, row, vault.now());
  const keys = await vault.keyring.tenant(tenantId);
  const customer = shows ? await customerOf(vault, tenantId, row.customerId) : undefined;
  const names = { words: 'text', finding: 'finding', remedy: 'remedy' } as const;
  const body = {
    ...viewCase(row),
    ...(reads && role !== 'subject' && row.aboutActor !== null ? { about: { actor: row.aboutActor } } : {}),
    ...openCase(keys, customer, row, names),
  };
  const deed = { subjectId: row.customerId, object: { kind: noun, id }, rule: `${noun}.${shows ? 'words' : 'state'}` };
  return commitAct(vault, caller, act, deed, guardsOf(caller, row), { status: 200, body });
}

export async function listComplaints(
  vault: Vault,
  caller: Caller,
  act: Act,
  filter: CaseFilter,
  page: Page,
): Promise<Answer> {
  permit(caller, 'complaints.list');
  return listCases(vault, caller, act, 'complaint', filter, page);
}
