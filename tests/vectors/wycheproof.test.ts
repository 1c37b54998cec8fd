import { createPublicKey, createSecretKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { decrypt, encrypt } from '../../src/crypto/gcm.ts';
import { hkdfSha256 } from '../../src/crypto/hkdf.ts';
import { hmacSha256 } from '../../src/crypto/hmac.ts';
import { verifyPs256, verifyReceipt } from '../../src/crypto/signature.ts';
import { verifyEd25519 } from '../../src/crypto/signedNote.ts';
import { files, groups, leftForLater, present } from './wycheproof.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** How many of each result were seen: a file that is not read passes every test. */
function tally(): { readonly count: (result: string) => void; readonly seen: Record<string, number> } {
  const seen: Record<string, number> = {};
  return { seen, count: (result) => void (seen[result] = (seen[result] ?? 0) + 1) };
}

const used = [
  'aes_gcm_test.json',
  'ecdsa_secp256r1_sha256_p1363_test.json',
  'ed25519_test.json',
  'hkdf_sha256_test.json',
  'hmac_sha256_test.json',
  'json_web_signature_test.json',
];

describe.skipIf(!present)('Wycheproof', () => {
  test('every file is used here, or named as left for what is not built yet', () => {
    expect(files().sort()).toEqual([...used, ...Object.keys(leftForLater)].sort());
  });

  test('AES-256-GCM with 96-bit nonces', () => {
    interface Vector {
      readonly key: string;
      readonly iv: string;
      readonly aad: string;
      readonly msg: string;
      readonly ct: string;
      readonly tag: string;
    }
    const { seen, count } = tally();
    const fitting = groups<Vector, { readonly keySize: number; readonly ivSize: number }>('aes_gcm_test.json').filter(
      (group) => group.keySize === 256 && group.ivSize === 96,
    );
    for (const t of fitting.flatMap((group) => group.tests)) {
      const [key, nonce, aad] = [createSecretKey(hex(t.key)), hex(t.iv), hex(t.aad)];
      count(t.result);
      if (t.result === 'valid') {
        expect(encrypt(key, nonce, aad, hex(t.msg)), t.comment).toEqual([hex(t.ct), hex(t.tag)]);
        expect(decrypt(key, nonce, aad, hex(t.ct), hex(t.tag)), t.comment).toEqual(hex(t.msg));
      } else {
        expect(() => decrypt(key, nonce, aad, hex(t.ct), hex(t.tag)), t.comment).toThrow('integrity_failure');
      }
    }
    expect(seen).toEqual({ valid: 39, invalid: 27 });
  });

  test('HMAC-SHA-256, whole and cut to 128 bits', () => {
    const { seen, count } = tally();
    const all = groups<{ key: string; msg: string; tag: string }, { tagSize: number }>('hmac_sha256_test.json');
    for (const { tagSize, tests } of all) {
      for (const t of tests) {
        const tag = hmacSha256(createSecretKey(hex(t.key)), hex(t.msg)).subarray(0, tagSize / 8);
        expect(tag.equals(hex(t.tag)), t.comment).toBe(t.result === 'valid');
        count(t.result);
      }
    }
    expect(seen).toEqual({ valid: 66, invalid: 108 });
  });

  test('HKDF-SHA-256', () => {
    const { seen, count } = tally();
    for (const t of groups<{ ikm: string; salt: string; info: string; size: number; okm: string }>(
      'hkdf_sha256_test.json',
    ).flatMap((group) => group.tests)) {
      const derive = (): Buffer => hkdfSha256(createSecretKey(hex(t.ikm)), hex(t.salt), hex(t.info), t.size);
      if (t.result === 'valid') expect(derive(), t.comment).toEqual(hex(t.okm));
      else expect(derive, t.comment).toThrow();
      count(t.result);
    }
    expect(seen).toEqual({ valid: 83, invalid: 3 });
  });

  test('PS256: signatures over the JWS signing input', () => {
    const { seen, count } = tally();
    const fitting = groups<{ jws: string }, { comment: string; public: JsonWebKeyInput['key'] }>(
      'json_web_signature_test.json',
    ).filter((group) => group.comment === 'ps256');
    for (const group of fitting) {
      const key = createPublicKey({ key: group.public, format: 'jwk' });
      for (const t of group.tests) {
        const cut = t.jws.lastIndexOf('.');
        const [input, signature] = [t.jws.slice(0, cut), Buffer.from(t.jws.slice(cut + 1), 'base64url')];
        const named = input.startsWith(Buffer.from('{"alg":"PS256"').toString('base64url').slice(0, -1));
        if (t.result === 'valid') expect(verifyPs256(key, Buffer.from(input), signature), t.comment).toBe(true);
        else if (named) expect(verifyPs256(key, Buffer.from(input), signature), t.comment).toBe(false);
        // None of them is a receipt: its header is another.
        expect(verifyReceipt(key, t.jws), t.comment).toBeUndefined();
        count(t.result);
      }
    }
    expect(seen).toEqual({ valid: 6, invalid: 42 });
  });

  test('ECDSA P-256 signatures of JOSE form, in the verifier that jsonwebtoken uses', () => {
    const { seen, count } = tally();
    const verify = jose('ES256').verify;
    const all = groups<{ msg: string; sig: string }, { publicKeyPem: string }>(
      'ecdsa_secp256r1_sha256_p1363_test.json',
    );
    for (const group of all) {
      const key = createPublicKey(group.publicKeyPem);
      for (const t of group.tests) {
        expect(
          accepts(() => verify(hex(t.msg), hex(t.sig).toString('base64url'), key)),
          t.comment,
        ).toBe(t.result === 'valid');
        count(t.result);
      }
    }
    expect(seen).toEqual({ valid: 173, invalid: 89 });
  });

  test('Ed25519', () => {
    const { seen, count } = tally();
    for (const { publicKeyPem, tests } of groups<{ msg: string; sig: string }, { publicKeyPem: string }>(
      'ed25519_test.json',
    )) {
      const key = createPublicKey(publicKeyPem);
      for (const t of tests) {
        expect(verifyEd25519(key, hex(t.msg), hex(t.sig)), t.comment).toBe(t.result === 'valid');
        count(t.result);
      }
    }
    expect(seen).toEqual({ valid: 88, invalid: 63 });
  });
});

type Jwa = (algorithm: string) => {
  readonly verify: (message: Buffer, signature: string, key: KeyObject) => boolean;
};

/** jsonwebtoken's own copy of its verifier, found the way it finds it. */
const jose = ((): Jwa => {
  const fromProject = createRequire(import.meta.url);
  const fromTokens = createRequire(fromProject.resolve('jsonwebtoken'));
  return createRequire(fromTokens.resolve('jws'))('jwa') as Jwa;
})();

/** A signature of the wrong length is refused by a throw. */
function accepts(verify: () => boolean): boolean {
  try {
    return verify();
  } catch {
    return false;
  }
}
