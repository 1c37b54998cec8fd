import { DbFault } from '../db/fault.ts';
import { VaultError } from '../errors.ts';
import { turns } from './turns.ts';

interface Waiting<Item, Result> {
  readonly item: Item;
  /** Milliseconds of performance.now(). */
  readonly since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface Coalescing<Item, Result> {
  /** Whose item it is: batches are filled by tenants in turn. */
  readonly tenantOf: (item: Item) => string;
  /** Does the work of a whole batch in one statement, in the time left; results in the order of the items. */
  readonly run: (items: readonly Item[], leftMs: number) => Promise<readonly Result[]>;
  /** Statements under way at once, at most. */
  readonly lanes: number;
  readonly maxBatch: number;
  /** Items that may wait; one more is refused with `overloaded`. */
  readonly maxWaiting: number;
  /** For an item's waiting and its work together; over it, `DbFault` unavailable. Milliseconds. */
  readonly deadlineMs: number;
}

/** A statement that takes longer than this holds nobody else up: the next arrival opens another lane. Milliseconds. */
const slowMs = 20;

/**
 * Joins work that is in flight into batches without timers: what comes in with one turn of the event loop goes together;
 * while a statement is under way, arrivals wait, and when it comes back, all of them go. A lone request waits for nobody.
 * A further lane opens only when a whole batch waits, or when the last statement sent is slow: few large commits cost less
 * than half of what many small ones do. Tenants take turns in filling a batch, so that one's flood is not the others' wait.
 */
export function coalesce<Item, Result>(options: Coalescing<Item, Result>): (item: Item) => Promise<Result> {
  const { tenantOf, run, lanes, maxBatch, maxWaiting, deadlineMs } = options;
  const waiting = turns<Waiting<Item, Result>>();
  let busy = 0;
  let lastSent = 0;

  let rescue: NodeJS.Timeout | undefined;

  /** Whoever waits now goes with the statement under way when it is back; not for ever, should it never come back. */
  function send(): void {
    const isSlow = performance.now() - lastSent > slowMs;
    if (busy === 0 || (busy < lanes && (waiting.size() >= maxBatch || isSlow))) openLane();
    else rescue ??= setTimeout(rescueWaiting, slowMs).unref();
  }

  function openLane(): void {
    busy += 1;
    lastSent = performance.now();
    setImmediate(() => void drain());
  }

  function rescueWaiting(): void {
    rescue = undefined;
    if (waiting.size() > 0) send();
  }

  async function drain(): Promise<void> {
    while (waiting.size() > 0) {
      lastSent = performance.now();
      const batch = waiting.take(maxBatch);
      // Who has waited longest is not to wait a second deadline through.
      const leftMs = deadlineMs - (lastSent - Math.min(...batch.map(({ since }) => since)));
      if (leftMs > 0) await settle(run, batch, leftMs, waiting.size);
      else for (const { reject } of batch) reject(new DbFault('unavailable'));
    }
    busy -= 1;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.size() >= maxWaiting) {
        reject(new VaultError('overloaded', [], 1));
        return;
      }
      waiting.add(tenantOf(item), { item, since: performance.now(), resolve, reject });
      send();
    });
}

async function settle<Item, Result>(
  run: Coalescing<Item, Result>['run'],
  batch: readonly Waiting<Item, Result>[],
  leftMs: number,
  othersWaiting: () => number,
): Promise<void> {
  try {
    const results = await run(
      batch.map((w) => w.item),
      leftMs,
    );
    // Whoever waits goes first: their statement leaves at the end of this turn, and PostgreSQL works while answers are made.
    if (othersWaiting() > 0) setImmediate(() => release(batch, results));
    else release(batch, results);
  } catch (error) {
    for (const w of batch) w.reject(error);
  }
}

/**
 * A few results in each turn of the event loop. Node accepts one connection a turn (libuv, uv__server_io), and every result
 * is an answer to be made: handed out all at once, a flood's answers would keep new connections waiting for seconds.
 */
const resultsPerTurn = 16;

function release<Item, Result>(batch: readonly Waiting<Item, Result>[], results: readonly Result[], from = 0): void {
  const until = Math.min(batch.length, from + resultsPerTurn);
  for (let i = from; i < until; i += 1) {
    const result = results[i];
    if (result === undefined) batch[i]?.reject(new VaultError('internal'));
    else batch[i]?.resolve(result);
  }
  if (until < batch.length) setImmediate(() => release(batch, results, until));
}
