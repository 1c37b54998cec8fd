import { VaultError } from '../errors.ts';
import { turns } from '../vault/turns.ts';
import { underWay } from './underWay.ts';

/** Whose request it is, as far as its head tells. */
export interface Comer {
  /** No tenant is called as an address is. */
  readonly name: string;
  /** Anybody else is somebody at an address, and there may be many at one. */
  readonly isTenant: boolean;
}

/** Lets requests in a few at a time, so that whoever comes newly is heard between them. */
export interface Turnstile {
  /**
   * Begins the work now or in one of the event loop's next turns; it is handed what to call, once, when it is over.
   * Throws `overloaded` where too much waits of the same.
   */
  pass(whose: Comer, work: (over: () => void) => void): void;
}

export interface TurnstileRules {
  /** Begun in one turn of the event loop. */
  readonly perTurn: number;
  /** Of one tenant under way at once, where `busy` are under way in all. */
  readonly share: number;
  readonly busy: number;
  /** What is under way for longer (twice that at most) does not count any more. Milliseconds. */
  readonly slowMs: number;
}

/** Requests of one that may wait: a connection can send thousands at once without waiting for an answer. */
const mostWaiting = 1_024;

/**
 * Node takes one new connection in a turn of its event loop (libuv, uv__server_io), and a turn lasts until everything that
 * came in is worked on: four hundred requests at once are four hundred answers before the next connection. So a turn takes a
 * few of them, of everybody in turn; the others wait in order.
 *
 * Where many are under way, a tenant with its share of them gets no further one begun: whose requests are four hundred would
 * otherwise have most of every statement and most of the time between two, and another tenant's sixteen wait for all of it.
 * Throughput loses nothing: what waits at the door would wait for a statement. Requests of nobody known only take turns, for
 * whoever sends slow ones would keep out everybody at their address.
 */
export function turnstile({ perTurn, share, busy, slowMs }: TurnstileRules): Turnstile {
  const waiting = boundedTurns();
  const begun = underWay(slowMs);
  /** An address always is, for nothing of it is counted. */
  const isFree = (name: string): boolean => begun.of(name) < share || begun.total() < busy;
  let passed = 0;
  let isTurning = false;
  let rescue: NodeJS.Timeout | undefined;

  function turnSoon(): void {
    if (isTurning) return;
    isTurning = true;
    setImmediate(turn);
  }

  function turn(): void {
    isTurning = false;
    passed = 0;
    for (let next = waiting.next(isFree); next !== undefined; next = waiting.next(isFree)) {
      turnSoon();
      passed += 1;
      next();
      if (passed >= perTurn) return;
    }
    if (waiting.size() > 0) rescue ??= setTimeout(lookAgain, slowMs).unref();
  }

  /** Whoever waits for slow work of their own does so until it does not count any more. */
  function lookAgain(): void {
    rescue = undefined;
    turnSoon();
  }

  function begin({ name, isTenant }: Comer, work: (over: () => void) => void): void {
    if (!isTenant) return work(() => undefined);
    const end = begun.begin(name);
    work(() => {
      end();
      if (waiting.size() > 0) turnSoon();
    });
  }

  return {
    pass(whose, work) {
      if (passed < perTurn && waiting.size() === 0 && isFree(whose.name)) {
        passed += 1;
        begin(whose, work);
      } else waiting.add(whose, () => begin(whose, work));
      turnSoon();
    },
  };
}

/** Turns in which nobody has more than `mostWaiting`. Adding throws `overloaded`. */
function boundedTurns(): Waiting {
  const all = turns<() => void>();
  const waitingOf = new Map<string, number>();
  return {
    size: () => all.size(),
    next: (isFree) => all.next(isFree),
    add({ name }, work) {
      const before = waitingOf.get(name) ?? 0;
      if (before >= mostWaiting) throw new VaultError('overloaded', [], 1);
      waitingOf.set(name, before + 1);
      all.add(name, () => {
        const left = (waitingOf.get(name) ?? 1) - 1;
        if (left === 0) waitingOf.delete(name);
        else waitingOf.set(name, left);
        work();
      });
    },
  };
}

interface Waiting {
  size(): number;
  next(isFree: (name: string) => boolean): (() => void) | undefined;
  add(whose: Comer, work: () => void): void;
}
