import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packRecord, unpackRecord } from '../../../src/crypto/container.ts';
import { bitFlips, otherLengths } from './tampering.ts';

const record = new Map([
  ['header', Buffer.from('one')],
  ['email', Buffer.from('two')],
  ['phones.1', Buffer.alloc(0)],
]);
const packed = packRecord(record);

describe('container', () => {
  test('has the documented layout, sorted', () => {
    const entry = (label: string, value: string): string =>
      Buffer.concat([
        Buffer.of(label.length),
        Buffer.from(label),
        Buffer.of(0, 0, 0, value.length),
        Buffer.from(value),
      ]).toString('hex');
    const expected = `010003${entry('email', 'two')}${entry('header', 'one')}${entry('phones.1', '')}`;
    expect(packed.toString('hex')).toBe(expected);
    expect(packRecord(new Map([...record].toReversed())).equals(packed)).toBe(true);
  });

  test('unpacks what was packed', () => {
    const labels = fc.stringMatching(/^[\x21-\x7e]{1,20}$/);
    const values = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(fc.tuple(labels, values)), (entries) => {
        const map = new Map(entries);
        const back = unpackRecord(packRecord(map));
        expect([...back].map(([label, value]) => [label, value.toString('hex')])).toEqual(
          [...map]
            .map(([label, value]) => [label, value.toString('hex')])
            .sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1)),
        );
      }),
    );
  });

  test('unpacking copies nothing', () => {
    const value = unpackRecord(packed).get('header');
    expect(value?.buffer).toBe(packed.buffer);
  });

  test('bytes that differ unpack to a record that differs, or not at all', () => {
    for (const [what, changed] of [...bitFlips(packed), ...otherLengths(packed)]) {
      let back: Map<string, Buffer> | undefined;
      try {
        back = unpackRecord(changed);
      } catch (error) {
        expect(error, what).toMatchObject({ code: 'integrity_failure' });
      }
      if (back !== undefined) expect(packRecord(back).equals(changed), what).toBe(true);
    }
    for (const [what, changed] of otherLengths(packed)) {
      expect(() => unpackRecord(changed), what).toThrow('integrity_failure');
    }
  });

  test.each<[string, string]>([
    ['labels out of order', '010002016200000000016100000000'],
    ['a label twice', '010002016100000000016100000000'],
    ['an empty label', '0100010000000000'],
    ['a label outside ASCII', '01000101ff00000000'],
    ['another format', '020001016100000000'],
    ['fewer entries than counted', '010002016100000000'],
    ['more entries than counted', '010000016100000000'],
    ['a length past the end', '0100010161ffffffff'],
    ['nothing', ''],
  ])('refuses %s', (_what, hex) => {
    expect(() => unpackRecord(Buffer.from(hex, 'hex'))).toThrow('integrity_failure');
    // Control: the same bytes as they should be.
    expect([...unpackRecord(Buffer.from('010002016100000000016200000000', 'hex')).keys()]).toEqual(['a', 'b']);
    expect(unpackRecord(Buffer.from('010000', 'hex')).size).toBe(0);
  });

  test.each(['', 'کد', 'two words', 'l'.repeat(256)])('refuses to pack the label %j', (label) => {
    expect(() => packRecord(new Map([[label, Buffer.alloc(1)]]))).toThrow('internal');
  });
});
