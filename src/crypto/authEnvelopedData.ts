import { createSecretKey, type KeyObject } from 'node:crypto';
import { VaultError } from '../errors.ts';
import { recipientOf } from './certificate.ts';
import { contentInfo, idData } from './contentInfo.ts';
import { context, octetString, oid, sequence, setOf, smallInteger, tagged } from './der.ts';
import { encrypt, tagLength } from './gcm.ts';
import { rsaesOaep, wrapContentKey } from './keyTransport.ts';
import { drawNonce, drawSecret } from './randomPool.ts';

/**
 * What only the holder of a certificate's key reads: CMS AuthEnvelopedData with AES-256-GCM and RSAES-OAEP, in DER.
 *
 * | ContentInfo SEQUENCE (RFC 5652 section 3)       |                                                            |
 * | ----------------------------------------------- | ---------------------------------------------------------- |
 * | contentType OID                                 | id-ct-authEnvelopedData                                    |
 * | content [0]                                     |                                                            |
 * |  AuthEnvelopedData SEQUENCE (RFC 5083 section 2.1) |                                                         |
 * |   version                                       | 0                                                          |
 * |   recipientInfos SET                            | one                                                        |
 * |    KeyTransRecipientInfo SEQUENCE (RFC 5652 section 6.2.1) |                                                 |
 * |     version                                     | 0                                                          |
 * |     rid IssuerAndSerialNumber                   | as they stand in the recipient's certificate               |
 * |     keyEncryptionAlgorithm                      | RSAES-OAEP, SHA-256, MGF1-SHA-256 (keyTransport.ts)        |
 * |     encryptedKey OCTET STRING                   | 32 random bytes, used for this package alone               |
 * |   authEncryptedContentInfo SEQUENCE             |                                                            |
 * |    contentType OID                              | id-data                                                    |
 * |    contentEncryptionAlgorithm                   | id-aes256-GCM { nonce of 12 bytes, ICV length 16 } (RFC 5084 section 3.2) |
 * |    encryptedContent [0] OCTET STRING            | as long as the content                                     |
 * |   mac OCTET STRING                              | the tag, 16 bytes                                          |
 *
 * authAttrs may be absent because the content type is id-data (RFC 5083 section 2.1); so the associated data is empty
 * (section 2.2). What is sealed is a whole ContentInfo of SignedData (signedData.ts): what `openssl cms -decrypt` writes is
 * what `openssl cms -verify` reads. id-signedData as the content type would have the outer SEQUENCE cut off (RFC 5652
 * section 6.3), which no tool puts back.
 *
 * There is no way here to CBC or to PKCS #1 v1.5 key transport: each has its oracle (EFAIL, Bleichenbacher).
 */
const idAuthEnvelopedData = oid('1.2.840.113549.1.9.16.1.23');
const idAes256Gcm = oid('2.16.840.1.101.3.4.1.46');

/**
 * `content`, whole in memory, for the holder of the certificate's key alone. Throws `internal` for a certificate that
 * `judgeCertificate` refuses whatever the time; whether it is valid now is for the caller to judge.
 */
export function envelopedFor(recipientCertificatePem: string, content: Buffer): Buffer {
  const recipient = recipientOf(recipientCertificatePem);
  if (typeof recipient === 'string') throw new VaultError('internal');
  const { encryptedKey, nonce, ciphertext, tag } = seal(recipient.key, content);
  const { issuer, serial } = recipient.fields;
  const keyTransport = sequence(smallInteger(0), sequence([issuer, serial]), rsaesOaep, octetString(encryptedKey));
  const gcm = sequence(idAes256Gcm, sequence(octetString(nonce), smallInteger(tagLength)));
  const sealed = sequence(idData, gcm, tagged(context(0), [ciphertext]));
  return contentInfo(idAuthEnvelopedData, sequence(smallInteger(0), setOf([keyTransport]), sealed, octetString(tag)));
}

function seal(recipientKey: KeyObject, content: Buffer) {
  const contentKey = drawSecret();
  try {
    const nonce = drawNonce();
    const [ciphertext, tag] = encrypt(createSecretKey(contentKey), nonce, Buffer.alloc(0), content);
    return { encryptedKey: wrapContentKey(recipientKey, contentKey), nonce, ciphertext, tag };
  } finally {
    // OpenSSL wipes the KeyObject's own copy when that is collected.
    contentKey.fill(0);
  }
}
