import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemOf, startSample, type Sample } from './service.ts';

// github.com/nst/JSONTestSuite, test_parsing, read from beside the project.
const folder = new URL('../../../../shared/vectors/json/', import.meta.url);
const present = existsSync(folder);
if (!present) process.stdout.write('skipped: vectors not present\n');
const vector = (name: string): Buffer => readFileSync(new URL(encodeURIComponent(name), folder));
const names = present ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];

let sample: Sample;
beforeAll(async () => {
  sample = await startSample();
});
afterAll(() => sample.stop());

const post = (body: Buffer): Promise<Response> =>
  fetch(`${sample.url}/v1/json`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });

describe.skipIf(!present)('JSON test vectors over HTTP', () => {
  const kind = (letter: string): string[] => names.filter((name) => name.startsWith(`${letter}_`));

  it('there are some of each kind (control)', () => {
    expect([kind('n').length > 150, kind('y').length > 80, kind('i').length > 30]).toEqual([true, true, true]);
  });

  it.each(kind('n'))('%s is 400', async (name) => {
    const problem = await problemOf(await post(vector(name)));
    expect([problem.status, problem.code]).toEqual([400, 'malformed_json']);
  });

  it.each(kind('y'))('%s is taken, or 422', async (name) => {
    const { status } = await post(vector(name));
    expect(status === 422 || (status >= 200 && status < 300)).toBe(true);
  });

  it.each(kind('i'))('%s is no 5xx', async (name) => {
    expect((await post(vector(name))).status).toBeLessThan(500);
  });
});

describe('JSON that two readers could read differently', () => {
  const cases: [string, Buffer][] = [
    ['a duplicate key', Buffer.from('{"a":1,"a":2}')],
    ['a duplicate key, escaped', Buffer.from('{"a":1,"\\u0061":2}')],
    ['a NUL', Buffer.from('{"a":"\\u0000"}')],
    ['a lone surrogate', Buffer.from('["\\ud800"]')],
    ['invalid UTF-8', Buffer.from([0x22, 0xc0, 0x80, 0x22])],
    ['a byte order mark', Buffer.from('\ufeff{}')],
    ['30,000 arrays', Buffer.from('['.repeat(30_000) + ']'.repeat(30_000))],
    ['a huge number', Buffer.from(`[1${'0'.repeat(400)}]`)],
    ['1e999', Buffer.from('[1e999]')],
  ];

  it.each(cases)('%s', async (_name, body) => {
    const problem = await problemOf(await post(body));
    expect(problem.status).toBeLessThan(500);
    expect(problem.code).toBe(problem.status === 400 ? 'malformed_json' : 'invalid_body');
  });
});
