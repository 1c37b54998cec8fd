import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemOf, startSample, type Sample } from './service.ts';

let sample: Sample;
beforeAll(async () => {
  sample = await startSample();
});
afterAll(() => sample.stop());

const post = (body: string): Promise<Response> =>
  fetch(`${sample.url}/v1/things`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
const good = { name: 'abc', kind: 'natural' };

describe('bodies against a schema', () => {
  it('pass (control)', async () => {
    const answer = await post(JSON.stringify(good));
    expect([answer.status, await answer.json()]).toEqual([201, good]);
  });

  it.each([
    [{ ...good, name: undefined }, '/name', 'required'],
    [{ ...good, name: 1 }, '/name', 'type'],
    [{ ...good, name: null }, '/name', 'type'],
    [{ ...good, name: 'abcdef' }, '/name', 'too_long'],
    [{ ...good, name: 'a' }, '/name', 'too_short'],
    [{ ...good, kind: 'other' }, '/kind', 'enum'],
    [{ ...good, kind: undefined }, '/kind', 'required'],
    [{ ...good, count: 11 }, '/count', 'too_large'],
    [{ ...good, count: 1.5 }, '/count', 'type'],
    [{ ...good, email: 'a' }, '/email', 'format'],
    [{ ...good, phones: {} }, '/phones', 'type'],
    [{ ...good, phones: [{}, {}, {}] }, '/phones', 'too_long'],
    [{ ...good, phones: [{ number: '1' }, { number: 2 }] }, '/phones/1/number', 'type'],
    [{ ...good, phones: [{}] }, '/phones/0/number', 'required'],
    [{ ...good, code: '2' }, '/code', 'checksum'],
    [{ ...good, other: 'x' }, '/other', 'invalid'],
    [{ ...good, fields: { '09701234567': 1 } }, '/fields', 'type'],
    [{ ...good, fields: { 'a/b~c': 1 } }, '/fields', 'type'],
    [{ ...good, fields: { givenName: 1 } }, '/fields/givenName', 'type'],
    [[], '', 'type'],
    ['text', '', 'type'],
    [null, '', 'type'],
  ])('%j is refused at %s for %s', async (body, pointer, reason) => {
    const problem = await problemOf(await post(JSON.stringify(body)));
    expect([problem.code, problem.status]).toEqual(['invalid_body', 422]);
    expect(problem.errors).toContainEqual({ pointer, code: reason });
  });

  it.each([
    [{ ...good, surname: 'x' }, '/surname'],
    [{ ...good, '09701234567': 'x' }, ''],
    [{ ...good, زهرا: 'x' }, ''],
    [{ ...good, ['a'.repeat(41)]: 'x' }, ''],
    [{ ...good, name: 1, toString: 'x' }, '/toString'],
    [{ ...good, phones: [{ number: '1', note: 'x' }] }, '/phones/0/note'],
  ])('%j has an unknown member at %s', async (body, pointer) => {
    const problem = await problemOf(await post(JSON.stringify(body)));
    expect([problem.code, problem.errors]).toEqual(['unknown_field', [{ pointer, code: 'unknown_field' }]]);
  });

  it('many faults are told up to a bound', async () => {
    const fields = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, i]));
    const problem = await problemOf(await post(JSON.stringify({ ...good, fields })));
    expect(problem.errors.length).toBe(50);
  });

  it.each([
    '{"name":"abc","kind":"natural","__proto__":{"polluted":true}}',
    '{"name":"abc","kind":"natural","constructor":{"prototype":{"polluted":true}}}',
    '{"name":"abc","kind":"natural","fields":{"__proto__":{"polluted":"true"}}}',
    '{"__proto__":{"name":"abc","kind":"natural"}}',
    '{"name":"abc","kind":"natural","\\u005f_proto__":{"polluted":true}}',
  ])('%s pollutes nothing', async (body) => {
    const answer = await post(body);
    expect([400, 422]).toContain(answer.status);
    expect(await answer.text()).not.toContain('polluted');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('polluted');
  });
});
