import { createSecretKey } from 'node:crypto';
import { hkdfSha256 } from '../crypto/hkdf.ts';
import { openPkcs12, Pkcs12Fault, type Pkcs12FaultCode } from '../crypto/pkcs12.ts';
import { KeyFault, lockedFault } from './keyFault.ts';
import { heldRootKey, type RootKey } from './rootKey.ts';

/**
 * A PKCS#12 file holds private keys, and OpenSSL's command puts nothing else of use into one. So the root key is derived from
 * the file's one private key: HKDF-SHA-256 (RFC 5869) without salt over the private value `d` of its JWK (RFC 7518 section
 * 6.2.2, RFC 8037 section 2), a fixed number of random bytes, with the label below and the curve as info.
 *
 * RSA is refused: its private values can be written in several ways, and this one value has to come out the same for ever.
 */
const label = 'amanat root key from PKCS#12 1';
const curves: ReadonlySet<string> = new Set(['P-256', 'P-384', 'P-521', 'Ed25519', 'X25519', 'Ed448', 'X448']);

const meanings: Readonly<Record<Pkcs12FaultCode, string>> = {
  not_pkcs12: 'is not a PKCS#12 file, or is damaged. Restore it from your backup of the keys.',
  no_mac: 'has no MAC, so that nothing vouches for it. Make it with: openssl pkcs12 -export (docs/operations.md)',
  pbmac1: 'has a PBMAC1, which this version does not read. Make it again without -pbmac1_pbkdf2.',
  legacy_mac: 'has an old MAC (SHA-1 or older). Make it again with OpenSSL 3, without -legacy.',
  iterations: 'asks for more than ten million iterations. Make it again with -iter 600000.',
  wrong_passphrase: 'does not open under this passphrase. Give the right one; nothing was changed.',
  legacy_cipher: 'has its key under an old cipher (RC2 or triple DES). Make it again with OpenSSL 3, without -legacy.',
  unprotected_key: 'has its key in clear. Make it with: openssl pkcs12 -export (docs/operations.md)',
  no_key: 'holds no private key. Make it with: openssl pkcs12 -export -inkey (docs/operations.md)',
  several_keys: 'holds several private keys. Make one with a single key.',
};

/** Throws KeyFault: `keys_locked` without a passphrase, `keys_passphrase_wrong`, `keys_malformed` for what cannot be read. */
export function pkcs12RootKey(path: string, file: Buffer, passphrase: string | undefined): RootKey {
  if (passphrase === undefined) throw lockedFault(path, 'its passphrase', 'passphrase');
  const { kty, crv, d } = privateJwk(path, file, passphrase);
  if (d === undefined || crv === undefined || !curves.has(crv)) {
    throw new KeyFault(
      'keys_malformed',
      `${path} holds a key that no root key is made of. Make it of an EC key on P-256 or of X25519 (docs/operations.md).`,
    );
  }
  const secret = Buffer.from(d, 'base64url');
  const info = Buffer.from(`${label}/${kty}/${crv}`);
  const key = hkdfSha256(createSecretKey(secret), Buffer.alloc(0), info, 32);
  secret.fill(0);
  return heldRootKey(key);
}

function privateJwk(path: string, file: Buffer, passphrase: string) {
  try {
    const key = openPkcs12(file, passphrase);
    // Other kinds have no JWK, or one that is not looked at.
    return key.asymmetricKeyType === 'rsa-pss' || key.asymmetricKeyType === 'dsa' ? {} : key.export({ format: 'jwk' });
  } catch (error) {
    if (!(error instanceof Pkcs12Fault)) throw error;
    const code = error.code === 'wrong_passphrase' ? 'keys_passphrase_wrong' : 'keys_malformed';
    throw new KeyFault(code, `${path} ${meanings[error.code]}`);
  }
}
