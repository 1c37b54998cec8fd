import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attachedKinds } from '../../src/db/attachedWords.ts';
import { ownRecordKinds, selectMacRows } from '../../src/db/integritySweep.ts';
import { keyPlaceNames, rewrapKeys, selectKeyPage, selectKeyVersions } from '../../src/db/keyPlaces.ts';
import { resignRows, selectSignedPage } from '../../src/db/macTurn.ts';
import { ownPlaceNames, renewOwnKey, selectOlderOwn, selectOwn, type OwnPlaceName } from '../../src/db/ownKeys.ts';
import {
  attachedOf,
  renewKey,
  renewWords,
  selectFormerOf,
  selectTurned,
  selectTurnedOf,
  selectTurnPage,
  selectWordsOf,
} from '../../src/db/recordTurn.ts';
import { keptTables } from '../../src/db/recordStandings.ts';
import type { Statement } from '../../src/db/statement.ts';
import type { RowKind } from '../../src/vault/rowMac.ts';
import { rowMembers } from '../../src/vault/rowMembers.ts';

/** Every SQL statement that src/db can make, made. */

const folder = fileURLToPath(new URL('../../src/db/', import.meta.url));

/** Stands for whatever a statement is made of: any member, any list of one, any text. */
const anything: unknown = new Proxy(() => undefined, {
  get(_, name) {
    if (name === Symbol.toPrimitive || name === 'toString') return () => 'x';
    if (name === 'map') return (make: (item: unknown, i: number) => unknown) => [make(anything, 0)];
    if (name === 'length') return 1;
    return anything;
  },
  apply: () => anything,
});

const isStatement = (made: unknown): made is Statement =>
  typeof made === 'object' && made !== null && 'name' in made && 'text' in made && 'values' in made;

export interface Source {
  readonly file: string;
  /** As written; a name that is put together ends where its changing part begins. */
  readonly names: readonly string[];
}

/** Which statements the sources name. */
export function namedStatements(): readonly Source[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const calls = text.matchAll(/\bstatement(?:<(?:[^()]|\n)*?>)?\(\s*(['`])([a-z_]+)/g);
      return { file, names: [...calls].map((call) => call[2] ?? '') };
    })
    .filter(({ names }) => names.length > 0);
}

type Build = (...given: readonly unknown[]) => unknown;

/** A statement about one of several tables is made for each of them. */
const kinds = ['customers', 'orders', 'invoices', ...ownRecordKinds, ...attachedKinds, ...keptTables];
const argumentsAtMost = 10;

function statementsOf(build: Build): readonly Statement[] {
  const call = (at: number, word: unknown): readonly Statement[] => {
    const given = Array.from({ length: argumentsAtMost }, (_, i) => (i === at ? word : anything));
    const result = build(...given);
    return (Array.isArray(result) ? result : [result]).filter(isStatement);
  };
  const plain = call(-1, undefined);
  if (!plain.some(({ text }) => text.includes('undefined'))) return plain;
  const worded = Array.from({ length: 3 }, (_, at) => kinds.flatMap((kind) => call(at, kind))).flat();
  return worded.filter(({ text }) => !text.includes('undefined'));
}

const ofAnyTable = new Set<unknown>([
  selectMacRows,
  selectKeyPage,
  selectKeyVersions,
  rewrapKeys,
  selectSignedPage,
  resignRows,
  selectTurnPage,
  selectTurnedOf,
  selectTurned,
  selectFormerOf,
  selectWordsOf,
  renewKey,
  renewWords,
  selectOlderOwn,
  selectOwn,
  renewOwnKey,
]);

/** What turns keys over, for every place where a key or a MAC stands. */
function turning(): readonly Statement[] {
  const places = keyPlaceNames.flatMap((name) => [
    selectKeyPage('x', name, 1, undefined, 1),
    selectKeyVersions('x', name, undefined, 1),
    rewrapKeys('x', name, 1, []),
  ]);
  const kindsSigned = Object.keys(rowMembers) as RowKind[];
  const signed = kindsSigned.flatMap((kind) => [
    selectSignedPage('x', kind, Object.keys(rowMembers[kind]), [], undefined, 1),
    resignRows('x', kind, [], []),
  ]);
  return [...places, ...signed, ...renewing(), ...ownPlaceNames.flatMap(renewingOwn)];
}

function renewingOwn(name: OwnPlaceName): readonly Statement[] {
  const [at, none] = [new Date(0), Buffer.alloc(0)];
  const was = { id: 'x', customerId: null, version: 1, keyVersion: 1, dataKey: none, value: none, k0: 'x' };
  return [
    selectOlderOwn('x', name, at, undefined, 1, undefined),
    selectOwn('x', name, at, 'x'),
    renewOwnKey('x', name, { was, dataKey: none, keyVersion: 1, commitment: none, value: none }, at),
  ];
}

function renewing(): readonly Statement[] {
  const [at, none] = [new Date(0), Buffer.alloc(0)];
  const record = { id: 'x', was: { dataKey: none, version: 1 }, dataKey: none, keyVersion: 1, commitment: none };
  return (['customers', 'orders'] as const).flatMap((kind) => [
    selectTurnPage('x', kind, at, undefined, 1),
    selectTurnedOf('x', kind, at, 'x'),
    selectTurned('x', kind, at, 'x'),
    selectFormerOf('x', kind, 'x'),
    ...selectWordsOf('x', kind, 'x'),
    renewKey('x', kind, { ...record, sealed: none, former: [] }, at),
    ...attachedOf[kind].flatMap((table) => renewWords('x', table, [{ id: 'x', part: 'x', was: none, sealed: none }])),
  ]);
}

/** Calls every function of src/db that returns statements. */
export async function everyStatement(): Promise<readonly Statement[]> {
  const made = new Map<string, Statement>();
  for (const { file } of namedStatements()) {
    const module = (await import(join(folder, file))) as Readonly<Record<string, unknown>>;
    for (const build of Object.values(module)) {
      if (typeof build !== 'function' || !build.toString().includes('statement')) continue;
      // Of tables that it does not name itself: made below for each of them.
      if (ofAnyTable.has(build)) continue;
      if (build.constructor.name === 'AsyncFunction') continue;
      for (const one of statementsOf(build as Build)) made.set(one.text, one);
    }
  }
  for (const kind of Object.keys(rowMembers) as RowKind[]) {
    const one = selectMacRows('x', kind, Object.keys(rowMembers[kind]), undefined, 1);
    made.set(one.text, one);
  }
  for (const one of turning()) made.set(one.text, one);
  return [...made.values()];
}
