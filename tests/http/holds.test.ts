import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { commit } from '../../src/db/commit.ts';
import type { DbFault } from '../../src/db/fault.ts';
import { selectReleases, type HoldRow } from '../../src/db/holds.ts';
import { selectLegalOrder } from '../../src/db/legalOrders.ts';
import { VaultError } from '../../src/errors.ts';
import { addJalaliMonths, parseDate } from '../../src/formats/jalali.ts';
import { openRelease } from '../../src/vault/holdRegister.ts';
import {
  clearanceOf,
  keepHoldsUntilDecided,
  lapseHolds,
  placeHolds,
  releaseHolds,
  replaceHolds,
  type HoldStep,
} from '../../src/vault/holds.ts';
import { holdKindOf, termOf } from '../../src/vault/holdTerm.ts';
import type { TenantKeys } from '../../src/vault/keyring.ts';
import { endOfDay, startOfDay } from '../../src/vault/tehranDay.ts';
import { hold, holdsOf, recordOf } from '../support/holds.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { day, hour, made, newPerson } from '../support/work.ts';
import { dayFrom, expectRefusal, legalDesk, orderBody, rowsOf, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
let desk: LegalDesk;
let dpo: TestClient;
let keys: TenantKeys;

beforeAll(async () => {
  vault = await startVault();
  desk = await legalDesk(vault, 301);
  dpo = await vault.client('dpo', { actor: 'staff-9' });
  keys = await vault.vault.keyring.tenant(vault.tenantId);
});
afterAll(() => vault.stop());

const now = () => new Date(vault.vault.now());
const store = (step: HoldStep) => commit(vault.vault.db, { tenantIds: [vault.tenantId] }, step.statements);
const reason = { reason: 'مرجع قضایی حفظ را لازم ندانست' };

async function isHeld(customerId: string, at = now()): Promise<boolean> {
  return (await clearanceOf(vault.vault, keys, [customerId], at)).held.has(customerId);
}

async function one(held: Promise<readonly HoldRow[]>): Promise<HoldRow> {
  const [row, ...more] = await held;
  if (row === undefined || more.length > 0) throw new Error('not one hold');
  return row;
}

describe('how long a hold stands', () => {
  const at = new Date('2025-11-12T08:00:00Z');
  const record = {
    kind: 'preservation',
    authority: { kind: 'judicial' },
    letter: { date: '2025-11-11' },
    receivedAt: '2025-11-12T07:00:00Z',
    validUntil: '2026-06-01',
  };
  const ends = (changes: object, kind: 'preservation' | 'own' = 'preservation', earlier?: Date) =>
    termOf({ ...record, ...changes }, kind, at, earlier);

  test('an order of a judge: as ordered, at most three months of the country’s calendar from its date', () => {
    // 20 Aban 1404 to 20 Bahman 1404.
    expect(ends({}).endsAt).toEqual(new Date(startOfDay('2026-02-09')));
    expect(parseDate('1404-11-20')).toBe('2026-02-09');
    expect(ends({ validUntil: '2025-12-01' }).endsAt).toEqual(new Date(endOfDay('2025-12-01')));
    expect(ends({ letter: { date: '2025-08-13' } }).endsAt, '22 Mordad to 22 Aban').toEqual(
      new Date(startOfDay('2025-11-13')),
    );
    for (const changes of [{ letter: { date: '2025-08-12' } }, { validUntil: '2025-11-11' }]) {
      expect(() => ends(changes)).toThrow(expect.objectContaining({ code: 'legal_order_expired' }));
    }
  });

  test('a month that lacks the day ends with its last', () => {
    const months = (from: string, count: number) => addJalaliMonths(parseDate(from) ?? '', count);
    expect(months('1404-05-31', 3)).toBe(parseDate('1404-08-30'));
    expect(months('1404-09-30', 3)).toBe(parseDate('1404-12-29'));
    expect(months('1403-09-30', 3)).toBe(parseDate('1403-12-30'));
    expect(months('1404-11-05', 3)).toBe(parseDate('1405-02-05'));
    expect(months('1404-08-20', 12)).toBe(parseDate('1405-08-20'));
  });

  test('a renewal begins where the hold that it renews ends, and has its months from there', () => {
    const earlier = new Date(startOfDay('2025-11-20'));
    const { startsAt, endsAt } = ends({}, 'preservation', earlier);
    expect(startsAt).toEqual(earlier);
    expect(endsAt, '29 Aban to 29 Bahman').toEqual(new Date(startOfDay('2026-02-18')));
    expect(ends({}, 'preservation', new Date(at.getTime() - 1)).startsAt, 'over already').toEqual(at);
    expect(ends({ validUntil: '2025-11-15' }, 'preservation', earlier).startsAt, 'shorter').toEqual(at);
  });

  test('one’s own: until it is released, at most a year', () => {
    expect(ends({ validUntil: '2027-06-01' }, 'own').endsAt).toEqual(new Date(startOfDay('2026-11-12')));
  });

  test('an officer’s: a day from its receipt, and no renewal', () => {
    const officer = { ...record, authority: { kind: 'officer' } };
    const { startsAt, endsAt } = termOf(officer, 'provisional', at);
    expect([startsAt.toISOString(), endsAt.toISOString()]).toEqual([
      '2025-11-12T07:00:00.000Z',
      '2025-11-13T07:00:00.000Z',
    ]);
    expect(() => termOf({ ...officer, receivedAt: '2025-11-11T08:00:00Z' }, 'provisional', at)).toThrow(
      expect.objectContaining({ code: 'legal_order_expired' }),
    );
    expect(() => termOf({ ...officer, renews: 'x' }, 'provisional', at)).toThrow(
      expect.objectContaining({ code: 'ground_not_allowed' }),
    );
  });

  test('which kind it is; most orders hold nothing', () => {
    expect(holdKindOf(record)).toBe('preservation');
    expect(holdKindOf({ ...record, authority: { kind: 'officer' } })).toBe('provisional');
    expect(holdKindOf({ ...record, ground: 'legal_pursuit', authority: undefined })).toBe('own');
    expect(holdKindOf({ ...record, kind: 'production' })).toBeUndefined();
    const none = placeHolds({
      keys,
      legalOrderId: 'x',
      record: { ...record, kind: 'production' },
      customerIds: ['y'],
      at,
    });
    expect(none).toEqual({ statements: [], deeds: [] });
  });
});

describe('the life of a hold', () => {
  test('stands to the second, by the vault’s clock', async () => {
    const { id } = await desk.storeCustomer();
    const { endsAt } = await one(hold(vault, desk.registrar, [id], { validUntil: dayFrom(vault, 3) }));
    expect(endsAt).toEqual(new Date(endOfDay(dayFrom(vault, 3))));
    expect(await isHeld(id, new Date(endsAt.getTime() - 1000))).toBe(true);
    expect(await isHeld(id, endsAt)).toBe(false);
    expect(await isHeld((await desk.storeCustomer()).id), 'control').toBe(false);
  });

  test('an officer does not hold the same person again; a judge does, and after a judge an officer may', async () => {
    const { id } = await desk.storeCustomer();
    const officer = () => hold(vault, desk.registrar, [id], { kind: 'provisional' });
    const first = await one(officer());
    const refused = await officer().catch((error: unknown) => error);
    expect((refused as DbFault).guard).toBe('conflict');
    await store(releaseHolds(vault.vault, keys, [first], now()));
    expect(((await officer().catch((error: unknown) => error)) as DbFault).guard, 'released is no reason').toBe(
      'conflict',
    );
    await hold(vault, desk.registrar, [id]);
    await officer();
    const other = (await desk.storeCustomer()).id;
    expect(await hold(vault, desk.registrar, [other], { kind: 'provisional' }), 'control').toHaveLength(1);
  });

  test('an officer’s hold waits for the decision on a judge’s order, a week at most', async () => {
    const [{ id }, idle] = [await desk.storeCustomer(), await desk.storeCustomer()];
    const followed = await one(hold(vault, desk.registrar, [id], { kind: 'provisional' }));
    const alone = await one(hold(vault, desk.registrar, [idle.id], { kind: 'provisional' }));
    await store(keepHoldsUntilDecided(vault.vault, keys, [followed], now()));
    const nextDay = new Date(followed.endsAt.getTime() + hour);
    expect([await isHeld(id, nextDay), await isHeld(idle.id, nextDay)]).toEqual([true, false]);
    const week = new Date(followed.startsAt.getTime() + 7 * day);
    expect([await isHeld(id, new Date(week.getTime() - 1)), await isHeld(id, week)]).toEqual([true, false]);
    const kept = await one(holdsOf(vault, followed.legalOrderId));
    await store(keepHoldsUntilDecided(vault.vault, keys, [kept], new Date(week.getTime() - hour)));
    expect((await one(holdsOf(vault, followed.legalOrderId))).endsAt, 'further letters add nothing').toEqual(week);
    const late = keepHoldsUntilDecided(vault.vault, keys, [alone], nextDay);
    expect(late.statements, 'lapsed stays lapsed').toEqual([]);
  });

  test('a rejection gives it its day again, or ends it', async () => {
    const ids = [(await desk.storeCustomer()).id, (await desk.storeCustomer()).id] as const;
    const rows = await Promise.all(ids.map((id) => one(hold(vault, desk.registrar, [id], { kind: 'provisional' }))));
    await store(keepHoldsUntilDecided(vault.vault, keys, rows, now()));
    const kept = await Promise.all(rows.map(({ legalOrderId }) => one(holdsOf(vault, legalOrderId))));
    const later = new Date(now().getTime() + 2 * day);
    await store(lapseHolds(vault.vault, keys, kept.slice(0, 1), now()));
    await store(lapseHolds(vault.vault, keys, kept.slice(1), later));
    const [early, over] = await Promise.all(rows.map(({ legalOrderId }) => one(holdsOf(vault, legalOrderId))));
    expect(early).toMatchObject({ endsAt: rows[0]?.endsAt, releasedAt: null });
    expect(over).toMatchObject({ releasedAt: later });
  });

  test('a judge’s order takes its place in one commit', async () => {
    const { id } = await desk.storeCustomer();
    const officers = await hold(vault, desk.registrar, [id], { kind: 'provisional' });
    const legalOrderId = await desk.register([{ customerId: id }]);
    const record = recordOf(vault, 'preservation');
    const placing = { keys, legalOrderId, record, customerIds: [id, id], at: now() };
    const step = replaceHolds(vault.vault, placing, officers);
    expect(step.deeds).toMatchObject([
      { subjectId: id, legalOrderId, recordVersion: 1 },
      { subjectId: id, legalOrderId: officers[0]?.legalOrderId, recordVersion: 2 },
    ]);
    await store(step);
    expect(await holdsOf(vault, legalOrderId)).toMatchObject([{ customerId: id, releasedAt: null }]);
    expect((await one(holdsOf(vault, officers[0]?.legalOrderId ?? ''))).releasedAt).not.toBeNull();
    expect(await isHeld(id)).toBe(true);
  });

  test('renewing: the new hold protects at once and begins where the old one ends', async () => {
    const { id } = await desk.storeCustomer();
    const old = await one(hold(vault, desk.registrar, [id], { validUntil: dayFrom(vault, 5) }));
    const legalOrderId = await desk.register([{ customerId: id }]);
    const record = recordOf(vault, 'preservation', { renews: old.legalOrderId, validUntil: dayFrom(vault, 60) });
    await store(placeHolds({ keys, legalOrderId, record, customerIds: [id], at: now(), renewed: [old] }));
    const renewed = await one(holdsOf(vault, legalOrderId));
    expect(renewed.startsAt).toEqual(old.endsAt);
    const listed = made(await dpo.get(`/v1/holds?customerId=${id}`), 200).items;
    expect(listed).toMatchObject([{ status: 'scheduled' }, { status: 'active' }]);
    await store(releaseHolds(vault.vault, keys, [old], now()));
    expect(await isHeld(id), 'though its time has not begun').toBe(true);
  });

  test('nobody is held whose erasure came first', async () => {
    const { id } = await desk.storeCustomer();
    await rowsOf(vault, `update amanat.customers set status = 'erased', data_key = null, sealed = null where id = $1`, [
      id,
    ]);
    const refused = await hold(vault, desk.registrar, [id]).catch((error: unknown) => error);
    expect((refused as DbFault).guard).toBe('conflict');
  });

  test('an order about nobody here is told when its time is over, too', () => {
    const record = recordOf(vault, 'preservation', { validUntil: dayFrom(vault, -1) });
    const placing = { keys, legalOrderId: 'x', record, customerIds: [], at: now() };
    expect(() => placeHolds(placing)).toThrow(VaultError);
    expect(placeHolds({ ...placing, record: recordOf(vault, 'preservation') }).statements).toEqual([]);
  });
});

describe('GET /v1/holds', () => {
  test('shows ids, kind and times, by customer, by order and by what stands', async () => {
    const [held, other] = [await desk.storeCustomer(), await desk.storeCustomer()];
    const row = await one(hold(vault, desk.registrar, [held.id]));
    await hold(vault, desk.registrar, [other.id]);
    for (const client of [desk.registrar, desk.approver, dpo]) {
      const { items } = made(await client.get(`/v1/holds?customerId=${held.id}`), 200);
      expect(items).toEqual([
        {
          id: row.id,
          legalOrderId: row.legalOrderId,
          customerId: held.id,
          kind: 'preservation',
          status: 'active',
          startsAt: row.startsAt.toISOString(),
          startsAtJalali: expect.stringMatching(/^14\d\d\/\d\d\/\d\d$/),
          endsAt: row.endsAt.toISOString(),
          endsAtJalali: expect.stringMatching(/^14\d\d\/\d\d\/\d\d$/),
        },
      ]);
    }
    const count = async (query: string) => made(await dpo.get(`/v1/holds?${query}`), 200).items.length;
    expect(await count(`legalOrderId=${row.legalOrderId}`)).toBe(1);
    expect(await count(`customerId=${held.id}&active=true`)).toBe(1);
    expect(await count(`customerId=${held.id}&active=false`)).toBe(0);
    await store(releaseHolds(vault.vault, keys, [row], now()));
    expect(await count(`customerId=${held.id}&active=true`)).toBe(0);
    expect(await count(`customerId=${held.id}&active=false`)).toBe(1);
  });

  test('is paged, and refuses what it does not know', async () => {
    const first = made(await dpo.get('/v1/holds?limit=2'), 200);
    expect(first.items).toHaveLength(2);
    const second = made(await dpo.get(`/v1/holds?limit=2&cursor=${first.nextCursor}`), 200);
    expect(second.items[0].id < first.items[1].id).toBe(true);
    expectRefusal(await dpo.get('/v1/holds?active=yes'), 422, 'invalid_query');
    expectRefusal(await dpo.get('/v1/holds?customerId=x'), 422, 'invalid_query');
    expectRefusal(await dpo.get('/v1/holds?legalOrderId=x'), 422, 'invalid_query');
  });

  test('another tenant sees none of them', async () => {
    const { id } = await desk.storeCustomer();
    const row = await one(hold(vault, desk.registrar, [id]));
    const second = await vault.secondTenant();
    const stranger = await second.client('legal_approver', { actor: 'staff-2' });
    expect(made(await stranger.get(`/v1/holds?customerId=${id}`), 200).items).toEqual([]);
    expectRefusal(await stranger.post(`/v1/holds/${row.id}/release`, reason), 404, 'not_found');
    expect(await isHeld(id)).toBe(true);
  });
});

describe('POST /v1/holds/{id}/release', () => {
  test('by another client and person than the registrar, with a leaf and a sealed reason', async () => {
    const { id } = await desk.storeCustomer();
    const row = await one(hold(vault, desk.registrar, [id]));
    const path = `/v1/holds/${row.id}/release`;
    const sameClient = await vault.client('legal_approver', { actor: 'STAFF-1' });
    expectRefusal(await sameClient.post(path, reason), 403, 'self_approval');
    expectRefusal(await (await desk.approver.as(undefined)).post(path, reason), 403, 'not_permitted');
    expectRefusal(await desk.registrar.post(path, reason), 403, 'not_permitted');
    expectRefusal(await dpo.post(path, reason), 403, 'not_permitted');
    expectRefusal(await desk.approver.post(path, {}), 422, 'invalid_body', '/reason');
    expectRefusal(await desk.approver.post(path, { reason: ' ' }), 422, 'invalid_body', '/reason');
    expect(await isHeld(id)).toBe(true);

    const released = made(await desk.approver.post(path, reason), 200);
    expect(released).toEqual({ id: row.id, status: 'released', releasedAt: expect.any(String) });
    expect(await isHeld(id)).toBe(false);
    expectRefusal(await desk.approver.post(path, reason), 409, 'conflict');

    const leaves = (await rowsOf(vault, 'select leaf from amanat.audit_leaves where subject_id = $1', [id]))
      .map(({ leaf }) => decodeLeaf(leaf))
      .filter(({ action, outcome }) => action === 'holds.release' && outcome === 'allowed');
    expect(leaves).toMatchObject([
      { objectKind: 'holds', objectId: row.id, legalOrderId: row.legalOrderId, actor: 'staff-2', recordVersion: 2 },
    ]);

    const scope = { tenantIds: [vault.tenantId] };
    const [[order], [kept]] = await commit(vault.vault.db, scope, [
      selectLegalOrder(vault.tenantId, row.legalOrderId),
      selectReleases(vault.tenantId, row.legalOrderId),
    ]);
    if (order === undefined || kept === undefined) throw new Error('nothing kept');
    expect(kept.release.includes(Buffer.from(reason.reason))).toBe(false);
    expect(openRelease(keys, order, kept.id, kept.release)).toEqual({
      clientId: desk.approver.id,
      actor: 'staff-2',
      at: released.releasedAt,
      ...reason,
    });
    expect(() => openRelease(keys, order, order.id, kept.release)).toThrow(VaultError);
  });

  test('an unknown hold, one that ran out, and two at once', async () => {
    expectRefusal(await desk.approver.post(`/v1/holds/${vault.tenantId}/release`, reason), 404, 'not_found');
    const { id } = await desk.storeCustomer();
    const row = await one(hold(vault, desk.registrar, [id]));
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => desk.approver.post(`/v1/holds/${row.id}/release`, reason)),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409]);
  });
});

describe('an export gives what stood in the order’s period', () => {
  test('of a record that was edited after it, the state it had then, and the time of that state', async () => {
    const people = synthetic(302);
    const person = await newPerson(desk.shop, people.naturalCustomer());
    const edit = async (email: string, version: number) =>
      made(
        await (await desk.shop.as(undefined)).patch(`/v1/customers/${person.id}`, { fields: { email } }, version),
        200,
      );
    const [middle, last] = [people.email(), people.email()];
    const stored = dayFrom(vault, 0);
    vault.advance(2 * day);
    await edit(middle, 1);
    const changed = dayFrom(vault, 0);
    vault.advance(2 * day);
    await edit(last, 2);
    const fresh = { registrar: await desk.registrar.as('staff-1'), approver: await desk.approver.as('staff-2') };
    const emailIn = async (from: string, to: string, subject: object = { customerId: person.id }) => {
      const scope = { subjects: [subject], fields: ['email'], from, to };
      const order = made(await fresh.registrar.post('/v1/legal-orders', orderBody(vault, [], { scope }))).id;
      made(await fresh.approver.post(`/v1/legal-orders/${order}/approve`), 200);
      const { id } = made(await fresh.registrar.post('/v1/exports', { legalOrderId: order }));
      const { persons, outsidePeriod } = made(await fresh.registrar.get(`/v1/exports/${id}/package`), 200);
      const email = persons[0]?.fields.email;
      return { value: email?.value, day: email?.capturedAt.slice(0, 10), outsidePeriod };
    };
    const today = dayFrom(vault, 0);
    const utcDay = expect.stringMatching(/^\d{4}-\d\d-\d\d$/);
    expect(await emailIn(stored, stored)).toEqual({
      value: person.sent.fields['email'],
      day: utcDay,
      outsidePeriod: 0,
    });
    expect(await emailIn(stored, changed)).toEqual({ value: middle, day: utcDay, outsidePeriod: 0 });
    expect(await emailIn(changed, changed)).toEqual({ value: middle, day: utcDay, outsidePeriod: 0 });
    expect(await emailIn(stored, today)).toEqual({ value: last, day: utcDay, outsidePeriod: 0 });
    expect(await emailIn(dayFrom(vault, -40), dayFrom(vault, -10))).toMatchObject({
      value: undefined,
      outsidePeriod: 1,
    });
    expect(await emailIn(dayFrom(vault, -1), dayFrom(vault, -1)), 'nothing captured on it').toMatchObject({
      outsidePeriod: 1,
    });
    // By what became theirs only later nobody of then is meant: it may have been another's.
    expect(await emailIn(stored, stored, { by: 'email', value: last })).toMatchObject({
      value: undefined,
      outsidePeriod: 1,
    });
    const byNationalId = { by: 'nationalId', value: person.sent.fields['nationalId'] };
    expect(await emailIn(stored, stored, byNationalId), 'control').toMatchObject({
      value: person.sent.fields['email'],
    });
  });
});
