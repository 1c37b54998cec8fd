import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { clausesDocument, documentPath, listedIn, publishedClauses, shownIn } from '../../clauses/document.ts';
import { clauseTests, everyBindingClause } from '../../clauses/register.ts';

const document = existsSync(documentPath) ? readFileSync(documentPath, 'utf8') : '';
const clauses = publishedClauses();
const tests = clauseTests();

describe('docs/clauses.md', () => {
  test('lists each of the 132 clauses once, and calls shown only what has a test and lacks nothing', () => {
    const listed = listedIn(document);
    expect([listed.length, new Set(listed).size]).toEqual([132, 132]);
    expect(listed).toEqual(expect.arrayContaining([...everyBindingClause()]));
    const shown = shownIn(document);
    expect(shown.size).toBeGreaterThan(50);
    const whole = new Set(tests.filter(({ missing }) => missing === undefined).map(({ id }) => id));
    expect([...shown].filter((id) => !whole.has(id))).toEqual([]);
    // What is open and what is not this service’s says why.
    for (const [, status = ''] of document.matchAll(/^\| [A-E]\d+ .*\| ((?:open|not this service)[^|]*) \|$/gm))
      expect(status).toMatch(/^(?:open|not this service): \S/);
  });

  test.skipIf(clauses === undefined)('is what `npm run clauses` would write', () => {
    expect(clausesDocument(clauses ?? [], tests, shownIn(document))).toBe(document);
  });

  test.skipIf(clauses === undefined)('control: a clause without its test, or with another, is another document', () => {
    const shown = shownIn(document);
    expect(clausesDocument(clauses ?? [], tests.slice(1), shown)).not.toBe(document);
    const renamed = tests.map((one, i) => (i === 0 ? { ...one, shows: 'something else' } : one));
    expect(clausesDocument(clauses ?? [], renamed, shown)).not.toBe(document);
  });
});
