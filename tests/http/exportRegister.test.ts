import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDate } from '../../src/formats/jalali.ts';
import { endOfDay, jalaliDayOf, startOfDay } from '../../src/vault/tehranDay.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { day, leavesOf, made } from '../support/work.ts';
import { dayFrom, expectRefusal, legalDesk, orderBody, rowsOf, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
let desk: LegalDesk;
let dpo: TestClient;
/** Orders of the tests, by what became of them. */
let orders: Readonly<Record<'fetched' | 'waiting' | 'administrative' | 'nobody' | 'revoked', string>>;

beforeAll(async () => {
  vault = await startVault();
  desk = await legalDesk(vault, 83);
  dpo = await vault.client('dpo', { actor: 'staff-9' });
  const { id: customerId } = await desk.storeCustomer();
  const subjects = [{ customerId }];
  orders = {
    fetched: await executed(subjects),
    waiting: await executed(subjects),
    administrative: await executed(subjects, taxOffice()),
    nobody: await executed([{ by: 'nationalId', value: '9901234565' }]),
    revoked: await executed(subjects),
  };
  const [fetched] = await listed(`legalOrder=${orders.fetched}`);
  made(await desk.registrar.get(`/v1/exports/${fetched?.id}/package`), 200);
  made(await desk.approver.post(`/v1/legal-orders/${orders.revoked}/revoke`, { reason: 'پس گرفته شد' }), 200);
});
afterAll(() => vault.stop());

function taxOffice() {
  const authority = { kind: 'administrative', name: 'سازمان امور مالیاتی کشور' };
  return { kind: 'administrative_request', authority, basis: { law: 'قانون مالیات‌های مستقیم', article: '181' } };
}

async function executed(subjects: readonly object[], changes: Record<string, unknown> = {}): Promise<string> {
  const order = await desk.approve(subjects, changes);
  made(await desk.registrar.post('/v1/exports', { legalOrderId: order }));
  return order;
}

interface Line {
  readonly id: string;
  readonly legalOrderId: string;
  readonly kind: string;
  readonly delivery: string;
}

async function listed(query = '', by = desk.registrar): Promise<Line[]> {
  return made(await by.get(`/v1/exports?limit=100&${query}`), 200).items;
}

const ordersIn = async (query: string) => (await listed(query)).map(({ legalOrderId }) => legalOrderId).toSorted();
const these = (...names: (keyof typeof orders)[]) => names.map((name) => orders[name]).toSorted();
const everything = ['fetched', 'waiting', 'administrative', 'nobody', 'revoked'] as const;

describe('the register', () => {
  test('is narrowed by kind, ground, authority, order and what became of the package', async () => {
    expect(await ordersIn('')).toEqual(these(...everything));
    expect(await ordersIn('kind=administrative_request')).toEqual(these('administrative'));
    expect(await ordersIn('kind=search_seizure')).toEqual([]);
    expect(await ordersIn('ground=administrative_order')).toEqual(these('administrative'));
    expect(await ordersIn('authority=judicial')).toEqual(these('fetched', 'waiting', 'nobody', 'revoked'));
    expect(await ordersIn('authority=administrative&kind=production')).toEqual([]);
    expect(await ordersIn(`legalOrder=${orders.nobody.toUpperCase()}`)).toEqual(these('nobody'));
    expect(await ordersIn('delivery=delivered')).toEqual(these('fetched'));
    expect(await ordersIn('delivery=discarded')).toEqual(these('revoked'));
    expect(await ordersIn('delivery=waiting')).toEqual(these('waiting', 'administrative', 'nobody'));
    expect(await ordersIn('delivery=aborted')).toEqual([]);
  });

  test('by days of the execution in Tehran, both included, Jalali or Gregorian, in any digits', async () => {
    const [today, yesterday, tomorrow] = [dayFrom(vault, 0), dayFrom(vault, -1), dayFrom(vault, 1)];
    const jalali = jalaliDayOf(new Date(vault.vault.now()));
    for (const spelt of [today, jalali, jalali.replaceAll('/', '-'), persian(jalali)]) {
      const asked = encodeURIComponent(spelt);
      expect(await ordersIn(`from=${asked}&to=${asked}`), spelt).toEqual(these(...everything));
    }
    expect(await ordersIn(`to=${yesterday}`)).toEqual([]);
    expect(await ordersIn(`from=${tomorrow}`)).toEqual([]);
    const [{ executed_at: at }] = await rowsOf(
      vault,
      'select executed_at from amanat.exports where legal_order_id = $1',
      [orders.nobody],
    );
    const moved = async (time: number) =>
      rowsOf(vault, 'update amanat.exports set executed_at = $2 where legal_order_id = $1', [
        orders.nobody,
        new Date(time),
      ]);
    await moved(startOfDay(today) - 1);
    expect(await ordersIn(`from=${today}`)).not.toContain(orders.nobody);
    await moved(startOfDay(today));
    expect(await ordersIn(`from=${today}`)).toContain(orders.nobody);
    await moved(endOfDay(today) - 1);
    expect(await ordersIn(`to=${today}`)).toContain(orders.nobody);
    await moved(endOfDay(today));
    expect(await ordersIn(`to=${today}`)).not.toContain(orders.nobody);
    await moved(at.getTime());
  });

  test('in pages, newest first, under the same conditions', async () => {
    const whole = await listed('authority=judicial');
    const paged: Line[] = [];
    for (let cursor = ''; ;) {
      const page = made(await desk.registrar.get(`/v1/exports?authority=judicial&limit=1${cursor}`), 200);
      paged.push(...page.items);
      if (page.nextCursor === undefined) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(paged).toEqual(whole);
    expect(whole.map(({ id }) => id)).toEqual(
      whole
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
  });

  test('refuses a condition that is none, and names it', async () => {
    for (const [query, name] of [
      ['kind=everything', '?kind'],
      ['ground=curiosity', '?ground'],
      ['authority=private', '?authority'],
      ['delivery=lost', '?delivery'],
      ['legalOrder=1', '?legalOrder'],
      ['from=1404-13-01', '?from'],
      ['to=yesterday', '?to'],
      ['from=1404-02-01&to=1404-01-01', '?from'],
    ] as const)
      expectRefusal(await desk.registrar.get(`/v1/exports?${query}`), 422, 'invalid_query', name);
  });

  test('is for the legal roles and the officer, holds nobody’s data, and is another tenant’s of its own', async () => {
    expect(await listed('', dpo)).toHaveLength(everything.length);
    const { text } = await dpo.get('/v1/exports?limit=100');
    for (const word of ['کاوه', 'دادسرا', '9901234565']) expect(text).not.toContain(word);
    expectRefusal(await desk.shop.get('/v1/exports'), 403, 'not_permitted');
    const stranger = await (await vault.secondTenant()).client('dpo', { actor: 'staff-9' });
    expect(await listed(`legalOrder=${orders.fetched}`, stranger)).toEqual([]);
  });
});

function persian(text: string): string {
  return text.replace(/\d/g, (digit) => String.fromCharCode(0x6f0 + Number(digit)));
}

describe('the yearly report', () => {
  const reportOf = async (query = '', by: TestClient = dpo) => made(await by.get(`/v1/exports/report${query}`), 200);

  test('counts orders and disclosures by outcome, kind, ground and authority', async () => {
    const side = await vault.secondTenant();
    const own = await legalDesk({ ...vault, ...side }, 89);
    const officer = await side.client('dpo', { actor: 'staff-9' });
    const [one, other] = [await own.storeCustomer(), await own.storeCustomer()];
    const both = [{ customerId: one.id }, { customerId: other.id }];
    const approved = (subjects: readonly object[], changes = {}) => own.approve(subjects, changes);
    const execute = async (order: string) =>
      String(made(await own.registrar.post('/v1/exports', { legalOrderId: order })).id);

    const delivered = await execute(await approved(both));
    made(await own.registrar.get(`/v1/exports/${delivered}/package`), 200);
    await execute(await approved([{ by: 'nationalId', value: '9901234565' }], taxOffice()));
    const aborted = await execute(await approved([both[0] ?? {}]));
    await rowsOf(vault, `update amanat.exports set delivery = 'aborted' where id = $1`, [aborted]);
    const rejected = await own.register(both);
    made(await own.approver.post(`/v1/legal-orders/${rejected}/reject`, { reason: 'مهر ندارد' }), 200);
    const revoked = await approved(both);
    made(await own.approver.post(`/v1/legal-orders/${revoked}/revoke`, { reason: 'پس گرفته شد' }), 200);
    await own.register(both);

    const report = await reportOf('', officer);
    expect(report.orders).toEqual({
      registered: 6,
      approved: 4,
      rejected: 1,
      expired: 0,
      revoked: 1,
      executed: 3,
      holds: 0,
    });
    expect(report.disclosures).toEqual({
      executed: 3,
      delivered: 1,
      aborted: 1,
      discarded: 0,
      nobodyFound: 1,
      persons: 3,
      fields: 6,
    });
    expect(report.byKind.map(({ kind, orders: n }: any) => [kind, n.registered])) // oxlint-disable-line
      .toEqual([
        ['administrative_request', 1],
        ['production', 5],
      ]);
    expect(report.byGround.map(({ ground, disclosures }: any) => [ground, disclosures.executed])) // oxlint-disable-line
      .toEqual([
        ['administrative_order', 1],
        ['judicial_order', 2],
      ]);
    expect(report.byAuthorityKind.map(({ authority }: any) => authority)).toEqual(['administrative', 'judicial']); // oxlint-disable-line
    expect(report.byAuthority.map(({ name, jurisdiction, orders: n }: any) => [name, jurisdiction, n.registered])) // oxlint-disable-line
      .toEqual([
        ['دادسرای عمومی و انقلاب', 'تهران', 5],
        ['سازمان امور مالیاتی کشور', undefined, 1],
      ]);
    expect(report.unreadable).toBe(0);
    const page = await officer.get('/v1/exports/report?format=html');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.text).toMatch(/<b>۶<\/b>دستور[^]*<b>۱<\/b>بستهٔ تحویل‌شده[^]*<b>۲<\/b>شخص/);
    const text = JSON.stringify(report);
    for (const personal of [one.id, '9901234565', 'کاوه', 'staff-1', one.sent.fields['familyName']])
      expect(text).not.toContain(personal);
  });

  test('knows one authority in every spelling', async () => {
    const side = await vault.secondTenant();
    const own = await legalDesk({ ...vault, ...side }, 97);
    const { authority } = orderBody(vault, []);
    for (const name of ['دادسرای عمومی و انقلاب', 'دادسراي  عمومی و انقلاب', 'دادسرای عمومي و انقلاب'])
      await own.register([{ by: 'nationalId', value: '9901234565' }], { authority: { ...authority, name } });
    await own.register([{ by: 'nationalId', value: '9901234565' }], {
      authority: { ...authority, jurisdiction: 'شیراز' },
    });
    const officer = await side.client('dpo', { actor: 'staff-9' });
    const { byAuthority } = await reportOf('', officer);
    expect(byAuthority.map(({ jurisdiction, orders: n }: any) => [jurisdiction, n.registered])) // oxlint-disable-line
      .toEqual([
        ['تهران', 3],
        ['شیراز', 1],
      ]);
  });

  test('is of one Jalali year in Tehran, to the millisecond', async () => {
    const first = startOfDay(parseDate('1403-01-01') ?? '');
    const after = startOfDay(parseDate('1404-01-01') ?? '');
    const edge = async (time: number) => {
      const id = await desk.register([{ by: 'nationalId', value: '9901234565' }]);
      await rowsOf(vault, 'update amanat.legal_orders set registered_at = $2 where id = $1', [id, new Date(time)]);
    };
    const before = await reportOf('?year=1403');
    expect(before).toMatchObject({ year: 1403, from: '1403/01/01', to: '1403/12/30', complete: true });
    for (const time of [first - 1, first, after - 1, after]) await edge(time);
    expect((await reportOf('?year=1403')).orders.registered).toBe(before.orders.registered + 2);
    expect((await reportOf(`?year=${encodeURIComponent('۱۴۰۳')}`)).orders.registered).toBe(2);
    const running = Number(jalaliDayOf(new Date(vault.vault.now())).slice(0, 4));
    expect(await reportOf()).toMatchObject({ year: running, complete: false });
  });

  test('an order that does not open is told apart and spoils nothing', async () => {
    const side = await vault.secondTenant();
    const own = await legalDesk({ ...vault, ...side }, 103);
    const officer = await side.client('dpo', { actor: 'staff-9' });
    const spoiled = await own.register([{ by: 'nationalId', value: '9901234565' }]);
    await own.register([{ by: 'nationalId', value: '9901234565' }]);
    await rowsOf(vault, `update amanat.legal_orders set ground = 'statute' where id = $1`, [spoiled]);
    const report = await reportOf('', officer);
    expect([report.unreadable, report.orders.registered]).toEqual([1, 1]);
    expect(vault.logLines.some((line) => line.includes('integrity_failure') && line.includes('legal_order'))).toBe(
      true,
    );
  });

  test('is for the legal roles and the officer, and leaves a leaf', async () => {
    for (const client of [desk.registrar, desk.approver]) await reportOf('?year=1404', client);
    expectRefusal(await desk.shop.get('/v1/exports/report?year=1404'), 403, 'not_permitted');
    const [leaf] = await leavesOf(dpo, `client=${desk.approver.id}`);
    expect(leaf).toMatchObject({ action: 'exports.report', outcome: 'allowed' });
    for (const [query, name] of [
      ['year=2025', '?year'],
      ['year=1', '?year'],
      ['public=yes', '?public'],
      ['format=pdf', '?format'],
    ] as const)
      expectRefusal(await dpo.get(`/v1/exports/report?${query}`), 422, 'invalid_query', name);
  });

  test('for the public leaves out what is secret now, wholly, and counts it once the secrecy has ended', async () => {
    const side = await vault.secondTenant();
    const own = await legalDesk({ ...vault, ...side }, 101);
    const officer = await side.client('dpo', { actor: 'staff-9' });
    const { id } = await own.storeCustomer();
    const { authority } = orderBody(vault, []);
    const secretly = async (name: string, secret: object) => {
      const order = await own.approve([{ customerId: id }], { secret, authority: { ...authority, name } });
      made(await own.registrar.post('/v1/exports', { legalOrderId: order }));
    };
    await secretly('دادسرای نمونه یک', { fromSubject: false });
    const open = await reportOf('?public=true', officer);
    await secretly('دادسرای نمونه دو', { fromSubject: true, basis: 'ماده ۶۶۹' });
    await secretly('دادسرای نمونه سه', { fromSubject: true, basis: 'ماده ۶۶۹', until: dayFrom(vault, 2) });
    const told = await reportOf('?public=true', officer);
    expect({ ...told, madeAt: '' }).toEqual({ ...open, madeAt: '' });
    expect(JSON.stringify(told)).not.toMatch(/نمونه (?:دو|سه)/);
    const whole = await reportOf('', officer);
    expect(whole.orders.registered, 'control: the desk’s own report counts them').toBe(3);
    expect(whole.disclosures.persons).toBe(3);

    const waits = { validUntil: dayFrom(vault, 1) };
    await own.register([{ by: 'nationalId', value: '9901234565' }], waits);
    expect((await reportOf('', officer)).orders).toMatchObject({ registered: 4, expired: 0 });
    const year = jalaliDayOf(new Date(vault.vault.now())).slice(0, 4);
    vault.advance(4 * day);
    dpo = await dpo.as('staff-9');
    const later = await reportOf(`?public=true&year=${year}`, await officer.as('staff-9'));
    expect(later.orders, 'what lay secret and what ran out').toMatchObject({ registered: 3, expired: 1, executed: 2 });
    expect(JSON.stringify(later)).toContain('نمونه سه');
    expect(JSON.stringify(later)).not.toContain('نمونه دو');
  });
});
