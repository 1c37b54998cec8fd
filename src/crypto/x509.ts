import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { VaultError } from '../errors.ts';

/** What forge has and its types lack. */
interface Builder {
  getTBSCertificate(certificate: forge.pki.Certificate): forge.asn1.Asn1;
}

const { asn1 } = forge;
const pki = forge.pki as typeof forge.pki & Builder;
const dayMs = 86_400_000;

export interface CertificateTerms {
  readonly commonName: string;
  readonly days: number;
  /** Positive, 1 to 40 hex digits (RFC 5280 section 4.1.2.2). */
  readonly serial: string;
  /** First moment of validity; now unless given. */
  readonly notBefore?: Date;
}

/**
 * A self-signed X.509 v3 certificate (RFC 5280), PEM, for an RSA key that signs: not an authority, digitalSignature and
 * nonRepudiation only. node-forge builds the ASN.1, node:crypto signs. Throws `internal` for terms that break RFC 5280.
 */
export function selfSignedCertificate(privateKeyPem: string, publicKeyPem: string, terms: CertificateTerms): string {
  const { commonName, days, serial, notBefore = new Date() } = terms;
  if (!/^(?!0+$)[0-7]?[0-9a-f]{1,39}$/.test(serial)) throw new VaultError('internal');
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.publicKeyFromPem(publicKeyPem);
  certificate.serialNumber = positiveInteger(serial);
  certificate.validity.notBefore = notBefore;
  certificate.validity.notAfter = new Date(notBefore.getTime() + days * dayMs);
  // forge's types hold the tag for text; it takes the ASN.1 type, and Persian names need UTF8String.
  const subject = [
    { name: 'commonName', value: commonName, valueTagClass: asn1.Type.UTF8 as unknown as forge.asn1.Class },
  ];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, nonRepudiation: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  return signed(certificate, privateKeyPem);
}

/** The content of a DER INTEGER in hex: no zero byte too many, and one before a set first bit (X.690 section 8.3). */
function positiveInteger(hex: string): string {
  const digits = hex.replace(/^0+/, '');
  const whole = digits.length % 2 === 0 ? digits : `0${digits}`;
  return whole < '8' ? whole : `00${whole}`;
}

/** sha256WithRSAEncryption (RFC 4055 section 5) over the DER of the part to be signed. */
function signed(certificate: forge.pki.Certificate, privateKeyPem: string): string {
  const algorithm = pki.oids['sha256WithRSAEncryption'];
  if (algorithm === undefined) throw new VaultError('internal');
  certificate.signatureOid = algorithm;
  certificate.siginfo.algorithmOid = algorithm;
  const toBeSigned = pki.getTBSCertificate(certificate);
  certificate.tbsCertificate = toBeSigned;
  const der = Buffer.from(asn1.toDer(toBeSigned).getBytes(), 'latin1');
  certificate.signature = sign('sha256', der, createPrivateKey(privateKeyPem)).toString('latin1');
  return pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}

/** The bytes of a certificate in PEM (RFC 7468). */
export const certificateDer = (pem: string): Buffer => new X509Certificate(pem).raw;
