import { checkpointKey } from '../crypto/checkpoint.ts';
import { verifierKey, type NoteSigner, type VerifierKey } from '../crypto/signedNote.ts';
import { selectEpoch } from '../db/auditEpochs.ts';
import type { KeyFolder } from '../keys/folder.ts';
import { load } from './act.ts';
import type { TenantKeys } from './keyring.ts';
import { checkMac } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** The number of a tenant's log: 1, and one more for each reconciliation. Throws `integrity_failure`. */
export async function epochOf(vault: Vault, keys: TenantKeys): Promise<number> {
  const [[row]] = await load(vault, keys.tenantId, [selectEpoch(keys.tenantId)]);
  if (row === undefined) return 1;
  checkMac(keys, 'audit_epochs', row);
  return row.number;
}

type LogKeys = Pick<KeyFolder, 'checkpoint' | 'formerCheckpoint'>;

/** Whose signatures on the notes of a log are the vault's own: those that sign, the newest first, and those that did. */
export function logKeys({ checkpoint, formerCheckpoint }: LogKeys, origin: string): readonly VerifierKey[] {
  return [...checkpoint, ...formerCheckpoint].map(({ publicKey }) => verifierKey(origin, publicKey));
}

export function logSigner(folder: Pick<KeyFolder, 'checkpoint'>, tenantId: string, epoch: number): NoteSigner {
  return logSigners(folder, tenantId, epoch)[0];
}

/** While a key turns over all sign: whoever knows the one, and whoever knows the other, verifies. The newest first. */
export function logSigners(
  { checkpoint: [newest, ...older] }: Pick<KeyFolder, 'checkpoint'>,
  tenantId: string,
  epoch: number,
): readonly [NoteSigner, ...NoteSigner[]] {
  const signer = ({ publicKey, privateKey }: typeof newest): NoteSigner => ({
    key: checkpointKey(tenantId, publicKey, epoch),
    privateKey,
  });
  return [signer(newest), ...older.map(signer)];
}
