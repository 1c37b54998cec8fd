import { selectAssurances } from '../db/contactPoints.ts';
import type { CustomerRow, StandingCustomerRow } from '../db/customers.ts';
import { selectOrders, type OrderRow } from '../db/orders.ts';
import { sameBytes } from '../crypto/hmac.ts';
import { selectShipment } from '../db/shipments.ts';
import { selectVerification } from '../db/verifications.ts';
import { VaultError } from '../errors.ts';
import { parseMobile } from '../formats/mobile.ts';
import { consentAsked } from '../policy/consent.ts';
import type { Channel, Profile } from '../policy/profile.ts';
import { load } from './act.ts';
import { assuranceOf, suffices } from './assurance.ts';
import { headOf, sends, suppressedAt } from './consentHead.ts';
import { channelOf, contactPointsOf, pointHash, pointsOf, valueOf } from './contactPoints.ts';
import type { CustomerHeader } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import { openOrder } from './orderRecord.ts';
import { forResealing, headerOf, openRecord } from './record.ts';
import { checkMac } from './rowMac.ts';
import { clocksOf } from './retentionTerms.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Why a message may not go to a person now; `assurance`: nobody confirmed the contact point; `over`: what it is for is no more. */
export type Obstacle = 'customer' | 'consent' | 'contact' | 'assurance' | 'over';
export type Route = { readonly obstacle: Obstacle } | { readonly obstacle?: undefined; readonly to: string };

export interface Sending {
  readonly purpose: string;
  readonly channel: Channel;
  /** Whoever is deactivated still hears of their rights and of what changes. */
  readonly rights: boolean;
}

/**
 * The official contact point, or what stands in the way: the state of the account, the person's own word, that there is
 * none, or that it is not confirmed as the policy demands. Asked when a message is taken and again before every try, of the database.
 */
export async function routeOf(
  vault: Vault,
  keys: TenantKeys,
  { profile }: Policy,
  customer: StandingCustomerRow,
  { purpose, channel, rights }: Sending,
): Promise<Route> {
  if (customer.objected.includes(purpose)) return { obstacle: 'consent' };
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
  if (to === undefined) return { obstacle: 'contact' };
  return (await isAssured(vault, keys, profile, customer, { purpose, channel })) ? { to } : { obstacle: 'assurance' };
}

/** Is the official contact point what the policy demands of one that a message of this purpose goes to? */
async function isAssured(
  vault: Vault,
  keys: TenantKeys,
  profile: Profile,
  customer: CustomerRow,
  { purpose, channel }: Pick<Sending, 'purpose' | 'channel'>,
): Promise<boolean> {
  const demanded = profile.assurance?.demanded[purpose];
  if (demanded === undefined) return true;
  const [assurances] = await load(vault, keys.tenantId, [selectAssurances(keys.tenantId, customer.id)]);
  const record = openRecord(keys, 'customer', customer);
  const header = headerOf<CustomerHeader>(record);
  const official = pointsOf(header).find((point) => channelOf(point) === channel);
  if (official === undefined) return false;
  return suffices(assuranceOf(vault, keys, profile, { record, header, row: customer, assurances }, official), demanded);
}

/** The contact point that a code is for, while the code holds and the contact point is the one it was made for. */
export async function verificationRoute(
  vault: Vault,
  keys: TenantKeys,
  customer: CustomerRow,
  id: string,
): Promise<Route> {
  const [[begun]] = await load(vault, keys.tenantId, [selectVerification(keys.tenantId, id)]);
  if (begun === undefined || begun.customerId !== customer.id) return { obstacle: 'over' };
  checkMac(keys, 'contact_verifications', begun);
  if (begun.usedAt !== null || begun.expiresAt.getTime() <= vault.now()) return { obstacle: 'over' };
  const record = openRecord(keys, 'customer', customer);
  const point = pointsOf(headerOf<CustomerHeader>(record)).find((one) => one.id === begun.point);
  if (point === undefined) return { obstacle: 'over' };
  const to = valueOf(record, point);
  const same = sameBytes(begun.valueHash, pointHash(keys, point, to));
  return same && typeof to === 'string' ? { to } : { obstacle: 'over' };
}

/** The alternate recipient's mobile, for as long as their order holds it. */
export async function recipientRoute(vault: Vault, keys: TenantKeys, orderId: string): Promise<Route> {
  const [[order]] = await load(vault, keys.tenantId, [
    selectOrders(keys.tenantId, [orderId], clocksOf(vault.watch.policy(keys.tenantId).profile, new Date(vault.now()))),
  ]);
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
