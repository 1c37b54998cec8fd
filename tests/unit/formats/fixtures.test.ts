/** No file of this project may name somebody: a valid national ID that it calls one is from the synthetic pool. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { foldDigits } from '../../../src/formats/identifier.ts';
import { nationalIdCheckDigit, parseNationalId } from '../../../src/formats/nationalId.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const scanned = ['src', 'tests', 'bench', 'docs', 'policies', 'openapi.yaml', 'README.md', 'README.fa.md'];

// The published example of lost zeros: no place of issue has the prefix 009.
const nobodys = '0090100001';

function filesUnder(path: string): readonly string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesUnder(`${path}/${name}`));
}

/** Valid IDs outside the pool on lines that speak of national IDs. Any other ten digits pass the check 1 time in 11. */
function foreignIds(text: string): readonly string[] {
  const lines = foldDigits(text)
    .split('\n')
    .filter((line) => /national_?id|کد ملی/i.test(line));
  return lines
    .flatMap((line) => line.match(/(?<!\d)\d{3}-?\d{6}-?\d(?!\d)/g) ?? [])
    .map((digits) => digits.replaceAll('-', ''))
    .filter((digits) => parseNationalId(digits).ok && !digits.startsWith('99') && digits !== nobodys);
}

describe('fixtures', () => {
  it('name nobody', () => {
    const files = scanned.flatMap((path) => filesUnder(root + path));
    expect(files.length).toBeGreaterThan(30);
    for (const file of files) expect(foreignIds(readFileSync(file, 'utf8')), file.slice(root.length)).toEqual([]);
  });

  it('control: the scan finds an ID outside the pool, in any digits, and leaves the pool alone', () => {
    const planted = `009010002${nationalIdCheckDigit('009010002')}`;
    const persian = planted.replace(/\d/g, (digit) => '۰۱۲۳۴۵۶۷۸۹'.charAt(Number(digit)));
    for (const written of [planted, persian, planted.replace(/(\d{3})(\d{6})/, '$1-$2-')]) {
      expect(foreignIds(`{ nationalId: '${written}' }`), written).toEqual([planted]);
      expect(foreignIds(`کد ملی ${written}`), written).toEqual([planted]);
    }
    expect(foreignIds("{ nationalId: '9901234565' }")).toEqual([]);
  });
});
