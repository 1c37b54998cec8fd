import type { ReportedOrder } from '../db/exportRegister.ts';
import { statusAt } from './legalOrderView.ts';
import type { OrdersCounted, TransparencyReport } from './transparencyDocument.ts';

/** The authority of an order, as its letter names it: a body and its seat, never an official. */
export interface Body {
  readonly name: string;
  readonly jurisdiction: string | undefined;
  /** One for every spelling of the two. */
  readonly key: string;
}

/** How far orders came. One order counts at each step that it came to. */
const steps = ['registered', 'approved', 'rejected', 'expired', 'revoked', 'executed', 'holds'] as const;
/** What became of executed orders. */
const ends = ['executed', 'delivered', 'aborted', 'discarded', 'nobodyFound', 'persons', 'fields'] as const;

type OrderCounts = Record<(typeof steps)[number], number>;
type DisclosureCounts = Record<(typeof ends)[number], number>;
interface Counts {
  readonly orders: OrderCounts;
  readonly disclosures: DisclosureCounts;
}

const none = (): Counts => ({
  orders: { registered: 0, approved: 0, rejected: 0, expired: 0, revoked: 0, executed: 0, holds: 0 },
  disclosures: { executed: 0, delivered: 0, aborted: 0, discarded: 0, nobodyFound: 0, persons: 0, fields: 0 },
});

/** The year, from its first moment to the first after it, and the moment of the report. */
export interface Year {
  readonly from: Date;
  readonly to: Date;
  readonly now: number;
}

export interface Tally {
  add(order: ReportedOrder, body: Body | undefined): void;
  report(): ReturnType<typeof reportOf>;
  /** The same for the printed report, which counts an order once, as it stands, and persons whose package was delivered. */
  printed(): Pick<TransparencyReport, 'orders' | 'disclosures'>;
}

/** Counts a year: of the orders registered in it how they stand, of the executions in it what left. Nobody's data. */
export function openTally(year: Year): Tally {
  const total = none();
  const groups = {
    kind: new Map<string, Counts>(),
    ground: new Map<string, Counts>(),
    authority: new Map<string, Counts>(),
  };
  const bodies = new Map<string, Body & { readonly counts: Counts }>();
  const standing = new Map<string, OrdersCounted>();
  let deliveredPersons = 0;
  return {
    add(order, body) {
      const into = [
        total,
        entry(groups.kind, order.kind, none),
        entry(groups.ground, order.ground, none),
        entry(groups.authority, order.authorityKind, none),
        ...(body === undefined ? [] : [entry(bodies, body.key, () => ({ ...body, counts: none() })).counts]),
      ];
      const found = countsOf(order, year);
      if (found.orders.registered === 1) countStanding(standing, order, year.now);
      if (found.disclosures.delivered === 1) deliveredPersons += found.disclosures.persons;
      for (const counts of into) {
        for (const step of steps) counts.orders[step] += found.orders[step];
        for (const end of ends) counts.disclosures[end] += found.disclosures[end];
      }
    },
    report: () => reportOf(total, groups, [...bodies.values()]),
    printed: () => ({
      orders: [...standing.values()],
      disclosures: { packages: total.disclosures.delivered, persons: deliveredPersons },
    }),
  };
}

/** One whose approval ran out may be approved again, so it stands as approved. */
function countStanding(standing: Map<string, OrdersCounted>, order: ReportedOrder, now: number): void {
  const status = statusAt(order, now);
  const outcome = status === 'approval_expired' ? 'approved' : status;
  const authority = order.authorityKind === 'none' ? order.ground : order.authorityKind;
  const key = [order.kind, authority, outcome].join(' ');
  const count = (standing.get(key)?.count ?? 0) + 1;
  standing.set(key, { kind: order.kind, authority, outcome, count });
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function countsOf(order: ReportedOrder, year: Year): Counts {
  const counts = none();
  if (isWithin(year, order.registeredAt)) countOrder(counts.orders, order, year.now);
  if (order.executedAt !== null && isWithin(year, order.executedAt)) countDisclosure(counts.disclosures, order);
  return counts;
}

function isWithin({ from, to }: Year, time: Date): boolean {
  return time >= from && time < to;
}

function countOrder(counts: OrderCounts, order: ReportedOrder, now: number): void {
  const status = statusAt(order, now);
  counts.registered = 1;
  counts.approved = order.status === 'registered' || order.status === 'rejected' ? 0 : 1;
  counts.executed = order.executedAt === null ? 0 : 1;
  counts.holds = order.holds;
  if (status === 'rejected' || status === 'expired' || status === 'revoked') counts[status] = 1;
}

function countDisclosure(counts: DisclosureCounts, { delivery, records, fields }: ReportedOrder): void {
  counts.executed = 1;
  if (delivery === 'delivered' || delivery === 'aborted' || delivery === 'discarded') counts[delivery] = 1;
  counts.nobodyFound = records === 0 ? 1 : 0;
  counts.persons = records ?? 0;
  counts.fields = (records ?? 0) === 0 ? 0 : (fields?.length ?? 0);
}

type Groups = Readonly<Record<'kind' | 'ground' | 'authority', ReadonlyMap<string, Counts>>>;

function reportOf(total: Counts, groups: Groups, bodies: readonly (Body & { readonly counts: Counts })[]) {
  const table = (map: ReadonlyMap<string, Counts>, name: string) =>
    [...map].toSorted(byText).map(([value, counts]) => ({ [name]: value, ...counts }));
  return {
    ...total,
    byKind: table(groups.kind, 'kind'),
    byGround: table(groups.ground, 'ground'),
    byAuthorityKind: table(groups.authority, 'authority'),
    byAuthority: bodies
      .toSorted(
        (one, other) =>
          other.counts.orders.registered - one.counts.orders.registered || one.key.localeCompare(other.key),
      )
      .map(({ name, jurisdiction, counts }) => ({
        name,
        ...(jurisdiction === undefined ? {} : { jurisdiction }),
        ...counts,
      })),
  };
}

function byText([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one.localeCompare(other);
}
