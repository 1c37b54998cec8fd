import { newSalt } from '../crypto/salt.ts';
import { insertLeaves } from '../db/audit.ts';
import { fetchExport, insertExport, selectExport } from '../db/exports.ts';
import {
  executeLegalOrder as executeStatement,
  holdExecutedOrder,
  takeLegalOrderForExecution,
} from '../db/legalOrders.ts';
import { holdCustomers } from '../db/legalSubjects.ts';
import { VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import { leafOf, type Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import { computeContent } from './exportContent.ts';
import { executableOrder, judgeScope, subjectsOf } from './exportGate.ts';
import { openPackage, sealExport } from './exportSeal.ts';
import { personOf } from './fourEyes.ts';
import { newId } from './ids.ts';
import { openOrder, resealOrder } from './legalOrderSeal.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

/**
 * Executes an approved order, once. Whom and what it hands out, for which period and to whom is the order's word; the
 * caller names the order and nothing else. Without an approved order: `legal_order_required`, whoever asks.
 *
 * The commit takes the order's row first, so that no revocation, expiry or second execution comes between the judgement
 * and the export, and leaves a leaf for every person in the package.
 */
export async function executeLegalOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  legalOrderId: string | undefined,
): Promise<Answer> {
  if (legalOrderId === undefined) throw new VaultError('legal_order_required');
  permit(caller, 'exports.create');
  const { tenantId } = caller;
  const by = personOf(caller);
  const at = new Date(vault.now());
  const policy = vault.watch.policy(tenantId);
  const stored = await executableOrder(vault, caller, policy, legalOrderId, by, at);
  const keys = await vault.keyring.tenant(tenantId);
  const file = openOrder(keys, stored);
  const { decision, purpose } = judgeScope(policy, caller, file.record.scope.fields);
  const found = await subjectsOf(vault, caller, keys, file.record);
  const content = computeContent(keys, file.record, decision, found, { at, salt: newSalt() });
  const exportId = newId(at.getTime());
  const execution = { exportId, legalOrderId, at, by, policyVersion: policy.label };
  const { row, digest } = sealExport(vault.keys, keys, file, content, execution);
  const order = resealOrder(keys, stored, { ...file, execution: { ...by, at: at.toISOString(), exportId } });
  const deed: Deed = { object: { kind: 'exports', id: exportId }, legalOrderId, purpose, rule: decision.rule };
  const statements = [
    takeLegalOrderForExecution(tenantId, stored.id, stored.version, at),
    executeStatement(tenantId, { id: order.id, version: order.version, sealed: order.sealed, at }),
    holdCustomers(tenantId, content.held),
    insertExport(row),
    insertLeaves(content.disclosed.map((d) => leafOf(vault, caller, act, { ...deed, ...d }))),
  ];
  return commitAct(vault, caller, act, { ...deed, full: decision.full, digest, recordVersion: 1 }, statements, {
    status: 201,
    headers: { Location: `/v1/exports/${exportId}/package` },
    body: { id: exportId, records: row.records, sha256: row.sha256.toString('hex'), receipt: row.receipt },
  });
}

export interface FetchedPackage {
  readonly bytes: Buffer;
  /** SHA-256 of the bytes. */
  readonly sha256: Buffer;
}

/** Hands the package to the person who executed the order, once: no copy is kept. Nothing of a revoked order leaves. */
export async function fetchPackage(vault: Vault, caller: Caller, act: Act, id: string): Promise<FetchedPackage> {
  permit(caller, 'exports.fetch');
  const { clientId, actor } = personOf(caller);
  const { tenantId } = caller;
  const at = new Date(vault.now());
  const [[row]] = await load(vault, tenantId, [selectExport(tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  if (row.executedBy !== clientId || row.executedActor !== actor) throw new VaultError('not_permitted');
  if (row.orderStatus === 'revoked') throw new VaultError('legal_order_revoked');
  if (row.fetchedAt !== null) throw new VaultError('legal_order_used');
  if (row.validUntil <= at) throw new VaultError('legal_order_expired');
  const bytes = openPackage(await vault.keyring.tenant(tenantId), row);
  const deed: Deed = { object: { kind: 'exports', id }, legalOrderId: row.legalOrderId };
  const statements = [
    holdExecutedOrder(tenantId, row.legalOrderId, at),
    fetchExport(tenantId, id, clientId, actor, at),
  ];
  await commitAct(vault, caller, act, deed, statements, { status: 200, body: undefined });
  return { bytes, sha256: row.sha256 };
}
