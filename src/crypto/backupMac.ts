import { createSecretKey } from 'node:crypto';
import { canonicalJson } from './canonicalJson.ts';
import { hmacSha256, sameBytes } from './hmac.ts';

/**
 * What a backup is believed by: HMAC-SHA-256 under a secret that a root key gives for this alone (`secret` of
 * keys/rootKey.ts), which whoever can write where backups lie has not. The message is UTF-8:
 *
 * | part                                   | what                                                              |
 * | -------------------------------------- | ----------------------------------------------------------------- |
 * | `amanat backup manifest/v1`, line feed | what this is                                                      |
 * | the rest                               | the manifest without its MAC, as canonical JSON (canonicalJson.ts) |
 */
export const manifestSecret = 'backup manifest';
const heading = 'amanat backup manifest/v1\n';

/** `secret` is wiped. */
export function manifestMac(secret: Buffer, content: unknown): Buffer {
  const key = createSecretKey(secret);
  secret.fill(0);
  return hmacSha256(key, heading + canonicalJson(content));
}

export function isManifestMac(secret: Buffer, content: unknown, mac: string): boolean {
  return sameBytes(manifestMac(secret, content), Buffer.from(mac, 'base64'));
}
