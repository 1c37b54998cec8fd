import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, newOrder, newParcel, newPerson, subjectOf } from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

let vault: TestVault;
let shop: TestClient;
let dpo: TestClient;
const people = synthetic(431);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

interface Item {
  readonly field: string;
  readonly value: unknown;
  readonly purposes: readonly string[];
  readonly recipients: readonly string[];
  readonly retention: object;
}

async function customer() {
  const person = await newPerson(shop, people.naturalCustomer());
  const recipient = people.recipient();
  const order = await newOrder(shop, person, { to: 'recipient', recipient });
  made(await shop.post(`/v1/orders/${order}/invoices`));
  return { person, order, recipient, subject: await subjectOf(vault, shop, person.id) };
}

const ask = async (subject: TestClient, customerId: string, kind = 'copy') =>
  made(await subject.post('/v1/requests', { customerId, kind })).id;

describe('a person’s own copy (E21)', () => {
  test('holds every value, with purposes, recipients and retention beside it', async () => {
    const { person, order, recipient, subject } = await customer();
    const id = await ask(subject, person.id);
    const copy = made(await subject.get(`/v1/requests/${id}/copy`), 200);
    const items: Item[] = copy.customer.items;
    const value = (field: string) => items.find((item) => item.field === field)?.value;
    for (const field of ['givenName', 'familyName', 'nationalId', 'email', 'iban'])
      expect(value(field), field).toBe(person.sent.fields[field]);
    expect(value('mobile')).toBe(`+98${person.sent.phones[0]?.number.slice(1)}`);
    expect(items.find(({ field }) => field === 'mobile')).toMatchObject({
      purposes: expect.arrayContaining(['ارسال سفارش']),
      recipients: expect.arrayContaining(['شرکت حمل و نقل', 'پشتیبانی']),
      retention: { class: 'account', keep: 'P36M', clock: 'last_activity' },
    });
    expect(items.every(({ purposes }) => purposes.length > 0)).toBe(true);
    expect(copy.orders.map(({ id: own }: { id: string }) => own)).toEqual([order]);
    expect(copy.orders[0].items.find((item: Item) => item.field === 'recipientName')).toMatchObject({
      value: recipient.name,
      retention: { class: 'alternate_recipient' },
    });
    expect(copy.invoices).toHaveLength(1);
    const leaf = (await leavesOf(dpo, `subject=${person.id}`)).find(({ action }) => action === 'requests.copy');
    expect(leaf.full).toEqual(expect.arrayContaining(['nationalId', 'recipientPhone']));
  });

  test('and what was done with it: where it came from, carriers, consents, acceptances, requests', async () => {
    const { person, order, subject } = await customer();
    const courier = await vault.client('courier');
    await newParcel(shop, order, courier);
    const consent = { purpose: 'marketing', channels: ['sms'], method: 'agree_button', source: 'web' };
    made(await shop.post(`/v1/customers/${person.id}/consents`, { ...consent, textVersion: 'n-1' }));
    made(await shop.post(`/v1/customers/${person.id}/acceptances`, { method: 'agree_button', attested: true }));
    const id = await ask(subject, person.id);
    const copy = made(await subject.get(`/v1/requests/${id}/copy`), 200);
    type Facts = { facts: { name: string; value: unknown; text?: string }[] };
    const facts = ({ facts: told }: Facts) =>
      Object.fromEntries(told.map(({ name, value, text }) => [name, text ?? value]));
    expect(facts(copy.customer)).toEqual({ source: 'web' });
    expect(facts(copy.orders[0])).toEqual({ status: 'در راه', carriers: [expect.any(String)] });
    expect(copy.consents.map(facts)).toMatchObject([{ channel: 'پیامک', purpose: 'تبلیغات و خبرنامه' }]);
    expect(copy.acceptances.map(facts)).toMatchObject([{ policyVersion: 'kalak/1', attested: 'بله' }]);
    expect(copy.requests.map(facts)).toEqual([{ kind: 'نسخه‌ای از داده‌ها', state: 'انجام شد' }]);
    expect(copy.cut).toEqual([]);
  });

  test('once, and not after its time', async () => {
    const { person, subject } = await customer();
    const id = await ask(subject, person.id);
    const get = (by: TestClient) => by.get(`/v1/requests/${id}/copy`);
    expect((await subject.call('HEAD', `/v1/requests/${id}/copy`)).status).toBe(405);
    made(await get(subject), 200);
    expectRefusal(await get(subject), 409, 'conflict', '', 'fetched');
    const late = await ask(subject, person.id);
    vault.advance(7 * day);
    [shop, dpo] = [await shop.as(undefined), await dpo.as('staff-9')];
    const again = await subjectOf(vault, shop, person.id);
    expectRefusal(await again.get(`/v1/requests/${late}/copy`), 409, 'conflict', '', 'expired');
    expect((await again.get(`/v1/requests/${late}`)).body.copy.fetchedAt).toBeUndefined();
  });

  test('two at once get one', async () => {
    const { person, subject } = await customer();
    const id = await ask(subject, person.id);
    const answers = await Promise.all(Array.from({ length: 8 }, () => subject.get(`/v1/requests/${id}/copy`)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(7);
  });

  test('a Persian document, with the same as JSON in it; portability is JSON', async () => {
    const { person, subject } = await customer();
    const page = await subject.get(`/v1/requests/${await ask(subject, person.id)}/copy?format=html`);
    expect(page.status).toBe(200);
    expect(page.text).toContain('<html lang="fa" dir="rtl">');
    expect(page.text).toContain('مدت نگهداری');
    expect(page.text).toContain('۳۶ ماه');
    const json = /<script type="application\/json" id="amanat-copy">([^<]*)<\/script>/.exec(page.text)?.[1] ?? '';
    const iban = JSON.parse(json).customer.items.find((item: Item) => item.field === 'iban');
    expect(iban.value).toBe(person.sent.fields['iban']);
    const ported = await ask(subject, person.id, 'portability');
    expectRefusal(await subject.get(`/v1/requests/${ported}/copy?format=html`), 409, 'conflict', '', 'unknown_format');
    made(await subject.get(`/v1/requests/${ported}/copy`), 200);
  });

  test('asked for on behalf and granted: seen by the person alone', async () => {
    const { person, subject } = await customer();
    const asked = { customerId: person.id, kind: 'copy', asker: 'subject', checked: 'call_back' };
    const { id } = made(await shop.post('/v1/requests', asked));
    expectRefusal(await subject.get(`/v1/requests/${id}/copy`), 409, 'conflict', '', 'not_ready');
    made(await dpo.post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
    for (const by of [shop, dpo]) expectRefusal(await by.get(`/v1/requests/${id}/copy`), 403, 'not_permitted');
    const other = (await customer()).subject;
    expect((await other.get(`/v1/requests/${id}/copy`)).status).toBe(404);
    made(await subject.get(`/v1/requests/${id}/copy`), 200);
  });

  test('nothing of it leaves when the audit cannot be written', async () => {
    const { person, subject } = await customer();
    const id = await ask(subject, person.id);
    await atDatabase(vault, 'revoke insert on amanat.audit_leaves from amanat_service');
    const answer = await subject.get(`/v1/requests/${id}/copy`);
    await atDatabase(vault, 'grant insert on amanat.audit_leaves to amanat_service');
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain(person.sent.fields['nationalId']);
    made(await subject.get(`/v1/requests/${id}/copy`), 200);
  });
});
