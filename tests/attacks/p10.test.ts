import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { turns } from '../../src/vault/turns.ts';
import { withClient } from '../support/postgres.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { newPerson, statuses } from '../support/work.ts';

/**
 * P10: what is too much is refused at once and says when to come again, one tenant's flood takes no other's place, and when it is
 * over everything goes on. That latency stays where it was is a matter of time, and measured: `npm run bench -- overload`.
 */

const people = synthetic(10_100);
/** Places: eight in all, six for a tenant, four for a client. */
const mostInFlight = 8;
let vault: TestVault;
let flooding: readonly [TestClient, TestClient];
let other: TestClient;
let theirs: string;
let ours: string;

beforeAll(async () => {
  vault = await startVault({ mostInFlight });
  const shop = await vault.client('shop_backend');
  theirs = (await newPerson(shop, people.naturalCustomer())).id;
  flooding = [await vault.client('support'), await vault.client('support')];
  const second = await vault.secondTenant();
  const secondShop = await second.client('shop_backend');
  ours = (await newPerson(secondShop, people.naturalCustomer())).id;
  other = await second.client('support');
});
afterAll(() => vault.stop());

const read = (by: TestClient, id: string): Promise<Answer> => by.get(`/v1/customers/${id}`);

/** Nothing that needs the audit comes to an end until `release`. */
async function whileAuditIsHeld(doing: (release: () => Promise<void>) => Promise<void>): Promise<void> {
  await withClient(vault.db.superuserUrl, async (holder) => {
    await holder.query('begin; lock table amanat.audit_leaves in access exclusive mode');
    let held = true;
    const release = async () => {
      if (held) await holder.query('rollback');
      held = false;
    };
    try {
      await doing(release);
    } finally {
      await release();
    }
  });
}

/** Those that were refused: they answer while the others wait. */
async function refusedOf(answers: readonly Promise<Answer>[], expected: number): Promise<Answer[]> {
  return new Promise((resolve, reject) => {
    const refused: Answer[] = [];
    const wait = async (one: Promise<Answer>): Promise<void> => {
      refused.push(await one);
      if (refused.length === expected) resolve(refused);
    };
    for (const one of answers) wait(one).catch(reject);
  });
}

describe('a flood of one tenant', () => {
  test('is refused at once beyond the tenant’s places, and another tenant finds one', async () => {
    await whileAuditIsHeld(async (release) => {
      const flood = flooding.flatMap((client) => Array.from({ length: 6 }, () => read(client, theirs)));
      const refused = await refusedOf(flood, 6);
      for (const { status, body, headers } of refused) {
        expect([status, body.code]).toEqual([503, 'overloaded']);
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
      const others = Array.from({ length: 3 }, () => read(other, ours));
      expect((await refusedOf(others, 1))[0]?.body.code, 'control: places are counted, for everybody').toBe(
        'overloaded',
      );
      await release();
      expect(statuses(await Promise.all(others))).toEqual({ 200: 2, 503: 1 });
      expect(statuses(await Promise.all(flood))).toEqual({ 200: 6, 503: 6 });
    });
  });

  test('waits at the door beyond the tenant’s share where another tenant comes, and nothing of it is refused', async () => {
    const turnstile = { share: 2, busy: 2, slowMs: 60_000 };
    const door = await startVault({ beside: vault, mostInFlight, turnstile });
    const through = ({ token }: TestClient, id: string): Promise<Answer> =>
      door.request('GET', `/v1/customers/${id}`, { token });
    // Who has come before is known by its token.
    for (let i = 0; i < 2; i += 1) await Promise.all([through(flooding[0], theirs), through(other, ours)]);
    await whileAuditIsHeld(async (release) => {
      const waits = Array.from({ length: 6 }, () => through(flooding[0], theirs));
      const control = Array.from({ length: 6 }, () => read(flooding[0], theirs));
      expect(statuses(await refusedOf(control, 2)), 'control: where it does not wait').toEqual({ 503: 2 });
      await release();
      expect(statuses(await Promise.all(waits))).toEqual({ 200: 6 });
      expect(statuses(await Promise.all(control))).toEqual({ 200: 4, 503: 2 });
    });
    await door.stop();
  });

  test('leaves nothing behind: afterwards each of them is served', async () => {
    for (let i = 0; i < mostInFlight; i += 1) expect((await read(other, ours)).status).toBe(200);
    const again = await Promise.all(flooding.flatMap((client) => [read(client, theirs), read(client, theirs)]));
    expect(statuses(again)).toEqual({ 200: 4 });
  });
});

describe('the queue before a statement', () => {
  test('goes round by tenant: a later one’s only item is in the next batch, whatever waits before it', () => {
    const waiting = turns<string>();
    for (let i = 0; i < 100; i += 1) waiting.add('a', `a${i}`);
    waiting.add('b', 'b0');
    waiting.add('c', 'c0');
    expect(waiting.take(4)).toEqual(['a0', 'b0', 'c0', 'a1']);
    expect(waiting.take(3)).toEqual(['a2', 'a3', 'a4']);
    expect(waiting.size()).toBe(95);
  });

  test('loses nothing, doubles nothing, keeps each tenant’s order, and serves nobody twice before a waiting one once', () => {
    const added = fc.array(fc.record({ tenant: fc.constantFrom('a', 'b', 'c', 'd'), most: fc.nat(5) }), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(added, (steps) => {
        const waiting = turns<string>();
        const [put, got]: [string[], string[]] = [[], []];
        for (const [n, { tenant, most }] of steps.entries()) {
          waiting.add(tenant, `${tenant}${n}`);
          put.push(`${tenant}${n}`);
          const kinds = new Set([...put].filter((item) => !got.includes(item)).map((item) => item[0]));
          const batch = waiting.take(most);
          got.push(...batch);
          const seen = new Set(batch.map((item) => item[0]));
          expect(seen.size).toBe(Math.min(kinds.size, batch.length));
        }
        got.push(...waiting.take(1_000));
        expect(waiting.size()).toBe(0);
        const of = (items: readonly string[], tenant: string) => items.filter((item) => item.startsWith(tenant));
        for (const tenant of ['a', 'b', 'c', 'd']) expect(of(got, tenant)).toEqual(of(put, tenant));
      }),
    );
  });
});
