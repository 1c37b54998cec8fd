import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { judge } from '../../../src/policy/judge.ts';
import { fields } from '../../../src/policy/profile.ts';
import type { Profile } from '../../../src/policy/profile.ts';
import { kalak, kalakWith } from './kalak.ts';
import type { Edits } from './kalak.ts';
import { columns, rows } from './matrix.ts';
import { expected } from './oracle.ts';
import { grantsFor, readers } from './situations.ts';

function wrongCells(profile: Profile): string[] {
  const wrong = new Set<string>();
  for (const who of readers) {
    for (const field of fields) {
      for (const grant of grantsFor(field)) {
        const is = judge(profile, who, grant, field).state;
        const should = expected(who, grant, field);
        if (is !== should)
          wrong.add(`${field} for ${JSON.stringify(who)} under ${grant?.kind ?? 'nothing'}: ${is}, not ${should}`);
      }
    }
  }
  return [...wrong];
}

describe('P7: nothing outside the access matrix', () => {
  test('every field is in one row of the matrix', () => {
    expect(rows.flatMap((row) => row.fields).sort()).toEqual([...fields].sort());
    for (const row of rows) expect(row.cells).toHaveLength(columns.length);
  });

  test('kalak gives exactly the matrix: reader x field x kind x purpose x state x listed x order', () => {
    expect(wrongCells(kalak)).toEqual([]);
  });

  const cell = (full: string[]) => ({ base: 'masked', full, clauses: ['E20'] });
  test.each<[string, Edits]>([
    ['a mask too many', { '/access/location/support': cell([]) }],
    ['a mask too few', { '/access/email/dpo': undefined }],
    [
      'a kind too many',
      {
        '/access/nationalId/support': cell(['ticket']),
        '/grantKinds/ticket/fields': [...(kalak.grantKinds.ticket?.fields ?? []), 'nationalId'],
      },
    ],
    ['a kind too few', { '/access/iban/accounting/full': [] }],
    ['an order not asked for', { '/access/address/support/onlyWithOrder': [] }],
    ['a delivery not asked for', { '/access/recipientPhone/support/onlyUndelivered': [] }],
    [
      'a carrier that sees more',
      { '/carriers/tipax/shows': ['recipientName', 'phone', 'address', 'postalCode', 'location'] },
    ],
    ['a grantee too few', { '/grantKinds/invoice/grantees': ['support'] }],
    [
      'a department that opens',
      {
        '/departments/warehouse': kalak.departments['support'],
        '/access/mobile/warehouse': kalak.access.mobile?.['support'],
      },
    ],
  ])('control: %s is found', (_, edits) => {
    expect(wrongCells(kalakWith(edits))).not.toEqual([]);
  });
});

const document = new URL('../../../../shared/domain/access.md', import.meta.url);
const present = existsSync(document);
if (!present) process.stdout.write('skipped: the access matrix document is not beside this checkout\n');

describe.skipIf(!present)('the transcription', () => {
  test('is the document, word for word', () => {
    const lines = readFileSync(document, 'utf8').split('\n');
    const cells = lines
      .filter((line) => line.startsWith('|'))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    expect(cells.find(([first]) => first === 'field')?.slice(1)).toEqual(columns);
    for (const row of rows) expect(cells.find(([label]) => label === row.label)?.slice(1)).toEqual(row.cells);
  });
});
