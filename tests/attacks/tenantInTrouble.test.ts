import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

async function columnsOfTables(): Promise<Map<string, string[]>> {
  const rows = await atDatabase<{ table: string; columns: string[] }>(
    vault,
    `select c.table_name as "table", array_agg(c.column_name::text order by c.column_name) as "columns"
       from information_schema.columns c
       join information_schema.columns o using (table_schema, table_name)
      where c.table_schema = 'amanat' and c.data_type = 'timestamp with time zone' and o.column_name = 'tenant_id'
      group by c.table_name`,
  );
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}

/** Of all rows of theirs, by who is not stopped by a trigger. False where there is none, or a constraint of the table forbids it. */
function setTo(table: string, column: string, time: string): Promise<boolean> {
  return withClient(vault.db.superuserUrl, async (client) => {
    await client.query('set session_replication_role = replica');
    try {
      const text = `update amanat.${table} set ${column} = $2::timestamptz where tenant_id = $1`;
      return (await client.query(text, [theirs.side.tenantId, time])).rowCount !== 0;
    } catch (error) {
      if ((error as { code?: string }).code?.startsWith(constraintViolation) === true) return false;
      throw error;
    }
  });
}

/** Class of error codes (PostgreSQL, appendix A). */
const constraintViolation = '23';

describe.each(['infinity', '-infinity'])('times of another tenant that are %s', (time) => {
  test('hold up no look, the first of a process neither, and our own are served', async () => {
    const changed: string[] = [];
    const { db, keyring, now } = vault.vault;
    for (const [table, names] of await columnsOfTables()) {
      const before = changed.length;
      for (const column of names) if (await setTo(table, column, time)) changed.push(`${table}.${column}`);
      if (changed.length === before) continue;
      await vault.vault.watch.look();
      await openWatch(db, keyring, now).look();
    }
    for (const looked of [
      'admissions.changed_at',
      'clients.tokens_valid_from',
      'reader_freezes.frozen_at',
      'tenant_keys.changed_at',
    ])
      expect(changed).toContain(looked);
    expect(changed.length).toBeGreaterThan(50);
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
