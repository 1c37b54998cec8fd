import { parentPort } from 'node:worker_threads';
import { sealNewRecord, type SealedNew } from '../crypto/recordSeal.ts';
import type { SealingDone, SealingOrder } from './sealing.ts';

/** The thread of sealing.ts: it seals what it is handed, and keeps nothing. */
parentPort?.on('message', ({ n, records }: SealingOrder) => {
  const sealed = records.map(({ wrapping, record }) => sealedOrNot(() => sealNewRecord(wrapping, record)));
  const parts = sealed.flatMap((one) => (one === undefined ? [] : [one.wrapped, one.digest, one.sealed]));
  // Memory of its own, which goes to the other thread without being copied.
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const done: SealingDone = { n, bytes, lengths: sealed.map((one) => one?.sealed.length) };
  parentPort?.postMessage(done, [bytes.buffer]);
});

function sealedOrNot(seal: () => SealedNew): SealedNew | undefined {
  try {
    return seal();
  } catch {
    return undefined;
  }
}
