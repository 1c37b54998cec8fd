import { citations } from '../../src/policy/citation.ts';
import { filesBelow } from '../unit/house/source.ts';
import { shipped, shippedNames, type ShippedName } from '../unit/policy/shipped.ts';

/** One test of a clause, as its file says. */
export interface ClauseTest {
  readonly id: string;
  readonly shows: string;
  readonly in: readonly string[];
  readonly missing: string | undefined;
  /** From the project's root. */
  readonly file: string;
}

/** The clauses that bind the vault are those that the shipped policies answer with a rule. */
export function bindingClauses(name: ShippedName): readonly string[] {
  const cited = new Set(citations(shipped[name]).flatMap(({ clauses }) => clauses));
  cited.delete('D');
  return [...cited].toSorted(byNumber);
}

export const everyBindingClause = (): readonly string[] => shippedNames.flatMap(bindingClauses).toSorted(byNumber);

/** A2 before A10, A before B. */
export function byNumber(a: string, b: string): number {
  return a.charCodeAt(0) - b.charCodeAt(0) || Number(a.slice(1)) - Number(b.slice(1));
}

/** Every test that `clause` makes below tests/clauses. Throws for a call whose facts are no plain literals. */
export function clauseTests(): readonly ClauseTest[] {
  return filesBelow(['tests/clauses'], /\.test\.ts$/).flatMap(({ path, text }) => testsIn(path, text));
}

const call = /^clause\(/gm;
const literal = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/.source;
const facts = new RegExp(
  `^clause\\(\\s*'([^']*)',\\s*\\{\\s*shows:\\s*(${literal}),\\s*in:\\s*\\[([^\\]]*)\\],?(?:\\s*missing:\\s*(${literal}),?)?\\s*\\}`,
  'gm',
);

/** Each `clause(…)` of one file. */
export function testsIn(file: string, text: string): readonly ClauseTest[] {
  const found = [...text.matchAll(facts)].map(([, id = '', shows = '', sources = '', missing]) => ({
    id,
    shows: unquoted(shows),
    in: [...sources.matchAll(/'([^']+)'/g)].map(([, source = '']) => source),
    missing: missing === undefined ? undefined : unquoted(missing),
    file,
  }));
  if (found.length !== [...text.matchAll(call)].length)
    throw new Error(
      `${file}: a clause whose id, shows, in and missing are not written as plain literals, in this order`,
    );
  return found;
}

function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/g, '$1');
}

/** What is wrong with a set of tests: an id that is there twice, or that no policy answers. */
export function faultsOf(tests: readonly ClauseTest[], binding: readonly string[]): readonly string[] {
  const known = new Set(binding);
  const ids = tests.map(({ id }) => id);
  return [
    ...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `${id}: tested twice`),
    ...ids
      .filter((id) => !known.has(id))
      .map((id) => `${id}: no policy has such a clause, or it does not bind the vault`),
  ];
}

/** The clauses that nobody has shown yet. */
export function openClauses(tests: readonly ClauseTest[], binding: readonly string[]): readonly string[] {
  const shown = new Set(tests.map(({ id }) => id));
  return binding.filter((id) => !shown.has(id));
}
