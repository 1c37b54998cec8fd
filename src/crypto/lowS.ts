/**
 * An ECDSA signature (r, s) has a twin (r, n - s) that verifies as well. Signatures made here are brought to the half with
 * s <= n/2, so that a token has exactly one spelling and its twin can be refused.
 *
 * | bytes | content (RFC 7518 section 3.4) |
 * | --- | --- |
 * | 0..31 | r, big endian |
 * | 32..63 | s, big endian |
 */
export const es256SignatureBytes = 64;

/** Order of P-256 (FIPS 186-5, SP 800-186 section 3.2.1.3). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const half = Buffer.from((order >> 1n).toString(16).padStart(64, '0'), 'hex');

export function hasLowS(signature: Buffer): boolean {
  return signature.length === es256SignatureBytes && signature.compare(half, 0, 32, 32, 64) <= 0;
}

/** The twin with the other s. */
export function twinSignature(signature: Buffer): Buffer {
  const s = BigInt(`0x${signature.toString('hex', 32, 64)}`);
  return Buffer.concat([signature.subarray(0, 32), Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex')]);
}
