import { createPrivateKey, createPublicKey, sign, verify, X509Certificate, type KeyObject } from 'node:crypto';
import { journalSecret } from '../crypto/journal.ts';
import { keyThumbprint } from '../crypto/thumbprint.ts';
import { KeyFault } from './keyFault.ts';

/** Signs access tokens: ES256 on P-256 (RFC 7518 section 3.4). */
export interface TokenKey {
  /** JWK thumbprint (RFC 7638). */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** As it stands in the JWKS (RFC 7517). */
  readonly jwk: TokenJwk;
}

export interface TokenJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly alg: 'ES256';
  readonly use: 'sig';
}

/** Signs receipts and exports: RSA with an X.509 certificate. */
export interface ExportKey {
  /** JWK thumbprint (RFC 7638). */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly certificatePem: string;
}

/** What is kept of an export key that signs no more: its certificate verifies what it signed. */
export type FormerExportKey = Omit<ExportKey, 'privateKey'>;

/** Signs checkpoints of the audit logs: Ed25519 (RFC 8032). */
export interface CheckpointKey {
  /** JWK thumbprint (RFC 7638). */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** What is kept of a checkpoint key that signs no more: it verifies what it signed and opens the journal of its time. */
export interface FormerCheckpointKey {
  /** JWK thumbprint (RFC 7638). */
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly journalSecret: Buffer;
}

export const exportKeyBits = 3072;
const restore = 'Restore it from your backup of the keys.';

/** Throws KeyFault. */
export function parseTokenKey(path: string, pem: string): TokenKey {
  const privateKey = parsePrivateKey(path, pem);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new KeyFault('keys_malformed', `${path} must hold an EC key on P-256. ${restore}`);
  }
  const publicKey = publicHalf(path, privateKey);
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const kid = keyThumbprint(publicKey);
  return { kid, privateKey, publicKey, jwk: { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' } };
}

/** Throws KeyFault. */
export function parseExportKey(path: string, pem: string, certificatePath: string, certificatePem: string): ExportKey {
  const privateKey = parsePrivateKey(path, pem);
  const bits = privateKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (privateKey.asymmetricKeyType !== 'rsa' || bits < exportKeyBits) {
    throw new KeyFault('keys_malformed', `${path} must hold an RSA key of at least ${exportKeyBits} bits. ${restore}`);
  }
  const publicKey = publicHalf(path, privateKey);
  if (!parseCertificate(certificatePath, certificatePem).checkPrivateKey(privateKey)) {
    throw new KeyFault(
      'keys_malformed',
      `${certificatePath} is a certificate for another key than ${path}. ${restore}`,
    );
  }
  return { kid: keyThumbprint(publicKey), privateKey, publicKey, certificatePem };
}

/** Throws KeyFault. */
export function parseFormerExportKey(path: string, certificatePem: string): FormerExportKey {
  const { publicKey } = parseCertificate(path, certificatePem);
  return { kid: keyThumbprint(publicKey), publicKey, certificatePem };
}

/** Throws KeyFault. */
export function parseCheckpointKey(path: string, pem: string): CheckpointKey {
  const privateKey = parsePrivateKey(path, pem);
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new KeyFault('keys_malformed', `${path} must hold an Ed25519 key. ${restore}`);
  }
  const publicKey = publicHalf(path, privateKey);
  return { kid: keyThumbprint(publicKey), privateKey, publicKey };
}

/**
 * The file of a former checkpoint key: the SPKI of the public half (RFC 8410) as one PEM block, and behind it a line
 * `journal:` with the 32 bytes of crypto/journal.ts in base64url.
 */
export function formerCheckpointText({ publicKey, privateKey }: CheckpointKey): string {
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return `${pem}journal:${journalSecret(privateKey).toString('base64url')}\n`;
}

/** Throws KeyFault. */
export function parseFormerCheckpointKey(path: string, text: string): FormerCheckpointKey {
  const [, pem = '', secret = ''] = /^([^]*-----END PUBLIC KEY-----\n)journal:([\w-]{43})\n?$/.exec(text) ?? [];
  if (secret === '')
    throw new KeyFault('keys_malformed', `${path} is no former checkpoint key, or is cut short. ${restore}`);
  expectOnePem(path, pem, 'PUBLIC KEY');
  try {
    const publicKey = createPublicKey(pem);
    if (publicKey.asymmetricKeyType === 'ed25519')
      return { kid: keyThumbprint(publicKey), publicKey, journalSecret: Buffer.from(secret, 'base64url') };
  } catch {
    // Told below, as another kind of key is.
  }
  throw new KeyFault('keys_malformed', `${path} must hold an Ed25519 public key. ${restore}`);
}

function parsePrivateKey(path: string, pem: string): KeyObject {
  if (pem.startsWith('-----BEGIN ENCRYPTED PRIVATE KEY-----')) {
    throw new KeyFault('keys_malformed', `${path} is encrypted. Store it without a passphrase, with mode 0600.`);
  }
  expectOnePem(path, pem, 'PRIVATE KEY');
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    throw new KeyFault('keys_malformed', `${path} does not hold a PKCS#8 private key. ${restore}`);
  }
}

function parseCertificate(path: string, pem: string): X509Certificate {
  expectOnePem(path, pem, 'CERTIFICATE');
  try {
    return new X509Certificate(pem);
  } catch {
    throw new KeyFault('keys_malformed', `${path} does not hold an X.509 certificate. ${restore}`);
  }
}

/** Exactly one PEM block (RFC 7468) and nothing around it. */
function expectOnePem(path: string, pem: string, label: string): void {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const inner = pem.slice(begin.length, pem.lastIndexOf(end));
  if ((pem.startsWith(begin) || begin.startsWith(pem)) && !pem.includes(end)) {
    throw new KeyFault('keys_truncated', `${path} is cut short. ${restore}`);
  }
  const one = pem.startsWith(begin) && pem.trimEnd().endsWith(end) && /^[A-Za-z0-9+/=\s]+$/.test(inner);
  if (!one) throw new KeyFault('keys_malformed', `${path} must hold exactly one PEM block, "${label}". ${restore}`);
}

/** The public half, after a signature made with one half has verified under the other: a damaged key shows here. */
function publicHalf(path: string, privateKey: KeyObject): KeyObject {
  const probe = Buffer.from('amanat key probe');
  try {
    const publicKey = createPublicKey(privateKey);
    // Ed25519 hashes by itself (RFC 8032 section 5.1).
    const digest = privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
    if (verify(digest, probe, publicKey, sign(digest, probe, privateKey))) return publicKey;
  } catch {
    // A damaged key fails in either way; both are told below.
  }
  throw new KeyFault('keys_malformed', `${path} is damaged: what it signs does not verify. ${restore}`);
}
