import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { raiseDueEvents } from '../../src/vault/dueEvents.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { sweepRetention } from '../../src/vault/retention.ts';
import { postbox } from '../support/postbox.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, subjectOf } from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

/** ito: what answers a complaint is read while that complaint is open, and for nothing else (B21). */
let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
let lead: TestClient;
const people = synthetic(512);
const box = postbox();
const words = 'شماره‌ام را به شرکت دیگری داده‌اند';

beforeAll(async () => {
  vault = await startVault({ profile: 'ito', senders: box.senders });
  await signIn();
});
afterAll(() => vault.stop());

let known: { shop: TestClient; support: TestClient; dpo: TestClient } | undefined;
/** Tokens live shorter than a complaint. */
async function signIn() {
  known ??= {
    shop: await vault.client('shop_backend'),
    support: await vault.client('support'),
    dpo: await vault.client('dpo'),
  };
  const { shop: backend, support: desk, dpo: officer } = known;
  shop = await backend.as(undefined);
  [support, lead] = [await desk.as('staff-3'), await desk.as('lead-1')];
  dpo = await officer.as('staff-9');
}

async function person(): Promise<string> {
  const { fields, phones } = people.naturalCustomer();
  const { givenName, familyName, email } = fields;
  return made(
    await shop.post('/v1/customers', {
      kind: 'natural',
      source: 'web',
      fields: { givenName, familyName, email },
      phones,
      addresses: [],
    }),
  ).id;
}
const file = async (customerId: string, more: object = {}, by = shop) =>
  made(await by.post('/v1/complaints', { customerId, text: words, ...more })).id as string;
const step = (by: TestClient, id: string, name: string, body: object = {}) =>
  by.post(`/v1/complaints/${id}/${name}`, body);
const owner = { role: 'support', actor: 'staff-3' };
async function assigned(customerId: string, more: object = {}): Promise<string> {
  const id = await file(customerId, { clauses: ['B21'], ...more });
  made(await step(lead, id, 'acknowledge'), 200);
  made(await step(lead, id, 'assign', owner), 200);
  return id;
}
const finding = { outcome: 'upheld', finding: 'پیمانکار فهرست را نگه داشته بود', remedy: 'دسترسی او بسته شد' };
const work = (customerId: string, more: object = {}) =>
  shop.post('/v1/grants', {
    kind: 'inquiry',
    customerId,
    grantee: { role: 'support' },
    closesAt: new Date(vault.vault.now() + day).toISOString(),
    ...more,
  });
const emailOf = async (by: TestClient, id: string, grant: string) =>
  made(await by.get(`/v1/customers/${id}?grant=${grant}`), 200).fields.email;
const read = async (by: TestClient, id: string, path = 'complaints') => made(await by.get(`/v1/${path}/${id}`), 200);
const eventsOf = async (by: TestClient, id: string) =>
  made(await by.get('/v1/events?state=all'), 200)
    .items.filter((e: { object: { id: string } }) => e.object.id === id)
    .map((e: { kind: string }) => e.kind);

describe('a complaint', () => {
  test('goes from intake to a remedy, each step by a person and with its leaf', async () => {
    const customer = await person();
    const subject = await subjectOf(vault, shop, customer);
    const id = await file(customer, {}, subject);
    expectRefusal(await step(support, id, 'assign', owner), 409, 'conflict', '', 'open');
    expectRefusal(await step(await support.as(undefined), id, 'acknowledge'), 403, 'not_permitted');
    expect(made(await step(lead, id, 'acknowledge', { clauses: ['B5'] }), 200)).toMatchObject({
      state: 'acknowledged',
      clauses: ['B5'],
    });
    expectRefusal(
      await step(lead, id, 'assign', { role: 'after_sales', department: 'x', actor: 'a' }),
      422,
      'invalid_body',
    );
    expectRefusal(
      await step(lead, id, 'assign', { role: 'department', department: 'warehouse', actor: 'a' }),
      422,
      'invalid_body',
      '/role',
    );
    expect(made(await step(lead, id, 'assign', owner), 200)).toMatchObject({ state: 'assigned', owner });
    expectRefusal(await step(lead, id, 'close', finding), 403, 'not_permitted');
    const { remedy: _, ...unfinished } = finding;
    expectRefusal(await step(support, id, 'close', unfinished), 422, 'invalid_body', '/remedy');
    expectRefusal(await step(support, id, 'close', { ...finding, finding: '' }), 422, 'invalid_body', '/finding');
    expect(made(await step(support, id, 'close', finding), 200)).toMatchObject({
      state: 'closed',
      outcome: 'upheld',
      closed: { actor: 'staff-3' },
    });
    expectRefusal(await step(support, id, 'close', finding), 409, 'conflict', '', 'closed');
    expect(await read(subject, id)).toMatchObject({ text: words, finding: finding.finding, remedy: finding.remedy });
    await sendDue(vault.vault);
    const told = [...box.sms, ...box.email]
      .filter(({ text }) => text.includes(id))
      .map(({ text }) => text.split('\n')[0]);
    expect(new Set(told), 'the steps, and no word of it').toEqual(
      new Set(['شکایت یا پرسش شما: دریافت شد', 'شکایت یا پرسش شما: بسته شد']),
    );
    const rules = (await leavesOf(dpo, `subject=${customer}`)).map(({ rule }) => rule);
    for (const rule of ['filed', 'acknowledged', 'assigned', 'upheld']) expect(rules).toContain(`complaints.${rule}`);
    expect(await eventsOf(shop, id)).toEqual(['complaint.closed', 'complaint.acknowledged']);
    const [row] = await atDatabase<{ all: string }>(vault, 'select c::text as all from amanat.cases c where id = $1', [
      id,
    ]);
    for (const said of [words, finding.finding, finding.remedy])
      expect(row?.all).not.toContain(Buffer.from(said).toString('hex').slice(0, 30));
  });

  test('names clauses of the policy in force, and is not closed without one', async () => {
    const customer = await person();
    const bad = { customerId: customer, text: words, clauses: ['B21', 'A1'] };
    expectRefusal(await shop.post('/v1/complaints', bad), 422, 'invalid_body', '/clauses/1');
    const id = await file(customer);
    made(await step(lead, id, 'acknowledge'), 200);
    made(await step(lead, id, 'assign', owner), 200);
    expectRefusal(await step(support, id, 'close', finding), 422, 'field_required', '/clauses');
    made(await step(support, id, 'close', { ...finding, clauses: ['B3'] }), 200);
  });

  test('is read by whom it was given to, the officer and the person alone', async () => {
    const [customer, other] = [await person(), await person()];
    const id = await assigned(customer);
    const subject = await subjectOf(vault, shop, customer);
    for (const by of [support, dpo, subject]) expect((await read(by, id)).text, by.id).toBe(words);
    for (const by of [lead, shop, await support.as(undefined)]) {
      const seen = await read(by, id);
      expect(seen.state).toBe('assigned');
      expect(JSON.stringify(seen)).not.toContain('شماره');
    }
    const stranger = await subjectOf(vault, shop, other);
    expect((await stranger.get(`/v1/complaints/${id}`)).status).toBe(404);
    expectRefusal(await stranger.post('/v1/complaints', { customerId: customer, text: 'x' }), 422, 'invalid_body');
    made(await step(lead, id, 'assign', { role: 'support', actor: 'staff-8' }), 200);
    expect((await read(support, id)).text, 'no longer theirs').toBeUndefined();
  });

  test('is as none to whom it is about', async () => {
    const customer = await person();
    const id = await file(customer, { about: { actor: 'staff-3' } });
    for (const by of [support, await vault.client('support', { actor: 'STAFF-3' })]) {
      expect((await by.get(`/v1/complaints/${id}`)).status).toBe(404);
      expect(made(await by.get(`/v1/complaints?customerId=${customer}`), 200).items).toEqual([]);
      expect((await step(by, id, 'acknowledge')).status).toBe(404);
    }
    expect(made(await lead.get(`/v1/complaints?customerId=${customer}`), 200).items, 'control').toHaveLength(1);
    expect(JSON.stringify(await read(await support.as(undefined), id))).not.toContain('staff-3');
    made(await step(lead, id, 'acknowledge'), 200);
    expectRefusal(await step(lead, id, 'assign', { role: 'support', actor: 'Staff-3' }), 422, 'invalid_body', '/actor');
    expect((await read(dpo, id)).about).toEqual({ actor: 'staff-3' });
  });

  test('B21: contact fields are read by its owner while it is open, and no longer', async () => {
    const [customer, other] = [await person(), await person()];
    expectRefusal(await work(customer), 403, 'not_permitted', '/complaintId');
    const id = await file(customer, { clauses: ['B21'] });
    expectRefusal(await work(customer, { complaintId: id }), 409, 'conflict');
    made(await step(lead, id, 'acknowledge'), 200);
    made(await step(lead, id, 'assign', owner), 200);
    expectRefusal(await work(other, { complaintId: id }), 422, 'invalid_body', '/complaintId');
    expectRefusal(await work(customer, { complaintId: id, actor: 'lead-1' }), 422, 'invalid_body', '/actor');
    expectRefusal(await work(customer, { complaintId: id, kind: 'ticket' }), 422, 'invalid_body', '/complaintId');
    const grant = made(await work(customer, { complaintId: id })).id;
    expect((await emailOf(support, customer, grant)).state).toBe('full');
    expect((await emailOf(lead, customer, grant)).state, 'another member of staff').toBe('masked');
    made(await step(support, id, 'close', finding), 200);
    expect(await emailOf(support, customer, grant)).toMatchObject({ state: 'masked', reason: 'expired' });
    expectRefusal(await work(customer, { complaintId: id }), 409, 'conflict');
  });

  test('a grant closes when it is given to somebody else; of a close and a grant at once one wins', async () => {
    const customer = await person();
    const id = await assigned(customer);
    const grant = made(await work(customer, { complaintId: id })).id;
    made(await step(lead, id, 'assign', { role: 'support', actor: 'staff-8' }), 200);
    expect((await emailOf(support, customer, grant)).state).toBe('masked');
    made(await step(lead, id, 'assign', owner), 200);
    const [opened, closed] = await Promise.all([
      work(customer, { complaintId: id }),
      step(support, id, 'close', finding),
    ]);
    // The close that came second has seen the grant, and closed it with the complaint.
    expect([201, 409]).toContain(opened.status);
    expect([200, 409]).toContain(closed.status);
    expect(opened.status === 201 || closed.status === 200).toBe(true);
    if (opened.status === 201 && closed.status === 200)
      expect((await emailOf(support, customer, opened.body.id)).state).toBe('masked');
  });

  test('one that somebody rewrote in its table is believed by nobody', async () => {
    const customer = await person();
    const id = await assigned(customer);
    await atDatabase(vault, `update amanat.cases set owner_actor = 'staff-8' where id = $1`, [id]);
    const thief = await vault.client('support', { actor: 'staff-8' });
    expect((await thief.get(`/v1/complaints/${id}`)).body.code).toBe('integrity_failure');
    expect((await work(customer, { complaintId: id })).body.code).toBe('integrity_failure');
    const [one, two] = [await assigned(await person()), await assigned(customer)];
    await atDatabase(
      vault,
      `update amanat.cases c set words = o.words from amanat.cases o where c.id = $1 and o.id = $2`,
      [one, two],
    );
    expect((await dpo.get(`/v1/complaints/${one}`)).body.code, 'words of another').toBe('integrity_failure');
  });

  test('is counted by clause, and few people are no number', async () => {
    for (let i = 0; i < 5; i += 1) await file(await person(), { clauses: ['B23'] });
    await file(await person(), { clauses: ['B27'] });
    const { items } = made(await dpo.get('/v1/complaint-counts'), 200);
    const of = (clause: string) => items.filter((item: { clause: string }) => item.clause === clause);
    expect(of('B23')).toEqual([{ clause: 'B23', outcome: 'open', complaints: 5 }]);
    expect(of('B27')).toEqual([{ clause: 'B27', outcome: 'open', fewerThan: 5 }]);
    const before = new Date(vault.vault.now() - day).toISOString();
    expect(made(await dpo.get(`/v1/complaint-counts?to=${before}`), 200).items).toEqual([]);
    expectRefusal(await support.get('/v1/complaint-counts'), 403, 'not_permitted');
  });
});

test('an inquiry is answered once, its grant closes, and others do not read it', async () => {
  const customer = await person();
  const subject = await subjectOf(vault, shop, customer);
  const { id } = made(await subject.post('/v1/inquiries', { customerId: customer, text: 'داده‌هایم کجاست؟' }));
  expect((await read(support, id, 'inquiries')).text).toBe('داده‌هایم کجاست؟');
  expect((await read(shop, id, 'inquiries')).text).toBeUndefined();
  expect((await subject.get(`/v1/complaints/${id}`)).status, 'of another register').toBe(404);
  expectRefusal(await work(customer, { inquiryId: id }), 422, 'invalid_body', '/inquiryId');
  const answer = (by: TestClient) => by.post(`/v1/inquiries/${id}/answer`, { answer: 'روی سرورهای خودمان' });
  expectRefusal(await answer(await support.as(undefined)), 403, 'not_permitted');
  expect(made(await answer(support), 200)).toMatchObject({ state: 'closed', outcome: 'answered' });
  expectRefusal(await answer(lead), 409, 'conflict');
  expect((await read(subject, id, 'inquiries')).answer).toBe('روی سرورهای خودمان');
  expect(await eventsOf(shop, id)).toEqual(['inquiry.answered']);
});

describe('time', () => {
  test('who is late is told of, once', async () => {
    const id = await file(await person());
    vault.advance(4 * day);
    await signIn();
    for (let i = 0; i < 2; i += 1) await raiseDueEvents(vault.vault);
    expect((await eventsOf(dpo, id)).filter((kind: string) => kind === 'complaint.overdue')).toHaveLength(1);
    made(await step(lead, id, 'acknowledge'), 200);
    await raiseDueEvents(vault.vault);
    expect((await eventsOf(dpo, id)).filter((kind: string) => kind === 'complaint.overdue')).toHaveLength(1);
  });

  test('words go two years after the end, or with the person; the register stays', async () => {
    const [customer, leaving] = [await person(), await person()];
    const [old, gone] = [await assigned(customer), await assigned(leaving)];
    made(await step(support, old, 'close', finding), 200);
    const asked = made(
      await shop.post('/v1/requests', { customerId: leaving, kind: 'erase', asker: 'subject', checked: 'call_back' }),
    ).id;
    const grant = made(await work(leaving, { complaintId: gone })).id;
    made(await dpo.post(`/v1/requests/${asked}/decide`, { outcome: 'done' }), 200);
    expect(await read(dpo, gone)).toMatchObject({ state: 'assigned' });
    expect((await read(dpo, gone)).text).toBeUndefined();
    expect((await shop.get(`/v1/grants/${grant}`)).status).toBe(404);
    await sweepErasures(vault.vault);
    const left = () =>
      atDatabase<{ id: string }>(vault, 'select id from amanat.cases where id = any ($1) and words is not null', [
        [old, gone],
      ]);
    expect(await left(), 'with the person, at once').toEqual([{ id: old }]);
    vault.advance(732 * day);
    await signIn();
    expect((await read(dpo, old)).text, 'kept no longer, swept or not').toBeUndefined();
    await sweepRetention(vault.vault, vault.vault.watch.policy(vault.tenantId), vault.tenantId);
    expect(await left()).toEqual([]);
    expect(await read(dpo, old)).toMatchObject({ state: 'closed', outcome: 'upheld', clauses: ['B21'] });
  });
});
