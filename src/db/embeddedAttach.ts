import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownerUrl } from './embeddedCluster.ts';

/**
 * The owner's way into an embedded PostgreSQL that a service runs right now, for the operator's command on the same
 * machine; undefined when none runs in the folder. Rests on PostgreSQL's own postmaster.pid (line 1 pid, line 4 port).
 */
export async function runningOwnerUrl(folder: string): Promise<string | undefined> {
  const path = join(folder, 'cluster');
  const lines = (await readFile(join(path, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const port = Number(lines[3]);
  if (!Number.isInteger(port) || port === 0 || !isAlive(Number(lines[0]))) return undefined;
  const ownerPassword = (await readFile(join(folder, 'owner.secret'), 'utf8')).trim();
  return ownerUrl({ path, superuserPassword: '', ownerPassword, fresh: false }, port);
}

function isAlive(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}
