import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certificateRefusals, judgeCertificate, type CertificateVerdict } from '../../../src/crypto/certificate.ts';
import { hasOpenssl, workshop } from './openssl.ts';

const place = workshop();
afterAll(() => place.close());

const day = 86_400_000;
// Within the days that every certificate here is made for, whenever it is made in this run.
const now = new Date(Date.now() + day);
const outcome = (verdict: CertificateVerdict): string =>
  verdict.state === 'ok' ? ['ok', ...verdict.warnings].join(' ') : verdict.reason;

let made = 0;
/** A self-signed certificate as `openssl req -x509` makes it; with no key usage unless one is asked for. */
async function certificate(options: string, days = 30): Promise<string> {
  const [key, crt] = [`${++made}.key`, `${made}.crt`];
  const subject = options.includes('-subj') ? '' : '-subj /CN=recipient';
  await place.openssl(`req -x509 -nodes -days ${days} -keyout ${key} -out ${crt} ${subject} ${options}`);
  return place.read(crt)?.toString() ?? '';
}

/** One 2048-bit key for all that is not about the key. */
const ofOneKey = (options: string): Promise<string> => certificate(`-key shared.key ${options}`);
const extended = (options: string): Promise<string> => ofOneKey(`-addext '${options}'`);

describe.skipIf(!hasOpenssl)('a certificate', () => {
  let plain = '';
  beforeAll(async () => {
    await place.openssl('genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out shared.key');
    plain = await ofOneKey('');
  });

  test.each([
    [2048, 'ok rsa_2048'],
    [3070, 'ok rsa_2048'],
    [3072, 'ok'],
    [4096, 'ok'],
    [1024, 'certificate_key_too_small'],
    [2046, 'certificate_key_too_small'],
  ])('RSA of %i bits: %s', async (bits, expected) => {
    const verdict = judgeCertificate(await certificate(`-newkey rsa:${bits}`), now);
    expect(outcome(verdict)).toBe(expected);
    if (verdict.state === 'ok') expect(verdict.bits).toBe(bits);
  });

  test.each([
    ['P-256', '-newkey ec -pkeyopt ec_paramgen_curve:P-256'],
    ['P-384', '-newkey ec -pkeyopt ec_paramgen_curve:P-384'],
    ['Ed25519', '-newkey ed25519'],
  ])('%s is refused', async (_curve, options) => {
    expect(outcome(judgeCertificate(await certificate(options), now))).toBe('certificate_ec_unsupported');
  });

  test('an RSA key that may only sign is refused for its use', async () => {
    const pem = await certificate('-newkey rsa-pss -pkeyopt rsa_keygen_bits:2048');
    expect(new X509Certificate(pem).publicKey.asymmetricKeyType).toBe('rsa-pss');
    expect(outcome(judgeCertificate(pem, now))).toBe('certificate_key_usage');
  });

  test.each([
    [3, 'certificate_key_unusable'],
    [17, 'certificate_key_unusable'],
    [65537, 'ok rsa_2048'],
    [65539, 'ok rsa_2048'],
  ])('a public exponent of %i: %s', async (exponent, expected) => {
    const key = `exponent${exponent}.key`;
    await place.openssl(
      `genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:${exponent} -out ${key}`,
    );
    expect(outcome(judgeCertificate(await certificate(`-key ${key}`), now))).toBe(expected);
  });

  test('validity: to the second, both ends inside', () => {
    const { validFrom, validTo } = new X509Certificate(plain);
    const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
    const at = (time: number): string => outcome(judgeCertificate(plain, new Date(time)));
    expect(at(from - 1)).toBe('certificate_not_yet_valid');
    expect(at(from)).toBe('ok rsa_2048');
    expect(at(to + 999)).toBe('ok rsa_2048');
    expect(at(to + 1000)).toBe('certificate_expired');
    expect(at(Number.NaN)).toBe('certificate_not_yet_valid');
    expect(at(from - 400 * day)).toBe('certificate_not_yet_valid');
    expect(at(to + 400 * day)).toBe('certificate_expired');
  });

  test('one without an end is valid for long', async () => {
    const verdict = judgeCertificate(await certificate('-key shared.key', 2_000_000), new Date('7000-01-01T00:00:00Z'));
    expect(outcome(verdict)).toBe('ok rsa_2048');
  });

  test.each([
    ['keyUsage=critical,keyEncipherment', 'ok rsa_2048'],
    ['keyUsage=keyEncipherment', 'ok rsa_2048'],
    ['keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment', 'ok rsa_2048'],
    ['keyUsage=keyEncipherment,decipherOnly', 'ok rsa_2048'],
    ['keyUsage=critical,digitalSignature', 'certificate_key_usage'],
    ['keyUsage=digitalSignature,nonRepudiation', 'certificate_key_usage'],
    ['keyUsage=dataEncipherment,keyAgreement', 'certificate_key_usage'],
    ['keyUsage=keyCertSign,cRLSign', 'certificate_key_usage'],
    ['keyUsage=decipherOnly', 'certificate_key_usage'],
    ['2.5.29.15=critical,DER:030100', 'certificate_key_usage'],
    ['2.5.29.15=DER:0500', 'certificate_key_usage'],
    ['2.5.29.15=DER:0302052000', 'certificate_key_usage'],
    ['extendedKeyUsage=emailProtection', 'ok rsa_2048'],
    ['extendedKeyUsage=critical,clientAuth,emailProtection', 'ok rsa_2048'],
    ['extendedKeyUsage=anyExtendedKeyUsage', 'ok rsa_2048'],
    ['extendedKeyUsage=1.3.6.1.4.1.311.80.1', 'ok rsa_2048'],
    ['extendedKeyUsage=serverAuth', 'certificate_key_usage'],
    ['extendedKeyUsage=serverAuth,clientAuth', 'certificate_key_usage'],
    ['extendedKeyUsage=codeSigning', 'certificate_key_usage'],
    ['extendedKeyUsage=timeStamping', 'certificate_key_usage'],
    ['2.5.29.37=DER:3000', 'certificate_key_usage'],
    ['2.5.29.37=DER:0500', 'certificate_key_usage'],
    ['basicConstraints=critical,CA:FALSE', 'ok rsa_2048'],
    ['subjectAltName=critical,email:inspector@example.com', 'ok rsa_2048'],
    ['1.2.3.4=DER:0500', 'ok rsa_2048'],
    ['1.2.3.4=critical,DER:0500', 'certificate_key_usage'],
  ])('%s: %s', async (extension, expected) => {
    expect(outcome(judgeCertificate(await extended(extension), now))).toBe(expected);
  });

  test('keyEncipherment does not make up for other purposes, nor the other way round', async () => {
    const both = (usage: string, purpose: string): Promise<string> =>
      ofOneKey(`-addext keyUsage=${usage} -addext extendedKeyUsage=${purpose}`);
    const judged = async (usage: string, purpose: string): Promise<string> =>
      outcome(judgeCertificate(await both(usage, purpose), now));
    expect(await judged('keyEncipherment', 'serverAuth')).toBe('certificate_key_usage');
    expect(await judged('digitalSignature', 'emailProtection')).toBe('certificate_key_usage');
    expect(await judged('keyEncipherment', 'emailProtection')).toBe('ok rsa_2048');
  });

  test('without any extension', async () => {
    await place.openssl('req -new -key shared.key -subj /CN=old -out old.csr');
    await place.openssl('x509 -req -in old.csr -signkey shared.key -days 30 -out old.crt');
    expect(outcome(judgeCertificate(place.read('old.crt')?.toString() ?? '', now))).toBe('ok rsa_2048');
  });

  test('of an authority, with its own issuer, serial and fingerprint, in Persian', async () => {
    await certificate("-newkey rsa:2048 -utf8 -subj '/O=قوه قضاییه/CN=مرکز گواهی'");
    const [caKey, caCrt] = [`${made}.key`, `${made}.crt`];
    await place.openssl(
      "req -new -key shared.key -utf8 -subj '/O=دادسرای عمومی و انقلاب/CN=بازپرسی شعبه ۳, تهران' -out fa.csr",
    );
    await place.openssl(`x509 -req -in fa.csr -CA ${caCrt} -CAkey ${caKey} -set_serial 0x80ff01 -days 30 -out fa.crt`);
    const pem = place.read('fa.crt')?.toString() ?? '';
    const verdict = judgeCertificate(pem, now);
    const printed = await place.openssl('x509 -in fa.crt -noout -fingerprint -sha256');
    const { validFrom, validTo } = new X509Certificate(pem);
    expect(verdict).toEqual({
      state: 'ok',
      warnings: ['rsa_2048'],
      subject: 'O=دادسرای عمومی و انقلاب, CN=بازپرسی شعبه ۳\\, تهران',
      issuer: 'O=قوه قضاییه, CN=مرکز گواهی',
      serial: '80ff01',
      fingerprint256: printed.replace(/^.*=/, '').trim().replaceAll(':', '').toLowerCase(),
      validFrom: new Date(validFrom).toISOString(),
      validTo: new Date(validTo).toISOString(),
      bits: 2048,
    });
  });

  test('line ends and white space around do not matter', () => {
    for (const pem of [plain.replaceAll('\n', '\r\n'), `\n\n  ${plain}  \n`, plain.trim()]) {
      expect(outcome(judgeCertificate(pem, now))).toBe('ok rsa_2048');
    }
  });

  test('what is no single certificate', async () => {
    const block = (der: Buffer, label = 'CERTIFICATE'): string =>
      `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
    const der = new X509Certificate(plain).raw;
    const twice = block(der);
    expect(outcome(judgeCertificate(twice, now))).toBe('ok rsa_2048');
    const faults: Record<string, string> = {
      'two blocks': twice + twice,
      'a key before it': (place.read('shared.key')?.toString() ?? '') + twice,
      'a key': place.read('shared.key')?.toString() ?? '',
      'a request': await place.openssl('req -new -key shared.key -subj /CN=x'),
      'another label': block(der, 'TRUSTED CERTIFICATE'),
      'a key under this label': block(Buffer.from('30030201', 'hex')),
      'text before': `recipient\n${twice}`,
      'text after': `${twice}recipient`,
      'a byte after': block(Buffer.concat([der, Buffer.alloc(1)])),
      'a byte less': block(der.subarray(0, -1)),
      'DER alone': der.toString('latin1'),
      'base64 alone': der.toString('base64'),
      'cut short': plain.slice(0, 400),
      'base64 with a foreign character': plain.replace('MII', 'M!I'),
      'base64 with spare padding': block(der).replace('\n-----END', '==\n-----END'),
      nothing: '',
      'an empty block': block(Buffer.alloc(0)),
      garbage: '\u0000\uffff',
      'a long one': `-----BEGIN CERTIFICATE-----\n${'A'.repeat(70_000)}\n-----END CERTIFICATE-----\n`,
    };
    for (const [what, pem] of Object.entries(faults)) {
      expect(outcome(judgeCertificate(pem, now)), what).toBe('not_a_certificate');
    }
  });

  test('one whose bits were changed gets an answer, never a fault', () => {
    const der = new X509Certificate(plain).raw;
    const seen = new Set<string>();
    for (let at = 0; at < der.length; at++) {
      for (const mask of [0x01, 0x20, 0x80, 0xff]) {
        const changed = Buffer.from(der);
        changed[at] = (changed[at] ?? 0) ^ mask;
        const pem = `-----BEGIN CERTIFICATE-----\n${changed.toString('base64')}\n-----END CERTIFICATE-----`;
        seen.add(outcome(judgeCertificate(pem, now)).replace(/^ok.*/, 'ok'));
      }
    }
    for (const answer of seen) expect(['ok', ...certificateRefusals]).toContain(answer);
    expect(seen.size).toBeGreaterThan(4);
  });
});
