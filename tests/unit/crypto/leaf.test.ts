import * as fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeLeaf, encodeLeaf, isLeafText, leafHash, type AuditLeaf } from '../../../src/crypto/leaf.ts';

interface Vector {
  readonly title: string;
  readonly leaf: Omit<AuditLeaf, 'digest'> & { readonly digest?: string };
  readonly bytes: string;
  readonly hash: string;
}
const file = join(import.meta.dirname, '../../vectors/auditLeaves.json');
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { readonly vectors: readonly Vector[] };

function leafOf({ leaf: { digest, ...rest } }: Vector): AuditLeaf {
  return digest === undefined ? rest : { ...rest, digest: Buffer.from(digest, 'hex') };
}

const text = fc.stringMatching(/^[\x21-\x7e]{0,40}$/);
const uuid = fc.uuid();
const reference = (kind: 'subject' | 'object'): fc.Arbitrary<object> =>
  fc.oneof(fc.constant({}), fc.record({ [`${kind}Kind`]: text, [`${kind}Id`]: uuid }));
const leaves: fc.Arbitrary<AuditLeaf> = fc
  .tuple(
    fc.record(
      {
        id: uuid,
        tenantId: uuid,
        at: fc.maxSafeNat(),
        outcome: fc.constantFrom('allowed' as const, 'refused' as const),
        role: text,
        actor: text,
        action: text,
        rule: text,
        purpose: text,
        policyVersion: text,
        requestId: text,
        full: fc.array(text, { maxLength: 30 }),
        masked: fc.array(text, { maxLength: 30 }),
        clientId: uuid,
        grantId: uuid,
        legalOrderId: uuid,
        digest: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
        recordVersion: fc.maxSafeNat(),
        tokenId: uuid,
      },
      {
        requiredKeys: [
          ...(['id', 'tenantId', 'at', 'outcome', 'role', 'actor', 'action', 'rule', 'purpose'] as const),
          ...(['policyVersion', 'requestId', 'full', 'masked'] as const),
        ],
      },
    ),
    reference('subject'),
    reference('object'),
  )
  .map(([leaf, subject, object]) => ({ ...leaf, ...subject, ...object }));

const first = vectors[0];
if (first === undefined) throw new Error('no vectors');
const sample = leafOf(first);

describe('audit leaf', () => {
  test.each(vectors)('known answer: $title', (vector) => {
    const bytes = encodeLeaf(leafOf(vector));
    expect(bytes.toString('hex')).toBe(vector.bytes);
    expect(leafHash(bytes).toString('hex')).toBe(vector.hash);
    expect(decodeLeaf(bytes)).toStrictEqual(leafOf(vector));
  });

  test('RFC 9162 section 2.1.1: the hash of the empty leaf', () => {
    const empty = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d';
    expect(leafHash(Buffer.alloc(0)).toString('hex')).toBe(empty);
  });

  test('decode(encode(x)) is x', () => {
    fc.assert(
      fc.property(leaves, (leaf) => {
        expect(decodeLeaf(encodeLeaf(leaf))).toStrictEqual(leaf);
      }),
    );
  });

  test('names that cannot change are laid out once, with the same bytes; others as they are each time', () => {
    const [vector] = vectors;
    if (vector === undefined) throw new Error('no vector');
    const leaf = leafOf(vector);
    const names = ['givenName', 'mobile'];
    const fixed = Object.freeze([...names]);
    const bytes = encodeLeaf({ ...leaf, full: names });
    for (let i = 0; i < 2; i++) expect(encodeLeaf({ ...leaf, full: fixed })).toEqual(bytes);
    names.push('email');
    expect(decodeLeaf(encodeLeaf({ ...leaf, full: names })).full).toEqual(['givenName', 'mobile', 'email']);
    expect(decodeLeaf(encodeLeaf({ ...leaf, full: fixed, masked: fixed })).masked).toEqual(['givenName', 'mobile']);
  });

  test('a list of names is read once, for nobody to change, and not for ever', () => {
    const [vector] = vectors;
    if (vector === undefined) throw new Error('no vector');
    const bytes = (...full: string[]) => encodeLeaf({ ...leafOf(vector), full });
    const [once, again] = [decodeLeaf(bytes('givenName', 'iban')).full, decodeLeaf(bytes('givenName', 'iban')).full];
    expect(again).toBe(once);
    expect(Object.isFrozen(once)).toBe(true);
    expect(decodeLeaf(bytes('givenName', 'ibam')).full).toEqual(['givenName', 'ibam']);
    for (let i = 0; i < 300; i += 1) decodeLeaf(bytes(`f${i}`));
    const anew = decodeLeaf(bytes('givenName', 'iban')).full;
    expect(anew).toEqual(once);
    expect(anew).not.toBe(once);
  });

  test('two leaves share their bytes only when they are equal', () => {
    fc.assert(
      fc.property(leaves, leaves, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b));
        expect(encodeLeaf(a).equals(encodeLeaf(b))).toBe(false);
      }),
    );
  });

  test('every bit flip either does not decode or decodes to another leaf with exactly those bytes', () => {
    const results = { refused: 0, other: 0 };
    for (const vector of vectors) {
      const bytes = Buffer.from(vector.bytes, 'hex');
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const decoded = attempt(() => decodeLeaf(changed));
        if (decoded === undefined) results.refused += 1;
        else {
          results.other += 1;
          expect(encodeLeaf(decoded).equals(changed), `bit ${bit}`).toBe(true);
          expect(decoded).not.toEqual(leafOf(vector));
        }
      }
    }
    expect(results.refused).toBeGreaterThan(1000);
    expect(results.other).toBeGreaterThan(1000);
  });

  test('no truncation and no trailing byte decodes', () => {
    for (const vector of vectors) {
      const bytes = Buffer.from(vector.bytes, 'hex');
      for (let length = 0; length < bytes.length; length++) {
        expect(() => decodeLeaf(bytes.subarray(0, length)), `length ${length}`).toThrow('integrity_failure');
      }
      expect(() => decodeLeaf(Buffer.concat([bytes, Buffer.of(0)]))).toThrow('integrity_failure');
      expect(decodeLeaf(bytes)).toEqual(leafOf(vector));
    }
  });

  test('random bytes do not decode', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const decoded = attempt(() => decodeLeaf(Buffer.from(bytes)));
        if (decoded !== undefined) expect(encodeLeaf(decoded).equals(bytes)).toBe(true);
      }),
    );
  });

  test.each<[string, Partial<AuditLeaf>]>([
    ['a name in Persian', { actor: 'زهرا' }],
    ['text with a space', { actor: 'Zahra Mohammadi' }],
    ['a control character', { requestId: 'a\nb' }],
    ['text over 255 characters', { rule: 'r'.repeat(256) }],
    ['256 fields', { full: Array.from({ length: 256 }, () => 'f') }],
    ['more than 8 KiB', { full: Array.from({ length: 255 }, () => 'f'.repeat(40)) }],
    ['a UUID in capitals', { id: 'ABCDEF00-0000-4000-8000-000000000000' }],
    ['what is no UUID', { tenantId: 'tenant' }],
    ['a UUID with a digit that is none', { id: 'gbcdef00-0000-4000-8000-000000000000' }],
    ['a UUID with a character outside ASCII', { id: '\u0130bcdef00-0000-4000-8000-00000000000' }],
    ['a negative time', { at: -1 }],
    ['half a millisecond', { at: 0.5 }],
    ['a time past 2^53', { at: 2 ** 53 }],
    ['a short digest', { digest: Buffer.alloc(31) }],
    ['a kind without an id', { objectKind: 'order' }],
    ['an id without a kind', { objectId: sample.id }],
  ])('refuses %s', (_title, part) => {
    expect(() => encodeLeaf({ ...sample, ...part })).toThrow('internal');
    // What was refused half-way leaves nothing behind in the next leaf.
    expect(encodeLeaf(sample).toString('hex')).toBe(first.bytes);
  });

  test('refuses an outcome that is not one of the two', () => {
    const bytes = encodeLeaf({ ...sample, outcome: 'neither' as 'allowed' });
    expect(() => decodeLeaf(bytes)).toThrow('integrity_failure');
  });

  test('isLeafText says beforehand what encodeLeaf takes', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (actor) => {
        expect(attempt(() => encodeLeaf({ ...sample, actor })) !== undefined).toBe(isLeafText(actor));
      }),
    );
    expect(isLeafText('x'.repeat(255))).toBe(true);
    expect(isLeafText('x'.repeat(256))).toBe(false);
  });
});

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
