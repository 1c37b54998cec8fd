import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { cells } from '../../src/policy/references.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  bytesOf,
  day,
  leavesOf,
  made,
  newOrder,
  newParcel,
  newPerson,
  subjectOf,
} from '../support/work.ts';
import { shipped, shippedNames, type ShippedName } from '../unit/policy/shipped.ts';

let vault: TestVault;

beforeAll(async () => {
  vault = await startVault();
});
afterAll(() => vault.stop());

const inventoryOf = (tenantId = vault.tenantId, query = '') =>
  vault.request('GET', `/v1/tenants/${tenantId}/inventory${query}`);

describe('the inventory', () => {
  test('of every shipped policy: each item, each cell and each class of retention, and no more', async () => {
    const tenants = new Map<ShippedName, string>([['kalak', vault.tenantId]]);
    for (const name of shippedNames) if (name !== 'kalak') tenants.set(name, (await vault.secondTenant(name)).tenantId);
    for (const [name, tenantId] of tenants) {
      const body = made(await inventoryOf(tenantId), 200);
      const profile = shipped[name];
      const declared = Object.entries(profile.items).flatMap(([party, items]) =>
        Object.keys(items).map((field) => `${party}.${field}`),
      );
      expect(body.items.map((item: { party: string; field: string }) => `${item.party}.${item.field}`).sort()).toEqual(
        declared.sort(),
      );
      const shown = new Set<string>(
        body.items.flatMap(({ field, seenBy }: { field: string; seenBy: { reader: string }[] }) =>
          seenBy.map(({ reader }) => `${field} ${reader}`),
        ),
      );
      const allowed = cells(profile)
        .filter(({ field }) => declared.some((item) => item.endsWith(`.${field}`)))
        .filter(({ cell }) => cell.base !== 'none' || cell.full.length > 0)
        .map(({ field, reader }) => `${field} ${reader}`);
      expect([...shown].sort()).toEqual(allowed.sort());
      expect(body.retention).toHaveLength(Object.keys(profile.retention).length);
      expect(body.storage.map((s: { holds: string[] }) => s.holds.includes('keys'))).toEqual(
        profile.storage.map(({ holdsKeys }) => holdsKeys),
      );
      for (const { clauses } of [...body.items, ...body.retention, ...body.storage])
        expect(clauses.length).toBeGreaterThan(0);
    }
  });

  test('says of an item why, who, until when and where', async () => {
    const { items, retention, storage, policyVersion } = made(await inventoryOf(), 200);
    const iban = items.find((item: { field: string }) => item.field === 'iban');
    expect(policyVersion).toBe('kalak/1');
    expect(iban).toMatchObject({ class: 'financial', mandatory: false, clauses: ['E6', 'E8'] });
    expect(iban.keptAs).toEqual([
      { record: 'customer', class: 'refund_iban' },
      { record: 'grant', class: 'refund_iban' },
    ]);
    const seer = iban.seenBy.find(({ reader }: { reader: string }) => reader === 'payment_processor');
    expect(seer).toMatchObject({ base: 'none', kind: 'processor' });
    expect(seer.under.map(({ kind }: { kind: string }) => kind)).toEqual(['refund']);
    const kept = retention.find((rule: { class: string }) => rule.class === 'refund_iban');
    expect(kept).toMatchObject({ keep: 'P90D', clock: 'settlement', after: 'erase' });
    // E19: at the provider lie sealed values, and what opens them does not.
    expect(storage.find(({ place }: { place: string }) => place === 'provider').holds).toEqual(['sealed_values']);
  });

  test('as a Persian page that loads and runs nothing', async () => {
    const answer = await inventoryOf(vault.tenantId, '?format=html');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(answer.text).toContain('dir="rtl"');
    for (const text of ['کد ملی', 'پشتیبانی', 'سرورهای کالاک', '۹۰ روز پس از تسویه'])
      expect(answer.text.replace(/\s+/g, ' ')).toContain(text);
    expect(answer.text).not.toMatch(/<script|https?:/);
    expect((await inventoryOf(vault.tenantId, '?format=pdf')).status).toBe(422);
  });

  test('an unknown tenant, and what cannot be one, is the same 404', async () => {
    const texts = [];
    for (const id of ['019abc12-5e00-7b3a-9f41-6c2d8e0a17b5', 'x']) {
      const { status, text, body } = await inventoryOf(id);
      texts.push(`${status} ${text.replace(body.requestId, '')}`);
    }
    expect(texts[0]).toMatch(/^404/);
    expect(texts[0]).toBe(texts[1]);
  });
});

describe('a statement of what is held of one person', () => {
  const people = synthetic(8_814);
  let shop: TestClient;
  let support: TestClient;

  beforeAll(async () => {
    shop = await vault.client('shop_backend');
    support = await vault.client('support', { actor: 'staff-3' });
  });

  const statementOf = (by: TestClient, id: string, query = '') => by.get(`/v1/customers/${id}/statement${query}`);

  test('every item, since when, why, who, until when and where; no value, no mask, no key unwrapped', async () => {
    const person = await newPerson(shop, people.naturalCustomer());
    const courier = await vault.client('courier');
    const order = await newOrder(shop, person);
    const parcel = await newParcel(shop, order, courier);
    made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
    const waiting = await newOrder(shop, person, { to: 'recipient', recipient: people.recipient() });
    const invoice = made(await shop.post(`/v1/orders/${order}/invoices`)).id;
    made(await shop.patch(`/v1/customers/${person.id}`, { fields: { iban: null } }, 1), 200);
    const read = made(await support.get(`/v1/customers/${person.id}`), 200);
    vault.vault.keyring.forgetDataKeys([person.id, order, waiting, invoice]);
    const before = vault.vault.keyring.unwraps();
    const answer = await statementOf(support, person.id);
    const page = await statementOf(support, person.id, '?format=html');
    expect(vault.vault.keyring.unwraps() - before, 'nothing was opened').toBe(0);
    const body = made(answer, 200);
    const sent = [...Object.keys(person.sent.fields), 'externalRef'].filter((field) => field !== 'iban');
    const listed = ['mobile', 'landline'].filter((kind) => person.sent.phones.some((phone) => phone.kind === kind));
    const places = ['address', 'postalCode', 'location'].filter((field) => field in (person.sent.addresses[0] ?? {}));
    expect(body.account.items.map((item: { field: string }) => item.field).sort()).toEqual(
      [...sent, ...listed, ...places].sort(),
    );
    const mobile = body.account.items.find((item: { field: string }) => item.field === 'mobile');
    expect(mobile.seenBy.map(({ reader }: { reader: string }) => reader)).toContain('courier');
    expect(mobile.kept).toMatchObject({ class: 'account', keep: 'P36M', after: 'notify_and_deactivate' });
    expect(mobile.kept.untilJalali).toMatch(/^14\d\d\//);
    const [alternate, delivered] = body.orders;
    expect(delivered).toMatchObject({ id: order, kept: { class: 'order_shipping' } });
    expect(Date.parse(delivered.kept.until) - vault.vault.now()).toBeGreaterThan(179 * day);
    expect(Date.parse(delivered.kept.until) - vault.vault.now()).toBeLessThan(181 * day);
    expect(alternate).toMatchObject({ id: waiting, kept: { class: 'alternate_recipient' } });
    // The longest from the order itself, while nothing is delivered.
    expect(Date.parse(alternate.kept.until) - Date.parse(alternate.since)).toBe(90 * day);
    expect(alternate.items.map((item: { field: string }) => item.field)).toEqual(
      expect.arrayContaining(['recipientName', 'recipientPhone', 'recipientAddress']),
    );
    expect(body.invoices).toMatchObject([{ id: invoice, kept: { class: 'invoice_snapshot' } }]);
    expect(body.registers).toMatchObject([{ register: 'accesses' }, { register: 'former_states', count: 1 }]);
    expect(body.storage).toHaveLength(3);
    const values = [...Object.values(person.sent.fields), ...person.sent.phones.map(({ number }) => number)];
    const masks = [...Object.values(read.fields), ...read.phones.map((phone: { number: object }) => phone.number)]
      .map((shown) => (shown as { value?: string }).value)
      .filter((value) => value !== undefined);
    expect(masks.length).toBeGreaterThan(4);
    for (const text of [answer.text, page.text])
      for (const told of [...values, ...masks]) expect(text.includes(told), told).toBe(false);
    expect(page.text).toContain('کد ملی');
    const leaves = await leavesOf(await vault.client('dpo'), `subject=${person.id}`);
    expect(leaves.filter(({ action }) => action === 'statements.read')).toMatchObject([
      { full: [], masked: [] },
      { full: [], masked: [] },
    ]);
  });

  test('is the person’s own too; nobody else’s, and of nobody who has left', async () => {
    const [one, other] = [
      await newPerson(shop, people.naturalCustomer()),
      await newPerson(shop, people.legalCustomer()),
    ];
    const subject = await subjectOf(vault, shop, one.id);
    expect(made(await statementOf(subject, one.id), 200).customerId).toBe(one.id);
    const foreign = await statementOf(subject, other.id);
    const never = await statementOf(subject, '019abc12-5e00-7b3a-9f41-6c2d8e0a17b5');
    expect(bytesOf(foreign)).toBe(bytesOf(never));
    expect(foreign.status).toBe(404);
    const asked = { customerId: other.id, kind: 'erase', asker: 'subject', checked: 'call_back' };
    const { id } = made(await shop.post('/v1/requests', asked));
    made(await support.post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
    expect(bytesOf(await statementOf(support, other.id))).toBe(
      bytesOf(await statementOf(support, '019abc12-5e00-7b3a-9f41-6c2d8e0a17b5')),
    );
    expect((await statementOf(await vault.client('marketing'), one.id)).status).toBe(403);
  });

  test('what has had its time is not in it, whether or not the sweep has come by', async () => {
    const person = await newPerson(shop, people.naturalCustomer());
    const order = await newOrder(shop, person, { to: 'recipient', recipient: people.recipient() });
    made(await shop.post(`/v1/orders/${order}/cancel`), 200);
    expect(made(await statementOf(support, person.id), 200).orders).toHaveLength(1);
    vault.advance(8 * day);
    const later = await support.as('staff-3');
    expect(made(await statementOf(later, person.id), 200).orders).toEqual([]);
    const [row] = await atDatabase<{ held: boolean }>(
      vault,
      'select data_key is not null as held from amanat.orders where id = $1',
      [order],
    );
    expect(row?.held, 'control: it is still there').toBe(true);
  });
});
