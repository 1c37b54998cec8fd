/** What a reader copies from the description works, and names nobody. */
import { describe, expect, it } from 'vitest';
import { guardPool, type PoolKind } from '../../../src/cli/syntheticPools.ts';
import { curlHtml } from '../../../src/http/docsCurl.ts';
import { readDescription, type Media } from '../../../src/http/docsDescription.ts';
import { openapiText } from '../../support/openapi.ts';

const api = readDescription(openapiText);

const examplesOf = ({ example, examples = {} }: Media): readonly unknown[] => [
  ...(example === undefined ? [] : [example]),
  ...Object.values(examples).map(({ value }) => value),
];
const media = api.operations.flatMap(({ requestBody, responses }) => [
  ...Object.values(requestBody?.content ?? {}),
  ...Object.values(responses).flatMap((reply) => Object.values(api.follow(reply).content ?? {})),
]);

type Named = readonly [name: string, value: unknown];

/** Every member of an example, with the value where it is shown in full. */
function membersOf(value: unknown): readonly Named[] {
  if (Array.isArray(value)) return value.flatMap((item) => membersOf(item));
  if (typeof value !== 'object' || value === null) return [];
  const own = Object.entries(value).map(([name, inner]): Named => [name, isFull(inner) ? inner.value : inner]);
  const told = 'by' in value ? String(value.by) : 'field' in value ? String(value.field) : undefined;
  const searched: Named[] = told !== undefined && 'value' in value ? [[told, value.value]] : [];
  return [...own, ...searched, ...Object.values(value).flatMap((inner) => membersOf(inner))];
}

const isFull = (value: unknown): value is { readonly value: unknown } =>
  typeof value === 'object' && value !== null && 'state' in value && value.state === 'full' && 'value' in value;

const pools: Readonly<Record<string, PoolKind>> = {
  nationalId: 'nationalId',
  legalNationalId: 'legalNationalId',
  iban: 'iban',
  email: 'email',
  mobile: 'mobile',
};
/** Stands in the description as what is refused. */
const wrongOnPurpose = '9901234566';

function checkPools(members: readonly Named[]): number {
  let checked = 0;
  for (const [name, value] of members) {
    const pool = pools[name];
    if (pool === undefined || typeof value !== 'string' || value === wrongOnPurpose) continue;
    guardPool(pool, value);
    checked += 1;
  }
  return checked;
}

describe('examples of the description', () => {
  it('are from the synthetic pools', () => {
    const members = media.flatMap((one) => examplesOf(one).flatMap((example) => membersOf(example)));
    expect(checkPools(members)).toBeGreaterThan(7);
    const numbers = members.filter(
      ([name, value]) => (name === 'number' || name === 'phone') && typeof value === 'string',
    );
    const phones = numbers.map(([, value]) => String(value)).filter((value) => /^[\d+۰-۹ -]{10,}$/.test(value));
    expect(phones.length).toBeGreaterThan(3);
    for (const phone of phones) {
      const kinds = (['mobile', 'landline'] as const).filter((kind) => isIn(kind, phone));
      expect(kinds, phone).toHaveLength(1);
    }
  });

  it('control: one that is not is found', () => {
    expect(() => checkPools(membersOf({ fields: { email: 'z@example.com' } }))).not.toThrow();
    expect(() => checkPools(membersOf({ fields: { email: 'z@mail.invalid' } }))).toThrow(RangeError);
    expect(() => checkPools(membersOf({ by: 'mobile', value: '021 9999 0017' }))).toThrow(RangeError);
    expect(() => checkPools(membersOf({ email: { state: 'full', value: 'z@mail.invalid' } }))).toThrow(RangeError);
  });

  it('are there for every body', () => {
    for (const { operationId, requestBody } of api.operations) {
      for (const [type, one] of Object.entries(requestBody?.content ?? {})) {
        // A file is shown by its name in the call.
        if (/^(image\/|application\/pdf$)/.test(type)) continue;
        expect(examplesOf(one), operationId).not.toEqual([]);
      }
    }
  });
});

function isIn(kind: PoolKind, value: string): boolean {
  try {
    guardPool(kind, value);
    return true;
  } catch {
    return false;
  }
}

describe('curl calls', () => {
  const calls = api.operations.map((operation) => ({
    operation,
    call: curlHtml(operation)
      .replace(/<[^>]+>/g, '')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&'),
  }));

  it('are whole for a shell: every quote that opens closes', () => {
    for (const { call, operation } of calls) {
      const rest = call.replace(/'[^']*'/g, '').replace(/"[^"]*"/g, '');
      expect(rest, operation.operationId).not.toMatch(/['"]/);
      expect(call, operation.operationId).toMatch(/^curl (-X (POST|PATCH) )?"\$VAULT\/\S+"/);
    }
  });

  it('send the token where one is needed, and nowhere else', () => {
    for (const { call, operation } of calls) {
      const needed = operation.security?.some((one) => 'oauth2' in one) === true;
      expect(call.includes('Bearer $TOKEN'), operation.operationId).toBe(needed);
    }
  });

  it('send the example of the body with its media type', () => {
    const json = calls.filter(({ operation }) =>
      Object.keys(operation.requestBody?.content ?? {})[0]?.endsWith('json'),
    );
    expect(json.length).toBeGreaterThan(10);
    for (const { call, operation } of json) {
      const [type = '', one] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
      expect(call, operation.operationId).toContain(`-H "Content-Type: ${type}"`);
      const sent = /-d '([^']*)'/.exec(call)?.[1];
      if (type === 'application/x-ndjson') expect(call).toContain('-T customers.ndjson');
      else
        expect(JSON.parse(sent ?? ''), operation.operationId).toEqual(
          one === undefined ? undefined : examplesOf(one)[0],
        );
    }
  });
});
