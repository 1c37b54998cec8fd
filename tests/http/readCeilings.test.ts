import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  bytesOf,
  day,
  hour,
  made,
  newOrder,
  newParcel,
  newPerson,
  statuses,
  type Person,
} from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

/** No day shows many people to one reader: not by another client, another process, or all at once. */

const ceiling = 6;
const people = synthetic(6_401);
let vault: TestVault;
let beside: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
let person: Person;
let grant: string;

beforeAll(async () => {
  const profile = parse(readFileSync(new URL('../../policies/kalak.yaml', import.meta.url), 'utf8'), { merge: true });
  const readCeilings = {
    ...profile.readCeilings,
    pageSize: 99,
    fullReadsPerActorPerDay: { support: ceiling, courier: 2 },
    fullReadsPerClientPerDay: { courier: 4 },
  };
  vault = await startVault({ profileText: stringify({ ...profile, readCeilings }, { aliasDuplicateObjects: false }) });
  beside = await startVault({ beside: vault });
  shop = await vault.client('shop_backend');
  dpo = await vault.client('dpo');
  support = await vault.client('support', { actor: 'staff-1' });
  person = await newPerson(shop, people.naturalCustomer());
  const closesAt = new Date(vault.vault.now() + 5 * day).toISOString();
  grant = made(
    await shop.post('/v1/grants', {
      kind: 'ticket',
      customerId: person.id,
      grantee: { role: 'support' },
      closesAt,
      maxReads: 500,
    }),
  ).id;
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
});

const read = (by: TestClient, of: Pick<TestVault, 'request'> = vault): Promise<Answer> =>
  of.request('GET', `/v1/customers/${person.id}?grant=${grant}&fields=mobile`, { token: by.token });
/** Newest first. */
async function refusalsOf({ id }: TestClient): Promise<{ readonly rule: string }[]> {
  const { items } = made(await dpo.get(`/v1/audit?limit=99&client=${id}`), 200);
  return items.filter(({ outcome }: { outcome: string }) => outcome === 'refused');
}

const settled = () => Promise.all([vault, beside].map((one) => one.vault.ceilings.settle()));

describe('a ceiling of the policy', () => {
  test('of reads in full, by one member of staff in a day: refused beyond it, and in the log; masks go on', async () => {
    const answers = await Promise.all(Array.from({ length: ceiling + 4 }, () => read(support)));
    expect(statuses(answers)).toEqual({ 200: ceiling, 429: 4 });
    const refused = await read(support);
    expectRefusal(refused, 429, 'too_many_requests', '');
    expect(refused.body.errors).toEqual([{ pointer: '', code: 'read_ceiling' }]);
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(0);
    expect(wait * 1000).toBeLessThanOrEqual(day);
    const masked = await support.get(`/v1/customers/${person.id}?fields=mobile`);
    expect(masked.body.phones[0].number.state).toBe('masked');
    const leaves = await refusalsOf(support);
    expect(leaves.filter(({ rule }) => rule === 'too_many_requests')).toHaveLength(5);
  });

  test('is the same person’s through another client, in another spelling, in another process', async () => {
    await settled();
    const again = await vault.client('support', { actor: 'STAFF-1' });
    expect((await read(again)).status).toBe(429);
    expect((await read(again, beside)).status).toBe(429);
    const other = await vault.client('support', { actor: 'staff-2' });
    expect((await read(other, beside)).status, 'control: a colleague reads').toBe(200);
  });

  test('of two processes together, but for what each admits before it has told the other', async () => {
    const third = await vault.client('support', { actor: 'staff-3' });
    let allowed = 0;
    for (let i = 0; i < ceiling; i += 1) {
      for (const one of [vault, beside]) if ((await read(third, one)).status === 200) allowed += 1;
      await settled();
    }
    expect(allowed).toBeGreaterThanOrEqual(ceiling);
    expect(allowed, 'control: alone, each would have let through as many').toBeLessThanOrEqual(ceiling + 1);
    expect([(await read(third)).status, (await read(third, beside)).status]).toEqual([429, 429]);
    const sql = `select count from amanat.full_reads where who = 'staff-3'`;
    const [row] = await atDatabase<{ count: number }>(vault, sql);
    expect(row?.count).toBe(allowed);
  });

  test('of a courier’s parcels, where the carrier names who rides', async () => {
    const courier = await vault.client('courier', { actor: 'rider-7' });
    const parcel = await newParcel(shop, await newOrder(shop, person), courier);
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push((await courier.get(`/v1/deliveries/${parcel.id}`)).status);
    expect(seen).toEqual([200, 200, 429]);
    const system = await courier.as(undefined);
    expect((await system.get(`/v1/deliveries/${parcel.id}`)).status, 'a system reads for many').toBe(200);
  });

  test('of a client whose token names nobody: as many as the policy says for systems, and a staff id is no way around it', async () => {
    const courier = await vault.client('courier');
    const parcel = await newParcel(shop, await newOrder(shop, person), courier);
    const read5 = async (by: TestClient) => {
      const seen = [];
      for (let i = 0; i < 5; i += 1) seen.push((await by.get(`/v1/deliveries/${parcel.id}`)).status);
      return seen;
    };
    expect(await read5(courier)).toEqual([200, 200, 200, 200, 429]);
    await settled();
    const sql = `select count from amanat.full_reads where who = $1`;
    expect(await atDatabase(vault, sql, [`@${courier.id}`])).toEqual([{ count: 4 }]);
    expectRefusal(await courier.get(`/v1/deliveries/${parcel.id}`), 429, 'too_many_requests', '');
    const rider = await courier.as(courier.id);
    expect(
      (await read5(rider)).filter((status) => status === 200),
      'a person has their own',
    ).toHaveLength(2);
    const mine = await vault.client('support');
    const answers = await Promise.all(Array.from({ length: ceiling + 2 }, () => read(mine)));
    expect(statuses(answers), 'control: the policy names none for a system of support').toEqual({ 200: ceiling + 2 });
  });

  test('is explained: how many, how many are left, and what would have to change; to the reader and the officer', async () => {
    const reader = await vault.client('support', { actor: 'staff-5' });
    const asked = { act: 'read', customerId: person.id, grantId: grant, fields: ['mobile'] };
    const explain = (by: TestClient, more: object = {}, of: TestVault = vault) =>
      of.request('POST', '/v1/policy/explain', {
        token: by.token,
        body: JSON.stringify({ ...asked, ...more }),
        headers: { 'content-type': 'application/json' },
      });
    const about = { clientId: reader.id, actor: 'Staff-5' };
    const leftOf = (answer: Answer) => made(answer, 200).readCeilings[0].left;
    expect(made(await explain(reader), 200).readCeilings).toMatchObject([
      { countedBy: 'actor', perDay: ceiling, left: ceiling, rules: [{ clauses: ['E12'] }], wouldHaveToChange: [] },
    ]);
    expect((await read(reader)).status).toBe(200);
    // Not yet told to others, and told.
    expect(leftOf(await explain(reader))).toBe(ceiling - 1);
    await settled();
    for (const of of [vault, beside]) {
      expect([leftOf(await explain(reader, {}, of)), leftOf(await explain(dpo, about, of))]).toEqual([5, 5]);
      expect(leftOf(await explain(reader, {}, of)), 'asking uses none up').toBe(5);
    }
    for (let i = 1; i < ceiling; i += 1) made(await read(reader), 200);
    const spent = made(await explain(reader), 200);
    expect([spent.outcome, spent.code]).toEqual(['refused', 'too_many_requests']);
    expect(spent.readCeilings[0]).toMatchObject({ left: 0, wholeAgainAtJalali: expect.stringMatching(/^14/) });
    expect(spent.wouldHaveToChange).toMatchObject([
      { step: 'wait_for_next_day' },
      { step: 'new_policy_version', pointer: '/readCeilings/fullReadsPerActorPerDay/support' },
    ]);
    expect((await read(reader)).status, 'as the read is').toBe(429);
    const masked = made(await explain(reader, { grantId: undefined }), 200);
    expect([masked.outcome, masked.fields[0].state], 'masks go on').toEqual([undefined, 'masked']);

    // Whoever asks about others learns the rule, and nothing of what they did: the same for who has read all and who none.
    const colleague = await reader.as('staff-6');
    expectRefusal(await explain(colleague, { actor: 'staff-5' }), 403, 'not_permitted', '/role');
    const fresh = { ...about, actor: 'staff-8' };
    const [busy, idle] = [await explain(shop, about), await explain(shop, fresh)];
    expect(made(busy, 200).readCeilings).toMatchObject([{ countedBy: 'actor', perDay: ceiling }]);
    expect(bytesOf(busy)).toBe(bytesOf(idle));
    expect(bytesOf(await explain(dpo, about)), 'control').not.toBe(bytesOf(await explain(dpo, fresh)));
    const policy = made(
      await explain(vault.admin, { act: 'read', role: 'courier', customerId: undefined, grantId: undefined }),
      200,
    );
    expect(
      policy.readCeilings.map(({ countedBy, perDay, left }: Record<string, unknown>) => [countedBy, perDay, left]),
    ).toEqual([
      ['actor', 2, undefined],
      ['client', 4, undefined],
    ]);
  });

  test('of a page, whoever asks', async () => {
    expect((await shop.get('/v1/customers?limit=99')).status).toBe(200);
    expectRefusal(await shop.get('/v1/customers?limit=100'), 422, 'limit_too_large', '?limit');
    const leaves = await refusalsOf(shop);
    expect(leaves[0]).toMatchObject({ action: 'customers.list', outcome: 'refused', rule: 'limit_too_large' });
  });

  test('begins anew with the day', async () => {
    vault.advance(25 * hour);
    const tomorrow = await support.as('staff-1');
    expect((await read(tomorrow)).status).toBe(200);
  });
});
