import { readFile, stat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { amountOf } from '../src/amount.ts';
import { load, type Work } from './load.ts';
import type { Row } from './measure.ts';
import { startService, type Service } from './processes.ts';
import { sealingRatio } from './sealing.ts';

/** What is no ratio of records a second. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: string;
}

/** Megabytes that the process of the service holds now, without PostgreSQL's. */
export async function memoryOf({ pid }: Service): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** The most it holds while `doing` lasts. */
export async function mostMemory<T>(
  service: Service,
  doing: () => Promise<T>,
): Promise<{ result: T; megabytes: number }> {
  let megabytes = await memoryOf(service);
  const timer = setInterval(() => void memoryOf(service).then((now) => (megabytes = Math.max(megabytes, now))), 250);
  const result = await doing().finally(() => clearInterval(timer));
  return { result, megabytes };
}

/** Bytes on disk for each row, with indexes and what is stored out of line. */
export async function sizes(ownerUrl: string): Promise<readonly Figure[]> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  await client.query('vacuum analyze');
  const { rows } = await client.query<{ name: string; bytes: number; rows: number }>(
    `select t.name, pg_total_relation_size(('amanat.' || t.name)::regclass)::float8 as bytes, n.rows::float8 as rows
       from (values ('customers'), ('audit_leaves')) as t (name)
       join lateral (select case t.name when 'customers' then (select count(*) from amanat.customers)
                                        else (select count(*) from amanat.audit_leaves) end as rows) n on true`,
  );
  const { rows: tags } = await client.query<{ bytes: number }>(
    `select pg_total_relation_size('amanat.index_tags')::float8 as bytes`,
  );
  await client.end();
  const of = (name: string) => rows.find((row) => row.name === name) ?? { bytes: 0, rows: 1 };
  const customers = of('customers');
  const leaves = of('audit_leaves');
  return [
    figure(
      'on disk, a customer with its index tags',
      (customers.bytes + (tags[0]?.bytes ?? 0)) / customers.rows,
      'bytes',
    ),
    figure('on disk, an audit leaf', leaves.bytes / leaves.rows, 'bytes'),
  ];
}

const figure = (name: string, value: number, unit: string, goal?: string): Figure => ({
  name,
  value: Math.round(value),
  unit,
  ...(goal === undefined ? {} : { goal }),
});

/** Times to answer, to the floor's. */
export function latencies(rows: readonly Row[]): readonly Figure[] {
  const of = (connections: number, time: 'p50' | 'p99', goal: string): readonly Figure[] =>
    rows
      .filter((row) => row.work === 'masked read' && row.connections === connections && row.processes === 1)
      .map(({ vault, floor }) =>
        ratio(
          `${time} of a masked read at ${amountOf(connections, 'connection')}, to the floor’s`,
          vault[time] / floor[time],
          goal,
        ),
      );
  return [...of(1, 'p50', '2.0, at most 3.0'), ...of(32, 'p99', '1.3, at most 1.8')];
}

export const sealing = (): Figure =>
  ratio('sealing and opening twelve fields, to bare GCM calls', sealingRatio(), '1.2, at least 0.9');

const ratio = (name: string, value: number, goal: string): Figure => ({
  name,
  value: Math.round(value * 100) / 100,
  unit: '×',
  goal,
});

/** Started again on what is stored: how long it takes, how the first second goes, how late the event loop is under load. */
export async function startedAgain(
  left: Service,
  metricsPort: number,
  workOf: (url: string) => Work,
): Promise<readonly Figure[]> {
  const service = await startService(1, left.folder, metricsPort);
  try {
    const first = await fetchOnce(workOf(service.url));
    const cold = await load(workOf(service.url), 32, 1);
    const warm = await load(workOf(service.url), 32, 2);
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const lag = Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)?.[1] ?? Number.NaN);
    return [
      figure('start on stored data, to listening', service.startMs, 'ms'),
      figure('first read after the start', first, 'ms'),
      figure('masked reads in the first second, of those in a later one', (100 * cold.rate) / warm.rate, '%'),
      figure('event loop delay under load, p99', lag * 1000, 'ms'),
    ];
  } finally {
    await service.stop();
  }
}

async function fetchOnce(work: Work): Promise<number> {
  const began = performance.now();
  const { method, path, headers, body } = work.next();
  const answer = await fetch(work.url + path, {
    method,
    ...(headers && { headers }),
    ...(body === undefined ? {} : { body }),
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`the first read answered ${answer.status}`);
  return performance.now() - began;
}

export async function bytesUnder(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((name) => name.isFile());
  const found = await Promise.all(files.map((file) => stat(join(file.parentPath, file.name)).catch(() => undefined)));
  return found.reduce((sum, file) => sum + (file?.size ?? 0), 0);
}
