import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { EmbeddedFault } from './embeddedFault.ts';
import type { FolderLock } from './embeddedLock.ts';
import type { SupervisorEvent, SupervisorOrder } from './embeddedSupervisor.ts';
import { bareEnvironment } from './embeddedUser.ts';
import { stopLeftover } from './postmaster.ts';
import { identify } from './processIdentity.ts';

/** A running embeddedSupervisor.ts. */
export interface Supervisor {
  readonly pid: number;
  /** Of PostgreSQL; another one after it was started again. */
  postmasterPid(): number;
  /** Resolves when PostgreSQL has stopped. */
  end(): Promise<void>;
  /** Calls back when the supervisor is gone without `end`, once PostgreSQL is stopped too. */
  onExit(callback: () => void): void;
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

const startPatienceMs = 300_000;

/** Starts PostgreSQL under its supervisor; resolves when it accepts connections. Throws `EmbeddedFault` start_failed. */
export async function supervise(
  order: SupervisorOrder,
  lock: FolderLock,
  log: (event: SupervisorEvent) => void,
): Promise<Supervisor> {
  const child = spawnSupervisor(order.logFile);
  const pid = child.pid ?? 0;
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let postmaster = 0;
  let ending = false;
  const end = async (): Promise<void> => {
    ending = true;
    // Someone waits now: until it is over, the process may not run out of work.
    keepAlive(child, true);
    child.stdin.end();
    await exited;
  };
  // Before PostgreSQL is started, so that a successor knows whom to wait for.
  const identity = identify(pid);
  if (identity !== undefined) await lock.record(identity);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as SupervisorEvent;
    if (event.event === 'ready') postmaster = event.pid;
    log(event);
    child.emit(event.event);
  });
  child.stdin.write(`${JSON.stringify(order)}\n`);
  if (!(await becomesReady(child))) {
    await end();
    throw new EmbeddedFault('start_failed', `PostgreSQL does not start; its own words are in ${order.logFile}.`);
  }
  keepAlive(child, false);
  const callbacks: (() => void)[] = [];
  const watch = async (): Promise<void> => {
    await exited;
    if (ending) return;
    await stopLeftover(order.cluster).catch(() => undefined);
    for (const callback of callbacks) callback();
  };
  void watch();
  return { pid, postmasterPid: () => postmaster, end, onExit: (callback) => void callbacks.push(callback) };
}

function spawnSupervisor(logFile: string): Child {
  const log = openSync(logFile, 'a', 0o600);
  try {
    // Its own session: Ctrl-C in the terminal is for the service, which then ends it in order.
    const child = spawn(process.execPath, ['--max-old-space-size=64', supervisorScript()], {
      detached: true,
      env: bareEnvironment,
      cwd: '/',
      stdio: ['pipe', 'pipe', log],
    }) as unknown as Child;
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    return child;
  } finally {
    closeSync(log);
  }
}

/** Node starts JavaScript only, so from the sources (tests) it is the built one. */
function supervisorScript(): string {
  const place = import.meta.url.endsWith('.ts') ? '../../dist/db/embeddedSupervisor.js' : './embeddedSupervisor.js';
  const script = fileURLToPath(new URL(place, import.meta.url));
  if (!existsSync(script)) throw new EmbeddedFault('start_failed', `${script} is missing: run npm run build first.`);
  return script;
}

async function becomesReady(child: Child): Promise<boolean> {
  return new Promise((resolve) => {
    const patience = setTimeout(() => resolve(false), startPatienceMs);
    for (const event of ['ready', 'failed', 'close']) {
      child.once(event, () => {
        clearTimeout(patience);
        resolve(event === 'ready');
      });
    }
  });
}

/** Without it, a program that forgets to stop PostgreSQL still ends, and ends PostgreSQL by that. */
function keepAlive(child: Child, alive: boolean): void {
  const streams = [child.stdin, child.stdout] as unknown as readonly { ref(): void; unref(): void }[];
  for (const handle of [child, ...streams]) {
    if (alive) handle.ref();
    else handle.unref();
  }
}
