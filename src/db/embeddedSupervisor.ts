/**
 * A process of its own, between the service and PostgreSQL: starts PostgreSQL, starts it again should it die, and stops
 * it as soon as its standard input ends, which is when the service stops or is killed. Speaks a line of JSON an event on
 * standard output. Runs nothing but what its first line of input says.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { readPostmasterFile } from './postmaster.ts';

/** The first and only line of input. */
export interface SupervisorOrder {
  readonly command: readonly string[];
  readonly ids?: { readonly uid: number; readonly gid: number };
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cluster: string;
  readonly logFile: string;
}

export type SupervisorEvent =
  | { readonly event: 'ready'; readonly pid: number }
  | { readonly event: 'exited'; readonly code: number | null; readonly signal: string | null }
  | { readonly event: 'failed' };

const pollMs = 10;
/**
 * A killed PostgreSQL holds its shared memory until its last process is gone: 20 tries, about 15 s, at a first start. One
 * that has run is tried as long as the service lives: its disk may be full, and be freed.
 */
const mostAttempts = 20;
const longestPauseMs = 1_000;
const fastPatienceMs = 30_000;

let stopping = false;
let hasRun = false;
let child: ChildProcess | undefined;

function tell(event: SupervisorEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function start(order: SupervisorOrder, attempt: number): void {
  const [command = '', ...args] = order.command;
  const log = openSync(order.logFile, 'a', 0o600);
  const started = spawn(command, args, {
    ...order.ids,
    env: { ...order.environment },
    cwd: '/',
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child = started;
  let ready = false;
  const poll = setInterval(() => {
    const file = readPostmasterFile(order.cluster);
    if (file?.pid !== started.pid || !file?.ready) return;
    ready = true;
    hasRun = true;
    clearInterval(poll);
    tell({ event: 'ready', pid: file.pid });
  }, pollMs);
  started.once('error', () => undefined);
  started.once('close', (code, signal) => {
    clearInterval(poll);
    tell({ event: 'exited', code, signal });
    startAgain(order, ready ? 1 : attempt + 1);
  });
}

function startAgain(order: SupervisorOrder, attempt: number): void {
  if (stopping) process.exit(0);
  if (attempt > mostAttempts && !hasRun) {
    tell({ event: 'failed' });
    process.exit(1);
  }
  child = undefined;
  setTimeout(() => start(order, attempt), Math.min(longestPauseMs, 50 * 2 ** Math.min(attempt - 1, 10)));
}

/** SIGINT is a fast shutdown: open transactions are rolled back. SIGQUIT leaves the rest to recovery at the next start. */
function stop(): void {
  if (stopping) return;
  stopping = true;
  if (child === undefined) process.exit(0);
  child.kill('SIGINT');
  setTimeout(() => child?.kill('SIGQUIT'), fastPatienceMs);
}

// Ctrl-C and service managers signal everybody; the service finishes its work first and then ends our input.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.stdout.on('error', () => undefined);
const input = createInterface({ input: process.stdin });
input.once('line', (line) => start(JSON.parse(line) as SupervisorOrder, 1));
input.once('close', stop);
