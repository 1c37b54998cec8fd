import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readQuery } from '../../../src/http/query.ts';
import { problemOf, startSample, wire, type Sample } from './service.ts';

let sample: Sample;
beforeAll(async () => {
  sample = await startSample();
});
afterAll(() => sample.stop());

describe('queries', () => {
  it.each([
    ['', {}],
    ['?', {}],
    ['?limit=5', { limit: '5' }],
    ['?limit=', { limit: '' }],
    ['?limit', { limit: '' }],
    ['?&limit=5&&cursor=a', { limit: '5', cursor: 'a' }],
    ['?cursor=a%20b+c%2B=', { cursor: 'a b c+=' }],
    ['?cursor=%D8%B2%D9%87%D8%B1%D8%A7', { cursor: 'زهرا' }],
    ['?%6Cimit=5', { limit: '5' }],
  ])('%s', async (query, expected) => {
    const answer = await fetch(`${sample.url}/v1/open${query}`);
    expect(await answer.json()).toEqual({ query: expected });
  });

  it.each([
    ['?limit=1&limit=1', 'malformed_request', '?limit'],
    ['?limit=1&%6cimit=2', 'malformed_request', '?limit'],
    ['?cursor=%', 'malformed_request', '?cursor'],
    ['?cursor=%c0%80', 'malformed_request', '?cursor'],
    ['?cursor=%ff', 'malformed_request', '?cursor'],
    ['?cursor=%00', 'malformed_request', '?cursor'],
    ['?cursor=a%0d%0ab', 'malformed_request', '?cursor'],
    ['?other=1', 'invalid_query', '?other'],
    ['?access_token=abc', 'invalid_query', '?access_token'],
    ['?09701234567=1', 'invalid_query', '?'],
    ['?__proto__=1', 'invalid_query', '?'],
    ['?limit[]=1', 'malformed_request', undefined],
    ['?Limit=1', 'invalid_query', '?Limit'],
    [`?cursor=${'a'.repeat(2048)}`, 'uri_too_long', undefined],
    [`?${'limit&'.repeat(70)}`, 'malformed_request', '?'],
  ])('%s is %s at %s', async (query, code, pointer) => {
    const { text, code: got } = await wire(
      sample.port,
      `GET /v1/open${query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    expect(got).toBe(code);
    expect(/"errors":\[\{"pointer":"([^"]*)"/.exec(text)?.[1]).toBe(pointer);
  });

  it('a route without a query takes none', async () => {
    expect((await problemOf(await fetch(`${sample.url}/healthz?a=1`))).code).toBe('invalid_query');
    expect((await problemOf(await fetch(`${sample.url}/healthz?toString=1`))).code).toBe('invalid_query');
  });

  it('what URLSearchParams writes comes back', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text)),
        (text) => {
          const url = `/v1/open?${new URLSearchParams({ cursor: text }).toString()}`;
          expect(readQuery(url, ['cursor'])).toEqual({ cursor: text });
        },
      ),
    );
  });
});
