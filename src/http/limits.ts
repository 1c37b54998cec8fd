import { VaultError } from '../errors.ts';

export interface RateRules {
  /** Requests a client may make on one route within the window; all at once if it likes. */
  readonly quota: number;
  readonly windowSeconds: number;
}

export interface RateLimiter {
  /** RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers section 3), the same on every answer. */
  readonly policy: string;
  /** Counts one request. Undefined when it may pass, otherwise the seconds until one would. */
  take(key: string): number | undefined;
}

/** Keys counted in one window; clients beyond share one count, so that memory stays bounded. */
const mostKeys = 10_000;
const everybodyElse = '';

/**
 * The generic cell rate algorithm (ITU-T I.371 annex A): per key one number, the time at which its bucket is full again.
 * A number older than a window says nothing any more, so the keys live in two maps that take turns, without a timer.
 */
export function rateLimiter({ quota, windowSeconds }: RateRules, now: () => number): RateLimiter {
  const windowMs = windowSeconds * 1000;
  const costMs = windowMs / quota;
  let current = new Map<string, number>();
  let previous = new Map<string, number>();
  let turnAt = 0;
  return {
    policy: `"default";q=${quota};w=${windowSeconds}`,
    take(client) {
      const time = now();
      // The clock was set back by more than a window: nobody waits for what it had said.
      if (turnAt > time + 2 * windowMs) [turnAt, current, previous] = [0, new Map(), new Map()];
      if (time >= turnAt) {
        previous = time >= turnAt + windowMs ? new Map() : current;
        current = new Map();
        turnAt = time + windowMs;
      }
      const known = current.get(client) ?? previous.get(client);
      const key = known === undefined && current.size >= mostKeys ? everybodyElse : client;
      const full = Math.max(time, known ?? current.get(key) ?? 0) + costMs;
      const waitMs = full - time - windowMs;
      // Adding up shares of milliseconds leaves a rounding error far below one of them.
      if (waitMs > 0.001) return Math.max(1, Math.ceil(waitMs / 1000));
      current.set(key, full);
      return undefined;
    },
  };
}

/** RateLimit of a refused request: nothing left, `seconds` until there is. */
export const exhausted = (seconds: number): string => `"default";r=0;t=${seconds}`;

/** A bound on requests being worked on, for everybody, for each tenant and for each client. */
export interface Gate {
  /** Takes a place and returns how to give it back. Throws `overloaded`. */
  enter(client: string, tenant?: string): () => void;
}

/** Whatever is counted, how many of each there are. */
type Counts = Map<string, number>;

export function concurrencyGate(most: number, mostPerTenant: number, mostPerClient: number): Gate {
  const [clients, tenants]: [Counts, Counts] = [new Map(), new Map()];
  let total = 0;
  return {
    enter(client, tenant) {
      const isFull =
        total >= most ||
        (clients.get(client) ?? 0) >= mostPerClient ||
        (tenant !== undefined && (tenants.get(tenant) ?? 0) >= mostPerTenant);
      if (isFull) throw new VaultError('overloaded', [], 1);
      total++;
      add(clients, client, 1);
      if (tenant !== undefined) add(tenants, tenant, 1);
      return () => {
        total--;
        add(clients, client, -1);
        if (tenant !== undefined) add(tenants, tenant, -1);
      };
    },
  };
}

function add(counts: Counts, key: string, n: 1 | -1): void {
  const left = (counts.get(key) ?? 0) + n;
  if (left === 0) counts.delete(key);
  else counts.set(key, left);
}
