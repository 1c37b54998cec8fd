import { newSalt } from '../crypto/salt.ts';
import { insertLeaves } from '../db/audit.ts';
import { insertExport } from '../db/exports.ts';
import { takeLegalOrderForExecution } from '../db/legalOrderExecution.ts';
import { holdCustomers } from '../db/legalSubjects.ts';
import { VaultError } from '../errors.ts';
import { commitLeaf, type Act, type Answer } from './act.ts';
import { leafOf, type Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import { computeContent } from './exportContent.ts';
import { openGate, subjectsOf } from './exportGate.ts';
import { sealExport } from './exportSeal.ts';
import { personOf } from './fourEyes.ts';
import { newId } from './ids.ts';
import { secrecyOf } from './legalOrderSeal.ts';
import { sealStep } from './legalOrderStep.ts';
import { noticeStatements } from './notices.ts';
import { expectPermitted, permissionUsed } from './permissionGate.ts';
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
  const gate = await openGate(vault, caller, policy, legalOrderId, by, at);
  const { row: stored, ground, file, record, decision, purpose } = gate;
  const keys = await vault.keyring.tenant(tenantId);
  const found = await subjectsOf(vault, caller, keys, record, ground);
  await expectPermitted(vault, keys, record, found);
  const content = computeContent(keys, record, decision, found, { at, salt: newSalt() });
  const exportId = newId(at.getTime());
  const controller = policy.profile.controller.fa;
  const execution = { exportId, legalOrderId, at, by, policyVersion: policy.label, controller };
  const executed = { ...file, execution: { ...by, at: at.toISOString(), exportId } };
  const { statement: step } = sealStep(keys, stored, executed, ['approved']);
  const deed: Deed = { policy, object: { kind: 'exports', id: exportId }, legalOrderId, purpose, rule: decision.rule };
  const recorded = (digest: Buffer) =>
    leafOf(vault, caller, act, { ...deed, full: decision.full, digest, recordVersion: 1 });
  const { row, leaf, receipt } = sealExport(vault.peers.exporting(), keys, file, content, execution, recorded);
  const statements = [
    takeLegalOrderForExecution(tenantId, stored.id, stored.version, at),
    step,
    ...permissionUsed(tenantId, record, exportId),
    holdCustomers(tenantId, content.held),
    insertExport(row),
    ...noticeStatements(vault, keys, execution, { ...record, secret: secrecyOf(file) }, content.disclosed),
    insertLeaves(content.disclosed.map((d) => leafOf(vault, caller, act, { ...deed, ...d }))),
  ];
  return commitLeaf(vault, caller, act, leaf, statements, {
    status: 201,
    headers: { Location: `/v1/exports/${exportId}/package` },
    body: {
      id: exportId,
      records: row.records,
      format: row.format,
      sha256: row.sha256.toString('hex'),
      expiresAt: row.expiresAt.toISOString(),
      receipt,
    },
  });
}
