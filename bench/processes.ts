import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What comes after `node` where the service is started as shipped: the flags, and the program. */
export const shipped: readonly string[] = commandOf(
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly scripts: { readonly start: string } },
);

function commandOf({ scripts }: { readonly scripts: { readonly start: string } }): readonly string[] {
  const [, words] = /&& node (.+)$/.exec(scripts.start) ?? [];
  if (words === undefined) throw new Error('package.json does not say how the service is started');
  return words.split(' ');
}

/** `npm run bench -- profile create`: where the service spends its time, for Chrome's or any other viewer. */
const profiling = process.argv.includes('profile') ? ['--cpu-prof', '--cpu-prof-dir=dist-bench/profiles'] : [];

export interface Started {
  readonly url: string;
  stop(): Promise<void>;
}

export async function firstLine(child: ChildProcess, fits: (line: string) => string | undefined): Promise<string> {
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
  readonly pid: number;
  /** From the start of the process to `listening`, in milliseconds. */
  readonly startMs: number;
  readonly firstRun: { readonly tenantId: string; readonly clientId: string; readonly clientSecret: string };
  readonly folder: string;
  /** Stops it and takes its folder away. */
  remove(): Promise<void>;
}

/** The service as shipped, in a folder of its own with its embedded PostgreSQL; or once more in a folder it has left. */
export async function startService(workers: number, again?: string, metricsPort?: number): Promise<Service> {
  const folder = again ?? (await mkdtemp(join(tmpdir(), 'amanat-bench-')));
  const began = performance.now();
  const child = spawn(process.execPath, [...profiling, ...shipped], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      AMANAT_PORT: '0',
      AMANAT_DATA_DIR: folder,
      AMANAT_WORKERS: String(workers),
      AMANAT_RATE_LIMIT: '10000000',
      // Tokens outlive a restart on another port.
      AMANAT_ISSUER: 'http://127.0.0.1',
      ...(metricsPort === undefined ? {} : { AMANAT_METRICS_PORT: String(metricsPort) }),
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
    pid: child.pid ?? 0,
    startMs: performance.now() - began,
    firstRun,
    folder,
    stop: () => end(child),
    async remove() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A process beside a running service, on its data: reads that leave no leaf (unaudited.ts). */
export async function startUnaudited({ folder }: Service, ownerUrl: string): Promise<Started> {
  const env = { UNAUDITED_URL: ownerUrl, AMANAT_DATA_DIR: folder, AMANAT_RATE_LIMIT: '10000000' };
  return startBeside('unaudited.js', { ...env, AMANAT_ISSUER: 'http://127.0.0.1' });
}

export async function startFloor(databaseUrl: string, workers = 1): Promise<Started> {
  return startBeside('floor.js', { FLOOR_URL: databaseUrl, FLOOR_WORKERS: String(workers) });
}

/** A program of this folder that prints its port. */
async function startBeside(program: string, env: Readonly<Record<string, string>>): Promise<Started> {
  const child = spawn(process.execPath, [join(root, 'dist-bench/bench', program)], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await firstLine(child, (line) => (/^\d+$/.test(line) ? line : undefined));
  return { url: `http://127.0.0.1:${port}`, stop: () => end(child) };
}
