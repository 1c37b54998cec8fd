import { expect } from 'vitest';
import { sendDue } from '../../src/vault/outbox.ts';
import { sweepRetention } from '../../src/vault/retention.ts';
import { paper, undertaken } from '../support/undertakings.ts';
import type { TestClient } from '../support/vault.ts';
import { day, hour, leavesOf, made, newOrder, newParcel, subjectOf } from '../support/work.ts';
import { clause, type Stage } from './clause.ts';

/** What persons bring before the shop, and who undertook what. */

const said = 'داده‌هایم را به دیگری داده‌اند';
const owner = { role: 'support', actor: 'staff-1' };
const finding = { outcome: 'upheld', finding: 'پیمانکار فهرست را نگه داشته بود', remedy: 'دسترسی او بسته شد' };

const step = (by: TestClient, id: string, name: string, body: object) => by.post(`/v1/complaints/${id}/${name}`, body);

/** A complaint that is given to staff-1 of support. */
async function complaint({ client }: Stage, customerId: string, clauses: readonly string[]): Promise<string> {
  const [shop, lead] = [await client('shop_backend'), await client('support', 'lead-1')];
  const { id } = made(await shop.post('/v1/complaints', { customerId, text: said, clauses }));
  made(await step(lead, id, 'acknowledge', {}), 200);
  made(await step(lead, id, 'assign', owner), 200);
  return id;
}

const open = ({ vault }: Stage, shop: TestClient, kind: string, customerId: string, more: object = {}) =>
  shop.post('/v1/grants', {
    kind,
    customerId,
    grantee: { role: 'support' },
    closesAt: new Date(vault.vault.now() + hour).toISOString(),
    ...more,
  });

const codeAt = ({ status, body }: { status: number; body: { errors?: { code: string }[] } }) => [
  status,
  body.errors?.[0]?.code,
];

clause(
  'A9',
  {
    shows: 'a survey goes to who has not said no to surveys, whatever else they agreed to; the site counts its answers',
    in: ['src/policy/consent.ts', 'src/vault/messages.ts', 'src/vault/feedback.ts'],
  },
  async (stage) => {
    const [shop, support] = [await stage.client('shop_backend'), await stage.client('support', 'staff-1')];
    const [asked, refusing] = [await stage.person(), await stage.person()];
    const ask = ({ id }: { id: string }) =>
      shop.post('/v1/messages', { customerId: id, purpose: 'survey', channel: 'sms', text: 'از خدمت ما راضی بودید؟' });
    const mail = {
      purpose: 'partner_mailing',
      channels: ['email'],
      method: 'agree_button',
      source: 'web',
      textVersion: 'newsletter-2',
    };
    made(await shop.post(`/v1/customers/${refusing.id}/consents`, mail));
    made(await shop.post(`/v1/customers/${refusing.id}/consents/withdraw`, { purpose: 'survey' }), 200);
    made(await ask(asked), 202);
    expect((await ask(refusing)).body.code).toBe('consent_required');
    const { states } = made(await shop.get(`/v1/customers/${refusing.id}/consents`), 200);
    expect(JSON.stringify(states), 'a no of its own').toContain('explicit');
    await sendDue(stage.vault.vault);
    expect(stage.sent.sms.some(({ text }) => text === 'از خدمت ما راضی بودید؟')).toBe(true);
    const answer = { kind: 'survey', survey: 'service-1404', customerId: asked.id, text: 'بله' };
    const { id } = made(await shop.post('/v1/feedback', answer));
    const counted = made(await shop.get(`/v1/feedback/${id}`), 200);
    expect([counted.text, counted.customerId]).toEqual(['بله', undefined]);
    expect((await support.get(`/v1/feedback/${id}`)).status).toBe(403);
  },
);

clause(
  'A13',
  {
    shows: 'a firm is given nothing before its recipient undertook confidentiality, and nothing after that is revoked',
    in: ['src/vault/recipients.ts', 'src/vault/admissions.ts'],
  },
  async (stage) => {
    const [shop, dpo] = [await stage.client('shop_backend'), await stage.client('dpo', 'staff-9')];
    const courier = await stage.vault.client('courier');
    const ship = async () =>
      shop.post(`/v1/orders/${await newOrder(shop, await stage.person())}/shipments`, { courierClientId: courier.id });
    expect(codeAt(await ship())).toEqual([403, 'recipient_not_active']);
    const expiresAt = new Date(stage.vault.vault.now() + 30 * day).toISOString();
    const terms = { kind: 'trusted_body', purpose: 'coordination', contractRef: 'G-1', expiresAt };
    const { id } = made(await dpo.post('/v1/recipients', { name: 'شهرداری نمونه', ...terms }));
    made(await dpo.post(`/v1/recipients/${id}/clients`, { clientId: courier.id }), 200);
    expect(codeAt(await ship()), 'no document yet').toEqual([403, 'recipient_not_active']);
    const { signer: _, ...unsigned } = paper;
    expect((await dpo.post(`/v1/recipients/${id}/undertaking`, unsigned)).status).toBe(422);
    made(await dpo.post(`/v1/recipients/${id}/undertaking`, paper), 200);
    const active = made(await dpo.get(`/v1/recipients/${id}`), 200);
    expect(active).toMatchObject({ state: 'active', undertaking: { ...paper, signedOn: '2025-10-23' } });
    const parcel = made(await ship());
    expect((await courier.get(`/v1/deliveries/${parcel.id}`)).status).toBe(200);
    made(await dpo.post(`/v1/recipients/${id}/revoke`), 200);
    expect(codeAt(await courier.get(`/v1/deliveries/${parcel.id}`))).toEqual([403, 'recipient_not_active']);
  },
);

clause(
  'A28',
  {
    shows: 'a complaint names the clause that was not kept, has an owner, and is as none to whom it is about',
    in: ['src/vault/complaints.ts', 'src/vault/cases.ts'],
  },
  async (stage) => {
    const [shop, lead, dpo] = [
      await stage.client('shop_backend'),
      await stage.client('support', 'lead-1'),
      await stage.client('dpo'),
    ];
    const { id: customerId } = await stage.person();
    const own = await subjectOf(stage.vault, shop, customerId);
    const filed = { customerId, text: said, clauses: ['A10'], about: { actor: 'staff-2' } };
    expect((await own.post('/v1/complaints', { ...filed, clauses: ['E12'] })).status, 'of another policy').toBe(422);
    const { id, dueAt } = made(await own.post('/v1/complaints', filed));
    expect(Date.parse(dueAt)).toBeGreaterThan(stage.vault.vault.now());
    expect((await (await stage.client('support', 'staff-2')).get(`/v1/complaints/${id}`)).status).toBe(404);
    expect(made(await step(lead, id, 'acknowledge', {}), 200).acknowledgedAt).toBeDefined();
    expect(made(await step(lead, id, 'assign', owner), 200)).toMatchObject({ state: 'assigned', owner });
    const reads = async (by: TestClient) => made(await by.get(`/v1/complaints/${id}`), 200).text;
    expect(await reads(await stage.client('support', 'staff-1'))).toBe(said);
    expect([await reads(dpo), await reads(own)]).toEqual([said, said]);
    expect([await reads(lead), await reads(shop)]).toEqual([undefined, undefined]);
    // It ends with what was found and what was done about it, and not without.
    const worker = await stage.client('support', 'staff-1');
    for (const name of ['finding', 'remedy'])
      expect((await step(worker, id, 'close', { ...finding, [name]: undefined })).body.errors[0].pointer).toBe(
        `/${name}`,
      );
    made(await step(worker, id, 'close', finding), 200);
    expect(made(await own.get(`/v1/complaints/${id}`), 200)).toMatchObject({
      ...finding,
      state: 'closed',
      clauses: ['A10'],
    });
    expect(stage.profile.complaintContact?.email).toMatch(/@/);
  },
);

clause(
  'A29',
  {
    shows: 'no complaint is closed without what was found and what was done; complaints are counted by clause',
    in: ['src/vault/complaints.ts', 'src/vault/complaintCounts.ts'],
  },
  async (stage) => {
    const dpo = await stage.client('dpo', 'staff-9');
    const { id: customerId } = await stage.person();
    const support = await stage.client('support', 'staff-1');
    const id = await complaint(stage, customerId, ['A10', 'A23']);
    for (const missing of ['finding', 'remedy'] as const) {
      const { [missing]: _, ...rest } = finding;
      expect((await step(support, id, 'close', rest)).body.errors[0].pointer).toBe(`/${missing}`);
      expect((await step(support, id, 'close', { ...finding, [missing]: ' ' })).status).toBe(422);
    }
    made(await step(support, id, 'close', finding), 200);
    expect(made(await dpo.get(`/v1/complaints/${id}`), 200)).toMatchObject({ state: 'closed', ...finding });
    for (let i = 0; i < 5; i += 1) await complaint(stage, (await stage.person()).id, ['A23']);
    const { items } = made(await dpo.get('/v1/complaint-counts'), 200);
    expect(items).toContainEqual({ clause: 'A23', outcome: 'open', complaints: 5 });
    expect(items).toContainEqual({ clause: 'A23', outcome: 'upheld', fewerThan: 5 });
  },
);

clause(
  'B5',
  {
    shows:
      'feedback is read for quality or to answer a complaint, by the departments for that; nobody reads it for offers',
    in: ['src/vault/feedback.ts', 'src/policy/references.ts'],
  },
  async (stage) => {
    const [shop, support, dpo] = [
      await stage.client('shop_backend'),
      await stage.client('support', 'staff-1'),
      await stage.client('dpo'),
    ];
    const { id: customerId } = await stage.person();
    const { id } = made(await shop.post('/v1/feedback', { kind: 'opinion', customerId, text: 'سایت کند است' }));
    expect(made(await shop.get(`/v1/feedback/${id}`), 200).customerId, 'for quality').toBeUndefined();
    expect(made(await support.get(`/v1/feedback/${id}`), 200).customerId, 'to answer').toBe(customerId);
    const purposes = (await leavesOf(dpo, ''))
      .filter(({ action }) => action === 'feedback.read')
      .map(({ purpose }) => purpose);
    expect(new Set(purposes)).toEqual(new Set(['quality', 'complaint_response']));
    for (const role of ['accounting', 'dpo'])
      expect((await (await stage.client(role)).get(`/v1/feedback/${id}`)).status, role).toBe(403);
    const offer = { customerId, purpose: 'offers', channel: 'sms', text: 'پیشنهاد ویژه' };
    expect((await shop.post('/v1/messages', offer)).body.code, 'an opinion is no consent').toBe('consent_required');
  },
);

clause(
  'B8',
  {
    shows: 'an answer to a survey needs no subject; one that had one has none after twelve months',
    in: ['src/vault/feedback.ts', 'src/vault/retentionPlans.ts'],
  },
  async (stage) => {
    const { vault, client, person } = stage;
    const answer = { kind: 'survey', survey: 'service-1404', text: 'راضی بودم' };
    const shop = await client('shop_backend');
    const nobodys = made(await shop.post('/v1/feedback', answer)).id;
    const theirs = made(await shop.post('/v1/feedback', { ...answer, customerId: (await person()).id })).id;
    const read = async (id: string) => made(await (await client('support', 'staff-1')).get(`/v1/feedback/${id}`), 200);
    expect([await read(nobodys), await read(theirs)].map(({ customerId }) => customerId === undefined)).toEqual([
      true,
      false,
    ]);
    vault.advance(366 * day);
    await sweepRetention(vault.vault, vault.vault.watch.policy(vault.tenantId), vault.tenantId);
    expect(await read(theirs)).toMatchObject({ text: answer.text });
    expect(await read(theirs)).not.toHaveProperty('customerId');
  },
);

clause(
  'B21',
  {
    shows: 'contact fields open for a complaint that is open, to whom it was given, and close with it',
    in: ['src/vault/caseGrants.ts', 'src/vault/complaints.ts'],
  },
  async (stage) => {
    const [shop, support] = [await stage.client('shop_backend'), await stage.client('support', 'staff-1')];
    const { id: customerId, sent } = await stage.person();
    expect(codeAt(await open(stage, shop, 'inquiry', customerId))).toEqual([403, 'open_case_required']);
    const id = await complaint(stage, customerId, ['B21']);
    const { id: grant } = made(await open(stage, shop, 'inquiry', customerId, { complaintId: id }));
    const email = async (by: TestClient) =>
      made(await by.get(`/v1/customers/${customerId}?grant=${grant}`), 200).fields.email;
    expect(await email(support)).toEqual({ state: 'full', value: sent.fields['email'] });
    expect((await email(await stage.client('support', 'lead-1'))).state).toBe('masked');
    made(await step(support, id, 'close', finding), 200);
    expect(await email(support)).toMatchObject({ state: 'masked', reason: 'expired' });
    expect((await open(stage, shop, 'inquiry', customerId, { complaintId: id })).status).toBe(409);
  },
);

clause(
  'C8',
  {
    shows: 'nothing is shown in full to staff who undertook no confidentiality, and lists and searches show no value',
    in: ['src/vault/admissions.ts', 'src/vault/staffUndertakings.ts', 'src/vault/customers.ts'],
  },
  async (stage) => {
    const { vault, client, person } = stage;
    const [shop, dpo] = [await client('shop_backend'), await client('dpo', 'staff-9')];
    const newcomer = await vault.client('support', { actor: 'newcomer' });
    const { id, sent } = await person();
    const { id: grant } = made(await open(stage, shop, 'ticket', id));
    const read = (by: TestClient) => by.get(`/v1/customers/${id}?grant=${grant}`);
    expect(codeAt(await read(newcomer))).toEqual([403, 'undertaking_required']);
    expect(codeAt(await read(await newcomer.as(undefined)))).toEqual([403, 'undertaking_required']);
    await undertaken(dpo, 'newcomer');
    const name = String(sent.fields['familyName']);
    expect(made(await read(newcomer), 200).fields.familyName.value).toBe(name);
    // One record at a time: no list, no search, and no page of any size holds a value.
    const found = await newcomer.post('/v1/customers/search', { by: 'mobile', value: sent.phones[0]?.number });
    for (const answer of [await newcomer.get('/v1/customers?limit=100'), found]) {
      expect(answer.status).toBe(200);
      expect(answer.text).toContain(id);
      expect(answer.text).not.toContain(name);
    }
    const { items } = made(await dpo.get('/v1/staff-undertakings'), 200);
    const own = items.find(({ actor }: { actor: string }) => actor === 'newcomer');
    made(await dpo.post(`/v1/staff-undertakings/${own.id}/revoke`), 200);
    expect(codeAt(await read(newcomer))).toEqual([403, 'undertaking_required']);
  },
);

clause(
  'E5',
  {
    shows:
      'a report of misuse freezes the account at once, opens an incident, and another person ends it with a finding',
    in: ['src/vault/misuseReports.ts', 'src/db/freezes.ts'],
  },
  async (stage) => {
    const [shop, support, dpo] = [
      await stage.client('shop_backend'),
      await stage.client('support', 'staff-1'),
      await stage.client('dpo', 'staff-9'),
    ];
    const { id } = await stage.person();
    const { id: grant } = made(await open(stage, shop, 'ticket', id));
    const mobile = async () => made(await support.get(`/v1/customers/${id}?grant=${grant}`), 200).phones[0].number;
    const edit = () => shop.patch(`/v1/customers/${id}`, { fields: { familyName: 'امانی' } }, 1);
    expect((await mobile()).state).toBe('full');
    const own = await subjectOf(stage.vault, shop, id);
    const report = made(await own.post('/v1/misuse-reports', { customerId: id, text: 'سفارشی هست که ثبت نکرده‌ام' }));
    expect(await mobile()).toMatchObject({ state: 'masked', reason: 'deactivated' });
    expect(codeAt(await edit())).toEqual([409, 'customer_frozen']);
    expect(codeAt(await open(stage, shop, 'ticket', id))).toEqual([409, 'customer_frozen']);
    const alarms = made(await dpo.get('/v1/events'), 200).items;
    expect(alarms).toContainEqual(expect.objectContaining({ kind: 'misuse.reported', alarm: true, customerId: id }));
    const opened = alarms.find(
      ({ kind, customerId }: { kind: string; customerId: string }) => kind === 'incident.opened' && customerId === id,
    );
    expect(made(await dpo.get(`/v1/incidents/${opened.object.id}`), 200)).toMatchObject({
      kind: 'misuse',
      customerId: id,
    });
    expect((await leavesOf(dpo, `subject=${id}`)).map(({ action }) => action)).toContain('customers.read');
    const resolution = { outcome: 'confirmed', finding: 'گذرواژه عوض شد' };
    made(await support.post(`/v1/misuse-reports/${report.id}/resolve`, resolution), 200);
    expect([(await mobile()).state, (await edit()).status]).toEqual(['full', 200]);
  },
);

clause(
  'E9',
  {
    shows: 'a question is answered under work of its own purpose, which ends with the answer',
    in: ['src/vault/inquiries.ts', 'src/vault/caseGrants.ts'],
  },
  async (stage) => {
    const [shop, support, dpo] = [
      await stage.client('shop_backend'),
      await stage.client('support', 'staff-1'),
      await stage.client('dpo'),
    ];
    const { id: customerId } = await stage.person();
    const { id } = made(await support.post('/v1/inquiries', { customerId, text: 'مرسوله‌ام کی می‌رسد؟' }));
    const { id: grant } = made(await open(stage, shop, 'inquiry', customerId, { inquiryId: id }));
    const read = async () => made(await support.get(`/v1/customers/${customerId}?grant=${grant}`), 200);
    const seen = await read();
    expect([seen.phones[0].number.state, seen.addresses[0].address.state]).toEqual(['full', 'masked']);
    expect((await leavesOf(dpo, `grant=${grant}`)).find(({ action }) => action === 'customers.read')).toMatchObject({
      purpose: 'inquiry',
    });
    made(await support.post(`/v1/inquiries/${id}/answer`, { answer: 'فردا' }), 200);
    expect((await read()).phones[0].number.state).toBe('masked');
  },
);

clause(
  'E14',
  {
    shows:
      'a firm that acts for the shop is entered with purpose, items and contract, sees one order, and nothing once it ends',
    in: ['src/vault/recipients.ts', 'src/vault/deliveries.ts'],
  },
  async (stage) => {
    const [shop, dpo] = [await stage.client('shop_backend'), await stage.client('dpo', 'staff-9')];
    const courier = await stage.vault.client('courier');
    const expiresAt = new Date(stage.vault.vault.now() + 30 * day).toISOString();
    const enter = (more: object) =>
      dpo.post('/v1/recipients', {
        name: 'پست نمونه',
        kind: 'courier',
        purpose: 'shipping',
        contractRef: 'G-7',
        expiresAt,
        ...more,
      });
    expect((await enter({ purpose: 'marketing' })).status).toBe(403);
    expect((await enter({ fields: ['email'] })).status).toBe(422);
    const { id } = made(await enter({ fields: ['givenName', 'familyName', 'address', 'postalCode'] }));
    made(await dpo.post(`/v1/recipients/${id}/clients`, { clientId: courier.id }), 200);
    made(await dpo.post(`/v1/recipients/${id}/undertaking`, paper), 200);
    const parcel = await newParcel(shop, await newOrder(shop, await stage.person()), courier);
    const seen = made(await courier.get(`/v1/deliveries/${parcel.id}`), 200);
    expect([typeof seen.recipientName, typeof seen.address, seen.phone]).toEqual(['string', 'object', undefined]);
    made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
    expect((await courier.get(`/v1/deliveries/${parcel.id}`)).status).toBe(404);
    made(await dpo.post(`/v1/recipients/${id}/revoke`), 200);
    expect(codeAt(await courier.get('/v1/deliveries'))).toEqual([403, 'recipient_not_active']);
  },
);

clause(
  'E36',
  {
    shows: 'the version in force says whom to ask, and what is asked stands in a register until it is answered',
    in: ['src/vault/inquiries.ts', 'src/vault/policyView.ts'],
  },
  async (stage) => {
    const shop = await stage.client('shop_backend');
    const { id: customerId } = await stage.person();
    const version = made(await shop.get('/v1/policies/1'), 200);
    expect(JSON.stringify(version)).toContain(stage.profile.contact.email);
    const own = await subjectOf(stage.vault, shop, customerId);
    const { id, dueAt } = made(await own.post('/v1/inquiries', { customerId, text: 'داده‌هایم کجاست؟' }));
    expect(Date.parse(dueAt) - stage.vault.vault.now()).toBeLessThanOrEqual(7 * day);
    const waiting = made(await (await stage.client('support', 'staff-1')).get('/v1/inquiries?state=open'), 200).items;
    expect(waiting.map((item: { id: string }) => item.id)).toContain(id);
    made(
      await (await stage.client('support', 'staff-1')).post(`/v1/inquiries/${id}/answer`, { answer: 'روی سرورهای ما' }),
      200,
    );
    expect(made(await own.get(`/v1/inquiries/${id}`), 200)).toMatchObject({
      state: 'closed',
      answer: 'روی سرورهای ما',
    });
  },
);
