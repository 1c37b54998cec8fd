import { VaultError } from '../errors.ts';
import { turns } from './turns.ts';

/** Does the work when there is a place, and gives the place back however the work ends. Throws `overloaded` for who waited too long. */
export type InPlace = <T>(tenantId: string, work: () => Promise<T>) => Promise<T>;

/**
 * So many pieces of large work at once; the others wait, tenants in turn. What is under way holds memory and takes its share of
 * every turn of the event loop: of thirty imports begun at once each turn had a slice of all thirty, and lasted 0.3 seconds.
 * Who has waited longer than `patienceMs` is refused when its turn comes: where the database hangs, each one's deadline would
 * otherwise add to that of all before it.
 */
export function places(most: number, patienceMs = 30_000): InPlace {
  const waiting = turns<() => void>();
  let taken = 0;

  function leave(): void {
    const [next] = waiting.take(1);
    if (next === undefined) taken -= 1;
    else next();
  }

  return async (tenantId, work) => {
    const mustWait = taken >= most;
    if (!mustWait) taken += 1;
    const since = performance.now();
    if (mustWait) await new Promise<void>((resolve) => waiting.add(tenantId, resolve));
    try {
      if (mustWait && performance.now() - since > patienceMs) throw new VaultError('overloaded', [], 1);
      return await work();
    } finally {
      leave();
    }
  };
}
