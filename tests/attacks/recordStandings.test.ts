import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import type { Sweep } from '../../src/vault/integritySweep.ts';
import { macOf } from '../../src/vault/rowMac.ts';
import { rowMembers } from '../../src/vault/rowMembers.ts';
import { withClient } from '../support/postgres.ts';
import { policyText } from '../support/policyTexts.ts';
import { sweepAfter, sweepOf } from '../support/sweeps.ts';
import { undertaken } from '../support/undertakings.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { atDatabase, made, newPerson, type Person } from '../support/work.ts';

/** What no sealed value vouches for: index tags, how customers stand, whether a row is there. Each is held against values and log. */

let vault: TestVault;
const people = synthetic(1207);
const persons: Person[] = [];

beforeAll(async () => {
  vault = await startVault();
  const shop = await vault.client('shop_backend');
  const dpo = await vault.client('dpo', { actor: 'officer-1' });
  for (let n = 0; n < 3; n += 1) persons.push(await newPerson(shop, people.naturalCustomer()));
  const [first, second] = persons as [Person, Person];
  const asked = { customerId: first.id, kind: 'object', purpose: 'support', asker: 'subject', checked: 'account' };
  const { id } = made(await shop.post('/v1/requests', asked));
  made(await dpo.post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
  made(await shop.post('/v1/misuse-reports', { customerId: second.id, text: 'خریدهایی که از او نیست' }));
  const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
  const third = persons[2]?.id;
  made(await shop.post('/v1/grants', { kind: 'ticket', customerId: third, grantee: { role: 'support' }, closesAt }));
  await undertaken(dpo, 'Staff-7');
});
afterAll(() => vault.stop());

const after = (table: string, change: string) => sweepAfter(vault, table, change);

test('control: untouched it is whole', async () => {
  const { flaw, tags, leaves } = await sweepOf(vault);
  expect(flaw).toBeUndefined();
  expect(tags).toBeGreaterThan(9);
  expect(leaves).toBeGreaterThan(8);
});

/** A customer is gone without a trace but in the log. */
async function withoutThird(): Promise<Sweep> {
  const id = persons[2]?.id ?? '';
  return withClient(vault.db.superuserUrl, async (client) => {
    await client.query('set session_replication_role = replica');
    await client.query(`create temporary table tags as select * from amanat.index_tags where customer_id = '${id}'`);
    await client.query(`delete from amanat.index_tags where customer_id = '${id}'`);
    const found = await after('customers', `delete from amanat.customers where id = '${id}'`);
    await client.query('insert into amanat.index_tags select * from tags');
    return found;
  });
}

/** Named by their customer: index tags have no id of their own. */
describe('an index tag', () => {
  const ofSecond = () => `customer_id = '${persons[1]?.id}' and field = 'nationalId'`;
  test.each([
    ['taken away', () => `delete from amanat.index_tags where ${ofSecond()}`, 'tag_missing', 1],
    [
      'changed by a bit',
      () => `update amanat.index_tags set tag = set_byte(tag, 3, get_byte(tag, 3) # 1) where ${ofSecond()}`,
      'tag_unfounded',
      1,
    ],
    [
      'moved to another customer',
      () => `update amanat.index_tags set customer_id = '${persons[0]?.id}' where ${ofSecond()}`,
      'tag_unfounded',
      0,
    ],
    [
      'moved to another field',
      () => `update amanat.index_tags set field = 'foreignerId' where ${ofSecond()}`,
      'tag_unfounded',
      1,
    ],
    [
      'said to be of another key',
      () => `update amanat.index_tags set key_version = key_version + 1 where ${ofSecond()}`,
      'tag_unfounded',
      1,
    ],
    [
      'copied to another customer',
      () =>
        `insert into amanat.index_tags select tenant_id, field, tag, '${persons[2]?.id}', key_version, false from amanat.index_tags where ${ofSecond()}`,
      'tag_unfounded',
      2,
    ],
    [
      'no longer kept from others',
      () => `update amanat.index_tags set exclusive = false where ${ofSecond()}`,
      'tag_not_exclusive',
      1,
    ],
    [
      'kept from others though it is not its alone',
      () => `update amanat.index_tags set exclusive = true where customer_id = '${persons[1]?.id}' and field = 'email'`,
      'tag_exclusive',
      1,
    ],
  ] as const)('%s is found', async (_how, change, code, whose) => {
    const { flaw } = await after('index_tags', change());
    expect(flaw).toEqual({ code, kind: 'index_tags', id: persons[whose]?.id });
  });

  test('that leads to nobody is found', async () => {
    const nobody = '01990000-0000-7000-8000-00000000abcd';
    const { flaw } = await after(
      'index_tags',
      `update amanat.index_tags set customer_id = '${nobody}' where ${ofSecond()}`,
    );
    // The value that has lost its tag comes first.
    expect(flaw).toEqual({ code: 'tag_missing', kind: 'index_tags', id: persons[1]?.id });
    const added = await after(
      'index_tags',
      `insert into amanat.index_tags select tenant_id, field, tag, '${nobody}', key_version, false from amanat.index_tags where ${ofSecond()}`,
    );
    expect(added.flaw).toEqual({ code: 'tag_of_nobody', kind: 'index_tags', id: nobody });
  });
});

describe('what stands under no MAC', () => {
  test.each([
    ['a freeze taken away', 1, 'reveals_frozen = false, edits_frozen = false'],
    ['half a freeze taken away', 1, 'reveals_frozen = false'],
    ['a freeze that nobody reported', 2, 'edits_frozen = true'],
    ['a closed purpose opened', 0, `objected = '{}'`],
    ['another purpose closed in its place', 0, `objected = '{marketing}'`],
    ['an account deactivated', 2, `status = 'deactivated'`],
    ['an erasure begun', 2, `status = 'leaving'`],
  ])('%s is found', async (_how, whose, change) => {
    const { flaw } = await after(
      'customers',
      `update amanat.customers set ${change} where id = '${persons[whose]?.id}'`,
    );
    expect(flaw?.id).toBe(persons[whose]?.id);
    expect(flaw?.code).toBe(change.includes('leaving') ? 'tag_exclusive' : 'standing_contradicted');
  });

  test.each(['requests', 'cases', 'grants', 'undertakings'])(
    'a row of %s that the log names is missed',
    async (table) => {
      const [row] = await atDatabase<{ id: string }>(vault, `select id from amanat.${table}`);
      const { flaw } = await after(table, `delete from amanat.${table}`);
      // A customer whose standing rests on it comes first.
      expect(flaw).toEqual(
        flaw?.kind === 'customers'
          ? { code: 'standing_contradicted', kind: 'customers', id: persons[0]?.id }
          : { code: 'record_missing', kind: table, id: row?.id },
      );
    },
  );

  test('a grant that was closed, reopened, and a request that was decided, put back, are found', async () => {
    const [shop] = [await vault.client('shop_backend')];
    const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
    const ticket = { kind: 'ticket', customerId: persons[2]?.id, grantee: { role: 'support' }, closesAt };
    const grant = made(await shop.post('/v1/grants', ticket));
    made(await shop.post(`/v1/grants/${grant.id}/close`), 200);
    const reopened = `update amanat.grants set closed_at = null, closed_reason = null where id = '${grant.id}'`;
    expect((await after('grants', reopened)).flaw).toEqual({ code: 'record_older', kind: 'grants', id: grant.id });
    const [row] = await atDatabase<Record<string, unknown>>(
      vault,
      `select * from amanat.requests where kind = 'object'`,
    );
    const keys = await vault.vault.keyring.tenant(vault.tenantId);
    expect(row, 'control').toMatchObject({ outcome: 'done' });
    const before = {
      decided_by: null,
      decided_actor: null,
      decided_at: null,
      outcome: null,
      closed_at: null,
      state: 'open',
    };
    const members = Object.keys(rowMembers.requests).map((name) => [
      name,
      ({ ...row, ...before } as Record<string, unknown>)[name.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)],
    ]);
    const mac = macOf(keys, 'requests', Object.fromEntries(members));
    const putBack = `update amanat.requests set decided_by = null, decided_actor = null, decided_at = null, outcome = null,
      closed_at = null, state = 'open', mac = '\\x${mac.toString('hex')}' where id = '${String(row?.['id'])}'`;
    expect((await after('requests', putBack)).flaw).toEqual({
      code: 'record_older',
      kind: 'requests',
      id: row?.['id'],
    });
  });

  test('who may read, taken out of what every process believes, is missed', async () => {
    const { flaw } = await after('admissions', `delete from amanat.admissions`);
    expect(flaw).toMatchObject({ code: 'admission_contradicted', kind: 'admissions' });
  });

  test('a record that is gone with all that led to it is missed', async () => {
    const { flaw } = await withoutThird();
    expect(flaw).toEqual({ code: 'record_missing', kind: 'customers', id: persons[2]?.id });
  });
});

test('a version of the policy, or the head that names it, that was taken away is missed', async () => {
  const dpo = await vault.client('dpo', { actor: 'officer-3' });
  const policy = policyText({ '/retention/invoice_snapshot/keep': 'P11Y' });
  made(await dpo.post('/v1/policies', { policy, material: true }));
  expect((await sweepOf(vault)).flaw, 'control').toBeUndefined();
  const older = { code: 'record_older', kind: 'policy_heads', id: '2' };
  expect((await after('policy_heads', 'delete from amanat.policy_heads')).flaw).toEqual(older);
  const missing = { code: 'record_missing', kind: 'policy_versions', id: '2' };
  const { flaw } = await after('policy_versions', 'delete from amanat.policy_versions where number = 2');
  expect(flaw).toEqual(missing);
});

test('while it is served nothing is found wrong', async () => {
  const shop = await vault.client('shop_backend');
  const dpo = await vault.client('dpo', { actor: 'officer-4' });
  const until = new AbortController();
  const writing = (async () => {
    for (let n = 0; !until.signal.aborted; n += 1) {
      const { id } = await newPerson(shop, people.naturalCustomer());
      made(await shop.patch(`/v1/customers/${id}`, { fields: { email: people.email() } }, 1), 200);
      const report = made(await shop.post('/v1/misuse-reports', { customerId: id }));
      if (n % 2 === 0)
        made(await dpo.post(`/v1/misuse-reports/${report.id}/resolve`, { outcome: 'unfounded', finding: 'x' }), 200);
    }
  })();
  for (let n = 0; n < 4; n += 1) expect((await sweepOf(vault)).flaw).toBeUndefined();
  until.abort();
  await writing;
});

test('control: what was lifted, withdrawn and erased agrees with the log too', async () => {
  const [shop, dpo] = [await vault.client('shop_backend'), await vault.client('dpo', { actor: 'officer-2' })];
  const { id: customerId } = await newPerson(shop, people.naturalCustomer());
  const asked = { customerId, asker: 'subject', checked: 'account' };
  const objection = made(await shop.post('/v1/requests', { ...asked, kind: 'object', purpose: 'support' }));
  made(await dpo.post(`/v1/requests/${objection.id}/decide`, { outcome: 'done' }), 200);
  made(await shop.post(`/v1/requests/${objection.id}/withdraw`), 200);
  const report = made(await shop.post('/v1/misuse-reports', { customerId }));
  const incident = made(await dpo.post('/v1/incidents', { kind: 'other', summary: 'خریدهای ناشناس' }));
  made(await dpo.post(`/v1/incidents/${incident.id}/contain`, { customers: [customerId] }), 200);
  expect((await sweepOf(vault)).flaw, 'held twice').toBeUndefined();
  made(await dpo.post(`/v1/misuse-reports/${report.id}/resolve`, { outcome: 'unfounded', finding: 'خود او بود' }), 200);
  expect((await sweepOf(vault)).flaw, 'held by the incident').toBeUndefined();
  made(await dpo.post(`/v1/incidents/${incident.id}/thaw`, { customerId }), 200);
  const erasure = made(await shop.post('/v1/requests', { ...asked, kind: 'erase' }));
  made(await dpo.post(`/v1/requests/${erasure.id}/decide`, { outcome: 'done' }), 200);
  expect((await sweepOf(vault)).flaw, 'leaving').toBeUndefined();
  await sweepErasures(vault.vault);
  const [row] = await atDatabase<{ status: string }>(vault, 'select status from amanat.customers where id = $1', [
    customerId,
  ]);
  expect([row?.status, (await sweepOf(vault)).flaw]).toEqual(['erased', undefined]);
});
