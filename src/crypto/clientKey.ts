import { createPublicKey, type KeyObject } from 'node:crypto';
import { es256SignatureBytes } from './lowS.ts';

/** A client's public key as it is stored: the members that make the key, one algorithm, and the client's name for it. */
export type ClientJwk =
  | {
      readonly kty: 'EC';
      readonly crv: 'P-256';
      readonly x: string;
      readonly y: string;
      readonly alg: 'ES256';
      readonly kid?: string | undefined;
    }
  | {
      readonly kty: 'RSA';
      readonly n: string;
      readonly e: string;
      readonly alg: 'RS256' | 'PS256';
      readonly kid?: string | undefined;
    };

export interface ClientKey {
  readonly algorithm: ClientJwk['alg'];
  readonly publicKey: KeyObject;
  /** Length of a signature made with it. */
  readonly signatureBytes: number;
}

const minRsaBits = 2048;
// Verifying takes longer with every bit; nobody needs more.
const maxRsaBits = 8192;
const minExponent = 65_537n;

/** The key, or undefined when it is none, is not on its curve, or is weak (RSA under 2048 bits, a small or even exponent). */
export function clientKeyOf(jwk: ClientJwk): ClientKey | undefined {
  const { alg: algorithm, kid: _, ...members } = jwk;
  const publicKey = publicKeyOf(members);
  if (publicKey === undefined) return undefined;
  if (jwk.kty === 'EC') return { algorithm, publicKey, signatureBytes: es256SignatureBytes };
  const { modulusLength = 0, publicExponent = 0n } = publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength < minRsaBits || modulusLength > maxRsaBits) return undefined;
  if (publicExponent < minExponent || publicExponent % 2n === 0n) return undefined;
  return { algorithm, publicKey, signatureBytes: Math.ceil(modulusLength / 8) };
}

function publicKeyOf(key: { readonly kty: string }): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...key }, format: 'jwk' });
  } catch {
    return undefined;
  }
}
