import { hash, randomBytes, randomInt } from 'node:crypto';
import { sameBytes } from './hmac.ts';

/** The prefix lets secret scanners and people recognise one that was committed or pasted. */
const prefix = 'amanat_secret_';

/** 256 random bits in base64url behind the prefix; shown once. */
export function newClientSecret(): string {
  return prefix + randomBytes(32).toString('base64url');
}

/**
 * SHA-256, 32 bytes, under its own domain. A slow password hash protects what a dictionary could guess; a secret of 256
 * random bits cannot be guessed at any speed, and a slow hash here would be a lever for overload.
 */
export function hashClientSecret(secret: string): Buffer {
  return hash('sha256', `amanat client secret 1\n${secret}`, 'buffer');
}

/** Constant time in the secret. */
export function sameSecret(stored: Buffer, secret: string): boolean {
  return sameBytes(stored, hashClientSecret(secret));
}

/** Six digits, for a contact point; the same holds as of the delivery code. */
export function newOneTimeCode(): string {
  return String(randomInt(1_000_000)).padStart(6, '0');
}

/** Five digits, uniformly random. Guessable by design: keep a keyed hash of it, and count the tries. */
export function newDeliveryCode(): string {
  return String(randomInt(100_000)).padStart(5, '0');
}
