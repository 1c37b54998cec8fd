import {
  abortExport,
  completeExport,
  fetchExport,
  reissueExport,
  selectExport,
  type ExportRow,
} from '../db/exports.ts';
import { holdExecutedOrder } from '../db/legalOrderExecution.ts';
import { VaultError, type Code } from '../errors.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import { leafStatement, type Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import { eventStatement } from './events.ts';
import { expectAsSealed, openPackage, openUntil } from './exportSeal.ts';
import { expectTwo, personOf } from './fourEyes.ts';
import { openOrder } from './legalOrderSeal.ts';
import { orderOf, sealStep } from './legalOrderStep.ts';
import { permit } from './permit.ts';
import { checkReason } from './reason.ts';
import type { Vault } from './vault.ts';

/** Times that an approver may let a package out again. */
const mostReissues = 3;

export interface FetchedPackage {
  readonly format: ExportRow['format'];
  readonly bytes: Buffer;
  /** SHA-256 of the bytes. */
  readonly sha256: Buffer;
  /** To be told, once, whether the whole package left. Never rejects. */
  readonly ended: (whole: boolean) => Promise<void>;
}

/** The export, or `not_found`: another tenant's as none. */
export async function exportOf(vault: Vault, caller: Caller, id: string): Promise<ExportRow> {
  const [[row]] = await load(vault, caller.tenantId, [selectExport(caller.tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  return row;
}

/**
 * Hands the package to the person who executed the order: first use only, for fifteen minutes unless it is sealed to its
 * recipient. A second try is refused and raises an alarm. Nothing of a revoked order leaves.
 */
export async function fetchPackage(vault: Vault, caller: Caller, act: Act, id: string): Promise<FetchedPackage> {
  permit(caller, 'exports.fetch');
  const person = personOf(caller);
  const { clientId, actor } = person;
  const { tenantId } = caller;
  const at = new Date(vault.now());
  const row = await exportOf(vault, caller, id);
  const deed = deedOf(row);
  if (row.executedBy !== clientId || row.executedActor !== actor) throw new VaultError('not_permitted');
  if (row.orderStatus === 'revoked') throw new VaultError('legal_order_revoked');
  if (row.delivery !== 'waiting') throw await secondTry(vault, caller, act, deed);
  if (row.validUntil <= at || row.expiresAt <= at) throw new VaultError('legal_order_expired');
  const keys = await vault.keyring.tenant(tenantId);
  expectAsSealed(openOrder(keys, await orderOf(vault, caller, row.legalOrderId)), row, person);
  const bytes = openPackage(keys, row);
  const statements = [
    holdExecutedOrder(tenantId, row.legalOrderId, at),
    fetchExport(tenantId, id, clientId, actor, at),
  ];
  await commitAct(vault, caller, act, deed, statements, { status: 200, body: undefined });
  const ended = (whole: boolean) => recordEnd(vault, caller, act, { ...row, fetchedAt: at }, whole);
  return { format: row.format, bytes, sha256: row.sha256, ended };
}

/** The alarm and the refusal's leaf are one commit. */
async function secondTry(vault: Vault, caller: Caller, act: Act, deed: Deed): Promise<VaultError> {
  const code: Code = 'legal_order_used';
  const { object, legalOrderId } = deed;
  const alarm = { kind: 'package.second_try', objectId: object?.id ?? '', legalOrderId } as const;
  await write(vault, caller.tenantId, [
    leafStatement(vault, caller, act, { ...deed, outcome: 'refused', rule: code }),
    eventStatement(vault, caller.tenantId, alarm),
  ]);
  return new VaultError(code, [], undefined, true);
}

/** An end that cannot be recorded leaves the package under way: it then goes to nobody but by an approver's word. */
async function recordEnd(vault: Vault, caller: Caller, act: Act, row: ExportRow, whole: boolean): Promise<void> {
  const { tenantId } = caller;
  const rule = whole ? 'package.delivered' : 'package.aborted';
  const deed = { ...deedOf(row), rule };
  const at = new Date(vault.now());
  const told = { kind: 'package.aborted', objectId: row.id, legalOrderId: row.legalOrderId } as const;
  const steps = whole
    ? [completeExport(tenantId, row, at)]
    : [abortExport(tenantId, row), eventStatement(vault, tenantId, told)];
  await write(vault, tenantId, [...steps, leafStatement(vault, caller, act, deed)]).catch(() => undefined);
}

/** Lets a package that did not arrive be fetched once more, for fifteen minutes. Throws `self_approval`, `conflict`. */
export async function reissuePackage(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  reason: string,
): Promise<Answer> {
  permit(caller, 'exports.reissue');
  checkReason(reason);
  const person = personOf(caller);
  const { row, order, file } = await executedOrderOf(vault, caller, id);
  for (const other of [file.registration, ...(file.execution ? [file.execution] : [])]) expectTwo(person, other);
  const at = vault.now();
  const end = openUntil(file, new Date(at));
  const reissue = { ...person, at: new Date(at).toISOString(), reason };
  const reissued = { ...file, reissues: [...(file.reissues ?? []), reissue] };
  const keys = await vault.keyring.tenant(caller.tenantId);
  const statements = [
    sealStep(keys, order, reissued, ['executed']).statement,
    reissueExport(caller.tenantId, id, end, mostReissues),
  ];
  if (end.getTime() <= at) throw new VaultError('legal_order_expired');
  return commitAct(vault, caller, act, deedOf(row), statements, {
    status: 200,
    body: { id, delivery: 'waiting', expiresAt: end.toISOString(), reissues: row.reissues + 1 },
  });
}

/** An export with its order, opened. Throws `not_found`, `legal_order_revoked`. */
export async function executedOrderOf(vault: Vault, caller: Caller, id: string) {
  const row = await exportOf(vault, caller, id);
  const order = await orderOf(vault, caller, row.legalOrderId);
  if (order.status === 'revoked') throw new VaultError('legal_order_revoked');
  return { row, order, file: openOrder(await vault.keyring.tenant(caller.tenantId), order) };
}

function deedOf({ id, legalOrderId }: ExportRow): Deed {
  return { object: { kind: 'exports', id }, legalOrderId };
}
