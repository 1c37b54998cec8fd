import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { standingFlaw } from '../../src/vault/standingVerification.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { postbox } from '../support/postbox.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, newOrder, newParcel, newPerson, subjectOf } from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
let courier: TestClient;
const people = synthetic(511);
const box = postbox();

beforeAll(async () => {
  vault = await startVault({ senders: box.senders });
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-3' });
  dpo = await vault.client('dpo', { actor: 'staff-9' });
  courier = await vault.client('courier');
});
afterAll(() => vault.stop());

const person = () => newPerson(shop, people.naturalCustomer());
const report = (by: TestClient, customerId: string, text?: string) =>
  by.post('/v1/misuse-reports', { customerId, ...(text === undefined ? {} : { text }) });
const resolve = (
  by: TestClient,
  id: string,
  body: object = { outcome: 'unfounded', finding: 'سفارش را خودش ثبت کرده بود' },
) => by.post(`/v1/misuse-reports/${id}/resolve`, body);
const ticket = (customerId: string, more: object = {}) =>
  shop.post('/v1/grants', {
    kind: 'ticket',
    customerId,
    grantee: { role: 'support' },
    closesAt: new Date(vault.vault.now() + day).toISOString(),
    ...more,
  });
const mobileOf = async (by: TestClient, id: string, grant?: string) =>
  made(await by.get(`/v1/customers/${id}${grant === undefined ? '' : `?grant=${grant}`}`), 200).phones[0].number;
const frozen = { code: 'conflict', errors: [{ pointer: '', code: 'customer_frozen' }] };
const expectFrozen = ({ status, body }: { status: number; body: unknown }) => {
  expect(body).toMatchObject(frozen);
  expect(status).toBe(409);
};

describe('a report of misuse', () => {
  test('freezes what is read in full, edited, opened and sent, and nothing of it afterwards', async () => {
    const one = await person();
    const order = await newOrder(shop, one);
    const [grant, counted] = [made(await ticket(one.id)).id, made(await ticket(one.id, { maxReads: 1 })).id];
    const copy = made(
      await (await subjectOf(vault, shop, one.id)).post('/v1/requests', { customerId: one.id, kind: 'copy' }),
    );
    const edit = () => shop.patch(`/v1/customers/${one.id}`, { fields: { familyName: 'امانی' } }, 1);
    const message = { customerId: one.id, purpose: 'order', channel: 'sms', text: 'در راه است' };
    made(await shop.post('/v1/messages', message), 202);
    expect((await mobileOf(support, one.id, grant)).state, 'control').toBe('full');
    const subject = await subjectOf(vault, shop, one.id);
    expect((await mobileOf(subject, one.id)).state, 'control').toBe('full');

    const told = made(await report(subject, one.id, 'سفارشی هست که ثبت نکرده‌ام'));
    expect(told).toMatchObject({ state: 'open', filed: { role: 'subject' } });
    for (const [by, named] of [
      [support, grant],
      [support, counted],
      [subject, undefined],
    ] as const)
      expect(await mobileOf(by, one.id, named)).toMatchObject({ state: 'masked', reason: 'deactivated' });
    const seen = made(await support.get(`/v1/customers/${one.id}?grant=${grant}`), 200);
    expect(seen).toMatchObject({ status: 'active', frozen: true });
    const viewed = made(await subject.get(`/v1/orders/${order}`), 200);
    expect(JSON.stringify(viewed)).not.toContain(String(one.sent.phones[0]?.number).slice(-7));
    expectFrozen(await edit());
    expectFrozen(await ticket(one.id));
    expectFrozen(
      await shop.post('/v1/orders', {
        customerId: one.id,
        externalRef: 'O',
        delivery: { to: 'customer', addressId: one.addressId },
      }),
    );
    expectFrozen(await shop.post(`/v1/orders/${order}/shipments`, { courierClientId: courier.id }));
    expectFrozen(await shop.post('/v1/messages', message));
    expectFrozen(await subject.get(`/v1/requests/${copy.id}/copy`));
    await sendDue(vault.vault);
    expect(box.sms, 'what was queued before stays here').toEqual([]);
    const asked = made(await subject.post('/v1/requests', { customerId: one.id, kind: 'erase' }));
    expectFrozen(await dpo.post(`/v1/requests/${asked.id}/decide`, { outcome: 'done' }));
    const masked = (await leavesOf(dpo, `subject=${one.id}`)).find(({ action }) => action === 'customers.read');
    expect(masked.full ?? []).not.toContain('mobile');

    made(await resolve(support, told.id), 200);
    expect((await mobileOf(support, one.id, grant)).state).toBe('full');
    expect((await mobileOf(support, one.id, counted)).state, 'the one read was not used up').toBe('full');
    expect((await edit()).status).toBe(200);
    expect(made(await ticket(one.id)).id).toBeDefined();
    expect((await subject.get(`/v1/requests/${copy.id}/copy`)).status).toBe(200);
  });

  test('lets parcels under way and what closes work go on', async () => {
    const one = await person();
    const [going, other] = [await newOrder(shop, one), await newOrder(shop, one)];
    const parcel = await newParcel(shop, going, courier);
    const grant = made(await ticket(one.id)).id;
    made(await report(shop, one.id));
    expect((await courier.get(`/v1/deliveries/${parcel.id}`)).body.phone).toBeDefined();
    expect((await shop.post(`/v1/orders/${other}/cancel`)).status).toBe(200);
    expect((await shop.post(`/v1/grants/${grant}/close`)).status).toBe(200);
    const withdrawal = { source: 'phone' };
    expect((await shop.post(`/v1/customers/${one.id}/consents/withdraw`, withdrawal)).status).toBe(200);
  });

  test('is resolved by another person, with a finding, once; the officer is alarmed', async () => {
    const one = await person();
    const told = made(await report(support, one.id, 'تماس مشکوک'));
    expectRefusal(await report(shop, one.id), 409, 'conflict');
    const event = made(await dpo.get('/v1/events'), 200).items.find(
      (e: { object: { id: string } }) => e.object.id === told.id,
    );
    expect(event).toMatchObject({ kind: 'misuse.reported', alarm: true, customerId: one.id });
    const incidents = made(await dpo.get('/v1/incidents'), 200).items;
    expect(incidents.filter(({ kind }: { kind: string }) => kind === 'misuse').length).toBeGreaterThan(0);
    expectRefusal(await resolve(support, told.id), 403, 'self_approval');
    expectRefusal(await resolve(await vault.client('support', { actor: 'STAFF-3' }), told.id), 403, 'self_approval');
    expectRefusal(await resolve(await dpo.as(undefined), told.id), 403, 'not_permitted');
    expectRefusal(await resolve(dpo, told.id, { outcome: 'confirmed' }), 422, 'invalid_body', '/finding');
    const answer = made(await resolve(dpo, told.id, { outcome: 'confirmed', finding: 'گذرواژه عوض شد' }), 200);
    expect(answer).toMatchObject({ state: 'closed', outcome: 'confirmed', closed: { actor: 'staff-9' } });
    expectRefusal(await resolve(dpo, told.id), 409, 'conflict');
    expect(made(await dpo.get(`/v1/misuse-reports/${told.id}`), 200)).toMatchObject({
      text: 'تماس مشکوک',
      finding: 'گذرواژه عوض شد',
    });
    const [row] = await atDatabase<{ all: string }>(vault, 'select c::text as all from amanat.cases c where id = $1', [
      told.id,
    ]);
    expect(row?.all).not.toContain(Buffer.from('مشکوک').toString('hex'));
    const rules = (await leavesOf(dpo, `subject=${one.id}`)).map(({ rule }) => rule);
    expect(rules).toEqual(expect.arrayContaining(['misuse_reports.filed', 'misuse_reports.confirmed']));
  });

  test('is nobody else’s, and is believed only as it was written', async () => {
    const [one, other] = [await person(), await person()];
    const subject = await subjectOf(vault, shop, one.id);
    expectRefusal(await report(subject, other.id), 422, 'invalid_body', '/customerId');
    const theirs = made(await report(shop, other.id));
    expect((await subject.get(`/v1/misuse-reports/${theirs.id}`)).status).toBe(404);
    expect(made(await subject.get('/v1/misuse-reports'), 200).items).toEqual([]);
    expect((await mobileOf(subject, one.id)).state, 'control: of another account').toBe('full');
    await atDatabase(vault, `update amanat.cases set filed_by = $2 where id = $1`, [theirs.id, dpo.id]);
    expect((await resolve(support, theirs.id)).body.code).toBe('integrity_failure');
    expect(made(await dpo.get(`/v1/misuse-reports?customerId=${other.id}`), 200).items).toEqual([]);
  });

  test('of two at once one freezes, and of two findings one ends it', async () => {
    const one = await person();
    const both = await Promise.all([report(shop, one.id), report(support, one.id)]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
    const id = both.find(({ status }) => status === 201)?.body.id;
    const third = await vault.client('support', { actor: 'staff-4' });
    const ends = await Promise.all([resolve(dpo, id), resolve(third, id)]);
    expect(ends.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });

  test('tells the account’s own token, which may be the misuser’s, nothing that was said while it is frozen', async () => {
    const one = await person();
    const asked = { customerId: one.id, kind: 'deactivate', asker: 'subject', checked: 'call_back', note: 'تماس گرفت' };
    const request = made(await shop.post('/v1/requests', asked)).id;
    const subject = await subjectOf(vault, shop, one.id);
    const said = async () => [
      made(await subject.get(`/v1/requests/${request}`), 200).note,
      made(await subject.get(`/v1/misuse-reports/${told.id}`), 200).text,
    ];
    const told = made(await report(support, one.id, 'شماره‌اش را عوض کرده‌اند'));
    expect(await said()).toEqual([undefined, undefined]);
    expect(made(await dpo.get(`/v1/misuse-reports/${told.id}`), 200).text, 'control').toBe('شماره‌اش را عوض کرده‌اند');
    made(await resolve(dpo, told.id), 200);
    expect(await said(), 'control: afterwards it is the person’s again').toEqual([
      'تماس گرفت',
      'شماره‌اش را عوض کرده‌اند',
    ]);
  });
});

describe('a report of misuse and incidents that freeze one account', () => {
  const incident = async () => made(await dpo.post('/v1/incidents', { kind: 'other', summary: 'آزمایش' })).id;
  const contain = async (id: string, customerId: string) =>
    made(await dpo.post(`/v1/incidents/${id}/contain`, { customers: [customerId] }), 200);
  const thaw = async (id: string, customerId: string) =>
    made(await dpo.post(`/v1/incidents/${id}/thaw`, { customerId }), 200);
  const profile = () => vault.vault.watch.policy(vault.tenantId).profile;
  const isFrozen = async (customerId: string) => {
    const flaw = await standingFlaw(vault.vault.db, vault.tenantId, profile, [customerId]);
    expect(flaw, 'the log tells the same').toBeUndefined();
    return made(await shop.get(`/v1/customers/${customerId}`), 200).frozen === true;
  };

  test('each keep it frozen until the last of them has ended, whichever that is', async () => {
    const [one, other, third] = [await person(), await person(), await person()];
    const [first, second] = [await incident(), await incident()];
    // The incident ends first.
    await contain(first, one.id);
    const told = made(await report(shop, one.id)).id;
    await thaw(first, one.id);
    expect(await isFrozen(one.id), 'the report is open').toBe(true);
    made(await resolve(dpo, told), 200);
    expect(await isFrozen(one.id)).toBe(false);
    // The report ends first.
    const later = made(await report(shop, other.id)).id;
    await contain(first, other.id);
    made(await resolve(dpo, later), 200);
    expect(await isFrozen(other.id), 'the incident holds it').toBe(true);
    await thaw(first, other.id);
    expect(await isFrozen(other.id)).toBe(false);
    // Two incidents, and the same one twice.
    await contain(first, third.id);
    await contain(first, third.id);
    await contain(second, third.id);
    await thaw(first, third.id);
    expect(await isFrozen(third.id)).toBe(true);
    await thaw(second, third.id);
    expect(await isFrozen(third.id)).toBe(false);
  });

  test('ended both at once, it goes', async () => {
    for (let n = 0; n < 5; n += 1) {
      const [one, id] = [await person(), await incident()];
      await contain(id, one.id);
      const told = made(await report(shop, one.id)).id;
      await Promise.all([thaw(id, one.id), resolve(dpo, told)]);
      expect(await isFrozen(one.id)).toBe(false);
    }
  });
});
