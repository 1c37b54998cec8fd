import { parentPort, workerData } from 'node:worker_threads';
import { any } from './floorWorks.ts';
import { load, type Measured, type Request } from './load.ts';

/** A flood in a thread of its own, so that whoever is measured beside it does not wait for whoever floods. */
export interface FloodOrder {
  readonly url: string;
  readonly requests: readonly Request[];
  readonly connections: number;
  readonly seconds: number;
}

const { url, requests, connections, seconds } = workerData as FloodOrder;
const done: Measured = await load({ url, next: () => any(requests) }, connections, seconds);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of our own, no window
parentPort?.postMessage(done);
