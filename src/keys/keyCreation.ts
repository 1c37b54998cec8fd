import { generateKeyPair, randomBytes, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { selfSignedCertificate } from '../crypto/x509.ts';
import { newRootKeyText } from './rootKey.ts';
import { exportKeyBits } from './signingKey.ts';
import { refuseOccupied, writeWholeFolder } from './wholeFolder.ts';

const generate = promisify(generateKeyPair);
const certificateDays = 3650;

/** Makes a keys folder with new keys. Throws KeyFault (`keys_not_empty`, `keys_not_a_folder`, `keys_not_writable`). */
export async function createKeyFolder(folder: string): Promise<void> {
  await refuseOccupied(folder);
  await writeWholeFolder(folder, await newKeyFiles());
}

/** Name to content of a complete first set of keys. */
export async function newKeyFiles(): Promise<ReadonlyMap<string, string>> {
  const token = await generate('ec', { namedCurve: 'P-256' });
  const signing = await generate('rsa', { modulusLength: exportKeyBits });
  const signingPem = privatePem(signing.privateKey);
  const certificate = selfSignedCertificate(signingPem, publicPem(signing.publicKey), {
    commonName: 'Amanat export signing',
    days: certificateDays,
    // 127 random bits: positive, and within RFC 5280's 20 octets.
    serial: `4${randomBytes(16).toString('hex').slice(1)}`,
  });
  return new Map([
    ['root-1.key', newRootKeyText()],
    ['token-1.pem', privatePem(token.privateKey)],
    ['export-1.pem', signingPem],
    ['export-1.crt', certificate],
  ]);
}

function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function publicPem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}
