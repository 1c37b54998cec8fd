import { createSecretKey, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { hkdfSha256 } from '../crypto/hkdf.ts';
import { VaultError } from '../errors.ts';
import { hsmAt, HsmRefusal, type Hsm } from './hsm.ts';
import { KeyFault } from './keyFault.ts';
import { rootSecret, type RootKey } from './rootKey.ts';

/**
 * A root key in a hardware module. `root-N.hsm` is JSON and no secret without the module:
 *
 * | member  | what                                                                                                   |
 * | ------- | ------------------------------------------------------------------------------------------------------ |
 * | format  | amanat-hsm-root-1                                                                                      |
 * | token   | label of the token                                                                                     |
 * | key     | label of the AES-256 key in it, which cannot be read out                                               |
 * | seed    | 32 random bytes wrapped by that key: secrets of the service are derived from them, and the root key's id |
 *
 * What the key wraps (tenant keys, the seed), 93 bytes as in crypto/envelope.ts, the ciphertext made inside the module:
 *
 * | offset | bytes | what                                                                         |
 * | ------ | ----- | ---------------------------------------------------------------------------- |
 * | 0      | 1     | format version: 2                                                            |
 * | 1      | 32    | which root key: derived from its seed; of the seed itself, zeros             |
 * | 33     | 12    | nonce                                                                        |
 * | 45     | 48    | AES-256-GCM ciphertext and tag; associated data are these 33 bytes and the context |
 */
const schema = z.strictObject({
  format: z.literal('amanat-hsm-root-1'),
  token: z.string().min(1).max(32),
  key: z.string().min(1).max(64),
  seed: z.base64().length(124),
});
const version = 2;
const [markAt, nonceAt, ciphertextAt, wrappedLength] = [1, 33, 45, 93];
const seedContext = 'amanat root seed 1';
const noMark = Buffer.alloc(nonceAt - markAt);

/** How the module is reached: by whom the service is set up, never by what lies in the keys folder. */
export interface HsmAccess {
  readonly module: string | undefined;
  readonly pin: string | undefined;
}

/** Throws KeyFault: `keys_locked` without a PIN, `keys_unavailable` while the module does not answer, `keys_malformed`. */
export async function hsmRootKey(path: string, text: string, access: HsmAccess): Promise<RootKey> {
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) {
    throw new KeyFault(
      'keys_malformed',
      `${path} is not a root key file of this version. Restore it from your backup of the keys.`,
    );
  }
  const { token, key, seed } = parsed.data;
  const hsm = hsmAt(path, { ...reached(path, access), token, key, make: false });
  try {
    return await rootKeyOf(hsm, Buffer.from(seed, 'base64'));
  } catch (error) {
    hsm.close();
    if (!(error instanceof HsmRefusal || error instanceof VaultError)) throw error;
    throw new KeyFault(
      'keys_malformed',
      `${path} was not made with this module, or was altered. Restore it from your backup of the keys.`,
    );
  }
}

/** Makes a key in the module, and the text of its file. Throws KeyFault. */
export async function newHsmRootKey(
  path: string,
  { token, key }: { token: string; key: string },
  access: HsmAccess,
): Promise<string> {
  const hsm = hsmAt(path, { ...reached(path, access), token, key, make: true });
  try {
    const seed = randomBytes(32);
    const wrapped = await wrap(hsm, noMark, seedContext, seed);
    seed.fill(0);
    return `${JSON.stringify({ format: 'amanat-hsm-root-1', token, key, seed: wrapped.toString('base64') }, undefined, 2)}\n`;
  } finally {
    hsm.close();
  }
}

function reached(path: string, { module, pin }: HsmAccess): { module: string; pin: string } {
  if (module === undefined) {
    throw new KeyFault(
      'keys_unavailable',
      `${path} is a key in a hardware module. Set AMANAT_PKCS11_MODULE to the module's PKCS#11 library.`,
    );
  }
  if (pin !== undefined) return { module, pin };
  throw new KeyFault(
    'keys_locked',
    `${path} is a key in a hardware module. Give its PIN at a terminal or by AMANAT_KEYS_PIN_FILE; to a service that waits, by npx amanat unseal.`,
    'pin',
  );
}

async function rootKeyOf(hsm: Hsm, wrappedSeed: Buffer): Promise<RootKey> {
  const material = await unwrap(hsm, noMark, seedContext, wrappedSeed);
  const seed = createSecretKey(material);
  const id = hash('sha256', Buffer.concat([Buffer.from('amanat hsm root key id 1\n'), material]), 'buffer').toString(
    'hex',
    0,
    8,
  );
  material.fill(0);
  const mark = hkdfSha256(seed, Buffer.alloc(0), Buffer.from('amanat hsm root key mark 1'), 32);
  return {
    id,
    wrap: (context, key) => answered(wrap(hsm, mark, context, key)),
    unwrap: (context, wrapped) => answered(unwrap(hsm, mark, context, wrapped)),
    secret: async (label) => rootSecret(seed, label),
    forget: () => hsm.close(),
  };
}

/** What a serving process makes of a module that does not answer, or will not open this. */
async function answered(work: Promise<Buffer>): Promise<Buffer> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof HsmRefusal) throw new VaultError('integrity_failure');
    if (error instanceof KeyFault) throw new VaultError('sealed');
    throw error;
  }
}

async function wrap(hsm: Hsm, mark: Buffer, context: string, material: Buffer): Promise<Buffer> {
  const head = Buffer.concat([Buffer.from([version]), mark]);
  // Random nonces are safe for 2^32 wraps under one key (NIST SP 800-38D section 8.3); a root key makes hundreds.
  const nonce = randomBytes(ciphertextAt - nonceAt);
  const ciphertext = await hsm.encrypt(nonce, Buffer.concat([head, Buffer.from(context)]), material);
  const wrapped = Buffer.concat([head, nonce, ciphertext]);
  if (!(await unwrap(hsm, mark, context, wrapped)).equals(material)) throw new VaultError('integrity_failure');
  return wrapped;
}

async function unwrap(hsm: Hsm, mark: Buffer, context: string, wrapped: Buffer): Promise<Buffer> {
  const head = wrapped.subarray(0, nonceAt);
  if (wrapped.length !== wrappedLength || wrapped[0] !== version) throw new VaultError('integrity_failure');
  if (!timingSafeEqual(head.subarray(markAt), mark)) throw new VaultError('integrity_failure');
  const associated = Buffer.concat([head, Buffer.from(context)]);
  const material = await hsm.decrypt(
    wrapped.subarray(nonceAt, ciphertextAt),
    associated,
    wrapped.subarray(ciphertextAt),
  );
  if (material.length !== 32) throw new VaultError('integrity_failure');
  return material;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
