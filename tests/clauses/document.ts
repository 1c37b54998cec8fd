import { existsSync, readFileSync } from 'node:fs';
import { citations } from '../../src/policy/citation.ts';
import { root } from '../unit/house/source.ts';
import { shipped, textOf, type ShippedName } from '../unit/policy/shipped.ts';
import { byNumber, type ClauseTest } from './register.ts';

/** docs/clauses.md: every sentence of the five policies that puts a duty on somebody, and what became of it. */

export const documentPath = `${root}docs/clauses.md`;

export interface Clause {
  readonly id: string;
  readonly profile: ShippedName;
  readonly scope: 'vault' | 'part' | 'not_this_service';
  readonly phrase: string;
  readonly means: string;
  readonly capability: string;
  readonly reason?: string;
}

/** How the tests of the last whole run ended: the ids of those that passed. */
export type Shown = ReadonlySet<string>;

const published = new URL('../../../shared/domain/clauses.json', import.meta.url);

/** The list that the policies were taken apart into; undefined, and a printed line, where it is not beside this checkout. */
export function publishedClauses(): readonly Clause[] | undefined {
  if (existsSync(published)) return (JSON.parse(readFileSync(published, 'utf8')) as { clauses: Clause[] }).clauses;
  process.stdout.write('skipped: the list of clauses is not beside this checkout\n');
  return undefined;
}

const policies: readonly (readonly [letter: string, ShippedName])[] = [
  ['A', 'imo'],
  ['B', 'ito'],
  ['C', 'citra'],
  ['D', 'khakriz'],
  ['E', 'kalak'],
];

/** The whole document. Its tables are not aligned: nobody writes them, and aligned they are mostly spaces. */
export function clausesDocument(clauses: readonly Clause[], tests: readonly ClauseTest[], shown: Shown): string {
  const rows = clauses.map((clause) => rowOf(clause, tests, shown));
  const count = (status: Row['status']) => rows.filter((row) => row.status === status).length;
  const open = rows.filter(({ status }) => status === 'open');
  return [
    '# The clauses of the five policies',
    '',
    'Made by `npm run clauses` from the clauses, the profiles and a run of `tests/clauses/`; not written by hand.',
    '',
    'Each row is a sentence of a published policy that puts a duty on somebody: what it says, what the vault does to make it',
    'true, the rules of the profile that cite it and the source that carries them out, and the test that shows it through HTTP',
    'on a vault running that policy. `shown`: the test asserts the capability and passed. `open`: it is not there, or not',
    'wholly; what is missing is said. `not this service`: the duty is somebody else’s, with the reason.',
    '',
    `${clauses.length} clauses: ${count('shown')} shown, ${count('open')} open, ${count('not this service')} not this service.`,
    '',
    ...(open.length === 0 ? [] : [`Open: ${open.map(({ id }) => id).join(', ')}.`, '']),
    ...policies.flatMap(([letter, name]) => [
      `## ${letter}: ${shipped[name].controller.en} (\`${name}\`)`,
      '',
      '| clause | the policy says | what makes it true | where it is enforced | test | status |',
      '| --- | --- | --- | --- | --- | --- |',
      ...rows.filter(({ profile }) => profile === name).map(lineOf),
      '',
    ]),
  ].join('\n');
}

interface Row {
  readonly id: string;
  readonly profile: ShippedName;
  readonly phrase: string;
  readonly capability: string;
  readonly where: string;
  readonly test: string;
  readonly status: 'shown' | 'open' | 'not this service';
  readonly remark: string | undefined;
}

function rowOf(clause: Clause, tests: readonly ClauseTest[], shown: Shown): Row {
  const { id, profile, phrase, means, capability, scope } = clause;
  const test = tests.find((one) => one.id === id);
  const row = { id, profile, phrase: `«${phrase}» (${means})` };
  if (scope === 'not_this_service') {
    return { ...row, capability: '', where: '', test: '', status: 'not this service', remark: reasonOf(clause) };
  }
  const status = test !== undefined && test.missing === undefined && shown.has(id) ? 'shown' : 'open';
  return {
    ...row,
    capability,
    where: [rulesOf(id, profile), ...(test?.in ?? []).map((path) => `[${nameOf(path)}](../${path})`)].join(', '),
    test: test === undefined ? '' : `[${nameOf(test.file)}](../${test.file}): ${test.shows}`,
    status,
    remark: status === 'open' ? (test?.missing ?? 'no test that passes') : undefined,
  };
}

/** Why it is not this service's, as the list or the profile's first lines say, and what of it holds all the same. */
function reasonOf({ id, profile, reason, capability }: Clause): string {
  const holds = capability.replace(/^None[:;]?\s*/, '');
  const why = reason ?? headerReason(id, profile);
  return [why, holds === '' || holds === why ? undefined : holds].filter(Boolean).join('; ');
}

/** «E27, E29 and E30 (browser side)» in the comment that a profile begins with. */
function headerReason(id: string, name: ShippedName): string | undefined {
  const header = textOf(name).split('\nformat:')[0]?.replace(/\n# ?/g, ' ') ?? '';
  return new RegExp(`\\b${id}\\b[^()]*\\(([^)]*)\\)`).exec(header)?.[1];
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Where the profile cites it, as pointers: all of a section's when they are few, else how many. */
function rulesOf(id: string, name: ShippedName): string {
  const pointers = citations(shipped[name])
    .filter(({ clauses }) => clauses.includes(id))
    .map(({ pointer }) => pointer);
  const sections = [...new Set(pointers.map((pointer) => pointer.split('/')[1] ?? ''))];
  return sections
    .map((section) => {
      const own = pointers.filter((pointer) => pointer.split('/')[1] === section);
      return own.length <= 2
        ? own.map((pointer) => `\`${pointer}\``).join(', ')
        : `\`/${section}\` (${own.length} rules)`;
    })
    .join(', ');
}

function lineOf({ id, phrase, capability, where, test, status, remark }: Row): string {
  const cells = [id, phrase, capability, where, test, remark === undefined ? status : `${status}: ${remark}`];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
}

/** The ids that a document calls shown. */
export function shownIn(document: string): Shown {
  const rows = [...document.matchAll(/^\| ([A-E]\d+) .*\| (\S[^|]*) \|$/gm)];
  return new Set(rows.filter(([, , status]) => status === 'shown').map(([, id = '']) => id));
}

/** The ids that have a row. */
export function listedIn(document: string): readonly string[] {
  return [...document.matchAll(/^\| ([A-E]\d+) /gm)].map(([, id = '']) => id).toSorted(byNumber);
}
