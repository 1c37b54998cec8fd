import { refuse, VaultError } from '../errors.ts';
import type { Caller } from './caller.ts';

/** Who did a step of an order: the client, and the member of staff it acted for. */
export interface Person {
  readonly clientId: string;
  readonly actor: string;
}

/** Steps of an order are persons' acts: a token without `act` takes none. Throws `not_permitted`. */
export function personOf(caller: Caller): Person {
  const { clientId, actor } = caller;
  if (actor === undefined) throw refuse('not_permitted', 'header:actor', 'actor_required');
  return { clientId, actor };
}

/** One client, or one person through two clients, in any spelling of the staff id. */
export function isSame(one: Person, other: Person): boolean {
  return one.clientId === other.clientId || one.actor.toLowerCase() === other.actor.toLowerCase();
}

/** Throws `self_approval` unless these are two clients and two persons. */
export function expectTwo(one: Person, other: Person): void {
  if (isSame(one, other)) throw new VaultError('self_approval');
}
