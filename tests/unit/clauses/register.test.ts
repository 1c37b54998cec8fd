import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clauseTests, everyBindingClause, faultsOf, openClauses, testsIn } from '../../clauses/register.ts';
import { root } from '../house/source.ts';

const binding = everyBindingClause();
const tests = clauseTests();

test('the policies that ship answer 106 clauses', () => {
  expect(new Set(binding).size).toBe(106);
  expect(binding.length).toBe(106);
});

test('each has its test, none is tested twice, and none that binds nobody here', () => {
  expect(openClauses(tests, binding)).toEqual([]);
  expect(faultsOf(tests, binding)).toEqual([]);
});

test('control: a second test of a clause, an unknown one and one of the web tier are found', () => {
  const one = { shows: 'x', in: ['src/app.ts'], missing: undefined, file: 'x.test.ts' };
  const found = faultsOf(
    ['A8', 'B3', 'A8', 'F1', 'A5'].map((id) => ({ ...one, id })),
    binding,
  );
  expect(found.map((fault) => fault.slice(0, fault.indexOf(':')))).toEqual(['A8', 'F1', 'A5']);
  expect(openClauses([{ ...one, id: 'A8' }], ['A6', 'A8'])).toEqual(['A6']);
});

test('each names sources that are there', () => {
  expect(tests.length).toBeGreaterThan(0);
  for (const { id, shows, in: sources } of tests) {
    expect(sources.length, id).toBeGreaterThan(0);
    expect(shows.length, id).toBeGreaterThan(10);
    expect(
      sources.filter((source) => !existsSync(join(root, source))),
      id,
    ).toEqual([]);
  }
});

test('a call is read as it is written; one that cannot be read is not passed over', () => {
  const text =
    "clause(\n  'A8',\n  {\n    shows: 'it\\'s so',\n    in: ['src/a.ts', 'src/b.ts'],\n  },\n  async () => {},\n);\n";
  const read = { id: 'A8', shows: "it's so", in: ['src/a.ts', 'src/b.ts'], file: 'f' };
  expect(testsIn('f', text)).toEqual([{ ...read, missing: undefined }]);
  const open = text.replace("'src/b.ts'],", "'src/b.ts'],\n    missing: 'the half of it',");
  expect(testsIn('f', open)).toEqual([{ ...read, missing: 'the half of it' }]);
  expect(() => testsIn('f', 'clause(id, facts, async () => {});')).toThrow('plain literals');
});
