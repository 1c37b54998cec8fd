import { seal } from '../crypto/seal.ts';
import {
  countCodeTry,
  recordFailedAttempt,
  requireDeliveryCode,
  requireOpenDelivery,
  selectOpenDelivery,
  type OpenDeliveryRow,
} from '../db/deliveries.ts';
import { selectParcelGrants } from '../db/grantFacts.ts';
import { moveOrder, takeOrder } from '../db/orders.ts';
import { closeOpenShipment } from '../db/shipments.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import { foldIdentifier } from '../formats/identifier.ts';
import { checkText } from '../formats/text.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import { leafStatement, type Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import { permit } from './permit.ts';
import { checkMac, checkParcel } from './rowMac.ts';
import { codeHash } from './deliveryCode.ts';
import { clocksOf } from './retentionTerms.ts';
import type { Vault } from './vault.ts';

/** Tries at a delivery code, all couriers' requests together. The right code is no longer taken after them. */
const mostTries = 5;
const mostReasonLength = 200;

/** Hands the parcel over against its code: with it the courier's view ends. Throws `wrong_code`, and counts it. */
export async function confirmDelivery(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  code: string,
): Promise<Answer> {
  permit(caller, 'deliveries.confirm');
  const parcel = await openParcel(vault, caller, id);
  const keys = await vault.keyring.tenant(caller.tenantId);
  // A code whose time is over is gone with its MAC, while the parcel may still be open: then no code is right.
  const forgotten = parcel.codeHash === null && parcel.codeMac === null;
  if (!forgotten) checkMac(keys, 'delivery_codes', { id, codeHash: parcel.codeHash, mac: parcel.codeMac });
  const hash = codeHash(keys, id, foldIdentifier(code));
  const at = new Date(vault.now());
  const right = parcel.codeHash?.equals(hash) === true && parcel.codeTries < mostTries && parcel.codeExpiresAt > at;
  if (!right) throw await wrongCode(vault, caller, act, parcel, at);
  const guard = requireDeliveryCode(caller.tenantId, id, hash, mostTries, at);
  return close(vault, caller, act, parcel, 'delivered', at, guard);
}

/** Counts the try in one commit with the leaf of its refusal. Where the parcel has gone meanwhile, says so. */
async function wrongCode(
  vault: Vault,
  caller: Caller,
  act: Act,
  parcel: OpenDeliveryRow,
  at: Date,
): Promise<VaultError> {
  const { tenantId, clientId } = caller;
  await write(vault, tenantId, [
    takeOrder(tenantId, parcel.orderId),
    requireOpenDelivery(tenantId, clientId, clocksAt(vault, tenantId, at), parcel.id),
    countCodeTry(tenantId, parcel.id, mostTries),
    leafStatement(vault, caller, act, { ...deedOf(vault, caller, parcel), outcome: 'refused', rule: 'wrong_code' }),
  ]);
  return new VaultError('wrong_code', [{ pointer: '/code', code: 'wrong_code' }], undefined, true);
}

/** The parcel goes back to the shop: with it the courier's view ends. */
export async function returnDelivery(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'deliveries.return');
  const parcel = await openParcel(vault, caller, id);
  return close(vault, caller, act, parcel, 'returned', new Date(vault.now()));
}

/** Nobody was there, say: the parcel stays open. The courier's words are sealed under the order's key. */
export async function failDelivery(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  reason: string,
): Promise<Answer> {
  permit(caller, 'deliveries.fail');
  const bad = checkText(reason, { max: mostReasonLength, kind: 'text' });
  if (bad !== undefined) throw refuse('invalid_body', '/reason', bad);
  const parcel = await openParcel(vault, caller, id);
  const { tenantId, clientId } = caller;
  const { orderId, keyVersion, dataKey } = parcel;
  const keys = await vault.keyring.tenant(tenantId);
  const attempts = parcel.attempts + 1;
  const sealed = seal(
    keys.dataKey({ kind: 'order', id: orderId, keyVersion, wrapped: dataKey }),
    { tenantId, kind: 'shipment', recordId: id, version: attempts, field: 'lastFailure' },
    reason,
  );
  const at = new Date(vault.now());
  const statements = [
    takeOrder(tenantId, orderId),
    requireOpenDelivery(tenantId, clientId, clocksAt(vault, tenantId, at), id),
    recordFailedAttempt(tenantId, id, attempts, sealed),
  ];
  const deed = { ...deedOf(vault, caller, parcel), recordVersion: attempts };
  return commitAct(vault, caller, act, deed, statements, { status: 200, body: { id, status: 'open' } });
}

/** This courier's own open parcel. Throws `not_found` for every other, whatever it is. */
async function openParcel(vault: Vault, caller: Caller, id: string): Promise<OpenDeliveryRow> {
  const { tenantId, clientId } = caller;
  const [[parcel], [grant]] = await load(vault, tenantId, [
    selectOpenDelivery(tenantId, clientId, clocksAt(vault, tenantId, new Date(vault.now())), id),
    selectParcelGrants([{ tenantId, id }]),
  ]);
  if (parcel === undefined) throw new VaultError('not_found');
  checkParcel(await vault.keyring.tenant(tenantId), parcel, grant);
  return parcel;
}

const clocksAt = (vault: Vault, tenantId: string, at: Date) => clocksOf(vault.watch.policy(tenantId).profile, at);

/** Shipment, grant and order close in one commit; the guard says under what condition. */
function close(
  vault: Vault,
  caller: Caller,
  act: Act,
  parcel: OpenDeliveryRow,
  status: 'delivered' | 'returned',
  at: Date,
  ...guards: readonly Statement[]
): Promise<Answer> {
  const { tenantId, clientId } = caller;
  const statements = [
    takeOrder(tenantId, parcel.orderId),
    requireOpenDelivery(tenantId, clientId, clocksAt(vault, tenantId, at), parcel.id),
    ...guards,
    closeOpenShipment(tenantId, parcel.orderId, status, at),
    moveOrder(tenantId, parcel.orderId, ['dispatched'], status, at),
  ];
  return commitAct(vault, caller, act, deedOf(vault, caller, parcel), statements, {
    status: 200,
    body: { id: parcel.id, status },
  });
}

function deedOf(vault: Vault, caller: Caller, parcel: OpenDeliveryRow): Deed {
  return {
    subjectId: parcel.customerId,
    object: { kind: 'deliveries', id: parcel.id },
    grantId: parcel.grantId,
    purpose: vault.watch.policy(caller.tenantId).profile.grantKinds.shipment?.purpose,
  };
}
