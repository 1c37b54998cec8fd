import { newDeliveryCode } from '../crypto/clientSecret.ts';
import { selectClientsInService, type ClientRow } from '../db/clients.ts';
import { selectCustomer } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import { selectParcelGrants } from '../db/grantFacts.ts';
import { insertGrant } from '../db/grants.ts';
import { moveOrder, selectOrders, updateOrder, type OrderRow } from '../db/orders.ts';
import { closeOpenShipment, insertShipment, selectShipment } from '../db/shipments.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import { addDuration } from '../policy/duration.ts';
import { fieldsUnder } from '../policy/grants.ts';
import { carrierShows } from '../policy/judge.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import { expectRecipient } from './admissions.ts';
import type { Caller } from './caller.ts';
import { codeHash, codeMessages, codeView } from './deliveryCode.ts';
import { earlier, windowOf, type AskedWindow, type GrantWindow } from './grantWindow.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { withNationalId } from './orderDelivery.ts';
import { dataOf, resealOrder } from './orderRecord.ts';
import { permit } from './permit.ts';
import type { SealedRecord } from './record.ts';
import { checkMac, checkParcel, macOf } from './rowMac.ts';
import { queued } from './tellings.ts';
import { clocksOf } from './retentionTerms.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface NewShipment extends AskedWindow {
  readonly courierClientId: string;
  /** Reads of the delivery; not counted when undefined. */
  readonly maxReads?: number | undefined;
  /** The vault sends the code to whoever receives the parcel, and shows it to nobody. By the profile when undefined. */
  readonly notify?: boolean | undefined;
}

/**
 * Hands an order's parcel to a courier: a grant for that client, and a delivery code that is shown here once, or is sent to
 * whoever receives the parcel and shown nowhere. A parcel of
 * the order that is still open is taken from its courier by the same commit.
 */
export async function createShipment(
  vault: Vault,
  caller: Caller,
  act: Act,
  orderId: string,
  input: NewShipment,
): Promise<Answer> {
  permit(caller, 'shipments.create');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const keys = await vault.keyring.tenant(tenantId);
  const { order, courier } = await loadDispatch(vault, keys, orderId, input.courierClientId);
  const purpose = shippingPurpose(policy, courier);
  const now = vault.now();
  const window = windowOf(policy, 'shipment', input, now, policy.profile.retention.courier_grant.keep);
  if (courier?.role !== 'courier') throw refuse('invalid_body', '/courierClientId', 'unknown_id');
  expectRecipient(vault, { tenantId, clientId: courier.id, role: 'courier' }, '/courierClientId');
  if (order.status === 'delivered' || order.status === 'cancelled') throw refuse('conflict', '', order.status);
  const sealed = await forCarrier(vault, policy, keys, order, courier);
  const maxReads = input.maxReads ?? null;
  const parcel = newParcel(policy, keys, caller, { order, courier, window, purpose, maxReads, now });
  const messages = await codeMessages(vault, keys, order, parcel, { caller, act }, input.notify);
  const at = new Date(now);
  const statements: Statement[] = [
    ...dispatched(tenantId, order, sealed, at),
    insertGrant(parcel.grant),
    insertShipment(parcel.shipment),
    ...queued(tenantId, messages),
  ];
  const deed = {
    policy,
    subjectId: order.customerId,
    object: { kind: 'shipments', id: parcel.shipment.id },
    grantId: parcel.grant.id,
    purpose,
    ...(sealed === undefined ? {} : { digest: sealed.digest, recordVersion: sealed.version }),
  };
  return commitAct(vault, caller, act, deed, statements, {
    status: 201,
    headers: { Location: `/v1/shipments/${parcel.shipment.id}` },
    body: {
      id: parcel.shipment.id,
      grantId: parcel.grant.id,
      ...codeView(parcel.code, messages),
    },
  });
}

/** The order on its way, and the parcel before this one, if it is still out, taken back. */
function dispatched(tenantId: string, order: OrderRow, sealed: SealedRecord | undefined, at: Date): Statement[] {
  return [
    requireReveals(tenantId, order.customerId),
    moveOrder(tenantId, order.id, ['placed', 'dispatched', 'returned'], 'dispatched', at),
    closeOpenShipment(tenantId, order.id, 'reassigned', at),
    ...(sealed === undefined
      ? []
      : [updateOrder(tenantId, { ...sealed, deliveryTo: order.deliveryTo, updatedAt: at })]),
  ];
}

/** The order and, if there is one of that id in service, the client to carry it. */
async function loadDispatch(vault: Vault, keys: TenantKeys, orderId: string, clientId: string) {
  const { tenantId } = keys;
  const [[order], [courier]] = await load(vault, tenantId, [
    selectOrders(tenantId, [orderId], clocksOf(vault.watch.policy(tenantId).profile, new Date(vault.now()))),
    selectClientsInService(tenantId, [clientId]),
  ]);
  if (order === undefined) throw new VaultError('not_found');
  if (courier !== undefined) checkMac(keys, 'clients', courier);
  return { order, courier };
}

/** Throws `not_permitted` where the policy lets no courier work, or gives the ones of this carrier nothing; the reason says which. */
function shippingPurpose(policy: Policy, courier: ClientRow | undefined): string {
  const carrierProfile = courier?.carrierProfile ?? undefined;
  const rule = policy.profile.grantKinds.shipment;
  const allowed = fieldsUnder(policy.profile, 'shipment', { role: 'courier', carrierProfile });
  if (rule === undefined || !policy.profile.processors.courier.allowed) {
    throw refuse('not_permitted', '/courierClientId', 'no_courier_in_policy');
  }
  if (allowed.length === 0) throw refuse('not_permitted', '/courierClientId', 'nothing_for_carrier');
  return rule.purpose;
}

/** The order sealed anew with the customer's national ID, for the carrier that registers its parcels by it. */
async function forCarrier(
  vault: Vault,
  policy: Policy,
  keys: TenantKeys,
  order: OrderRow,
  courier: ClientRow,
): Promise<SealedRecord | undefined> {
  const carrierProfile = courier.carrierProfile ?? undefined;
  if (order.deliveryTo !== 'customer' || !carrierShows(policy.profile, carrierProfile, 'nationalId')) return undefined;
  const [[customer]] = await load(vault, keys.tenantId, [selectCustomer(keys.tenantId, order.customerId)]);
  if (customer === undefined) throw new VaultError('not_found');
  const data = dataOf(keys, order);
  const copied = withNationalId(keys, customer, data);
  return copied === data ? undefined : resealOrder(keys, policy, order, copied);
}

interface Dispatch {
  readonly order: OrderRow;
  readonly courier: ClientRow;
  readonly window: GrantWindow;
  readonly purpose: string;
  readonly maxReads: number | null;
  readonly now: number;
}

/** The rows of a parcel and its code, which expires with the parcel's window or before. */
function newParcel(policy: Policy, keys: TenantKeys, caller: Caller, dispatch: Dispatch) {
  const { order, courier, window, purpose, maxReads, now } = dispatch;
  const id = newId(now);
  const code = newDeliveryCode();
  const at = new Date(now);
  const grant = {
    tenantId: keys.tenantId,
    id: newId(now),
    kind: 'shipment',
    purpose,
    customerId: order.customerId,
    orderId: order.id,
    granteeRole: null,
    granteeClientId: courier.id,
    granteeDepartment: null,
    actor: null,
    fields: null,
    externalRef: null,
    legalOrderId: null,
    policyVersion: policy.number,
    openedBy: caller.clientId,
    openedAt: at,
    ...window,
    maxReads,
  };
  const shipment = {
    tenantId: keys.tenantId,
    id,
    orderId: order.id,
    customerId: order.customerId,
    grantId: grant.id,
    courierClientId: courier.id,
    codeExpiresAt: earlier(addDuration(at, policy.profile.retention.delivery_code.keep), window.closesAt),
    createdAt: at,
  };
  const hash = codeHash(keys, id, code);
  return {
    grant: { ...grant, mac: macOf(keys, 'grants', grant) },
    shipment: {
      ...shipment,
      codeHash: hash,
      codeMac: macOf(keys, 'delivery_codes', { id, codeHash: hash }),
      mac: macOf(keys, 'shipments', shipment),
    },
    code,
  };
}

/** How a parcel stands; nothing of what its courier sees, and never the code. */
export async function readShipment(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'shipments.read');
  const { tenantId } = caller;
  const [[row], [grant]] = await load(vault, tenantId, [
    selectShipment(tenantId, id),
    selectParcelGrants([{ tenantId, id }]),
  ]);
  if (row === undefined) throw new VaultError('not_found');
  checkParcel(await vault.keyring.tenant(tenantId), row, grant);
  const deed = { subjectId: row.customerId, object: { kind: 'shipments', id }, grantId: row.grantId };
  return commitAct(vault, caller, act, deed, [], {
    status: 200,
    body: {
      id,
      orderId: row.orderId,
      grantId: row.grantId,
      courierClientId: row.courierClientId,
      status: row.status,
      attempts: row.attempts,
      opensAt: grant.opensAt.toISOString(),
      closesAt: grant.closesAt.toISOString(),
      ...(grant.maxReads === null ? {} : { maxReads: grant.maxReads }),
      reads: row.reads,
      createdAt: row.createdAt.toISOString(),
      ...(row.closedAt === null ? {} : { closedAt: row.closedAt.toISOString() }),
    },
  });
}
