import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, newPerson, subjectOf, type Person } from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

/** Many customers in one request: each as it would be read by itself. */

const people = synthetic(6_701);
const unknownId = '0199a9b0-0000-7000-8000-00000000abcd';
let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
let persons: readonly Person[];
let grants: readonly string[];

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-7' });
  dpo = await vault.client('dpo');
  persons = await Promise.all(Array.from({ length: 4 }, () => newPerson(shop, people.naturalCustomer())));
  grants = await Promise.all(persons.map(({ id }) => ticket(id)));
});
afterAll(() => vault.stop());

async function ticket(customerId: string, terms: object = {}): Promise<string> {
  const closesAt = new Date(vault.vault.now() + day).toISOString();
  const grant = { kind: 'ticket', customerId, grantee: { role: 'support' }, closesAt, ...terms };
  return made(await shop.post('/v1/grants', grant)).id;
}

const path = '/v1/customers/batch-read';
const read = (customers: readonly object[], rest: object = {}, by = support) => by.post(path, { customers, ...rest });
const id = (n: number): string => persons[n]?.id ?? '';

describe('a batch read', () => {
  test('answers each in order, exactly as it is answered by itself: under its own grant, or in masks', async () => {
    const asked = [{ id: id(2), grant: grants[2] }, { id: id(0) }, { id: id(1), grant: grants[0] }];
    const { results } = made(await read(asked), 200);
    const alone = await Promise.all(
      asked.map((item) =>
        support.get(`/v1/customers/${item.id}${item.grant === undefined ? '' : `?grant=${item.grant}`}`),
      ),
    );
    expect(results).toEqual(alone.map(({ body }) => ({ status: 200, customer: body })));
    const states = results.map(
      (r: { customer: { fields: { givenName: { state: string } } } }) => r.customer.fields.givenName.state,
    );
    expect(states, 'control: own grant, none, another’s').toEqual(['full', 'masked', 'masked']);
  });

  test('of certain fields: those and no others; an unknown one is named by its place', async () => {
    const { results } = made(await read([{ id: id(0), grant: grants[0] }], { fields: ['givenName', 'phones'] }), 200);
    expect(Object.keys(results[0].customer.fields)).toEqual(['givenName']);
    expect(results[0].customer.phones.length).toBeGreaterThan(0);
    expect(results[0].customer.addresses).toEqual([]);
    expectRefusal(await read([{ id: id(0) }], { fields: ['givenName', 'shoeSize'] }), 422, 'invalid_body', '/fields/1');
  });

  test('leaves a leaf for each before it answers, of the same form as a single read’s; refusals too', async () => {
    const before = (await leavesOf(dpo, `client=${support.id}`)).length;
    const answer = await read([{ id: id(3), grant: grants[3] }, { id: unknownId }, { id: id(0) }]);
    const requestId = answer.headers.get('x-request-id');
    const leaves = (await leavesOf(dpo, `client=${support.id}`)).filter((leaf) => leaf.requestId === requestId);
    const told = leaves.map(({ subjectId, outcome, rule }) => [subjectId, outcome, rule === 'not_found'].join(' '));
    expect(told.toSorted((a, b) => a.localeCompare(b))).toEqual(
      [`${id(3)} allowed false`, `${unknownId} refused true`, `${id(0)} allowed false`].toSorted((a, b) =>
        a.localeCompare(b),
      ),
    );
    expect((await leavesOf(dpo, `client=${support.id}`)).length).toBe(before + 3);
    expect(leaves.find((leaf) => leaf.subjectId === id(3))?.grantId).toBe(grants[3]);
  });

  test('an unknown, a foreign and an erased one are one and the same; the others are answered', async () => {
    const theirs = await vault.secondTenant();
    const foreign = await newPerson(await theirs.client('shop_backend'), people.naturalCustomer());
    const gone = await newPerson(shop, people.naturalCustomer());
    await atDatabase(
      vault,
      `update amanat.customers set status = 'erased', data_key = null, sealed = null where id = $1`,
      [gone.id],
    );
    const { results } = made(await read([{ id: unknownId }, { id: gone.id }, { id: foreign.id }, { id: id(1) }]), 200);
    expect(results[0]).toEqual({ status: 404, code: 'not_found', errors: [] });
    expect([results[1], results[2]]).toEqual([results[0], results[0]]);
    expect(results[3].status).toBe(200);
  });

  test('counts each read of a grant that has so many; the last one is the last', async () => {
    const grant = await ticket(id(0), { maxReads: 2 });
    const { results } = made(await read(Array.from({ length: 5 }, () => ({ id: id(0), grant }))), 200);
    const full = results.filter(
      (r: { customer: { fields: { givenName: { state: string } } } }) => r.customer.fields.givenName.state === 'full',
    );
    expect(full).toHaveLength(2);
  });

  test('a person’s own token reads that person and nobody else', async () => {
    const own = await subjectOf(vault, shop, id(0));
    const { results } = made(await read([{ id: id(0) }, { id: id(1) }], {}, own), 200);
    expect(results.map((r: { status: number }) => r.status)).toEqual([200, 404]);
  });

  test('is stored nowhere: the same Idempotency-Key reads again, by the rules of the moment', async () => {
    const grant = await ticket(id(1));
    const once = () => support.post(path, { customers: [{ id: id(1), grant }] }, { 'idempotency-key': 'again-1' });
    expect(made(await once(), 200).results[0].customer.fields.givenName.state).toBe('full');
    made(await shop.post(`/v1/grants/${grant}/close`, {}), 200);
    expect(made(await once(), 200).results[0].customer.fields.givenName.state).toBe('masked');
  });

  test('is of one to a hundred', async () => {
    const many = (n: number) =>
      read(
        Array.from({ length: n }, () => ({ id: id(0) })),
        { fields: ['givenName'] },
      );
    expect(made(await many(100), 200).results).toHaveLength(100);
    expectRefusal(await many(101), 422, 'invalid_body', '/customers');
    expectRefusal(await many(0), 422, 'invalid_body', '/customers');
    expectRefusal(await read([{ id: 'nobody' }]), 422, 'invalid_body', '/customers/0/id');
  });

  test('shows nobody when the leaves cannot be written', async () => {
    await atDatabase(vault, 'revoke insert on amanat.audit_leaves from amanat_service');
    try {
      const answer = await read([{ id: id(0), grant: grants[0] }, { id: id(1) }]);
      expect([answer.status, answer.body.code]).toEqual([503, 'audit_unavailable']);
      expect(answer.text).not.toContain(persons[0]?.sent.fields['givenName']);
    } finally {
      await atDatabase(vault, 'grant insert on amanat.audit_leaves to amanat_service');
    }
    expect((await read([{ id: id(0) }])).status, 'control').toBe(200);
  });
});
