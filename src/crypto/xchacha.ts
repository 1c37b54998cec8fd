import loadLibsodium from 'libsodium';
import { randomBytes } from 'node:crypto';
import { VaultError } from '../errors.ts';

/**
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03 over RFC 8439) with 192-bit nonces and full tags, by libsodium as WebAssembly; the
 * only place that calls it. For what is small and opened by the dozen: OpenSSL makes three objects for each value, and with them takes
 * several times as long.
 *
 * libsodium works in a memory of its own. One desk in it serves every call, one after the other:
 *
 *   associated data | front | nonce, ciphertext and tag | key | plaintext
 *
 * The front takes what stands before the nonce in a stored value, which so is laid down in one piece.
 *
 * What is secret stands at its end and is wiped before the call returns, and with it what ChaCha20 leaves on libsodium's stack.
 */
export const longNonceLength = 24;
export const polyTagLength = 16;
const keyLength = 32;
/** More than the longest label (label.ts). */
const associatedRoom = 512;
const frontRoom = 64;
/** Far below what an address of 32 bits can count, and more than the database can bring in one value. */
const mostRoom = 2 ** 28;

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
let memory = Buffer.from(sodium.HEAPU8.buffer);

/** libsodium's, which moves when it grows. */
function memoryNow(): Buffer {
  if (memory.buffer !== sodium.HEAPU8.buffer) memory = Buffer.from(sodium.HEAPU8.buffer);
  return memory;
}

/** Plaintext that is no whole block goes through a block of its own on the stack, always at the same place. */
const blockLength = 64;
const blockOnStack = findBlockOnStack();

/** Throws `internal` where there is no memory. */
function newDesk(room: number): Desk {
  if (room > mostRoom) throw new VaultError('internal');
  const nonce = associatedRoom + frontRoom;
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

/** Seals the plaintext that is on it. */
function sealOn(d: Desk, associatedLength: number, length: number): void {
  encrypt(d.ciphertext, 0, d.plaintext, length, 0, d.associated, associatedLength, 0, 0, d.nonce, d.key);
}

/** Opens the ciphertext that is on it. False for a wrong tag. */
function opensOn(d: Desk, associatedLength: number, length: number): boolean {
  const sealedLength = length + polyTagLength;
  return (
    decrypt(d.plaintext, 0, 0, d.ciphertext, sealedLength, 0, d.associated, associatedLength, 0, d.nonce, d.key) === 0
  );
}

function wipe({ key, plaintext }: Desk, length: number): void {
  sodium.HEAPU8.fill(0, key, plaintext + length);
  sodium.HEAPU8.fill(0, blockOnStack, blockOnStack + blockLength);
}

/** Opens something random and looks where else it stands. Throws `internal` where that is nowhere: then nothing wipes it. */
function findBlockOnStack(): number {
  const bytes = randomBytes(blockLength - 1);
  const d = laidDesk(randomBytes(keyLength), Buffer.alloc(0), bytes.length);
  sodium.HEAPU8.set(bytes, d.plaintext);
  sealOn(d, 0, bytes.length);
  opensOn(d, 0, bytes.length);
  sodium.HEAPU8.fill(0, d.key, d.plaintext + bytes.length);
  const found = memoryNow().indexOf(bytes);
  if (found < 0) throw new VaultError('internal');
  return found;
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
  const written = longNonceLength + length + polyTagLength;
  if (nonce.length !== longNonceLength || target.length - at < written) throw new VaultError('internal');
  const d = laidDesk(key, associated, length);
  try {
    sodium.HEAPU8.set(nonce, d.nonce);
    sodium.HEAPU8.set(plaintext, d.plaintext);
    sealOn(d, associated.length, length);
    target.set(sodium.HEAPU8.subarray(d.nonce, d.nonce + written), at);
  } finally {
    wipe(d, length);
  }
}

/**
 * Turns what was opened, the bytes from `from` up to `to`, into what the caller is given. Keeps nothing of `memory`, which is wiped
 * when it returns, and opens and seals nothing itself.
 */
export type Take<T> = (memory: Buffer, from: number, to: number) => T;

/**
 * `sealed`: nonce, ciphertext and tag, from `at` on, behind a front that has room on the desk. Throws `integrity_failure`; nothing of
 * the plaintext is released before the tag is checked.
 */
export function decryptValue<T>(key: Uint8Array, associated: Buffer, sealed: Buffer, at: number, take: Take<T>): T {
  const length = sealed.length - at - longNonceLength - polyTagLength;
  if (length < 0) throw new VaultError('integrity_failure');
  if (at > frontRoom) throw new VaultError('internal');
  const d = laidDesk(key, associated, length);
  try {
    sodium.HEAPU8.set(sealed, d.nonce - at);
    if (!opensOn(d, associated.length, length)) throw new VaultError('integrity_failure');
    return take(memoryNow(), d.plaintext, d.plaintext + length);
  } finally {
    wipe(d, length);
  }
}
