import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { committedKey, openEnvelope } from '../../../src/crypto/envelope.ts';
import { decrypt } from '../../../src/crypto/gcm.ts';
import { dataKey, newDataKeyMaterial, open, seal } from '../../../src/crypto/seal.ts';
import { secretKey, unwrapKey, wrapContext, wrapKey } from '../../../src/crypto/wrap.ts';
import { gcmForTwoKeys } from './gcmTwoKeys.ts';
import { bitFlips, otherLengths } from './tampering.ts';

const [tenant, record] = ['019aa001-0000-7000-8000-000000000001', '019aa002-0000-7000-8000-000000000002'];
const wrapping = createSecretKey(randomBytes(32));
const context = wrapContext.dataKey(tenant, 'customer', record);
const material = newDataKeyMaterial();
const wrapped = wrapKey(wrapping, context, material);

describe('a wrapped key', () => {
  test('unwraps to the same bytes, from 93 bytes', () => {
    expect(unwrapKey(wrapping, context, wrapped).equals(material)).toBe(true);
    expect(wrapped).toHaveLength(93);
    expect(wrapKey(wrapping, context, material).equals(wrapped)).toBe(false);
  });

  test('does not unwrap with any bit flipped or any other length', () => {
    let tried = 0;
    for (const [what, changed] of [...bitFlips(wrapped), ...otherLengths(wrapped)]) {
      expect(() => unwrapKey(wrapping, context, changed), what).toThrow('integrity_failure');
      tried += 1;
    }
    expect(tried).toBe(93 * 10 + 66);
    expect(unwrapKey(wrapping, context, wrapped).equals(material)).toBe(true);
  });

  const contexts = [
    context,
    wrapContext.dataKey(record, 'customer', record),
    wrapContext.dataKey(tenant, 'order', record),
    wrapContext.dataKey(tenant, 'customer', tenant),
    wrapContext.dataKey(record, 'customer', tenant),
    wrapContext.tenantKey(tenant, 'data', 1),
    wrapContext.tenantKey(tenant, 'data', 2),
    wrapContext.tenantKey(tenant, 'data', 12),
    wrapContext.tenantKey(tenant, 'index', 1),
    wrapContext.tenantKey(record, 'data', 1),
    wrapContext.tenantKey(tenant, 'data', 1, 'introduced'),
    wrapContext.tenantKey(tenant, 'data', 1, 'former'),
    wrapContext.tenantKey(tenant, 'mac', 1),
    wrapContext.tenantKey(tenant, 'hash', 1),
  ];
  test('unwraps only in the place it was wrapped for', () => {
    for (const [i, from] of contexts.entries()) {
      const here = wrapKey(wrapping, from, material);
      for (const [j, to] of contexts.entries()) {
        if (i === j) expect(unwrapKey(wrapping, to, here).equals(material)).toBe(true);
        else expect(() => unwrapKey(wrapping, to, here), `${from} as ${to}`).toThrow('integrity_failure');
      }
    }
    expect(new Set(contexts).size).toBe(contexts.length);
  });

  test('contexts keep their parts apart', () => {
    const shifted = [wrapContext.dataKey('ab', 'order', 'c'), wrapContext.dataKey('a', 'order', 'bc')];
    expect(shifted[0]).not.toBe(shifted[1]);
    expect(wrapContext.tenantKey('t', 'data', 1)).toBe('6:wrap/1,6:tenant,1:t,4:data,1:1,');
  });

  test('does not unwrap under another key; made for two keys, it unwraps under the one it commits to', () => {
    const other = createSecretKey(randomBytes(32));
    expect(() => unwrapKey(other, context, wrapped)).toThrow('integrity_failure');

    const derive = (key: KeyObject) => committedKey(key, 'amanat wrapping key 1');
    const [one, two] = [derive(wrapping), derive(other)];
    const associated = Buffer.from(context);
    const { nonce, ciphertext, tag } = gcmForTwoKeys(one.sealing, two.sealing, associated);
    for (const { sealing } of [one, two]) {
      expect(decrypt(sealing, nonce, associated, ciphertext, tag)).toHaveLength(64);
    }
    const forged = Buffer.concat([Buffer.of(1), one.commitment, nonce, ciphertext, tag]);
    expect(openEnvelope(one, associated, forged)).toHaveLength(64);
    expect(() => openEnvelope(two, associated, forged)).toThrow('integrity_failure');
  });

  test('a sealed value is no wrapped key and a wrapped key no sealed value, under the same secret', () => {
    const secret = newDataKeyMaterial();
    const place = { tenantId: tenant, kind: 'customer', recordId: record, version: 1, field: 'x' } as const;
    const asField = seal(dataKey(secret), place, material);
    expect(() => unwrapKey(createSecretKey(secret), context, asField)).toThrow('integrity_failure');
    expect(() => open(dataKey(secret), place, wrapKey(createSecretKey(secret), context, material))).toThrow(
      'integrity_failure',
    );
  });

  test('keys are 32 bytes, wrapping and wrapped', () => {
    for (const length of [0, 16, 31, 33, 64]) {
      expect(() => wrapKey(wrapping, context, Buffer.alloc(length))).toThrow('integrity_failure');
      expect(() => secretKey(Buffer.alloc(length))).toThrow('integrity_failure');
    }
    expect(() => wrapKey(createSecretKey(Buffer.alloc(16)), context, material)).toThrow('integrity_failure');
    expect(secretKey(material).export().equals(material)).toBe(true);
  });
});
