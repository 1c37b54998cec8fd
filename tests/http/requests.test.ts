import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { verifyReceipt } from '../../src/crypto/signature.ts';
import { raiseDueEvents } from '../../src/vault/dueEvents.ts';
import { checkProof } from '../../src/cli/receiptProof.ts';
import { checkpointKey } from '../../src/crypto/checkpoint.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  day,
  leavesOf,
  made,
  newOrder,
  newParcel,
  newPerson,
  subjectOf,
  type Person,
} from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
let courier: TestClient;
let accounting: TestClient;
const people = synthetic(411);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-3' });
  dpo = await vault.client('dpo', { actor: 'staff-9' });
  courier = await vault.client('courier');
  accounting = await vault.client('accounting');
});
afterAll(() => vault.stop());

const person = () => newPerson(shop, people.naturalCustomer());
const sweep = () => sweepErasures(vault.vault);
const onBehalf = { asker: 'subject', checked: 'call_back' };
const ask = async (by: TestClient, { id }: Pick<Person, 'id'>, kind: string, more: object = onBehalf) =>
  made(await by.post('/v1/requests', { customerId: id, kind, ...more }));
const decide = (by: TestClient, id: string, body: object = { outcome: 'done' }) =>
  by.post(`/v1/requests/${id}/decide`, body);
const read = async (id: string, by = support) => made(await by.get(`/v1/requests/${id}`), 200);

/** The payload of a certificate that the vault's export key has signed. */
async function certificateOf(id: string): Promise<any> /* oxlint-disable-line */ {
  const { certificate } = made(await shop.get(`/v1/requests/${id}/certificate`), 200);
  return verifyReceipt(createPublicKey(vault.vault.keys.exportSigning.privateKey), certificate);
}

describe('the register', () => {
  test('a person asks by their own token, and for nobody else', async () => {
    const [one, other] = [await person(), await person()];
    const subject = await subjectOf(vault, shop, one.id);
    const asked = await ask(subject, one, 'correct', { note: 'نام خانوادگی اشتباه است' });
    expect(asked).toMatchObject({ state: 'open', stateText: 'در دست بررسی' });
    expect(asked.asked).toMatchObject({ role: 'subject', asker: 'subject', checked: 'token' });
    expect(Date.parse(asked.dueAt) - Date.parse(asked.asked.at)).toBe(30 * day);
    expect((await read(asked.id)).note).toBe('نام خانوادگی اشتباه است');
    const body = { customerId: other.id, kind: 'erase' };
    expectRefusal(await subject.post('/v1/requests', body), 422, 'invalid_body', '/customerId');
    const theirs = await ask(shop, other, 'correct');
    expect((await subject.get(`/v1/requests/${theirs.id}`)).status).toBe(404);
    expect(made(await subject.get('/v1/requests'), 200).items.map((r: { id: string }) => r.id)).toEqual([asked.id]);
    expect(made(await subject.get(`/v1/requests?customerId=${other.id}`), 200).items).toEqual([]);
    const event = made(await support.get('/v1/events'), 200).items.find(
      (e: { object: { id: string } }) => e.object.id === asked.id,
    );
    expect(event).toMatchObject({ kind: 'request.opened', customerId: one.id });
  });

  test('on behalf: who asked and how it was made sure', async () => {
    const { id } = await person();
    const body = { customerId: id, kind: 'erase' };
    expectRefusal(await support.post('/v1/requests', body), 422, 'field_required', '/asker');
    expectRefusal(await support.post('/v1/requests', { ...body, asker: 'heir' }), 422, 'field_required', '/checked');
    const unsure = { ...body, asker: 'heir', checked: 'none' };
    expectRefusal(await support.post('/v1/requests', unsure), 422, 'invalid_body', '/checked');
    const objection = { ...body, ...onBehalf, kind: 'object' };
    expectRefusal(await support.post('/v1/requests', objection), 422, 'field_required', '/purpose');
    expectRefusal(
      await support.post('/v1/requests', { ...objection, purpose: 'spying' }),
      422,
      'invalid_body',
      '/purpose',
    );
    made(await support.post('/v1/requests', { ...body, ...onBehalf }));
    expectRefusal(await shop.post('/v1/requests', { ...body, ...onBehalf }), 409, 'conflict');
  });

  test('is decided by another person, with a legal reason and the clauses it rests on', async () => {
    const asked = await ask(support, await person(), 'erase');
    expectRefusal(await decide(support, asked.id), 403, 'self_approval');
    const again = await vault.client('support', { actor: 'STAFF-3' });
    expectRefusal(await decide(again, asked.id), 403, 'self_approval');
    expectRefusal(await decide(dpo, asked.id, { outcome: 'refused' }), 422, 'field_required', '/reason');
    const refusal = { outcome: 'refused', reason: 'needed_for_contract' };
    expectRefusal(await decide(dpo, asked.id, refusal), 422, 'field_required', '/clauses');
    expectRefusal(
      await decide(dpo, asked.id, { ...refusal, clauses: ['E23', 'A1'] }),
      422,
      'invalid_body',
      '/clauses/1',
    );
    expectRefusal(
      await decide(dpo, asked.id, { ...refusal, outcome: 'partly', clauses: ['E23'] }),
      422,
      'invalid_body',
    );
    const answer = made(await decide(dpo, asked.id, { ...refusal, clauses: ['E23'], why: 'مرسوله در راه است' }), 200);
    expect(answer).toMatchObject({
      state: 'refused',
      reason: { code: 'needed_for_contract', clauses: ['E23'] },
      decided: { actor: 'staff-9' },
    });
    expect((await read(asked.id)).why).toBe('مرسوله در راه است');
    expectRefusal(await decide(dpo, asked.id), 409, 'conflict', '', 'decided');
    const leaves = await leavesOf(dpo, `subject=${asked.customerId}`);
    expect(leaves.map((leaf) => leaf.rule)).toEqual(expect.arrayContaining(['rights.erase', 'rights.erase.refused']));
    const told = made(await shop.get('/v1/events'), 200).items.map((e: { object: { id: string } }) => e.object.id);
    expect(told).toContain(asked.id);
  });

  test('deactivation: no ordinary read, no order; the rights stay', async () => {
    const { id } = await person();
    const asked = await ask(shop, { id }, 'deactivate', { asker: 'shop', checked: 'none' });
    expect(made(await decide(dpo, asked.id), 200).state).toBe('done');
    expect((await shop.get(`/v1/customers/${id}`)).status).toBe(404);
    const subject = await subjectOf(vault, shop, id);
    expect((await subject.get(`/v1/customers/${id}`)).status).toBe(404);
    expect((await ask(subject, { id }, 'erase', {})).state).toBe('open');
  });

  test('a request that somebody rewrote in its table is believed by nobody', async () => {
    const asked = await ask(support, await person(), 'erase');
    await atDatabase(vault, `update amanat.requests set asked_by = $2, asked_actor = 'staff-8' where id = $1`, [
      asked.id,
      shop.id,
    ]);
    expect((await decide(support, asked.id)).body.code).toBe('integrity_failure');
    expect((await support.get(`/v1/requests?customerId=${asked.customerId}`)).body.items).toEqual([]);
  });
});

describe('a request that nobody decides', () => {
  test('is overdue on its day, once, and listed as such; one that was granted is not, whatever keeps it open', async () => {
    const [late, granted] = [await ask(shop, await person(), 'correct'), await ask(shop, await person(), 'erase')];
    made(await decide(dpo, granted.id), 200);
    const overdue = async () => made(await dpo.get('/v1/requests?overdue=true&limit=100'), 200).items;
    expect(await overdue()).toEqual([]);
    vault.advance(30 * day);
    [shop, support, dpo] = [await shop.as(undefined), await support.as('staff-3'), await dpo.as('staff-9')];
    [courier, accounting] = [await courier.as(undefined), await accounting.as(undefined)];
    await raiseDueEvents(vault.vault);
    await raiseDueEvents(vault.vault);
    const listed = new Set((await overdue()).map(({ id }: { id: string }) => id));
    expect([listed.has(late.id), listed.has(granted.id)]).toEqual([true, false]);
    const told = made(await dpo.get('/v1/events?limit=100'), 200).items.filter(
      (event: { kind: string }) => event.kind === 'request.overdue',
    );
    const about = told.map(({ object }: { object: { id: string } }) => object.id);
    expect(about.filter((id: string) => id === late.id)).toHaveLength(1);
    expect(about).not.toContain(granted.id);
    expectRefusal(await dpo.get('/v1/requests?overdue=no'), 422, 'invalid_query', '?overdue');
  });
});

describe('erasure', () => {
  test('the person is out of reach at once, the key goes with the sweep, the answer comes on its day', async () => {
    const sent = people.naturalCustomer();
    const one = await newPerson(shop, sent);
    const order = await newOrder(shop, one);
    const parcel = await newParcel(shop, order, courier);
    expect((await courier.get(`/v1/deliveries/${parcel.id}`)).status, 'control').toBe(200);
    const asked = await ask(shop, one, 'erase');
    expect(made(await decide(dpo, asked.id), 200)).toMatchObject({ state: 'open', stateText: 'در دست بررسی' });
    for (const [by, path] of [
      [shop, `/v1/customers/${one.id}`],
      [shop, `/v1/orders/${order}`],
      [shop, `/v1/shipments/${parcel.id}`],
      [shop, `/v1/grants/${parcel.grantId}`],
      [courier, `/v1/deliveries/${parcel.id}`],
    ] as const)
      expect((await by.get(path)).status, path).toBe(404);
    const found = made(
      await shop.post('/v1/customers/search', { by: 'nationalId', value: sent.fields.nationalId }),
      200,
    );
    expect(found.matches).toEqual([]);
    // The identifiers are free at once, whether or not the key has gone.
    made(await shop.post('/v1/customers', sent));
    const rows = () =>
      atDatabase<{ status: string; empty: boolean }>(
        vault,
        'select status, data_key is null and sealed is null as empty from amanat.customers where id = $1',
        [one.id],
      );
    expect(await rows()).toEqual([{ status: 'leaving', empty: false }]);
    const before = JSON.stringify(await read(asked.id));
    await sweep();
    expect(await rows()).toEqual([{ status: 'erased', empty: true }]);
    expect(JSON.stringify(await read(asked.id)), 'nothing tells that the key went').toBe(before);
    expectRefusal(await shop.get(`/v1/requests/${asked.id}/certificate`), 409, 'conflict', '', 'not_answered');
    vault.advance(30 * day);
    [shop, support, dpo] = [await shop.as(undefined), await support.as('staff-3'), await dpo.as('staff-9')];
    await sweep();
    expect(await read(asked.id)).toMatchObject({ state: 'done', stateText: 'انجام شد' });
    expect(await certificateOf(asked.id)).toMatchObject({
      format: 'amanat-erasure-1',
      requestId: asked.id,
      destroyed: { dataKeys: 2, orders: 1 },
      kept: [],
    });
    const told = made(await shop.get('/v1/events'), 200).items;
    expect(told.map((e: { kind: string }) => e.kind)).toContain('request.closed');
    // The certificate stands in the log, in an entry of the day of the answer.
    expect(made(await dpo.get(`/v1/requests/${asked.id}/certificate`), 200).proof).toBeUndefined();
    await openIntegrator(vault.vault)();
    const { certificate, proof } = made(await dpo.get(`/v1/requests/${asked.id}/certificate`), 200);
    const key = checkpointKey(vault.tenantId, vault.vault.keys.checkpoint[0].publicKey);
    const check = (jws: string, given: unknown): unknown => checkProof(JSON.stringify(given), key, jws, {});
    expect(check(certificate, proof)).toMatchObject({ index: proof.index, size: proof.size });
    const leaf = decodeLeaf(Buffer.from(proof.leaf, 'base64'));
    expect(leaf).toMatchObject({ action: 'requests.close', actor: 'sweep', objectId: asked.id });
    expect(leaf.at).toBeGreaterThanOrEqual(Date.parse((await read(asked.id)).closedAt));
    // Control: another certificate, another entry.
    expect(check(`${certificate}x`, proof)).toBe('another_entry');
    expect(check(certificate, { ...proof, leaf: Buffer.from('x').toString('base64') })).toBe('another_entry');
  });

  test('what the law keeps stays under its own key, and is named by its class', async () => {
    const one = await person();
    const [sold, other] = [await newOrder(shop, one), await newOrder(shop, one)];
    [courier, accounting] = [await courier.as(undefined), await accounting.as(undefined)];
    const parcel = await newParcel(shop, sold, courier);
    made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
    const invoice = made(await shop.post(`/v1/orders/${sold}/invoices`)).id;
    const asked = await ask(shop, one, 'erase');
    made(await decide(dpo, asked.id), 200);
    await sweep();
    const [left] = await atDatabase<{ kept: string[]; gone: string[] }>(
      vault,
      `select array_agg(id) filter (where data_key is not null) as kept,
              array_agg(id) filter (where data_key is null) as gone
         from amanat.orders where customer_id = $1`,
      [one.id],
    );
    expect(left).toEqual({ kept: [sold], gone: [other] });
    expect((await accounting.get(`/v1/invoices/${invoice}`)).body.fields.givenName.value).toBe(
      one.sent.fields['givenName'],
    );
    vault.advance(30 * day);
    [shop, support, dpo] = [await shop.as(undefined), await support.as('staff-3'), await dpo.as('staff-9')];
    await sweep();
    expect(await read(asked.id)).toMatchObject({
      state: 'partly',
      reason: { code: 'kept_by_law', text: 'نگهداری به موجب قانون' },
    });
    const { kept } = await certificateOf(asked.id);
    expect(kept.map((k: { class: string; count: number; text: string }) => [k.class, k.count, k.text])).toEqual(
      expect.arrayContaining([
        ['invoice_snapshot', 1, 'نگهداری به موجب قانون'],
        ['order_shipping', 1, 'نگهداری به موجب قانون'],
      ]),
    );
    expect(JSON.stringify(kept)).not.toContain(one.id);
  });
});
