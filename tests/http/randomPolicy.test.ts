import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import type { JudgedGrant, Reader } from '../../src/policy/judge.ts';
import { profileOf, roles, type Field, type Role } from '../../src/policy/profile.ts';
import { customerUnder } from '../support/profiles.ts';
import { statesOf } from '../support/shown.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { made, newOrder, newPerson, subjectOf, type Person } from '../support/work.ts';
import { randomProfiles, type Written } from '../unit/policy/randomProfiles.ts';
import { allowed } from '../unit/policy/writtenRules.ts';

/** Issue 4: the property of tests/unit/policy/property.test.ts through HTTP, on a vault with tenants of policies drawn by lot. */

let vault: TestVault;
const people = synthetic(1214);
/** Drawn anew with another seed; this one keeps the suite the same from run to run. */
const policies = fc.sample(randomProfiles, { seed: 1404, numRuns: 3 });
const width = { withheld: 0, masked: 1, full: 2 } as const;

beforeAll(async () => {
  vault = await startVault({ profileText: JSON.stringify(policies[0]) });
});
afterAll(() => vault.stop());

interface Work {
  readonly id: string;
  readonly judged: JudgedGrant;
}

/** Work of every kind that the shop may open for this reader: with and without an order, narrowed, and closed again. */
async function openWork(shop: TestClient, written: Written, grantee: object, person: Person): Promise<Work[]> {
  const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
  const order = await newOrder(shop, person);
  const work: Work[] = [];
  for (const kind of ['ticket', 'return', 'invoice', 'refund', 'inquiry'] as const) {
    const rule = written.grantKinds[kind];
    if (rule === undefined) continue;
    const open = async (orderId: string | undefined, listed: readonly Field[] | undefined, closed = false) => {
      const asked = { kind, customerId: person.id, orderId, grantee, closesAt, fields: listed };
      const answer = await shop.post('/v1/grants', asked);
      if (answer.status !== 201) return;
      if (closed) made(await shop.post(`/v1/grants/${answer.body.id}/close`), 200);
      const judged: JudgedGrant = {
        kind,
        purpose: rule.purpose,
        hasOrder: orderId !== undefined,
        fields: listed,
        state: closed ? 'expired' : 'open',
      };
      work.push({ id: answer.body.id, judged });
    };
    await open(undefined, undefined);
    await open(order, undefined);
    await open(order, rule.fields.slice(0, 1));
    await open(order, undefined, true);
  }
  return work;
}

/** Everybody the policy lets have a token and read a customer. */
function readersOf(written: Written): readonly Reader[] {
  const reading: readonly Role[] = ['support', 'after_sales', 'accounting', 'shop_backend', 'dpo', 'legal_registrar'];
  const known = Object.keys(written.departments);
  return [
    ...reading.filter((role) => known.includes(role)).map((role) => ({ role })),
    ...known
      .filter((name) => !roles.some((role) => role === name))
      .map((department) => ({ role: 'department' as const, department })),
    ...(written.processors.payment_processor.allowed ? [{ role: 'payment_processor' as const }] : []),
  ];
}

test.each(policies.map((written, n) => [n, written] as const))(
  'policy %d shows what its text allows',
  async (n, written) => {
    const tenant = n === 0 ? vault : await vault.secondTenant('drawn', JSON.stringify(written));
    const shop = await tenant.client('shop_backend');
    const profile = profileOf(written);
    const draw = () => newPerson(shop, customerUnder(profile, people.naturalCustomer()));
    const [person, other] = [await draw(), await draw()];
    const seen = { full: 0, closed: 0 };
    const look = async (client: TestClient, who: Reader, work: Work | undefined, counts = true) => {
      const query = work === undefined ? '' : `?grant=${work.id}`;
      const read = made(await client.get(`/v1/customers/${person.id}${query}`), 200);
      for (const [name, { state }] of statesOf(read)) {
        const field = name as Field;
        const may = allowed(written, { who, grant: counts ? work?.judged : undefined, field, frozen: false });
        const shown = width[state as keyof typeof width];
        expect(shown, `${field} of ${JSON.stringify([who, work])}`).toBeLessThanOrEqual(width[may]);
        seen[shown === 2 ? 'full' : 'closed'] += 1;
      }
      const { nationalId, email } = person.sent.fields;
      for (const [field, value] of Object.entries({ nationalId, email })) {
        const may = allowed(written, {
          who,
          grant: counts ? work?.judged : undefined,
          field: field as Field,
          frozen: false,
        });
        if (value !== undefined && may !== 'full') expect(JSON.stringify(read), field).not.toContain(value);
      }
    };
    for (const who of readersOf(written)) {
      const { role, department } = who;
      const client = await tenant.client(role, department === undefined ? {} : { department });
      await look(client, who, undefined);
      const grantee = department === undefined ? { role } : { role, department };
      for (const work of await openWork(shop, written, grantee, person)) await look(client, who, work);
      // Another person's work opens nothing of this one.
      for (const work of await openWork(shop, written, grantee, other)) await look(client, who, work, false);
    }
    await look(await subjectOf(vault, shop, person.id), { role: 'subject' }, undefined);
    expect(seen.full, 'control').toBeGreaterThan(0);
    expect(seen.closed, 'control').toBeGreaterThan(0);
  },
);
