import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { VaultError } from '../../../src/errors.ts';
import { parseStrictJson } from '../../../src/formats/json.ts';
import type { JsonLimits } from '../../../src/formats/json.ts';

const parse = (json: string | Buffer, limits?: JsonLimits) => parseStrictJson(Buffer.from(json as string), limits);

function fault(json: string | Buffer, limits?: JsonLimits): { code: string; pointer?: string; reason?: string } {
  try {
    parse(json, limits);
    return { code: 'accepted' };
  } catch (error) {
    const { code, faults } = error as VaultError;
    return { code, pointer: faults[0]?.pointer ?? '?', reason: faults[0]?.code ?? '?' };
  }
}
const noJson = (reason: string, pointer = '') => ({ code: 'malformed_json', pointer, reason });
const refused = (reason: string, pointer = '') => ({ code: 'invalid_body', pointer, reason });

describe('strict JSON', () => {
  it('reads what JSON.parse reads', () => {
    for (const json of [
      '{"a":[1,-2.5,1e2,true,false,null,"é\\u0041\\n\\"\\\\\\/\\b\\f\\r\\t"],"b":{}}',
      ' \t\r\n[ ] ',
      '"\\ud83d\\ude00😀"',
      '0',
      '-0',
      '{"":1,"toString":2,"hasOwnProperty":3,"1":4}',
      '9007199254740991',
      '35.70000000000000',
    ]) {
      expect(parse(json), json).toEqual(JSON.parse(json));
    }
  });

  it('bytes that are not UTF-8', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0xaf, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0x22, 0xe2, 0x82],
    ]) {
      expect(fault(Buffer.from(bytes))).toEqual(noJson('invalid_utf8'));
    }
    expect(fault(Buffer.from('\uFEFF{}'))).toEqual(noJson('syntax'));
    expect(fault(Buffer.from('{}', 'utf16le'))).toEqual(noJson('syntax'));
  });

  it('duplicate keys, also when one is escaped', () => {
    expect(fault('{"a":1,"a":1}')).toEqual(refused('duplicate_key'));
    expect(fault('{"fields":{"email":1,"e\\u006dail":2}}')).toEqual(refused('duplicate_key', '/fields'));
    expect(fault('{"toString":1,"toString":2}')).toEqual(refused('duplicate_key'));
    expect(fault('[{"a":1},{"a":1}]').code).toBe('accepted');
  });

  it('keys that reach a prototype', () => {
    for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__']) {
      expect(fault(`{"a":[{"${key}":{"admin":true}}]}`), key).toEqual(refused('forbidden_key', '/a/0'));
    }
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('depth', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(fault(nested(32)).code).toBe('accepted');
    expect(fault(nested(33))).toEqual(noJson('too_deep', '/0'.repeat(32)));
    expect(fault('{"a":{"a":{}}}', { maxDepth: 2 })).toEqual(noJson('too_deep', '/a/a'));
    expect(fault('{"a":{"a":1}}', { maxDepth: 2 }).code).toBe('accepted');
    expect(fault('['.repeat(100_000)).reason).toBe('too_deep');
    expect(fault('{"a":'.repeat(100_000)).reason).toBe('too_deep');
    expect(fault(nested(100_000), { maxDepth: 1_000_000 }).reason).toBe('too_deep');
  });

  it('NUL and lone surrogates, raw or escaped, in strings and keys', () => {
    for (const json of ['"a\\u0000"', '{"\\u0000":1}']) expect(fault(json), json).toEqual(refused('nul'));
    for (const json of ['"a\u0000"', '{"\u0000":1}']) expect(fault(json), json).toEqual(noJson('nul'));
    for (const half of [
      '\\ud800',
      '\\udc00',
      '\\ud800a',
      '\\ud800\\u0041',
      '\\ud800\\ud800',
      '\\udc00\\ud800',
      '\\uD83D\\n',
    ]) {
      expect(fault(`{"note":"${half}"}`), half).toEqual(refused('lone_surrogate', '/note'));
      expect(fault(`{"${half}":1}`), half).toEqual(refused('lone_surrogate'));
    }
  });

  it('numbers that would come back changed', () => {
    for (const number of [
      '1e400',
      '-1e400',
      '9007199254740992',
      '-9007199254740993',
      '1e20',
      '123456789012345678901234567890',
      '1e-400',
      '0.1234567890123456789',
      '9007199254740991.05',
    ]) {
      expect(fault(`{"lat":${number}}`), number).toEqual(refused('number_out_of_range', '/lat'));
    }
    for (const number of ['0.1', '51.400000000000006', '1e3', '1.5E-7', '0e9', '-0.0']) {
      expect(fault(number).code, number).toBe('accepted');
    }
  });

  it('syntax', () => {
    for (const json of [
      '',
      ' ',
      '{',
      '}',
      '[',
      ']',
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      '[1,]',
      '[,1]',
      '[1 2]',
      '{a:1}',
      "{'a':1}",
      '[1]x',
      '{}{}',

      '01',
      '+1',
      '.5',
      '1.',
      '1e',
      '1e+',
      '- 1',
      'NaN',
      'Infinity',
      '0x1',
      'tru',
      'nulls',
      'True',
      '//',
      '/**/1',
      '1_0',

      '"',
      '"\\',
      '"\\u12"',
      '"\\x41"',
      '"\\u{41}"',
      '"\n"',
      '"\t"',
      '"\u001f"',
      '\u00A01',
      '\u20281',
      '\v1',
      '[1,\f2]',
    ]) {
      expect(fault(json).reason, JSON.stringify(json)).toBe('syntax');
    }
  });

  it('a breach of the stricter rules never hides that the rest is no JSON, nor sets anything', () => {
    for (const json of ['{"a":1,"a":2', '[1e999,]', '["\\u0000"', '["\\ud800\\"]', '{"__proto__":{}}}']) {
      expect(fault(json), json).toMatchObject({ code: 'malformed_json', reason: 'syntax' });
    }
    expect(fault('[1e999,"\\u0000"]')).toEqual(refused('number_out_of_range', '/0'));
  });

  it('a pointer stops before a key that could be data', () => {
    expect(fault('{"phones":[{"number":"\\ud800"}]}').pointer).toBe('/phones/0/number');
    expect(fault('{"fields":{"9901234565":{"a":"\\ud800"}}}').pointer).toBe('/fields');
    expect(fault('{"زهرا":[1e999]}').pointer).toBe('');
    expect(fault(`{"${'a'.repeat(41)}":1e999}`).pointer).toBe('');
    expect(fault('{"a/b~":{"c":1e999}}').pointer).toBe('');
  });

  it('no error repeats what was sent', () => {
    const canary = 'canary-9901234565';
    for (const json of [
      `{"${canary}":x}`,
      `"${canary}`,
      `{"a":"${canary}","a":1}`,
      `[${canary}]`,
      `"${canary}\\ud800"`,
    ]) {
      expect(() => parse(json)).toThrow(VaultError);
      try {
        parse(json);
      } catch (error) {
        expect(JSON.stringify([error, String(error), (error as Error).message, (error as Error).cause])).not.toContain(
          'canary',
        );
      }
    }
  });
});

describe('strict JSON beside JSON.parse', () => {
  it('agrees on every value that it takes', () => {
    const value = fc.jsonValue({ maxDepth: 6, noUnicodeString: false });
    let taken = 0;
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1, '\t'), (sent, indent) => {
        const json = JSON.stringify(sent, undefined, indent);
        const result = fault(json);
        if (result.code === 'accepted') {
          taken++;
          expect(parse(json)).toEqual(JSON.parse(json));
        } else expect(['nul', 'lone_surrogate', 'number_out_of_range', 'forbidden_key']).toContain(result.reason);
      }),
      { numRuns: 500 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('takes no text that JSON.parse refuses', () => {
    const piece = fc.constantFrom(
      ...'{}[]:,"\\ -+.0123eEtrufalsn\t\n\u0000ا'.split(''),
      '\\u',
      'true',
      'null',
      '"a"',
      '1e5',
      '"":',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const json = pieces.join('');
        if (fault(json).code === 'accepted') expect(parse(json)).toEqual(JSON.parse(json));
        else expect(['malformed_json', 'invalid_body']).toContain(fault(json).code);
      }),
      { numRuns: 5000 },
    );
  });
});
