import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  beginningOf,
  packRecord,
  unpackMarked,
  unpackRecord,
  unpackShown,
  type Unpacked,
} from '../../../src/crypto/container.ts';
import { bitFlips, otherLengths } from './tampering.ts';

const record = new Map([
  ['header', Buffer.from('one')],
  ['email', Buffer.from('two')],
  ['phones.1', Buffer.alloc(0)],
]);
const packed = packRecord(record);
const marked = packRecord(record, 'kalak/1');
/** Format, mark, length of the header and the header. */
const leadLength = 1 + 8 + 3 + 3;
const lead = marked.subarray(0, leadLength);

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
    ['another format', '030001016100000000'],
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

describe('container with a mark', () => {
  const entry = (label: string, value: string): string =>
    [Buffer.of(label.length), Buffer.from(label), Buffer.of(0, 0, 0, value.length), Buffer.from(value)]
      .map((part) => part.toString('hex'))
      .join('');

  test('has the documented layout: the header first, the others sorted', () => {
    const beginning = `0207${Buffer.from('kalak/1').toString('hex')}`;
    const header = `000003${Buffer.from('one').toString('hex')}`;
    expect(marked.toString('hex')).toBe(`${beginning}${header}0002${entry('email', 'two')}${entry('phones.1', '')}`);
    expect(packRecord(new Map([...record].toReversed()), 'kalak/1').equals(marked)).toBe(true);
    expect(beginningOf('kalak/1').toString('hex')).toBe(beginning);
    // With its length before it, no mark is the beginning of another.
    expect(marked.subarray(0, 9).equals(beginningOf('kalak/1'))).toBe(true);
    expect(beginningOf('kalak/11').subarray(0, 9).equals(beginningOf('kalak/1'))).toBe(false);
  });

  test('unpacks what was packed, mark and all; the lead gives the header and nothing else', () => {
    expect(unpackMarked(marked)).toEqual({ entries: record, mark: 'kalak/1' });
    expect(unpackRecord(marked)).toEqual(record);
    expect(unpackMarked(packed)).toEqual({ entries: record, mark: undefined });
    expect(unpackShown(lead)).toEqual({ entries: new Map([['header', Buffer.from('one')]]), mark: 'kalak/1' });
    // Of what was given whole it gives all.
    expect(unpackShown(marked)).toEqual(unpackMarked(marked));
    expect(unpackShown(packed)).toEqual(unpackMarked(packed));
    expect(unpackShown(marked).entries.get('header')?.buffer).toBe(marked.buffer);
    expect(() => unpackRecord(lead)).toThrow('integrity_failure');
  });

  test('bytes that differ unpack to a record that differs, or not at all', () => {
    for (const [read, of] of [
      [unpackMarked, marked],
      [unpackShown, lead],
    ] as const) {
      for (const [what, changed] of [...bitFlips(of), ...otherLengths(of)]) {
        let back: Unpacked | undefined;
        try {
          back = read(changed);
        } catch (error) {
          expect(error, what).toMatchObject({ code: 'integrity_failure' });
          continue;
        }
        const again = packRecord(back.entries, back.mark);
        // Where a lead may stand for the whole, one that nothing but a count of 0 follows is whole.
        const same = again.equals(changed) || (of === lead && again.subarray(0, -2).equals(changed));
        expect(same, what).toBe(true);
      }
      for (const [what, changed] of otherLengths(of)) {
        if (of !== lead || what !== '2 after') expect(() => read(changed), what).toThrow('integrity_failure');
      }
    }
  });

  test.each<[string, string]>([
    ['an empty mark', '0200000001610000'],
    ['a mark outside ASCII', '0201ff000001610000'],
    ['a second header', '02016d000001610001' + entry('header', 'a')],
    ['labels out of order', '02016d000001610002' + entry('b', '') + entry('a', '')],
    ['a label twice', '02016d000001610002' + entry('a', '') + entry('a', '')],
    ['fewer entries than counted', '02016d000001610002' + entry('a', '')],
    ['more entries than counted', '02016d000001610000' + entry('a', '')],
    ['half a count', '02016d0000016100'],
    ['a header past the end', '02016dffffff610000'],
    ['no header', '02016d'],
  ])('refuses %s', (_what, hex) => {
    for (const read of [unpackMarked, unpackShown]) {
      expect(() => read(Buffer.from(hex, 'hex'))).toThrow('integrity_failure');
      // Control: the same bytes as they should be.
      const right = Buffer.from(`02016d000001610002${entry('a', '')}${entry('b', '')}`, 'hex');
      expect([...read(right).entries.keys()]).toEqual(['header', 'a', 'b']);
    }
  });

  test('is not packed without a header, nor with a mark that has no encoding', () => {
    const without = new Map([['email', Buffer.alloc(1)]]);
    expect(() => packRecord(without, 'kalak/1')).toThrow('internal');
    for (const mark of ['', 'کد', 'two words', 'l'.repeat(256)]) {
      expect(() => packRecord(record, mark), mark).toThrow('internal');
    }
    expect(unpackRecord(packRecord(record, 'l'.repeat(255)))).toEqual(record);
    const huge = new Map([['header', Buffer.alloc(0x1000000)]]);
    expect(() => packRecord(huge, 'kalak/1')).toThrow('internal');
  });
});
