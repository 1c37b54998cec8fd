import { VaultError } from '../errors.ts';
import { turns, type Turns } from '../vault/turns.ts';
import type { Comer } from './comer.ts';
import { underWay } from './underWay.ts';

/** Lets requests in a few at a time, so that whoever comes newly is heard between them. */
export interface Turnstile {
  /**
   * Begins the work now or in one of the event loop's next turns; it is handed what to call, once, when it is over.
   * Throws `overloaded` where too much waits of the same.
   */
  pass(comer: Comer, work: Work): void;
}

type Work = (over: () => void) => void;

export interface TurnstileRules {
  /** Begun in one turn of the event loop. */
  readonly perTurn: number;
  /** Of one tenant under way at once, where another tenant comes too and `busy` are under way in all. */
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
 * Where several tenants come and many requests are under way, a tenant with its share of them gets no further one begun: whose
 * requests are four hundred would otherwise have most of every statement and most of the time between two, and another tenant's
 * sixteen wait for all of it. A client that has nothing under way finds room beyond the share, whatever the tenant's others do.
 * Requests of nobody known only take turns, for whoever sends slow ones would keep out everybody at their address.
 */
export function turnstile({ perTurn, share, busy, slowMs }: TurnstileRules): Turnstile {
  const waiting = boundedTurns();
  const ofTenants = underWay(slowMs);
  const ofClients = underWay(slowMs);
  let passed = 0;
  let isTurning = false;
  let rescue: NodeJS.Timeout | undefined;

  function mayBegin({ comer: { who, tenant } }: Waiting): boolean {
    if (tenant === undefined || ofTenants.total() < busy || ofTenants.isAlone(tenant)) return true;
    return ofTenants.of(tenant) < (ofClients.of(who) === 0 ? share + busy : share);
  }

  function turnSoon(): void {
    if (isTurning) return;
    isTurning = true;
    setImmediate(turn);
  }

  function turn(): void {
    isTurning = false;
    passed = 0;
    for (let next = waiting.next(mayBegin); next !== undefined; next = waiting.next(mayBegin)) {
      turnSoon();
      passed += 1;
      begin(next);
      if (passed >= perTurn) return;
    }
    if (waiting.size() > 0) rescue ??= setTimeout(lookAgain, slowMs).unref();
  }

  /** Slow work ceases to count, and another tenant to come, without anybody's telling. */
  function lookAgain(): void {
    rescue = undefined;
    turnSoon();
  }

  function begin({ comer: { who, tenant }, work }: Waiting): void {
    if (tenant === undefined) return work(() => undefined);
    const ends = [ofTenants.begin(tenant), ofClients.begin(who)];
    work(() => {
      for (const end of ends) end();
      if (waiting.size() > 0) turnSoon();
    });
  }

  return {
    pass(comer, work) {
      const one = { comer, work };
      if (passed < perTurn && waiting.size() === 0 && mayBegin(one)) {
        passed += 1;
        begin(one);
      } else waiting.add(one);
      turnSoon();
    },
  };
}

/** Who waits, with what is begun when the turn comes. */
interface Waiting {
  readonly comer: Comer;
  readonly work: Work;
}

/** Turns in which nobody has more than `mostWaiting`. Adding throws `overloaded`. */
function boundedTurns(): Pick<Turns<Waiting>, 'size' | 'next'> & { add(one: Waiting): void } {
  const all = turns<Waiting>();
  const waitingOf = new Map<string, number>();
  return {
    size: () => all.size(),
    next(may) {
      const one = all.next(may);
      if (one === undefined) return undefined;
      const left = (waitingOf.get(one.comer.who) ?? 1) - 1;
      if (left === 0) waitingOf.delete(one.comer.who);
      else waitingOf.set(one.comer.who, left);
      return one;
    },
    add(one) {
      const before = waitingOf.get(one.comer.who) ?? 0;
      if (before >= mostWaiting) throw new VaultError('overloaded', [], 1);
      waitingOf.set(one.comer.who, before + 1);
      all.add(one.comer.who, one);
    },
  };
}
