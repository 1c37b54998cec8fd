import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { statement } from '../../src/db/statement.ts';
import { write } from '../../src/vault/act.ts';
import { raiseDueEvents } from '../../src/vault/dueEvents.ts';
import { eventKinds, type EventKind } from '../../src/vault/eventKinds.ts';
import { eventStatement, type NewEvent } from '../../src/vault/events.ts';
import { newId } from '../../src/vault/ids.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { bytesOf, hour, leavesOf, made } from '../support/work.ts';
import { expectRefusal, legalDesk, rowsOf, statusesOf, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
let beside: TestVault;
let desk: LegalDesk;
let dpo: TestClient;
let hearers: Readonly<Record<string, TestClient>>;

beforeAll(async () => {
  vault = await startVault();
  beside = await startVault({ beside: vault });
  desk = await legalDesk(vault, 61);
  dpo = await vault.client('dpo', { actor: 'staff-9' });
  hearers = { shop_backend: desk.shop, legal_registrar: desk.registrar, legal_approver: desk.approver, dpo };
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
});

const someId = () => newId(vault.vault.now());
const never = '01a201ee-a7f1-762c-9b9e-564eab27c44f';
const raise = (...events: NewEvent[]) =>
  write(vault.vault, vault.tenantId, [eventStatement(vault.vault, vault.tenantId, ...events)]);

interface Heard {
  readonly id: string;
  readonly kind: EventKind;
  readonly object: { readonly kind: string; readonly id: string };
  readonly legalOrderId?: string;
  readonly customerId?: string;
  readonly at: string;
}

/** Everything a client hears, page by page. */
async function heardBy(client: TestClient, state = 'all', limit = 100): Promise<Heard[]> {
  const heard: Heard[] = [];
  for (let cursor = ''; ;) {
    const page = made(await client.get(`/v1/events?state=${state}&limit=${limit}${cursor}`), 200);
    heard.push(...page.items);
    if (page.nextCursor === undefined) return heard;
    cursor = `&cursor=${page.nextCursor}`;
  }
}

const about = async (client: TestClient, objectId: string, state = 'all') =>
  (await heardBy(client, state)).filter(({ object }) => object.id === objectId);

const linesAbout = (on: TestVault, objectId: string) =>
  on.logLines.map((line) => JSON.parse(line)).filter((line) => line.objectId === objectId);

const legalKinds = ['legal_order', 'emergency', 'review', 'package', 'hold'];

describe('who hears what', () => {
  test('every kind reaches the roles it is for and no other, in pages', async () => {
    const order = someId();
    const raised = Object.keys(eventKinds).map((kind) => ({
      kind: kind as EventKind,
      objectId: someId(),
      legalOrderId: order,
      customerId: someId(),
    }));
    await raise(...raised);
    const objects = new Map(raised.map(({ objectId, kind }) => [objectId, kind]));
    for (const [role, client] of Object.entries(hearers)) {
      for (const limit of [2, 100]) {
        const heard = (await heardBy(client, 'open', limit)).filter(({ object }) => objects.has(object.id));
        const expected = raised.filter(({ kind }) => eventKinds[kind].audience.some((one) => one === role));
        expect(heard.map(({ object }) => object.id).toSorted()).toEqual(expected.map((e) => e.objectId).toSorted());
        expect(heard.length, 'control: every role hears something').toBeGreaterThan(0);
        expect(heard.map(({ id }) => id)).toEqual(
          heard
            .map(({ id }) => id)
            .toSorted()
            .toReversed(),
        );
        for (const event of heard) expect(event.kind).toBe(objects.get(event.object.id));
      }
    }
  });

  test('the shop is never told which order stands behind what it hears, and hears of nothing that is a legal matter but notices', async () => {
    const [notice, order, customer] = [someId(), someId(), someId()];
    await raise(
      { kind: 'notice.due', objectId: notice, legalOrderId: order, customerId: customer },
      { kind: 'legal_order.approved', objectId: order },
    );
    const answer = await desk.shop.get('/v1/events?state=all&limit=100');
    expect(answer.text).not.toContain(order);
    const kinds = answer.body.items.map(({ kind }: Heard) => kind.split('.')[0]);
    expect(kinds).toContain('notice');
    for (const legal of legalKinds) expect(kinds).not.toContain(legal);
    const [event] = await about(desk.shop, notice);
    expect(event).toMatchObject({ object: { kind: 'notices', id: notice }, customerId: customer });
    const [told] = await about(desk.registrar, order);
    expect(told, 'control: the registrar is told').toMatchObject({ legalOrderId: order });
    const rows = await rowsOf(vault, `select legal_order_id from amanat.events where audience = 'shop_backend'`);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every((row) => row.legal_order_id === null)).toBe(true);
  });

  test('a row that was given to another role in the table is told to nobody it is not for', async () => {
    const order = someId();
    await raise({ kind: 'emergency.approved', objectId: order });
    expect(await about(dpo, order), 'control').toHaveLength(1);
    await rowsOf(
      vault,
      `update amanat.events set audience = 'shop_backend', legal_order_id = null where object_id = $1 and audience = 'dpo'`,
      [order],
    );
    expect(await about(desk.shop, order)).toEqual([]);
    const [{ id }] = await rowsOf(
      vault,
      `select id from amanat.events where object_id = $1 and audience like 'shop%'`,
      [order],
    );
    expectRefusal(await desk.shop.post(`/v1/events/${id}/acknowledge`), 404, 'not_found');
  });

  test('no other role hears anything', async () => {
    for (const role of ['system_admin', 'after_sales', 'accounting', 'marketing', 'courier']) {
      const client = role === 'system_admin' ? vault.admin : await vault.client(role, { actor: 'staff-5' });
      expectRefusal(await client.get('/v1/events'), 403, 'not_permitted');
      expectRefusal(await client.post(`/v1/events/${never}/acknowledge`), 403, 'not_permitted');
    }
    const narrow = await dpo.as('staff-9', 'exports');
    expectRefusal(await narrow.get('/v1/events'), 403, 'insufficient_scope');
    expectRefusal(await dpo.get('/v1/events?state=closed'), 422, 'invalid_query', '?state');
  });

  test('support hears of requests, and of no legal matter', async () => {
    const [request, order] = [someId(), someId()];
    await raise({ kind: 'request.opened', objectId: request }, { kind: 'legal_order.approved', objectId: order });
    const support = await vault.client('support', { actor: 'staff-5' });
    const kinds = (await heardBy(support)).map(({ kind }) => kind.split('.')[0]);
    expect(kinds).toContain('request');
    for (const legal of [...legalKinds, 'notice']) expect(kinds).not.toContain(legal);
  });

  test('nor another tenant', async () => {
    const order = someId();
    await raise({ kind: 'emergency.approved', objectId: order });
    const stranger = await (await vault.secondTenant()).client('dpo', { actor: 'staff-9' });
    expect(await heardBy(stranger)).toEqual([]);
    const [event] = await about(dpo, order);
    const [foreign, unknown] = [
      await stranger.post(`/v1/events/${event?.id}/acknowledge`),
      await stranger.post(`/v1/events/${never}/acknowledge`),
    ];
    expectRefusal(foreign, 404, 'not_found');
    expect(bytesOf(foreign)).toBe(bytesOf(unknown));
  });
});

describe('acknowledging', () => {
  test('leaves who and when, for that role alone, once', async () => {
    const order = someId();
    await raise({ kind: 'review.due', objectId: order });
    const [mine] = await about(desk.approver, order, 'open');
    const seen = made(await desk.approver.post(`/v1/events/${mine?.id}/acknowledge`), 200);
    expect(seen).toMatchObject({ id: mine?.id, acknowledged: { clientId: desk.approver.id, actor: 'staff-2' } });
    expect(await about(desk.approver, order, 'open')).toEqual([]);
    expect(await about(desk.approver, order, 'all')).toEqual([seen]);
    expect(await about(dpo, order, 'open'), 'control: the officer has an event of their own').toHaveLength(1);
    expectRefusal(await desk.approver.post(`/v1/events/${mine?.id}/acknowledge`), 409, 'conflict');
    const leaves = await leavesOf(dpo, `client=${desk.approver.id}`);
    const ours = leaves.filter(({ objectId }) => objectId === mine?.id);
    expect(ours.map(({ outcome }) => outcome)).toEqual(['refused', 'allowed']);
    expect(ours.at(-1)).toMatchObject({ action: 'events.acknowledge', legalOrderId: order });
  });

  test('another role’s event is as one that never was', async () => {
    const order = someId();
    await raise({ kind: 'emergency.approved', objectId: order });
    const [event] = await about(dpo, order);
    const foreign = await desk.shop.post(`/v1/events/${event?.id}/acknowledge`);
    expectRefusal(foreign, 404, 'not_found');
    expect(bytesOf(foreign)).toBe(bytesOf(await desk.shop.post(`/v1/events/${never}/acknowledge`)));
    expect(await about(dpo, order, 'open')).toHaveLength(1);
  });

  test('by many at once is by one', async () => {
    const order = someId();
    await raise({ kind: 'emergency.approved', objectId: order });
    const [event] = await about(dpo, order);
    const answers = await Promise.all(Array.from({ length: 5 }, () => dpo.post(`/v1/events/${event?.id}/acknowledge`)));
    expect(statusesOf(answers)).toEqual([200, 409, 409, 409, 409]);
  });
});

describe('raising', () => {
  test('is one with the act: what is not committed is neither listed nor logged', async () => {
    const [kept, lost] = [someId(), someId()];
    const failing = statement('a_guard', `select amanat.require(false, 'conflict')`, []);
    const event = (objectId: string) =>
      eventStatement(vault.vault, vault.tenantId, { kind: 'emergency.approved', objectId, customerId: someId() });
    await expect(write(vault.vault, vault.tenantId, [event(lost), failing])).rejects.toMatchObject({
      code: 'conflict',
    });
    await write(vault.vault, vault.tenantId, [event(kept)]);
    expect([await about(dpo, lost), linesAbout(vault, lost)]).toEqual([[], []]);
    expect(await about(dpo, kept), 'control').toHaveLength(1);
  });

  test('leaves one line in the log: the kind, and ids that name no customer', async () => {
    const [exported, order, customer] = [someId(), someId(), someId()];
    await raise({ kind: 'package.aborted', objectId: exported, legalOrderId: order, customerId: customer });
    await raise({ kind: 'package.second_try', objectId: exported, legalOrderId: order, customerId: customer });
    const lines = linesAbout(vault, exported);
    for (const line of lines)
      expect(Object.keys(line)).toEqual(['level', 'time', 'event', 'code', 'objectId', 'legalOrderId']);
    expect(lines).toMatchObject([
      { level: 'info', event: 'event_raised', code: 'package.aborted', objectId: exported, legalOrderId: order },
      { level: 'warn', event: 'alarm_raised', code: 'package.second_try', objectId: exported, legalOrderId: order },
    ]);
    expect(vault.logLines.join('')).not.toContain(customer);
  });

  test('the same kind, object and moment are one event, whoever raises it', async () => {
    const order = someId();
    const at = new Date(vault.vault.now());
    const again = () => raise({ kind: 'review.due', objectId: order, at });
    await Promise.all([again(), again(), again()]);
    expect(await about(dpo, order)).toHaveLength(1);
    expect(linesAbout(vault, order)).toHaveLength(1);
    await raise({ kind: 'review.due', objectId: order, at: new Date(at.getTime() + 1) });
    expect(await about(dpo, order), 'control: another moment is another event').toHaveLength(2);
  });

  test('a flood of second tries is one alarm a minute', async () => {
    const exported = someId();
    const minute = Math.floor(vault.vault.now() / 60_000) * 60_000;
    for (const ms of [0, 1, 30_000, 59_999])
      await raise({ kind: 'package.second_try', objectId: exported, at: new Date(minute + ms) });
    expect(await about(dpo, exported)).toHaveLength(1);
    await raise({ kind: 'package.second_try', objectId: exported, at: new Date(minute + 60_000) });
    expect(await about(dpo, exported), 'control').toHaveLength(2);
  });
});

/** An order as the table has it when somebody owes it a review, or when its approval runs out. */
async function orderWith(columns: string, values: readonly unknown[]): Promise<string> {
  const id = await desk.register([{ by: 'nationalId', value: '9901234565' }]);
  await rowsOf(vault, `update amanat.legal_orders set ${columns} where id = $1`, [id, ...values]);
  return id;
}

describe('the clock', () => {
  const at = (ms: number) => new Date(vault.vault.now() + ms);
  /** Without what its registration told. */
  const byTheClock = async (client: TestClient, objectId: string) =>
    (await about(client, objectId)).filter(({ kind }) => kind !== 'legal_order.waiting');
  const sweepAt = (time: Date) => raiseDueEvents({ ...vault.vault, now: () => time.getTime() });

  test('a review is overdue at its hour, not before, and once', async () => {
    const due = at(72 * hour);
    const order = await orderWith('review_due = $2', [due]);
    await sweepAt(new Date(due.getTime() - 1));
    expect(await byTheClock(dpo, order)).toEqual([]);
    await sweepAt(due);
    const [event] = await byTheClock(dpo, order);
    expect(event).toMatchObject({ kind: 'review.overdue', alarm: true, legalOrderId: order, at: due.toISOString() });
    await sweepAt(at(100 * hour));
    expect(await byTheClock(dpo, order)).toHaveLength(1);
    expect(await byTheClock(desk.approver, order)).toHaveLength(1);
    expect(await byTheClock(desk.registrar, order)).toEqual([]);
  });

  test('a review that was made is not', async () => {
    const [reviewed, owed] = [
      await orderWith('review_due = $2, reviewed_at = $3', [at(-hour), at(-2 * hour)]),
      await orderWith('review_due = $2', [at(-hour)]),
    ];
    await sweepAt(at(0));
    expect(await byTheClock(dpo, reviewed)).toEqual([]);
    expect(await byTheClock(dpo, owed), 'control').toHaveLength(1);
  });

  test('an approval that runs out is told to both, again when it is given again, and not once it is executed', async () => {
    const first = at(hour);
    const order = await orderWith(`status = 'approved', approval_expires = $2`, [first]);
    const used = await orderWith(`status = 'executed', approval_expires = $2`, [first]);
    const kept = await orderWith(`status = 'approved', kind = 'preservation', approval_expires = $2`, [first]);
    await sweepAt(new Date(first.getTime() - 1));
    expect(await byTheClock(desk.registrar, order)).toEqual([]);
    await sweepAt(first);
    expect(await byTheClock(desk.registrar, order)).toMatchObject([{ kind: 'legal_order.approval_expired' }]);
    for (const other of [used, kept]) expect(await byTheClock(desk.registrar, other)).toEqual([]);
    await rowsOf(vault, 'update amanat.legal_orders set approval_expires = $2 where id = $1', [order, at(2 * hour)]);
    await sweepAt(at(2 * hour));
    expect(await byTheClock(desk.registrar, order)).toHaveLength(2);
    expect(await byTheClock(desk.approver, order)).toHaveLength(2);
  });

  test('an order whose holds end within a day is told once, however many it holds; a released one is not', async () => {
    const [first, second] = [await desk.storeCustomer(), await desk.storeCustomer()];
    const orders = [await orderWith('kind = kind', []), await orderWith('kind = kind', [])];
    const end = at(48 * hour);
    for (const [i, order] of orders.entries()) {
      for (const { id } of [first, second])
        await rowsOf(
          vault,
          `insert into amanat.holds (tenant_id, id, legal_order_id, customer_id, kind, starts_at, ends_at, released_at,
                                     created_at, mac)
           values ($1, $2, $3, $4, 'preservation', $5, $6, $7, $5, '')`,
          [vault.tenantId, someId(), order, id, at(-hour), end, i === 0 ? null : at(0)],
        );
    }
    const dayBefore = new Date(end.getTime() - 24 * hour);
    await sweepAt(new Date(dayBefore.getTime() - 1));
    expect(await byTheClock(desk.registrar, orders[0] ?? '')).toEqual([]);
    await sweepAt(dayBefore);
    await sweepAt(end);
    expect(await byTheClock(desk.registrar, orders[0] ?? '')).toMatchObject([{ kind: 'hold.ending' }]);
    expect(await byTheClock(desk.approver, orders[0] ?? '')).toHaveLength(1);
    expect(await byTheClock(desk.approver, orders[1] ?? '')).toEqual([]);
    for (const outside of [desk.shop, dpo]) expect(await byTheClock(outside, orders[0] ?? '')).toEqual([]);
  });

  test('two processes that sweep at once raise one event, and one of them says so', async () => {
    const orders: string[] = [];
    for (let i = 0; i < 5; i += 1) orders.push(await orderWith('review_due = $2', [at(-hour)]));
    await Promise.all([vault, beside, vault, beside].map((one) => raiseDueEvents(one.vault)));
    for (const order of orders) {
      expect(await byTheClock(dpo, order)).toHaveLength(1);
      const lines = [...linesAbout(vault, order), ...linesAbout(beside, order)];
      expect(lines.filter((line) => JSON.stringify(line).includes('review.overdue'))).toHaveLength(1);
    }
  });

  test('another tenant’s trouble keeps nobody from being told', async () => {
    const second = await vault.secondTenant();
    await rowsOf(vault, `update amanat.tenant_keys set wrapped = '\\x00' where tenant_id = $1`, [second.tenantId]);
    const order = await orderWith('review_due = $2', [at(-hour)]);
    await raiseDueEvents(vault.vault);
    expect(await byTheClock(dpo, order)).toHaveLength(1);
  });
});
