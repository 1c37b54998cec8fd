import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { edited } from '../unit/policy/kalak.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  dayFrom,
  expectRefusal,
  legalDesk,
  orderBody,
  ownGround,
  rowsOf,
  statusesOf,
  type LegalDesk,
} from './legalDesk.ts';

const profileText = JSON.stringify(
  edited({
    '/grounds/emergency/allowed': true,
    '/grounds/defence_of_rights/allowed': true,
    '/grounds/defence_of_rights/approvals': 2,
    '/grounds/statute/allowed': true,
  }),
);

let vault: TestVault;
let desk: LegalDesk;
let third: TestClient;
let dpo: TestClient;

beforeAll(async () => {
  vault = await startVault({ profileText });
  desk = await legalDesk(vault, 61);
  third = await vault.client('legal_approver', { actor: 'staff-3' });
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

const path = (id: string, step = '') => `/v1/legal-orders/${id}${step === '' ? '' : `/${step}`}`;
const read = async (id: string) => (await dpo.get(path(id))).body;
const someone = async () => [{ customerId: (await desk.storeCustomer()).id }];

async function registerOwn(ground: string, changes: Record<string, unknown> = {}): Promise<string> {
  const made = await desk.registrar.post('/v1/legal-orders', ownGround(vault, ground, await someone(), changes));
  expect(made.status, made.text).toBe(201);
  return made.body.id;
}

const emergency = {
  recipient: { name: 'اورژانس تهران', as: 'emergency_service' },
  validUntil: undefined as unknown,
};

describe('a change', () => {
  test('of the record voids its approval, and both stand in the order', async () => {
    const id = await desk.approve(await someone());
    const before = await read(id);
    const patched = await desk.registrar.patch(path(id), { letter: { subject: 'استعلام نشانی' } }, 2);
    expect(patched.status, patched.text).toBe(200);
    expect(patched.body).toMatchObject({ id, version: 3, status: 'registered' });
    expectRefusal(await desk.registrar.post('/v1/exports', { legalOrderId: id }), 403, 'legal_order_not_approved');
    const after = await read(id);
    expect(after.letter).toMatchObject({ number: before.letter.number, subject: 'استعلام نشانی' });
    expect(after.digest).not.toBe(before.digest);
    expect(after.approvals).toBeUndefined();
    expect(after.changes).toMatchObject([{ actor: 'staff-1', what: 'record', voided: [{ digest: before.digest }] }]);
    expect((await desk.approver.post(path(id, 'approve'))).status).toBe(200);
    expect((await desk.registrar.post('/v1/exports', { legalOrderId: id })).status, 'control').toBe(201);
  });

  test('asks for the version that was read, and loses nothing by bad input', async () => {
    const id = await desk.register(await someone());
    expectRefusal(await desk.registrar.patch(path(id), {}, undefined), 428, 'precondition_required');
    expectRefusal(await desk.registrar.patch(path(id), {}, 7), 412, 'precondition_failed');
    expectRefusal(
      await desk.registrar.patch(path(id), { scope: { subjects: [] } }, 1),
      422,
      'invalid_body',
      '/scope/subjects',
    );
    expectRefusal(
      await desk.registrar.patch(path(id), { scope: { fields: null } }, 1),
      422,
      'invalid_body',
      '/scope/fields',
    );
    expectRefusal(await desk.registrar.patch(path(id), { all: true }, 1), 422, 'unknown_field', '/all');
    expectRefusal(await desk.approver.patch(path(id), {}, 1), 403, 'not_permitted');
    expect((await read(id)).version).toBe(1);
  });

  test('to a letter that is recorded already is refused', async () => {
    const [one, two] = [await desk.register(await someone()), await desk.register(await someone())];
    const { letter } = await read(one);
    expectRefusal(
      await desk.registrar.patch(path(two), { letter: { number: letter.number } }, 1),
      409,
      'already_exists',
    );
  });

  test('makes its author a registrar: that person approves no more', async () => {
    const id = await desk.register(await someone());
    const helper = await vault.client('legal_registrar', { actor: 'staff-2' });
    expect((await helper.patch(path(id), { letter: { subject: 'تصحیح' } }, 1)).status).toBe(200);
    expectRefusal(await desk.approver.post(path(id, 'approve')), 403, 'self_approval');
    expect((await third.post(path(id, 'approve'))).status, 'control').toBe(200);
  });

  test('raced with its approval: what is approved is what stands', async () => {
    for (let run = 0; run < 12; run += 1) {
      const id = await desk.register(await someone());
      const [patched, approved] = await Promise.all([
        desk.registrar.patch(path(id), { letter: { subject: `متن ${run}` } }, 1),
        desk.approver.post(path(id, 'approve')),
      ]);
      const order = await read(id);
      if (order.status === 'approved') expect(order.decision.digest).toBe(order.digest);
      else expect(order.approvals).toBeUndefined();
      expect(statusesOf([patched, approved])[0]).toBe(200);
    }
  });
});

describe('a narrowed scope', () => {
  test('is what is executed, and stands beside the original', async () => {
    const [kept, left] = [await desk.storeCustomer(), await desk.storeCustomer()];
    const id = await desk.register([{ customerId: kept.id }, { by: 'nationalId', value: left.sent.fields.nationalId }]);
    const scope = { subjects: [{ customerId: kept.id.toUpperCase() }], fields: ['mobile'] };
    const approved = await desk.approver.post(path(id, 'approve'), { scope });
    expect(approved.status, approved.text).toBe(200);
    const order = await read(id);
    expect(order.scope.subjects).toHaveLength(2);
    expect(order.approvals[0].narrowed).toMatchObject({ subjects: [{ customerId: kept.id }], fields: ['mobile'] });
    const made = await desk.registrar.post('/v1/exports', { legalOrderId: id });
    const { body } = await desk.registrar.get(`/v1/exports/${made.body.id}/package`);
    expect(body).toMatchObject({ records: 1, fields: ['mobile'] });
    expect(Object.keys(body.persons[0].fields)).toEqual(['mobile']);
    expect(JSON.stringify(body)).not.toContain(left.sent.fields.nationalId);
  });

  test.each([
    ['another subject', { subjects: [{ by: 'nationalId', value: '9901234565' }] }, '/scope/subjects/0', 'not_in_scope'],
    ['another field', { fields: ['email'] }, '/scope/fields/0', 'not_in_scope'],
    ['an earlier day', { from: '1400-01-01' }, '/scope/from', 'wider'],
    ['a later day', { to: '1499-01-01' }, '/scope/to', 'wider'],
    ['nobody', { subjects: [] }, '/scope/subjects', 'required'],
    ['nothing', { fields: [] }, '/scope/fields', 'required'],
  ])('is never %s', async (_, scope, pointer, reason) => {
    const id = await desk.register(await someone());
    const refused = await desk.approver.post(path(id, 'approve'), { scope });
    expectRefusal(refused, 422, 'invalid_body', pointer);
    expect(refused.body.errors).toEqual([{ pointer, code: reason }]);
    expect((await read(id)).status).toBe('registered');
  });

  test('cannot be put back in the table', async () => {
    const id = await desk.register(await someone());
    expect((await desk.approver.post(path(id, 'approve'), { scope: { fields: ['mobile'] } })).status).toBe(200);
    await rowsOf(vault, 'update amanat.legal_orders set approvals = 2 where id = $1', [id]);
    expectRefusal(await desk.registrar.post('/v1/exports', { legalOrderId: id }), 500, 'integrity_failure');
  });
});

describe('several approvals', () => {
  test('are several persons', async () => {
    const id = await registerOwn('defence_of_rights');
    const first = await desk.approver.post(path(id, 'approve'));
    expect(first.body, first.text).toMatchObject({ status: 'registered', approvals: 1, approvalsNeeded: 2 });
    expectRefusal(await desk.registrar.post('/v1/exports', { legalOrderId: id }), 403, 'legal_order_not_approved');
    expectRefusal(await desk.approver.post(path(id, 'approve')), 403, 'self_approval');
    const elsewhere = await vault.client('legal_approver', { actor: 'STAFF-2' });
    expectRefusal(await elsewhere.post(path(id, 'approve')), 403, 'self_approval');
    expectRefusal(await (await desk.approver.as('staff-4')).post(path(id, 'approve')), 403, 'self_approval');
    expect((await third.post(path(id, 'approve'))).body).toMatchObject({ status: 'approved', approvals: 2 });
    expectRefusal(await desk.approver.post('/v1/exports', { legalOrderId: id }), 403, 'self_approval');
    expect((await desk.registrar.post('/v1/exports', { legalOrderId: id })).status, 'control').toBe(201);
  });

  test('one narrows: those who approved the wider scope have not approved it', async () => {
    const id = await registerOwn('defence_of_rights');
    await desk.approver.post(path(id, 'approve'));
    const narrowed = await third.post(path(id, 'approve'), { scope: { fields: ['mobile'] } });
    expect(narrowed.body).toMatchObject({ status: 'registered', approvals: 1 });
    expect((await desk.approver.post(path(id, 'approve'))).body).toMatchObject({ status: 'approved', approvals: 2 });
    expect((await read(id)).approvals.map((one: { narrowed: { fields: string[] } }) => one.narrowed.fields)).toEqual([
      ['mobile'],
      ['mobile'],
    ]);
  });
});

describe('A19: an emergency', () => {
  const urgent = () => registerOwn('emergency', { ...emergency, validUntil: dayFrom(vault, 0) });

  test('opens for half an hour, and is listed until somebody else has looked at it', async () => {
    const id = await urgent();
    const approved = await desk.approver.post(path(id, 'approve'));
    const minutes = (Date.parse(approved.body.approvalExpires) - vault.vault.now()) / 60_000;
    expect(minutes).toBeGreaterThan(29);
    expect(minutes).toBeLessThanOrEqual(30);
    expect((await desk.registrar.post('/v1/exports', { legalOrderId: id })).status).toBe(201);
    const due = async () =>
      (await dpo.get('/v1/legal-orders?review=due&limit=100')).body.items.find(
        (item: { id: string }) => item.id === id,
      );
    expect(await due()).toMatchObject({ ground: 'emergency', reviewDue: expect.stringMatching(/Z$/) });
    const review = { outcome: 'not_justified', reason: 'خطر فوری نبود' };
    for (const involved of [desk.approver, await vault.client('legal_approver', { actor: 'staff-1' })]) {
      expectRefusal(await involved.post(path(id, 'review'), review), 403, 'self_approval');
    }
    expect((await third.post(path(id, 'review'), review)).body).toMatchObject({
      status: 'executed',
      outcome: 'not_justified',
    });
    expect(await due()).toBeUndefined();
    expectRefusal(await third.post(path(id, 'review'), review), 409, 'conflict');
    expect((await read(id)).review).toMatchObject({
      actor: 'staff-3',
      outcome: 'not_justified',
      reason: 'خطر فوری نبود',
    });
  });

  test('an ordinary order asks for no review', async () => {
    const id = await desk.approve(await someone());
    expectRefusal(await third.post(path(id, 'review'), { outcome: 'upheld', reason: 'x' }), 409, 'conflict');
  });
});

test('E16: a statute names the body it serves and no letter', async () => {
  const { case: _c, decider: _d, reason: _r, ...body } = ownGround(vault, 'statute', await someone());
  const statute = {
    ...body,
    kind: 'statutory_duty',
    basis: { law: 'قانون پایانه‌های فروشگاهی', article: '۵' },
    recipient: { name: 'سازمان امور مالیاتی' },
  };
  const made = await desk.registrar.post('/v1/legal-orders', statute);
  expect(made.status, made.text).toBe(201);
  expect((await desk.approver.post(path(made.body.id, 'approve'))).status).toBe(200);
  const out = await desk.registrar.post('/v1/exports', { legalOrderId: made.body.id });
  const { body: given } = await desk.registrar.get(`/v1/exports/${out.body.id}/package`);
  expect(given.order).toMatchObject({ ground: 'statute', recipient: { as: 'body' } });
  expect(given.order.authority).toBeUndefined();
});

describe('a secret order', () => {
  const secret = { secret: { fromSubject: true, basis: 'ماده ۶۶۹' } };
  const execute = async (id: string) => {
    const out = await desk.registrar.post('/v1/exports', { legalOrderId: id });
    expect(out.status, out.text).toBe(201);
    return out.body.id as string;
  };
  const noticesOf = async (exportId: string, by: TestClient) =>
    (await by.get('/v1/notices?limit=100')).body.items.filter((n: { exportId?: string }) => n.exportId === exportId);
  const toldToShop = async () => (await desk.shop.get('/v1/notices?limit=100')).body.items.length as number;

  test('tells its subject when a later letter ends the secrecy, and not before', async () => {
    const before = await toldToShop();
    const id = await desk.approve(await someone(), secret);
    const exportId = await execute(id);
    expect(await toldToShop()).toBe(before);
    expect(await noticesOf(exportId, dpo)).toHaveLength(1);
    const end = (by: TestClient, body: object) => by.post(path(id, 'secrecy'), body);
    expectRefusal(
      await end(await vault.client('legal_approver', { actor: 'staff-1' }), { reason: 'x' }),
      403,
      'self_approval',
    );
    expectRefusal(await end(desk.approver, { until: '1400-01-01', reason: 'نامه' }), 422, 'invalid_body', '/until');
    expect((await end(desk.approver, { until: dayFrom(vault, 9), reason: 'نامهٔ ۲۲۰' })).status).toBe(200);
    expect(await toldToShop()).toBe(before);
    expect((await end(desk.approver, { reason: 'نامهٔ ۲۲۱' })).status).toBe(200);
    expect(await toldToShop()).toBe(before + 1);
    expect((await read(id)).secrecy).toMatchObject([{ until: dayFrom(vault, 9) }, { reason: 'نامهٔ ۲۲۱' }]);
    expectRefusal(await end(desk.approver, { reason: 'نامهٔ ۲۲۲' }), 409, 'conflict');
  });

  test('A15: an order may say that its subject is told, or is not', async () => {
    const before = await toldToShop();
    await execute(await desk.approve(await someone(), { notifySubject: false }));
    expect(await toldToShop()).toBe(before);
    await execute(await desk.approve(await someone(), { notifySubject: true }));
    expect(await toldToShop()).toBe(before + 1);
  });
});

test('every step of an order tells those whom it concerns', async () => {
  const kindsOf = async (by: TestClient, id: string) =>
    (await by.get('/v1/events?state=all&limit=100')).body.items
      .filter((e: { object: { id: string } }) => e.object.id === id)
      .map((e: { kind: string }) => e.kind);
  const id = await desk.register(await someone());
  expect(await kindsOf(desk.approver, id)).toEqual(['legal_order.waiting']);
  await desk.approver.post(path(id, 'approve'));
  expect(await kindsOf(desk.registrar, id)).toEqual(['legal_order.approved']);
  await desk.approver.post(path(id, 'revoke'), { reason: 'لغو' });
  expect(await kindsOf(desk.registrar, id)).toEqual(['legal_order.revoked', 'legal_order.approved']);
  const urgent = await registerOwn('emergency', { ...emergency, validUntil: dayFrom(vault, 0) });
  await desk.approver.post(path(urgent, 'approve'));
  expect((await kindsOf(dpo, urgent)).toSorted()).toEqual(['emergency.approved', 'review.due']);
  expect(vault.logLines.some((line) => line.includes('alarm_raised') && line.includes(urgent))).toBe(true);
});

test('the queue: what waits for an approver', async () => {
  const id = await desk.register(await someone());
  const waiting = async () =>
    (await desk.approver.get('/v1/legal-orders?status=waiting&limit=100')).body.items.map((i: { id: string }) => i.id);
  expect(await waiting()).toContain(id);
  await desk.approver.post(path(id, 'approve'));
  expect(await waiting()).not.toContain(id);
  expectRefusal(await dpo.get('/v1/legal-orders?status=lost'), 422, 'invalid_query', '?status');
});

test('what is only to be kept is disclosed to nobody', async () => {
  const { recipient: _r, deadline: _d, ...body } = orderBody(vault, await someone(), { kind: 'preservation' });
  const made = await desk.registrar.post('/v1/legal-orders', body);
  expect(made.status, made.text).toBe(201);
  expect((await desk.approver.post(path(made.body.id, 'approve'))).status).toBe(200);
  expectRefusal(await desk.registrar.post('/v1/exports', { legalOrderId: made.body.id }), 403, 'ground_not_allowed');
});

// Last: the clock moves on, and with it every token runs out.
test('an emergency approved and not used in time needs another approval', async () => {
  const id = await registerOwn('emergency', { ...emergency, validUntil: dayFrom(vault, 1) });
  await desk.approver.post(path(id, 'approve'));
  vault.advance(31 * 60_000);
  const [registrar, approver] = [await desk.registrar.as('staff-1'), await desk.approver.as('staff-2')];
  expectRefusal(await registrar.post('/v1/exports', { legalOrderId: id }), 403, 'legal_order_not_approved');
  expect((await registrar.get(path(id))).body.status).toBe('approval_expired');
  const queue = (await approver.get('/v1/legal-orders?status=waiting&limit=100')).body.items;
  expect(queue.map((order: { id: string }) => order.id)).toContain(id);
  expect((await approver.post(path(id, 'approve'))).body).toMatchObject({ status: 'approved', approvals: 1 });
  expect((await registrar.post('/v1/exports', { legalOrderId: id })).status, 'control').toBe(201);
});
