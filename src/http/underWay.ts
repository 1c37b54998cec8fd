/** How much of whose is under way, of what has begun lately. */
export interface UnderWay {
  /** Returns what to call, once, when it is over. */
  begin(whose: string): () => void;
  of(whose: string): number;
  /** Has more than one begun anything lately? */
  isShared(): boolean;
}

type Counts = Map<string, number>;

/**
 * What has been under way for longer than `slowMs` (twice that at most) does not count any more: a body that trickles in, an
 * import, a download keep nobody's short requests out. Who had something lately is remembered for as long. `now`: milliseconds.
 */
export function underWay(slowMs: number, now = (): number => performance.now()): UnderWay {
  let [current, before]: [Counts, Counts] = [new Map(), new Map()];
  let since = now();

  function turnOver(): void {
    const ms = now() - since;
    if (ms < slowMs) return;
    [current, before] = [new Map(), ms < 2 * slowMs ? current : new Map()];
    since = now();
  }

  return {
    begin(whose) {
      turnOver();
      const counts = current;
      counts.set(whose, (counts.get(whose) ?? 0) + 1);
      return () => void counts.set(whose, (counts.get(whose) ?? 1) - 1);
    },
    of(whose) {
      turnOver();
      return (current.get(whose) ?? 0) + (before.get(whose) ?? 0);
    },
    isShared() {
      turnOver();
      if (current.size > 1 || before.size > 1) return true;
      const [one] = current.keys();
      const [other] = before.keys();
      return one !== undefined && other !== undefined && one !== other;
    },
  };
}
