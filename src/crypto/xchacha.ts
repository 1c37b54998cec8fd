import loadLibsodium from 'libsodium';
import { randomBytes } from 'node:crypto';
import { VaultError } from '../errors.ts';

/**
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03 over RFC 8439) with 192-bit nonces and full tags, by libsodium as WebAssembly; the
 * only place that calls it. For what is small and opened by the dozen: OpenSSL makes three objects for each value, and with them takes
 * five times as long.
 *
 * libsodium works in a memory of its own. One desk in it serves every call, one after the other:
 *
 *   associated data | nonce, ciphertext and tag | key | plaintext
 *
 * What is secret stands at its end and is wiped before the call returns.
 */
export const longNonceLength = 24;
export const polyTagLength = 16;
const keyLength = 32;
/** More than the longest label (label.ts). */
const associatedRoom = 512;

const sodium = await loadLibsodium({ getRandomValue: () => randomBytes(4).readUInt32LE() });
const {
  _sodium_init: initialize,
  _malloc: allocate,
  _free: release,
  _crypto_aead_xchacha20poly1305_ietf_encrypt: encrypt,
  _crypto_aead_xchacha20poly1305_ietf_decrypt: decrypt,
} = sodium;
if (initialize() < 0) throw new VaultError('internal');

interface Desk {
  /** Addresses. */
  readonly associated: number;
  readonly nonce: number;
  readonly ciphertext: number;
  readonly key: number;
  readonly plaintext: number;
  /** Bytes of plaintext it has room for. */
  readonly room: number;
}

let desk = newDesk(64 * 1024);

/** Throws `internal` where there is no memory. */
function newDesk(room: number): Desk {
  const nonce = associatedRoom;
  const ciphertext = nonce + longNonceLength;
  const key = ciphertext + room + polyTagLength;
  const plaintext = key + keyLength;
  const at = allocate(plaintext + room);
  if (at === 0) throw new VaultError('internal');
  return {
    associated: at,
    nonce: at + nonce,
    ciphertext: at + ciphertext,
    key: at + key,
    plaintext: at + plaintext,
    room,
  };
}

/** With room for so much plaintext, and the key and the associated data on it. Throws `internal`. */
function laidDesk(key: Uint8Array, associated: Buffer, length: number): Desk {
  if (key.length !== keyLength || associated.length > associatedRoom) throw new VaultError('internal');
  if (length > desk.room) {
    const larger = newDesk(length);
    release(desk.associated);
    desk = larger;
  }
  sodium.HEAPU8.set(key, desk.key);
  sodium.HEAPU8.set(associated, desk.associated);
  return desk;
}

function wipe({ key, plaintext }: Desk, length: number): void {
  sodium.HEAPU8.fill(0, key, plaintext + length);
}

/**
 * Writes nonce, ciphertext (as long as the plaintext) and tag into `target`, one after the other, from `at` on. `key`: 32 bytes.
 * Throws `internal`.
 */
export function encryptValue(
  key: Uint8Array,
  nonce: Buffer,
  associated: Buffer,
  plaintext: Buffer,
  target: Buffer,
  at: number,
): void {
  const { length } = plaintext;
  if (nonce.length !== longNonceLength) throw new VaultError('internal');
  const d = laidDesk(key, associated, length);
  const memory = sodium.HEAPU8;
  memory.set(nonce, d.nonce);
  memory.set(plaintext, d.plaintext);
  encrypt(d.ciphertext, 0, d.plaintext, length, 0, d.associated, associated.length, 0, 0, d.nonce, d.key);
  target.set(memory.subarray(d.nonce, d.ciphertext + length + polyTagLength), at);
  wipe(d, length);
}

/** `sealed`: nonce, ciphertext and tag. Throws `integrity_failure`; nothing of the plaintext is released before the tag is checked. */
export function decryptValue(key: Uint8Array, associated: Buffer, sealed: Buffer): Buffer {
  return opened(key, associated, sealed, (memory, from, to) => Buffer.from(memory.subarray(from, to)));
}

/** Does `sealed` open, and as this? */
export function decryptsTo(key: Uint8Array, associated: Buffer, sealed: Buffer, plaintext: Buffer): boolean {
  return opened(key, associated, sealed, (memory, from, to) => plaintext.equals(memory.subarray(from, to)));
}

function opened<T>(
  key: Uint8Array,
  associated: Buffer,
  sealed: Buffer,
  take: (memory: Uint8Array, from: number, to: number) => T,
): T {
  const length = sealed.length - longNonceLength - polyTagLength;
  if (length < 0) throw new VaultError('integrity_failure');
  const d = laidDesk(key, associated, length);
  sodium.HEAPU8.set(sealed, d.nonce);
  try {
    const failed = decrypt(
      d.plaintext,
      0,
      0,
      d.ciphertext,
      length + polyTagLength,
      0,
      d.associated,
      associated.length,
      0,
      d.nonce,
      d.key,
    );
    if (failed !== 0) throw new VaultError('integrity_failure');
    return take(sodium.HEAPU8, d.plaintext, d.plaintext + length);
  } finally {
    wipe(d, length);
  }
}
