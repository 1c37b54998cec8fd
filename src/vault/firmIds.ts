import { uuid8 } from '../crypto/uuid.ts';
import type { Caller } from './caller.ts';
import type { CustomerView } from './customerView.ts';
import { ownGrant } from './grantOf.ts';
import type { TenantKeys } from './keyring.ts';
import type { Vault } from './vault.ts';

/** A courier knows a parcel by an id of its own; a payment firm asks about the customer of its refund. */
const hasFirmIds = ({ role }: Caller): boolean => role === 'payment_processor';

/**
 * E13: what a firm that acts for the shop knows a record by: the same for this firm each time, another for every other, so
 * that what two of them hold cannot be joined, with each other or with what the shop shows elsewhere.
 */
function firmId(keys: TenantKeys, { clientId }: Caller, id: string): string {
  return uuid8(keys.hash('firm id', clientId, id));
}

/** The id by which this caller is told of a record. */
export function shownId(keys: TenantKeys, caller: Caller, id: string): string {
  return hasFirmIds(caller) ? firmId(keys, caller, id) : id;
}

/** Which customer a caller means: a firm that names its grant may name its own id of that grant's customer. */
export async function customerMeant(
  vault: Vault,
  caller: Caller,
  id: string,
  grantId: string | undefined,
): Promise<string> {
  if (!hasFirmIds(caller) || grantId === undefined) return id;
  const keys = await vault.keyring.tenant(caller.tenantId);
  const grant = await ownGrant(vault, caller, grantId);
  return grant !== undefined && firmId(keys, caller, grant.customerId) === id ? grant.customerId : id;
}

/** The view without an id of the vault's, but for the one by which it was asked for. */
export function withShownIds(keys: TenantKeys, caller: Caller, asked: string, view: CustomerView): CustomerView {
  if (!hasFirmIds(caller)) return view;
  const own = <T extends { readonly id: string }>(one: T): T => ({ ...one, id: firmId(keys, caller, one.id) });
  return { ...view, id: asked, phones: view.phones.map(own), addresses: view.addresses.map(own) };
}
