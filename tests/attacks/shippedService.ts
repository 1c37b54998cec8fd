import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { login, type TestClient } from '../support/vault.ts';
import { processesOf, signalAll } from './ownCluster.ts';

/** The service as it ships, in a process of its own over a data folder. */
export interface ShippedService {
  readonly url: string;
  readonly admin: TestClient;
  readonly ownerUrl: string;
  /** kill -9. */
  killService(): void;
  /** kill -9 of the postmaster and all its children. */
  killPostgres(): void;
  /** Everything at once, what watches over the rest included. */
  killAll(): void;
  readonly exited: Promise<number | null>;
  stop(): Promise<void>;
}

export interface Exited {
  readonly code: number | null;
  readonly stderr: string;
}

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

function start(environment: Readonly<Record<string, string>>): ChildProcess {
  const env = { PATH: process.env['PATH'], AMANAT_PORT: '0', ...environment };
  return spawn(process.execPath, [main], { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Starts it and says where it listens, or how it ended before that. */
export async function startProcess(
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly child: ChildProcess; readonly outcome: { readonly url: string } | Exited }> {
  const child = start(environment);
  let stderr = '';
  child.stderr?.on('data', (piece: Buffer) => (stderr += piece.toString('utf8')));
  const outcome = await new Promise<{ url: string } | Exited>((resolve) => {
    const { stdout } = child;
    if (stdout === null) throw new Error('no standard output');
    createInterface({ input: stdout }).on('line', (line) => {
      const event = JSON.parse(line) as { event: string; url?: string };
      if (event.event === 'listening') resolve({ url: event.url ?? '' });
    });
    child.once('close', (code) => resolve({ code, stderr }));
  });
  return { child, outcome };
}

export async function startService(dataDir: string): Promise<ShippedService> {
  const { child, outcome } = await startProcess({ AMANAT_DATA_DIR: dataDir });
  if (!('url' in outcome)) throw new Error(`exit ${outcome.code}: ${outcome.stderr}`);
  const { url } = outcome;
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const first = JSON.parse(readFileSync(join(dataDir, 'first-run.json'), 'utf8')) as Record<string, string>;
  const folder = join(dataDir, 'postgres');
  // postmaster.pid: pid, data folder, start, port (PostgreSQL, 66.1).
  const postmaster = () => readFileSync(join(folder, 'cluster', 'postmaster.pid'), 'utf8').split('\n');
  const owner = readFileSync(join(folder, 'owner.secret'), 'utf8').trim();
  return {
    url,
    admin: await login(url, first['clientId'] ?? '', first['clientSecret'] ?? ''),
    ownerUrl: `postgres://amanat_owner:${owner}@127.0.0.1:${postmaster()[3]}/amanat`,
    killService: () => void child.kill('SIGKILL'),
    killPostgres: () => signalAll(Number(postmaster()[0]), 'SIGKILL'),
    killAll() {
      const pid = Number(postmaster()[0]);
      // The service's one child is the supervisor.
      const [service = 0, ...supervisors] = processesOf(child.pid ?? 0);
      for (const one of [service, ...supervisors]) process.kill(one, 'SIGSTOP');
      signalAll(pid, 'SIGKILL');
      for (const one of [...supervisors, service]) process.kill(one, 'SIGKILL');
    },
    exited,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
