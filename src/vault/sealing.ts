import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { sealRecord, type Sealed, type SealOrder } from '../crypto/recordSeal.ts';
import { VaultError } from '../errors.ts';
import type { SealRecord } from './tenantKeys.ts';

/**
 * Sealing is a third of what a write costs, and nothing of it needs what else this process is doing: where many are sealed at one
 * moment (a batch, an import, creates and edits in flight), a thread beside this one does it with the same code. It is handed keys
 * with each order and keeps nothing: the tenant's by reference, under which it makes new data keys that never leave it unwrapped, or
 * a copy of the data key that a record has.
 */
export interface Sealing {
  readonly seal: SealRecord;
  /** Ends the thread with all that it holds, at once. What it had under way is `sealed`. */
  forget(): void;
}

/** What one message hands to the thread. A key that several are sealed under is handed over once. */
export interface SealingOrder {
  readonly n: number;
  readonly orders: readonly SealOrder[];
}

/** Digest, wrapped data key and sealed record of each, one after the other. */
export interface SealingDone {
  readonly n: number;
  readonly bytes: Uint8Array;
  /** Of wrapped key and sealed record, in the order of the orders; undefined for one that was refused. */
  readonly lengths: readonly (readonly [wrapped: number, sealed: number] | undefined)[];
}

const digestLength = 32;
/** Fewer are sealed before a message would be there and back. */
const fewest = 4;
/** Records in the thread's hands; more are sealed here meanwhile. */
const mostWaiting = 200;

interface Waiting {
  readonly order: SealOrder;
  readonly resolve: (sealed: Sealed) => void;
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
    const together = gathered;
    gathered = [];
    if (together.length < fewest || !isTaken(together)) together.forEach(sealHere);
  }

  /** By the thread. Where none can be had (no more threads, no memory for one), this is nobody's request's fault. */
  function isTaken(orders: readonly Waiting[]): boolean {
    if (gone) return false;
    try {
      thread ??= startThread(script, lost);
      return thread.takes(orders);
    } catch {
      lost();
      return false;
    }
  }

  return {
    seal: (order) =>
      new Promise((resolve, reject) => {
        if (gathered.length === 0) queueMicrotask(send);
        gathered.push({ order, resolve, reject });
      }),
    forget() {
      thread?.end();
      thread = undefined;
    },
  };
}

function sealHere({ order, resolve, reject }: Waiting): void {
  try {
    resolve(sealRecord(order));
  } catch (error) {
    reject(error);
  }
}

interface Thread {
  /** False while it has too much to do already, or is not there yet. */
  takes(together: readonly Waiting[]): boolean;
  end(): void;
}

function startThread(script: string, lost: () => void): Thread {
  const worker = new Worker(script, { env: {}, execArgv: [], name: 'sealing' });
  const underWay = new Map<number, readonly Waiting[]>();
  let [n, waiting, ready, ended] = [0, 0, false, false];

  worker.unref();
  worker.once('online', () => (ready = true));
  worker.on('message', (done: SealingDone) => {
    const together = underWay.get(done.n) ?? [];
    underWay.delete(done.n);
    waiting -= together.length;
    handOut(done, together);
  });
  worker.on('error', () => undefined);
  worker.once('exit', () => {
    if (ended) return;
    lost();
    for (const one of [...underWay.values()].flat()) sealHere(one);
  });
  return {
    takes(together) {
      if (!ready || waiting + together.length > mostWaiting) return false;
      n += 1;
      worker.postMessage({ n, orders: together.map(({ order }) => handedOver(order)) } satisfies SealingOrder, []);
      waiting += together.length;
      underWay.set(n, together);
      return true;
    },
    end() {
      ended = true;
      void worker.terminate();
      for (const { reject } of [...underWay.values()].flat()) reject(new VaultError('sealed'));
    },
  };
}

/** A key and its commitment may stand in the pool of Node's small buffers, all of which would be copied with them. */
function handedOver(order: SealOrder): SealOrder {
  if (!('key' in order)) return order;
  const { key, commitment } = order.key;
  return {
    record: order.record,
    key: { key: Uint8Array.from(key), commitment: Uint8Array.from(commitment) as Buffer },
  };
}

/** What the thread refused is refused here, by the same code and with its reason. */
function handOut({ bytes, lengths }: SealingDone, together: readonly Waiting[]): void {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length: number): Buffer => all.subarray(at, (at += length));
  together.forEach((one, i) => {
    const [wrapped, sealed] = lengths[i] ?? [];
    if (wrapped === undefined || sealed === undefined) sealHere(one);
    else one.resolve({ digest: take(digestLength), wrapped: take(wrapped), sealed: take(sealed) });
  });
}

/** Node starts JavaScript only, so from the sources (tests) it is the built one. */
function threadScript(): string {
  const place = import.meta.url.endsWith('.ts') ? '../../dist/vault/sealingThread.js' : './sealingThread.js';
  return fileURLToPath(new URL(place, import.meta.url));
}
