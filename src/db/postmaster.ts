import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EmbeddedFault } from './embeddedFault.ts';
import { identify, isRunning, type ProcessIdentity } from './processIdentity.ts';

/** postmaster.pid (PostgreSQL source, miscadmin.h): line 1 the pid, line 8 the status, padded with spaces. */
export interface PostmasterFile {
  readonly pid: number;
  readonly ready: boolean;
}

const fastPatienceMs = 30_000;
const immediatePatienceMs = 10_000;

export function readPostmasterFile(cluster: string): PostmasterFile | undefined {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), ready: lines[7]?.trim() === 'ready' };
  } catch {
    return undefined;
  }
}

/**
 * Stops the PostgreSQL that a killed supervisor left behind, and removes a postmaster.pid whose pid another program has
 * by now, which PostgreSQL itself would take for a running server. Throws `EmbeddedFault` orphan_running.
 */
export async function stopLeftover(cluster: string): Promise<void> {
  const file = readPostmasterFile(cluster);
  const running = file === undefined ? undefined : identify(file.pid);
  if (running === undefined) return;
  if (worksIn(running.pid, cluster)) {
    if (await ends(running, 'SIGINT', fastPatienceMs)) return;
    if (await ends(running, 'SIGQUIT', immediatePatienceMs)) return;
    throw new EmbeddedFault(
      'orphan_running',
      `PostgreSQL (process ${running.pid}) still runs in ${cluster} and does not stop. End it first.`,
    );
  }
  // Never while a server process of the old run may still write.
  if (platform() === 'linux' && !hasInhabitant(cluster)) await rm(join(cluster, 'postmaster.pid'), { force: true });
}

async function ends(running: ProcessIdentity, signal: NodeJS.Signals, patienceMs: number): Promise<boolean> {
  try {
    process.kill(running.pid, signal);
  } catch {
    // Gone meanwhile, or not ours to end: the wait tells.
  }
  const giveUpAt = performance.now() + patienceMs;
  while (isRunning(running) && performance.now() < giveUpAt) await pause(20);
  return !isRunning(running);
}

/** Every process of PostgreSQL works in its cluster's folder. */
function worksIn(pid: number, cluster: string): boolean {
  if (platform() !== 'linux') return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(cluster);
  } catch {
    return false;
  }
}

function hasInhabitant(cluster: string): boolean {
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && worksIn(Number(name), cluster));
}
