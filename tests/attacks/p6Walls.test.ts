import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commit, type Scope } from '../../src/db/commit.ts';
import { selectStandingCustomer } from '../../src/db/customers.ts';
import { closeDatabase, openDatabase, type Database } from '../../src/db/database.ts';
import { selectExport } from '../../src/db/exports.ts';
import { selectOrders } from '../../src/db/orders.ts';
import { selectShipment } from '../../src/db/shipments.ts';
import { statement, type Statement } from '../../src/db/statement.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { withClient } from '../support/postgres.ts';
import { everyStatement, namedStatements } from './statements.ts';
import { openShop, type Shop } from './shop.ts';

/**
 * P6, the two walls between tenants: the tenant predicate in every statement, as PostgreSQL's own planner reads it, and row
 * level security behind it, for the day a predicate is forgotten.
 */

let vault: TestVault;
let ours: Shop;
let theirs: Shop;
let service: Database;
let tables: readonly string[];

beforeAll(async () => {
  vault = await startVault();
  ours = await openShop(vault, vault, 65);
  theirs = await openShop(vault, await vault.secondTenant(), 66);
  service = openDatabase({ connectionString: vault.db.serviceUrl, max: 2 });
  tables = await asSuperuser(async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select table_name as name from information_schema.columns
        where table_schema = 'amanat' and column_name = 'tenant_id' order by 1`,
    );
    return rows.map(({ name }) => name);
  });
});
afterAll(async () => {
  await closeDatabase(service);
  await vault.stop();
});

const asSuperuser = <T>(work: (client: Client) => Promise<T>): Promise<T> => withClient(vault.db.superuserUrl, work);

/** Look-ups that come before a tenant is known, or are about all of them, and why each has to be. */
const directory: Readonly<Record<string, string>> = {
  select_policy_versions: 'every process keeps the policy in force of every tenant',
  select_policy_heads: 'and how many versions there are',
  select_recent_policy_notices: 'and whether people were told of the versions to come',
  select_clients_named: 'a token request names its client before its tenant is known',
  select_secrets_named: 'the same client’s secrets, in the same round trip',
  select_revocations: 'every process keeps every live revocation',
  select_cut_offs: 'every process keeps who was cut off',
  select_reader_freezes_since: 'every process keeps which readers were stopped',
  select_oldest_keys: 'how old the keys are that are in use, for readyz and the metrics',
  select_tenant_key_changes: 'every process learns of keys that turn over',
  select_destroyed_keys: 'every process forgets the keys that were destroyed',
  select_seals: 'every process seals itself where one was sealed, for all tenants alike',
  select_admissions: 'every process learns which clients and staff have undertaken confidentiality',
};

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Schema?: string;
  readonly Alias?: string;
  readonly Output?: readonly string[];
  readonly Plans?: readonly Plan[];
  readonly [name: string]: unknown;
}

/** Every node of a plan, and whether it stands in a sub-plan. */
function nodesOf(plan: Plan, inside = false): { readonly node: Plan; readonly inside: boolean }[] {
  const within = inside || plan['Parent Relationship'] === 'SubPlan';
  return [{ node: plan, inside: within }, ...(plan.Plans ?? []).flatMap((below) => nodesOf(below, within))];
}

const conditionsOf = (node: Plan): string[] =>
  Object.entries(node).flatMap(([name, value]) =>
    /Cond$|Filter$/.test(name) && typeof value === 'string' ? [value] : [],
  );

/**
 * Relations of aliases that a plan reads without asking for a tenant: those whose tenant_id is set equal, directly or through
 * others of aliases, to no parameter and to nothing that was given.
 */
function unguarded(plan: Plan): string[] {
  const nodes = nodesOf(plan);
  const scans = nodes.filter(
    ({ node }) =>
      node.Schema === 'amanat' && node['Node Type'] !== 'ModifyTable' && tables.includes(node['Relation Name'] ?? ''),
  );
  const aliases = new Set(scans.map(({ node }) => node.Alias ?? ''));
  const conditions = nodes.flatMap(({ node }) => conditionsOf(node)).join('\n');
  const bound = new Set<string>();
  const equal: [string, string][] = [];
  for (const [, left = '', right = ''] of conditions.matchAll(
    /\b(\w+)\.tenant_id = (\$\d+|ANY \(\$\d+|\w+\.tenant_id)/g,
  )) {
    const other = right.endsWith('.tenant_id') ? right.slice(0, -'.tenant_id'.length) : undefined;
    if (other === undefined || !aliases.has(other)) bound.add(left);
    if (other !== undefined && !aliases.has(left)) bound.add(other);
    if (other !== undefined) equal.push([left, other], [other, left]);
  }
  // A hashed sub-plan hands its tenant_id out, from its top, to be compared.
  const handedOut = new Set(
    nodes.flatMap(({ node }) => (node['Parent Relationship'] === 'SubPlan' ? (node.Output ?? []) : [])),
  );
  for (const { node, inside } of scans) {
    if (inside && handedOut.has(`${node.Alias}.tenant_id`)) bound.add(node.Alias ?? '');
  }
  for (let size = -1; size !== bound.size;) {
    size = bound.size;
    for (const [one, other] of equal) if (bound.has(one)) bound.add(other);
  }
  return [...aliases].filter((alias) => !bound.has(alias));
}

/** The planner reads the statement as it stands, with its parameters unknown. */
async function unguardedIn(client: Client, text: string): Promise<string[]> {
  const { rows } = await client.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
    `explain (generic_plan, verbose, format json) ${text}`,
  );
  return rows[0]?.['QUERY PLAN'].flatMap(({ Plan: plan }) => unguarded(plan)) ?? ['no plan'];
}

/** Tables that are written to without the tenant's column first. */
function unnamedTenants(text: string): string[] {
  return [...text.matchAll(/insert into amanat\.(\w+)\s*\(\s*(\w+)/g)]
    .filter(([, table = '', first]) => tables.includes(table) && first !== 'tenant_id')
    .map(([, table = '']) => table);
}

describe('P6: the tenant in every statement', () => {
  test('every statement that the sources name is looked at', async () => {
    const made = (await everyStatement()).map(({ name }) => name);
    const missing = namedStatements().flatMap(({ file, names }) =>
      names.filter((name) => !made.some((one) => one.startsWith(name))).map((name) => `${file} ${name}`),
    );
    // These touch no table of ours but the list of migrations.
    expect(missing).toEqual([
      'commit.ts enter_scope',
      'database.ts select_durability',
      'database.ts select_server_version',
      'database.ts select_own_role',
      ...missing.filter((name) => /^(?:migrat|presence)/.test(name)),
    ]);
    expect(made.length).toBeGreaterThan(80);
  });

  test('each asks for its tenant of every table it reads, save the few that cannot', async () => {
    const all = await everyStatement();
    await asSuperuser(async (client) => {
      const found: string[] = [];
      for (const { name, text } of all) {
        if ((await unguardedIn(client, text)).length > 0 || unnamedTenants(text).length > 0) found.push(name);
      }
      expect(found.filter((name) => !Object.hasOwn(directory, name))).toEqual([]);
    });
    expect(Object.keys(directory).filter((name) => !all.some((one) => one.name === name))).toEqual([]);
  });

  test('control: with any one tenant predicate taken away, the statement is found', async () => {
    const predicate = /(?:\w+\.)?tenant_id = (?:\$\d+::uuid|\w+\.tenant_id|any \(\$\d+::uuid\[\]\))/g;
    let tried = 0;
    const slipped: string[] = [];
    await asSuperuser(async (client) => {
      for (const { name, text } of await everyStatement()) {
        if (Object.hasOwn(directory, name)) continue;
        for (const { 0: found, index } of text.matchAll(predicate)) {
          const parameter = /\$\d+::uuid(?:\[\])?/.exec(found)?.[0];
          const harmless = parameter === undefined ? 'true' : `${parameter} is not null`;
          const spoilt = text.slice(0, index) + harmless + text.slice(index + found.length);
          tried += 1;
          if ((await unguardedIn(client, spoilt)).length === 0) slipped.push(`${name}: ${found}`);
        }
      }
    });
    expect(tried).toBeGreaterThan(100);
    expect(slipped).toEqual([]);
    expect(unnamedTenants('insert into amanat.orders (id, tenant_id) values (1, 2)')).toEqual(['orders']);
  });

  test('functions inside the database ask for it too', async () => {
    const functions = await asSuperuser(async (client) => {
      const { rows } = await client.query<{ name: string; body: string }>(
        `select p.proname as name, p.prosrc as body from pg_proc p where p.pronamespace = 'amanat'::regnamespace`,
      );
      return rows;
    });
    const touching = functions.filter(({ body }) => /\bamanat\.\w+ \w+\s+where/.test(body));
    expect(touching.length).toBeGreaterThan(0);
    for (const { name, body } of touching) {
      for (const [, alias = ''] of body.matchAll(/\bamanat\.\w+ (\w+)\s+where/g)) {
        expect(body, name).toMatch(new RegExp(`\\b${alias}\\.tenant_id = tenant\\b`));
      }
    }
  });

  test('tenant_id leads every key, and every table has its policy', async () => {
    await asSuperuser(async (client) => {
      const keys = await client.query<{ name: string; first: string }>(
        `select c.conname as name, a.attname as first
           from pg_constraint c join pg_class r on r.oid = c.conrelid
           join pg_attribute a on a.attrelid = r.oid and a.attnum = c.conkey[1]
          where r.relnamespace = 'amanat'::regnamespace and c.contype in ('p', 'u', 'f') and r.relname = any ($1)
         union all
         select i.relname, a.attname
           from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class r on r.oid = x.indrelid
           join pg_attribute a on a.attrelid = r.oid and a.attnum = x.indkey[0]
          where r.relnamespace = 'amanat'::regnamespace and x.indisunique and r.relname = any ($1)`,
        [tables],
      );
      expect(keys.rows.length).toBeGreaterThan(30);
      expect(keys.rows.filter(({ first }) => first !== 'tenant_id')).toEqual([]);
      const open = await client.query<{ name: string }>(
        `select r.relname as name from pg_class r
          where r.relnamespace = 'amanat'::regnamespace and r.relkind in ('r', 'p') and r.relname = any ($1)
            and not (r.relrowsecurity and exists (select from pg_policy p where p.polrelid = r.oid))`,
        [[...tables, 'tenants']],
      );
      expect(open.rows).toEqual([]);
    });
  });
});

/** Counts the rows of each tenant in a table, with no predicate at all. */
async function tenantsSeen(table: string, scope: Scope | 'unset'): Promise<Record<string, number>> {
  const column = table === 'tenants' ? 'id' : 'tenant_id';
  const text = `select ${column} as tenant, count(*) as n from amanat.${table} group by 1`;
  const count = statement<{ tenant: string; n: number }>('count', text, []);
  if (scope === 'unset') {
    const { rows } = await withClient(vault.db.serviceUrl, (client) =>
      client.query<{ tenant: string; n: string }>(text),
    );
    return Object.fromEntries(rows.map(({ tenant, n }) => [tenant, Number(n)]));
  }
  const [rows] = await commit(service, scope, [count]);
  return Object.fromEntries(rows.map(({ tenant, n }) => [tenant, n]));
}

const scopeOf = (shop: Shop): Scope => ({ tenantIds: [shop.side.tenantId] });

describe('P6: row level security behind it', () => {
  test('without any predicate a tenant sees its own rows, nobody sees none, two in scope see two', async () => {
    const filled = [
      'customers',
      'orders',
      'grants',
      'shipments',
      'invoices',
      'legal_orders',
      'holds',
      'exports',
      'audit_leaves',
      'clients',
      'index_tags',
      'tenant_keys',
      'policy_versions',
      'client_secrets',
    ];
    for (const table of filled) {
      const both = await asSuperuser(async (client) => {
        const { rows } = await client.query<{ n: number }>(
          `select count(distinct tenant_id)::int as n from amanat.${table}`,
        );
        return rows[0]?.n;
      });
      // The control: there are rows of both to be seen.
      expect(both, table).toBe(2);
      expect(Object.keys(await tenantsSeen(table, scopeOf(ours))), table).toEqual([ours.side.tenantId]);
      const two = { tenantIds: [ours.side.tenantId, theirs.side.tenantId] };
      expect(Object.keys(await tenantsSeen(table, two)), table).toHaveLength(2);
    }
    for (const table of [...tables, 'tenants']) {
      expect(await tenantsSeen(table, 'unset'), table).toEqual({});
      expect(await tenantsSeen(table, { tenantIds: [] }), table).toEqual({});
    }
  });

  test('the directory’s scope opens no table that holds anything of a person', async () => {
    const open: string[] = [];
    for (const table of tables) if (Object.keys(await tenantsSeen(table, 'directory')).length > 0) open.push(table);
    const allowed = new Set([
      // Opaque ids of clients and staff, and times.
      'admissions',
      'client_secrets',
      'clients',
      'policy_changes',
      'policy_heads',
      'policy_notices',
      'policy_publications',
      'policy_versions',
      'reader_freezes',
      'seals',
      'tenant_keys',
      'token_revocations',
    ]);
    expect(open.filter((table) => !allowed.has(table))).toEqual([]);
    expect(open).toContain('clients');
  });

  const readers: readonly (readonly [string, (tenantId: string, shop: Shop) => Statement<{ id: string }>])[] = [
    ['customers', (tenantId, shop) => selectStandingCustomer(tenantId, shop.ids.customer)],
    ['orders', (tenantId, shop) => selectOrders(tenantId, [shop.ids.order], undefined)],
    ['shipments', (tenantId, shop) => selectShipment(tenantId, shop.ids.shipment)],
    ['exports', (tenantId, shop) => selectExport(tenantId, shop.ids.export)],
  ];
  test.each(readers)(
    'the service’s own statement on %s with its predicate taken out finds nothing of theirs',
    async (_, make) => {
      const whole = make(ours.side.tenantId, theirs);
      const text = whole.text.replace(/\w+\.tenant_id = \$1::uuid/, '$1::uuid is not null');
      expect(text).not.toBe(whole.text);
      const found = async (scope: Scope): Promise<number> =>
        (await commit(service, scope, [{ ...whole, text }]))[0].length;
      expect(await found(scopeOf(ours))).toBe(0);
      expect(await found('directory')).toBe(0);
      // The control: it is the scope that hides it.
      expect(await found(scopeOf(theirs))).toBe(1);
    },
  );

  test('writes reach no row of theirs, and make none', async () => {
    const touch = (scope: Scope) =>
      commit(service, scope, [
        statement<{ tenant: string }>(
          'touch',
          `update amanat.customers set updated_at = updated_at returning tenant_id as tenant`,
          [],
        ),
        statement<{ tenant: string }>(
          'forget',
          `delete from amanat.index_tags where field = 'none' returning tenant_id as tenant`,
          [],
        ),
      ]);
    const [touched] = await touch(scopeOf(ours));
    expect(new Set(touched.map(({ tenant }) => tenant))).toEqual(new Set([ours.side.tenantId]));
    const tag = (tenantId: string) =>
      statement(
        'plant',
        `insert into amanat.index_tags (tenant_id, field, tag, customer_id, key_version, exclusive) values ($1::uuid, 'none', '\\x00', $2::uuid, 1, false)`,
        [tenantId, ours.ids.customer],
      );
    await expect(commit(service, scopeOf(ours), [tag(theirs.side.tenantId)])).rejects.toMatchObject({
      sqlstate: '42501',
    });
    await commit(service, scopeOf(ours), [tag(ours.side.tenantId)]);
    const move = statement('move', `update amanat.index_tags set tenant_id = $1::uuid where field = 'none'`, [
      theirs.side.tenantId,
    ]);
    await expect(commit(service, scopeOf(ours), [move])).rejects.toMatchObject({ sqlstate: '42501' });
  });

  test('the scope ends with its transaction, and the service cannot step outside it', async () => {
    await withClient(vault.db.serviceUrl, async (client) => {
      await client.query(`select set_config('amanat.tenants', $1, true)`, [`{${theirs.side.tenantId}}`]);
      expect((await client.query('select 1 from amanat.customers')).rows).toEqual([]);
      for (const sql of [
        'set row_security = off',
        'alter table amanat.customers disable row level security',
        'set role postgres',
        'set session authorization postgres',
      ]) {
        const outcome = await client
          .query(sql)
          .then(
            () => client.query('select 1 from amanat.customers').then(({ rows }) => rows.length),
            () => 0,
          )
          .catch(() => 0);
        expect(outcome, sql).toBe(0);
      }
    });
  });
});
