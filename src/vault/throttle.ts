/** Failures that a (client, address) pair and a client as a whole may have before the next ones are told to wait. */
const freeFailures = { pair: 5, client: 25 };
const maxDelayMs = 300_000;
/** Failures are forgotten this long after the last one. */
const forgottenAfterMs = 900_000;
const maxEntries = 20_000;

/**
 * Counts failed client authentications in this process. It only ever delays failures: whoever knows the secret is served
 * whatever others have tried under the same client id, so nobody can be locked out.
 */
export interface Throttle {
  /** Seconds to wait before the next try; undefined when this failure is answered plainly. */
  failed(clientId: string, source: string): number | undefined;
  succeeded(clientId: string, source: string): void;
}

interface Failures {
  readonly count: number;
  readonly at: number;
  /** Failures before this moment are told to wait. */
  readonly until: number;
}

export function newThrottle(now: () => number): Throttle {
  const pairs = new Map<string, Failures>();
  const clients = new Map<string, Failures>();
  return {
    failed(clientId, source) {
      const time = now();
      const waits = [
        count(pairs, pairOf(clientId, source), freeFailures.pair, time),
        count(clients, clientId, freeFailures.client, time),
      ];
      const wait = Math.max(...waits);
      return wait > 0 ? Math.ceil(wait / 1000) : undefined;
    },
    succeeded: (clientId, source) => void pairs.delete(pairOf(clientId, source)),
  };
}

const pairOf = (clientId: string, source: string): string => `${clientId} ${source}`;

/** Counts one failure. Milliseconds to wait, 0 when no delay was running; each failure beyond the free ones doubles it. */
function count(entries: Map<string, Failures>, key: string, free: number, time: number): number {
  const known = entries.get(key);
  const before = known !== undefined && time - known.at < forgottenAfterMs ? known : { count: 0, until: 0 };
  const failures = before.count + 1;
  const delay = failures < free ? 0 : Math.min(1000 * 2 ** Math.min(failures - free, 20), maxDelayMs);
  entries.delete(key);
  entries.set(key, { count: failures, at: time, until: time + delay });
  if (entries.size > maxEntries) entries.delete(entries.keys().next().value ?? '');
  return time < before.until ? delay : 0;
}
