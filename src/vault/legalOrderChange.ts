import { isDeepStrictEqual } from 'node:util';
import { renumberLegalOrder, type LegalOrderRow } from '../db/legalOrders.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import { fieldsUnder } from '../policy/grants.ts';
import type { Act, Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { eventStatement } from './events.ts';
import { personOf } from './fourEyes.ts';
import { holdLeaves } from './holds.ts';
import { holdsAtRegistration } from './legalHolds.ts';
import { checkLegalOrder } from './legalOrderCheck.ts';
import type { LegalOrderInput, LegalOrderRecord } from './legalOrderRecord.ts';
import { numberTag, openOrder, withoutDecision, type LegalOrderFile } from './legalOrderSeal.ts';
import { orderOf, takeStep } from './legalOrderStep.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

/** A letter that needs more corrections is to be recorded anew. */
const mostChanges = 100;

/** What a change brings: another record, or another scan. */
type Changed = Pick<LegalOrderFile, 'record'> | Required<Pick<LegalOrderFile, 'document'>>;

/**
 * Changes an order that is not executed. Whatever was approved is approved no more: an approval is bound to the exact record
 * and scan. Throws `conflict` for an order that is closed, expired, or a hold already placed.
 */
export async function changeOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  row: LegalOrderRow,
  changed: Changed,
  more: { readonly statements: readonly Statement[]; readonly says: Readonly<Record<string, unknown>> },
): Promise<Answer> {
  const person = personOf(caller);
  expectOpen(row, vault.now());
  const keys = await vault.keyring.tenant(caller.tenantId);
  const { approvals = [], changes = [], ...file } = withoutDecision(openOrder(keys, row));
  if (changes.length >= mostChanges) throw refuse('conflict', '', 'too_many_changes');
  const what = 'record' in changed ? ('record' as const) : ('document' as const);
  const { document } = file;
  const replaced =
    what === 'document' && document !== undefined ? { id: document.id, sha256: document.sha256 } : undefined;
  const change = {
    ...person,
    at: new Date(vault.now()).toISOString(),
    what,
    ...(replaced === undefined ? {} : { replaced }),
    voided: approvals,
  };
  const waiting = eventStatement(vault, caller.tenantId, { kind: 'legal_order.waiting', objectId: row.id });
  return takeStep(vault, caller, act, row, {
    ...more,
    statements: [...more.statements, waiting],
    from: ['registered', 'approved'],
    file: { ...secrecyKept(file, changed), ...changed, changes: [...changes, change] },
  });
}

/** What later letters said of the secrecy holds until the record itself says something new of it. */
function secrecyKept<File extends Pick<LegalOrderFile, 'record' | 'secrecy'>>(file: File, changed: Changed) {
  const { secrecy, ...rest } = file;
  const isNew = 'record' in changed && !isDeepStrictEqual(changed.record.secret, file.record.secret);
  return isNew || secrecy === undefined ? rest : { ...rest, secrecy };
}

/** What was approved to be kept is kept: another order goes on from there. */
export function expectOpen(row: LegalOrderRow, now: number): void {
  const waits = row.status === 'registered' || (row.status === 'approved' && row.kind !== 'preservation');
  if (!waits || row.validUntil.getTime() <= now) throw refuse('conflict', '', waits ? 'expired' : 'decided');
}

/** Corrects the record as a merge patch (RFC 7396) on the version that was read. */
export async function patchLegalOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  version: number | undefined,
  merge: (record: LegalOrderRecord) => LegalOrderInput,
): Promise<Answer> {
  permit(caller, 'legal_orders.patch');
  const row = await orderOf(vault, caller, id);
  if (row.version !== version) throw new VaultError('precondition_failed');
  // An officer's word holds already whom it names.
  if (row.authorityKind === 'officer') throw refuse('conflict', '', 'in_force');
  expectOpen(row, vault.now());
  const keys = await vault.keyring.tenant(caller.tenantId);
  const policy = vault.watch.policy(caller.tenantId);
  const input = merge(openOrder(keys, row).record);
  const fields = fieldsUnder(policy.profile, 'legal_order', caller);
  const { record, warnings } = checkLegalOrder(policy, fields, input, vault.now());
  const statements = [renumberLegalOrder(caller.tenantId, id, numberTag(keys, id, record), keys.hashVersion)];
  const held = await holdsAtRegistration({ vault, keys, legalOrderId: id, record, at: new Date(vault.now()) });
  statements.push(...held.statements, ...holdLeaves(vault, caller, act, held));
  return changeOrder(vault, caller, act, row, { record }, { statements, says: { warnings } });
}
