import {
  insertCase,
  listCases as listStatement,
  selectCase,
  type CaseFilter,
  type CaseKind,
  type CaseRow,
} from '../db/cases.ts';
import { selectCustomersForRights, type RightsRow } from '../db/rightsCustomers.ts';
import { requireReveals } from '../db/freezes.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import { addDuration } from '../policy/duration.ts';
import type { Profile } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import { checkWords, nounOf, sealCase, signedCase, viewCase, wordsOfCase } from './caseRecord.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { believes, checkMac } from './rowMac.ts';
import { tellSubject } from './tellings.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** What somebody brings, of whatever kind. */
export interface NewCase {
  readonly kind: CaseKind;
  readonly customerId: string;
  readonly text: string | undefined;
  readonly clauses?: readonly string[] | undefined;
  readonly aboutActor?: string | undefined;
  /** ISO 8601, from now. */
  readonly within: string;
}

/**
 * Enters a case: the person's own by their own token, of nobody else, or one that the shop was told of. `more` is what goes
 * into the same commit.
 */
export async function fileCase(
  vault: Vault,
  caller: Caller,
  act: Act,
  policy: Policy,
  input: NewCase,
  more: (entry: CaseRow, keys: TenantKeys) => readonly Statement[],
): Promise<Answer> {
  const { tenantId, subjectId } = caller;
  checkWords(input.text, '/text');
  const own = subjectId === undefined || subjectId === input.customerId;
  const [[customer]] = await load(vault, tenantId, [selectCustomersForRights(tenantId, [input.customerId])]);
  if (customer === undefined || !own || !customer.standing) throw refuse('invalid_body', '/customerId', 'unknown_id');
  const keys = await vault.keyring.tenant(tenantId);
  const entry = entered(keys, caller, policy, customer, input, new Date(vault.now()));
  const noun = nounOf(input.kind);
  const deed = { subjectId: customer.id, object: { kind: noun, id: entry.id }, rule: `${noun}.filed` };
  return commitAct(vault, caller, act, deed, [insertCase(tenantId, entry), ...more(entry, keys)], {
    status: 201,
    headers: { Location: `/v1/${noun.replace('_', '-')}/${entry.id}` },
    body: viewCase(entry),
  });
}

function entered(
  keys: TenantKeys,
  caller: Caller,
  policy: Policy,
  customer: RightsRow,
  { kind, text, clauses = [], aboutActor, within }: NewCase,
  at: Date,
): CaseRow {
  const id = newId(at.getTime());
  return signedCase(keys, {
    id,
    kind,
    customerId: customer.id,
    state: 'open',
    clauses,
    aboutActor: aboutActor ?? null,
    filedBy: caller.clientId,
    filedRole: caller.role,
    filedActor: caller.subjectId === undefined ? (caller.actor ?? null) : null,
    filedAt: at,
    policyVersion: policy.number,
    dueAt: addDuration(at, within) ?? at,
    acknowledgedAt: null,
    ownerRole: null,
    ownerDepartment: null,
    ownerActor: null,
    outcome: null,
    closedBy: null,
    closedActor: null,
    closedAt: null,
    grantIds: [],
    words: sealCase(keys, customer, id, 'words', text),
    finding: null,
    remedy: null,
  });
}

/** Throws `not_found`, for another tenant's or person's case as for none, and `integrity_failure`. */
export async function caseOf(vault: Vault, caller: Caller, kind: CaseKind, id: string): Promise<CaseRow> {
  const { tenantId, subjectId } = caller;
  const [[row]] = await load(vault, tenantId, [selectCase(tenantId, kind, id, subjectId)]);
  if (row === undefined) throw new VaultError('not_found');
  // To whom it is about it is as none.
  if (row.aboutActor !== null && row.aboutActor.toLowerCase() === caller.actor?.toLowerCase())
    throw new VaultError('not_found');
  checkMac(await vault.keyring.tenant(tenantId), 'cases', row);
  return row;
}

/** The person hears that there is a step to be seen, and of none of its words. */
export async function tellStep(vault: Vault, caller: Caller, act: Act, { id, customerId, state }: CaseRow) {
  const params = { step: wordsOfCase(state), id };
  return tellSubject(
    vault,
    caller.tenantId,
    customerId,
    { telling: 'complaint_step', about: id, params },
    { caller, act },
  );
}

/** A person's own token, which may be in other hands, reads nothing of a frozen account. */
export const guardsOf = ({ tenantId, subjectId }: Caller, { customerId }: CaseRow): readonly Statement[] =>
  subjectId === undefined ? [] : [requireReveals(tenantId, customerId)];

/** Are its words still kept, by the policy in force? The same answer whether or not they have gone yet. */
export function isKept({ retention }: Profile, { closedAt }: CaseRow, now: number): boolean {
  const until = closedAt === null ? undefined : addDuration(closedAt, retention.complaint.keep);
  return until === undefined || now < until.getTime();
}

/** Whose it is, for the key to what was said. */
export async function customerOf(vault: Vault, tenantId: string, customerId: string): Promise<RightsRow | undefined> {
  const [[customer]] = await load(vault, tenantId, [selectCustomersForRights(tenantId, [customerId])]);
  return customer;
}

/** A register, newest first, without a word of what was said; the person's own token sees their own. */
export async function listCases(
  vault: Vault,
  caller: Caller,
  act: Act,
  kind: CaseKind,
  asked: CaseFilter,
  page: Page,
): Promise<Answer> {
  const { tenantId, subjectId } = caller;
  const others = subjectId !== undefined && asked.customerId !== undefined && asked.customerId !== subjectId;
  const filter = { ...asked, customerId: subjectId ?? asked.customerId };
  const asking = { unseenBy: caller.actor, beforeId: page.after, limit: page.limit + 1 };
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, kind, filter, asking)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    others ? [] : rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'cases', row) ? viewCase(row) : undefined),
  );
  return commitAct(vault, caller, act, { subjectId: filter.customerId }, [], { status: 200, body });
}
