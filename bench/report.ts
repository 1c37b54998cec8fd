import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { noisy, type Row } from './measure.ts';
import type { Figure } from './figures.ts';
import { plot } from './plot.ts';

export interface Results {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly customers: number;
  readonly rows: readonly Row[];
  readonly figures: readonly Figure[];
}

export function machine(postgres: string): Results['machine'] {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    postgres,
    date: new Date().toISOString(),
  };
}

const number = (value: number, digits = 2): string => value.toFixed(digits);

export const lineOf = (r: Row): string =>
  [
    r.work,
    `${r.connections}`,
    `${r.processes}`,
    `**${number(r.ratio)}**`,
    r.goal === undefined ? '' : number(r.goal),
    r.least === undefined ? '' : number(r.least),
    `${number(r.spread)}${r.spread > noisy ? ' noisy' : ''}`,
    `${number(r.floor.rate, 0)} / ${number(r.vault.rate, 0)}`,
    `${number(r.floor.p50, 1)} / ${number(r.vault.p50, 1)}`,
    `${number(r.floor.p99, 0)} / ${number(r.vault.p99, 0)}`,
  ]
    .join(' | ')
    .replace(/^.*$/, '| $& |');

const heads = ['work', 'conn.', 'proc.', 'ratio', 'goal', 'least', 'spread', 'records/s', 'p50 ms', 'p99 ms'];

export function table({ rows, figures }: Results): string {
  const lines = [`| ${heads.join(' | ')} |`, `|${' --- |'.repeat(heads.length)}`, ...rows.map(lineOf)];
  const counted = figures.map(({ name, value, unit, goal }) => `| ${name} | ${value} ${unit} | ${goal ?? ''} |`);
  return [...lines, '', '| figure | value | goal |', '| --- | --- | --- |', ...counted].join('\n');
}

/** What a reader has to know before believing a row. */
export function judgement({ rows }: Results): string {
  const shaky = rows.filter((row) => row.spread > noisy);
  const short = rows.filter((row) => row.least !== undefined && row.ratio < row.least && row.spread <= noisy);
  const noise =
    shaky.length === 0
      ? 'The machine was quiet enough to judge every row.'
      : `The machine was too noisy to judge ${shaky.length} of ${rows.length} rows: run again.`;
  const under =
    short.length === 0 ? 'None lies under its least.' : `Under their least: ${short.map(labelOf).join('; ')}.`;
  return `${noise} ${under}`;
}

const labelOf = ({ work, connections, processes }: Row): string =>
  `${work} (${connections} connections, ${processes} process${processes === 1 ? '' : 'es'})`;

/** `results.json`, a readable table beside it and a plot; `folder` is made. */
export async function writeResults(folder: string, results: Results): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/results.json`, `${JSON.stringify(results, undefined, 2)}\n`);
  await writeFile(`${folder}/results.md`, `${table(results)}\n\n${judgement(results)}\n`);
  await writeFile(`${folder}/results.svg`, plot(results.rows));
}
