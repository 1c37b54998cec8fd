import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

/**
 * Keeps what is in this process's memory out of files, as far as Node can; what it starts inherits the first two. A core dump
 * holds no memory (Linux: core(5), coredump_filter; it holds for a handler behind a pipe too), and none is written where
 * prlimit of util-linux is there to say so. SIGUSR1 opens no debugger. A diagnostic report, which holds the environment and
 * messages, is written by nobody's mistake. Who may read the memory of a process (root, the same user with ptrace) still may. Once is enough.
 */
export function keepMemoryIn(): void {
  if (process.listenerCount('SIGUSR1') > 0) return;
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // Not Linux, or /proc is not there: `ulimit -c 0` is what is left (docs/operations.md).
  }
  spawnSync('prlimit', ['--core=0:0', '--pid', String(process.pid)], { stdio: 'ignore' });
  process.on('SIGUSR1', () => undefined);
  if (process.report === undefined) return;
  process.report.reportOnFatalError = false;
  process.report.reportOnSignal = false;
  process.report.reportOnUncaughtException = false;
}

/** V8's: how far the old generation grows beyond what the last full collection left of it before the next one. Percent. */
export const heapGrowth = '--heap-growing-percent=100';

/**
 * By itself V8 lets the old generation grow to four times what lives in it: measured, 120 MB of garbage beside 40 MB alive after
 * imports, and nothing takes it away while no request comes. Twice costs no more CPU. It holds for every thread from here on.
 */
export function keepMemorySmall(): void {
  setFlagsFromString(heapGrowth);
}
