import { createSecretKey } from 'node:crypto';
import { canonicalJson } from './canonicalJson.ts';
import { hmacSha256, sameBytes } from './hmac.ts';

/**
 * What backups are believed by: HMAC-SHA-256 under secrets that a root key gives for this alone (`secret` of keys/rootKey.ts),
 * which whoever can write where backups lie has not. Messages are UTF-8:
 *
 * | part                                   | what                                                              |
 * | -------------------------------------- | ----------------------------------------------------------------- |
 * | `amanat backup manifest/v1`, line feed | of a manifest                                                     |
 * | the rest                               | the manifest without its MAC, as canonical JSON (canonicalJson.ts) |
 *
 * | part                                   | what                                                              |
 * | -------------------------------------- | ----------------------------------------------------------------- |
 * | `amanat archived wal/v1`, line feed    | of a file in the archive of WAL                                   |
 * | number of the cluster, line feed       | decimal, as PostgreSQL made it                                    |
 * | name of the file, line feed            |                                                                   |
 * | SHA-256 of the file, line feed         | 64 hex digits                                                     |
 */
export const manifestSecret = 'backup manifest';
export const walSecret = 'archived wal';

/** `secret` is wiped. */
export function manifestMac(secret: Buffer, content: unknown): Buffer {
  return macOf(secret, `amanat backup manifest/v1\n${canonicalJson(content)}`);
}

export function isManifestMac(secret: Buffer, content: unknown, mac: string): boolean {
  return sameBytes(manifestMac(secret, content), Buffer.from(mac, 'base64'));
}

export interface ArchivedFile {
  readonly systemId: string;
  readonly name: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** `secret` is wiped. */
export function walMac(secret: Buffer, { systemId, name, sha256 }: ArchivedFile): Buffer {
  return macOf(secret, `amanat archived wal/v1\n${systemId}\n${name}\n${sha256}\n`);
}

export function isWalMac(secret: Buffer, file: ArchivedFile, mac: string): boolean {
  return sameBytes(walMac(secret, file), Buffer.from(mac, 'base64'));
}

function macOf(secret: Buffer, message: string): Buffer {
  const key = createSecretKey(secret);
  secret.fill(0);
  return hmacSha256(key, message);
}
