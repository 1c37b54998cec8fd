import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { heapGrowth } from '../../src/memory.ts';

/** V8 says on stderr which of its settings it does not know, and goes on: a newer Node's would leave the process without its bound. */
function saidOf(flag: string): string {
  const program = `require('node:v8').setFlagsFromString(${JSON.stringify(flag)})`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  expect(status).toBe(0);
  return stderr;
}

test('this Node knows the setting that bounds the garbage of a process', () => {
  expect(saidOf(heapGrowth)).toBe('');
  // The control.
  expect(saidOf(heapGrowth.replace('percent', 'share'))).toContain('--heap-growing-share');
});
