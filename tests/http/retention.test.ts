import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { parseDate } from '../../src/formats/jalali.ts';
import { housekeep } from '../../src/vault/housekeeping.ts';
import { verifyRecords } from '../../src/vault/recordVerification.ts';
import { countRetention, sweepRetention } from '../../src/vault/retention.ts';
import { endOfIranianYear, startOfDay } from '../../src/vault/tehranDay.ts';
import { hold } from '../support/holds.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, newOrder, newParcel, newPerson, type Person } from '../support/work.ts';

let vault: TestVault;
let beside: TestVault;
const staff = new Map<string, TestClient>();
const people = synthetic(451);

beforeAll(async () => {
  vault = await startVault();
  beside = await startVault({ beside: vault });
  for (const role of ['shop_backend', 'courier', 'dpo', 'legal_registrar'])
    staff.set(role, await vault.client(role, role.includes('_') || role === 'dpo' ? { actor: 'staff-1' } : {}));
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
});

/** A fresh token: the clock moves here. */
async function as(role: string): Promise<TestClient> {
  const client = staff.get(role);
  if (client === undefined) throw new Error(role);
  return client.as('staff-1');
}

const policy = () => vault.vault.watch.policy(vault.tenantId);
const sweep = () => sweepRetention(vault.vault, policy(), vault.tenantId);
const person = async () => newPerson(await as('shop_backend'), people.naturalCustomer());

async function order(of: Person, to: 'customer' | 'recipient', end?: 'delivered' | 'cancelled'): Promise<string> {
  const shop = await as('shop_backend');
  const delivery = to === 'recipient' ? { to, recipient: people.recipient() } : undefined;
  const id = await newOrder(shop, of, delivery);
  if (end === 'cancelled') made(await shop.post(`/v1/orders/${id}/cancel`), 200);
  if (end === 'delivered') {
    const courier = await as('courier');
    const parcel = await newParcel(shop, id, courier);
    made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
  }
  return id;
}

async function isThere(id: string, table = 'orders'): Promise<boolean> {
  const [row] = await atDatabase<{ there: boolean }>(
    vault,
    `select data_key is not null and sealed is not null as there from amanat.${table} where id = $1`,
    [id],
  );
  return row?.there === true;
}

/** Whether a parcel's code is there, and why its grant closed. */
async function parcelRow(id: string): Promise<unknown> {
  const [row] = await atDatabase(
    vault,
    `select s.code_hash is not null as code, g.closed_reason as reason
       from amanat.shipments s join amanat.grants g on g.id = s.grant_id where s.id = $1`,
    [id],
  );
  return row;
}

/** Days on which the vault's clock stands at `days` from now, for one look. */
async function after<T>(days: number, work: () => Promise<T>): Promise<T> {
  vault.advance(days * day);
  try {
    return await work();
  } finally {
    vault.advance(-days * day);
  }
}

describe('each class on its day and not before', () => {
  test.each([
    ['an alternate recipient, 30 days from delivery', 'recipient', 'delivered', 30],
    ['an alternate recipient of a cancelled order, 7 days', 'recipient', 'cancelled', 7],
    ['an alternate recipient of an order of which nobody hears, 90 days', 'recipient', undefined, 90],
    ['delivery data, 180 days from delivery', 'customer', 'delivered', 180],
  ] as const)('%s', async (_, to, end, days) => {
    const id = await order(await person(), to, end);
    await after(days - 0.01, sweep);
    expect(await isThere(id)).toBe(true);
    await after(days + 0.01, sweep);
    expect(await isThere(id)).toBe(false);
    const [row] = await atDatabase(vault, 'select 1 from amanat.order_versions where order_id = $1', [id]);
    expect(row).toBeUndefined();
    expect((await (await as('shop_backend')).get(`/v1/orders/${id}`)).status).toBe(404);
  });

  test('an open order of the customer’s own stays', async () => {
    const id = await order(await person(), 'customer');
    await after(400, sweep);
    expect(await isThere(id)).toBe(true);
  });

  test('an invoice: ten years from the end of its Iranian year', async () => {
    expect(endOfIranianYear(new Date('2025-11-12T08:00:00Z'))).toEqual(
      new Date(startOfDay(parseDate('1405-01-01') ?? '')),
    );
    expect(endOfIranianYear(new Date('2026-03-20T20:29:59Z'))).toEqual(
      new Date(startOfDay(parseDate('1405-01-01') ?? '')),
    );
    const of = await person();
    const shop = await as('shop_backend');
    const { id } = made(await shop.post(`/v1/orders/${await order(of, 'customer')}/invoices`));
    const due = endOfIranianYear(new Date(vault.vault.now()));
    due.setUTCFullYear(due.getUTCFullYear() + 10);
    const days = (due.getTime() - vault.vault.now()) / day;
    await after(days - 0.1, sweep);
    expect(await isThere(id, 'invoices')).toBe(true);
    await after(days + 2, sweep);
    expect(await isThere(id, 'invoices')).toBe(false);
  });
});

describe('what a courier had', () => {
  test('a grant closes and a code goes fifteen days after the dispatch, delivered or not', async () => {
    const [shop, courier] = [await as('shop_backend'), await as('courier')];
    const parcel = await newParcel(shop, await order(await person(), 'customer'), courier);
    await after(14.99, sweep);
    expect(await parcelRow(parcel.id)).toEqual({ code: true, reason: null });
    await after(15.01, sweep);
    expect(await parcelRow(parcel.id)).toEqual({ code: false, reason: 'expired' });
    const again = await newParcel(shop, await order(await person(), 'customer'), courier);
    made(await courier.post(`/v1/deliveries/${again.id}/confirm`, { code: again.deliveryCode }), 200);
    expect(await parcelRow(again.id), 'a used one at once').toEqual({ code: false, reason: 'delivered' });
  });
});

describe('the sweep', () => {
  test('is counted before it is made, and leaves a leaf for each record', async () => {
    const of = await person();
    const ids = [await order(of, 'recipient', 'cancelled'), await order(of, 'recipient', 'cancelled')];
    const counted = async () =>
      (await countRetention(vault.vault, policy(), vault.tenantId)).find((c) => c.class === 'alternate_recipient');
    expect((await counted())?.due, 'control').toBe(0);
    await after(8, async () => {
      expect(await counted()).toEqual({ class: 'alternate_recipient', action: 'orders.expire', due: 2, held: 0 });
      expect(await isThere(ids[0] ?? ''), 'a count changes nothing').toBe(true);
      expect(await sweep()).toContainEqual({ class: 'alternate_recipient', action: 'orders.expire', done: 2 });
      expect(await sweep(), 'once').toContainEqual({
        class: 'alternate_recipient',
        action: 'orders.expire',
        done: 0,
      });
    });
    const leaves = (await leavesOf(await as('dpo'), `subject=${of.id}`)).filter((l) => l.action === 'orders.expire');
    expect(new Set(leaves.map((leaf) => leaf.objectId))).toEqual(new Set(ids));
    expect(leaves[0]).toMatchObject({ actor: 'sweep', rule: 'retention.alternate_recipient' });
    const { breach } = await verifyRecords(vault.vault.db, vault.tenantId, () => undefined);
    expect(breach).toBeUndefined();
  });

  test('is counted for the officer, who alone may ask', async () => {
    const [held, free] = [await person(), await person()];
    const [kept, gone] = [await order(held, 'recipient', 'cancelled'), await order(free, 'recipient', 'cancelled')];
    await hold(vault, await as('legal_registrar'), [held.id]);
    await after(8, async () => {
      const seen = made(await (await as('dpo')).get('/v1/retention'), 200);
      const counted = (items: readonly { class: string }[]) => items.find((one) => one.class === 'alternate_recipient');
      expect(counted(seen.items)).toEqual({ class: 'alternate_recipient', action: 'orders.expire', due: 2, held: 1 });
      const own = await countRetention(vault.vault, policy(), vault.tenantId);
      expect(seen.items).toEqual(own);
      expect(seen.unswept).toContainEqual(expect.objectContaining({ class: 'backup', does: 'operator' }));
      expect([await isThere(kept), await isThere(gone)], 'nothing has changed').toEqual([true, true]);
      for (const role of ['shop_backend', 'legal_registrar'])
        expect((await (await as(role)).get('/v1/retention')).status).toBe(403);
      const leaves = await leavesOf(await as('dpo'), `client=${staff.get('dpo')?.id}`);
      expect(leaves.filter(({ action }) => action === 'retention.read')).toMatchObject([{ outcome: 'allowed' }]);
      await sweep();
    });
    expect([await isThere(kept), await isThere(gone)]).toEqual([true, false]);
    await after(100, () => housekeep(vault.vault));
  });

  test('leaves what is held, and takes it when the hold is over', async () => {
    const [held, free] = [await person(), await person()];
    const [kept, gone] = [await order(held, 'recipient', 'cancelled'), await order(free, 'recipient', 'cancelled')];
    await hold(vault, await as('legal_registrar'), [held.id]);
    await after(8, async () => {
      const counts = await countRetention(vault.vault, policy(), vault.tenantId);
      expect(counts).toContainEqual({ class: 'alternate_recipient', action: 'orders.expire', due: 2, held: 1 });
      await sweep();
    });
    expect([await isThere(kept), await isThere(gone)]).toEqual([true, false]);
    // By housekeeping, as in every process: it ends what has run out first.
    await after(100, () => housekeep(vault.vault));
    expect(await isThere(kept)).toBe(false);
  });

  test('in two processes at once does nothing twice', async () => {
    const of = await person();
    for (let n = 0; n < 6; n += 1) await order(of, 'recipient', 'cancelled');
    beside.advance(8 * day);
    const rounds = await after(8, () =>
      Promise.all([sweep(), sweepRetention(beside.vault, policy(), vault.tenantId), sweep()]),
    );
    beside.advance(-8 * day);
    const orders = rounds.flat().filter((one) => one.action === 'orders.expire');
    expect(orders.reduce((sum, { done }) => sum + done, 0)).toBe(6);
    const leaves = (await leavesOf(await as('dpo'), `subject=${of.id}`)).filter((l) => l.action === 'orders.expire');
    expect(leaves).toHaveLength(6);
  });

  test('of one tenant does not stop for the trouble of another', async () => {
    await vault.secondTenant();
    const [first, ...others] = vault.vault.watch.tenants();
    const forget = async () => {
      await atDatabase(
        vault,
        `insert into amanat.token_revocations (tenant_id, jti, revoked_at, expires_at)
         select id, gen_random_uuid(), now(), now() - interval '1 day' from amanat.tenants where id = any($1::uuid[])
         on conflict do nothing`,
        [[first, ...others]],
      );
      await housekeep(vault.vault);
      const left = await atDatabase<{ id: string }>(
        vault,
        'select distinct tenant_id as id from amanat.token_revocations where expires_at < now()',
      );
      return left.map(({ id }) => id);
    };
    expect(others.length).toBeGreaterThan(0);
    expect(await forget(), 'control').toEqual([]);
    await atDatabase(
      vault,
      `create function amanat.trouble() returns trigger language plpgsql as $$ begin raise 'trouble'; end $$;
       create trigger trouble before delete on amanat.token_revocations
         for each row when (old.tenant_id = '${first}') execute function amanat.trouble()`,
    );
    expect(await forget()).toEqual([first]);
  });
});

describe('days later', () => {
  test('a code that went before its parcel is no code any more, and no fault of ours', async () => {
    const shop = await as('shop_backend');
    const at = (days: number) => new Date(vault.vault.now() + days * day).toISOString();
    const terms = { opensAt: at(10), closesAt: at(20) };
    const parcel = await newParcel(shop, await order(await person(), 'customer'), await as('courier'), terms);
    const confirm = async () =>
      (await as('courier')).post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode });
    // From here on the clock stands there: tokens are issued by it.
    vault.advance(16 * day);
    await sweep();
    expect(await parcelRow(parcel.id)).toEqual({ code: false, reason: null });
    expect((await confirm()).body.code).toBe('wrong_code');
  });
});

describe('an alternate recipient after their day', () => {
  test('is opened by nothing: not by what is left, under another key, or in the place of another order', async () => {
    const of = await person();
    const [gone, other] = [await order(of, 'recipient', 'cancelled'), await order(of, 'recipient')];
    const copy = async (id: string) =>
      (
        await atDatabase<Kept>(vault, 'select version, data_key as key, sealed from amanat.orders where id = $1', [id])
      )[0];
    const [kept, living] = [await copy(gone), await copy(other)];
    vault.advance(8 * day);
    await sweep();
    expect(await copy(gone)).toMatchObject({ key: null, sealed: null });
    const put = async (key: Buffer | null, version?: number) => {
      vault.vault.keyring.forget();
      await atDatabase(
        vault,
        'update amanat.orders set data_key = $2, sealed = $3, version = coalesce($4, version) where id = $1',
        [gone, key, kept?.sealed, version],
      );
      return (await (await as('shop_backend')).get(`/v1/orders/${gone}`)).status;
    };
    expect(await put(null), 'the values without their key').toBe(404);
    expect(await put(living?.key ?? null), 'under another order’s key').toBe(500);
    expect(await put(living?.key ?? null, kept?.version), 'in the version that they were').toBe(500);
    // Control: the whole row with its key, as an old backup has it, opens until the tenant's key is renewed; the log tells.
    expect(await put(kept?.key ?? null, kept?.version)).toBe(200);
    const { breach } = await verifyRecords(vault.vault.db, vault.tenantId, () => undefined);
    expect(breach).toMatchObject({ kind: 'orders', id: gone });
    await put(null, (kept?.version ?? 0) + 1);
    await atDatabase(vault, 'update amanat.orders set sealed = null where id = $1', [gone]);
  });
});

interface Kept {
  readonly version: number;
  readonly key: Buffer | null;
  readonly sealed: Buffer | null;
}

describe('a sweep that is killed', () => {
  test('between its pages goes on with the next, does nothing twice, and does what was counted', async () => {
    const of = await person();
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.push(await order(of, 'recipient', 'cancelled'));
    vault.advance(8 * day);
    // What else is due goes first, so that the pages are these orders'.
    const counted = await countRetention(vault.vault, policy(), vault.tenantId);
    expect(counted.filter(({ due }) => due > 0)).toEqual([
      { class: 'alternate_recipient', action: 'orders.expire', due: 3, held: 0 },
    ]);
    // A page is a commit; whoever dies after the second has done two, and nothing half.
    const there = async () => (await Promise.all(ids.map((id) => isThere(id)))).filter(Boolean).length;
    let pages = 0;
    const onSwept = (_: number, rows: number): void => {
      if (rows > 0 && (pages += 1) === 2) throw new Error('killed');
    };
    const dying = sweepRetention(vault.vault, policy(), vault.tenantId, { rows: 1, onSwept });
    await expect(dying).rejects.toThrow('killed');
    expect(await there()).toBe(1);
    await sweep();
    expect(await there()).toBe(0);
    const leaves = (await leavesOf(await as('dpo'), `subject=${of.id}`)).filter((l) => l.action === 'orders.expire');
    expect(leaves).toHaveLength(3);
    expect((await countRetention(vault.vault, policy(), vault.tenantId)).every(({ due }) => due === 0)).toBe(true);
  });
});
