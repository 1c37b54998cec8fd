import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { raiseDueEvents } from '../../src/vault/dueEvents.ts';
import { readiness } from '../../src/vault/readiness.ts';
import { openWatch } from '../../src/vault/watch.ts';
import { withClient } from '../support/postgres.ts';
import { clientOf, startVault, type TestVault } from '../support/vault.ts';
import { atDatabase, made, newPerson } from '../support/work.ts';
import { openShop, type Shop } from './shop.ts';

/** Whoever can write to the tables spoils a tenant's rows: that may cost the tenant, and nobody else. */

let vault: TestVault;
let ours: Shop;
let theirs: Shop;

beforeAll(async () => {
  vault = await startVault();
  ours = await openShop(vault, vault, 71);
  theirs = await openShop(vault, await vault.secondTenant(), 72);
});
afterAll(() => vault.stop());

/** Of tables with a tenant. */
async function columnsOf(type: string): Promise<Map<string, string[]>> {
  const rows = await atDatabase<{ table: string; columns: string[] }>(
    vault,
    `select c.table_name as "table", array_agg(c.column_name::text order by c.column_name) as "columns"
       from information_schema.columns c
       join information_schema.columns o using (table_schema, table_name)
      where c.table_schema = 'amanat' and c.data_type = $1 and o.column_name = 'tenant_id'
      group by c.table_name`,
    [type],
  );
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}

/** Of all rows of theirs, by who is not stopped by a trigger. False where there is none, or a constraint of the table forbids it. */
function setTo(table: string, column: string, value: string): Promise<boolean> {
  return withClient(vault.db.superuserUrl, async (client) => {
    await client.query('set session_replication_role = replica');
    try {
      const set = `update amanat.${table} set ${column} = '${value}' where tenant_id = $1`;
      return (await client.query(set, [theirs.side.tenantId])).rowCount !== 0;
    } catch (error) {
      if ((error as { code?: string }).code?.startsWith(constraintViolation) === true) return false;
      throw error;
    }
  });
}

/** Class of error codes (PostgreSQL, appendix A). */
const constraintViolation = '23';

const times = 'timestamp with time zone';

describe.each([
  [times, 'infinity', ['admissions.changed_at', 'clients.tokens_valid_from', 'reader_freezes.frozen_at'], 50],
  [times, '-infinity', ['tenant_keys.changed_at'], 50],
  ['integer', '2147483647', ['policy_versions.number'], 15],
  ['integer', '-2147483648', ['messages.attempts'], 15],
] as const)('each %s of another tenant that is %s', (type, value, looked, many) => {
  test('holds up no look, of a new process neither, and our own are served', async () => {
    const changed: string[] = [];
    const { db, keyring, now } = vault.vault;
    for (const [table, columns] of await columnsOf(type)) {
      const before = changed.length;
      for (const column of columns) if (await setTo(table, column, value)) changed.push(`${table}.${column}`);
      if (changed.length === before) continue;
      await vault.vault.watch.look();
      const fresh = openWatch(db, keyring, now);
      // What the first found, the second asks by.
      await fresh.look();
      await fresh.look();
    }
    expect(changed).toEqual(expect.arrayContaining([...looked]));
    expect(changed.length).toBeGreaterThan(many);
    const person = await newPerson(ours.staff.shop_backend, ours.people.naturalCustomer());
    made(await ours.staff.shop_backend.get(`/v1/customers/${person.id}`), 200);
  });
});

describe('keys of another tenant that do not open', () => {
  test('keep our own from nothing; whoever is frozen there stays so until they open, whatever the row says', async () => {
    const { side, ids, staff } = await openShop(vault, await vault.secondTenant(), 73);
    const [frozen] = await atDatabase<{ actor: string }>(
      vault,
      'select actor from amanat.reader_freezes where id = $1',
      [ids.freeze],
    );
    const reader = { tenantId: side.tenantId, clientId: ids.client, actor: frozen?.actor };
    const spoil = () =>
      atDatabase(
        vault,
        'update amanat.tenant_keys set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) where tenant_id = $1',
        [side.tenantId],
      );
    const officer = await staff.dpo.as('staff-9');
    await spoil();
    const second = await startVault({ beside: vault });
    const { watch } = second.vault;
    await watch.look();
    const { id, secret, token } = ours.staff.shop_backend;
    made(await clientOf(second.url, id, secret, token).get(`/v1/customers/${ours.ids.customer}`), 200);
    expect(watch.isFrozen(reader)).toBe(true);
    // The first process has the keys yet, and lifts it.
    made(await officer.post(`/v1/reader-freezes/${ids.freeze}/lift`), 200);
    await watch.lookAnew();
    expect(watch.isFrozen(reader)).toBe(true);
    await spoil();
    await watch.lookAnew();
    expect(watch.isFrozen(reader)).toBe(false);
    await second.stop();
  });
});

describe('days of another tenant that no event can have', () => {
  test('are not told of for ever, while nobody else is told', async () => {
    const { side } = await openShop(vault, await vault.secondTenant(), 74);
    // As many as are looked at together, at a part of a millisecond.
    const added = await atDatabase(
      vault,
      `insert into amanat.cases
       select (jsonb_populate_record(null::amanat.cases, to_jsonb(c) || jsonb_build_object(
                 'id', gen_random_uuid(), 'state', 'open', 'due_at', '2024-01-01T00:00:00.000001Z'))).*
         from (select * from amanat.cases where tenant_id = $1 and kind = 'complaint' limit 1) c, generate_series(1, 600)
       returning 1`,
      [side.tenantId],
    );
    expect(added).toHaveLength(600);
    await raiseDueEvents(vault.vault);
    const [told] = await atDatabase<{ n: number }>(
      vault,
      `select count(distinct object_id)::int as n from amanat.events where tenant_id = $1 and kind like '%.overdue'`,
      [side.tenantId],
    );
    expect(told?.n).toBeGreaterThanOrEqual(500);
  });
});

describe('a policy of another tenant that cannot be read', () => {
  test('makes no process unready', async () => {
    const own = await startVault();
    const [first, next] = [own.tenantId, await own.secondTenant()];
    const second = await startVault({ beside: own });
    expect((await readiness(second.vault)).checks.audit, 'control').toBe('ok');
    await second.stop();
    await atDatabase(
      own,
      `update amanat.policy_versions set mac = set_byte(mac, 0, get_byte(mac, 0) # 1) where tenant_id = $1`,
      [first],
    );
    const third = await startVault({ beside: own });
    expect(third.vault.watch.tenants()[0]).toBe(first);
    expect(await readiness(third.vault)).toMatchObject({ ready: true });
    const { id, secret, token } = next.admin;
    made(await clientOf(third.url, id, secret, token).get('/v1/clients'), 200);
    await third.stop();
    await own.stop();
  });
});
