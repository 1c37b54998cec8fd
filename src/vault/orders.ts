import { selectCustomer } from '../db/customers.ts';
import { requireEdits } from '../db/freezes.ts';
import { closeGrantsOfOrder } from '../db/grants.ts';
import { recordOrderRead } from '../db/orderReads.ts';
import { insertOrder, listOrders as listStatement, moveOrder, selectOrders, updateOrder } from '../db/orders.ts';
import type { OrderRow, OrderStatus } from '../db/orders.ts';
import { closeOpenShipment } from '../db/shipments.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import { leafOf, type Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import { admitFullRead } from './ceilings.ts';
import { closedDecision, grantOf, judged, seenAs, stateAt, type GrantState } from './grantOf.ts';
import { newId } from './ids.ts';
import { deliveryData, withNationalId, type DeliveryInput } from './orderDelivery.ts';
import {
  dataOf,
  deliveryToOf,
  nationalIdLabel,
  openOrder,
  referenceLabel,
  resealOrder,
  sealOrder,
} from './orderRecord.ts';
import { fieldsOfOrder, releasedFields, viewOrder } from './orderView.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import type { Value } from './record.ts';
import { clocksFor } from './retentionTerms.ts';
import type { Vault } from './vault.ts';

export interface NewOrder {
  readonly customerId: string;
  readonly externalRef: string;
  readonly delivery: DeliveryInput;
}

/** In which a parcel may still have to reach somebody: what is delivered or cancelled is closed. */
const standing: readonly OrderStatus[] = ['placed', 'dispatched', 'returned'];

/** Delivered or cancelled: what opens only until then opens no more. */
export const isOver = (status: OrderStatus): boolean => !standing.includes(status);

/** A read that meets a change of its order is made again. */
const mostReads = 3;

/** Stores an order with whom and where to deliver, sealed under a key of its own. */
export async function createOrder(vault: Vault, caller: Caller, act: Act, input: NewOrder): Promise<Answer> {
  permit(caller, 'orders.create');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const badReference = checkText(input.externalRef, { max: 100, kind: 'text' });
  if (badReference !== undefined) throw refuse('invalid_body', '/externalRef', badReference);
  const [[customer]] = await load(vault, tenantId, [selectCustomer(tenantId, input.customerId)]);
  if (customer === undefined) throw refuse('invalid_body', '/customerId', 'unknown_id');
  const keys = await vault.keyring.tenant(tenantId);
  const { party, values } = deliveryData(policy, keys, customer, input.delivery);
  const now = vault.now();
  const id = newId(now);
  const data = { party, values: new Map<string, Value>([...values, [referenceLabel, input.externalRef]]) };
  const { digest, ...sealed } = sealOrder(keys, policy, id, data);
  const at = new Date(now);
  const row: OrderRow = {
    ...sealed,
    customerId: customer.id,
    status: 'placed',
    deliveryTo: deliveryToOf(party),
    createdAt: at,
    updatedAt: at,
  };
  const deed: Deed = { policy, subjectId: customer.id, object: { kind: 'orders', id }, digest, recordVersion: 1 };
  const statements = [requireEdits([{ tenantId, id: customer.id }]), insertOrder({ tenantId, ...row })];
  return commitAct(vault, caller, act, deed, statements, {
    status: 201,
    headers: { Location: `/v1/orders/${id}`, ETag: '"1"' },
    body: { id, version: 1 },
  });
}

/** One order as this caller may see it now, the alternate recipient only while it is undelivered. */
export async function readOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  grantId: string | undefined,
): Promise<Answer> {
  permit(caller, 'orders.read');
  for (let attempt = 1; attempt <= mostReads; attempt += 1) {
    const row = await orderOf(vault, caller, id);
    const answer = await readLoaded(vault, caller, act, row, grantId);
    if (answer !== undefined) return answer;
  }
  throw refuse('conflict', '', 'changed_meanwhile');
}

/** Undefined when the order has changed since it was loaded: nothing was recorded, and nothing is shown. */
async function readLoaded(
  vault: Vault,
  caller: Caller,
  act: Act,
  row: OrderRow,
  grantId: string | undefined,
): Promise<Answer | undefined> {
  const policy = vault.watch.policy(caller.tenantId);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const { record, header } = openOrder(keys, row);
  const named = await grantOf(vault, caller, row.customerId, grantId);
  // Work on another order opens nothing of this one.
  const grant = named === undefined || (named.orderId ?? row.id) === row.id ? named : undefined;
  const decide = (at: GrantState, frozen: boolean) =>
    policy.decide(
      caller,
      grant === undefined ? undefined : judged(grant, at, isOver(row.status)),
      fieldsOfOrder(header.party),
      frozen,
    );
  const state = grant === undefined ? 'open' : stateAt(grant, vault.now());
  const decision = decide(state, false);
  const closed = closedDecision(caller, decision, grant !== undefined, decide);
  await admitFullRead(vault, policy, caller, decision, closed);
  const deed = (d: typeof decision): Deed => ({
    policy,
    subjectId: row.customerId,
    object: { kind: 'orders', id: row.id },
    grantId: grant?.id,
    purpose: grant?.purpose,
    rule: d.rule,
    ...releasedFields(header, d),
  });
  const leaf = leafOf(vault, caller, act, deed(decision));
  const read = {
    tenantId: caller.tenantId,
    id: row.id,
    version: row.version,
    status: row.status,
    customerId: row.customerId,
    grantId: grant?.id,
    maxReads: grant?.maxReads ?? null,
    leaf,
    leafWithoutGrant: leafOf(vault, caller, act, deed(closed), leaf.id),
  };
  const [[recorded]] = await load(vault, caller.tenantId, [recordOrderRead(read, new Date(vault.now()))]);
  if (recorded === undefined) return undefined;
  const seen = seenAs(recorded, grant, { state, decision, closed }, decide);
  const body = viewOrder(policy, row, record, header, seen);
  return { status: 200, headers: { ETag: `"${row.version}"` }, body };
}

/** The order, if it has not had its time, is of this tenant and, for a data subject's token, of this person. */
async function orderOf(vault: Vault, caller: Caller, id: string): Promise<OrderRow> {
  const clocks = clocksFor(vault.watch.policy(caller.tenantId).profile, new Date(vault.now()), caller);
  const [[row]] = await load(vault, caller.tenantId, [selectOrders(caller.tenantId, [id], clocks)]);
  if (row === undefined) throw new VaultError('not_found');
  if (caller.subjectId !== undefined && caller.subjectId !== row.customerId) throw new VaultError('not_found');
  return row;
}

/** Corrects the delivery of an order that is still to be delivered; every value is sealed anew. */
export async function patchOrder(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  version: number | undefined,
  delivery: DeliveryInput,
): Promise<Answer> {
  permit(caller, 'orders.patch');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const row = await orderOf(vault, caller, id);
  if (version !== row.version) throw new VaultError('precondition_failed');
  if (!standing.includes(row.status)) throw refuse('conflict', '', row.status);
  const [[customer]] = await load(vault, tenantId, [selectCustomer(tenantId, row.customerId)]);
  if (customer === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  const before = dataOf(keys, row).values;
  const asked = deliveryData(policy, keys, customer, delivery);
  const { party, values } = before.has(nationalIdLabel) ? withNationalId(keys, customer, asked) : asked;
  const reference = before.get(referenceLabel);
  const kept: [string, Value][] = reference === undefined ? [] : [[referenceLabel, reference]];
  const sealed = resealOrder(keys, policy, row, { party, values: new Map([...values, ...kept]) });
  const updatedAt = new Date(vault.now());
  const update = { id, version: sealed.version, deliveryTo: deliveryToOf(party), sealed: sealed.sealed, updatedAt };
  const deed: Deed = {
    policy,
    subjectId: row.customerId,
    object: { kind: 'orders', id },
    digest: sealed.digest,
    recordVersion: sealed.version,
  };
  const statements = [requireEdits([{ tenantId, id: customer.id }]), updateOrder(tenantId, update)];
  return commitAct(vault, caller, act, deed, statements, {
    status: 200,
    headers: { ETag: `"${sealed.version}"` },
    body: { id, version: sealed.version, updatedAt: updatedAt.toISOString() },
  });
}

/** Cancels an order that is not delivered, and with it its parcel and every grant on it. */
export async function cancelOrder(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'orders.cancel');
  const { tenantId } = caller;
  const row = await orderOf(vault, caller, id);
  if (!standing.includes(row.status)) throw refuse('conflict', '', row.status);
  const at = new Date(vault.now());
  const statements = [
    moveOrder(tenantId, id, standing, 'cancelled', at),
    closeOpenShipment(tenantId, id, 'cancelled', at),
    closeGrantsOfOrder(tenantId, id, 'cancelled', at),
  ];
  const deed: Deed = { subjectId: row.customerId, object: { kind: 'orders', id } };
  return commitAct(vault, caller, act, deed, statements, { status: 200, body: { id, status: 'cancelled' } });
}

/** Ids and states only, newest first; a data subject's token lists its own. */
export async function listOrders(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string | undefined,
  page: Page,
): Promise<Answer> {
  permit(caller, 'orders.list');
  const { tenantId, subjectId } = caller;
  if (subjectId !== undefined && customerId !== undefined && subjectId !== customerId)
    throw new VaultError('not_found');
  const of = subjectId ?? customerId;
  const clocks = clocksFor(vault.watch.policy(tenantId).profile, new Date(vault.now()), caller);
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, of, page.after, page.limit + 1, clocks)]);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    ({ id, customerId: whose, status, version, createdAt }) => ({
      id,
      customerId: whose,
      status,
      ...(version === null ? {} : { version }),
      createdAt: createdAt.toISOString(),
    }),
  );
  return commitAct(vault, caller, act, { subjectId: of }, [], { status: 200, body });
}
