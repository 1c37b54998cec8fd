import { parentPort } from 'node:worker_threads';
import { sealRecord, type Sealed, type SealOrder } from '../crypto/recordSeal.ts';
import type { SealingDone, SealingOrder } from './sealing.ts';

/** The thread of sealing.ts: it seals what it is handed, and keeps nothing. */
parentPort?.on('message', ({ n, orders }: SealingOrder) => {
  const sealed = orders.map(sealedOrNot);
  const parts = sealed.flatMap((one) => (one === undefined ? [] : [one.digest, one.wrapped, one.sealed]));
  // Memory of its own, which goes to the other thread without being copied.
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const done: SealingDone = { n, bytes, lengths: sealed.map((one) => one && [one.wrapped.length, one.sealed.length]) };
  parentPort?.postMessage(done, [bytes.buffer]);
});

function sealedOrNot(order: SealOrder): Sealed | undefined {
  try {
    return sealRecord(order);
  } catch {
    return undefined;
  }
}
