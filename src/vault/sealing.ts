import type { KeyObject } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { sealNewRecord, type NewRecord, type SealedNew } from '../crypto/recordSeal.ts';
import { VaultError } from '../errors.ts';
import type { SealNew } from './tenantKeys.ts';

/**
 * Sealing is a third of what a new record costs, and nothing of it needs what else this process is doing: where many are sealed
 * at one moment (a batch, an import, creates in flight), a thread beside this one does it with the same code. It is handed the
 * tenant's data key with each order, by reference, and keeps nothing; the data keys are made there and never leave it unwrapped.
 */
export interface Sealing {
  readonly seal: SealNew;
  /** Ends the thread with all that it holds, at once. What it had under way is `sealed`. */
  forget(): void;
}

/** What one message hands to the thread. The same key is handed over once. */
export interface SealingOrder {
  readonly n: number;
  readonly records: readonly { readonly wrapping: KeyObject; readonly record: NewRecord }[];
}

/** Wrapped data key, digest and sealed record of each, one after the other. */
export interface SealingDone {
  readonly n: number;
  readonly bytes: Uint8Array;
  /** Of each sealed record, in the order of the order; undefined for one that was refused. */
  readonly lengths: readonly (number | undefined)[];
}

export const wrappedLength = 93;
export const digestLength = 32;
/** Fewer are sealed before a message would be there and back. */
const fewest = 4;
/** Records in the thread's hands; more are sealed here meanwhile. */
const mostWaiting = 200;

interface Waiting {
  readonly wrapping: KeyObject;
  readonly record: NewRecord;
  readonly resolve: (sealed: SealedNew) => void;
  readonly reject: (error: unknown) => void;
}

/** `onGone`: the thread has ended by itself; from then on all is sealed here. `script`: what it runs. */
export function openSealing(onGone: () => void, script = threadScript()): Sealing {
  let gathered: Waiting[] = [];
  let thread: Thread | undefined;
  let gone = false;

  function lost(): void {
    thread = undefined;
    gone = true;
    onGone();
  }

  /** All that was asked for by one piece of work goes together. */
  function send(): void {
    const orders = gathered;
    gathered = [];
    if (orders.length >= fewest && !gone) thread ??= startThread(script, lost);
    if (orders.length < fewest || thread?.takes(orders) !== true) orders.forEach(sealHere);
  }

  return {
    seal: (wrapping, record) =>
      new Promise((resolve, reject) => {
        if (gathered.length === 0) queueMicrotask(send);
        gathered.push({ wrapping, record, resolve, reject });
      }),
    forget() {
      thread?.end();
      thread = undefined;
    },
  };
}

function sealHere({ wrapping, record, resolve, reject }: Waiting): void {
  try {
    resolve(sealNewRecord(wrapping, record));
  } catch (error) {
    reject(error);
  }
}

interface Thread {
  /** False while it has too much to do already, or is not there yet. */
  takes(orders: readonly Waiting[]): boolean;
  end(): void;
}

function startThread(script: string, lost: () => void): Thread {
  const worker = new Worker(script, { env: {}, execArgv: [], name: 'sealing' });
  const underWay = new Map<number, readonly Waiting[]>();
  let [n, waiting, ready, ended] = [0, 0, false, false];

  worker.unref();
  worker.once('online', () => (ready = true));
  worker.on('message', (done: SealingDone) => {
    const orders = underWay.get(done.n) ?? [];
    underWay.delete(done.n);
    waiting -= orders.length;
    handOut(done, orders);
  });
  worker.on('error', () => undefined);
  worker.once('exit', () => {
    if (ended) return;
    lost();
    for (const order of [...underWay.values()].flat()) sealHere(order);
  });
  return {
    takes(orders) {
      if (!ready || waiting + orders.length > mostWaiting) return false;
      n += 1;
      waiting += orders.length;
      underWay.set(n, orders);
      const records = orders.map(({ wrapping, record }) => ({ wrapping, record }));
      worker.postMessage({ n, records } satisfies SealingOrder, []);
      return true;
    },
    end() {
      ended = true;
      void worker.terminate();
      for (const { reject } of [...underWay.values()].flat()) reject(new VaultError('sealed'));
    },
  };
}

/** What the thread refused is refused here, by the same code and with its reason. */
function handOut({ bytes, lengths }: SealingDone, orders: readonly Waiting[]): void {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length: number): Buffer => all.subarray(at, (at += length));
  orders.forEach((order, i) => {
    const length = lengths[i];
    if (length === undefined) sealHere(order);
    else order.resolve({ wrapped: take(wrappedLength), digest: take(digestLength), sealed: take(length) });
  });
}

/** Node starts JavaScript only, so from the sources (tests) it is the built one. */
function threadScript(): string {
  const place = import.meta.url.endsWith('.ts') ? '../../dist/vault/sealingThread.js' : './sealingThread.js';
  return fileURLToPath(new URL(place, import.meta.url));
}
