import { constants, publicEncrypt, type KeyObject } from 'node:crypto';
import { contextConstructed, nothing, oid, sequence, tagged, type Der } from './der.ts';

/** id-sha256 as the parameter of another algorithm: with NULL (RFC 4055 section 2.1). */
export const sha256WithNull: Der = sequence(oid('2.16.840.1.101.3.4.2.1'), nothing);

/** id-mgf1 over SHA-256 (RFC 4055 section 2.2). */
export const mgf1Sha256: Der = sequence(oid('1.2.840.113549.1.1.8'), sha256WithNull);

/**
 * AlgorithmIdentifier of RSAES-OAEP (RFC 4055 section 4.1, RFC 3560):
 *
 * | SEQUENCE                     |                                                          |
 * | ---------------------------- | -------------------------------------------------------- |
 * | OID                          | id-RSAES-OAEP                                            |
 * | SEQUENCE                     |                                                          |
 * |   [0] hashAlgorithm          | id-sha256, NULL; the default would be SHA-1              |
 * |   [1] maskGenAlgorithm       | id-mgf1 over id-sha256, NULL; the default would be SHA-1 |
 * |   [2] pSourceAlgorithm       | the empty label, which is the default and so left out    |
 */
export const rsaesOaep: Der = sequence(
  oid('1.2.840.113549.1.1.7'),
  sequence(tagged(contextConstructed(0), sha256WithNull), tagged(contextConstructed(1), mgf1Sha256)),
);

/** What `rsaesOaep` says (RFC 8017 section 7.1). Throws what OpenSSL throws for a key that it does not take. */
export function wrapContentKey(key: KeyObject, contentKey: Buffer): Buffer {
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, contentKey);
}
