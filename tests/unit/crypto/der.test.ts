import { describe, expect, test } from 'vitest';
import {
  dottedOf,
  elementsOf,
  encode,
  octetString,
  oid,
  onlyElement,
  setOf,
  smallInteger,
  tags,
  time,
} from '../../../src/crypto/der.ts';

const hex = (bytes: Buffer | undefined): string | undefined => bytes?.toString('hex');

describe('writing', () => {
  test.each([
    [0, '0400'],
    [1, '0401'],
    [127, '047f'],
    [128, '048180'],
    [255, '0481ff'],
    [256, '04820100'],
    [65_535, '0482ffff'],
    [65_536, '0483010000'],
    [16_777_216, '048401000000'],
  ])('a length of %i in the fewest bytes (X.690 section 10.1)', (length, head) => {
    const [header] = octetString(Buffer.alloc(length));
    expect(hex(header)).toBe(head);
    expect(onlyElement(encode(octetString(Buffer.alloc(length))), tags.octetString)?.content.length).toBe(length);
  });

  test.each([
    ['2.5.29.15', '0603551d0f'],
    ['1.2.840.113549.1.1.7', '06092a864886f70d010107'],
    ['2.16.840.1.101.3.4.1.46', '060960864801650304012e'],
    ['2.999.3', '0603883703'],
  ])('%s (X.690 section 8.19)', (dotted, encoded) => {
    expect(hex(encode(oid(dotted)))).toBe(encoded);
    expect(dottedOf(Buffer.from(encoded, 'hex').subarray(2))).toBe(dotted);
  });

  test.each([
    ['1949-12-31T23:59:59.999Z', '180f31393439313233313233353935395a'],
    ['1950-01-01T00:00:00Z', '170d3530303130313030303030305a'],
    ['2049-12-31T23:59:59.999Z', '170d3439313233313233353935395a'],
    ['2050-01-01T00:00:00Z', '180f32303530303130313030303030305a'],
  ])('%s (RFC 5652 section 11.3)', (moment, encoded) => {
    expect(hex(encode(time(new Date(moment))))).toBe(encoded);
  });

  test('a set in the order of its encodings, whatever order it is given in (X.690 section 11.6)', () => {
    const members = [octetString(Buffer.from([9])), smallInteger(127), smallInteger(3), octetString(Buffer.alloc(0))];
    const expected = ['310b', '020103', '02017f', '0400', '040109'].join('');
    expect(hex(encode(setOf(members)))).toBe(expected);
    expect(hex(encode(setOf(members.toReversed())))).toBe(expected);
  });

  test.each([-1, 128, 1.5, Number.NaN])('%d is no small integer', (value) => {
    expect(() => smallInteger(value)).toThrow('internal');
  });
});

describe('reading', () => {
  test.each([
    ['an indefinite length', '30800000'],
    ['a length in more bytes than needed', '04810100'],
    ['a length with a zero byte before it', '0482008000'],
    ['a length of five bytes', '04850000000001'],
    ['a length past the end', '040200'],
    ['half a length', '0482'],
    ['a tag alone', '04'],
    ['a tag of several bytes', '1f8100'],
    ['something after that is nothing', '040004'],
  ])('%s is refused', (_what, encoded) => {
    expect(elementsOf(Buffer.from(encoded, 'hex'))).toBeUndefined();
    expect(elementsOf(Buffer.from('0400', 'hex'))).toHaveLength(1);
  });

  test('one value of one tag, and nothing beside it', () => {
    expect(hex(onlyElement(Buffer.from('040107', 'hex'), tags.octetString)?.content)).toBe('07');
    expect(onlyElement(Buffer.from('0401070400', 'hex'), tags.octetString)).toBeUndefined();
    expect(onlyElement(Buffer.from('040107', 'hex'), tags.sequence)).toBeUndefined();
    expect(onlyElement(Buffer.alloc(0), tags.sequence)).toBeUndefined();
  });

  test.each(['', '80', '2a80', '8001', '2a8001'])('%j is no object identifier', (content) => {
    expect(dottedOf(Buffer.from(content, 'hex'))).toBeUndefined();
  });
});
