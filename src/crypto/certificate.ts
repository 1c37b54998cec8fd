import { X509Certificate, type KeyObject } from 'node:crypto';
import { certificateFields, keyUsageBits, purposesOf, type CertificateFields } from './certificateFields.ts';
import { wrapContentKey } from './keyTransport.ts';

/**
 * Whether personal data may be sealed to the holder of an X.509 certificate (RFC 5280).
 *
 * | looked at            | accepted                                                                                       |
 * | -------------------- | ---------------------------------------------------------------------------------------------- |
 * | form                 | one PEM block (RFC 7468) with nothing around it, DER to the last byte                           |
 * | key                  | rsaEncryption of 3072 bits or more; 2048 to 3071 with a warning (NIST SP 800-57 part 1, 5.6.1)  |
 * | public exponent      | odd, 65537 to 2^64 - 1 (NIST SP 800-56B section 6.2; OpenSSL takes no larger one)               |
 * | validity             | from notBefore through notAfter (section 4.1.2.5)                                               |
 * | key usage            | absent, or with keyEncipherment (section 4.2.1.3)                                               |
 * | extended key usage   | absent, or with one of the purposes below (section 4.2.1.12)                                    |
 * | critical extensions  | those below; any other restricts in a way that is not understood (section 4.2)                  |
 *
 * Extended purposes: a certificate for a web server or for signing code says that its key is kept where that work is
 * done, not where an official reads what is meant for them alone. So there has to be e-mail protection, the purpose under
 * which CMS is read, document encryption, or any.
 *
 * Not looked at: who issued it, and whether it was revoked. The vault knows no list of authorities to trust. That a
 * certificate is the authority's is for the call-back to find out, by `fingerprint256`.
 */
export type CertificateVerdict =
  | ({ readonly state: 'ok'; readonly warnings: readonly CertificateWarning[] } & CertificateFacts)
  | { readonly state: 'refused'; readonly reason: CertificateRefusal };

export interface CertificateFacts {
  /** `CN=…, O=…`, most specific last as encoded; special characters escaped (RFC 2253). Made by whoever made the certificate. */
  readonly subject: string;
  readonly issuer: string;
  /** Hex, lower case. */
  readonly serial: string;
  /** SHA-256 of the DER, hex, lower case: what is compared over the telephone. */
  readonly fingerprint256: string;
  /** RFC 3339, UTC; both ends are inside. */
  readonly validFrom: string;
  readonly validTo: string;
  /** Of the RSA modulus. */
  readonly bits: number;
}

export const certificateWarnings = ['rsa_2048'] as const;
export type CertificateWarning = (typeof certificateWarnings)[number];

export const certificateRefusals = [
  'not_a_certificate',
  'certificate_ec_unsupported',
  'certificate_key_too_small',
  'certificate_key_unusable',
  'certificate_not_yet_valid',
  'certificate_expired',
  'certificate_key_usage',
] as const;
/** `certificate_ec_unsupported` is any key but RSA; `certificate_key_unusable` an RSA key that no key is wrapped for. */
export type CertificateRefusal = (typeof certificateRefusals)[number];

const pemMaxLength = 65_536;
const leastBits = 2048;
const goodBits = 3072;
const leastExponent = 65_537n;
const mostExponent = 2n ** 64n - 1n;

const keyUsage = '2.5.29.15';
const extendedKeyUsage = '2.5.29.37';
const keyEncipherment = 0x20;
const purposes: ReadonlySet<string> = new Set([
  '2.5.29.37.0', // any (RFC 5280)
  '1.3.6.1.5.5.7.3.4', // e-mail protection (RFC 5280; RFC 8550 section 4.4.4)
  '1.3.6.1.4.1.311.80.1', // document encryption (Microsoft, Protect-CmsMessage)
]);
/** Understood here, or without meaning for a recipient: constraints, alternative names, policies. */
const understood: ReadonlySet<string> = new Set([keyUsage, extendedKeyUsage, '2.5.29.19', '2.5.29.17', '2.5.29.32']);

/** Never throws: whatever `pem` is, the answer is a verdict. */
export function judgeCertificate(pem: string, at: Date): CertificateVerdict {
  const recipient = recipientOf(pem);
  if (typeof recipient === 'string') return refused(recipient);
  const { x509, key, validFrom, validTo } = recipient;
  const time = at.getTime();
  // A date that is none is no time to be valid at. The last second is inside, to its end.
  if (Number.isNaN(time) || time < validFrom.getTime()) return refused('certificate_not_yet_valid');
  if (time >= validTo.getTime() + 1000) return refused('certificate_expired');
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return {
    state: 'ok',
    warnings: bits < goodBits ? ['rsa_2048'] : [],
    subject: oneLine(x509.subject),
    issuer: oneLine(x509.issuer),
    serial: x509.serialNumber.toLowerCase(),
    fingerprint256: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    validFrom: validFrom.toISOString(),
    validTo: validTo.toISOString(),
    bits,
  };
}

function refused(reason: CertificateRefusal): CertificateVerdict {
  return { state: 'refused', reason };
}

export interface Recipient extends ReadCertificate {
  readonly key: KeyObject;
}

/** All that is judged but time. */
export function recipientOf(pem: string): Recipient | CertificateRefusal {
  const certificate = readCertificate(pem);
  if (certificate === undefined) return 'not_a_certificate';
  const key = keyOf(certificate.x509);
  if (key === undefined) return 'certificate_ec_unsupported';
  const fault = keyFault(key);
  if (fault !== undefined) return fault;
  return mayWrapKeys(key, certificate.fields) ? { ...certificate, key } : 'certificate_key_usage';
}

export interface ReadCertificate {
  readonly x509: X509Certificate;
  readonly fields: CertificateFields;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** `undefined` unless the text is one PEM block with one certificate, whole, and nothing else but white space. */
export function readCertificate(pem: string): ReadCertificate | undefined {
  const block = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----$/;
  const base64 = pem.length > pemMaxLength ? undefined : block.exec(pem.trim())?.[1]?.replace(/\s/g, '');
  const der = Buffer.from(base64 ?? '', 'base64');
  if (der.toString('base64') !== base64) return undefined;
  try {
    const x509 = new X509Certificate(der);
    const fields = certificateFields(der);
    const [validFrom, validTo] = [new Date(x509.validFrom), new Date(x509.validTo)];
    const isDated = !Number.isNaN(validFrom.getTime()) && !Number.isNaN(validTo.getTime());
    return fields === undefined || !isDated || !x509.raw.equals(der) ? undefined : { x509, fields, validFrom, validTo };
  } catch {
    return undefined;
  }
}

/** Its key, where it is RSA; of a kind that OpenSSL does not know is none of that either. */
function keyOf(x509: X509Certificate): KeyObject | undefined {
  try {
    const { publicKey } = x509;
    return ['rsa', 'rsa-pss'].includes(publicKey.asymmetricKeyType ?? '') ? publicKey : undefined;
  } catch {
    return undefined;
  }
}

function keyFault(key: KeyObject): CertificateRefusal | undefined {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < leastBits) return 'certificate_key_too_small';
  const isSound = publicExponent >= leastExponent && publicExponent <= mostExponent && publicExponent % 2n === 1n;
  // id-RSASSA-PSS keys are for signatures alone (RFC 4055 section 3.1): below, under key usage.
  return isSound && (key.asymmetricKeyType === 'rsa-pss' || wraps(key)) ? undefined : 'certificate_key_unusable';
}

/** Found out now and not when the package is made: does this key take a content key at all? */
function wraps(key: KeyObject): boolean {
  try {
    return wrapContentKey(key, Buffer.alloc(32)).length > 0;
  } catch {
    return false;
  }
}

function mayWrapKeys(key: KeyObject, { extensions }: CertificateFields): boolean {
  if (key.asymmetricKeyType !== 'rsa') return false;
  const [usage, extended] = [extensions.get(keyUsage), extensions.get(extendedKeyUsage)];
  if (usage !== undefined && ((keyUsageBits(usage.value) ?? 0) & keyEncipherment) === 0) return false;
  if (extended !== undefined && !purposesOf(extended.value)?.some((purpose) => purposes.has(purpose))) return false;
  return [...extensions].every(([name, { critical }]) => !critical || understood.has(name));
}

/** node:crypto writes an attribute a line. */
function oneLine(name: string): string {
  return name.split('\n').join(', ');
}
