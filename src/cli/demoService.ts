import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FirstRun } from '../prepare.ts';
import { ServiceFault } from './service.ts';

/** A service of its own, in a folder that goes when it goes. */
export interface DemoService {
  readonly dataDir: string;
  readonly firstRun: FirstRun;
  /** Milliseconds until it served. */
  readonly startedIn: number;
  /** Resolves when it ends, by itself or because it was stopped. */
  readonly ended: Promise<void>;
  /** Ends the service in order and deletes its folder. */
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('../main.js', import.meta.url));

/** Starts `dist/main.js` on the embedded PostgreSQL, whatever the environment says about another vault. */
export async function startDemoService(env: NodeJS.ProcessEnv): Promise<DemoService> {
  const dataDir = await mkdtemp(join(tmpdir(), 'amanat-demo-'));
  const began = performance.now();
  const child = spawn(process.execPath, [program], {
    env: demoEnvironment(env, dataDir),
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C reaches everybody in the foreground; the service is stopped by us, once.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await listening(child, join(dataDir, 'service.log'));
    const firstRun = JSON.parse(await readFile(join(dataDir, 'first-run.json'), 'utf8')) as FirstRun;
    return { dataDir, firstRun, startedIn: Math.round(performance.now() - began), ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function demoEnvironment(env: NodeJS.ProcessEnv, dataDir: string): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('AMANAT_') && name !== 'NODE_ENV');
  return { ...Object.fromEntries(kept), AMANAT_DATA_DIR: dataDir, AMANAT_PORT: env['AMANAT_PORT'] ?? '0' };
}

/** Resolves when the service says that it listens; its log goes to a file. Rejects with what it said when it ends first. */
function listening(child: ChildProcess, logFile: string): Promise<void> {
  const log = createWriteStream(logFile, { mode: 0o600 });
  let complaint = '';
  child.stderr?.on('data', (piece: Buffer) => (complaint = `${complaint}${piece.toString()}`.slice(-2_000)));
  return new Promise((resolve, reject) => {
    child.once('close', () =>
      reject(new ServiceFault('unavailable', `The service did not start.\n${complaint.trim()}`)),
    );
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(`${line}\n`);
      if (line.includes('"event":"listening"')) resolve();
    });
  });
}
