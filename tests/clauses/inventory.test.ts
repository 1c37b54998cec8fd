import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { roles } from '../../src/policy/profile.ts';
import { processorKinds } from '../../src/policy/vocabulary.ts';
import type { TestClient } from '../support/vault.ts';
import { hour, leavesOf, made, newOrder, type Person } from '../support/work.ts';
import { recipientKinds } from '../../src/vault/legalGround.ts';
import { clause, type Stage } from './clause.ts';

/** What is held, why, who may see it, until when and where; and that no list of people ever leaves. */

clause(
  'B1',
  {
    shows:
      'anybody reads, as data and in Persian, each item with its class, purposes, departments, recipients and retention',
    in: ['src/vault/inventory.ts', 'src/vault/inventoryDocument.ts'],
  },
  async ({ vault, profile }) => {
    const path = `/v1/tenants/${vault.tenantId}/inventory`;
    const inventory = made(await vault.request('GET', path), 200);
    const email = inventory.items.find((item: { field: string }) => item.field === 'email');
    expect(email).toMatchObject({
      class: 'contact',
      mandatory: false,
      purposes: profile.items.natural.email?.purposes,
    });
    expect(email.seenBy.map(({ reader }: { reader: string }) => reader)).toEqual(
      expect.arrayContaining(['support', 'subject']),
    );
    expect(inventory.departments.map(({ id }: { id: string }) => id)).toEqual(Object.keys(profile.departments));
    // To whom it goes: no firm works here, and nothing leaves without permission or an order (B6).
    expect(inventory.processors.every(({ allowed }: { allowed: boolean }) => !allowed)).toBe(true);
    const grounds = inventory.disclosure.filter(({ allowed }: { allowed: boolean }) => allowed);
    expect(grounds.length).toBeGreaterThan(0);
    const kept = inventory.retention.find((rule: { class: string }) => rule.class === email.keptAs[0].class);
    expect(kept).toMatchObject({ keep: profile.retention.account.keep, clock: profile.retention.account.clock });
    const page = await vault.request('GET', `${path}?format=html`);
    expect(page.text).toContain('dir="rtl"');
    expect(page.text).toContain(email.title.fa);
  },
);

clause(
  'E19',
  {
    shows:
      'the places where values lie are in the inventory, and what opens them lies with the company, never with a provider',
    in: ['src/vault/inventory.ts', 'src/policy/references.ts', 'src/keys/folder.ts'],
  },
  async ({ vault, client }) => {
    const { storage } = made(await vault.request('GET', `/v1/tenants/${vault.tenantId}/inventory`), 200);
    expect(
      Object.fromEntries(storage.map(({ place, holds }: { place: string; holds: string[] }) => [place, holds])),
    ).toEqual({
      company: ['sealed_values', 'keys'],
      own_server: ['sealed_values', 'keys'],
      provider: ['sealed_values'],
    });
    // A version that would put keys there is not published.
    const text = readFileSync(new URL('../../policies/kalak.yaml', import.meta.url), 'utf8');
    const elsewhere = text.replace(/(place: provider, .*holdsKeys: )false/, '$1true');
    expect(elsewhere).not.toBe(text);
    const dpo = await client('dpo', 'staff-9');
    const refused = await dpo.post('/v1/policies', { policy: elsewhere, material: true });
    expect(refused.status).toBe(422);
    expect(refused.body.errors).toContainEqual(expect.objectContaining({ code: 'keys_at_provider' }));
  },
);

clause(
  'C14',
  {
    shows: 'support gives a statement of what is held of a person, why and until when, without seeing a value',
    in: ['src/vault/statements.ts', 'src/vault/statementDocument.ts'],
  },
  async ({ vault, client, person }) => {
    const [support, dpo] = [await client('support', 'staff-1'), await client('dpo')];
    const someone = await person();
    vault.vault.keyring.forgetDataKeys([someone.id]);
    const before = vault.vault.keyring.unwraps();
    const answer = await support.get(`/v1/customers/${someone.id}/statement`);
    expect(vault.vault.keyring.unwraps()).toBe(before);
    const { account, storage } = made(answer, 200);
    expect(account.items.map((item: { field: string }) => item.field)).toEqual(
      expect.arrayContaining(['givenName', 'familyName', 'mobile', 'address']),
    );
    for (const item of account.items) {
      expect(item.purposes.length).toBeGreaterThan(0);
      expect(item.seenBy.length).toBeGreaterThan(0);
      expect(item.kept.keep).toMatch(/\S/);
    }
    expect(Date.parse(account.items[0].kept.until)).toBeGreaterThan(vault.vault.now());
    expect(storage.length).toBeGreaterThan(0);
    for (const value of [...Object.values(someone.sent.fields), ...someone.sent.phones.map(({ number }) => number)])
      expect(answer.text.includes(value), value).toBe(false);
    const [leaf] = await leavesOf(dpo, `subject=${someone.id}`);
    expect(leaf).toMatchObject({ action: 'statements.read', actor: 'staff-1', full: [], masked: [] });
  },
);

/** No list for anybody outside, no recipient who buys, pages and days that are bounded, and each try in the log. */
async function noListLeaves({ vault, profile, client, person }: Stage): Promise<void> {
  const [shop, support, dpo] = [await client('shop_backend'), await client('support', 'staff-1'), await client('dpo')];
  const someone = await person();
  const firms = processorKinds.filter((kind) => profile.processors[kind].allowed);
  expect(firms).toContain('courier');
  const outside = await Promise.all(firms.map((kind) => client(kind)));
  for (const who of outside) {
    const tries = ['/v1/customers', '/v1/orders', '/v1/statistics'].map((path) => who.get(path));
    tries.push(who.post('/v1/customers/search', { by: 'mobile', value: someone.sent.phones[0]?.number }));
    for (const { status } of await Promise.all(tries)) expect(status).toBe(403);
    const leaves = await leavesOf(dpo, `client=${who.id}`);
    expect(leaves.filter(({ outcome }) => outcome === 'refused')).toHaveLength(4);
  }
  expect((await shop.post('/v1/exports', {})).body.code).toBe('legal_order_required');
  for (const name of [...roles, ...recipientKinds]) expect(name).not.toMatch(/buy|rent|sponsor|advertis/);
  expect(profile.refusals.sale_or_rent.refused).toBe(true);
  expect((await shop.get('/v1/customers?limit=101')).body.code).toBe('limit_too_large');
  await ceilingHolds(vault, shop, support, someone, profile.readCeilings.fullReadsPerActorPerDay['support'] ?? 0);
  const refused = (await leavesOf(dpo, `client=${support.id}`)).find(({ outcome }) => outcome === 'refused');
  expect(refused).toMatchObject({ action: 'customers.read', actor: 'staff-1', rule: 'too_many_requests' });
}

/** Reads until the day's last, and one more. */
async function ceilingHolds(
  { vault }: Stage['vault'],
  shop: TestClient,
  support: TestClient,
  person: Person,
  ceiling: number,
): Promise<void> {
  expect(ceiling).toBeGreaterThan(0);
  const customerId = person.id;
  const orderId = await newOrder(shop, person);
  const closesAt = new Date(vault.now() + hour).toISOString();
  const work = { kind: 'ticket', customerId, orderId, grantee: { role: 'support' }, closesAt, maxReads: ceiling * 2 };
  const grant = made(await shop.post('/v1/grants', work)).id;
  const read = () => support.get(`/v1/customers/${customerId}?grant=${grant}&fields=mobile`);
  for (let left = ceiling; left > 0; left -= 20)
    for (const { status } of await Promise.all(Array.from({ length: Math.min(20, left) }, read)))
      expect(status).toBe(200);
  const beyond = await read();
  expect([beyond.status, beyond.body.errors[0].code]).toEqual([429, 'read_ceiling']);
}

clause(
  'A10',
  {
    shows:
      'no list of people for anybody outside, no recipient who buys; pages and days of reading are bounded, and each try is logged',
    in: ['src/vault/permit.ts', 'src/vault/ceilings.ts', 'src/http/acts.ts'],
  },
  noListLeaves,
);

clause(
  'E12',
  {
    shows:
      'nothing is sold or rented: no list leaves, no buyer can receive, and no day shows one reader more than the ceiling',
    in: ['src/vault/permit.ts', 'src/vault/ceilings.ts', 'src/http/acts.ts'],
  },
  noListLeaves,
);
