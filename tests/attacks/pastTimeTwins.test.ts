import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { scopesOf } from '../../src/vault/permit.ts';
import { sweepRetention } from '../../src/vault/retention.ts';
import { hold } from '../support/holds.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, day, made, newOrder, newParcel, newPerson, type Person } from '../support/work.ts';
import { hire, tokenOf, type Side, type StaffRole } from './shop.ts';
import { normaliser } from './twins.ts';

/**
 * What has had its time is gone for everybody but the legal desk, whether or not a hold keeps it: two tenants, twins but that in
 * one the customer is held, give the same bytes when in one of them the records are still there and in the other they have gone.
 */

let vault: TestVault;
let held: Twin;
let free: Twin;

interface Twin {
  readonly side: Side;
  readonly staff: Readonly<Record<StaffRole, TestClient>>;
  readonly person: Person;
  /** By what became of them. */
  readonly orders: Readonly<Record<'delivered' | 'cancelled' | 'waiting' | 'open', string>>;
  readonly invoice: string;
  /** Work that is settled, with an account that was given for it alone. */
  readonly refund: string;
  /** An opinion, of which it is cut off in time whose it was. */
  readonly feedback: string;
  readonly plain: (text: string) => string;
}

/** A fresh token of a role, also after the clock has moved. */
function as({ side, staff, person }: Pick<Twin, 'side' | 'staff' | 'person'>, role: StaffRole | 'subject'): TestClient {
  const client = role === 'subject' ? staff.shop_backend : staff[role];
  return tokenOf(vault, side, client, role, {
    scopes: scopesOf(role),
    actor: `staff-${role}`,
    ...(role === 'subject' ? { subjectId: person.id } : {}),
  });
}

async function openTwin(side: Side): Promise<Twin> {
  const people = synthetic(731);
  const staff = await hire(side);
  const { shop_backend: shop, courier } = staff;
  const person = await newPerson(shop, people.naturalCustomer());
  const toRecipient = () => ({ to: 'recipient', recipient: people.recipient() });
  const delivered = await newOrder(shop, person);
  const parcel = await newParcel(shop, delivered, courier);
  made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
  const cancelled = await newOrder(shop, person, toRecipient());
  const invoice = made(await shop.post(`/v1/orders/${delivered}/invoices`)).id;
  made(await shop.post(`/v1/orders/${cancelled}/cancel`), 200);
  const closesAt = new Date(vault.vault.now() + day).toISOString();
  const given = {
    account: { iban: people.iban(), holderName: 'مریم احمدی' },
    grantee: { role: 'accounting' },
    closesAt,
  };
  const refund = made(await shop.post('/v1/grants', { kind: 'refund', customerId: person.id, ...given })).id;
  made(await shop.post(`/v1/grants/${refund}/close`, { settled: true }), 200);
  const waiting = await newOrder(shop, person, toRecipient());
  const open = await newOrder(shop, person);
  const opinion = { kind: 'opinion', customerId: person.id, text: 'خوب بود' };
  const feedback = made(await shop.post('/v1/feedback', opinion)).id;
  return {
    side,
    staff,
    person,
    orders: { delivered, cancelled, waiting, open },
    invoice,
    refund,
    feedback,
    plain: normaliser({ side }),
  };
}

beforeAll(async () => {
  vault = await startVault();
  held = await openTwin(await vault.secondTenant());
  free = await openTwin(await vault.secondTenant());
});
afterAll(() => vault.stop());

/** Moves both on to that day; the one is held by then, and the sweep has been. */
async function onDay(days: number): Promise<void> {
  vault.advance(days * day);
  await hold(vault, as(held, 'legal_registrar'), [held.person.id], { tenantId: held.side.tenantId });
  vault.advance(day);
  await vault.vault.watch.lookAnew();
  for (const { side } of [held, free]) {
    const policy = vault.vault.watch.policy(side.tenantId);
    await sweepRetention(vault.vault, policy, side.tenantId);
  }
}

async function isThere(table: 'orders' | 'invoices' | 'grants', id: string): Promise<boolean | undefined> {
  const [row] = await atDatabase<{ there: boolean }>(
    vault,
    `select ${table === 'grants' ? 'account' : 'data_key'} is not null as there from amanat.${table} where id = $1`,
    [id],
  );
  return row?.there;
}

/** Everything by which somebody outside the legal desk may come to an order or an invoice. */
function looks({
  person,
  orders,
  invoice,
  refund,
  staff,
}: Twin): readonly (readonly [StaffRole | 'subject', string, string, unknown?])[] {
  const inAnHour = new Date(vault.vault.now() + 3_600_000).toISOString();
  const failedAt = new Date(vault.vault.now()).toISOString();
  const check = { kind: 'identity_mismatch', fields: ['nationalId'], failedAt };
  return [
    ...(['shop_backend', 'support', 'dpo', 'subject'] as const).flatMap((role) => [
      ...Object.values(orders).map((id) => [role, 'GET', `/v1/orders/${id}`] as const),
      [role, 'GET', `/v1/orders?customerId=${person.id}`] as const,
      [role, 'GET', `/v1/customers/${person.id}/statement`] as const,
    ]),
    ['accounting', 'GET', `/v1/invoices/${invoice}`],
    ['accounting', 'GET', `/v1/customers/${person.id}?grant=${refund}`],
    ['shop_backend', 'GET', `/v1/grants/${refund}`],
    ['dpo', 'GET', `/v1/grants?customerId=${person.id}`],
    ...[orders.delivered, orders.cancelled].flatMap(
      (id) =>
        [
          [
            'shop_backend',
            'POST',
            '/v1/grants',
            {
              kind: 'return',
              customerId: person.id,
              orderId: id,
              grantee: { role: 'after_sales' },
              closesAt: inAnHour,
            },
          ],
          ['shop_backend', 'POST', `/v1/orders/${id}/invoices`],
          ['shop_backend', 'POST', `/v1/orders/${id}/shipments`, { courierClientId: staff.courier.id }],
          [
            'shop_backend',
            'POST',
            '/v1/supplementary-requests',
            { orderId: id, check, asks: ['nationalId'], dueAt: inAnHour },
          ],
          ['shop_backend', 'POST', `/v1/orders/${id}/cancel`],
        ] as const,
    ),
    ['dpo', 'POST', '/v1/policy/explain', { act: 'erasure', customerId: person.id }],
    ['support', 'POST', '/v1/policy/explain', { act: 'erasure', customerId: person.id }],
  ];
}

async function seenOf(twin: Twin): Promise<readonly (readonly [string, string])[]> {
  const seen: [string, string][] = [];
  for (const [role, method, path, body] of looks(twin)) {
    const answer: Answer = await as(twin, role).call(method, path, body);
    seen.push([twin.plain(`${role} ${method} ${path}`), twin.plain(bytesOf(answer))]);
  }
  const subject = as(twin, 'subject');
  const request = made(await subject.post('/v1/requests', { customerId: twin.person.id, kind: 'copy' })).id;
  const copy = await subject.get(`/v1/requests/${request}/copy`, { accept: 'application/json' });
  expect(copy.status, copy.text).toBe(200);
  // Of what was seen within one millisecond the order is nobody's.
  const { accesses, ...parts } = copy.body;
  for (const [part, content] of Object.entries({ ...parts, accesses: accesses.length }))
    seen.push([`the copy: ${part}`, twin.plain(JSON.stringify(content))]);
  return seen;
}

async function expectSame(): Promise<void> {
  const [one, other] = [await seenOf(held), await seenOf(free)];
  const differs = one.flatMap(([what, answer], i) => {
    const theirs = other[i]?.[1] ?? '';
    let at = 0;
    while (at < answer.length && answer[at] === theirs[at]) at += 1;
    return answer === theirs
      ? []
      : [[what, ...[answer, theirs].map((text) => text.slice(Math.max(0, at - 80), at + 80))]];
  });
  expect(differs).toEqual([]);
  expect(one.length).toBe(other.length);
}

describe('twins, when what a hold keeps has had its time', () => {
  test('an order of somebody else’s address that was cancelled', async () => {
    await expectSame();
    await onDay(8);
    const { cancelled } = held.orders;
    expect(await isThere('orders', cancelled), 'control: the hold keeps it').toBe(true);
    expect(await isThere('orders', free.orders.cancelled), 'control: and here it has gone').toBe(false);
    expect((await as(held, 'subject').get(`/v1/orders/${cancelled}`)).status).toBe(404);
    await expectSame();
  });

  test('an order of which nobody hears, while its courier still has it', async () => {
    vault.advance(70 * day);
    const parcels = await Promise.all(
      [held, free].map((twin) => newParcel(as(twin, 'shop_backend'), twin.orders.waiting, twin.staff.courier)),
    );
    const seenBy = async (twin: Twin, id: string | undefined): Promise<string[]> => {
      const courier = as(twin, 'courier');
      const answers = [
        await courier.get(`/v1/deliveries/${id}`),
        await courier.get('/v1/deliveries'),
        await courier.post(`/v1/deliveries/${id}/fail`, { reason: 'خانه نبود' }),
      ];
      return answers.map((answer) => twin.plain(bytesOf(answer)));
    };
    const couriers = async () => [await seenBy(held, parcels[0]?.id), await seenBy(free, parcels[1]?.id)] as const;
    const before = await couriers();
    expect(before[0]).toEqual(before[1]);
    expect(before[0][0]?.slice(0, 3), 'control: until then the courier sees it').toBe('200');
    await onDay(11);
    const { waiting } = held.orders;
    expect([await isThere('orders', waiting), await isThere('orders', free.orders.waiting)]).toEqual([true, false]);
    const after = await couriers();
    expect(after[0]).toEqual(after[1]);
    expect(after[0].map((answer) => answer.slice(0, 3))).toEqual(['404', '200', '404']);
    await expectSame();
  });

  test('a delivered order, and the account that a refund went to', async () => {
    await onDay(95);
    expect([await isThere('grants', held.refund), await isThere('grants', free.refund)]).toEqual([true, false]);
    expect([await isThere('orders', held.orders.delivered), await isThere('orders', free.orders.delivered)]).toEqual([
      true,
      false,
    ]);
    await expectSame();
  });

  test('an invoice', async () => {
    await onDay(11 * 366);
    expect([await isThere('invoices', held.invoice), await isThere('invoices', free.invoice)]).toEqual([true, false]);
    expect((await as(held, 'accounting').get(`/v1/invoices/${held.invoice}`)).status).toBe(404);
    const read = async (twin: Twin) =>
      twin.plain(bytesOf(await as(twin, 'accounting').get(`/v1/invoices/${twin.invoice}`)));
    expect(await read(held)).toBe(await read(free));
  });

  test('the certificate of an erasure counts what was there to be erased, not what a hold had kept', async () => {
    const requests: string[] = [];
    for (const twin of [held, free]) {
      const asked = await as(twin, 'subject').post('/v1/requests', { customerId: twin.person.id, kind: 'erase' });
      requests.push(made(asked).id);
      made(await as(twin, 'support').post(`/v1/requests/${requests.at(-1)}/decide`, { outcome: 'done' }), 200);
    }
    await sweepErasures(vault.vault);
    const [row] = await atDatabase(vault, 'select customer_id from amanat.feedback where id = $1', [held.feedback]);
    expect(row, 'control: the hold keeps whose it was').toEqual({ customer_id: held.person.id });
    const opinions = async (twin: Twin) => {
      const answers = [];
      for (const path of [`/v1/feedback/${twin.feedback}`, '/v1/feedback'])
        answers.push(twin.plain(bytesOf(await as(twin, 'support').get(path))));
      return answers;
    };
    expect(await opinions(held), 'an opinion that is nobody’s stays').toEqual(await opinions(free));
    expect((await as(free, 'support').get(`/v1/feedback/${free.feedback}`)).status, 'control').toBe(200);
    vault.advance(100 * day);
    await vault.vault.watch.lookAnew();
    await sweepErasures(vault.vault);
    expect(await opinions(held)).toEqual(await opinions(free));
    const [cut] = await atDatabase(vault, 'select customer_id from amanat.feedback where id = $1', [held.feedback]);
    expect(cut).toEqual({ customer_id: null });
    const told = [];
    for (const [i, twin] of [held, free].entries()) {
      const path = `/v1/requests/${requests[i]}/certificate`;
      const { certificate } = made(await as(twin, 'subject').get(path), 200) as { readonly certificate: string };
      const payload = JSON.parse(Buffer.from(certificate.split('.')[1] ?? '', 'base64url').toString());
      told.push({ destroyed: payload.destroyed, kept: payload.kept });
    }
    expect(told[0]).toEqual(told[1]);
    expect(told[0]).toMatchObject({ destroyed: { dataKeys: 2, orders: 1 } });
    for (const id of Object.values(held.orders)) expect(await isThere('orders', id), 'all have gone').toBe(false);
  });
});
