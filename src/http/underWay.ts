/** How much is under way, and of whom, of what has begun lately. */
export interface UnderWay {
  /** Returns what to call, once, when it is over. */
  begin(whose: string): () => void;
  of(whose: string): number;
  total(): number;
}

/** What began in one stretch of time. */
interface Stretch {
  readonly of: Map<string, number>;
  total: number;
}

const stretch = (): Stretch => ({ of: new Map(), total: 0 });

/**
 * What has been under way for longer than `slowMs` (twice that at most) does not count any more: it may be a body that trickles
 * in, an import, a download, and is not to keep out what is short. `now`: milliseconds.
 */
export function underWay(slowMs: number, now = (): number => performance.now()): UnderWay {
  let [current, before] = [stretch(), stretch()];
  let since = now();

  function turnOver(): void {
    const ms = now() - since;
    if (ms < slowMs) return;
    [current, before] = [stretch(), ms < 2 * slowMs ? current : stretch()];
    since = now();
  }

  return {
    begin(whose) {
      turnOver();
      const own = current;
      add(own, whose, 1);
      return () => add(own, whose, -1);
    },
    of(whose) {
      turnOver();
      return (current.of.get(whose) ?? 0) + (before.of.get(whose) ?? 0);
    },
    total() {
      turnOver();
      return current.total + before.total;
    },
  };
}

function add(to: Stretch, whose: string, n: 1 | -1): void {
  const left = (to.of.get(whose) ?? 0) + n;
  to.total += n;
  if (left === 0) to.of.delete(whose);
  else to.of.set(whose, left);
}
