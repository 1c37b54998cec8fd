import { DbFault } from '../db/fault.ts';
import type { Keyring, TenantKeys } from './keyring.ts';

/** Undefined for a tenant whose keys are not to be had now. */
export async function keysIfAny(keyring: Keyring, tenantId: string): Promise<TenantKeys | undefined> {
  return keyring.tenant(tenantId).catch((error: unknown) => {
    if (error instanceof DbFault) throw error;
    return undefined;
  });
}

/** `keys`: undefined where they are not to be had; then the row comes again with the next. */
type TakeIn<Row> = (row: Row, keys: TenantKeys | undefined) => void;

/** Takes in rows of many tenants, in their order, each with its tenant's keys, which are asked for once. */
export function rowsByKeys<Row extends { readonly tenantId: string }>(nameOf: (row: Row) => string) {
  let unlearnt: ReadonlyMap<string, Row> = new Map();
  return async (keyring: Keyring, rows: readonly Row[], takeIn: TakeIn<Row>): Promise<void> => {
    const asked = new Map<string, TenantKeys | undefined>();
    const later = new Map<string, Row>();
    for (const row of [...unlearnt.values(), ...rows]) {
      const { tenantId } = row;
      if (!asked.has(tenantId)) asked.set(tenantId, await keysIfAny(keyring, tenantId));
      const keys = asked.get(tenantId);
      if (keys === undefined) later.set(nameOf(row), row);
      takeIn(row, keys);
    }
    unlearnt = later;
  };
}
