import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { housekeep } from '../../src/vault/housekeeping.ts';
import { sweepIntegrity } from '../../src/vault/integritySweep.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, hour, leavesOf, made, newPerson, subjectOf } from '../support/work.ts';
import { customerUnder } from '../support/profiles.ts';
import { shipped } from '../unit/policy/shipped.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
const people = synthetic(6022);

beforeAll(async () => {
  vault = await startVault({ profile: 'khakriz' });
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-7' });
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

const person = (more: object = {}) =>
  newPerson(shop, { ...customerUnder(shipped.khakriz, people.naturalCustomer()), ...more });
const pathOf = (id: string) => `/v1/customers/${id}/contact-points`;
const pointsOf = async (id: string, who: TestClient = support) => made(await who.get(pathOf(id)), 200).items;
const pick = (items: any[] /* oxlint-disable-line typescript/no-explicit-any */, field: string, kind = 'official') =>
  items.filter((item) => item.field === field && item.kind === kind);

const ticketFor = async (customerId: string) =>
  made(
    await shop.post('/v1/grants', {
      kind: 'ticket',
      customerId,
      grantee: { role: 'support' },
      closesAt: new Date(vault.vault.now() + hour).toISOString(),
    }),
  ).id;

describe('official and former contact points (D9)', () => {
  test('one primary of each field; what was replaced is former, and shown to those who may see the field', async () => {
    const { id, sent } = await person();
    const [before] = pick(await pointsOf(id), 'email');
    expect(before).toMatchObject({ id: 'email', primary: true, value: { state: 'masked', reason: 'no_grant' } });
    vault.advance(10_000);
    const email = `neu-${id.slice(-6)}@example.com`;
    made(await shop.patch(`/v1/customers/${id}`, { fields: { email } }, 1), 200);
    const masked = await pointsOf(id);
    expect(pick(masked, 'email')).toHaveLength(1);
    const [former] = pick(masked, 'email', 'former');
    expect(former).toMatchObject({ from: before.from, value: { state: 'masked', reason: 'no_grant' } });
    expect(Date.parse(former.until)).toBeGreaterThanOrEqual(Date.parse(former.from) + 10_000);
    expect(former).not.toHaveProperty('assurance');
    expect(JSON.stringify(masked)).not.toContain(sent.fields['email']);
    const grant = await ticketFor(id);
    const full = made(await support.get(`${pathOf(id)}?grant=${grant}`), 200).items;
    expect(pick(full, 'email')[0].value).toEqual({ state: 'full', value: email });
    expect(pick(full, 'email', 'former')[0].value).toEqual({ state: 'full', value: sent.fields['email'] });
    for (const field of ['email', 'mobile']) expect(pick(full, field).filter((p) => p.primary)).toHaveLength(1);
    const [leaf] = await leavesOf(dpo, `subject=${id}&grant=${grant}`);
    expect(leaf).toMatchObject({ action: 'contact_points.read', full: expect.arrayContaining(['email', 'mobile']) });
    // Nobody is found by it any more.
    const found = made(await shop.post('/v1/customers/search', { by: 'email', value: sent.fields['email'] }), 200);
    expect(found.matches).toEqual([]);
    // A value that comes back is official again, and no former one.
    made(await shop.patch(`/v1/customers/${id}`, { fields: { email: sent.fields['email'] } }, 2), 200);
    const back = made(await support.get(`${pathOf(id)}?grant=${grant}`), 200).items;
    expect(pick(back, 'email', 'former').map(({ value }) => value.value)).toEqual([email]);
  });

  test('the person sees their own in full, and nobody else’s', async () => {
    const [one, other] = [await person(), await person()];
    const own = await subjectOf(vault, shop, one.id);
    expect(pick(await pointsOf(one.id, own), 'email')[0].value).toEqual({
      state: 'full',
      value: one.sent.fields['email'],
    });
    for (const answer of [
      await own.get(pathOf(other.id)),
      await own.post(`${pathOf(other.id)}/confirm`, { contactPoint: 'email' }),
    ])
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
  });

  test('are told of for as long as former states are kept, whether or not a hold keeps them longer', async () => {
    const { id } = await person();
    made(await shop.patch(`/v1/customers/${id}`, { fields: { email: null } }, 1), 200);
    expect(pick(await pointsOf(id), 'email', 'former')).toHaveLength(1);
    const years = shipped.khakriz.retention.access_audit.keep;
    expect(years).toBe('P5Y');
    // The row is there, as it would be under a hold; its time is over.
    await atDatabase(
      vault,
      `update amanat.customer_versions set replaced_at = replaced_at - interval '5 years 1 day' where customer_id = $1`,
      [id],
    );
    expect(pick(await pointsOf(id), 'email', 'former')).toEqual([]);
    await housekeep(vault.vault);
    expect(await atDatabase(vault, `select 1 from amanat.customer_versions where customer_id = $1`, [id])).toEqual([]);
  });
});

describe('assurance (D11)', () => {
  test('entering on the site counts as confirming, with time and who; by telephone it does not', async () => {
    const web = await person();
    const [email] = pick(await pointsOf(web.id), 'email');
    expect(email.assurance).toMatchObject({
      level: 'deemed_confirmed',
      basis: 'entry',
      at: email.from,
      by: { clientId: shop.id, role: 'shop_backend' },
    });
    const phone = await person({ source: 'phone' });
    for (const { assurance } of await pointsOf(phone.id)) expect(assurance).toEqual({ level: 'unconfirmed' });
  });

  test('support confirms only with the reference of a call and a member of staff', async () => {
    const { id } = await person({ source: 'phone' });
    const confirm = (who: TestClient, more: object = {}) =>
      who.post(`${pathOf(id)}/confirm`, { contactPoint: 'email', ...more });
    const bare = await confirm(support);
    expect([bare.status, bare.body.code, bare.body.errors]).toEqual([
      422,
      'field_required',
      [{ pointer: '/callReference', code: 'field_required' }],
    ]);
    const nobody = await (
      await support.as(undefined)
    ).post(`${pathOf(id)}/confirm`, {
      contactPoint: 'email',
      callReference: 'call-1',
    });
    expect([nobody.status, nobody.body.code]).toEqual([403, 'not_permitted']);
    // A member of staff does not pass for the customer by going through the shop.
    expect((await confirm(await shop.as('staff-7'))).status).toBe(422);
    const done = made(await confirm(support, { callReference: 'call-17' }), 200);
    expect(done).toMatchObject({
      contactPoint: 'email',
      assurance: {
        level: 'deemed_confirmed',
        basis: 'confirmation',
        by: { clientId: support.id, role: 'support', actor: 'staff-7' },
        callReference: 'call-17',
      },
    });
    expect(pick(await pointsOf(id, shop), 'email')[0].assurance).not.toHaveProperty('callReference');
    expect(pick(await pointsOf(id, dpo), 'email')[0].assurance.callReference).toBe('call-17');
    const [row] = await atDatabase<{ call_reference: Buffer }>(
      vault,
      `select call_reference from amanat.contact_assurances where customer_id = $1`,
      [id],
    );
    expect(row?.call_reference.includes('call-17')).toBe(false);
    const { keyring, db } = vault.vault;
    expect((await sweepIntegrity(db, keyring, vault.tenantId, undefined, () => undefined)).flaw).toBeUndefined();
  });

  test('the person confirms without one; another value takes it away, and the old value does not bring back another’s', async () => {
    const { id, sent } = await person({ source: 'phone' });
    const own = await subjectOf(vault, shop, id);
    const withCall = await own.post(`${pathOf(id)}/confirm`, { contactPoint: 'email', callReference: 'call-1' });
    expect(withCall.body.errors).toEqual([{ pointer: '/callReference', code: 'not_for_the_person' }]);
    made(await own.post(`${pathOf(id)}/confirm`, { contactPoint: 'email' }), 200);
    const level = async () => pick(await pointsOf(id), 'email')[0].assurance.level;
    expect(await level()).toBe('deemed_confirmed');
    made(await shop.patch(`/v1/customers/${id}`, { source: 'phone', fields: { email: 'x@example.com' } }, 1), 200);
    expect(await level()).toBe('unconfirmed');
    made(await shop.patch(`/v1/customers/${id}`, { fields: { email: sent.fields['email'] } }, 2), 200);
    expect(await level()).toBe('deemed_confirmed');
  });

  test('a point that is none of the customer’s, and a customer who is frozen', async () => {
    const [one, other] = [await person(), await person()];
    const foreign = pick(await pointsOf(other.id), 'mobile')[0].id;
    const wrong = await shop.post(`${pathOf(one.id)}/confirm`, { contactPoint: foreign });
    expect([wrong.status, wrong.body.errors]).toEqual([422, [{ pointer: '/contactPoint', code: 'unknown_id' }]]);
    await atDatabase(vault, `update amanat.customers set edits_frozen = true where id = $1`, [one.id]);
    const frozen = await shop.post(`${pathOf(one.id)}/confirm`, { contactPoint: 'email' });
    expect([frozen.status, frozen.body.code]).toEqual([409, 'conflict']);
    expect(await atDatabase(vault, `select 1 from amanat.contact_assurances where customer_id = $1`, [one.id])).toEqual(
      [],
    );
  });

  test('what somebody writes into the table, or moves to another customer, counts for nothing', async () => {
    const [one, other] = [await person({ source: 'phone' }), await person({ source: 'phone' })];
    for (const { id } of [one, other]) made(await shop.post(`${pathOf(id)}/confirm`, { contactPoint: 'email' }), 200);
    const level = async (id: string) => pick(await pointsOf(id), 'email')[0].assurance.level;
    expect([await level(one.id), await level(other.id)]).toEqual(['deemed_confirmed', 'deemed_confirmed']);
    await atDatabase(vault, `update amanat.contact_assurances set level = 'verified' where customer_id = $1`, [one.id]);
    expect(await level(one.id)).toBe('unconfirmed');
    await atDatabase(
      vault,
      `update amanat.contact_assurances a set value_hash = o.value_hash, level = o.level, mac = o.mac, set_at = o.set_at
         from amanat.contact_assurances o where a.customer_id = $1 and o.customer_id = $2`,
      [one.id, other.id],
    );
    expect([await level(one.id), await level(other.id)]).toEqual(['unconfirmed', 'deemed_confirmed']);
  });
});

test('erasure takes what the contact points were taken for along', async () => {
  const { id } = await person();
  made(await shop.post(`${pathOf(id)}/confirm`, { contactPoint: 'email' }), 200);
  const own = await subjectOf(vault, shop, id);
  const request = made(await own.post('/v1/requests', { customerId: id, kind: 'erase' }));
  made(await dpo.post(`/v1/requests/${request.id}/decide`, { outcome: 'done' }), 200);
  const gone = await support.get(pathOf(id));
  expect([gone.status, gone.body.code]).toEqual([404, 'not_found']);
  vault.advance(day);
  await sweepErasures(vault.vault);
  expect(await atDatabase(vault, `select 1 from amanat.contact_assurances where customer_id = $1`, [id])).toEqual([]);
});
