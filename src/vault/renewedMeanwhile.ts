import { selectDestroyedKey } from '../db/destroyedKeys.ts';
import { VaultError } from '../errors.ts';
import { load } from './act.ts';
import type { Vault } from './vault.ts';

/**
 * Work that reads a record's key in one statement and what is sealed under it in another. Where a value turned out to be under another
 * key, and the record is known to have got one within the hour, all of it is done once more. Every check is made again: what was
 * tampered with fails again, and what fails for any other reason is not repeated. Work that writes commits last of all, so nothing is
 * done twice; a read that counts has counted, and its second go counts and is logged as another: never one too few.
 */
export async function readOnceMore<T>(vault: Vault, tenantId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(await wasRenewed(vault, tenantId, error))) throw error;
    return work();
  }
}

async function wasRenewed(vault: Vault, tenantId: string, error: unknown): Promise<boolean> {
  if (!(error instanceof VaultError) || error.code !== 'integrity_failure' || error.keyOf === undefined) return false;
  const [rows] = await load(vault, tenantId, [selectDestroyedKey(tenantId, error.keyOf)]).catch(() => [[]] as const);
  if (rows.length === 0) return false;
  vault.keyring.forgetDataKeys([error.keyOf]);
  return true;
}
