import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkProfile } from '../../../src/policy/check.ts';
import { citations } from '../../../src/policy/citation.ts';
import { quotationsIn } from '../../../src/policy/explain.ts';
import { shipped, shippedNames, textOf } from './shipped.ts';
import type { ShippedName } from './shipped.ts';

/** Each sentence of a published policy that binds the vault is answered by a rule of its profile, in its own words. */

interface Clause {
  readonly id: string;
  readonly profile: string;
  readonly scope: 'vault' | 'part' | 'not_this_service';
  readonly phrase: string;
}

const document = new URL('../../../../shared/domain/clauses.json', import.meta.url);
const present = existsSync(document);
if (!present) process.stdout.write('skipped: the list of clauses is not beside this checkout\n');
const clauses: readonly Clause[] = present
  ? (JSON.parse(readFileSync(document, 'utf8')) as { clauses: Clause[] }).clauses
  : [];

const binding = (name: ShippedName): string[] =>
  clauses.filter(({ profile, scope }) => profile === name && scope !== 'not_this_service').map(({ id }) => id);

/** Joiners were lost on the way to the list; spaces and stops at the end do not matter. */
const plain = (text: string): string =>
  text
    .replace(/[\u200B-\u200F\u00AD]/g, '')
    .replace(/\s+/g, ' ')
    .trim();

/** What the file quotes, also across the lines of a comment, in pieces where words were left out. */
function quotations(text: string): string[] {
  const flowing = text.replace(/\n *# /g, ' ');
  return [...flowing.matchAll(/«([^»]*)»/g)].flatMap(([, quoted = '']) => quoted.split('...').map(plain));
}

function notInThePolicy(text: string, name: ShippedName): string[] {
  const phrases = clauses.filter(({ profile }) => profile === name).map(({ phrase }) => plain(phrase));
  return quotations(text).filter((quoted) => !phrases.some((phrase) => phrase.includes(quoted)));
}

/** Sentences that an explanation would give as those of a clause that does not say them, or not so near to it. */
function misplaced(text: string): string[] {
  return [...quotationsIn(text)].flatMap(([id, sentences]) => {
    const phrase = plain(clauses.find((clause) => clause.id === id)?.phrase ?? '');
    const isOf = (piece: string) => phrase.includes(plain(piece));
    return sentences.filter((sentence) => !sentence.split('...').every(isOf)).map((sentence) => `${id} ${sentence}`);
  });
}

// Words of the law and of other policies that a comment weighs, and words of the text that the list does not carry.
const elsewhere: Readonly<Record<ShippedName, readonly string[]>> = {
  kalak: ['بدون اعلان قبلی'],
  khakriz: [],
  citra: [],
  ito: ['تارنما', 'درگاه'],
  imo: [],
};

describe.skipIf(!present)('the published clauses', () => {
  test('are 132: 98 in scope, 8 in part, 26 not for this service', () => {
    const count = (scope: Clause['scope']) => clauses.filter((clause) => clause.scope === scope).length;
    expect([clauses.length, count('vault'), count('part'), count('not_this_service')]).toEqual([132, 98, 8, 26]);
    expect(new Set(clauses.map(({ profile }) => profile))).toEqual(new Set(shippedNames));
  });

  test.each(shippedNames)('%s: a rule for every clause that binds, and no rule cites another', (name) => {
    const codes = checkProfile(shipped[name], { clauseIds: binding(name) }).map(({ code, message }) => [code, message]);
    expect(codes.filter(([code = '']) => code.startsWith('clause_'))).toEqual([]);
  });

  test.each(shippedNames)('control: %s without the rules of one clause leaves it unanswered', (name) => {
    for (const id of binding(name)) {
      const others = binding(name).filter((other) => other !== id);
      const found = checkProfile(shipped[name], { clauseIds: others });
      expect(found.filter(({ code }) => code === 'clause_unknown').map(({ message }) => message)).toEqual([
        expect.stringContaining(id),
      ]);
    }
  });

  test.each(shippedNames)('%s quotes its own policy, word for word', (name) => {
    expect(quotations(textOf(name)).length).toBeGreaterThan(8);
    expect(notInThePolicy(textOf(name), name).filter((quoted) => !elsewhere[name].includes(quoted))).toEqual([]);
  });

  test.each(shippedNames)('%s: what an explanation quotes of a clause is of that clause', (name) => {
    expect(quotationsIn(textOf(name)).size).toBeGreaterThan(8);
    expect(misplaced(textOf(name))).toEqual([]);
  });

  test('control: a sentence of another clause is found', () => {
    expect(misplaced('# C8, C10 «بهطور مستمر مورد پایش»')).toEqual(['C8 بهطور مستمر مورد پایش']);
  });

  test('control: a word that the policy does not have is found', () => {
    expect(notInThePolicy('# C5 «تمامی اطلاعات\n# به دیگران»', 'citra')).toEqual(['تمامی اطلاعات به دیگران']);
  });
});

describe('the reasons', () => {
  test.each(shippedNames)('%s: what no clause asks for says why, in its own words', (name) => {
    const decided = citations(shipped[name]).filter(({ clauses: cited }) => cited.includes('D'));
    expect(decided.length).toBeGreaterThan(5);
    for (const { pointer, why } of decided) expect(why?.length, pointer).toBeGreaterThan(5);
  });

  test.each(shippedNames)('%s cites the clauses of its own policy only', (name) => {
    const letters = { kalak: 'E', khakriz: 'D', citra: 'C', ito: 'B', imo: 'A' } as const;
    const cited = new Set(citations(shipped[name]).flatMap(({ clauses: ids }) => ids));
    expect([...cited].filter((id) => id !== 'D' && !id.startsWith(letters[name]))).toEqual([]);
  });
});
