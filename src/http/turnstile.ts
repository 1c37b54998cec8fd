import { turns } from '../vault/turns.ts';

/** Lets requests in a few at a time, so that whoever comes newly is heard between them. */
export interface Turnstile {
  /** Begins the work now or in one of the event loop's next turns. `whose` is a tenant, or empty for nobody known. */
  pass(whose: string, work: () => void): void;
}

/**
 * Node takes one new connection in a turn of its event loop (libuv, uv__server_io), and a turn lasts until everything that
 * came in is worked on: four hundred requests at once are four hundred answers before the next connection. So a turn takes a
 * few of them, of each tenant in turn; the others wait in order. Nothing waits while less than that comes in.
 */
export function turnstile(perTurn: number): Turnstile {
  const waiting = turns<() => void>();
  let passed = 0;

  function turn(): void {
    const next = waiting.take(perTurn);
    passed = next.length;
    if (passed > 0) setImmediate(turn);
    for (const work of next) work();
  }

  return {
    pass(whose, work) {
      if (passed >= perTurn || waiting.size() > 0) {
        waiting.add(whose, work);
        return;
      }
      if (passed === 0) setImmediate(turn);
      passed += 1;
      work();
    },
  };
}
