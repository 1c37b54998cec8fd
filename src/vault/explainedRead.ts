import type { GrantRow } from '../db/grants.ts';
import type { OrderStatus } from '../db/orders.ts';
import { explainRead, type ExplainedField } from '../policy/explain.ts';
import type { JudgedGrant, Reader } from '../policy/judge.ts';
import { parties, type Field } from '../policy/profile.ts';
import { within } from './admissions.ts';
import { isGrantee, judged, stateAt } from './grantOf.ts';
import { isOver } from './orders.ts';
import type { Caller } from './caller.ts';
import type { Policy } from './watch.ts';

/** Who would read: as a token of that client would say. */
export type Asked = Reader & Pick<Caller, 'clientId' | 'actor' | 'department'>;

/** Work that is not there, as it would be judged if it were. */
export type SupposedWork = Pick<JudgedGrant, 'kind' | 'hasOrder' | 'delivered' | 'fields'>;

/** A grant of the tables, and how its order stands. */
export interface KnownGrant {
  readonly row: GrantRow;
  readonly orderStatus: OrderStatus | undefined;
}

/** Does this grant count for this reader's read of this customer? Anything else is as none, as at a read. */
export function counts({ row }: KnownGrant, reader: Asked, customerId: string | undefined): boolean {
  return row.customerId === customerId && isGrantee(row, reader);
}

/** Is it open now: in its window, not closed, not used up? */
export function isOpen({ row }: KnownGrant, now: number): boolean {
  const usedUp = row.maxReads !== null && row.reads >= row.maxReads;
  return row.closedAt === null && !usedUp && stateAt(row, now) === 'open';
}

/** What of the person and the reader counts at the moment of the read, beside the policy and the grant. */
export interface Circumstances {
  readonly now: number;
  readonly frozen: boolean;
  /** Purposes that the person has closed. */
  readonly objected: readonly string[];
  /** The fields that the reader's recipient is for at most. */
  readonly admitted: readonly Field[] | undefined;
}

/** The three items of an alternate recipient are read of the order, which is known to be on its way or not. */
const ofOrders: ReadonlySet<Field> = new Set<Field>(['recipientName', 'recipientPhone', 'recipientAddress']);

/**
 * Each field as a read at this moment would show it if it is held: by the policy's own judge, of which the routes that show
 * values ask the same. Nothing is opened.
 */
export function explainFields(
  policy: Policy,
  reader: Asked,
  work: KnownGrant | SupposedWork | undefined,
  fields: readonly Field[],
  { now, frozen, objected, admitted }: Circumstances,
): readonly ExplainedField[] {
  const grantFor = (delivered: boolean | undefined): JudgedGrant | undefined => {
    if (work === undefined) return undefined;
    const known = 'row' in work;
    const purpose = known ? work.row.purpose : (policy.profile.grantKinds[work.kind]?.purpose ?? '');
    const state = objected.includes(purpose) ? 'objected' : !known || isOpen(work, now) ? 'open' : 'expired';
    return within(known ? judged(work.row, state, delivered) : { ...work, purpose, state }, admitted);
  };
  const delivered = work === undefined || 'row' in work ? isOrderOver(work) : work.delivered;
  const [ofCustomer, ofOrder] = [grantFor(undefined), grantFor(delivered)];
  const read = policy.decide(reader, ofCustomer, fields, frozen);
  const order = policy.decide(reader, ofOrder, fields, frozen);
  return fields.map((field) =>
    ofOrders.has(field)
      ? explainRead(policy.profile, reader, ofOrder, order, field)
      : explainRead(policy.profile, reader, ofCustomer, read, field),
  );
}

function isOrderOver(work: KnownGrant | undefined): boolean | undefined {
  return work?.orderStatus === undefined ? undefined : isOver(work.orderStatus);
}

/** Fields that some party of the profile declares. */
export function declaredFields({ profile }: Policy, all: readonly Field[]): readonly Field[] {
  return all.filter((field) => parties.some((party) => profile.items[party][field] !== undefined));
}
