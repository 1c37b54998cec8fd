import type { DeliveryFacts, GrantFacts } from '../db/grantFacts.ts';

/** What is known of a parcel, its window and its count from its grant. */
export interface KnownParcel
  extends
    Pick<DeliveryFacts, 'id' | 'orderId' | 'customerId' | 'grantId' | 'customerKind' | 'deliveryTo'>,
    Pick<GrantFacts, 'opensAt' | 'closesAt' | 'maxReads'> {}

/**
 * Facts of parcels kept in memory once both their MACs have been checked, newest last, each under its own courier:
 * another's is never found here. All but `deliveryTo` never change; when that has, the read finds nothing and the facts are
 * asked for again.
 */
export interface DeliveryMemory {
  get(tenantId: string, courierClientId: string, shipmentId: string): KnownParcel | undefined;
  put(tenantId: string, courierClientId: string, parcel: KnownParcel): void;
  forget(tenantId: string, courierClientId: string, shipmentId: string): void;
  /** Of customers who were erased. */
  forgetCustomers(customerIds: ReadonlySet<string>): void;
}

const remembered = 20_000;
const key = (...ids: readonly string[]): string => ids.join('/');

export function deliveryMemory(): DeliveryMemory {
  const known = new Map<string, KnownParcel>();
  return {
    get: (tenantId, courierClientId, shipmentId) => known.get(key(tenantId, courierClientId, shipmentId)),
    put(tenantId, courierClientId, parcel) {
      known.set(key(tenantId, courierClientId, parcel.id), parcel);
      if (known.size > remembered) known.delete(known.keys().next().value ?? '');
    },
    forgetCustomers(customerIds) {
      for (const [name, { customerId }] of known) if (customerIds.has(customerId)) known.delete(name);
    },
    forget: (tenantId, courierClientId, shipmentId) => void known.delete(key(tenantId, courierClientId, shipmentId)),
  };
}
