import {
  acknowledgeEvent as acknowledgeStatement,
  listEvents as listStatement,
  listOpenEvents,
  raiseEvents,
  selectEvent,
  type EventRow,
  type NewEventRow,
  type RaisedRow,
} from '../db/events.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { eventKinds, eventRule, type EventKind } from './eventKinds.ts';
import { newId } from './ids.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { jalaliDayOf } from './tehranDay.ts';
import type { Vault } from './vault.ts';

export interface NewEvent {
  readonly kind: EventKind;
  /** Id of what it is about: of the order, the export or the notice, as the kind says. */
  readonly objectId: string;
  readonly legalOrderId?: string | undefined;
  readonly customerId?: string | undefined;
  /** The moment it is about; now when left out. The same kind, object and moment are the same event. */
  readonly at?: Date | undefined;
}

/**
 * Raises events in the transaction they stand in: with the act they tell of, or not at all. Nobody decides anything by an
 * event; it says where to look.
 */
export function eventStatement(
  vault: Pick<Vault, 'now'>,
  tenantId: string,
  ...events: readonly NewEvent[]
): Statement<RaisedRow> {
  const now = vault.now();
  return raiseEvents(
    tenantId,
    events.flatMap((event) => rowsOf(event, now)),
  );
}

/** One row for each role. The shop's systems are never told which order stands behind what they hear. */
function rowsOf({ kind, objectId, legalOrderId, customerId, at }: NewEvent, now: number): NewEventRow[] {
  const { object, audience, atMostEvery = 1 } = eventKinds[kind];
  const about = at?.getTime() ?? now;
  return audience.map((role) => ({
    id: newId(now),
    audience: role,
    kind,
    objectKind: object,
    objectId,
    legalOrderId: role === 'shop_backend' ? null : (legalOrderId ?? (object === 'legal_orders' ? objectId : null)),
    customerId: customerId ?? null,
    dueAt: new Date(about - (about % atMostEvery)),
    createdAt: new Date(now),
  }));
}

export const eventStates = ['open', 'all'] as const;
export type EventState = (typeof eventStates)[number];

/** What the caller's role has to know, newest first: what nobody of it has acknowledged, or everything. */
export async function listEvents(
  vault: Vault,
  caller: Caller,
  act: Act,
  state: EventState,
  page: Page,
): Promise<Answer> {
  permit(caller, 'events.list');
  const { tenantId, role } = caller;
  const list = state === 'open' ? listOpenEvents : listStatement;
  const [rows] = await load(vault, tenantId, [list(tenantId, role, page.after, page.limit + 1)]);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (isFor(caller, row) ? viewOf(row) : undefined),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

/** Says that the caller's role has seen to it, and leaves who and when. Throws `conflict` when somebody had before. */
export async function acknowledgeEvent(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'events.acknowledge');
  const { tenantId, role, clientId, actor } = caller;
  const [[row]] = await load(vault, tenantId, [selectEvent(tenantId, role, id)]);
  if (row === undefined || !isFor(caller, row)) throw new VaultError('not_found');
  const at = new Date(vault.now());
  const seen = { ...row, acknowledgedBy: clientId, acknowledgedActor: actor ?? null, acknowledgedAt: at };
  const deed = { object: { kind: 'events', id }, legalOrderId: row.legalOrderId ?? undefined };
  return commitAct(vault, caller, act, deed, [acknowledgeStatement(tenantId, role, id, { by: clientId, actor, at })], {
    status: 200,
    body: viewOf(seen),
  });
}

/** The table says which role a row is for; the kind has the last word. */
function isFor({ role }: Caller, { kind }: EventRow): boolean {
  return eventRule(kind)?.audience.includes(role) === true;
}

function viewOf(row: EventRow) {
  const { id, kind, objectKind, objectId, legalOrderId, customerId, dueAt, createdAt, acknowledgedAt } = row;
  return {
    id,
    kind,
    ...(eventRule(kind)?.alarm === true ? { alarm: true } : {}),
    object: { kind: objectKind, id: objectId },
    ...(legalOrderId === null ? {} : { legalOrderId }),
    ...(customerId === null ? {} : { customerId }),
    at: dueAt.toISOString(),
    atJalali: jalaliDayOf(dueAt),
    raisedAt: createdAt.toISOString(),
    ...(acknowledgedAt === null ? {} : { acknowledged: acknowledgementOf(row, acknowledgedAt) }),
  };
}

function acknowledgementOf({ acknowledgedBy, acknowledgedActor }: EventRow, at: Date) {
  return {
    ...(acknowledgedBy === null ? {} : { clientId: acknowledgedBy }),
    ...(acknowledgedActor === null ? {} : { actor: acknowledgedActor }),
    at: at.toISOString(),
    atJalali: jalaliDayOf(at),
  };
}
