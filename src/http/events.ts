import { refuse } from '../errors.ts';
import { acknowledgeEvent, eventStates, listEvents, type EventState } from '../vault/events.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { nothing } from './shapes.ts';

export function events(declare: DeclareAct, vault: Vault): void {
  const query = ['state', 'limit', 'cursor'] as const;
  declare('get', '/v1/events', 'events.list', { query }, ({ query: asked }, caller, act) =>
    listEvents(vault, caller, act, stateOf(asked.state), parsePage(asked.limit, asked.cursor)),
  );
  declare('post', '/v1/events/:id/acknowledge', 'events.acknowledge', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return acknowledgeEvent(vault, caller, act, idOf(request));
  });
}

/** What waits, unless everything is asked for. */
export function stateOf(text: string | undefined): EventState {
  const state = eventStates.find((known) => known === (text ?? 'open'));
  if (state === undefined) throw refuse('invalid_query', '?state', 'unknown_value');
  return state;
}
