import * as fc from 'fast-check';
import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sealEnvelope } from '../../../src/crypto/envelope.ts';
import { decrypt } from '../../../src/crypto/gcm.ts';
import { associatedData, type RecordKind, type SealContext } from '../../../src/crypto/label.ts';
import { pad, paddedTextEnd } from '../../../src/crypto/padding.ts';
import { dataKey, newDataKeyMaterial, open, seal } from '../../../src/crypto/seal.ts';
import { VaultError } from '../../../src/errors.ts';
import { gcmForTwoKeys } from './gcmTwoKeys.ts';
import { polyForTwoKeys } from './polyTwoKeys.ts';
import { bitFlips, otherLengths } from './tampering.ts';
import { decrypted, encrypted } from './xchachaBytes.ts';

const context: SealContext = {
  tenantId: '019aa001-0000-7000-8000-000000000001',
  kind: 'customer',
  recordId: '019aa002-0000-7000-8000-000000000002',
  version: 7,
  field: 'nationalId',
};
const key = dataKey(newDataKeyMaterial());
const overhead = 1 + 32 + 24 + 16;
/** As values were sealed before there was format 2: under the same material, and the same commitment. */
const formerSeal = (text: string, where = context): Buffer =>
  sealEnvelope(key.former(), associatedData(where, 1), pad(text));

describe('seal', () => {
  test('what is sealed opens, as text and as bytes, with every length around the block', () => {
    for (let length = 0; length <= 100; length++) {
      const bytes = randomBytes(length);
      expect(open(key, context, seal(key, context, bytes)).equals(bytes)).toBe(true);
      const text = 'ز'.repeat(length);
      expect(open(key, context, seal(key, context, text)).toString('utf8')).toBe(text);
    }
    const large = randomBytes(3_000_000);
    expect(open(key, context, seal(key, context, large)).equals(large)).toBe(true);
  });

  test('any text comes back exactly', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(open(key, context, seal(key, context, text)).toString('utf8')).toBe(text);
      }),
    );
  });

  test('text that UTF-8 cannot carry is refused, not stored changed', () => {
    expect(() => seal(key, context, 'a\ud800b')).toThrow('integrity_failure');
    expect(() => seal(key, context, '\udc00')).toThrow('integrity_failure');
    expect(open(key, context, seal(key, context, 'a\u{10ffff}b')).toString()).toBe('a\u{10ffff}b');
  });

  test('shows only in which block of 32 the length lies; empty is a block too', () => {
    const sizes = (length: number): number => seal(key, context, Buffer.alloc(length)).length - overhead;
    expect([0, 1, 31].map(sizes)).toEqual([32, 32, 32]);
    expect([32, 63].map(sizes)).toEqual([64, 64]);
    expect([64, 95, 96].map(sizes)).toEqual([96, 96, 128]);
  });

  test('trailing zeros and marks of the value itself are kept', () => {
    for (const bytes of [Buffer.alloc(5), Buffer.of(0x80), Buffer.of(0x80, 0, 0), Buffer.alloc(32, 0x80)]) {
      expect(open(key, context, seal(key, context, bytes)).equals(bytes)).toBe(true);
    }
  });

  test('the same value seals differently each time', () => {
    const sealed = new Set(Array.from({ length: 1000 }, () => seal(key, context, 'x').toString('hex')));
    expect(sealed.size).toBe(1000);
  });

  test('has the documented layout', () => {
    const sealed = seal(key, context, 'x');
    expect(sealed[0]).toBe(2);
    expect(sealed.subarray(1, 33).equals(key.commitment)).toBe(true);
    const padded = Buffer.concat([Buffer.from('x'), Buffer.of(0x80), Buffer.alloc(30)]);
    expect(decrypted(key.key, associatedData(context, 2), sealed.subarray(33))).toEqual(padded);
    const material = Buffer.alloc(32, 7);
    const made = dataKey(material);
    // HKDF-Expand by hand (RFC 5869 section 2.3).
    const first = createHmac('sha512', material).update('amanat data key 1\u0001').digest();
    const second = createHmac('sha512', material).update(first).update('amanat data key 1\u0002').digest();
    expect(made.former().sealing.export()).toEqual(first.subarray(0, 32));
    expect([made.commitment, made.former().commitment]).toEqual([first.subarray(32), first.subarray(32)]);
    expect(Buffer.from(made.key)).toEqual(second.subarray(0, 32));
  });

  test('what was sealed in format 1 opens as before, and nothing of one format as the other', () => {
    for (const text of ['', 'x', 'ز'.repeat(40)]) expect(open(key, context, formerSeal(text)).toString()).toBe(text);
    for (const sealed of [formerSeal('here'), seal(key, context, 'here')]) {
      const turned = Buffer.from(sealed);
      turned[0] = 3 - (sealed[0] ?? 0);
      expect(() => open(key, context, turned)).toThrow('integrity_failure');
    }
    for (const format of [0, 3, 255]) {
      const unknown = seal(key, context, 'x');
      unknown[0] = format;
      expect(() => open(key, context, unknown)).toThrow('integrity_failure');
    }
    // The label says the format too: bytes of one made for the other do not open.
    const [nonce, padded] = [randomBytes(24), pad('x')];
    const labelled = (format: 1 | 2): Buffer =>
      Buffer.concat([Buffer.of(2), key.commitment, encrypted(key.key, nonce, associatedData(context, format), padded)]);
    expect(open(key, context, labelled(2)).toString()).toBe('x');
    expect(() => open(key, context, labelled(1))).toThrow('integrity_failure');
  });
});

describe('a sealed value that was changed', () => {
  const texts = ['', 'x', 'ک'.repeat(16), 'x'.repeat(80)];
  test.each(texts.flatMap((text) => [seal(key, context, text), formerSeal(text)].map((sealed) => ({ text, sealed }))))(
    'does not open with any bit flipped or any other length: $text',
    ({ text, sealed }) => {
      let tried = 0;
      for (const [what, changed] of [...bitFlips(sealed), ...otherLengths(sealed)]) {
        expect(() => open(key, context, changed), what).toThrow('integrity_failure');
        tried += 1;
      }
      expect(tried).toBe(sealed.length * 10 + 66);
      expect(open(key, context, sealed).toString()).toBe(text);
    },
  );

  test('does not open with a padding that seal would not write', () => {
    const made = (padded: Buffer): Buffer => {
      const rest = encrypted(key.key, randomBytes(24), associatedData(context, 2), padded);
      return Buffer.concat([Buffer.of(2), key.commitment, rest]);
    };
    const good = Buffer.concat([Buffer.of(0x80), Buffer.alloc(31)]);
    expect(open(key, context, made(good))).toHaveLength(0);
    const bad: [string, Buffer][] = [
      ['nothing', Buffer.alloc(0)],
      ['no mark', Buffer.alloc(32)],
      ['another mark', Buffer.alloc(32, 0x81)],
      ['a block of zeros too many', Buffer.concat([good, Buffer.alloc(32)])],
      ['no multiple of 32', Buffer.concat([Buffer.alloc(15), Buffer.of(0x80)])],
    ];
    for (const [what, padded] of bad) expect(() => open(key, context, made(padded)), what).toThrow('integrity_failure');
    // What stands before it in libsodium's memory is no part of it: here a key that ends in the mark, a text of another.
    for (const before of [Buffer.of(0x80), good])
      expect(() => paddedTextEnd(before, before.length, before.length)).toThrow('integrity_failure');
    expect(() => paddedTextEnd(Buffer.concat([good, Buffer.alloc(32)]), 32, 64)).toThrow('integrity_failure');
    expect(paddedTextEnd(Buffer.concat([good, good]), 32, 64)).toBe(32);
  });
});

test('every failure is the same: one code, one message, nothing more', () => {
  const sealed = seal(key, context, 'x');
  const other = { ...context, field: 'email' };
  const attempts = [
    ...[...bitFlips(sealed), ...otherLengths(sealed)].map(
      ([, changed]) =>
        () =>
          open(key, context, changed),
    ),
    () => open(key, other, sealed),
    () => open(dataKey(newDataKeyMaterial()), context, sealed),
    () => seal(key, context, '\ud800'),
  ];
  const errors = attempts.map((attempt) => {
    try {
      attempt();
    } catch (error) {
      return error;
    }
    return undefined;
  });
  for (const error of errors) {
    expect(error).toBeInstanceOf(VaultError);
    expect(Object.entries(error as VaultError)).toEqual(Object.entries(new VaultError('integrity_failure')));
    expect((error as VaultError).message).toBe('integrity_failure');
    expect(error).not.toHaveProperty('cause');
  }
});

describe('a sealed value in another place', () => {
  const elsewhere: [string, SealContext][] = [
    ['tenant', { ...context, tenantId: '019aa001-0000-7000-8000-000000000003' }],
    ['kind', { ...context, kind: 'order' }],
    ['record', { ...context, recordId: '019aa002-0000-7000-8000-000000000003' }],
    ['older version', { ...context, version: 6 }],
    ['newer version', { ...context, version: 8 }],
    ['field', { ...context, field: 'foreignerId' }],
    ['tenant and record swapped', { ...context, tenantId: context.recordId, recordId: context.tenantId }],
  ];
  test.each(elsewhere)('does not open: %s', (_axis, other) => {
    for (const [here, there] of [
      [seal(key, context, 'here'), seal(key, other, 'there')],
      [formerSeal('here'), formerSeal('there', other)],
    ] as const) {
      expect(() => open(key, other, here)).toThrow('integrity_failure');
      expect(() => open(key, context, there)).toThrow('integrity_failure');
      // Control: each opens where it belongs.
      expect(open(key, context, here).toString()).toBe('here');
      expect(open(key, other, there).toString()).toBe('there');
    }
  });

  test('does not open under another data key, and its commitment cannot be exchanged', () => {
    const other = dataKey(newDataKeyMaterial());
    const sealed = seal(key, context, 'x');
    expect(() => open(other, context, sealed)).toThrow('integrity_failure');
    const relabelled = Buffer.from(sealed);
    other.commitment.copy(relabelled, 1);
    expect(() => open(other, context, relabelled)).toThrow('integrity_failure');
    expect(() => open(key, context, relabelled)).toThrow('integrity_failure');
  });

  test('labels have one encoding, and no two contexts share it', () => {
    const kinds: RecordKind[] = ['customer', 'order', 'legal_order', 'answer'];
    const contexts = fc.record({
      tenantId: fc.uuid(),
      kind: fc.constantFrom(...kinds),
      recordId: fc.uuid(),
      version: fc.maxSafeNat(),
      field: fc.stringMatching(/^[\x21-\x7e]{0,20}$/),
    });
    fc.assert(
      fc.property(contexts, contexts, (a, b) => {
        expect(associatedData(a, 2).equals(associatedData({ ...a }, 2))).toBe(true);
        fc.pre(JSON.stringify(a) !== JSON.stringify(b));
        expect(associatedData(a, 2).equals(associatedData(b, 2))).toBe(false);
        expect(associatedData(a, 1).equals(associatedData(a, 2))).toBe(false);
      }),
    );
    expect(associatedData(context, 2).toString('hex')).toBe(
      `02019aa001000070008000000000000001019aa0020000700080000000000000020000000000000007` +
        `08${Buffer.from('customer').toString('hex')}0a${Buffer.from('nationalId').toString('hex')}`,
    );
  });

  test.each<[string, Partial<SealContext>]>([
    ['an id that is no UUID', { tenantId: 'kalak' }],
    ['an id in capitals', { recordId: '019AA002-0000-7000-8000-00000000000A' }],
    ['a version that is no whole number', { version: 1.5 }],
    ['a negative version', { version: -1 }],
    ['a label outside ASCII', { field: 'کد' }],
    ['a label over 255 characters', { field: 'f'.repeat(256) }],
  ])('a context without an encoding is refused: %s', (_what, part) => {
    expect(() => seal(key, { ...context, ...part }, 'x')).toThrow('internal');
  });
});

describe('key commitment', () => {
  test('a GCM ciphertext made for two keys opens under the one it commits to, and not under the other', () => {
    const other = dataKey(newDataKeyMaterial());
    const associated = associatedData(context, 1);
    const [keyNow, otherNow] = [key.former().sealing, other.former().sealing];
    const { nonce, ciphertext, tag } = gcmForTwoKeys(keyNow, otherNow, associated);

    // Control: bare GCM opens it under both keys, to two different texts.
    const [one, two] = [keyNow, otherNow].map((sealing) => decrypt(sealing, nonce, associated, ciphertext, tag));
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(false);

    // Control: each key opens it when its own commitment stands before it, so padding and label are no obstacle.
    const committedTo = (commitment: Buffer): Buffer =>
      Buffer.concat([Buffer.of(1), commitment, nonce, ciphertext, tag]);
    expect(open(key, context, committedTo(key.commitment))).toEqual(one?.subarray(0, -1));
    expect(open(other, context, committedTo(other.commitment))).toEqual(two?.subarray(0, -1));

    // One stored value holds one commitment: it opens under one key.
    expect(() => open(other, context, committedTo(key.commitment))).toThrow('integrity_failure');
    expect(() => open(key, context, committedTo(other.commitment))).toThrow('integrity_failure');
  });

  test('a Poly1305 ciphertext made for two keys opens under the one it commits to, and not under the other', () => {
    const other = dataKey(newDataKeyMaterial());
    const associated = associatedData(context, 2);
    const { nonce, ciphertext, tag } = polyForTwoKeys(Buffer.from(key.key), Buffer.from(other.key), associated);
    const rest = Buffer.concat([ciphertext, tag]);

    // Control: the bare cipher opens it under both keys, to two different texts.
    const [one, two] = [key, other].map((each) => decrypted(each.key, associated, Buffer.concat([nonce, rest])));
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(false);

    // Control: each key opens it when its own commitment stands before it, so padding and label are no obstacle.
    const committedTo = (commitment: Buffer): Buffer => Buffer.concat([Buffer.of(2), commitment, nonce, rest]);
    expect(open(key, context, committedTo(key.commitment))).toEqual(one?.subarray(0, -1));
    expect(open(other, context, committedTo(other.commitment))).toEqual(two?.subarray(0, -1));

    expect(() => open(other, context, committedTo(key.commitment))).toThrow('integrity_failure');
    expect(() => open(key, context, committedTo(other.commitment))).toThrow('integrity_failure');
  });

  test('the commitment depends on the key, and a data key on exactly 32 bytes', () => {
    const material = newDataKeyMaterial();
    expect(dataKey(material).commitment.equals(dataKey(Buffer.from(material)).commitment)).toBe(true);
    for (const [, changed] of bitFlips(material)) {
      expect(dataKey(changed).commitment.equals(dataKey(material).commitment)).toBe(false);
    }
    for (const length of [0, 16, 31, 33, 64]) expect(() => dataKey(Buffer.alloc(length))).toThrow('integrity_failure');
  });
});
