import {
  selectPlacedOrders,
  tallyCases,
  tallyConsents,
  tallyCustomers,
  tallyOrders,
  tallyRequests,
  type Month,
  type Tally,
} from '../db/statistics.ts';
import type { Statement } from '../db/statement.ts';
import { requestKinds } from '../db/requests.ts';
import { nameKey } from '../formats/text.ts';
import { ledgerPurposes } from '../policy/consent.ts';
import type { Measure } from '../policy/figures.ts';
import { load } from './act.ts';
import { firstIdAt } from './ids.ts';
import { endOfOrder } from './keptUntil.ts';
import { cityLabel } from './orderRecord.ts';
import { forCounting, openRecord } from './record.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** What a cell counts: its category by the name of its dimension. */
export type Category = Readonly<Record<string, string>>;

/** Orders opened together. */
const pageSize = 500;

interface Counting {
  readonly dimensions: readonly string[];
  /** Every cell there can be; undefined where only those are named that are published. */
  readonly cells: (policy: Policy) => readonly Category[] | undefined;
  readonly tallies: (vault: Vault, policy: Policy, tenantId: string, month: Month) => Promise<readonly Tally[]>;
}

const by =
  (tally: (tenantId: string, month: Month) => Statement<Tally>): Counting['tallies'] =>
  async (vault, _policy, tenantId, month) =>
    (await load(vault, tenantId, [tally(tenantId, month)]))[0];

const each = <T extends string>(values: readonly T[], one: (value: T) => readonly Category[]): Category[] =>
  values.flatMap(one);

/** How each measure is counted: which cells it has, and what of a month is in them. */
export const countings: Readonly<Record<Measure, Counting>> = {
  customers: {
    dimensions: ['kind', 'status'],
    cells: () => each(['natural', 'legal'], (kind) => each(['active', 'deactivated'], (status) => [{ kind, status }])),
    tallies: by(tallyCustomers),
  },
  orders: {
    dimensions: ['state'],
    cells: () => each(['delivered', 'returned', 'cancelled'], (state) => [{ state }]),
    tallies: by(tallyOrders),
  },
  cities: { dimensions: ['city'], cells: () => undefined, tallies: tallyCities },
  consents: {
    dimensions: ['purpose', 'channel', 'kind'],
    cells: ({ profile }) =>
      each(ledgerPurposes(profile), (purpose) =>
        each(profile.consent.channels, (channel) =>
          each(['given', 'withdrawn'], (kind) => [{ purpose, channel, kind }]),
        ),
      ),
    tallies: by(tallyConsents),
  },
  requests: {
    dimensions: ['kind'],
    cells: () => each(requestKinds, (kind) => [{ kind }]),
    tallies: by(tallyRequests),
  },
  cases: {
    dimensions: ['kind'],
    cells: () => each(['complaint', 'inquiry', 'misuse'], (kind) => [{ kind }]),
    tallies: by(tallyCases),
  },
};

/** A city, whose it was counted, and how often. */
interface InCity {
  readonly spellings: Map<string, number>;
  readonly orders: Map<string, number>;
}

async function tallyCities(vault: Vault, policy: Policy, tenantId: string, month: Month): Promise<readonly Tally[]> {
  const cities = new Map<string, InCity>();
  for await (const { city, customerId } of deliveredTo(vault, policy, tenantId, month)) add(cities, city, customerId);
  return [...cities.values()].map(tallyOf);
}

export interface Delivered {
  readonly customerId: string;
  readonly city: string;
}

/**
 * The cities that a month's orders went to. No tag of a city stands in the tables, where whoever reads them would learn who lives
 * together: the one sealed word is opened order by order, a page at a time. An order to somebody else's address is not in it
 * (that person's data serve their parcel alone), nor one that has had its time, whether or not it is still there.
 */
export async function* deliveredTo(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  month: Month,
): AsyncGenerator<Delivered> {
  const keys = await vault.keyring.tenant(tenantId);
  const at = new Date(vault.now());
  const end = firstIdAt(month.to);
  for (let after = firstIdAt(month.from); ;) {
    const [orders] = await load(vault, tenantId, [selectPlacedOrders(tenantId, after, end, pageSize)]);
    for (const order of orders) {
      const until = endOfOrder(policy.profile, order);
      const over = until !== undefined && until <= at;
      const city = over ? undefined : cityOf(() => openRecord(keys, 'order', order), order);
      if (city !== undefined) yield { customerId: order.customerId, city };
    }
    const last = orders.at(-1);
    if (last === undefined || orders.length < pageSize) return;
    after = last.id;
  }
}

/** Undefined where it is not told, or does not open: that is the integrity sweep's to find. */
function cityOf(
  open: () => ReturnType<typeof openRecord>,
  { customerKind }: { readonly customerKind: 'natural' | 'legal' },
): string | undefined {
  try {
    const record = open();
    const label = cityLabel(customerKind);
    return record.labels.has(label) ? forCounting(record.value(label)) : undefined;
  } catch {
    return undefined;
  }
}

function add(cities: Map<string, InCity>, city: string, customerId: string): void {
  const key = nameKey(city);
  const known = cities.get(key) ?? { spellings: new Map<string, number>(), orders: new Map<string, number>() };
  cities.set(key, known);
  known.spellings.set(city, (known.spellings.get(city) ?? 0) + 1);
  known.orders.set(customerId, (known.orders.get(customerId) ?? 0) + 1);
}

/** Of several ways to write one word, that of the most; of equals the first in the alphabet. */
export function commonest(spellings: ReadonlyMap<string, number>): string {
  const [[spelling] = ['']] = [...spellings].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
  return spelling;
}

function tallyOf({ spellings, orders }: InCity): Tally {
  const counts = [...orders.values()];
  return {
    one: commonest(spellings),
    two: null,
    three: null,
    count: counts.reduce((sum, count) => sum + count, 0),
    persons: counts.length,
    most: counts.reduce((most, count) => Math.max(most, count), 0),
  };
}
