import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { legalDesk } from '../http/legalDesk.ts';
import { sweepAfter, sweepOf } from '../support/sweeps.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { made, newOrder, newParcel, newPerson, type Person } from '../support/work.ts';

/** Everything that is stored, looked at while it is served: one byte, one column, one row changed is found and named. */

let vault: TestVault;
const people = synthetic(1205);
const persons: Person[] = [];

beforeAll(async () => {
  vault = await startVault();
  const desk = await legalDesk(vault, 1206);
  const { shop } = desk;
  const courier = await vault.client('courier');
  for (let n = 0; n < 3; n += 1) persons.push(await newPerson(shop, people.naturalCustomer()));
  const [first, second] = persons as [Person, Person];
  made(await shop.patch(`/v1/customers/${first.id}`, { fields: { givenName: 'مریم' } }, 1), 200);
  const order = await newOrder(shop, first);
  made(await shop.post(`/v1/orders/${order}/invoices`));
  const parcel = await newParcel(shop, order, courier);
  made(await courier.post(`/v1/deliveries/${parcel.id}/fail`, { reason: 'کسی در را باز نکرد' }), 200);
  const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
  const ticket = { kind: 'ticket', customerId: first.id, grantee: { role: 'support' }, closesAt, externalRef: 'T-1' };
  made(await shop.post('/v1/grants', ticket));
  const exported = await desk.approve([{ customerId: second.id }]);
  made(await desk.registrar.post('/v1/exports', { legalOrderId: exported }));
  const asked = { customerId: first.id, kind: 'object', purpose: 'support', asker: 'subject', checked: 'account' };
  made(await shop.post('/v1/requests', { ...asked, note: 'نمی‌خواهم' }));
});
afterAll(() => vault.stop());

const sweep = (size?: number) => sweepOf(vault, size);
const after = (table: string, change: string) => sweepAfter(vault, table, change);

const flip = (table: string, column: string, where = 'true') =>
  `update amanat.${table} set ${column} = set_byte(${column}, length(${column}) - 20, get_byte(${column}, length(${column}) - 20) # 1)
    where id = (select id from amanat.${table} where ${column} is not null and ${where} order by id limit 1)`;

test('control: untouched it is whole, and all of it was looked at', async () => {
  const { flaw, records, values, rows } = await sweep();
  expect(flaw).toBeUndefined();
  // 3 customers, one former state, an order, an invoice, a legal order, a package and its receipt.
  expect(records).toBeGreaterThanOrEqual(9);
  expect(values).toBeGreaterThan(records);
  expect(rows).toBeGreaterThan(8);
});

describe('one byte', () => {
  test.each([
    ['customers', 'sealed', 'value_does_not_open'],
    ['customers', 'data_key', 'value_does_not_open'],
    ['orders', 'sealed', 'value_does_not_open'],
    ['invoices', 'sealed', 'value_does_not_open'],
    ['legal_orders', 'sealed', 'value_does_not_open'],
    ['exports', 'sealed', 'value_does_not_open'],
    ['exports', 'statement', 'value_does_not_open'],
    ['grants', 'external_ref', 'value_does_not_open'],
    ['shipments', 'last_failure', 'value_does_not_open'],
    ['requests', 'note', 'value_does_not_open'],
    ['grants', 'mac', 'row_not_genuine'],
    ['shipments', 'code_hash', 'row_not_genuine'],
  ])('of %s.%s is found', async (table, column, code) => {
    const { flaw } = await after(table, flip(table, column));
    const named = {
      exports: column === 'statement' ? 'statements' : table,
      shipments: column === 'code_hash' ? 'delivery_codes' : table,
    };
    expect(flaw?.code).toBe(code);
    expect(flaw?.kind).toBe(named[table as 'exports'] ?? table);
    expect(flaw?.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('of a former state is found', async () => {
    const change = `update amanat.customer_versions set sealed = set_byte(sealed, 100, get_byte(sealed, 100) # 1)`;
    const { flaw } = await after('customer_versions', change);
    expect(flaw).toEqual({ code: 'value_does_not_open', kind: 'customer_versions', id: persons[0]?.id });
  });
});

describe('a row', () => {
  test('changed in a column that its MAC covers is found', async () => {
    const changes = [
      ['grants', `update amanat.grants set closes_at = closes_at + interval '1 year' where kind = 'ticket'`],
      ['clients', `update amanat.clients set role = 'legal_approver' where role = 'courier'`],
      ['policy_versions', `update amanat.policy_versions set published_at = published_at - interval '1 day'`],
    ] as const;
    for (const [table, change] of changes)
      expect((await after(table, change)).flaw, change).toMatchObject({ code: 'row_not_genuine', kind: table });
  });

  test('whole in itself, but older than the log tells, is found', async () => {
    const change = `update amanat.customers c set sealed = v.sealed, version = v.version
      from amanat.customer_versions v where v.customer_id = c.id`;
    const { flaw } = await after('customers', change);
    expect(flaw).toEqual({ code: 'record_older', kind: 'customers', id: persons[0]?.id });
  });
});

test('a sample looks at so many, and finds what is wrong in what it drew', async () => {
  const { records, flaw } = await sweep(2);
  expect(flaw).toBeUndefined();
  expect(records).toBeLessThan((await sweep()).records + 1);
  const all = await after('customers', flip('customers', 'sealed'));
  expect(all.flaw?.kind).toBe('customers');
});
