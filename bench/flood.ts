import { setPriority } from 'node:os';
import { any } from './floorWorks.ts';
import { load, type Measured, type Request } from './load.ts';

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

/** Said once when it is under way, and once when it is over. */
export type FloodNews = 'underway' | Measured;

process.once('message', (message) => void answer(message as FloodOrder));

async function answer({ url, requests, connections, seconds }: FloodOrder): Promise<void> {
  setPriority(10);
  const tell = (news: FloodNews) => process.send?.(news);
  let sent = 0;
  const next = () => {
    sent += 1;
    // Each connection has been opened, and most have had an answer.
    if (sent === 2 * connections) tell('underway');
    return any(requests);
  };
  tell(await load({ url, next }, connections, seconds));
  process.disconnect();
}
