import { setPriority } from 'node:os';
import { any } from './floorWorks.ts';
import { load, type Request } from './load.ts';

/**
 * A flood in a process of its own, so that whoever is measured beside it does not wait for whoever floods. It sends from the same
 * machine what would come from others: the processor is its own when nobody else wants it.
 */
export interface FloodOrder {
  readonly url: string;
  readonly requests: readonly Request[];
  readonly connections: number;
  readonly seconds: number;
}

process.once('message', (message) => void answer(message as FloodOrder));

async function answer({ url, requests, connections, seconds }: FloodOrder): Promise<void> {
  setPriority(10);
  process.send?.(await load({ url, next: () => any(requests) }, connections, seconds));
  process.disconnect();
}
