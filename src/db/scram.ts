import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { VaultError } from '../errors.ts';

const iterations = 4096;
const keyBytes = 32;

/**
 * What PostgreSQL keeps instead of a password (RFC 5803, with SHA-256 of RFC 7677), so that no password is ever in SQL:
 *   SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, all base64
 * Only printable ASCII, which SASLprep (RFC 4013) leaves as it is; throws `internal` for anything else.
 */
export async function scramVerifier(password: string, salt: Buffer = randomBytes(16)): Promise<string> {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new VaultError('internal');
  const salted = await promisify(pbkdf2)(password, salt, iterations, keyBytes, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
