import { readdir, readFile } from 'node:fs/promises';
import { Client } from 'pg';
import type { Service } from './processes.ts';

/** What has been spent so far, by the service's process and by the PostgreSQL that it started. */
export interface Spent {
  /** Seconds of CPU, user and system. */
  readonly nodeCpu: number;
  readonly postgresCpu: number;
  /** Pages of 8 KiB that statements looked at, in memory or not. */
  readonly pages: number;
  readonly walBytes: number;
}

/** Hundredths of a second a tick: what Linux tells every program (proc(5), sysconf(_SC_CLK_TCK)). */
const ticks = 100;

interface ProcessTime {
  readonly pid: number;
  readonly parent: number;
  readonly own: number;
  /** Of its children that have ended. */
  readonly ended: number;
}

/** proc(5): after the name in brackets, fields 3 (state), 4 (parent), 14 to 17 (user, system, and those of ended children). */
async function timeOf(pid: number): Promise<ProcessTime | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined) return undefined;
  const at = (field: number): number => Number(fields[field - 3]);
  return { pid, parent: at(4), own: at(14) + at(15), ended: at(16) + at(17) };
}

async function cpuOf(pid: number): Promise<Pick<Spent, 'nodeCpu' | 'postgresCpu'>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = (await Promise.all(pids.map(timeOf))).filter((one) => one !== undefined);
  const below = (parent: number): number =>
    all.filter((one) => one.parent === parent).reduce((sum, one) => sum + one.own + one.ended + below(one.pid), 0);
  const own = all.find((one) => one.pid === pid)?.own ?? Number.NaN;
  return { nodeCpu: own / ticks, postgresCpu: below(pid) / ticks };
}

export interface Meter {
  read(): Promise<Spent>;
  close(): Promise<void>;
}

/** Reads what a service has spent; its own reading is in it, some pages each time. */
export async function openMeter(service: Service, ownerUrl: string): Promise<Meter> {
  const client = new Client({ connectionString: ownerUrl });
  // The vault it looks at may be gone before it.
  client.on('error', () => undefined);
  await client.connect();
  return {
    async read() {
      // Statistics reach the shared view when a backend is idle for a second.
      await client.query('select pg_stat_force_next_flush()');
      await client.query('select pg_stat_clear_snapshot()');
      const { rows } = await client.query<{ pages: number; wal: number }>(
        `select (blks_hit + blks_read)::float8 as pages, (pg_current_wal_lsn() - '0/0')::float8 as wal
           from pg_stat_database where datname = current_database()`,
      );
      return {
        ...(await cpuOf(service.pid)),
        pages: rows[0]?.pages ?? Number.NaN,
        walBytes: rows[0]?.wal ?? Number.NaN,
      };
    },
    close: () => client.end(),
  };
}

export function difference(from: Spent, to: Spent): Spent {
  return {
    nodeCpu: to.nodeCpu - from.nodeCpu,
    postgresCpu: to.postgresCpu - from.postgresCpu,
    pages: to.pages - from.pages,
    walBytes: to.walBytes - from.walBytes,
  };
}
