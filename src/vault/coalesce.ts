import { VaultError } from '../errors.ts';

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface Coalescing<Item, Result> {
  /** Does the work of a whole batch in one statement; results in the order of the items. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Statements under way at once. */
  readonly lanes: number;
  readonly maxBatch: number;
  /** Items that may wait; one more is refused with `overloaded`. */
  readonly maxWaiting: number;
}

/**
 * Joins work that is in flight into batches without timers: while every lane is busy, arrivals wait; when a lane comes
 * free, all of them go together. An idle lane takes a single item at once, so a lone request waits for nobody.
 */
export function coalesce<Item, Result>(options: Coalescing<Item, Result>): (item: Item) => Promise<Result> {
  const { run, lanes, maxBatch, maxWaiting } = options;
  let waiting: Waiting<Item, Result>[] = [];
  let busy = 0;

  async function drain(): Promise<void> {
    busy += 1;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxBatch);
      waiting = waiting.slice(maxBatch);
      await settle(run, batch);
    }
    busy -= 1;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= maxWaiting) {
        reject(new VaultError('overloaded', [], 1));
        return;
      }
      waiting.push({ item, resolve, reject });
      if (busy < lanes) void drain();
    });
}

async function settle<Item, Result>(
  run: Coalescing<Item, Result>['run'],
  batch: readonly Waiting<Item, Result>[],
): Promise<void> {
  try {
    const results = await run(batch.map((w) => w.item));
    batch.forEach((w, i) => {
      const result = results[i];
      if (result === undefined) w.reject(new VaultError('internal'));
      else w.resolve(result);
    });
  } catch (error) {
    for (const w of batch) w.reject(error);
  }
}
