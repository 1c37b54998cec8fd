import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Started {
  readonly url: string;
  stop(): Promise<void>;
}

async function firstLine(child: ChildProcess, fits: (line: string) => string | undefined): Promise<string> {
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface({ input: child.stdout })) {
    const found = fits(line);
    if (found !== undefined) {
      child.stdout.resume();
      return found;
    }
  }
  throw new Error('the process ended before it was ready');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

export interface Service extends Started {
  readonly firstRun: { readonly tenantId: string; readonly clientId: string; readonly clientSecret: string };
  readonly folder: string;
}

/** The service as shipped, in a folder of its own with its embedded PostgreSQL. */
export async function startService(workers: number): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), 'amanat-bench-'));
  const child = spawn(process.execPath, [join(root, 'dist/main.js')], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      AMANAT_PORT: '0',
      AMANAT_DATA_DIR: folder,
      AMANAT_WORKERS: String(workers),
      AMANAT_RATE_LIMIT: '10000000',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const url = await firstLine(child, (line) => {
    const event = JSON.parse(line) as { event?: string; url?: string; worker?: number };
    return event.event === 'listening' && event.worker === undefined ? event.url : undefined;
  });
  const firstRun = JSON.parse(await readFile(join(folder, 'first-run.json'), 'utf8')) as Service['firstRun'];
  return {
    url,
    firstRun,
    folder,
    async stop() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function startFloor(databaseUrl: string): Promise<Started> {
  const child = spawn(process.execPath, [join(root, 'dist-bench/bench/floor.js')], {
    cwd: root,
    env: { PATH: process.env['PATH'], FLOOR_URL: databaseUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await firstLine(child, (line) => line);
  return { url: `http://127.0.0.1:${port}`, stop: () => end(child) };
}
