import { constants, sign, verify, type KeyObject, type X509Certificate } from 'node:crypto';
import { VaultError } from '../errors.ts';
import { readCertificate, type ReadCertificate } from './certificate.ts';
import { contentInfo, idData } from './contentInfo.ts';
import { contextConstructed, encode, octetString, oid, sequence, setOf, smallInteger, tagged, time } from './der.ts';
import type { Der } from './der.ts';
import { digestOf } from './digest.ts';
import { mgf1Sha256, sha256WithNull } from './keyTransport.ts';

/**
 * A signed statement that this content left this vault at this moment: CMS SignedData (RFC 5652 section 5) in DER, with
 * the content and our certificate inside.
 *
 * | SignedData SEQUENCE                    |                                                                             |
 * | -------------------------------------- | --------------------------------------------------------------------------- |
 * | version                                | 1: id-data, X.509 certificates, SignerInfo version 1 (section 5.1)          |
 * | digestAlgorithms SET                   | id-sha256, without parameters (RFC 5754 section 2)                          |
 * | encapContentInfo SEQUENCE              | id-data, [0] { OCTET STRING, the content }                                  |
 * | certificates [0] SET                   | the signer's                                                                |
 * | signerInfos SET                        | one                                                                         |
 * |  SignerInfo SEQUENCE (section 5.3)     |                                                                             |
 * |   version                              | 1                                                                           |
 * |   sid IssuerAndSerialNumber            | as they stand in the certificate                                            |
 * |   digestAlgorithm                      | id-sha256                                                                   |
 * |   signedAttrs [0] SET, in DER order    | contentType: id-data (section 11.1)                                         |
 * |                                        | messageDigest: SHA-256 of the content (section 11.2)                        |
 * |                                        | signingTime: UTCTime until 2049, then GeneralizedTime (section 11.3)        |
 * |                                        | cmsAlgorithmProtect: both algorithms, so that neither is exchanged (RFC 6211) |
 * |                                        | signingCertificateV2: SHA-256, issuer, serial of the certificate (RFC 5035) |
 * |   signatureAlgorithm                   | RSASSA-PSS: SHA-256, MGF1-SHA-256, salt of 32 bytes (RFC 4056)              |
 * |   signature OCTET STRING               | over signedAttrs, with the tag of a SET in place of [0] (section 5.4)       |
 *
 * RSASSA-PSS and not PKCS #1 v1.5: OpenSSL 3.0 verifies it, RFC 8017 section 8 asks it of new applications, and receipts
 * are signed so with the same key.
 */
export interface Signer {
  /** RSA. */
  readonly privateKey: KeyObject;
  /** For that key. */
  readonly certificatePem: string;
}

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

const idSignedData = oid('1.2.840.113549.1.7.2');
const sha256 = sequence(oid('2.16.840.1.101.3.4.2.1'));
const pssParts: readonly Der[] = [
  oid('1.2.840.113549.1.1.10'),
  sequence(
    tagged(contextConstructed(0), sha256WithNull),
    tagged(contextConstructed(1), mgf1Sha256),
    tagged(contextConstructed(2), smallInteger(pss.saltLength)),
  ),
];
const rsassaPss = sequence(...pssParts);

/** Throws `internal` for a certificate that cannot be read or is another key's. */
export function signedContent(signer: Signer, content: Buffer, signingTime: Date): Buffer {
  const certificate = readCertificate(signer.certificatePem);
  if (certificate === undefined) throw new VaultError('internal');
  const attributes = signedAttributes(certificate, content, signingTime);
  const { issuer, serial } = certificate.fields;
  const signerInfo = sequence(
    smallInteger(1),
    sequence([issuer, serial]),
    sha256,
    setOf(attributes, contextConstructed(0)),
    rsassaPss,
    octetString(signatureOver(encode(setOf(attributes)), signer.privateKey, certificate.x509)),
  );
  return contentInfo(
    idSignedData,
    sequence(
      smallInteger(1),
      setOf([sha256]),
      sequence(idData, tagged(contextConstructed(0), octetString(content))),
      setOf([[certificate.x509.raw]], contextConstructed(0)),
      setOf([signerInfo]),
    ),
  );
}

function signedAttributes({ x509, fields }: ReadCertificate, content: Buffer, signingTime: Date): readonly Der[] {
  const algorithms = sequence(sha256, tagged(contextConstructed(1), ...pssParts));
  // GeneralNames with one directoryName [4] (RFC 5280 section 4.2.1.6); SHA-256 is the default hash.
  const issuerSerial = sequence(sequence(tagged(contextConstructed(4), [fields.issuer])), [fields.serial]);
  const signingCertificate = sequence(sequence(sequence(octetString(digestOf(x509.raw)), issuerSerial)));
  return [
    attribute('1.2.840.113549.1.9.3', idData),
    attribute('1.2.840.113549.1.9.4', octetString(digestOf(content))),
    attribute('1.2.840.113549.1.9.5', time(signingTime)),
    attribute('1.2.840.113549.1.9.52', algorithms),
    attribute('1.2.840.113549.1.9.16.2.47', signingCertificate),
  ];
}

function attribute(type: string, value: Der): Der {
  return sequence(oid(type), setOf([value]));
}

/** Verified under the certificate before it is handed out: a signature that nobody can check is worth nothing. */
function signatureOver(message: Buffer, privateKey: KeyObject, { publicKey }: X509Certificate): Buffer {
  const signature = sign('sha256', message, { key: privateKey, ...pss });
  if (!verify('sha256', message, { key: publicKey, ...pss }, signature)) throw new VaultError('internal');
  return signature;
}
