import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { sweepRetention } from '../../src/vault/retention.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, subjectOf } from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

/** ito: read for quality without whose it is, or to answer the person (B5); a survey asks for no name (B8). */
let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
const people = synthetic(514);

beforeAll(async () => {
  vault = await startVault({ profile: 'ito' });
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-3' });
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

async function person(): Promise<string> {
  const { fields, phones } = people.naturalCustomer();
  const { givenName, familyName, email } = fields;
  const sent = { kind: 'natural', source: 'web', fields: { givenName, familyName, email }, phones, addresses: [] };
  return made(await shop.post('/v1/customers', sent)).id;
}
const survey = {
  kind: 'survey',
  survey: 'delivery-1404',
  answers: [{ question: 'از تحویل راضی بودید؟', answer: 'بله' }],
};
const give = async (by: TestClient, more: object = {}) =>
  made(await by.post('/v1/feedback', { ...survey, ...more })).id as string;
const read = async (by: TestClient, id: string) => made(await by.get(`/v1/feedback/${id}`), 200);

test('is read for the purpose of the policy, with whose it is only where that belongs to it', async () => {
  const customer = await person();
  const subject = await subjectOf(vault, shop, customer);
  const id = await give(subject, { customerId: customer });
  expect(await read(shop, id)).toMatchObject({ survey: 'delivery-1404', answers: survey.answers });
  expect((await read(shop, id)).customerId, 'for quality').toBeUndefined();
  expect((await read(support, id)).customerId, 'to answer').toBe(customer);
  expect(await read(subject, id)).toMatchObject({ answers: survey.answers });
  expectRefusal(await dpo.get(`/v1/feedback/${id}`), 403, 'not_permitted');
  const other = await subjectOf(vault, shop, await person());
  expect((await other.get(`/v1/feedback/${id}`)).status).toBe(404);
  expect(made(await other.get('/v1/feedback'), 200).items).toEqual([]);
  expect(made(await subject.get('/v1/feedback'), 200).items.map((item: { id: string }) => item.id)).toEqual([id]);
  expectRefusal(
    await other.post('/v1/feedback', { ...survey, customerId: customer }),
    422,
    'invalid_body',
    '/customerId',
  );
  const leaves = await leavesOf(dpo, `subject=${customer}`);
  expect(JSON.stringify(leaves), 'no leaf joins the two').not.toContain(id);
  expect(leaves.map(({ action }) => action)).toContain('feedback.create');
});

test('an answer without a subject is valid, and needs its survey and something said', async () => {
  const id = await give(shop);
  expect(await read(support, id)).not.toHaveProperty('customerId');
  expectRefusal(await shop.post('/v1/feedback', { kind: 'survey', text: 'x' }), 422, 'invalid_body', '/survey');
  expectRefusal(await shop.post('/v1/feedback', { kind: 'opinion' }), 422, 'field_required', '/text');
  expectRefusal(
    await shop.post('/v1/feedback', { kind: 'opinion', text: 'x', survey: 'a' }),
    422,
    'invalid_body',
    '/survey',
  );
  expect(made(await shop.post('/v1/feedback', { kind: 'opinion', text: 'سایت کند است' })).kind).toBe('opinion');
  const found = made(await shop.get('/v1/feedback?survey=delivery-1404'), 200).items;
  expect(found.every((item: { survey: string }) => item.survey === 'delivery-1404')).toBe(true);
  const [row] = await atDatabase<{ all: string }>(vault, 'select f::text as all from amanat.feedback f where id = $1', [
    id,
  ]);
  expect(row?.all).not.toContain(Buffer.from('راضی').toString('hex'));
});

test('goes with its person, and what somebody gave to another is believed by nobody', async () => {
  const [leaving, other] = [await person(), await person()];
  const [gone, moved] = [await give(shop, { customerId: leaving }), await give(shop, { customerId: other })];
  const asked = { customerId: leaving, kind: 'erase', asker: 'subject', checked: 'call_back' };
  const request = made(await shop.post('/v1/requests', asked)).id;
  made(await dpo.post(`/v1/requests/${request}/decide`, { outcome: 'done' }), 200);
  expect((await support.get(`/v1/feedback/${gone}`)).status).toBe(404);
  await sweepErasures(vault.vault);
  const [row] = await atDatabase(vault, 'select data_key, sealed from amanat.feedback where id = $1', [gone]);
  expect(row).toEqual({ data_key: null, sealed: null });
  await atDatabase(vault, 'update amanat.feedback set customer_id = $2 where id = $1', [moved, await person()]);
  expect((await support.get(`/v1/feedback/${moved}`)).body.code).toBe('integrity_failure');
});

test('after twelve months it is nobody’s: what was said stays, and no leaf says whose it was', async () => {
  const customer = await person();
  const id = await give(shop, { customerId: customer });
  vault.advance(366 * day);
  [shop, support, dpo] = [await shop.as(undefined), await support.as('staff-3'), await dpo.as('staff-9')];
  expect(await read(support, id), 'swept or not').not.toHaveProperty('customerId');
  expect((await (await subjectOf(vault, shop, customer)).get(`/v1/feedback/${id}`)).status).toBe(404);
  const swept = await sweepRetention(vault.vault, vault.vault.watch.policy(vault.tenantId), vault.tenantId);
  expect(swept.find(({ action }) => action === 'feedback.detach')?.done).toBeGreaterThan(0);
  const [row] = await atDatabase(vault, 'select customer_id from amanat.feedback where id = $1', [id]);
  expect(row).toEqual({ customer_id: null });
  expect(await read(support, id)).toMatchObject({ answers: survey.answers });
  expect(JSON.stringify(await leavesOf(dpo, `subject=${customer}`))).not.toContain(id);
});
