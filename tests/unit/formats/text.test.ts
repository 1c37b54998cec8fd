import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { addressTokens, checkText, nameKey, searchText, storedText } from '../../../src/formats/text.ts';

const name = (input: string, max = 100) => checkText(input, { max, kind: 'name' });
const text = (input: string, max = 200) => checkText(input, { max, kind: 'text' });

const telling = 'اآيىیكکهةۀؤوئ \u0654\u0653\u064B\u0640\u200C\u200D\u200E\u00A0\u00ADa\u0301\u1112\u1161\uFEFB۱1'.split(
  '',
);
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...telling),
      fc.nat(0xd7ff).map((code) => String.fromCodePoint(code)),
    ),
    { maxLength: 12 },
  )
  .map((units) => units.join(''));

describe('stored spelling', () => {
  it('known answers', () => {
    expect(storedText('  كريمي   نژاد ')).toBe('کریمی نژاد');
    expect(storedText('می\u200C\u200C شود')).toBe('می\u200Cشود');
    expect(storedText('\u200Fتهران\u200E')).toBe('تهران');
    expect(storedText('مـــریم')).toBe('مریم');
    expect(storedText('خيابان\u00A0آزادي')).toBe('خیابان آزادی');
    expect(storedText('علی\u200Cزاده')).toBe('علی\u200Cزاده');
    expect(storedText('\u200C علی \u200C')).toBe('علی');
    expect(storedText('ا\u0653زادی')).toBe('آزادی');
    expect(storedText('مصطفى')).toBe('مصطفی');
    expect(storedText('\u200C')).toBe('');
  });

  it('is its own stored form', () => {
    fc.assert(
      fc.property(anyText, (input) => {
        expect(storedText(storedText(input))).toBe(storedText(input));
      }),
    );
  });
});

describe('search keys', () => {
  it('spellings of one name meet', () => {
    const families = [
      ['علی\u200Cزاده', 'علی زاده', 'علیزاده', 'على\u200Cزاده', 'علي زاده', 'عَلی‌زاده', 'عـلـی زاده'],
      ['فاطمه', 'فاطمة', 'فاطمۀ', 'فاطمهٔ', 'فاطمە'],
      ['رؤیا', 'رویا', 'رؤيا', 'رو\u0654یا'],
      ['آرش', 'ارش', 'ٱرش', 'ا\u0653رش'],
      ['احمد', 'أحمد', 'إحمد'],
      ['مریم', 'ﻣﺮﻳﻢ', 'مريم'],
      ['رضائی', 'رضایی', 'رضائي'],
      ['Zahra', 'ZAHRA', 'Ｚａｈｒａ'],
      ['واحد 12', 'واحد ۱۲', 'واحد ١٢'],
    ];
    for (const spellings of families) {
      expect(new Set(spellings.map(nameKey)).size, spellings.join(' | ')).toBe(1);
    }
    expect(new Set(families.map(([first = '']) => nameKey(first))).size).toBe(families.length);
  });

  it('different names stay apart', () => {
    for (const [a, b] of [
      ['کریمی', 'کرمی'],
      ['رضایی', 'رضوی'],
      ['پلاک ۱۲', 'پلاک ۲۱'],
      ['امیر', 'میر'],
    ] as const) {
      expect(nameKey(a)).not.toBe(nameKey(b));
    }
  });

  it('an address is its words and numbers', () => {
    expect(addressTokens('خيابان آزادي، پلاک۱۲ - واحد ١٢')).toEqual(['خیابان', 'ازادی', 'پلاک', '12', 'واحد']);
    expect(addressTokens('،؛')).toEqual([]);
    expect(searchText('  كوچه\tنمونه  ۳ ')).toBe('کوچه نمونه 3');
  });
});

describe('text fit to keep', () => {
  it('takes what people write, exactly as sent', () => {
    for (const input of [
      'زهرا',
      'علی\u200Cزاده',
      '\u200Fزهرا\u200E',
      'O’Brien',
      'ZWJ\u200Dname',
      'شرکت نمونه ۳ (سهامی خاص)',
      '\uFDFA',
    ]) {
      expect(name(input), input).toBeUndefined();
    }
    for (const input of [
      'زنگ دوم',
      '-1',
      '+98 21 9999 0001',
      '- زنگ دوم',
      '<b>',
      '۱۲',
      '(تلفن ندارد)',
      'a=b',
      '😀',
      '--',
    ]) {
      expect(text(input), input).toBeUndefined();
    }
  });

  it('known refusals', () => {
    for (const blank of [
      '',
      ' ',
      '\u00A0\u3000',
      '\u200C',
      '\u200C\u200D\u200E\u200F',
      '\uFEFF\u2060',
      '\u3164',
      '\u2800',
      '\u{E0041}',
    ]) {
      expect(name(blank), JSON.stringify(blank)).toBe('empty');
      expect(text(blank), JSON.stringify(blank)).toBe('empty');
    }
    for (const unit of ['\u0000', '\u0001', '\n', '\r', '\u001B', '\u007F', '\u0085', '\u009F', '\u2028', '\u2029']) {
      expect(name(`زهرا${unit}الف`), JSON.stringify(unit)).toBe('control_character');
      expect(text(unit), JSON.stringify(unit)).toBe('control_character');
    }
    for (const unit of ['\u202A', '\u202B', '\u202C', '\u202D', '\u202E', '\u2066', '\u2067', '\u2068', '\u2069']) {
      expect(name(`زهرا${unit}`)).toBe('bidi_control');
      expect(text(`${unit}متن`)).toBe('bidi_control');
    }
    for (const half of ['\uD800', '\uDC00', 'ا\uDBFFب', '\uDC00\uD800']) {
      expect(name(half)).toBe('lone_surrogate');
      expect(text(half)).toBe('lone_surrogate');
    }
    for (const letterless of ['123', '۱۲۳', '...', '😀', '(۱)']) expect(name(letterless), letterless).toBe('no_letter');
  });

  it('formulas', () => {
    for (const cell of [
      '=1+1',
      '+زهرا',
      '-زهرا',
      '@زهرا',
      '\tزهرا',
      ' =1+1',
      '\u200F=1+1',
      '＝1+1',
      '=HYPERLINK("x")',
    ]) {
      expect(name(cell), cell).toBe('formula');
    }
    for (const cell of [
      '=1+1',
      '@SUM(1)',
      '+SUM(1)',
      '-SUM(1)',
      '+(1)',
      '-[a]',
      '-{1}',
      "-2+3+cmd|' /C calc'!A0",
      ' =a',
      '＝1',
    ]) {
      expect(text(cell), cell).toBe('formula');
    }
  });

  it('counts code points, not units', () => {
    expect(name('ا'.repeat(100))).toBeUndefined();
    expect(name('ا'.repeat(101))).toBe('too_long');
    expect(text('😀'.repeat(200))).toBeUndefined();
    expect(text('😀'.repeat(201))).toBe('too_long');
    expect(text('😀'.repeat(100) + 'ا'.repeat(100))).toBeUndefined();
    expect(text('😀'.repeat(100) + 'ا'.repeat(101))).toBe('too_long');
    expect(text('ا'.repeat(100_000))).toBe('too_long');
  });
});
