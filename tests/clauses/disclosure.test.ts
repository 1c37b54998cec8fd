import { expect } from 'vitest';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { dayFrom, expectRefusal, orderBody, ownGround } from '../http/legalDesk.ts';
import { policyText } from '../support/policyTexts.ts';
import { publish } from '../support/signedRows.ts';
import type { TestClient } from '../support/vault.ts';
import { atDatabase, leavesOf, made, newOrder } from '../support/work.ts';
import { clause, type Stage } from './clause.ts';

/** What may leave to somebody who does not act for the controller, on which ground, and to whom. */

interface Desk {
  readonly registrar: TestClient;
  readonly approver: TestClient;
  readonly third: TestClient;
}

async function deskOf({ client }: Stage): Promise<Desk> {
  return {
    registrar: await client('legal_registrar', 'staff-1'),
    approver: await client('legal_approver', 'staff-2'),
    third: await client('legal_approver', 'staff-3'),
  };
}

/** An order as the contract has it, for items that this policy collects. */
async function production(stage: Stage, changes: Record<string, unknown> = {}) {
  const { id } = await stage.person();
  const scope = {
    ...orderBody(stage.vault, []).scope,
    subjects: [{ customerId: id }],
    fields: ['givenName', 'mobile'],
  };
  return { customerId: id, body: orderBody(stage.vault, [], { scope, ...changes }) };
}

/** The same without a letter, on a ground of the controller's own. */
async function own(stage: Stage, ground: string, changes: Record<string, unknown> = {}) {
  const { customerId, body } = await production(stage);
  return { customerId, body: ownGround(stage.vault, ground, [], { scope: body.scope, ...changes }) };
}

const register = (by: TestClient, body: object) => by.post('/v1/legal-orders', body);
const execute = (by: TestClient, legalOrderId: string) => by.post('/v1/exports', { legalOrderId });

async function approved({ registrar, approver }: Desk, body: object): Promise<string> {
  const { id } = made(await register(registrar, body));
  made(await approver.post(`/v1/legal-orders/${id}/approve`), 200);
  return id;
}

/** No order, not approved, approved by its author: nothing leaves. Approved by a second person: this leaves, once. */
async function gate(stage: Stage, body: object): Promise<any /* oxlint-disable-line typescript/no-explicit-any */> {
  const desk = await deskOf(stage);
  const { registrar, approver } = desk;
  expectRefusal(await registrar.post('/v1/exports'), 403, 'legal_order_required');
  const { id } = made(await register(registrar, body));
  expectRefusal(await execute(registrar, id), 403, 'legal_order_not_approved');
  const alone = await stage.client('legal_approver', 'staff-1');
  expectRefusal(await alone.post(`/v1/legal-orders/${id}/approve`), 403, 'self_approval');
  made(await approver.post(`/v1/legal-orders/${id}/approve`), 200);
  const exported = made(await execute(registrar, id));
  expectRefusal(await execute(registrar, id), 403, 'legal_order_used');
  const { body: given } = await registrar.get(`/v1/exports/${exported.id}/package`);
  return { id, exportId: exported.id, given };
}

/** These grounds open nothing here, however they are written down. */
async function closed(stage: Stage, grounds: readonly string[]): Promise<void> {
  const { registrar } = await deskOf(stage);
  for (const ground of grounds)
    expectRefusal(await register(registrar, (await own(stage, ground)).body), 403, 'ground_not_allowed');
}

async function noticesOf(stage: Stage, customerId: string): Promise<readonly unknown[]> {
  const shop = await stage.client('shop_backend');
  const { items } = made(await shop.get('/v1/notices?state=all&limit=100'), 200);
  return items.filter((notice: { customerId: string }) => notice.customerId === customerId);
}

clause(
  'A15',
  {
    shows: 'without an order of an authority nothing leaves; with one the person is told only where it says so',
    in: ['src/vault/exports.ts', 'src/vault/exportGate.ts', 'src/vault/notices.ts'],
  },
  async (stage) => {
    const quiet = await production(stage);
    await gate(stage, quiet.body);
    expect(await noticesOf(stage, quiet.customerId)).toEqual([]);
    const told = await production(stage, { notifySubject: true });
    await gate(stage, told.body);
    expect(await noticesOf(stage, told.customerId)).toHaveLength(1);
    const { registrar } = await deskOf(stage);
    const lawyers = { ...quiet.body, authority: { ...quiet.body.authority, kind: 'lawyer' } };
    expectRefusal(await register(registrar, lawyers), 403, 'ground_not_allowed');
  },
);

clause(
  'A16',
  {
    shows: 'a disclosure without an order has its reason, its decider, a second person and a later review',
    in: ['src/vault/legalGround.ts', 'src/vault/legalOrderReview.ts'],
  },
  async (stage) => {
    const desk = await deskOf(stage);
    for (const missing of ['reason', 'decider']) {
      const { body } = await own(stage, 'legal_process', { [missing]: undefined });
      const answer = await register(desk.registrar, body);
      expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
        missing === 'decider' ? '/decider/name' : '/reason',
      ]);
    }
    const { body } = await own(stage, 'legal_process');
    const { id } = await gate(stage, body);
    const review = { outcome: 'upheld', reason: 'لازم بود' };
    const path = `/v1/legal-orders/${id}/review`;
    const due = made(await desk.third.get('/v1/legal-orders?review=due&limit=100'), 200).items;
    expect(due.map((order: { id: string }) => order.id)).toContain(id);
    expectRefusal(await desk.approver.post(path, review), 403, 'self_approval');
    made(await desk.third.post(path, review), 200);
    // Control: what rests on an authority’s order has no such review.
    const ordered = await approved(desk, (await production(stage)).body);
    expectRefusal(await desk.third.post(`/v1/legal-orders/${ordered}/review`, review), 409, 'conflict');
  },
);

clause(
  'A17',
  {
    shows: 'legal process is a ground of its own, with its case, and the disclosure carries its order’s id',
    in: ['src/vault/legalGround.ts', 'src/vault/exportRegister.ts'],
  },
  async (stage) => {
    const { registrar } = await deskOf(stage);
    const { case: _, ...without } = (await own(stage, 'legal_process')).body;
    expectRefusal(await register(registrar, without), 422, 'invalid_body', '/case/number');
    const { customerId, body } = await own(stage, 'legal_process');
    const { id, exportId, given } = await gate(stage, body);
    expect(given.order).toMatchObject({ ground: 'legal_process', case: body.case });
    const listed = made(await registrar.get(`/v1/exports/${exportId}`), 200);
    expect(listed.legalOrderId).toBe(id);
    const dpo = await stage.client('dpo', 'staff-9');
    const leaf = (await leavesOf(dpo, `subject=${customerId}`)).find(({ action }) => action === 'exports.create');
    expect(leaf).toMatchObject({ legalOrderId: id, purpose: 'legal' });
  },
);

clause(
  'A18',
  {
    shows:
      'defence of rights names its case and its fields, goes to court, lawyer or police only, and takes two persons',
    in: ['src/vault/legalGround.ts', 'src/vault/legalRecipient.ts'],
  },
  async (stage) => {
    const { registrar } = await deskOf(stage);
    for (const as of ['third_party', 'body', 'issuer', 'named_officer', 'emergency_service']) {
      const { body } = await own(stage, 'defence_of_rights', { recipient: { name: 'شرکت نمونه', title: 'مدیر', as } });
      expectRefusal(await register(registrar, body), 422, 'invalid_body', '/recipient/as');
    }
    const { case: _, ...without } = (await own(stage, 'defence_of_rights')).body;
    expectRefusal(await register(registrar, without), 422, 'invalid_body', '/case/number');
    const { body } = await own(stage, 'defence_of_rights');
    const scope = { ...body.scope, fields: [] };
    expectRefusal(await register(registrar, { ...body, scope }), 422, 'invalid_body', '/scope/fields');
    for (const as of ['court', 'lawyer', 'police']) {
      const { given } = await gate(stage, { ...body, recipient: { name: 'گیرنده', as }, case: { number: `د/${as}` } });
      expect(Object.keys(given.persons[0].fields).toSorted()).toEqual(['givenName', 'mobile']);
    }
  },
);

clause(
  'C12',
  {
    shows: 'only under a law with its article AND an order; no other ground, no courier and no payment firm',
    in: ['src/vault/legalGround.ts', 'src/vault/exportGate.ts', 'src/vault/shipments.ts'],
  },
  async (stage) => {
    const desk = await deskOf(stage);
    const { body } = await production(stage);
    for (const [name, value] of [
      ['/basis/law', { basis: undefined }],
      ['/basis/article', { basis: { law: 'قانون آیین دادرسی کیفری' } }],
    ] as const)
      expectRefusal(await register(desk.registrar, { ...body, ...value }), 422, 'invalid_body', name);
    const { letter: _l, authority: _a, ...lawAlone } = body;
    expect((await register(desk.registrar, { ...lawAlone, kind: 'statutory_duty' })).body.code).toBe(
      'ground_not_allowed',
    );
    await closed(stage, ['legal_process', 'legal_pursuit', 'defence_of_rights', 'emergency', 'consent']);
    const shop = await stage.client('shop_backend');
    const order = await newOrder(shop, await stage.person());
    const parcel = await shop.post(`/v1/orders/${order}/shipments`, { courierClientId: shop.id });
    expectRefusal(parcel, 403, 'not_permitted', '/courierClientId');
    for (const role of ['courier', 'payment_processor']) {
      const admin = await stage.vault.admin.as(undefined);
      expect((await admin.post('/v1/clients', { name: role, role, authMethod: 'client_secret' })).status).toBe(422);
    }
    const { given } = await gate(stage, body);
    expect(given.records).toBe(1);
  },
);

clause(
  'D18',
  {
    shows: 'pursuit is for legal staff alone, for a case, and keeps the data from being erased',
    in: ['src/vault/legalGround.ts', 'src/vault/holds.ts', 'src/vault/erasure.ts'],
  },
  async (stage) => {
    const { registrar, approver } = await deskOf(stage);
    const shop = await stage.client('shop_backend');
    const pursuit = { kind: 'preservation', validUntil: dayFrom(stage.vault, 200) };
    const { customerId, body } = await own(stage, 'legal_pursuit', pursuit);
    for (const role of ['shop_backend', 'support', 'accounting', 'dpo'])
      expect((await register(await stage.client(role, 'staff-8'), body)).status, role).toBe(403);
    const { case: _, ...without } = body;
    expectRefusal(await register(registrar, without), 422, 'invalid_body', '/case/number');
    const free = await stage.person();
    const { id } = made(await register(registrar, body));
    made(await approver.post(`/v1/legal-orders/${id}/approve`), 200);
    const kept = async (customer: string) => {
      const asked = { customerId: customer, kind: 'erase', asker: 'subject', checked: 'call_back' };
      const request = made(await shop.post('/v1/requests', asked));
      const dpo = await stage.client('dpo', 'staff-9');
      made(await dpo.post(`/v1/requests/${request.id}/decide`, { outcome: 'done' }), 200);
      await sweepErasures(stage.vault.vault);
      const sql = 'select data_key is not null as there from amanat.customers where id = $1';
      return (await atDatabase<{ there: boolean }>(stage.vault, sql, [customer]))[0]?.there;
    };
    expect(await kept(customerId)).toBe(true);
    expect(await kept(free.id), 'control').toBe(false);
    // To a court it goes under the same ground.
    const { given } = await gate(stage, (await own(stage, 'legal_pursuit')).body);
    expect(given.order).toMatchObject({ ground: 'legal_pursuit' });
  },
);

clause(
  'D21',
  {
    shows: 'under a compelling order, to the authority that gave it or the officer it names, and to nobody else',
    in: ['src/vault/legalRecipient.ts', 'src/vault/legalGround.ts', 'src/vault/exportGate.ts'],
  },
  async (stage) => {
    const { registrar } = await deskOf(stage);
    const { body } = await production(stage);
    for (const as of ['third_party', 'lawyer', 'body', 'police']) {
      const recipient = { name: 'شرکت نمونه', title: 'مدیر', as };
      expectRefusal(await register(registrar, { ...body, recipient }), 422, 'invalid_body', '/recipient/as');
    }
    const stranger = { name: 'کس دیگری', as: 'issuer' };
    expectRefusal(await register(registrar, { ...body, recipient: stranger }), 422, 'invalid_body', '/recipient/name');
    await closed(stage, ['legal_process', 'defence_of_rights', 'emergency', 'consent']);
    const { given } = await gate(stage, body);
    expect(given.order.recipient).toMatchObject({ name: body.authority.officialName, as: 'issuer' });
    const shop = await stage.client('shop_backend');
    const order = await newOrder(shop, await stage.person());
    expectRefusal(
      await shop.post(`/v1/orders/${order}/shipments`, { courierClientId: shop.id }),
      403,
      'not_permitted',
      '/courierClientId',
    );
  },
);

clause(
  'E15',
  {
    shows: 'an order of a judicial or of a competent administrative authority, on record, and no other letter',
    in: ['src/vault/legalGround.ts', 'src/vault/legalOrderCheck.ts'],
  },
  async (stage) => {
    const { registrar } = await deskOf(stage);
    const { body } = await production(stage);
    for (const name of ['letter', 'authority'])
      expect((await register(registrar, { ...body, [name]: undefined })).status, name).toBe(422);
    for (const kind of ['lawyer', 'foreign', 'none'])
      expectRefusal(
        await register(registrar, { ...body, authority: { ...body.authority, kind } }),
        403,
        'ground_not_allowed',
      );
    const { given } = await gate(stage, body);
    expect(given.order).toMatchObject({ ground: 'judicial_order', authority: { kind: 'judicial' } });
    const office = {
      ...(await production(stage)).body,
      kind: 'administrative_request',
      authority: { kind: 'administrative', name: 'سازمان امور مالیاتی' },
      recipient: { name: 'سازمان امور مالیاتی' },
    };
    expectRefusal(await register(registrar, { ...office, basis: undefined }), 422, 'invalid_body', '/basis/law');
    expect((await gate(stage, office)).given.order).toMatchObject({ ground: 'administrative_order' });
  },
);

clause(
  'E16',
  {
    shows: 'a duty under a statute names law, article and the body that it serves, and rests on no letter',
    in: ['src/vault/legalGround.ts', 'src/vault/legalRecipient.ts'],
  },
  async (stage) => {
    const { registrar } = await deskOf(stage);
    const { case: _c, decider: _d, reason: _r, ...rest } = (await own(stage, 'statute')).body;
    const basis = { law: 'قانون پایانه‌های فروشگاهی', article: '۵' };
    const statute = { ...rest, kind: 'statutory_duty', basis, recipient: { name: 'سازمان امور مالیاتی' } };
    for (const [changes, place] of [
      [{ basis: undefined }, '/basis/law'],
      [{ basis: { law: basis.law } }, '/basis/article'],
      [{ recipient: undefined }, '/recipient/name'],
      [{ recipient: { name: 'وکیل', as: 'lawyer' } }, '/recipient/as'],
    ] as const)
      expectRefusal(await register(registrar, { ...statute, ...changes }), 422, 'invalid_body', place);
    const { given } = await gate(stage, statute);
    expect(given.order).toMatchObject({ ground: 'statute', recipient: { as: 'body' } });
    expect(given.order.authority).toBeUndefined();
  },
);

clause(
  'E17',
  {
    shows:
      'defence and emergency are closed until a version opens them; then they take a reason, two persons, a review',
    in: ['src/vault/legalGround.ts', 'src/vault/legalOrderReview.ts', 'src/policy/profile.ts'],
  },
  async (stage) => {
    await closed(stage, ['defence_of_rights', 'emergency']);
    // A tenant of its own, for its policy moves on.
    const { vault } = stage;
    const side = await vault.secondTenant('kalak');
    const open = { '/grounds/defence_of_rights/allowed': true, '/grounds/emergency/allowed': true };
    await publish(vault.vault, side.tenantId, 2, policyText(open));
    await vault.vault.watch.lookAnew();
    const [shop, registrar, approver, third] = [
      await side.client('shop_backend'),
      await side.client('legal_registrar', { actor: 'staff-1' }),
      await side.client('legal_approver', { actor: 'staff-2' }),
      await side.client('legal_approver', { actor: 'staff-3' }),
    ];
    for (const [ground, recipient] of [
      ['defence_of_rights', { name: 'دادگاه عمومی تهران', as: 'court' }],
      ['emergency', { name: 'اورژانس تهران', as: 'emergency_service' }],
    ] as const) {
      const { id } = made(await shop.post('/v1/customers', stage.people.naturalCustomer()));
      const body = ownGround(vault, ground, [{ customerId: id }], { recipient, validUntil: dayFrom(vault, 0) });
      expectRefusal(await register(registrar, { ...body, reason: undefined }), 422, 'invalid_body', '/reason');
      const order = made(await register(registrar, body));
      expectRefusal(await execute(registrar, order.id), 403, 'legal_order_not_approved');
      made(await approver.post(`/v1/legal-orders/${order.id}/approve`), 200);
      made(await execute(registrar, order.id));
      const review = { outcome: 'upheld', reason: 'لازم بود' };
      expectRefusal(await approver.post(`/v1/legal-orders/${order.id}/review`, review), 403, 'self_approval');
      made(await third.post(`/v1/legal-orders/${order.id}/review`, review), 200);
    }
  },
);
