/** How much is under way, and of whom, of what has begun lately. */
export interface UnderWay {
  /** Returns what to call, once, when it is over. */
  begin(whose: string): () => void;
  of(whose: string): number;
  total(): number;
  /** Nothing of anybody else has begun lately. */
  isAlone(whose: string): boolean;
}

/** What began in one stretch of time, by whom; whose is all over stays there with nothing. */
interface Stretch {
  readonly of: Map<string, number>;
  total: number;
}

const stretch = (): Stretch => ({ of: new Map(), total: 0 });

/**
 * What has been under way for longer than `slowMs` (twice that at most) does not count any more: it may be a body that trickles
 * in, an import, a download, and is not to keep out what is short. Lately is as long. `now`: milliseconds.
 */
export function underWay(slowMs: number, now = (): number => performance.now()): UnderWay {
  let [current, before] = [stretch(), stretch()];
  let since = now();

  function turnOver(): void {
    const passed = Math.floor((now() - since) / slowMs);
    if (passed < 1) return;
    [current, before] = [stretch(), passed === 1 ? current : stretch()];
    since += passed * slowMs;
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
    isAlone(whose) {
      turnOver();
      return hasNobodyBut(current, whose) && hasNobodyBut(before, whose);
    },
  };
}

function add(to: Stretch, whose: string, n: 1 | -1): void {
  to.total += n;
  to.of.set(whose, (to.of.get(whose) ?? 0) + n);
}

function hasNobodyBut({ of }: Stretch, whose: string): boolean {
  return of.size === 0 || (of.size === 1 && of.has(whose));
}
