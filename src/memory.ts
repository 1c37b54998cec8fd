import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

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
