import type { TenantKeys } from './keyring.ts';

/**
 * What a frozen record says, as a hash that nobody makes without the tenant's key: of each value's label and JSON, in the order of the
 * labels. It is made once and stays, whatever key the record is sealed under.
 */
export function contentHash(keys: TenantKeys, id: string, values: ReadonlyMap<string, string>): Buffer {
  const parts = [...values].sort(([a], [b]) => (a < b ? -1 : 1)).flat();
  return keys.hash('frozen content', id, ...parts);
}
