import { createHmac, hash, pbkdf2Sync, randomBytes } from 'node:crypto';
import { VaultError } from '../errors.ts';

/** PostgreSQL's own default (`scram_iterations`) and RFC 7677 section 4's minimum. */
const iterations = 4096;
const saltLength = 16;

/**
 * What PostgreSQL stores for a password, `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5802 section
 * 3, RFC 7677), so that no statement and no server log ever carries the password. Only printable ASCII, which SASLprep
 * (RFC 4013) leaves as it is; throws `internal` for anything else.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(saltLength)): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new VaultError('internal');
  const saltedPassword = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const mac = (name: string): Buffer => createHmac('sha256', saltedPassword).update(name).digest();
  const storedKey = hash('sha256', mac('Client Key'), 'base64');
  const serverKey = mac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
