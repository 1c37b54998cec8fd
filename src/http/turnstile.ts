import { VaultError } from '../errors.ts';
import { turns, type Turns } from '../vault/turns.ts';
import { underWay } from './underWay.ts';

/** Lets requests in a few at a time, so that whoever comes newly is heard between them. */
export interface Turnstile {
  /**
   * Begins the work now or in one of the event loop's next turns; it is handed what to call, once, when it is over.
   * Throws `overloaded` where too much waits of the same.
   */
  pass(whose: string, work: (left: () => void) => void): void;
}

export interface TurnstileRules {
  /** Begun in one turn of the event loop. */
  readonly perTurn: number;
  /** Under way at once of one, while others come too. */
  readonly share: number;
  /** What is under way for longer does not count any more. Milliseconds. */
  readonly slowMs: number;
}

/** Requests of one that may wait: a connection can send thousands at once without waiting for an answer. */
const mostWaiting = 1_024;

/**
 * Node takes one new connection in a turn of its event loop (libuv, uv__server_io), and a turn lasts until everything that
 * came in is worked on: four hundred requests at once are four hundred answers before the next connection. So a turn takes a
 * few of them, of everybody in turn; the others wait in order. Nothing waits while less than that comes in.
 *
 * Where several come, none has more than `share` under way at once: whose requests are four hundred would otherwise have
 * most of every statement and most of the time between two, and who has sixteen would wait for all of it.
 */
export function turnstile({ perTurn, share, slowMs }: TurnstileRules): Turnstile {
  const waiting = boundedTurns();
  const begun = underWay(slowMs);
  const isFree = (whose: string): boolean => !begun.isShared() || begun.of(whose) < share;
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
      passed += 1;
      next();
      if (passed >= perTurn) break;
    }
    if (passed > 0) turnSoon();
    else if (waiting.size() > 0) rescue ??= setTimeout(lookAgain, slowMs).unref();
  }

  /** Whoever waits for slow work of their own does so until it does not count any more. */
  function lookAgain(): void {
    rescue = undefined;
    turnSoon();
  }

  function begin(whose: string, work: (left: () => void) => void): void {
    const over = begun.begin(whose);
    work(() => {
      over();
      if (waiting.size() > 0) turnSoon();
    });
  }

  return {
    pass(whose, work) {
      const isWithin = passed < perTurn && waiting.size() === 0 && isFree(whose);
      if (isWithin) {
        passed += 1;
        begin(whose, work);
      } else waiting.add(whose, () => begin(whose, work));
      turnSoon();
    },
  };
}

/** Turns in which nobody has more than `mostWaiting`. Adding throws `overloaded`. */
function boundedTurns(): Pick<Turns<() => void>, 'size' | 'add' | 'next'> {
  const all = turns<() => void>();
  const waitingOf = new Map<string, number>();
  return {
    size: all.size,
    next: (may) => all.next(may),
    add(whose, work) {
      const before = waitingOf.get(whose) ?? 0;
      if (before >= mostWaiting) throw new VaultError('overloaded', [], 1);
      waitingOf.set(whose, before + 1);
      all.add(whose, () => {
        const left = (waitingOf.get(whose) ?? 1) - 1;
        if (left === 0) waitingOf.delete(whose);
        else waitingOf.set(whose, left);
        work();
      });
    },
  };
}
