import crypto, { createSecretKey, KeyObject, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { sealEnvelope } from '../../../src/crypto/envelope.ts';
import { decrypt, encrypt } from '../../../src/crypto/gcm.ts';
import { associatedData } from '../../../src/crypto/label.ts';
import { pad } from '../../../src/crypto/padding.ts';
import { dataKey, newDataKeyMaterial, open, seal } from '../../../src/crypto/seal.ts';
import { unwrapKey, wrapKey } from '../../../src/crypto/wrap.ts';

const { createCipheriv, createDecipheriv } = crypto;
afterEach(() => {
  Object.assign(crypto, { createCipheriv, createDecipheriv });
  syncBuiltinESMExports();
});

/** Lets every cipher through to node:crypto and notes what it was given as key. */
function watchKeys(): unknown[] {
  const keys: unknown[] = [];
  const watched =
    (create: (...parameters: never[]) => unknown) =>
    (...parameters: never[]): unknown => {
      keys.push(parameters[1]);
      return create(...parameters);
    };
  Object.assign(crypto, { createCipheriv: watched(createCipheriv), createDecipheriv: watched(createDecipheriv) });
  syncBuiltinESMExports();
  return keys;
}

test('every cipher is given a KeyObject, never raw bytes', () => {
  const context = {
    tenantId: '019aa001-0000-7000-8000-000000000001',
    kind: 'customer',
    recordId: '019aa002-0000-7000-8000-000000000002',
    version: 1,
    field: 'email',
  } as const;
  const keys = watchKeys();
  const [key, wrapping] = [dataKey(newDataKeyMaterial()), createSecretKey(randomBytes(32))];
  open(key, context, seal(key, context, 'x'));
  unwrapKey(wrapping, 'context', wrapKey(wrapping, 'context', newDataKeyMaterial()));
  open(key, context, sealEnvelope(key.former(), associatedData(context, 1), pad('x')));
  expect(keys).toHaveLength(5);
  expect(keys.every((given) => given instanceof KeyObject)).toBe(true);

  // Control: raw bytes, which do not compile either, would have been seen.
  const raw = randomBytes(32);
  // @ts-expect-error a Buffer is no KeyObject
  const [ciphertext, tag] = encrypt(raw, Buffer.alloc(12), Buffer.alloc(0), Buffer.from('x'));
  // @ts-expect-error a Buffer is no KeyObject
  decrypt(raw, Buffer.alloc(12), Buffer.alloc(0), ciphertext, tag);
  expect(keys.slice(5)).toEqual([raw, raw]);
});

test('ciphers are made in one file, and no ECDSA signature is verified in the slow form', () => {
  const source = join(import.meta.dirname, '../../../src');
  const texts = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name, readFileSync(join(source, name), 'utf8')] as const);
  const holding = (pattern: RegExp): string[] => texts.filter(([, text]) => pattern.test(text)).map(([name]) => name);
  expect(holding(/create(C|Dec)ipheriv\(/)).toEqual(['crypto/gcm.ts']);
  expect(holding(/from 'libsodium'/)).toEqual(['crypto/xchacha.ts']);
  expect(holding(/from 'node-forge'/)).toEqual(['crypto/pkcs12.ts', 'crypto/x509.ts']);
  expect(holding(/ieee-p1363|dsaEncoding/)).toEqual([]);
  // Control: the patterns find what they look for.
  expect('verify({ dsaEncoding: "ieee-p1363" })').toMatch(/ieee-p1363|dsaEncoding/);
});
