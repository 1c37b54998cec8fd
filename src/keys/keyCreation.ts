import { generateKeyPair, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { selfSignedCertificate } from '../crypto/x509.ts';
import type { Family } from './keyNames.ts';
import { newRootKeyText } from './rootKey.ts';
import { exportKeyBits, formerCheckpointText, type CheckpointKey, type FormerExportKey } from './signingKey.ts';
import { addKeyFile, refuseOccupied, writeWholeFolder } from './wholeFolder.ts';
import { syncFolder } from '../syncFolder.ts';

const generate = promisify(generateKeyPair);
/**
 * Keys come as text. In Node 20 a generated key object shares a lock with the job that made it, and a collection of
 * garbage in the middle of `export({ format: 'jwk' })` then waits for itself for ever.
 */
const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;
const certificateDays = 3650;

/** Makes a keys folder with new keys. Throws KeyFault (`keys_not_empty`, `keys_not_a_folder`, `keys_not_writable`). */
export async function createKeyFolder(folder: string, root?: RootFile): Promise<void> {
  await refuseOccupied(folder);
  const files = new Map<string, string | Buffer>(await newKeyFiles());
  if (root !== undefined) {
    files.delete('root-1.key');
    files.set(root.name, root.content);
  }
  await writeWholeFolder(folder, files);
}

/** A root key that is not made here: the file that stands for it. */
export interface RootFile {
  readonly name: 'root-1.p12' | 'root-1.hsm';
  readonly content: string | Buffer;
}

/** Name to content of a complete first set of keys. */
export async function newKeyFiles(): Promise<ReadonlyMap<string, string>> {
  const families = await Promise.all((['root', 'token', 'export', 'checkpoint'] as const).map((one) => makers[one](1)));
  return new Map(families.flatMap((files) => [...files]));
}

type Files = ReadonlyMap<string, string>;

/** The files of a family's key of this number. */
const makers: Readonly<Record<Family, (number: number) => Promise<Files>>> = {
  root: async (number) => new Map([[`root-${number}.key`, newRootKeyText()]]),
  token: async (number) => {
    const { privateKey } = await generate('ec', { namedCurve: 'P-256', publicKeyEncoding, privateKeyEncoding });
    return new Map([[`token-${number}.pem`, privateKey]]);
  },
  export: async (number) => {
    const signing = await generate('rsa', { modulusLength: exportKeyBits, publicKeyEncoding, privateKeyEncoding });
    const certificate = selfSignedCertificate(signing.privateKey, signing.publicKey, {
      commonName: 'Amanat export signing',
      days: certificateDays,
      // 127 random bits: positive, and within RFC 5280's 20 octets.
      serial: `4${randomBytes(16).toString('hex').slice(1)}`,
    });
    // The certificate first: a key without one would be a folder that no start accepts, and so would the reverse.
    return new Map([
      [`export-${number}.crt`, certificate],
      [`export-${number}.pem`, signing.privateKey],
    ]);
  },
  checkpoint: async (number) => new Map([[`checkpoint-${number}.pem`, await newCheckpointKey()]]),
};

/** Adds a family's next key to a folder that holds others. Throws KeyFault; answers with the names of its files. */
export async function addNextKey(folder: string, family: Family, number: number): Promise<readonly string[]> {
  const files = await makers[family](number);
  for (const [name, content] of files) {
    await addKeyFile(folder, new RegExp(`^${family}-${number}\\.${name.split('.')[1]}$`), name, content);
  }
  return [...files.keys()];
}

/** Keeps of a checkpoint key that is about to be taken away what its checkpoints and journal still need. */
export const keepFormer = (folder: string, number: number, key: CheckpointKey): Promise<void> =>
  keep(folder, `checkpoint-${number}.former`, formerCheckpointText(key));

/** Of an export key, its certificate: receipts and packages outlive it. */
export const keepCertificate = (folder: string, number: number, { certificatePem }: FormerExportKey): Promise<void> =>
  keep(folder, `export-${number}.former`, certificatePem);

async function keep(folder: string, name: string, text: string): Promise<void> {
  await rm(join(folder, name), { force: true });
  await addKeyFile(folder, new RegExp(`^${name.replace('.', '\\.')}$`), name, text);
}

/** Takes files of keys away for good. */
export async function removeKeyFiles(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await rm(join(folder, name), { force: true });
  await syncFolder(folder);
}

/**
 * Makes the first checkpoint key in a folder of an older build, which had none. Throws KeyFault `keys_not_empty` where a
 * checkpoint key is, and `keys_not_writable`.
 */
export async function addCheckpointKey(folder: string): Promise<void> {
  await addKeyFile(folder, /^checkpoint-/i, 'checkpoint-1.pem', await newCheckpointKey());
}

async function newCheckpointKey(): Promise<string> {
  return (await generate('ed25519', { publicKeyEncoding, privateKeyEncoding })).privateKey;
}
