import { DbFault } from '../db/fault.ts';
import { VaultError } from '../errors.ts';

interface Waiting<Item, Result> {
  readonly item: Item;
  /** Milliseconds of performance.now(). */
  readonly since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface Coalescing<Item, Result> {
  /** Does the work of a whole batch in one statement, in the time left; results in the order of the items. */
  readonly run: (items: readonly Item[], leftMs: number) => Promise<readonly Result[]>;
  /** Statements under way at once. */
  readonly lanes: number;
  readonly maxBatch: number;
  /** Items that may wait; one more is refused with `overloaded`. */
  readonly maxWaiting: number;
  /** For an item's waiting and its work together; over it, `DbFault` unavailable. Milliseconds. */
  readonly deadlineMs: number;
}

/**
 * Joins work that is in flight into batches without timers: while every lane is busy, arrivals wait; when a lane comes
 * free, all of them go together. An idle lane takes a single item at once, so a lone request waits for nobody.
 */
export function coalesce<Item, Result>(options: Coalescing<Item, Result>): (item: Item) => Promise<Result> {
  const { run, lanes, maxBatch, maxWaiting, deadlineMs } = options;
  let waiting: Waiting<Item, Result>[] = [];
  let busy = 0;

  async function drain(): Promise<void> {
    busy += 1;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxBatch);
      waiting = waiting.slice(maxBatch);
      // The first has waited longest, and is not to wait a second deadline through.
      const leftMs = deadlineMs - (performance.now() - (batch[0]?.since ?? 0));
      if (leftMs > 0) await settle(run, batch, leftMs);
      else for (const { reject } of batch) reject(new DbFault('unavailable'));
    }
    busy -= 1;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= maxWaiting) {
        reject(new VaultError('overloaded', [], 1));
        return;
      }
      waiting.push({ item, since: performance.now(), resolve, reject });
      if (busy < lanes) void drain();
    });
}

async function settle<Item, Result>(
  run: Coalescing<Item, Result>['run'],
  batch: readonly Waiting<Item, Result>[],
  leftMs: number,
): Promise<void> {
  try {
    const results = await run(
      batch.map((w) => w.item),
      leftMs,
    );
    batch.forEach((w, i) => {
      const result = results[i];
      if (result === undefined) w.reject(new VaultError('internal'));
      else w.resolve(result);
    });
  } catch (error) {
    for (const w of batch) w.reject(error);
  }
}
