import { VaultError } from '../errors.ts';
import type { Vault } from './vault.ts';

/** For what anybody may read, without a caller: of a tenant that there is. Throws `not_found` for every other id. */
export async function requirePublicTenant(vault: Vault, tenantId: string): Promise<void> {
  await vault.watch.fresh();
  if (!vault.watch.tenants().includes(tenantId)) throw new VaultError('not_found');
}
