import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly privatePem: string;
  readonly publicPem: string;
}

const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;

const generate = {
  ec: (namedCurve: string | number) =>
    generateKeyPairSync('ec', { namedCurve: String(namedCurve), publicKeyEncoding, privateKeyEncoding }),
  rsa: (bits: string | number) =>
    generateKeyPairSync('rsa', { modulusLength: Number(bits), publicKeyEncoding, privateKeyEncoding }),
  'rsa-pss': (bits: string | number) =>
    generateKeyPairSync('rsa-pss', { modulusLength: Number(bits), publicKeyEncoding, privateKeyEncoding }),
  ed25519: () => generateKeyPairSync('ed25519', { publicKeyEncoding, privateKeyEncoding }),
};

/**
 * A new key pair of a curve or of so many bits. The keys are read from their text: a generated key object of Node 20 shares a
 * lock with the job that made it, and a collection of garbage during its `export({ format: 'jwk' })` hangs the process.
 */
export function newKeyPair(kind: keyof typeof generate, size: string | number = ''): KeyPair {
  const { privateKey: privatePem, publicKey: publicPem } = generate[kind](size);
  return { privateKey: createPrivateKey(privatePem), publicKey: createPublicKey(publicPem), privatePem, publicPem };
}
