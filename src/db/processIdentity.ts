import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, platform } from 'node:os';

/** A process for certain: pids are used again, a pid with its start time is not. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start: string;
}

/** `undefined` when the process is gone, or dead and only waits to be reaped. */
export function identify(pid: number): ProcessIdentity | undefined {
  const start = platform() === 'linux' ? linuxStart(pid) : portableStart(pid);
  return start === undefined ? undefined : { pid, start };
}

export function isRunning(known: ProcessIdentity): boolean {
  return identify(known.pid)?.start === known.start;
}

/** Pids of one space are comparable; another boot or another container counts its own. */
export function pidSpace(): string {
  if (platform() !== 'linux') return hostname();
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
}

/** proc_pid_stat(5): field 3 is the state, 22 the start in clock ticks since boot; field 2 may hold spaces and brackets. */
function linuxStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function portableStart(pid: number): string | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
  } catch {
    return undefined;
  }
}
