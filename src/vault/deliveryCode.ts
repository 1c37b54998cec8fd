import { selectStandingCustomer } from '../db/customers.ts';
import type { NewMessageRow } from '../db/messages.ts';
import type { OrderRow } from '../db/orders.ts';
import { refuse } from '../errors.ts';
import { load } from './act.ts';
import type { TenantKeys } from './keyring.ts';
import { channelsOf, messagesTo, messagesToRecipient, type Teller, type Told } from './tellings.ts';
import type { Vault } from './vault.ts';

/** A code of five digits is found by trying, so only a keyed hash of it, bound to its parcel, is kept. */
export function codeHash(keys: TenantKeys, shipmentId: string, code: string): Buffer {
  return keys.hash('delivery code', shipmentId, code);
}

/**
 * None when nobody asked for them, or the profile does and nobody can be reached: then the shop sees the code as ever. Throws
 * what stands in the way of somebody who asked.
 */
export async function codeMessages(
  vault: Vault,
  keys: TenantKeys,
  order: OrderRow,
  { shipment: { id }, code }: { readonly shipment: { readonly id: string }; readonly code: string },
  by: Teller,
  notify: boolean | undefined,
): Promise<readonly NewMessageRow[]> {
  const rule = vault.watch.policy(keys.tenantId).profile.tells?.delivery_code;
  if (notify === true && rule === undefined) throw refuse('not_permitted', '/notify', 'not_in_policy');
  if (!(notify ?? rule?.when === 'always')) return [];
  if (notify === true && channelsOf(vault, keys.tenantId, 'delivery_code').length === 0)
    throw refuse('channel_unavailable', '/notify');
  const told = { telling: 'delivery_code', about: id, params: { code } } as const;
  const messages =
    order.deliveryTo === 'recipient'
      ? messagesToRecipient(vault, keys, order, told, by)
      : await toCustomer(vault, keys, order.customerId, told, by);
  if (notify === true && messages.length === 0) throw refuse('no_contact_point', '/notify');
  return messages;
}

async function toCustomer(vault: Vault, keys: TenantKeys, customerId: string, told: Told, by: Teller) {
  const [[customer]] = await load(vault, keys.tenantId, [selectStandingCustomer(keys.tenantId, customerId)]);
  return customer === undefined ? [] : messagesTo(vault, keys, customer, told, by);
}

/** Shown to the shop only where it was sent to nobody. */
export function codeView(code: string, messages: readonly NewMessageRow[]) {
  if (messages.length === 0) return { deliveryCode: code };
  return { notified: messages.map(({ id, channel }) => ({ messageId: id, channel })) };
}
