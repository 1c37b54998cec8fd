import type { CustomerRow } from '../db/customers.ts';
import { selectOrders, type OrderRow } from '../db/orders.ts';
import { selectShipment } from '../db/shipments.ts';
import { VaultError } from '../errors.ts';
import { parseMobile } from '../formats/mobile.ts';
import { consentAsked } from '../policy/consent.ts';
import type { Channel } from '../policy/profile.ts';
import { load } from './act.ts';
import { headOf, sends, suppressedAt } from './consentHead.ts';
import { contactPointsOf } from './contactPoints.ts';
import type { TenantKeys } from './keyring.ts';
import { openOrder } from './orderRecord.ts';
import { forResealing } from './record.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Why a message may not go to a person now; `over`: what it is for is no more. */
export type Obstacle = 'customer' | 'consent' | 'contact' | 'over';
export type Route = { readonly obstacle: Obstacle } | { readonly obstacle?: undefined; readonly to: string };

export interface Sending {
  readonly purpose: string;
  readonly channel: Channel;
  /** Whoever is deactivated still hears of their rights and of what changes. */
  readonly rights: boolean;
}

/**
 * The official contact point, or what stands in the way: the state of the account, the person's own word, or that there is
 * none. Asked when a message is taken and again before every try, of the database.
 */
export async function routeOf(
  vault: Vault,
  keys: TenantKeys,
  { profile }: Policy,
  customer: CustomerRow,
  { purpose, channel, rights }: Sending,
): Promise<Route> {
  const state = profile.states[customer.status];
  const asked = consentAsked(profile, purpose) !== undefined;
  if (asked ? !state.marketing : !state.ordinaryReads && !rights) return { obstacle: 'customer' };
  const contacts = contactPointsOf(keys, customer);
  const to = contacts.points[channel][0];
  if (asked) {
    const { standings } = await headOf(vault, keys, customer.id);
    const suppressed = await suppressedAt(vault, keys, [purpose], [channel], contacts);
    if (!sends(profile, purpose, channel, { guest: contacts.guest, standings, suppressed }))
      return { obstacle: 'consent' };
  }
  return to === undefined ? { obstacle: 'contact' } : { to };
}

/** The alternate recipient's mobile, for as long as their order holds it. */
export async function recipientRoute(vault: Vault, keys: TenantKeys, orderId: string): Promise<Route> {
  const [[order]] = await load(vault, keys.tenantId, [selectOrders(keys.tenantId, [orderId])]);
  if (order === undefined) return { obstacle: 'over' };
  const to = recipientMobile(keys, order);
  return to === undefined ? { obstacle: 'contact' } : { to };
}

/** Undefined when the order goes to the customer, or the recipient can only be called. */
export function recipientMobile(keys: TenantKeys, order: OrderRow): string | undefined {
  const { record, header } = openOrder(keys, order);
  if (header.party !== 'recipient') return undefined;
  const phone = forResealing(record.value('recipient/phone'));
  if (typeof phone !== 'string') throw new VaultError('integrity_failure');
  return parseMobile(phone).ok ? phone : undefined;
}

/** A parcel that is no longer on its way has no code. */
export async function isOnItsWay(vault: Vault, tenantId: string, shipmentId: string): Promise<boolean> {
  const [[shipment]] = await load(vault, tenantId, [selectShipment(tenantId, shipmentId)]);
  return shipment?.status === 'open';
}
