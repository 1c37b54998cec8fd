import { VaultError } from '../errors.ts';
import { turns } from '../vault/turns.ts';

/** Lets requests in a few at a time, so that whoever comes newly is heard between them. */
export interface Turnstile {
  /** Begins the work now or in one of the event loop's next turns. Throws `overloaded` where too much waits of the same. */
  pass(whose: string, work: () => void): void;
}

/** Requests of one that may wait: a connection can send thousands at once without waiting for an answer. */
const mostWaiting = 1_024;

/**
 * Node takes one new connection in a turn of its event loop (libuv, uv__server_io), and a turn lasts until everything that
 * came in is worked on: four hundred requests at once are four hundred answers before the next connection. So a turn takes a
 * few of them, of everybody in turn; the others wait in order. Nothing waits while less than that comes in.
 */
export function turnstile(perTurn: number): Turnstile {
  const waiting = turns<() => void>();
  const waitingOf = new Map<string, number>();
  let passed = 0;

  function turn(): void {
    const next = waiting.take(perTurn);
    passed = next.length;
    if (passed > 0) setImmediate(turn);
    for (const work of next) work();
  }

  function wait(whose: string, work: () => void): void {
    const before = waitingOf.get(whose) ?? 0;
    if (before >= mostWaiting) throw new VaultError('overloaded', [], 1);
    waitingOf.set(whose, before + 1);
    waiting.add(whose, () => {
      const left = (waitingOf.get(whose) ?? 1) - 1;
      if (left === 0) waitingOf.delete(whose);
      else waitingOf.set(whose, left);
      work();
    });
  }

  return {
    pass(whose, work) {
      if (passed >= perTurn || waiting.size() > 0) {
        wait(whose, work);
        return;
      }
      if (passed === 0) setImmediate(turn);
      passed += 1;
      work();
    },
  };
}
