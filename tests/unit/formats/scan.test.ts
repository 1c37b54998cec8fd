import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanCheck, scanTypes, type ScanFault, type ScanType } from '../../../src/formats/scan.ts';
import { jpeg, noise, pdf, png, pngChunk, pngSignature, scans } from '../../support/scans.ts';

/** What the check says of `bytes` that come in pieces of these lengths, the last one again and again. */
function faultOf(type: ScanType, bytes: Buffer, lengths: readonly number[] = [bytes.length]): ScanFault | undefined {
  const check = scanCheck(type);
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const length = Math.max(1, lengths[Math.min(i, lengths.length - 1)] ?? 1);
    const fault = check.take(bytes.subarray(at, at + length));
    if (fault !== undefined) return fault;
    at += length;
  }
  return check.end();
}

const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const text = (latin1: string) => Buffer.from(latin1, 'latin1');
const followedBy = (bytes: Buffer, more: Buffer | string) => Buffer.concat([bytes, Buffer.from(more)]);
const zip = Buffer.concat([text('PK\x03\x04'), noise(200), text('PK\x05\x06'), Buffer.alloc(18)]);

describe.each(scanTypes)('%s', (type) => {
  const good = scans[type](4_000);

  it('is taken in pieces of any size', () => {
    expect(good).toHaveLength(4_000);
    for (const length of [1, 2, 3, 7, 64, 1_000, 3_999, 4_000]) expect(faultOf(type, good, [length])).toBeUndefined();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 20 }), (lengths) => {
        expect(faultOf(type, good, lengths)).toBeUndefined();
      }),
    );
  });

  it('is not taken when it ends early, wherever', () => {
    for (let length = 0; length < good.length; length += 1) {
      // A PDF may end without its last line end.
      if (type === 'application/pdf' && length === good.length - 1) continue;
      expect(faultOf(type, good.subarray(0, length)), `${length}`).toBe('truncated');
      expect(faultOf(type, good.subarray(0, length), [200, 1]), `${length}`).toBe('truncated');
    }
  });

  it('is not taken with anything behind it', () => {
    for (const more of ['x', '<script>', zip, pdf(600), png(600), pngSignature]) {
      const whole = followedBy(good, more);
      // A PDF whose last kilobyte is a PDF's is what a PDF that was added to looks like.
      const expected =
        type === 'application/pdf' && more.length === 600 && more[0] === 0x25 ? undefined : 'trailing_data';
      expect(faultOf(type, whole)).toBe(expected);
      expect(faultOf(type, whole, [good.length])).toBe(expected);
      expect(faultOf(type, whole, [good.length, 1])).toBe(expected);
    }
  });

  it('is not taken with anything before it', () => {
    for (const more of ['\n', ' ', '\ufeff', 'GIF89a', '\0']) {
      expect(faultOf(type, Buffer.concat([Buffer.from(more), good]))).toBe('other_kind');
    }
  });

  it('is not taken for another kind, nor is anything else', () => {
    for (const other of scanTypes) {
      expect(faultOf(type, scans[other](4_000))).toBe(other === type ? undefined : 'other_kind');
    }
    const strangers = {
      html: text('<!doctype html><script>alert(1)</script>'),
      svg: text('<svg xmlns="http://www.w3.org/2000/svg"/>'),
      gif: text('GIF89a\x01\0\x01\0\0\0\0;'),
      bmp: text('BM6\0\0\0'),
      tiff: text('II*\0\x08\0\0\0'),
      webp: text('RIFF\x24\0\0\0WEBPVP8 '),
      heic: text('\0\0\0\x18ftypheic'),
      zip,
      elf: text('\x7fELF'),
      exe: text('MZ\x90'),
      script: text('#!/bin/sh\n'),
      utf16: Buffer.from('%PDF-1.7', 'utf16le').subarray(1),
      nothing: Buffer.alloc(100),
      one: text('x'),
    };
    for (const [name, bytes] of Object.entries(strangers)) expect(faultOf(type, bytes), name).toBe('other_kind');
  });

  it('is told of another kind at the first byte that differs', () => {
    const check = scanCheck(type);
    expect(check.take(good.subarray(0, 1))).toBeUndefined();
    expect(check.take(text('?'))).toBe('other_kind');
    expect(check.take(good)).toBe('other_kind');
    expect(check.end()).toBe('other_kind');
  });

  it('empty is truncated, and an empty piece is none', () => {
    const check = scanCheck(type);
    expect(check.take(Buffer.alloc(0))).toBeUndefined();
    expect(check.end()).toBe('truncated');
    for (const piece of [good.subarray(0, 100), Buffer.alloc(0), good.subarray(100), Buffer.alloc(0)])
      expect(check.take(piece)).toBeUndefined();
    expect(check.end()).toBeUndefined();
  });

  it('takes no time to speak of, whatever comes', () => {
    for (const filling of [
      Buffer.alloc(1_000_000, 0xff),
      hex('ff00').toString('latin1').repeat(500_000),
      noise(1_000_000),
    ]) {
      const check = scanCheck(type);
      check.take(good.subarray(0, 8));
      check.take(Buffer.from(filling));
      expect(check.end()).not.toBeUndefined();
    }
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 60 }), fc.nat({ max: 40 }), (bytes, keep, cut) => {
        const mixed = Buffer.concat([good.subarray(0, keep), bytes]);
        expect(faultOf(type, mixed, [cut])).toBe(faultOf(type, mixed));
      }),
    );
  });
});

describe('PDF', () => {
  const good = pdf(3_000);

  it.each(['1.0', '1.4', '1.7', '2.0'])('version %s', (version) => {
    expect(faultOf('application/pdf', text(good.toString('latin1').replace('1.7', version)))).toBeUndefined();
  });

  it.each(['3.0', '1,7', '1.x', '\n\n\n'])('not version %j', (version) => {
    expect(faultOf('application/pdf', text(good.toString('latin1').replace('1.7', version)))).toBe('damaged');
  });

  it('needs its offset and its end mark, in this order, within the last kilobyte', () => {
    const tries: readonly [string, string, ScanFault | undefined][] = [
      ['%%EOF\n', '%%EOF', undefined],
      ['%%EOF\n', '%%EOF\r\n \n', undefined],
      ['%%EOF\n', `%%EOF${'\n'.repeat(1_100)}`, 'truncated'],
      ['%%EOF\n', '%EOF\n', 'truncated'],
      ['startxref', 'startxxxx', 'trailing_data'],
      ['%%EOF\n', '%%EOF\nx', 'trailing_data'],
    ];
    for (const [from, to, fault] of tries) {
      expect(faultOf('application/pdf', text(good.toString('latin1').replace(from, to))), to.slice(0, 9)).toBe(fault);
    }
  });

  it('has its cross-references inside', () => {
    const offset = /startxref\n(\d+)/.exec(good.toString('latin1'))?.[1] ?? '';
    expect(faultOf('application/pdf', text(good.toString('latin1').replace(offset, '9999999999')))).toBe('damaged');
  });
});

describe('PNG', () => {
  const header = pngChunk('IHDR', hex('00000001 00000001 08 00 00 00 00'));
  const pixels = pngChunk('IDAT', noise(20));
  const end = pngChunk('IEND', Buffer.alloc(0));
  const of = (...chunks: readonly Buffer[]) => faultOf('image/png', Buffer.concat([pngSignature, ...chunks]));

  it('is header, pixels, end', () => {
    expect(of(header, pixels, end), 'control').toBeUndefined();
    expect(of(header, pixels, pixels, pngChunk('tEXt', text('a\0b')), end)).toBeUndefined();
    expect(of(pixels, end)).toBe('damaged');
    expect(of(pngChunk('IHDR', noise(12)), pixels, end)).toBe('damaged');
    expect(of(header, header, pixels, end)).toBe('damaged');
    expect(of(header, end)).toBe('damaged');
    expect(of(header, pixels, pngChunk('IEND', noise(1)))).toBe('damaged');
    expect(of(header, pixels, pngChunk('I ND', noise(1)))).toBe('damaged');
    expect(of(header, hex('ffffffff'), text('IDAT'))).toBe('damaged');
    expect(of(header, hex('7fffffff'), text('IDAT'), noise(500))).toBe('truncated');
  });

  it('is a PNG with a PDF in its text, and no PDF', () => {
    const both = Buffer.concat([pngSignature, header, pngChunk('tEXt', pdf(700)), pixels, end]);
    expect(faultOf('image/png', both)).toBeUndefined();
    expect(faultOf('application/pdf', both)).toBe('other_kind');
  });
});

describe('JPEG', () => {
  const good = jpeg(2_000);
  const of = (digits: string) => faultOf('image/jpeg', hex(digits));
  const scan = 'ff da 00 08 01 01 00 00 3f 00';

  it('is segments, a scan, the end', () => {
    expect(of(`ff d8 ${scan} 3f ff d9`), 'control').toBeUndefined();
    expect(of(`ff d8 ff e0 00 04 4a 46 ${scan} 3f ff d9`)).toBeUndefined();
    expect(of(`ff d8 ff ff ff e0 00 04 4a 46 ${scan} ff 00 ff d0 3f ff ff d9`), 'fill bytes, restarts').toBeUndefined();
    expect(of(`ff d8 ${scan} 3f ff c4 00 03 00 ${scan} 3f ff d9`), 'progressive').toBeUndefined();
    expect(of('ff d8 ff d9'), 'no scan').toBe('damaged');
    expect(of('ff d8 ff d8 ff d9')).toBe('damaged');
    expect(of('ff d8 00 d9')).toBe('damaged');
    expect(of(`ff d8 ff e0 00 01 ${scan} 3f ff d9`)).toBe('damaged');
    expect(of(`ff d8 ff e0 00 04 4a 46 00 ${scan} 3f ff d9`)).toBe('damaged');
    expect(of(`ff d8 ff d0 ${scan} 3f ff d9`)).toBe('damaged');
    expect(of(`ff d8 ${scan} 3f ff 01`)).toBe('damaged');
    expect(of(`ff d8 ff e0 ff ff 00 ff d9`), 'an end inside a segment is none').toBe('truncated');
  });

  it('may have further images and zeros behind it, and nothing else', () => {
    expect(faultOf('image/jpeg', followedBy(good, good))).toBeUndefined();
    expect(faultOf('image/jpeg', Buffer.concat([good, Buffer.alloc(7), good, Buffer.alloc(3)]))).toBeUndefined();
    expect(faultOf('image/jpeg', Buffer.concat([good, good.subarray(0, -1)]))).toBe('truncated');
    expect(faultOf('image/jpeg', followedBy(good, hex('ff')))).toBe('truncated');
    expect(faultOf('image/jpeg', followedBy(good, hex('ff d9')))).toBe('trailing_data');
    expect(faultOf('image/jpeg', followedBy(good, hex('00 00 01')))).toBe('trailing_data');
  });
});
