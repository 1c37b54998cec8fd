import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { selfSignedCertificate } from '../../../src/crypto/x509.ts';
import { newKeyPair } from '../../support/keyPair.ts';

const pair = newKeyPair('rsa', 3072);
const privatePem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const publicPem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const terms = {
  commonName: 'Amanat export signing',
  days: 30,
  serial: '4f00',
  notBefore: new Date('2025-11-22T06:00:00Z'),
};
const pem = selfSignedCertificate(privatePem, publicPem, terms);

describe('self-signed certificate', () => {
  test('node:crypto reads it, and it verifies under its own key only', () => {
    const certificate = new X509Certificate(pem);
    expect(certificate.verify(pair.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(pair.privateKey)).toBe(true);
    expect(certificate.verify(newKeyPair('rsa', 2048).publicKey)).toBe(false);
    expect(certificate.ca).toBe(false);
    expect(certificate.serialNumber).toBe('4F00');
    expect([certificate.subject, certificate.issuer]).toEqual(['CN=Amanat export signing', 'CN=Amanat export signing']);
    expect(Date.parse(certificate.validFrom)).toBe(Date.parse('2025-11-22T06:00:00Z'));
    expect(Date.parse(certificate.validTo)).toBe(Date.parse('2025-12-22T06:00:00Z'));
  });

  test('a changed byte in what is signed shows', () => {
    const der = Buffer.from(new X509Certificate(pem).raw);
    const at = der.indexOf('Amanat');
    der.write('amanat', at);
    expect(new X509Certificate(der).verify(pair.publicKey)).toBe(false);
  });

  test('holds a Persian name, and dates after 2049', () => {
    const made = selfSignedCertificate(privatePem, publicPem, { ...terms, commonName: 'امانت', days: 365 * 40 });
    const certificate = new X509Certificate(made);
    expect(certificate.verify(pair.publicKey)).toBe(true);
    expect(certificate.raw.includes(Buffer.from('امانت'))).toBe(true);
    expect(new Date(certificate.validTo).getUTCFullYear()).toBe(2065);
  });

  test.each(['', '0', '00', '-1', 'xyz', 'FF', 'ff'.repeat(20), '1'.repeat(41)])('refuses the serial %j', (serial) => {
    expect(() => selfSignedCertificate(privatePem, publicPem, { ...terms, serial })).toThrow('internal');
  });

  test.each(['1', '7f', '80', 'ff', 'abc', '0001', 'ff'.repeat(19), '7f'.repeat(20)])(
    'the serial %j stands as given',
    (serial) => {
      const made = new X509Certificate(selfSignedCertificate(privatePem, publicPem, { ...terms, serial }));
      expect(BigInt(`0x${made.serialNumber}`)).toBe(BigInt(`0x${serial}`));
    },
  );
});

const openssl = spawnSync('openssl', ['version']).status === 0;
if (!openssl) process.stdout.write('skipped: no openssl on the command line\n');

describe.skipIf(!openssl)('openssl', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'amanat-x509-'));
    writeFileSync(join(folder, 'export.crt'), pem);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('prints it as meant', () => {
    const text = execFileSync('openssl', ['x509', '-in', join(folder, 'export.crt'), '-noout', '-text']).toString();
    expect(text).toContain('Version: 3 (0x2)');
    expect(text).toContain('Signature Algorithm: sha256WithRSAEncryption');
    expect(text).toContain('Public-Key: (3072 bit)');
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature, Non Repudiation/);
  });

  test('verifies it strictly, signature included, and not once it is changed', () => {
    const verify = (file: string) =>
      spawnSync('openssl', ['verify', '-x509_strict', '-check_ss_sig', '-attime', '1763800000', '-CAfile', file, file])
        .status;
    expect(verify(join(folder, 'export.crt'))).toBe(0);
    const der = Buffer.from(new X509Certificate(pem).raw);
    der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
    const changed = join(folder, 'changed.crt');
    writeFileSync(changed, `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`);
    expect(verify(changed)).not.toBe(0);
  });
});
