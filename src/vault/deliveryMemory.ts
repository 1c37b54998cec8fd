import type { DeliveryFacts } from '../db/grantFacts.ts';

/**
 * Facts of parcels kept in memory, newest last, each under its own courier: another's is never found here. All but
 * `deliveryTo` never change; when that has, the read finds nothing and the facts are asked for again.
 */
export interface DeliveryMemory {
  get(tenantId: string, courierClientId: string, shipmentId: string): DeliveryFacts | undefined;
  put(tenantId: string, courierClientId: string, facts: DeliveryFacts): void;
  forget(tenantId: string, courierClientId: string, shipmentId: string): void;
}

const remembered = 20_000;
const key = (...ids: readonly string[]): string => ids.join('/');

export function deliveryMemory(): DeliveryMemory {
  const known = new Map<string, DeliveryFacts>();
  return {
    get: (tenantId, courierClientId, shipmentId) => known.get(key(tenantId, courierClientId, shipmentId)),
    put(tenantId, courierClientId, facts) {
      known.set(key(tenantId, courierClientId, facts.id), facts);
      if (known.size > remembered) known.delete(known.keys().next().value ?? '');
    },
    forget: (tenantId, courierClientId, shipmentId) => void known.delete(key(tenantId, courierClientId, shipmentId)),
  };
}
