import { createSecretKey, hash, randomBytes, type KeyObject } from 'node:crypto';
import { hkdfSha256 } from '../crypto/hkdf.ts';
import { unwrapKey, wrapKey } from '../crypto/wrap.ts';
import { VaultError } from '../errors.ts';
import { KeyFault } from './keyFault.ts';

/**
 * A root key, wherever it is kept: it can be used and not be had. Every call may fail for reasons of the place (a hardware
 * module that does not answer): `VaultError` sealed. What was altered or is another's is `integrity_failure`.
 */
export interface RootKey {
  /** 16 hex digits, computed from the key: rows name it, and a wrong key is recognised by it. */
  readonly id: string;
  /** A 32-byte key, bound to its place by a context (`wrapContext` of crypto/wrap.ts). Opens its own output first. */
  wrap(context: string, material: Buffer): Promise<Buffer>;
  unwrap(context: string, wrapped: Buffer): Promise<Buffer>;
  /** A 32-byte secret of the service itself (the database role's password, say), derived so that it is stored nowhere. */
  secret(label: string): Promise<Buffer>;
  /** Lets go of what this process holds of it; every call after that is `sealed`. */
  forget(): void;
}

/**
 * A root key file is one line of text, its parts separated by one space (the line feed may be missing):
 *
 * | part            | what                                                              |
 * | --------------- | ----------------------------------------------------------------- |
 * | amanat-root-1   | what this is, and the version of the format                       |
 * | 44 characters   | the 32-byte key in base64 (RFC 4648 section 4)                     |
 * | 8 characters    | checksum: first 4 bytes of a labelled SHA-256 of the key, in hex  |
 *
 * The checksum finds a mistyped or damaged key before anything is opened with it; of 256 random bits it tells nothing.
 */
const tag = 'amanat-root-1';
const keyBytes = 32;
const whole = /^amanat-root-1 ([A-Za-z0-9+/]{43}=) ([0-9a-f]{8})\n?$/;
const wholeLength = tag.length + 1 + 44 + 1 + 8;

export function newRootKeyText(): string {
  const key = randomBytes(keyBytes);
  return `${tag} ${key.toString('base64')} ${checksum(key)}\n`;
}

/** Throws KeyFault: `keys_truncated` for the beginning of a key file, `keys_malformed` for anything else. */
export function parseRootKey(path: string, text: string): RootKey {
  const restore = 'Restore it from your backup of the keys.';
  const [, encoded = '', sum] = whole.exec(text) ?? [];
  if (sum === undefined) {
    const begun = text.length < wholeLength && (text.startsWith(tag) || tag.startsWith(text));
    if (begun) throw new KeyFault('keys_truncated', `${path} is cut short. ${restore}`);
    throw new KeyFault('keys_malformed', `${path} is not a root key file that this version knows. ${restore}`);
  }
  const key = Buffer.from(encoded, 'base64');
  if (key.toString('base64') !== encoded || checksum(key) !== sum) {
    throw new KeyFault('keys_malformed', `${path} was altered: its checksum does not match. ${restore}`);
  }
  return heldRootKey(key);
}

/** A root key that this process holds. The bytes are wiped: what is left of them is inside the key object. */
export function heldRootKey(key: Buffer): RootKey {
  let held: KeyObject | undefined = createSecretKey(key);
  const id = labelled('id', key).toString('hex', 0, 8);
  key.fill(0);
  const wrapping = (): KeyObject => {
    if (held === undefined) throw new VaultError('sealed');
    return held;
  };
  return {
    id,
    wrap: async (context, material) => wrapKey(wrapping(), context, material),
    unwrap: async (context, wrapped) => unwrapKey(wrapping(), context, wrapped),
    secret: async (label) => rootSecret(wrapping(), label),
    forget: () => void (held = undefined),
  };
}

export function rootSecret(key: KeyObject, label: string): Buffer {
  return hkdfSha256(key, Buffer.alloc(0), Buffer.from(`amanat root secret 1/${label}`), 32);
}

function checksum(key: Buffer): string {
  return labelled('checksum', key).toString('hex', 0, 4);
}

function labelled(label: string, key: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`amanat root key ${label} 1\n`), key]), 'buffer');
}
