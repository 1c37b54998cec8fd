import { createSecretKey, randomBytes } from 'node:crypto';
import { hmacSha256 } from './hmac.ts';

/** Standard Webhooks 1.0.0, "Signature scheme": symmetric, 24 to 64 random bytes behind the prefix. */
const prefix = 'whsec_';

/** 256 random bits in base64 behind the prefix; shown once. */
export function newWebhookSecret(): string {
  return prefix + randomBytes(32).toString('base64');
}

/** `v1,` and HMAC-SHA-256 over `id.timestamp.body` in base64. `timestamp`: seconds since the epoch. */
export function webhookSignature(secret: string, id: string, timestamp: number, body: string): string {
  const key = createSecretKey(Buffer.from(secret.slice(prefix.length), 'base64'));
  return `v1,${hmacSha256(key, `${id}.${timestamp}.${body}`).toString('base64')}`;
}
