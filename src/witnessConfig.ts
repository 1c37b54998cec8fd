import { join, resolve } from 'node:path';
import { parseVkey, type VerifierKey } from './crypto/signedNote.ts';
import type { KeyFolder } from './keys/folder.ts';
import { openCosigned } from './vault/cosigned.ts';
import { logKeys } from './vault/epochs.ts';
import type { Vault } from './vault/vault.ts';
import type { Witness } from './vault/witness.ts';
import { posting, witnessBehind } from './witness/witnessClient.ts';
import { askingFolder } from './witness/ownFolder.ts';

/** Where the last checkpoint of each log is kept outside the database. */
export interface WitnessConfig {
  /** Absent: the folder. */
  readonly service: { readonly url: string; readonly key: VerifierKey } | undefined;
  readonly folder: string;
  /** Does a start wait for the witness's word? */
  readonly required: boolean;
}

/** Of a witness that cosigns; the folder makes no signatures. The vault is made after what it is made of. */
export function cosignedBy({ service }: WitnessConfig, hands: { readonly vault?: Vault }): Vault['cosigned'] {
  if (service === undefined) return async () => undefined;
  const witness = witnessAt(service.url);
  return openCosigned({ witness, cosigner: service.key, now: Date.now }, () => hands.vault?.keys);
}

type Environment = Readonly<Record<string, string | undefined>>;

export function readWitness(env: Environment, keysDir: string, faults: string[]): WitnessConfig {
  const [url = '', vkey = ''] = [env['AMANAT_WITNESS_URL'], env['AMANAT_WITNESS_KEY']];
  const key = parseVkey(vkey);
  if ((url === '') !== (vkey === '')) faults.push('AMANAT_WITNESS_URL and AMANAT_WITNESS_KEY go together.');
  if (url !== '' && !isUsable(url))
    faults.push('AMANAT_WITNESS_URL must be an https:// URL without query (http:// only for this machine).');
  if (vkey !== '' && key?.kind !== 'cosignature')
    faults.push('AMANAT_WITNESS_KEY must be the vkey of a witness, as amanat witness init prints it.');
  const required = env['AMANAT_WITNESS_REQUIRED'] ?? '';
  if (!['', 'yes', 'no'].includes(required)) faults.push('AMANAT_WITNESS_REQUIRED must be one of yes, no.');
  const folder = env['AMANAT_WITNESS_DIR'] ?? '';
  return {
    service: url === '' || key === undefined ? undefined : { url, key },
    folder: folder === '' ? join(keysDir, 'witness') : resolve(folder),
    required: required !== 'no',
  };
}

function isUsable(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.search !== '' || url.hash !== '' || url.username !== '') return false;
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (local && url.protocol === 'http:');
}

/** A witness at its URL. */
export const witnessAt = (url: string): Witness => witnessBehind(posting(url));

/** The witness that is set, or the service's own folder in its place. The keys are asked for when they are needed: a vault may be sealed. */
export function openWitness(
  { service, folder }: WitnessConfig,
  vault: { readonly keys: Pick<KeyFolder, 'checkpoint' | 'formerCheckpoint'> },
): Witness {
  if (service !== undefined) return witnessAt(service.url);
  return witnessBehind(
    askingFolder(folder, (origin) => (origin.startsWith('amanat/') ? logKeys(vault.keys, origin) : [])),
  );
}
