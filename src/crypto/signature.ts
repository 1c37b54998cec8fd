import { isUtf8 } from 'node:buffer';
import { constants, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { canonicalJson } from './canonicalJson.ts';
import { keyThumbprint } from './thumbprint.ts';

/**
 * Receipts: compact JWS (RFC 7515 section 7.1), PS256 (RFC 7518 section 3.5), over canonical JSON. Any JOSE library
 * verifies one against the export certificate.
 */
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

/** RSASSA-PSS with SHA-256, MGF1-SHA-256 and a 32-byte salt (RFC 7518 section 3.5). */
export function verifyPs256(publicKey: KeyObject, message: Buffer, signature: Buffer): boolean {
  return verify('sha256', message, { key: publicKey, ...pss }, signature);
}

/** Throws `internal` for a payload that JSON cannot carry unchanged. */
export function signReceipt(privateKey: KeyObject, payload: object): string {
  const message = `${headerFor(createPublicKey(privateKey))}.${base64url(canonicalJson(payload))}`;
  return `${message}.${sign('sha256', Buffer.from(message), { key: privateKey, ...pss }).toString('base64url')}`;
}

/** The payload, or `undefined` unless every byte is what `signReceipt` writes for this key. */
export function verifyReceipt(publicKey: KeyObject, jws: string): unknown {
  const [header, payload, signature, ...rest] = jws.split('.');
  if (header !== headerFor(publicKey) || payload === undefined || signature === undefined || rest.length > 0) {
    return undefined;
  }
  const [payloadBytes, signatureBytes] = [decode(payload), decode(signature)];
  if (payloadBytes === undefined || signatureBytes === undefined) return undefined;
  if (!verifyPs256(publicKey, Buffer.from(`${header}.${payload}`), signatureBytes)) return undefined;
  return parseCanonical(payloadBytes);
}

function headerFor(publicKey: KeyObject): string {
  return base64url(canonicalJson({ alg: 'PS256', kid: keyThumbprint(publicKey), typ: 'amanat-receipt+jws' }));
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** Node's decoder forgives padding, foreign characters and spare bits; one spelling is accepted here. */
function decode(segment: string): Buffer | undefined {
  const bytes = Buffer.from(segment, 'base64url');
  return bytes.toString('base64url') === segment ? bytes : undefined;
}

function parseCanonical(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return canonicalJson(value) === bytes.toString() ? value : undefined;
  } catch {
    return undefined;
  }
}
