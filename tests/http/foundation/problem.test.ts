import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problems, type Code } from '../../../src/errors.ts';
import { advice } from '../../../src/http/advice.ts';
import { canary, problemOf, startSample, type Sample } from './service.ts';

let sample: Sample;
beforeAll(async () => {
  sample = await startSample();
});
afterAll(() => sample.stop());

describe('problems', () => {
  it.each(Object.keys(problems) as Code[])('%s has every member of RFC 9457 and ours', async (code) => {
    const answer = await fetch(`${sample.url}/v1/refusal/${code}`);
    const { status, title } = problems[code];
    expect(answer.status).toBe(status);
    const problem = await problemOf(answer);
    expect(problem).toEqual({
      type: `/docs/problems#${code}`,
      title,
      status,
      code,
      detail: advice[code],
      errors: [{ pointer: '/a', code: 'b' }],
      requestId: answer.headers.get('x-request-id'),
    });
    expect(problem.detail).toMatch(/^[A-Z].*\.$/);
    const waits = status === 429 || status === 503;
    expect(answer.headers.get('retry-after') !== null).toBe(waits);
    expect(answer.headers.get('www-authenticate') !== null).toBe(
      code === 'unauthenticated' || code === 'insufficient_scope',
    );
  });

  it.each(['/v1/fault', '/v1/oddity', '/v1/unwritable'])('%s is a bare 500', async (path) => {
    const answer = await fetch(sample.url + path);
    const text = await answer.clone().text();
    const problem = await problemOf(answer);
    expect([problem.status, problem.code, problem.errors]).toEqual([500, 'internal', []]);
    expect(text).not.toContain('CANARY');
    expect(text).not.toMatch(/Error|at |\.ts|BigInt|23505/);
  });

  it('an answer that breaks half way is cut, not finished', async () => {
    await expect(fetch(`${sample.url}/v1/half`).then((answer) => answer.text())).rejects.toThrow();
    expect(sample.lines.at(-1)).toMatch(/"status":200.*"code":"internal","cut":true/);
    expect(sample.lines.at(-1)).not.toContain(canary);
  });
});
