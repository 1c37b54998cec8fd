import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { envelopedFor, signedContent } from '../../../src/crypto/cms.ts';
import { hasOpenssl, workshop } from './openssl.ts';
import { bytesWithoutMeaning, changed, exportKey, partsOf, withTag } from './packages.ts';

/** The commands of docs/opening-a-package.md, as a reader would run them, and without the line on the digest. */
const guide = readFileSync(new URL('../../../docs/opening-a-package.md', import.meta.url), 'utf8');
const script = /```sh\n([\s\S]*?)```/.exec(guide)?.[1] ?? '';
const withoutDigest = script.replace(/^printf .*\n/m, '');

const place = workshop();
afterAll(() => place.close());
const signer = exportKey('امانت');
const content = Buffer.from('{"persons":[{"givenName":"زهرا","familyName":"محمدی","mobile":"09701234567"}]}');
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** What a reader has afterwards: an exit code, and the content or no file at all. */
async function open(sealed: Buffer, { sha256 = digest(sealed), commands = script } = {}) {
  place.remove('content');
  place.write('package.p7m', sealed);
  const { code, stderr } = await place.run('sh', ['-c', commands], { SHA256: sha256 });
  expect(place.names().filter((name) => name.startsWith('opening.'))).toEqual([]);
  return { code, stderr, content: place.read('content') };
}

describe.skipIf(!hasOpenssl)('a package opened as the guide says', () => {
  let certificate = '';
  let sealed: Buffer = Buffer.alloc(0);
  beforeAll(async () => {
    for (const name of ['authority', 'other']) {
      await place.openssl(
        `req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=${name} -keyout ${name}.key -out ${name}.crt`,
      );
    }
    certificate = place.read('authority.crt')?.toString() ?? '';
    place.write('export-1.crt', signer.certificatePem);
    sealed = envelopedFor(certificate, signedContent(signer, content, new Date()));
  });

  test('gives the content, byte for byte, and leaves nothing else', async () => {
    expect(withoutDigest.length).toBeLessThan(script.length);
    const before = place.names().filter((name) => name !== 'package.p7m' && name !== 'content');
    for (const bytes of [content, Buffer.alloc(0), randomBytes(3_000_000)]) {
      const opened = await open(envelopedFor(certificate, signedContent(signer, bytes, new Date())));
      expect(opened.code, opened.stderr).toBe(0);
      expect(opened.content?.equals(bytes)).toBe(true);
    }
    expect(place.names().filter((name) => name !== 'package.p7m' && name !== 'content')).toEqual(before);
  });

  test('a changed byte anywhere leaves nothing', async () => {
    const announced = digest(sealed);
    for (let at = 0; at < sealed.length; at += 13) {
      const opened = await open(changed(sealed, at), { sha256: announced });
      expect(opened.code, `byte ${at}`).not.toBe(0);
      expect(opened.content, `byte ${at}`).toBeUndefined();
    }
    expect((await open(sealed, { sha256: announced })).code).toBe(0);
  }, 120_000);

  test('neither does it where nobody compared the digest', async () => {
    const ignored = bytesWithoutMeaning(sealed);
    const { encrypted, mac, nonce, encryptedKey } = partsOf(sealed);
    const ends = [encrypted, mac, nonce, encryptedKey].flatMap(({ at, length }) => [at, at + length - 1]);
    const sample = [...ends, ...Array.from({ length: Math.ceil(sealed.length / 17) }, (_, i) => i * 17)];
    for (const at of sample.filter((one) => !ignored.has(one))) {
      const opened = await open(changed(sealed, at), { commands: withoutDigest });
      expect(opened.code, `byte ${at}`).not.toBe(0);
      expect(opened.content, `byte ${at}`).toBeUndefined();
    }
    // Control: the same commands open what was not changed.
    expect((await open(sealed, { commands: withoutDigest })).content?.equals(content)).toBe(true);
  }, 120_000);

  test('megabytes: the first byte, the last, the tag, the nonce, the key', async () => {
    const large = envelopedFor(certificate, signedContent(signer, randomBytes(3_000_000), new Date()));
    const { encrypted, mac, nonce, encryptedKey } = partsOf(large);
    const middle = encrypted.at + encrypted.length / 2;
    for (const { at, length } of [encrypted, mac, nonce, encryptedKey, { at: Math.floor(middle), length: 1 }]) {
      for (const one of [at, at + length - 1]) {
        const opened = await open(changed(large, one), { commands: withoutDigest });
        expect(opened.code, `byte ${one}`).not.toBe(0);
        expect(opened.content, `byte ${one}`).toBeUndefined();
      }
    }
  });

  /** CVE-2026-34182. OpenSSL 3.0.19 takes a tag of one byte: one of these 256 it deciphers with exit code 0. */
  test('a shortened tag does not help who changes the content: the signature is inside', async () => {
    const { encrypted } = partsOf(sealed);
    const forged = changed(sealed, encrypted.at + signedContent(signer, content, new Date()).indexOf(content), 0x40);
    for (let guess = 0; guess < 256; guess++) {
      const opened = await open(withTag(forged, Buffer.from([guess])), { commands: withoutDigest });
      expect(opened.code, `tag ${guess}`).not.toBe(0);
      expect(opened.content, `tag ${guess}`).toBeUndefined();
    }
    // Control: built so, but with its own tag, it is the package.
    expect(withTag(sealed, sealed.subarray(-16)).equals(sealed)).toBe(true);
  }, 120_000);

  /** CVE-2026-34182. Under id-aes256-wrap OpenSSL 3.0.19 ends with exit code 0 and an empty file. */
  test('another cipher in the name of the one that was used', async () => {
    const { cipherOid } = partsOf(sealed);
    for (const last of [1, 2, 3, 4, 5, 6, 7, 8, 25, 41, 42, 43, 44, 45, 47, 48]) {
      const other = Buffer.from(sealed);
      other[cipherOid.at + cipherOid.length - 1] = last;
      const opened = await open(other, { commands: withoutDigest });
      expect(opened.code, `id-aes ${last}`).not.toBe(0);
      expect(opened.content, `id-aes ${last}`).toBeUndefined();
    }
  });

  test('what somebody else sealed for the authority is not taken for ours', async () => {
    const now = new Date();
    const stranger = exportKey('امانت');
    for (const inner of [content, signedContent(stranger, content, now), Buffer.alloc(0)]) {
      const opened = await open(envelopedFor(certificate, inner));
      expect(opened.code).not.toBe(0);
      expect(opened.content).toBeUndefined();
    }
    place.write('export-1.crt', stranger.certificatePem);
    expect((await open(envelopedFor(certificate, signedContent(stranger, content, now)))).code).toBe(0);
    place.write('export-1.crt', signer.certificatePem);
  });

  test('another key leaves nothing', async () => {
    const key = script.replace('authority.key', 'other.key');
    for (const commands of [key, key.replace('authority.crt', 'other.crt'), key.replace('-recip authority.crt ', '')]) {
      const opened = await open(sealed, { commands });
      expect(opened.code).not.toBe(0);
      expect(opened.content).toBeUndefined();
    }
    expect((await open(sealed, { commands: script.replace('-recip authority.crt ', '') })).code).toBe(0);
  });
});
