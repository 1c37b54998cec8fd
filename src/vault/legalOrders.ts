import { newSalt } from '../crypto/salt.ts';
import {
  insertLegalOrder,
  listLegalOrders as listStatement,
  type LegalOrderFilter,
  type ListedLegalOrder,
} from '../db/legalOrders.ts';
import { selectReleases } from '../db/holds.ts';
import { findSubjects } from '../db/legalSubjects.ts';
import { fieldsUnder } from '../policy/grants.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { eventStatement } from './events.ts';
import { personOf } from './fourEyes.ts';
import { openRelease } from './holdRegister.ts';
import { holdLeaves } from './holds.ts';
import { newId } from './ids.ts';
import { holdsAtRegistration } from './legalHolds.ts';
import { checkLegalOrder } from './legalOrderCheck.ts';
import type { LegalOrderInput } from './legalOrderRecord.ts';
import { columnsOf, numberTag, openOrder, sealOrder } from './legalOrderSeal.ts';
import { deedOf, orderOf } from './legalOrderStep.ts';
import { statusAt, viewOrder } from './legalOrderView.ts';
import { subjectKeys } from './legalScope.ts';
import { pageOf, type Page } from './page.ts';
import { expectPermitted } from './permissionGate.ts';
import { permit } from './permit.ts';
import { dayEndingAt } from './tehranDay.ts';
import type { Vault } from './vault.ts';

/** Records a written order, or another ground. It opens nothing until another person, through another client, approves it. */
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
  await expectPermitted(vault, keys, record, []);
  const id = newId(now);
  const file = { salt: newSalt(), record, registration: { ...person, at: new Date(now).toISOString() } };
  const sealed = sealOrder(keys, id, file);
  const { kind, ground, authorityKind, validUntil } = columnsOf(file);
  const row = {
    tenantId: caller.tenantId,
    id,
    kind,
    ground,
    authorityKind,
    numberTag: numberTag(keys, id, record),
    hashVersion: keys.hashVersion,
    registeredBy: person.clientId,
    registeredActor: person.actor,
    registeredAt: new Date(now),
    validUntil,
    keyVersion: sealed.keyVersion,
    dataKey: sealed.dataKey,
    sealed: sealed.sealed,
  };
  const held = await holdsAtRegistration({ vault, keys, legalOrderId: id, record, at: new Date(now) });
  const waiting = eventStatement(vault, caller.tenantId, { kind: 'legal_order.waiting', objectId: id });
  const statements = [insertLegalOrder(row), waiting, ...held.statements, ...holdLeaves(vault, caller, act, held)];
  return commitAct(vault, caller, act, deedOf(sealed), statements, {
    status: 201,
    headers: { Location: `/v1/legal-orders/${id}`, ETag: '"1"' },
    body: { id, version: 1, status: 'registered', warnings },
  });
}

/** States only, newest first. */
export async function listLegalOrders(
  vault: Vault,
  caller: Caller,
  act: Act,
  filter: LegalOrderFilter,
  page: Page,
): Promise<Answer> {
  permit(caller, 'legal_orders.list');
  const [rows] = await load(vault, caller.tenantId, [
    listStatement(caller.tenantId, filter, new Date(vault.now()), page.after, page.limit + 1),
  ]);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => lineOf(row, vault.now()),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

function lineOf(row: ListedLegalOrder, now: number) {
  const { id, version, kind, ground, approvals, registeredAt, validUntil, approvalExpires, reviewDue, reviewedAt } =
    row;
  return {
    id,
    version,
    status: statusAt(row, now),
    kind,
    ground,
    approvals,
    registeredAt: registeredAt.toISOString(),
    validUntil: dayEndingAt(validUntil),
    ...(approvalExpires === null ? {} : { approvalExpires: approvalExpires.toISOString() }),
    ...(reviewDue === null ? {} : { reviewDue: reviewDue.toISOString() }),
    ...(reviewedAt === null ? {} : { reviewedAt: reviewedAt.toISOString() }),
  };
}

/** The whole order, and whether its subjects are known here. Whom it names is opened; they themselves are not. */
export async function readLegalOrder(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'legal_orders.read');
  const row = await orderOf(vault, caller, id);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const file = openOrder(keys, row);
  const [found, released] = await load(vault, caller.tenantId, [
    findSubjects(caller.tenantId, subjectKeys(keys, file.record.scope.subjects)),
    selectReleases(caller.tenantId, id),
  ]);
  const releases = released.map((one) => ({ holdId: one.id, ...openRelease(keys, row, one.id, one.release) }));
  const deed = { object: { kind: 'legal_orders', id }, legalOrderId: id, recordVersion: row.version };
  return commitAct(vault, caller, act, deed, [], {
    status: 200,
    headers: { ETag: `"${row.version}"` },
    body: { ...viewOrder(row, file, found, vault.now()), ...(releases.length === 0 ? {} : { releases }) },
  });
}
