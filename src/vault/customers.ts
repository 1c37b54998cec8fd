import { beginningOf } from '../crypto/container.ts';
import { insertCustomers, listCustomers as listStatement } from '../db/customers.ts';
import { insertTags, type TagRow } from '../db/indexTags.ts';
import { refuse, VaultError } from '../errors.ts';
import { fields as allFields, type Field } from '../policy/profile.ts';
import { commitAct, load, refusalOf, type Act, type Answer } from './act.ts';
import { leafOf, type Deed } from './audit.ts';
import { expectRecipient, within } from './admissions.ts';
import type { Caller } from './caller.ts';
import { admitFullRead } from './ceilings.ts';
import { checkCustomer, type CustomerInput } from './customerRecord.ts';
import { editBeside, editStatements, type CustomerChange, type CustomerEdit } from './customerEdit.ts';
import { rowOf, sealCustomer, tagsOf } from './customerSeal.ts';
import { viewCustomer, type CustomerView } from './customerView.ts';
import { customerMeant, withShownIds } from './firmIds.ts';
import { closedDecision, grantOf, judged, seenAs, stateAt, type GrantState } from './grantOf.ts';
import { newId } from './ids.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { accountBeside, givenWith } from './refundAccounts.ts';
import { namingTaken } from './takenIdentifiers.ts';
import { submissionOf, uncovered, type Submitted } from './submission.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface NewCustomer extends CustomerInput, Submitted {}

/** Stores a customer, each value sealed on its own. Answers nothing personal. */
export async function createCustomer(vault: Vault, caller: Caller, act: Act, input: NewCustomer): Promise<Answer> {
  permit(caller, 'customers.create');
  const policy = vault.watch.policy(caller.tenantId);
  const data = checkCustomer(policy, input);
  const now = vault.now();
  const at = new Date(now);
  const submission = submissionOf(policy, caller, input, at);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const id = newId(now);
  const answer: Answer = {
    status: 201,
    headers: { Location: `/v1/customers/${id}`, ETag: '"1"' },
    body: {
      id,
      version: 1,
      createdAt: at.toISOString(),
      warnings: [...data.warnings, ...uncovered(policy, input.source)],
    },
  };
  const seal = async () => {
    const sealed = await sealCustomer(keys, policy, id, data, submission);
    const row = rowOf(caller.tenantId, input.kind, input.source, sealed, at);
    const deed: Deed = { policy, subjectId: id, digest: sealed.digest, recordVersion: 1 };
    return { row, tags: tagsOf(keys, policy, id, data), deed };
  };
  try {
    if (act.idempotency !== undefined) {
      const { row, tags, deed } = await seal();
      return await commitAct(vault, caller, act, deed, [insertCustomers([row]), insertTags(tags)], answer);
    }
    return await vault.writes.create(caller.tenantId, async () => {
      const { deed, ...stored } = await seal();
      return { ...stored, leaf: leafOf(vault, caller, act, deed), answer };
    });
  } catch (error) {
    throw await namingTaken(vault, caller, tagsOf(keys, policy, id, data), refusalOf(vault, error));
  }
}

export interface ReadRequest {
  readonly id: string;
  readonly grantId: string | undefined;
  /** Only these fields; all when undefined. */
  readonly fields: ReadonlySet<Field> | undefined;
}

/** One customer as this caller may see it now. The answer leaves only after its audit leaf is durable. */
export async function readCustomer(vault: Vault, caller: Caller, act: Act, request: ReadRequest): Promise<Answer> {
  permit(caller, 'customers.read');
  const body = (await readView(vault, caller, act, request))();
  return { status: 200, headers: { ETag: `"${body.version}"` }, body };
}

/** Once the leaf is durable: how to open what the judge released. Throws `not_found`. */
export async function readView(
  vault: Vault,
  caller: Caller,
  act: Act,
  request: ReadRequest,
): Promise<() => CustomerView> {
  const id = await customerMeant(vault, caller, request.id, request.grantId);
  const { row, decision, policy, given } = await readShown(vault, caller, act, { ...request, id });
  const keys = await vault.keyring.tenant(caller.tenantId);
  const account = await accountBeside(vault, keys, row, given);
  return () =>
    withShownIds(keys, caller, request.id, viewCustomer(keys, policy, row, decision, request.fields, account));
}

/** The row, once its leaf is durable, and what the judge lets out of it. Throws `not_found`. */
export async function readGranted(vault: Vault, caller: Caller, act: Act, request: ReadRequest) {
  const { row, ...read } = await readRow(vault, caller, act, request, false);
  return { ...read, row: { ...row, sealed: row.shown } };
}

/** The same for who shows it and does nothing else with it: where all that is released are masks, it has nothing but them. */
export function readShown(vault: Vault, caller: Caller, act: Act, request: ReadRequest) {
  return readRow(vault, caller, act, request, true);
}

async function readRow(vault: Vault, caller: Caller, act: Act, request: ReadRequest, masksDo: boolean) {
  if (caller.subjectId !== undefined && caller.subjectId !== request.id) throw new VaultError('not_found');
  const admitted = expectRecipient(vault, caller);
  const policy = vault.watch.policy(caller.tenantId);
  const grant = await grantOf(vault, caller, request.id, request.grantId);
  const given = await givenWith(vault, caller.tenantId, grant);
  const asked = request.fields === undefined ? allFields : [...request.fields];
  const decide = (at: GrantState, frozen: boolean) =>
    policy.decide(caller, grant === undefined ? undefined : within(judged(grant, at), admitted), asked, frozen);
  const state = grant === undefined ? 'open' : stateAt(grant, vault.now());
  const decision = decide(state, false);
  const closed = closedDecision(caller, decision, grant !== undefined, decide);
  await admitFullRead(vault, policy, caller, decision, closed);
  const deed = { policy, subjectId: request.id, grantId: grant?.id, purpose: grant?.purpose };
  const leaf = leafOf(vault, caller, act, {
    ...deed,
    full: decision.full,
    masked: decision.masked,
    rule: decision.rule,
  });
  const closedLeaf = () =>
    leafOf(vault, caller, act, { ...deed, full: closed.full, masked: closed.masked, rule: closed.rule }, leaf.id);
  const maxReads = grant?.maxReads ?? null;
  // However the statement finds grant and customer: what is seen then is one of the two, or less (`seenAs`).
  const masked = masksDo && decision.full.length + closed.full.length === 0;
  const beginning = masked ? beginningOf(policy.label) : undefined;
  const named = { tenantId: caller.tenantId, customerId: request.id, grantId: grant?.id, maxReads, beginning };
  const row = await vault.reads
    .customer({ ...named, leaf, closedLeaf: closed === decision ? undefined : closedLeaf }, maxReads !== null)
    .catch((error: unknown) => {
      throw refusalOf(vault, error);
    });
  if (row === undefined) throw new VaultError('not_found');
  const seen = seenAs(row, grant, { state, decision, closed }, decide);
  return { row, decision: seen, policy, given: row.granted ? given : undefined };
}

/** Changes a customer as a merge patch (RFC 7396) on the version the caller read; every value is sealed anew. */
export async function patchCustomer(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  version: number | undefined,
  patch: CustomerChange,
): Promise<Answer> {
  permit(caller, 'customers.patch');
  const policy = vault.watch.policy(caller.tenantId);
  if (caller.subjectId !== undefined) checkOwn(policy, caller.subjectId, id, patch);
  const stored = await vault.reads.stored(caller.tenantId, id).catch((error: unknown) => {
    throw refusalOf(vault, error);
  });
  if (stored === undefined) throw new VaultError('not_found');
  if (version !== stored.version) throw new VaultError('precondition_failed');
  const keys = await vault.keyring.tenant(caller.tenantId);
  const rule = caller.subjectId === undefined ? undefined : 'rights.correct.self';
  let tags: readonly TagRow[] = [];
  const seal = async () => {
    const edit = await editBeside(vault, policy, keys, caller, stored, patch);
    tags = edit.tags;
    return { edit, deed: { ...edit.deed, rule }, answer: editedAnswer(edit) };
  };
  try {
    if (act.idempotency !== undefined) {
      const { edit, deed, answer } = await seal();
      return await commitAct(vault, caller, act, deed, editStatements([edit]), answer);
    }
    return await vault.writes.edit(caller.tenantId, async () => {
      const { edit, deed, answer } = await seal();
      return { ...edit, leaf: leafOf(vault, caller, act, deed), answer };
    });
  } catch (error) {
    throw await namingTaken(vault, caller, tags, refusalOf(vault, error));
  }
}

function editedAnswer({ update, warnings }: CustomerEdit): Answer {
  const { id, version, updatedAt } = update;
  return {
    status: 200,
    headers: { ETag: `"${version}"` },
    body: { id, version, updatedAt: updatedAt.toISOString(), warnings },
  };
}

/** A person corrects their own data (E22, C13), where the policy lets them; not what the shop knows them by. */
function checkOwn({ profile }: Policy, subjectId: string, id: string, { guest, fields }: CustomerChange): void {
  if (subjectId !== id) throw new VaultError('not_found');
  if (!profile.rights.correct.bySelf) throw new VaultError('not_permitted');
  if (guest !== undefined) throw refuse('invalid_body', '/guest', 'not_for_the_person');
  if (fields?.['externalRef'] !== undefined) throw refuse('invalid_body', '/externalRef', 'not_for_the_person');
}

/** Ids and states only, newest first. */
export async function listCustomers(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'customers.list');
  const [rows] = await load(vault, caller.tenantId, [listStatement(caller.tenantId, page.after, page.limit + 1)]);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    ({ id, kind, status, version, createdAt }) => ({ id, kind, status, version, createdAt: createdAt.toISOString() }),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}
