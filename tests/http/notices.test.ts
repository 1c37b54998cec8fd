import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { raiseDueEvents } from '../../src/vault/dueEvents.ts';
import { cancelNotices } from '../../src/db/notices.ts';
import { write } from '../../src/vault/act.ts';
import { redateStatements } from '../../src/vault/notices.ts';
import { endOfDay } from '../../src/vault/tehranDay.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { bytesOf, day, leavesOf, made, statuses } from '../support/work.ts';
import { dayFrom, expectRefusal, orderBody, rowsOf } from './legalDesk.ts';

let vault: TestVault;
let desk: Desk;
let dpo: TestClient;
const people = synthetic(67);

beforeAll(async () => {
  vault = await startVault();
  desk = await hire(vault);
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

type Desk = Readonly<Record<'registrar' | 'approver' | 'shop', TestClient>>;

async function hire(side: Pick<TestVault, 'client'>): Promise<Desk> {
  return {
    registrar: await side.client('legal_registrar', { actor: 'staff-1' }),
    approver: await side.client('legal_approver', { actor: 'staff-2' }),
    shop: await side.client('shop_backend'),
  };
}

/** Moves the clock; the same clients go on with tokens of that time. */
async function later(ms: number): Promise<void> {
  vault.advance(ms);
  const { registrar, approver, shop } = desk;
  desk = {
    registrar: await registrar.as('staff-1'),
    approver: await approver.as('staff-2'),
    shop: await shop.as(undefined),
  };
  dpo = await dpo.as('staff-9');
}

async function approve({ registrar, approver }: Desk, subjects: readonly object[], secret: object): Promise<string> {
  const { id } = made(await registrar.post('/v1/legal-orders', orderBody(vault, subjects, { secret })));
  made(await approver.post(`/v1/legal-orders/${id}/approve`), 200);
  return id;
}

const never = '01a201ee-a7f1-762c-9b9e-564eab27c44f';
const open = { fromSubject: false };
const endless = { fromSubject: true, basis: 'ماده ۶۶۹' };
const secretUntil = (until: string) => ({ ...endless, until });

interface Notice {
  readonly id: string;
  readonly customerId: string;
  readonly state: string;
  readonly dueAt?: string;
  readonly legalOrderId?: string;
}

/** A customer whose data were handed out under an order with this secrecy. */
async function disclose(secret: object, by = desk) {
  const { id: customerId } = made(await by.shop.post('/v1/customers', people.naturalCustomer()));
  const order = await approve(by, [{ customerId }], secret);
  const { id: exportId } = made(await by.registrar.post('/v1/exports', { legalOrderId: order }));
  return { customerId: String(customerId), order, exportId: String(exportId) };
}

async function listed(client: TestClient, customerId: string, state = 'all'): Promise<Notice[]> {
  const { items } = made(await client.get(`/v1/notices?state=${state}&limit=100`), 200);
  return items.filter((notice: Notice) => notice.customerId === customerId);
}

async function eventsOf(objectId: string | undefined): Promise<unknown[]> {
  const { items } = made(await desk.shop.get('/v1/events?state=all&limit=100'), 200);
  return items.filter(({ object }: { object: { id: string } }) => object.id === objectId);
}

const sent = (id: string | undefined, by = desk.shop, channel = 'sms') =>
  by.post(`/v1/notices/${id}/sent`, { channel });

describe('an order that is not secret', () => {
  test('is due at once: the shop learns whom to tell, and nothing of the order', async () => {
    const { customerId, order, exportId } = await disclose(open);
    const answer = await desk.shop.get('/v1/notices');
    const [notice] = await listed(desk.shop, customerId, 'open');
    expect(Object.keys(notice ?? {})).toEqual(['id', 'customerId', 'state', 'dueAt', 'dueAtJalali']);
    expect(notice?.state).toBe('due');
    for (const id of [order, exportId]) expect(answer.text).not.toContain(id);
    expect(await eventsOf(notice?.id)).toMatchObject([{ kind: 'notice.due', customerId }]);
    const [seen] = await listed(dpo, customerId);
    expect(seen, 'control: the officer sees which').toMatchObject({ id: notice?.id, legalOrderId: order, exportId });
  });

  test('somebody in no package is told nothing', async () => {
    const { id: customerId } = made(await desk.shop.post('/v1/customers', people.naturalCustomer()));
    const order = await approve(desk, [{ customerId }, { by: 'nationalId', value: '9901234565' }], open);
    made(await desk.registrar.post('/v1/exports', { legalOrderId: order }));
    expect(await listed(dpo, customerId)).toHaveLength(1);
    const rows = await rowsOf(vault, 'select customer_id from amanat.notices where legal_order_id = $1', [order]);
    expect(rows).toEqual([{ customer_id: customerId }]);
  });

  test('telling leaves who, when and how, settles the event, and is once', async () => {
    const { customerId, order } = await disclose(open);
    const [notice] = await listed(desk.shop, customerId);
    const answers = await Promise.all([sent(notice?.id), sent(notice?.id), sent(notice?.id)]);
    expect(statuses(answers)).toEqual({ 200: 1, 409: 2 });
    expect(answers.find(({ status }) => status === 200)?.body).toMatchObject({ state: 'told', channel: 'sms' });
    expect(await listed(desk.shop, customerId, 'open')).toEqual([]);
    const [told] = await listed(desk.approver, customerId, 'all');
    expect(told).toMatchObject({ state: 'told', channel: 'sms', toldBy: { clientId: desk.shop.id } });
    expect(await eventsOf(notice?.id)).toMatchObject([{ acknowledged: { clientId: desk.shop.id } }]);
    const leaves = await leavesOf(dpo, `subject=${customerId}`);
    expect(leaves.find(({ action, outcome }) => action === 'notices.sent' && outcome === 'allowed')).toMatchObject({
      objectId: notice?.id,
      legalOrderId: order,
    });
  });

  test('a way of telling that is none is refused', async () => {
    const { customerId } = await disclose(open);
    const [notice] = await listed(desk.shop, customerId);
    expectRefusal(await sent(notice?.id, desk.shop, 'pigeon'), 422, 'invalid_body', '/channel');
    expectRefusal(await desk.shop.get('/v1/notices?state=due'), 422, 'invalid_query', '?state');
    expect((await sent(notice?.id, desk.shop, 'in_person')).status, 'control').toBe(200);
  });
});

describe('who', () => {
  test('the shop tells, the legal roles and the officer look, nobody else does either', async () => {
    const { customerId } = await disclose(open);
    const [notice] = await listed(desk.shop, customerId);
    for (const client of [desk.registrar, desk.approver, dpo]) {
      expect((await listed(client, customerId, 'open'))[0]?.id).toBe(notice?.id);
      expectRefusal(await sent(notice?.id, client), 403, 'not_permitted');
    }
    for (const role of ['support', 'marketing', 'accounting', 'courier']) {
      const client = await vault.client(role, { actor: 'staff-5' });
      expectRefusal(await client.get('/v1/notices'), 403, 'not_permitted');
      expectRefusal(await sent(notice?.id, client), 403, 'not_permitted');
    }
    const stranger = await (await vault.secondTenant()).client('shop_backend');
    expect((await stranger.get('/v1/notices?state=all')).body.items).toEqual([]);
    expect(bytesOf(await sent(notice?.id, stranger))).toBe(bytesOf(await sent(never, stranger)));
  });
});

/** Two tenants alike, and in one of them secret orders beside the open ones. */
describe('a secret order', () => {
  const plain = (answer: Answer) => bytesOf(answer).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>');
  const shape = (answer: Answer) =>
    plain(answer)
      .replaceAll(/20\d\d-[\dT:.-]+Z/g, '<time>')
      .replaceAll(/"nextCursor":"[^"]*"/g, '"nextCursor"');

  test('that is not due is to the shop as none: lists, pages, cursors, events, refusals', async () => {
    const twins = [
      { name: 'with', own: await hire(await vault.secondTenant()) },
      { name: 'without', own: await hire(await vault.secondTenant()) },
    ];
    const hidden: string[] = [];
    for (const { name, own } of twins) {
      for (let i = 0; i < 3; i += 1) {
        await disclose(open, own);
        if (name === 'without') continue;
        for (const secret of [endless, secretUntil(dayFrom(vault, 3))]) {
          const { order } = await disclose(secret, own);
          hidden.push(order);
        }
      }
    }
    await raiseDueEvents(vault.vault);
    const ids = await rowsOf(vault, 'select id from amanat.notices where legal_order_id = any ($1)', [hidden]);
    expect(ids, 'control: there is something to hide').toHaveLength(6);
    const answersOf = async (shop: TestClient) => {
      const first = await shop.get('/v1/notices?state=all&limit=2');
      const cursor = String(first.body.nextCursor);
      const beyond = Buffer.from(ids[0]?.id, 'latin1').toString('base64url');
      return [
        first,
        await shop.get(`/v1/notices?state=all&limit=2&cursor=${cursor}`),
        await shop.get('/v1/notices?state=open'),
        await shop.get('/v1/notices?limit=3'),
        await shop.get('/v1/events?state=all'),
        await shop.get('/v1/events?limit=3'),
        await shop.get(`/v1/notices?cursor=${beyond}`),
        await sent(ids[0]?.id, shop),
        await sent(never, shop),
        await sent('1', shop),
      ];
    };
    const [one, other] = await Promise.all(twins.map(({ own }) => answersOf(own.shop)));
    expect(one?.map(shape)).toEqual(other?.map(shape));
    expect(one?.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 200, 404, 404, 404]);
    expect(one?.[0]?.body.items, 'control: the pages hold something').toHaveLength(2);
  });

  test('control: the same comparison tells a twin with one notice more apart', async () => {
    const before = shape(await desk.shop.get('/v1/notices?limit=100'));
    expect(shape(await desk.shop.get('/v1/notices?limit=100'))).toBe(before);
    await disclose(open);
    expect(shape(await desk.shop.get('/v1/notices?limit=100'))).not.toBe(before);
  });

  test('its notice answers as an unknown one, byte for byte, until the day is over in Tehran, and then is due', async () => {
    const last = dayFrom(vault, 2);
    const { customerId } = await disclose(secretUntil(last));
    const [notice] = await listed(dpo, customerId);
    expect(notice).toMatchObject({ state: 'waiting', dueAt: new Date(endOfDay(last)).toISOString() });
    expect(bytesOf(await sent(notice?.id))).toBe(bytesOf(await sent(never)));
    await later(endOfDay(last) - vault.vault.now() - 60_000);
    await raiseDueEvents(vault.vault);
    expect(await listed(desk.shop, customerId)).toEqual([]);
    expect(bytesOf(await sent(notice?.id, desk.shop))).toBe(bytesOf(await sent(never, desk.shop)));
    await later(60_000);
    expect(await listed(desk.shop, customerId, 'open')).toMatchObject([{ id: notice?.id, state: 'due' }]);
    await raiseDueEvents(vault.vault);
    await raiseDueEvents(vault.vault);
    const { items } = made(await desk.shop.get('/v1/events'), 200);
    expect(items.filter((event: { customerId: string }) => event.customerId === customerId)).toHaveLength(1);
    expect((await sent(notice?.id, desk.shop)).status).toBe(200);
  });

  test('without an end is never due, however much time goes by', async () => {
    const { customerId, order } = await disclose(endless);
    await later(4000 * day);
    await raiseDueEvents(vault.vault);
    const [notice] = await listed(dpo, customerId);
    expect(notice).toEqual(expect.objectContaining({ state: 'waiting', legalOrderId: order }));
    expect(notice?.dueAt).toBeUndefined();
    expect(await listed(desk.shop, customerId)).toEqual([]);
    expect(bytesOf(await sent(notice?.id))).toBe(bytesOf(await sent(never)));

    const at = new Date(vault.vault.now());
    const ended = { legalOrderId: order, secret: open, at };
    await write(vault.vault, vault.tenantId, await redateStatements(vault.vault, vault.tenantId, ended));
    expect(await listed(desk.shop, customerId, 'open'), 'until somebody ends it').toHaveLength(1);
    expect(await eventsOf(notice?.id)).toHaveLength(1);
  });

  test('a day written into the table tells nobody anything, and is noticed', async () => {
    const { customerId } = await disclose(secretUntil(dayFrom(vault, 9)));
    const [notice] = await listed(dpo, customerId);
    await rowsOf(vault, `update amanat.notices set due_at = now() - interval '1 day' where id = $1`, [notice?.id]);
    const before = vault.logLines.length;
    expect(await listed(desk.shop, customerId)).toEqual([]);
    expect(bytesOf(await sent(notice?.id))).toBe(bytesOf(await sent(never)));
    await raiseDueEvents(vault.vault);
    expect(await eventsOf(notice?.id)).toEqual([]);
    expect(vault.logLines.slice(before).filter((line) => line.includes('integrity_failure')).length).toBeGreaterThan(2);
  });
});

describe('a package that never left', () => {
  test('has nobody to tell once its order is revoked; one that was fetched has', async () => {
    const [kept, fetched] = [await disclose(open), await disclose(open)];
    expect((await desk.registrar.get(`/v1/exports/${fetched.exportId}/package`)).status).toBe(200);
    for (const { order } of [kept, fetched])
      await write(vault.vault, vault.tenantId, [cancelNotices(vault.tenantId, order, new Date(vault.vault.now()))]);
    expect(await listed(desk.shop, kept.customerId)).toEqual([]);
    expect(await listed(dpo, kept.customerId)).toMatchObject([{ state: 'cancelled' }]);
    expect(await listed(desk.shop, fetched.customerId)).toHaveLength(1);
  });
});
