import { describe, expect, it } from 'vitest';

import { parseCaseNumber } from '../../../src/formats/caseNumber.ts';
import { emailKey, parseEmail } from '../../../src/formats/email.ts';
import { parseLandline, provinceOf, showLandline } from '../../../src/formats/landline.ts';
import { parseLocation } from '../../../src/formats/location.ts';
import { parseMobile, showMobile } from '../../../src/formats/mobile.ts';

const taken = (canonical: string) => ({ ok: true, canonical, warnings: [] });
const refused = (reason: string) => ({ ok: false, reason });

describe('mobile', () => {
  it('every accepted way to dial meets in E.164', () => {
    const ways = ['09701234567', '9701234567', '989701234567', '+989701234567', '00989701234567'];
    const printed = [
      '۰۹۷۰-۱۲۳-۴۵۶۷',
      '(0970) 123 4567',
      '0970.123.4567',
      '\u202A+98 970 123 4567\u202C',
      '٠٩٧٠١٢٣٤٥٦٧',
    ];
    for (const way of [...ways, ...printed]) expect(parseMobile(way), way).toEqual(taken('+989701234567'));
    expect(showMobile('+989701234567')).toBe('09701234567');
  });

  it('known refusals', () => {
    expect(parseMobile('0970123456')).toEqual(refused('length'));
    expect(parseMobile('097012345678')).toEqual(refused('length'));
    expect(parseMobile('')).toEqual(refused('length'));
    for (const twice of ['+98 0970 123 4567', '00980970 1234567', '98 0970 1234567', '+98 (0) 970 123 4567']) {
      expect(parseMobile(twice), twice).toEqual(refused('country_code_then_trunk_0'));
    }
    expect(parseMobile('+971501234567')).toEqual(refused('country'));
    expect(parseMobile('00971501234567')).toEqual(refused('country'));
    expect(parseMobile('02199990001')).toEqual(refused('not_mobile'));
    expect(parseMobile('0970123456a')).toEqual(refused('not_digits'));
    expect(parseMobile('9701234567+98')).toEqual(refused('not_digits'));
  });

  it('ten digits that begin with 98 are a number, not a country code', () => {
    expect(parseMobile('9801234567')).toEqual(taken('+989801234567'));
  });
});

describe('landline', () => {
  it('every accepted way to dial meets in E.164', () => {
    for (const way of [
      '02199990001',
      '2199990001',
      '982199990001',
      '+98 21 9999 0001',
      '0098-21-99990001',
      '(۰۲۱) ۹۹۹۹۰۰۰۱',
    ]) {
      expect(parseLandline(way), way).toEqual(taken('+982199990001'));
    }
    expect(showLandline('+982199990001')).toBe('02199990001');
    expect(provinceOf('+984199990005')).toBe('آذربایجان شرقی');
  });

  it('known refusals', () => {
    expect(parseLandline('99990001')).toEqual(refused('no_area_code'));
    expect(parseLandline('+98 9999 0001')).toEqual(refused('no_area_code'));
    expect(parseLandline('0219999000')).toEqual(refused('length'));
    expect(parseLandline('')).toEqual(refused('length'));
    expect(parseLandline('02109990001')).toEqual(refused('subscriber_starts_0_or_1'));
    expect(parseLandline('02119990001')).toEqual(refused('subscriber_starts_0_or_1'));
    expect(parseLandline('01299990001')).toEqual(refused('area_code_unknown'));
    expect(parseLandline('09701234567')).toEqual(refused('area_code_unknown'));
    expect(parseLandline('021-9999-000A')).toEqual(refused('not_digits'));
    expect(parseLandline('+98 021 9999 0001')).toEqual(refused('country_code_then_trunk_0'));
  });
});

describe('e-mail', () => {
  it('keeps the local part, lower-cases the domain, indexes all of it in lower case', () => {
    expect(parseEmail('Zahra.M+Shop@Example.COM')).toEqual(taken('Zahra.M+Shop@example.com'));
    expect(emailKey('Zahra.M+Shop@example.com')).toBe('zahra.m+shop@example.com');
    expect(parseEmail('a@مثال.example.com')).toEqual(taken('a@xn--mgbh0fb.example.com'));
    expect(parseEmail(`${'a'.repeat(64)}@example.com`).ok).toBe(true);
  });

  it('known refusals', () => {
    for (const none of ['', `a@${'b'.repeat(250)}.com`]) expect(parseEmail(none)).toEqual(refused('length'));
    for (const at of ['example.com', 'a@b@example.com', 'a@@example.com']) {
      expect(parseEmail(at), at).toEqual(refused('at_sign'));
    }
    const locals = ['@example.com', 'زهرا@example.com', 'a b@example.com', ' a@example.com', 'a..b@example.com'];
    const more = ['.a@example.com', 'a.@example.com', '"a"@example.com', 'a\n@example.com', 'a\u200C@example.com'];
    for (const local of [...locals, ...more, `${'a'.repeat(65)}@example.com`]) {
      expect(parseEmail(local), local).toEqual(refused('local_part'));
    }
    const domains = ['a@', 'a@example', 'a@example.', 'a@.com', 'a@-a.com', 'a@a-.com', 'a@a b.com', 'a@127.0.0.1'];
    for (const domain of [...domains, 'a@[127.0.0.1]', 'a@example.com\n', `a@${'b'.repeat(64)}.com`, 'a@مثال ۱.com']) {
      expect(parseEmail(domain), domain).toEqual(refused('domain'));
    }
    for (const cell of ['=1+1@example.com', '+1@example.com', '-a@example.com']) {
      expect(parseEmail(cell), cell).toEqual(refused('formula'));
    }
  });
});

describe('case number', () => {
  it('takes 16 and 18 digits in any spelling, and the rest with a warning', () => {
    expect(parseCaseNumber('9009982619700000')).toEqual(taken('9009982619700000'));
    expect(parseCaseNumber('۱۴۰۳۰۰۰۰۰۰۰۰۰۰۰۰۰۲')).toEqual(taken('140300000000000002'));
    expect(parseCaseNumber('1404-0000 0000-0000')).toEqual(taken('1404000000000000'));
    const unusual = (canonical: string) => ({ ok: true, canonical, warnings: ['unusual_case_number'] });
    expect(parseCaseNumber('123')).toEqual(unusual('123'));
    expect(parseCaseNumber(' ك/۹۸/۱۲ ')).toEqual(unusual('ک/98/12'));
    expect(parseCaseNumber('14040000000000000')).toEqual(unusual('14040000000000000'));
  });

  it('is still text that must be fit to keep', () => {
    expect(parseCaseNumber('')).toEqual(refused('empty'));
    expect(parseCaseNumber('1'.repeat(65))).toEqual(refused('too_long'));
    expect(parseCaseNumber('=1+1')).toEqual(refused('formula'));
    expect(parseCaseNumber('12\u0000')).toEqual(refused('control_character'));
  });
});

describe('location', () => {
  it('lies inside the box', () => {
    for (const value of [
      { lat: 35.7, lng: 51.4 },
      { lat: 25, lng: 44 },
      { lat: 40, lng: 63.5 },
    ]) {
      expect(parseLocation(value)).toEqual({ ok: true, canonical: value, warnings: [] });
    }
    expect(parseLocation({ lat: 51.4, lng: 35.7 })).toEqual(refused('lat_out_of_range'));
    expect(parseLocation({ lat: 24.9, lng: 51 })).toEqual(refused('lat_out_of_range'));
    expect(parseLocation({ lat: 35, lng: 63.6 })).toEqual(refused('lng_out_of_range'));
    expect(parseLocation({ lat: 35, lng: 43.9 })).toEqual(refused('lng_out_of_range'));
    expect(parseLocation({ lat: Number.NaN, lng: 51 })).toEqual(refused('lat_out_of_range'));
    expect(parseLocation({ lat: 35, lng: Infinity })).toEqual(refused('lng_out_of_range'));
  });
});
