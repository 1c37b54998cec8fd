import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { synthetic } from '../../src/cli/synthetic.ts';
import { freezeStatistics } from '../../src/vault/statistics.ts';
import { published, roundedTo } from '../../src/vault/suppression.ts';
import { untilWaiting, withClient } from '../support/postgres.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, day, leavesOf, made, newOrder, newPerson } from '../support/work.ts';
import { bounds, type Cell, type Interval } from './bounds.ts';

/**
 * Figures give no suppressed cell away: not by subtraction between tables, not by what is known of the rounding, not by watching
 * somebody come or go.
 */

const k = 5;

/** Orders of a month: of each person one, in a state and to a city. The last of either is never published. */
const states = ['delivered', 'returned', 'cancelled', 'open'] as const;
const cities = ['Tehran', 'Tabriz', 'Shiraz', 'Rasht', 'elsewhere'] as const;
interface Order {
  readonly state: (typeof states)[number];
  readonly city: (typeof cities)[number];
}

const month = fc.array(
  fc.record<Order>({
    state: fc.oneof({ weight: 6, arbitrary: fc.constant('delivered' as const) }, fc.constantFrom(...states)),
    city: fc.oneof({ weight: 6, arbitrary: fc.constant('Tehran' as const) }, fc.constantFrom(...cities)),
  }),
  { minLength: 1, maxLength: 60 },
);

const sizeOf = (orders: readonly Order[], dimension: keyof Order, value: string): number =>
  orders.filter((order) => order[dimension] === value).length;

const anything: Interval = { least: 0, most: Infinity };
const few: Interval = { least: 0, most: k - 1 };

/** What somebody knows of a cell of which the vault says `figure`. */
const told = (figure: number | undefined): Interval =>
  figure === undefined ? few : { least: figure, most: figure + roundedTo - 1 };

function asPublished(orders: readonly Order[]): readonly (readonly Cell[])[] {
  return (['state', 'city'] as const).map((dimension) =>
    (dimension === 'state' ? states : cities).map((value, i, all) => {
      const count = sizeOf(orders, dimension, value);
      if (i === all.length - 1) return { name: value, count, suppressed: false, known: anything };
      const figure = published({ count, persons: count, most: count === 0 ? 0 : 1 }, k);
      return { name: value, count, suppressed: figure === undefined, known: told(figure) };
    }),
  );
}

/** As many do it: every category and the total, exact figures, those under k left out. */
function naively(orders: readonly Order[]): readonly (readonly Cell[])[] {
  const exact = (name: string, count: number, suppressed: boolean): Cell => ({
    name,
    count,
    suppressed,
    known: suppressed ? few : { least: count, most: count },
  });
  const tables = (['state', 'city'] as const).map((dimension) =>
    (dimension === 'state' ? states : cities).map((value) => {
      const count = sizeOf(orders, dimension, value);
      return exact(value, count, count < k);
    }),
  );
  return [...tables, [exact('total', orders.length, false)]];
}

const narrowed = (tables: readonly (readonly Cell[])[]) =>
  bounds(tables)
    .flat()
    .filter(({ suppressed, known }) => suppressed && (known.least > 0 || known.most < k - 1));

describe('a solver with everything that was published', () => {
  test('cannot bound one suppressed cell: each may be anything from nothing to k - 1', () => {
    fc.assert(
      fc.property(month, (orders) => {
        expect(narrowed(asPublished(orders))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  test('control: of tables that only leave small figures out, it finds what was left out', () => {
    const runs = fc.sample(month, { numRuns: 200, seed: 7 });
    const broken = runs.filter((orders) => narrowed(naively(orders)).length > 0);
    const solved = runs.flatMap((orders) => narrowed(naively(orders)).filter((c) => c.known.least === c.known.most));
    expect(broken.length).toBeGreaterThan(100);
    expect(solved.length).toBeGreaterThan(20);
    expect(
      solved.every(({ count, known }) => known.least === count),
      'and it is right',
    ).toBe(true);
  });

  test('one person who is most of a figure hides it, however many others there are', () => {
    expect(published({ count: 40, persons: 6, most: 21 }, k)).toBeUndefined();
    expect(published({ count: 40, persons: 6, most: 20 }, k)).toBe(40);
    expect(published({ count: 400, persons: k - 1, most: 100 }, k)).toBeUndefined();
    expect(published({ count: 9, persons: 9, most: 1 }, k)).toBe(5);
  });
});

describe('figures of a vault', () => {
  const people = synthetic(9_123);
  const profile = parse(readFileSync(new URL('../../policies/kalak.yaml', import.meta.url), 'utf8'), { merge: true });
  let vault: TestVault;
  let shop: TestClient;
  let dpo: TestClient;
  let marketing: TestClient;
  let support: TestClient;
  let admin: TestClient;
  let period: string;
  let gone: string;

  const freeze = () => freezeStatistics(vault.vault, vault.vault.watch.policy(vault.tenantId), vault.tenantId);
  const table = (by: TestClient, measure: string, of = period) => by.get(`/v1/statistics/${measure}?period=${of}`);
  const countsOf = async (measure: string) => {
    const { cells } = made(await table(dpo, measure), 200);
    return Object.fromEntries(
      cells.map(({ of, count }: { of: object; count: number | null }) => [Object.values(of).join(' '), count]),
    );
  };

  /** Persons who each order once to a city of their own; the last of them cancel. */
  async function trade(city: string, count: number, cancelled: number): Promise<string[]> {
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const drawn = people.naturalCustomer();
      const [first, ...rest] = drawn.addresses;
      if (first === undefined) throw new Error('no address');
      const addresses = [{ ...first, address: { ...first.address, city } }, ...rest];
      const person = await newPerson(shop, { ...drawn, addresses });
      const order = await newOrder(shop, person);
      if (i >= count - cancelled) made(await shop.post(`/v1/orders/${order}/cancel`), 200);
      ids.push(person.id);
    }
    return ids;
  }

  beforeAll(async () => {
    vault = await startVault({
      profileText: stringify(
        { ...profile, statistics: { ...profile.statistics, k } },
        { aliasDuplicateObjects: false },
      ),
    });
    shop = await vault.client('shop_backend');
    dpo = await vault.client('dpo');
    marketing = await vault.client('marketing');
    support = await vault.client('support');
    const [first] = await trade('تهران', 7, 5);
    gone = first ?? '';
    await trade('طهران', 2, 2);
    await trade('رشت', 3, 3);
    // One person's many orders to one place are nobody's figure.
    const often = await newPerson(shop, people.naturalCustomer());
    for (let i = 0; i < 6; i += 1) await newOrder(shop, often);
    expect(made(await dpo.get('/v1/statistics'), 200).items[0].periods, 'control: the month is not over').toEqual([]);
    expect(await freeze()).toBe(0);
    vault.advance(33 * day);
    [shop, dpo, admin] = await Promise.all([shop.as(undefined), dpo.as(undefined), vault.admin.as(undefined)]);
    [marketing, support] = await Promise.all([marketing.as('staff-8'), support.as('staff-2')]);
    expect(await freeze()).toBeGreaterThan(5);
    period = made(await dpo.get('/v1/statistics'), 200).items[0].periods.at(-1);
  });
  afterAll(() => vault.stop());

  test('count persons by kind, orders by state and by city; what is small is null or not named', async () => {
    expect(await countsOf('customers')).toEqual({
      'natural active': 10,
      'natural deactivated': null,
      'legal active': null,
      'legal deactivated': null,
    });
    expect(await countsOf('orders')).toEqual({ delivered: null, returned: null, cancelled: 10 });
    const named = await countsOf('cities');
    expect(Object.keys(named)).toEqual(['تهران']);
    expect(named['تهران']).toBe(5);
    expect(Object.values(await countsOf('consents')).every((count) => count === null)).toBe(true);
    const stored = await atDatabase<{ cells: string }>(vault, 'select cells from amanat.statistics');
    expect(
      stored.some(({ cells }) => cells.includes('رشت')),
      'nor is it in the tables',
    ).toBe(false);
  });

  test('do not move when somebody comes, leaves or is erased, nor when they are made again', async () => {
    const plain = async (measure: string) => bytesOf(await table(dpo, measure));
    const before = [await plain('customers'), await plain('orders'), await plain('cities')];
    await trade('رشت', 2, 2);
    const asked = { customerId: gone, kind: 'erase', asker: 'subject', checked: 'call_back' };
    const request = made(await shop.post('/v1/requests', asked));
    made(await support.post(`/v1/requests/${request.id}/decide`, { outcome: 'done' }), 200);
    expect(await freeze()).toBe(0);
    expect([await plain('customers'), await plain('orders'), await plain('cities')]).toEqual(before);
  });

  test('are for the departments that the policy names, of what it names; each look is in the log', async () => {
    const offered = made(await marketing.get('/v1/statistics'), 200).items.map(
      (one: { measure: string }) => one.measure,
    );
    expect(offered).toEqual(['customers', 'orders', 'cities', 'consents']);
    expect(made(await table(marketing, 'cities'), 200).cells).toHaveLength(1);
    expect((await table(marketing, 'requests')).body.code).toBe('not_permitted');
    expect((await table(support, 'cities')).body.code).toBe('not_permitted');
    expect((await table(admin, 'cities')).status).toBe(403);
    for (const [measure, of, code] of [
      ['cities', '1500-01', 'not_found'],
      ['addresses', period, 'not_found'],
      ['cities', '1404-13', 'invalid_query'],
    ] as const)
      expect((await table(marketing, measure, of)).body.code).toBe(code);
    const leaves = await leavesOf(dpo, `client=${marketing.id}`);
    expect(leaves.find(({ rule }) => rule === 'statistics.cities')).toMatchObject({
      action: 'statistics.read',
      actor: 'staff-8',
      outcome: 'allowed',
    });
    expect(leaves.some(({ outcome, action }) => action === 'statistics.read' && outcome === 'refused')).toBe(true);
  });

  test('of one process stand, whoever comes second; what was edited in the table is not believed', async () => {
    await atDatabase(vault, 'delete from amanat.statistics');
    // All three have looked, and have yet to write, when the first of them may.
    const rounds = await withClient(vault.db.superuserUrl, async (client) => {
      await client.query('begin');
      await client.query('lock table amanat.statistics in share row exclusive mode');
      const freezes = [freeze(), freeze(), freeze()];
      await untilWaiting(vault.db.superuserUrl, freezes.length, ...freezes);
      await client.query('commit');
      return Promise.all(freezes);
    });
    expect(rounds.every((round) => round > 0)).toBe(true);
    const [row] = await atDatabase<{ twice: number }>(
      vault,
      'select count(*)::int as twice from (select 1 from amanat.statistics group by measure, period having count(*) > 1) t',
    );
    expect(row?.twice).toBe(0);
    expect((await table(dpo, 'customers')).status).toBe(200);
    await atDatabase(
      vault,
      `update amanat.statistics set cells = replace(cells, '10', '15') where measure = 'customers'`,
    );
    expect((await table(dpo, 'customers')).body.code).toBe('integrity_failure');
  });
});
