import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { made, newPerson, subjectOf } from '../support/work.ts';

/** A stored answer is for whoever it was given to: a client's key is not a way to what another person of that client was told. */

let vault: TestVault;
let shop: TestClient;
const people = synthetic(741);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
});
afterAll(() => vault.stop());

async function subject(): Promise<{ readonly id: string; readonly token: TestClient }> {
  const { id } = await newPerson(shop, people.naturalCustomer());
  return { id, token: await subjectOf(vault, shop, id) };
}

let keys = 0;
const newKey = () => ({ 'idempotency-key': `replay-${(keys += 1)}` });

describe('two persons by their own tokens, which one client asked for', () => {
  test('with one key and one body are two requests', async () => {
    const [one, other] = [await subject(), await subject()];
    const key = newKey();
    const said = { kind: 'opinion', text: 'خوب بود' };
    const first = made(await one.token.post('/v1/feedback', said, key));
    expect(
      made(await one.token.post('/v1/feedback', said, key)).id,
      'control: the same person gets the first answer',
    ).toBe(first.id);
    expect(made(await other.token.post('/v1/feedback', said, key)).id).not.toBe(first.id);
  });

  test('one does not get the answer to the other’s step, whatever the key', async () => {
    const [one, other] = [await subject(), await subject()];
    const { id } = made(await one.token.post('/v1/requests', { customerId: one.id, kind: 'erase' }));
    const path = `/v1/requests/${id}/withdraw`;
    const key = newKey();
    made(await one.token.post(path, {}, key), 200);
    expect((await other.token.post(path, {}, key)).status).toBe(404);
    expect((await one.token.post(path, {}, key)).status, 'control').toBe(200);
  });

  test('nor what the client itself was answered', async () => {
    const [one, other] = [await subject(), await subject()];
    const key = newKey();
    const body = { customerId: one.id, text: 'کی می‌رسد؟' };
    made(await shop.post('/v1/inquiries', body, key));
    expect((await other.token.post('/v1/inquiries', body, key)).status).toBe(422);
    expect(made(await shop.post('/v1/inquiries', body, key)).customerId, 'control').toBe(one.id);
  });
});

describe('a search that was answered before', () => {
  test('finds nobody by its key who has gone since', async () => {
    const support = await vault.client('support', { actor: 'staff-1' });
    const [sent, again] = [people.naturalCustomer(), people.naturalCustomer()];
    const landline = { kind: 'landline', number: '02188001122' } as const;
    const ids = [];
    for (const person of [sent, again])
      ids.push((await newPerson(shop, { ...person, phones: [...person.phones.slice(0, 1), landline] })).id);
    const search = { by: 'landline', value: landline.number };
    const key = newKey();
    const found = async () =>
      made(await shop.post('/v1/customers/search', search, key), 200).matches.map((match: { id: string }) => match.id);
    const before: string[] = await found();
    expect(before.toSorted(), 'control: both share it').toEqual(ids.toSorted());
    // Whoever stands second in the answer.
    const [stays = '', leaves = ''] = before;
    const owner = await subjectOf(vault, shop, leaves);
    const { id } = made(await owner.post('/v1/requests', { customerId: leaves, kind: 'erase' }));
    made(await support.post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
    expect(await found()).toEqual([stays]);
  });
});
