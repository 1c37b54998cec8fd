import { takeCustomer } from '../db/freezes.ts';
import { openPurpose } from '../db/objections.ts';
import { changeRequests } from '../db/requests.ts';
import { requireStanding } from '../db/copies.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { eventStatement } from './events.ts';
import { permit } from './permit.ts';
import { signed, viewRequest } from './requestRecord.ts';
import { requestOf } from './requests.ts';
import { tellStep } from './requestStep.ts';
import type { Vault } from './vault.ts';

/**
 * Takes a request back, by the person or by whoever speaks for them: one that nobody has decided yet, or an objection that was
 * granted, whose purpose is open for new work from then on. What a person asked by their own token they alone take back: who
 * speaks for them was never made sure of. Throws `conflict` for any other.
 */
export async function withdrawRequest(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'requests.withdraw');
  const { tenantId } = caller;
  const row = await requestOf(vault, caller, id);
  if (caller.subjectId === undefined && row.askedRole === 'subject') throw new VaultError('not_permitted');
  const lifted = row.kind === 'object' && row.state === 'done' ? row.purpose : null;
  if (lifted === null && (row.state !== 'open' || row.outcome !== null)) throw refuse('conflict', '', 'too_late');
  const keys = await vault.keyring.tenant(tenantId);
  const at = new Date(vault.now());
  const next = signed(keys, { ...row, state: 'withdrawn', withdrawnAt: at, closedAt: row.closedAt ?? at });
  const statements = [
    ...(lifted === null
      ? [requireStanding(tenantId, row.customerId)]
      : [takeCustomer(tenantId, row.customerId), openPurpose(tenantId, row.customerId, lifted, id)]),
    changeRequests(tenantId, [{ ...next, was: row.mac }]),
    eventStatement(vault, tenantId, { kind: 'request.closed', objectId: id, customerId: row.customerId, at }),
    ...(await tellStep(vault, tenantId, next, { caller, act })),
  ];
  const deed = { subjectId: row.customerId, object: { kind: 'requests', id }, rule: `rights.${row.kind}.withdrawn` };
  return commitAct(vault, caller, act, deed, statements, { status: 200, body: viewRequest(next) });
}
