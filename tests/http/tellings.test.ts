import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { write } from '../../src/vault/act.ts';
import { raiseDueEvents } from '../../src/vault/dueEvents.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { sweepMailings } from '../../src/vault/policyMailing.ts';
import { tellSubject } from '../../src/vault/tellings.ts';
import { policyText } from '../support/policyTexts.ts';
import { postbox } from '../support/postbox.ts';
import { orderBody } from './legalDesk.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, leavesOf, made, newOrder, newPerson, tenantUnder, type Person } from '../support/work.ts';

const people = synthetic(616);
const box = postbox();
let vault: TestVault;
let shop: TestClient;
let courier: TestClient;
let dpo: TestClient;

beforeAll(async () => {
  vault = await startVault({ senders: box.senders });
  [shop, courier, dpo] = await Promise.all([
    vault.client('shop_backend'),
    vault.client('courier'),
    vault.client('dpo', { actor: 'officer' }),
  ]);
});
beforeEach(async () => {
  await sendDue(vault.vault);
  box.sms.length = box.email.length = 0;
});
afterAll(() => vault.stop());

const mobile = people.mobile();
const e164 = `+98${mobile.slice(1)}`;
const email = 'sara@example.com';
async function person(phones: object[] = [{ kind: 'mobile', number: mobile }]): Promise<Person> {
  const drawn = people.naturalCustomer();
  return newPerson(shop, { ...drawn, fields: { ...drawn.fields, email }, phones: phones as typeof drawn.phones });
}
const dispatch = (orderId: string, more: object = {}) =>
  shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: courier.id, notify: true, ...more });
function expectCode(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.code]).toEqual([status, code]);
}
const stateOf = async (id: string) => made(await shop.get(`/v1/messages/${id}`), 200);

describe('the code of a parcel', () => {
  test('goes to the customer, opens the door, and the shop never sees it', async () => {
    const answer = await dispatch(await newOrder(shop, await person()));
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body).not.toHaveProperty('deliveryCode');
    const [{ messageId }] = answer.body.notified;
    await sendDue(vault.vault);
    expect(box.sms).toMatchObject([{ id: messageId, to: e164 }]);
    const code = /\d{5}/.exec(box.sms[0]?.text ?? '')?.[0] ?? '';
    expect(await stateOf(messageId)).toMatchObject({ state: 'sent', telling: 'delivery_code', purpose: 'shipping' });
    const seen = await shop.get(`/v1/shipments/${answer.body.id}`);
    expect(answer.text + seen.text + vault.logLines.join('')).not.toContain(code);
    made(await courier.post(`/v1/deliveries/${answer.body.id}/confirm`, { code }), 200);
  });

  test('goes to the alternate recipient and not to the buyer; the leaf says which phone was used', async () => {
    const recipient = { ...people.recipient(), phone: people.mobile() };
    const buyer = await person();
    const parcel = made(await dispatch(await newOrder(shop, buyer, { to: 'recipient', recipient })));
    await sendDue(vault.vault);
    expect(box.sms.map(({ to }) => to)).toEqual([`+98${recipient.phone.slice(1)}`]);
    const leaves = await leavesOf(dpo, `subject=${buyer.id}`);
    const used = leaves.find((leaf) => leaf.action === 'messages.deliver' && leaf.full.length > 0);
    expect(used).toMatchObject({ objectId: parcel.notified[0].messageId, full: ['recipientPhone'] });
  });

  test('is shown as ever where nobody asked for it to be sent', async () => {
    const parcel = made(await dispatch(await newOrder(shop, await person()), { notify: false }));
    expect(parcel.deliveryCode).toMatch(/^\d{5}$/);
    await sendDue(vault.vault);
    expect(box.sms).toEqual([]);
  });

  test('nobody to be reached: said, and nothing is handed over', async () => {
    const buyer = await person([{ kind: 'landline', number: '02199990017' }]);
    const order = await newOrder(shop, buyer);
    expectCode(await dispatch(order), 409, 'no_contact_point');
    const recipient = { ...people.recipient(), phone: '02199990017' };
    expectCode(await dispatch(await newOrder(shop, buyer, { to: 'recipient', recipient })), 409, 'no_contact_point');
    expect(made(await shop.get(`/v1/orders/${order}`), 200).status).toBe('placed');
    made(await dispatch(order, { notify: false }));
  });

  test('no gateway, and a policy that sends none', async () => {
    const order = await newOrder(shop, await person());
    const bare = await startVault({ beside: vault, senders: {} });
    const answer = await bare.request('POST', `/v1/orders/${order}/shipments`, {
      token: shop.token,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ courierClientId: courier.id, notify: true }),
    });
    await bare.stop();
    expectCode(answer, 409, 'channel_unavailable');
    const side = await tenantUnder(vault, { 'tells.delivery_code': undefined });
    const [theirs, carrier] = [await side.client('shop_backend'), await side.client('courier')];
    const other = await newOrder(theirs, await newPerson(theirs, people.naturalCustomer()));
    const ask = { courierClientId: carrier.id, notify: true };
    expectCode(await theirs.post(`/v1/orders/${other}/shipments`, ask), 403, 'not_permitted');
  });

  test('by the profile: sent without being asked for, and shown where nobody can be reached', async () => {
    const side = await tenantUnder(vault, { 'tells.delivery_code.when': 'always' });
    const [theirs, carrier] = [await side.client('shop_backend'), await side.client('courier')];
    const hand = async (kind: 'mobile' | 'landline', number: string) => {
      const buyer = { ...people.naturalCustomer(), phones: [{ kind, number }] };
      const order = await newOrder(theirs, await newPerson(theirs, buyer));
      return made(await theirs.post(`/v1/orders/${order}/shipments`, { courierClientId: carrier.id }));
    };
    expect((await hand('mobile', mobile)).notified).toHaveLength(1);
    expect((await hand('landline', '02199990017')).deliveryCode).toMatch(/^\d{5}$/);
  });

  test('of a parcel that is no longer on its way does not go out', async () => {
    const order = await newOrder(shop, await person());
    const first = made(await dispatch(order)).notified[0].messageId;
    const second = made(await dispatch(order)).notified[0].messageId;
    await sendDue(vault.vault);
    expect(await stateOf(first)).toMatchObject({ state: 'withheld', reason: 'over' });
    expect(await stateOf(second)).toMatchObject({ state: 'sent' });
    expect(box.sms.map(({ id }) => id)).toEqual([second]);
  });
});

describe('what is told of an act', () => {
  const step = (about: string) => ({ telling: 'request_step', about, params: { step: 'ثبت شد', id: about } }) as const;
  const tell = async (customerId: string, told: Parameters<typeof tellSubject>[3]) => {
    const statements = await tellSubject(vault.vault, vault.tenantId, customerId, told);
    if (statements.length > 0) await write(vault.vault, vault.tenantId, statements);
    return statements.length;
  };

  test('goes by every channel that reaches the person, and to whoever is deactivated too', async () => {
    const { id } = await person();
    await atDatabase(vault, `update amanat.customers set status = 'deactivated' where id = $1`, [id]);
    await tell(id, step(id));
    await sendDue(vault.vault);
    expect(box.sms.map(({ to }) => to)).toEqual([e164]);
    expect(box.email).toMatchObject([{ to: email, subject: expect.any(String) }]);
    const [leaf] = await leavesOf(dpo, `subject=${id}`);
    expect(leaf).toMatchObject({ action: 'messages.deliver', actor: 'sweep', rule: 'sent' });
  });

  test('nothing for nobody, and nothing the policy does not tell', async () => {
    expect(await tell('0199a9b0-0000-7000-8000-00000000abcd', step(vault.tenantId))).toBe(0);
    const { id } = await person([]);
    await tell(id, step(id));
    await sendDue(vault.vault);
    expect([box.sms, box.email.length]).toEqual([[], 1]);
  });

  test('of an incident a person is told once, however often it is said', async () => {
    const { id } = await person();
    const told = {
      telling: 'incident',
      about: vault.tenantId,
      params: { step: 'روی داد', id: vault.tenantId },
    } as const;
    await tell(id, told);
    await tell(id, told);
    await sendDue(vault.vault);
    expect(box.sms).toHaveLength(1);
    await tell(id, step(id));
    await tell(id, step(id));
    await sendDue(vault.vault);
    expect(box.sms).toHaveLength(3);
  });

  test('words that somebody typed are none of ours', async () => {
    const { id } = await person();
    const typed = { telling: 'request_step', about: id, params: { step: 'call me at 0912', id } } as const;
    await expect(tell(id, typed)).rejects.toThrow(TypeError);
  });

  test('a row made to say something else is not believed', async () => {
    const other = people.mobile();
    const [{ id }, { id: thief }] = [await person(), await person([{ kind: 'mobile', number: other }])];
    await tell(id, step(id));
    await atDatabase(vault, `update amanat.messages set customer_id = $2 where customer_id = $1`, [id, thief]);
    await sendDue(vault.vault);
    expect([...box.sms, ...box.email]).toEqual([]);
    const parcel = made(await dispatch(await newOrder(shop, await person())));
    await atDatabase(vault, `update amanat.messages set telling = 'incident' where id = $1`, [
      parcel.notified[0].messageId,
    ]);
    await sendDue(vault.vault);
    expect(await stateOf(parcel.notified[0].messageId).catch((error: Error) => error.message)).toMatch(
      /^expected 200: 500/,
    );
    expect(box.sms).toEqual([]);
  });
});

describe('a disclosure that may be told of', () => {
  async function disclosed(secret: object): Promise<Person> {
    const registrar = await vault.client('legal_registrar', { actor: 'r' });
    const approver = await vault.client('legal_approver', { actor: 'a' });
    const subject = await person();
    const order = orderBody(vault, [{ customerId: subject.id }], { secret });
    const { id } = made(await registrar.post('/v1/legal-orders', order));
    made(await approver.post(`/v1/legal-orders/${id}/approve`), 200);
    made(await registrar.post('/v1/exports', { legalOrderId: id }));
    return subject;
  }
  const noticeOf = async ({ id }: Person) =>
    made(await shop.get('/v1/notices?state=all'), 200).items.find((n: { customerId: string }) => n.customerId === id);
  const sweep = async () => {
    await raiseDueEvents(vault.vault);
    await sendDue(vault.vault);
  };

  test('is told by every channel, once, and then the notice is told by nobody’s hand', async () => {
    const subject = await disclosed({ fromSubject: false });
    expect((await noticeOf(subject)).state).toBe('due');
    await sweep();
    await sweep();
    expect([box.sms.length, box.email.length]).toEqual([1, 1]);
    expect(box.sms[0]?.text).toContain((await noticeOf(subject)).id);
    expect(await noticeOf(subject)).toMatchObject({ state: 'told', channel: expect.stringMatching(/^(sms|email)$/) });
    const open = made(await shop.get('/v1/events'), 200).items.map((e: { object: { id: string } }) => e.object.id);
    expect(open).not.toContain((await noticeOf(subject)).id);
    const all = made(await dpo.get('/v1/notices?state=all'), 200).items;
    expect(all.find((n: { customerId: string }) => n.customerId === subject.id)).not.toHaveProperty('toldBy');
  });

  test('is not told while it is secret, nor when it becomes so again before it goes out', async () => {
    const secret = { fromSubject: true, basis: 'ماده ۶۶۹' };
    await disclosed(secret);
    await sweep();
    expect(box.sms).toEqual([]);
    const subject = await disclosed({ fromSubject: false });
    await raiseDueEvents(vault.vault);
    const [row] = await atDatabase<{ id: string }>(vault, `select id from amanat.notices where customer_id = $1`, [
      subject.id,
    ]);
    await atDatabase(vault, `update amanat.notices set due_at = 'infinity' where id = $1`, [row?.id]);
    await sweep();
    expect([...box.sms, ...box.email]).toEqual([]);
  });

  test('not by the vault once the shop has said that it told them', async () => {
    const subject = await disclosed({ fromSubject: false });
    await raiseDueEvents(vault.vault);
    made(await shop.post(`/v1/notices/${(await noticeOf(subject)).id}/sent`, { channel: 'phone' }), 200);
    await sendDue(vault.vault);
    expect([...box.sms, ...box.email]).toEqual([]);
    expect(await noticeOf(subject)).toMatchObject({ state: 'told', channel: 'phone' });
  });
});

describe('a further version', () => {
  test('everybody who can be reached is told once; then, and not before, the notice is on record and the version takes effect', async () => {
    const side = await vault.secondTenant();
    const [theirs, officer] = [await side.client('shop_backend'), await side.client('dpo', { actor: 'o' })];
    const stored = async (more: object) => newPerson(theirs, { ...people.naturalCustomer(), ...more });
    const reached = Array.from({ length: 3 }, (_, i) => `p${i}@example.com`);
    for (const address of reached) await stored({ fields: { ...people.naturalCustomer().fields, email: address } });
    const bare = people.naturalCustomer();
    await stored({ fields: { givenName: 'بی', familyName: 'ایمیل' }, phones: [], addresses: bare.addresses });
    made(await officer.post('/v1/policies', { policy: policyText({ '/title/en': 'Next' }), material: true }));
    const status = async () => made(await officer.get('/v1/policies/2'), 200);
    expect((await status()).status).toBe('awaiting_notice');
    expectCode(await officer.get('/v1/policies/2/mailing'), 404, 'not_found');
    expect(made(await officer.post('/v1/policies/2/mailing'), 202)).toMatchObject({ state: 'queueing' });
    expectCode(await officer.post('/v1/policies/2/mailing'), 409, 'conflict');
    expectCode(await officer.post('/v1/policies/9/mailing'), 404, 'not_found');
    expectCode(await theirs.post('/v1/policies/2/mailing'), 403, 'not_permitted');
    // Whoever looks, however often: one moves it.
    await Promise.all([sweepMailings(vault.vault), sweepMailings(vault.vault)]);
    await sweepMailings(vault.vault);
    expect((await status()).status).toBe('awaiting_notice');
    await sendDue(vault.vault);
    expect((await status()).notices).toEqual([]);
    await Promise.all([sweepMailings(vault.vault), sweepMailings(vault.vault)]);
    expect(box.email.map(({ to }) => to).sort()).toEqual(reached);
    expect(box.email[0]?.text).toContain(`/v1/tenants/${side.tenantId}/policies/2`);
    const after = await status();
    expect(after.notices).toMatchObject([{ channel: 'email', audience: 3 }]);
    const mailing = made(await officer.get('/v1/policies/2/mailing'), 200);
    expect(mailing).toMatchObject({ state: 'done', queued: 0, notSent: 0, sent: box.sms.length + 3 });
    made(await officer.post('/v1/policies/2/notices', { channel: 'site' }));
    expect((await status()).status).toBe('in_force');
  });
});
