import { checkpointKey, openCheckpoint } from '../../src/crypto/checkpoint.ts';
import { vkeyOf } from '../../src/crypto/signedNote.ts';
import { verifyTenant, type Verification } from '../../src/vault/auditVerification.ts';
import type { LogTrust } from '../../src/vault/logCheck.ts';
import type { TestVault } from './vault.ts';

/** What a tenant's log is held against: the vault's own checkpoint keys, and a checkpoint that was held from before. */
export function trustOf({ vault, tenantId: own }: TestVault, tenantId = own, held?: string): LogTrust {
  const keys = vault.keys.checkpoint.map(({ publicKey }) => checkpointKey(tenantId, publicKey));
  return { tenantId, keys, held: held === undefined ? undefined : openCheckpoint(held, keys) };
}

/** The public keys of a tenant's log as they are given to an auditor. */
export const vkeysOf = (vault: TestVault, tenantId = vault.tenantId): string[] =>
  trustOf(vault, tenantId).keys.map(vkeyOf);

/** What `amanat audit verify` says of a tenant. */
export function verifyLog(vault: TestVault, tenantId = vault.tenantId, held?: string): Promise<Verification> {
  return verifyTenant(vault.vault.db, trustOf(vault, tenantId, held), () => undefined);
}
