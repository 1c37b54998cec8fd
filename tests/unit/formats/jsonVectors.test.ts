import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { problems, VaultError } from '../../../src/errors.ts';
import { parseStrictJson } from '../../../src/formats/json.ts';
import { publishedVectors } from './published.ts';

const folder = publishedVectors('json');

/** Good JSON that is refused all the same (as 422, not 400), and by which of our stricter rules. */
const stricter: Readonly<Record<string, string>> = {
  'y_number.json': 'number_out_of_range',
  'y_number_real_capital_e.json': 'number_out_of_range',
  'y_number_real_exponent.json': 'number_out_of_range',
  'y_number_real_fraction_exponent.json': 'number_out_of_range',
  'y_object_duplicated_key.json': 'duplicate_key',
  'y_object_duplicated_key_and_value.json': 'duplicate_key',
  'y_object_escaped_null_in_key.json': 'nul',
  'y_object_extreme_numbers.json': 'number_out_of_range',
  'y_string_null_escape.json': 'nul',
};

describe.skipIf(folder === undefined)('JSONTestSuite, test_parsing', () => {
  const names = folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.json'));

  function outcome(name: string): { value: unknown } | { status: number; reason: string | undefined } {
    try {
      return { value: parseStrictJson(readFileSync(folder + name)) };
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      return { status: problems[error.code].status, reason: error.faults[0]?.code };
    }
  }

  it('is all there', () => {
    expect(names.length).toBeGreaterThanOrEqual(318);
  });

  it('n_* is refused with 400', () => {
    for (const name of names.filter((n) => n.startsWith('n_')))
      expect(outcome(name), name).toMatchObject({ status: 400 });
  });

  it('y_* parses to what JSON.parse gives, or breaks a rule of ours and is refused with 422', () => {
    const refused: Record<string, unknown> = {};
    for (const name of names.filter((n) => n.startsWith('y_'))) {
      const result = outcome(name);
      if ('value' in result) {
        expect(result.value, name).toEqual(JSON.parse(readFileSync(folder + name, 'utf8')));
      } else {
        expect(result.status, name).toBe(422);
        refused[name] = result.reason;
      }
    }
    expect(refused).toEqual(stricter);
  });

  it('i_* is taken or refused, and nothing else happens', () => {
    for (const name of names.filter((n) => n.startsWith('i_'))) expect(outcome(name), name).toBeDefined();
  });
});
