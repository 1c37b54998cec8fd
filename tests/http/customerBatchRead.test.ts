import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { packRecord, unpackMarked } from '../../src/crypto/container.ts';
import { policyText } from '../support/policyTexts.ts';
import { publish } from '../support/signedRows.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  day,
  leavesOf,
  made,
  newPerson,
  subjectOf,
  type Person,
  type SentPerson,
} from '../support/work.ts';
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

describe('what a read fetches of what is sealed', () => {
  const sealedOf = async (of: string): Promise<Buffer> => {
    const rows = await atDatabase<{ sealed: Buffer }>(vault, 'select sealed from amanat.customers where id = $1', [of]);
    return rows[0]?.sealed ?? Buffer.alloc(0);
  };
  const store = (of: string, sealed: Buffer) =>
    atDatabase(vault, 'update amanat.customers set sealed = $2 where id = $1', [of, sealed]);

  /** The bytes that each of these reads was given, one after the other. */
  async function fetched(...doing: readonly (() => Promise<unknown>)[]): Promise<(Buffer | undefined)[]> {
    const { reads } = vault.vault;
    const given: (Buffer | undefined)[] = [];
    const customer: typeof reads.customer = async (...asked) => {
      const row = await reads.customer(...asked);
      given.push(row?.shown);
      return row;
    };
    Object.assign(vault.vault, { reads: { ...reads, customer } });
    try {
      for (const one of doing) await one();
    } finally {
      Object.assign(vault.vault, { reads });
    }
    return given;
  }

  test('its masks alone where nothing else is shown, and everything where anything is', async () => {
    const of = id(2);
    const sealed = await sealedOf(of);
    const closed = await ticket(of);
    made(await shop.post(`/v1/grants/${closed}/close`, {}), 200);
    const counted = await ticket(of, { maxReads: 9 });
    const own = await subjectOf(vault, shop, of);
    const at = (by: TestClient, rest = '') => by.get(`/v1/customers/${of}${rest}`);
    const [masked, batch, unreferred, ...whole] = await fetched(
      () => at(support),
      () => read([{ id: of }]),
      // The shop's own number is all that the shop sees in full without work.
      () => at(shop, '?fields=givenName,phones'),
      () => at(shop),
      () => at(own),
      () => at(support, `?grant=${grants[2]}`),
      () => at(support, `?grant=${counted}`),
      () => at(support, `?grant=${closed}`),
    );
    expect(masked?.length).toBeLessThan(sealed.length / 2);
    expect(sealed.subarray(0, masked?.length).equals(masked ?? Buffer.alloc(0))).toBe(true);
    expect([batch?.toString('hex'), unreferred?.toString('hex')]).toEqual(Array(2).fill(masked?.toString('hex')));
    expect(whole.map((bytes) => bytes?.equals(sealed))).toEqual(Array(5).fill(true));
    const closesAt = new Date(vault.vault.now() + 60_000).toISOString();
    const later = await ticket(of, { maxReads: 9, closesAt });
    vault.advance(61_000);
    expect((await fetched(() => at(support, `?grant=${later}`)))[0]?.length, 'a grant past its end').toBe(
      masked?.length,
    );
  });

  test('shows the same to the byte from a record with a lead and from one of before there was any', async () => {
    const natural = (): SentPerson & { source: string } => ({ ...people.naturalCustomer(), source: 'web' });
    const { phones, ...bare } = natural();
    const sent: readonly object[] = [
      natural(),
      { ...natural(), source: 'phone' },
      { ...natural(), guest: true },
      { ...bare, phones: phones.slice(0, 1), addresses: [] },
      { ...natural(), phones: [...phones, { kind: 'landline', number: people.landline(), extension: '12' }] },
      people.foreignCustomer(),
      people.legalCustomer(),
    ];
    const ids: string[] = [];
    for (const body of sent) ids.push(made(await shop.post('/v1/customers', body)).id);
    const [several = '', covered = ''] = ids;
    // Of several sources; and of one that nothing is left of.
    const patch = (of: string, version: number, body: object) => shop.patch(`/v1/customers/${of}`, body, version);
    made(await patch(several, 1, { source: 'phone', fields: { familyName: 'نمونه‌زاده' } }), 200);
    const all = natural();
    made(await patch(covered, 1, { source: 'web', fields: all.fields }), 200);
    const seen = () =>
      Promise.all(
        ids.flatMap((of) => [support, dpo, shop].map(async (by) => (await by.get(`/v1/customers/${of}`)).text)),
      );
    const before = await seen();
    const covers = before.map((text) => (JSON.parse(text) as { policyCovers: boolean }).policyCovers);
    expect(new Set(covers), 'control').toEqual(new Set([true, false]));
    const kept = await Promise.all(ids.map(sealedOf));
    for (const [i, sealed] of kept.entries()) {
      const { entries, mark } = unpackMarked(sealed);
      expect(mark).toBe('kalak/1');
      await store(ids[i] ?? '', packRecord(entries));
    }
    expect(await seen()).toEqual(before);
    expect(unpackMarked((await fetched(() => support.get(`/v1/customers/${several}`)))[0]!).mark, 'control').toBe(
      undefined,
    );
    // The next write gives it a lead, and a record that is read whole is edited as it was.
    made(await patch(several, 2, { fields: { familyName: 'دیگری' } }), 200);
    expect(unpackMarked(await sealedOf(several)).mark).toBe('kalak/1');
  });

  test('everything where the masks are of older rules: they are made anew, to the byte as from one without a lead', async () => {
    const of = id(1);
    const before = made(await support.get(`/v1/customers/${of}`), 200);
    const sealed = await sealedOf(of);
    const letters = { kind: 'first_letters', clauses: ['D'], why: 'as a name' };
    const text = policyText({ '/masks/email': letters });
    await publish(vault.vault, vault.tenantId, 2, text, 'kalak');
    await vault.vault.watch.lookAnew();
    const look = async () => (await support.get(`/v1/customers/${of}`)).text;
    const anew = await look();
    expect(JSON.parse(anew).fields.email.value, 'control').not.toBe(before.fields.email.value);
    expect((await fetched(look))[0]?.equals(sealed)).toBe(true);
    await store(of, packRecord(unpackMarked(sealed).entries));
    expect(await look()).toBe(anew);
    // Whoever writes the present policy before masks of the older one is found out.
    await store(of, packRecord(unpackMarked(sealed).entries, 'kalak/2'));
    expect((await support.get(`/v1/customers/${of}`)).body.code).toBe('integrity_failure');
    await store(of, sealed);
    expect(await look(), 'control').toBe(anew);
    made(await shop.patch(`/v1/customers/${of}`, { fields: { familyName: 'نمونه' } }, 1), 200);
    expect((await fetched(look))[0]?.length, 'written anew').toBeLessThan((await sealedOf(of)).length * 0.6);
  });
});
