import { newSalt } from '../crypto/salt.ts';
import { discardPackage } from '../db/exports.ts';
import {
  decideLegalOrder,
  insertLegalOrder,
  listLegalOrders as listStatement,
  revokeLegalOrder as revokeStatement,
  selectLegalOrder,
  type LegalOrderRow,
  type StoredStatus,
} from '../db/legalOrders.ts';
import { findSubjects } from '../db/legalSubjects.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { fieldsUnder } from '../policy/grants.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import { expectTwo, personOf, type Person } from './fourEyes.ts';
import { newId } from './ids.ts';
import { demandsOf } from './legalGround.ts';
import { checkLegalOrder } from './legalOrderCheck.ts';
import type { LegalOrderInput } from './legalOrderRecord.ts';
import { digestOfOrder, numberTag, openOrder, resealOrder, sealOrder, type Decision } from './legalOrderSeal.ts';
import { statusAt, viewOrder } from './legalOrderView.ts';
import { subjectKeys } from './legalScope.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import type { SealedRecord } from './record.ts';
import { dayEndingAt, endOfDay } from './tehranDay.ts';
import type { Vault } from './vault.ts';

/** Tries to revoke an order that is being executed at the same moment. */
const tries = 4;

/** Records a written order. It opens nothing until another person, through another client, approves it. */
export async function registerLegalOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  input: LegalOrderInput,
): Promise<Answer> {
  permit(caller, 'legal_orders.register');
  const person = personOf(caller);
  const now = vault.now();
  const policy = vault.watch.policy(caller.tenantId);
  const { record, warnings } = checkLegalOrder(policy, fieldsUnder(policy.profile, 'legal_order', caller), input, now);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const id = newId(now);
  const registration = { ...person, at: new Date(now).toISOString() };
  const sealed = sealOrder(keys, id, { salt: newSalt(), record, registration });
  const row = {
    tenantId: caller.tenantId,
    id,
    kind: record.kind,
    authorityKind: record.authority.kind,
    numberTag: numberTag(keys, record),
    indexVersion: keys.indexVersion,
    registeredBy: person.clientId,
    registeredActor: person.actor,
    registeredAt: new Date(now),
    validUntil: new Date(endOfDay(record.validUntil)),
    keyVersion: sealed.keyVersion,
    dataKey: sealed.dataKey,
    sealed: sealed.sealed,
  };
  return commitAct(vault, caller, act, deedOf(sealed), [insertLegalOrder(row)], {
    status: 201,
    headers: { Location: `/v1/legal-orders/${id}`, ETag: '"1"' },
    body: { id, version: 1, status: 'registered', warnings },
  });
}

/** States only, newest first. */
export async function listLegalOrders(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'legal_orders.list');
  const [rows] = await load(vault, caller.tenantId, [listStatement(caller.tenantId, page.after, page.limit + 1)]);
  const now = vault.now();
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => ({
      id: row.id,
      version: row.version,
      status: statusAt(row, now),
      kind: row.kind,
      registeredAt: row.registeredAt.toISOString(),
      validUntil: dayEndingAt(row.validUntil),
    }),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

/** The whole order, and whether its subjects are known here. Whom it names is opened; they themselves are not. */
export async function readLegalOrder(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'legal_orders.read');
  const row = await orderOf(vault, caller, id);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const file = openOrder(keys, row);
  const [found] = await load(vault, caller.tenantId, [
    findSubjects(caller.tenantId, subjectKeys(keys, file.record.scope.subjects)),
  ]);
  return commitAct(
    vault,
    caller,
    act,
    { object: { kind: 'legal_orders', id }, legalOrderId: id, recordVersion: row.version },
    [],
    {
      status: 200,
      headers: { ETag: `"${row.version}"` },
      body: viewOrder(row, file, found, vault.now()),
    },
  );
}

/** The second person's yes, bound to the exact record. Throws `self_approval` for the registrar's client or person. */
export async function approveLegalOrder(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'legal_orders.approve');
  const { row, person } = await orderForSecond(vault, caller, id, ['registered']);
  if (statusAt(row, vault.now()) === 'expired') throw new VaultError('legal_order_expired');
  demandsOf(vault.watch.policy(caller.tenantId).profile, row.kind, row.authorityKind);
  return decide(vault, caller, act, row, { ...person, outcome: 'approved' });
}

/** The second person's no. The authority's letter may then be recorded anew. */
export async function rejectLegalOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  reason: string,
): Promise<Answer> {
  permit(caller, 'legal_orders.reject');
  checkReason(reason);
  const { row, person } = await orderForSecond(vault, caller, id, ['registered']);
  return decide(vault, caller, act, row, { ...person, outcome: 'rejected', reason });
}

/** Takes an approval back, before or after the execution; a package that was not fetched yet is destroyed. */
export async function revokeLegalOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  reason: string,
): Promise<Answer> {
  permit(caller, 'legal_orders.revoke');
  checkReason(reason);
  for (let attempt = 1; ; attempt += 1) {
    const { row, person } = await orderForSecond(vault, caller, id, ['approved', 'executed']);
    try {
      return await revoke(vault, caller, act, row, person, reason);
    } catch (error) {
      // An execution came in between: it is revoked as well.
      if (!(error instanceof VaultError && error.code === 'conflict') || attempt === tries) throw error;
    }
  }
}

/** The order, for a step that the registrar may not take. Throws `conflict` unless it stands where the step begins. */
async function orderForSecond(vault: Vault, caller: Caller, id: string, from: readonly StoredStatus[]) {
  const person = personOf(caller);
  const row = await orderOf(vault, caller, id);
  expectTwo(person, { clientId: row.registeredBy, actor: row.registeredActor });
  if (!from.includes(row.status)) throw new VaultError('conflict');
  return { row, person };
}

/** Throws `not_found`, for another tenant's order as for none. */
async function orderOf(vault: Vault, caller: Caller, id: string): Promise<LegalOrderRow> {
  const [[row]] = await load(vault, caller.tenantId, [selectLegalOrder(caller.tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  return row;
}

function checkReason(reason: string): void {
  const fault = checkText(reason, { max: 500, kind: 'text' });
  if (fault !== undefined) throw refuse('invalid_body', '/reason', fault);
}

async function decide(
  vault: Vault,
  caller: Caller,
  act: Act,
  row: LegalOrderRow,
  taken: Omit<Decision, 'at' | 'digest'>,
): Promise<Answer> {
  const keys = await vault.keyring.tenant(caller.tenantId);
  const file = openOrder(keys, row);
  const at = new Date(vault.now());
  const digest = digestOfOrder(file);
  const decision = { ...taken, at: at.toISOString(), digest: digest.toString('hex') };
  const sealed = resealOrder(keys, row, { ...file, decision });
  const statements = [decideLegalOrder(caller.tenantId, stepOf(sealed, taken, at), taken.outcome, digest)];
  return commitAct(vault, caller, act, deedOf(sealed), statements, {
    status: 200,
    headers: { ETag: `"${sealed.version}"` },
    body: { id: row.id, version: sealed.version, status: taken.outcome, digest: decision.digest },
  });
}

async function revoke(
  vault: Vault,
  caller: Caller,
  act: Act,
  row: LegalOrderRow,
  person: Person,
  reason: string,
): Promise<Answer> {
  const keys = await vault.keyring.tenant(caller.tenantId);
  const file = openOrder(keys, row);
  // Another process's clock may be ahead: nothing is ever executed after its revocation.
  const at = new Date(Math.max(vault.now(), row.executedAt?.getTime() ?? 0));
  const sealed = resealOrder(keys, row, { ...file, revocation: { ...person, at: at.toISOString(), reason } });
  const statements = [
    revokeStatement(caller.tenantId, stepOf(sealed, person, at)),
    discardPackage(caller.tenantId, row.id),
  ];
  return commitAct(vault, caller, act, deedOf(sealed), statements, {
    status: 200,
    headers: { ETag: `"${sealed.version}"` },
    body: { id: row.id, version: sealed.version, status: 'revoked' },
  });
}

function stepOf(sealed: SealedRecord, person: Person, at: Date) {
  return {
    id: sealed.id,
    version: sealed.version,
    sealed: sealed.sealed,
    by: person.clientId,
    actor: person.actor,
    at,
  };
}

function deedOf({ id, digest, version }: SealedRecord): Deed {
  return { object: { kind: 'legal_orders', id }, legalOrderId: id, digest, recordVersion: version };
}
