import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drawNonce } from '../../../src/crypto/randomPool.ts';
import { compiled } from '../keys/compiled.ts';

const draws = 2000;
let folder = '';
beforeAll(() => {
  folder = compiled('crypto/randomPool.ts');
});
afterAll(() => rmSync(folder, { recursive: true }));

function repeats(nonces: readonly string[]): number {
  return nonces.length - new Set(nonces).size;
}

test('no nonce is drawn twice, over many refills of the pool', () => {
  const nonces = Array.from({ length: 100_000 }, () => drawNonce().toString('hex'));
  expect(nonces.every((nonce) => nonce.length === 24)).toBe(true);
  expect(repeats(nonces)).toBe(0);
  // Control: one planted twice is found.
  expect(repeats([...nonces, nonces[77] ?? ''])).toBe(1);
});

test('a nonce that was handed out does not change when the pool is refilled', () => {
  const nonce = drawNonce();
  const before = nonce.toString('hex');
  for (let i = 0; i < 2000; i++) drawNonce();
  expect(nonce.toString('hex')).toBe(before);
});

test('processes forked and threads started while the pool is half used draw nonces of their own', async () => {
  const program = join(folder, 'draw.js');
  writeFileSync(
    program,
    `import { parentPort, workerData } from 'node:worker_threads';
     import { fork } from 'node:child_process';
     import { drawNonce } from './crypto/randomPool.js';
     const draw = () => Array.from({ length: ${draws} }, () => drawNonce().toString('hex'));
     const grandchild = process.argv[2] === 'child';
     const mine = draw();
     if (parentPort) parentPort.postMessage(mine);
     else if (grandchild) process.send(mine);
     else fork(process.argv[1], ['child']).on('message', (theirs) => process.send([...mine, ...theirs, ...draw()]));`,
  );
  const mine = Array.from({ length: 100 }, () => drawNonce().toString('hex'));
  const forks = Array.from({ length: 2 }, async () => once(fork(program), 'message'));
  const threads = Array.from({ length: 2 }, async () => once(new Worker(program), 'message'));
  const theirs = (await Promise.all([...forks, ...threads])).flatMap(([nonces]) => nonces as string[]);
  expect(theirs).toHaveLength(2 * 3 * draws + 2 * draws);
  expect(repeats([...mine, ...theirs])).toBe(0);
});
