import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, hour, made, newOrder, newParcel, newPerson, statuses, type Person } from '../support/work.ts';
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
