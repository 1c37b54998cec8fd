import { readFileSync } from 'node:fs';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { synthetic } from '../../src/cli/synthetic.ts';
import type { AuditLeaf } from '../../src/crypto/leaf.ts';
import { commit } from '../../src/db/commit.ts';
import { DbFault } from '../../src/db/fault.ts';
import { statement, type Statement } from '../../src/db/statement.ts';
import { deleteVersionsOf } from '../../src/db/versions.ts';
import type { HoldRow } from '../../src/db/holds.ts';
import { clearanceOf, holdLeaves, keepHoldsUntilDecided, placeHolds, releaseHolds } from '../../src/vault/holds.ts';
import { housekeep } from '../../src/vault/housekeeping.ts';
import { newId } from '../../src/vault/ids.ts';
import type { TenantKeys } from '../../src/vault/keyring.ts';
import { placeLostHolds } from '../../src/vault/lostHolds.ts';
import { forResealing, openRecord } from '../../src/vault/record.ts';
import { isGenuine } from '../../src/vault/rowMac.ts';
import { orderBody } from '../http/legalDesk.ts';
import { verifyLog } from '../support/logs.ts';
import { hold, holdsOf, recordOf } from '../support/holds.ts';
import { withClient } from '../support/postgres.ts';
import { publish } from '../support/signedRows.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, made, newOrder, newParcel, newPerson, type Person } from '../support/work.ts';

/**
 * A hold blocks erasure, sweeps, key destruction and edits that would lose the held state, in every path: each one tried on
 * somebody held, and on somebody who is not, for whom it works.
 */

const people = synthetic(303);
let vault: TestVault;
let shop: TestClient;
let courier: TestClient;
let registrar: TestClient;
let approver: TestClient;
let keys: TenantKeys;

beforeAll(async () => {
  vault = await startVault();
  [shop, courier, registrar, approver] = await Promise.all([
    vault.client('shop_backend'),
    vault.client('courier'),
    vault.client('legal_registrar', { actor: 'staff-1' }),
    vault.client('legal_approver', { actor: 'staff-2' }),
  ]);
  keys = await vault.vault.keyring.tenant(vault.tenantId);
});
afterAll(() => vault.stop());

const now = () => new Date(vault.vault.now());
const scope = () => ({ tenantIds: [vault.tenantId] });

/** As the service's own role, in one transaction. */
const asService = (...statements: readonly Statement[]) => commit(vault.vault.db, scope(), statements);

/** The guard, or whatever else came instead of it. */
async function guardOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error: unknown) => (error instanceof DbFault ? (error.guard ?? error.sqlstate ?? error.kind) : error),
  );
}

interface Subject extends Person {
  readonly orderId: string;
  readonly invoiceId: string;
}

/** Somebody with an order and an invoice, each edited once, so that there are former states as well. */
async function newSubject(): Promise<Subject> {
  const person = await newPerson(shop, people.naturalCustomer());
  const orderId = await newOrder(shop, person, { to: 'recipient', recipient: people.recipient() });
  const invoiceId = made(await shop.post(`/v1/orders/${orderId}/invoices`)).id;
  made(await shop.patch(`/v1/customers/${person.id}`, { fields: { email: people.email() } }, 1), 200);
  const delivery = { to: 'recipient', recipient: people.recipient() };
  made(await shop.patch(`/v1/orders/${orderId}`, { delivery }, 1), 200);
  return { ...person, orderId, invoiceId };
}

/** Everything stored of somebody, as a superuser reads it. */
async function storedOf({ id }: Subject): Promise<unknown> {
  const [row] = await atDatabase<{ stored: unknown }>(
    vault,
    `select jsonb_build_array(
              (select jsonb_agg(to_jsonb(c)) from amanat.customers c where c.id = $1),
              (select jsonb_agg(to_jsonb(o) order by o.id) from amanat.orders o where o.customer_id = $1),
              (select jsonb_agg(to_jsonb(i) order by i.id) from amanat.invoices i where i.customer_id = $1),
              (select jsonb_agg(to_jsonb(v) order by v.version) from amanat.customer_versions v where v.customer_id = $1),
              (select jsonb_agg(to_jsonb(v) order by v.version) from amanat.order_versions v where v.customer_id = $1)
            ) as stored`,
    [id],
  );
  return row?.stored;
}

type Path = (subject: Subject) => Promise<unknown>;
const service =
  (text: string, of: (subject: Subject) => unknown[]): Path =>
  (subject) =>
    asService(statement('path', text, [vault.tenantId, ...of(subject)]));
/** Not a matter of rights: the owner of the tables is refused too, for what the service may not even try. */
const owner =
  (text: string, of: (subject: Subject) => unknown[]): Path =>
  (subject) =>
    withClient(vault.db.superuserUrl, (client) => client.query(text, [vault.tenantId, ...of(subject)])).catch(
      (error: { code?: string; message: string }) => {
        throw new DbFault('guard', {
          guard: error.code === 'AM001' ? error.message : `${error.code} ${error.message}`,
        });
      },
    );

const customer = ({ id }: Subject) => [id];
const order = ({ orderId }: Subject) => [orderId];
const invoice = ({ invoiceId }: Subject) => [invoiceId];
const own = 'where tenant_id = $1::uuid and id = $2::uuid';

const paths: Readonly<Record<string, Path>> = {
  'an erasure': service(
    `update amanat.customers set status = 'erased', data_key = null, sealed = null ${own}`,
    customer,
  ),
  'the state of an erased customer': service(`update amanat.customers set status = 'erased' ${own}`, customer),
  'a customer’s key destroyed': service(`update amanat.customers set data_key = null ${own}`, customer),
  'a customer’s values destroyed': service(`update amanat.customers set sealed = null ${own}`, customer),
  'another key and other values at once': service(
    `update amanat.customers set sealed = '\\x01', data_key = '\\x01', version = version + 1 ${own}`,
    customer,
  ),
  'an order’s key destroyed': service(`update amanat.orders set data_key = null ${own}`, order),
  'an order’s values destroyed': service(`update amanat.orders set sealed = null ${own}`, order),
  'all of a sweep over orders': service(
    `update amanat.orders set data_key = null, sealed = null where tenant_id = $1::uuid and customer_id = $2::uuid`,
    customer,
  ),
  'an order given to somebody else': (subject) =>
    newPerson(shop, people.naturalCustomer()).then(({ id }) =>
      asService(
        statement('path', `update amanat.orders set customer_id = $3::uuid ${own}`, [
          vault.tenantId,
          subject.orderId,
          id,
        ]),
      ),
    ),
  'an invoice’s key destroyed': owner(`update amanat.invoices set data_key = null ${own}`, invoice),
  'an invoice’s values replaced': owner(`update amanat.invoices set sealed = '\\x01' ${own}`, invoice),
  'an invoice deleted': owner(`delete from amanat.invoices ${own}`, invoice),
  'former states of the customer deleted': service(
    `delete from amanat.customer_versions where tenant_id = $1::uuid and customer_id = $2::uuid`,
    customer,
  ),
  'former states of an order deleted': service(
    `delete from amanat.order_versions where tenant_id = $1::uuid and order_id = $2::uuid`,
    order,
  ),
  'the sweep’s own statement': ({ id }) => asService(...deleteVersionsOf(vault.tenantId, id)),
};

describe('the database itself refuses', () => {
  test.each(Object.entries(paths))('%s', async (_, path) => {
    const [held, free] = [await newSubject(), await newSubject()];
    const [row] = await hold(vault, registrar, [held.id]);
    const before = [await storedOf(held), await storedOf(free)];
    expect(await guardOf(path(held))).toBe('conflict');
    expect(await storedOf(held)).toEqual(before[0]);
    expect(await guardOf(path(free)), 'control').toBe('done');
    expect(await storedOf(free)).not.toEqual(before[1]);

    await asService(...releaseHolds(vault.vault, keys, row === undefined ? [] : [row], now()).statements);
    expect(await guardOf(path(held)), 'once it is released').toBe('done');
  });

  test('rows of customers and orders are not deleted either', async () => {
    const held = await newSubject();
    await hold(vault, registrar, [held.id]);
    for (const [table, id] of [
      ['customers', held.id],
      ['orders', held.orderId],
    ]) {
      expect(await guardOf(owner(`delete from amanat.${table} ${own}`, () => [id])(held))).toBe('conflict');
    }
  });

  test('wrapping a held record’s key anew is no loss', async () => {
    const held = await newSubject();
    await hold(vault, registrar, [held.id]);
    const before = (await atDatabase(vault, 'select * from amanat.customer_versions')).length;
    const rewrap = service(
      `update amanat.customers set data_key = data_key || '\\x00', key_version = 2 ${own}`,
      customer,
    );
    expect(await guardOf(rewrap(held))).toBe('done');
    expect(await atDatabase(vault, 'select * from amanat.customer_versions')).toHaveLength(before);
  });

  test('the service deletes no hold, moves none to somebody else, and writes no former state', async () => {
    const [held, free] = [await newSubject(), await newSubject()];
    await hold(vault, registrar, [held.id]);
    const refused = [
      service(`delete from amanat.holds where tenant_id = $1::uuid and customer_id = $2::uuid`, customer),
      service(
        `update amanat.holds set customer_id = '${free.id}' where tenant_id = $1::uuid and customer_id = $2::uuid`,
        customer,
      ),
      service(
        `update amanat.customer_versions set sealed = '\\x01' where tenant_id = $1::uuid and customer_id = $2::uuid`,
        customer,
      ),
      service(
        `insert into amanat.customer_versions (tenant_id, customer_id, version, key_version, sealed, captured_at, replaced_at)
         values ($1::uuid, $2::uuid, 9, 1, '\\x01', now(), now())`,
        customer,
      ),
    ];
    for (const path of refused) expect(await guardOf(path(held))).toBe('42501');
    const read = service(`select 1 from amanat.holds where tenant_id = $1::uuid and customer_id = $2::uuid`, customer);
    expect(await guardOf(read(held)), 'control').toBe('done');
  });
});

/** What a former state says, opened with the key that the record has now. */
async function formerValue(table: 'customer' | 'order', id: string, version: number, label: string): Promise<unknown> {
  const [row] = await atDatabase<{ sealed: Buffer; data_key: Buffer; key_version: number }>(
    vault,
    `select v.sealed, r.data_key, r.key_version
       from amanat.${table}_versions v join amanat.${table}s r on r.id = v.${table}_id
      where r.id = $1 and v.version = $2`,
    [id, version],
  );
  if (row === undefined) return undefined;
  const { sealed, data_key: dataKey, key_version: keyVersion } = row;
  return forResealing(openRecord(keys, table, { id, version, keyVersion, dataKey, sealed }).value(label));
}

describe('edits lose nothing, and are the same for everybody', () => {
  test('a customer’s patches', async () => {
    for (const isHeld of [true, false]) {
      const person = await newPerson(shop, people.naturalCustomer());
      if (isHeld) await hold(vault, registrar, [person.id]);
      const emails = [person.sent.fields['email'], people.email(), people.email()];
      for (const [i, email] of emails.slice(1).entries()) {
        made(await shop.patch(`/v1/customers/${person.id}`, { fields: { email } }, i + 1), 200);
      }
      made(await shop.patch(`/v1/customers/${person.id}`, { fields: { iban: null } }, 3), 200);
      expect(await formerValue('customer', person.id, 1, 'email')).toBe(emails[0]);
      expect(await formerValue('customer', person.id, 2, 'email')).toBe(emails[1]);
      expect(await formerValue('customer', person.id, 3, 'iban')).toBe(person.sent.fields['iban']);
      const times = await atDatabase<{ whole: boolean }>(
        vault,
        `select bool_and(v.captured_at = coalesce(p.replaced_at, c.created_at)) as whole
           from amanat.customer_versions v join amanat.customers c on c.id = v.customer_id
           left join amanat.customer_versions p on p.customer_id = v.customer_id and p.version = v.version - 1
          where v.customer_id = $1`,
        [person.id],
      );
      expect(times).toEqual([{ whole: true }]);
    }
  });

  test('an order’s patch; its cancelling, delivery and return keep what it holds', async () => {
    for (const isHeld of [true, false]) {
      const person = await newPerson(shop, people.naturalCustomer());
      if (isHeld) await hold(vault, registrar, [person.id]);
      const first = people.recipient();
      const orderId = await newOrder(shop, person, { to: 'recipient', recipient: first });
      const delivery = { to: 'recipient', recipient: people.recipient() };
      made(await shop.patch(`/v1/orders/${orderId}`, { delivery }, 1), 200);
      expect(await formerValue('order', orderId, 1, 'recipient/name')).toBe(first.name);

      const parcel = await newParcel(shop, orderId, courier);
      made(await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }), 200);
      const [returned, cancelled] = [await newOrder(shop, person), await newOrder(shop, person)];
      const back = await newParcel(shop, returned, courier);
      made(await courier.post(`/v1/deliveries/${back.id}/return`), 200);
      made(await shop.post(`/v1/orders/${cancelled}/cancel`), 200);
      expect(await formerValue('order', orderId, 1, 'recipient/name'), 'after the delivery').toBe(first.name);
      const kept = await atDatabase<{ kept: number }>(
        vault,
        'select count(data_key)::int as kept from amanat.orders where customer_id = $1 and sealed is not null',
        [person.id],
      );
      expect(kept).toEqual([{ kept: 3 }]);
    }
  });

  test('the same plan and the same triggers for an edit, held or not', async () => {
    const [held, free] = [await newSubject(), await newSubject()];
    await hold(vault, registrar, [held.id]);
    const triggers = async ({ id, orderId }: Subject) =>
      withClient(vault.db.superuserUrl, async (client) => {
        await client.query('begin');
        const ran: string[] = [];
        for (const [table, key] of [
          ['customers', id],
          ['orders', orderId],
        ]) {
          const { rows } = await client.query(
            `explain (analyze, format json) update amanat.${table}
                set sealed = sealed || '\\x00', version = version + 1 where tenant_id = $1 and id = $2`,
            [vault.tenantId, key],
          );
          const [plan] = rows[0]['QUERY PLAN'] as { Triggers: { 'Trigger Name': string; Calls: number }[] }[];
          ran.push(...(plan?.Triggers ?? []).map((t) => `${table} ${t['Trigger Name']} ${t.Calls}`));
        }
        await client.query('rollback');
        return ran;
      });
    const ran = await triggers(held);
    expect(ran.filter((one) => one.includes('former_state'))).toHaveLength(2);
    // The guards of a hold are not even asked on an edit of sealed values.
    expect(ran.filter((one) => one.includes('held_stays'))).toEqual([]);
    expect(await triggers(free)).toEqual(ran);
  });
});

describe('housekeeping', () => {
  const versionsOf = async ({ id }: Subject) =>
    (
      await atDatabase<{ n: number }>(
        vault,
        `select (select count(*) from amanat.customer_versions where customer_id = $1)::int
              + (select count(*) from amanat.order_versions where customer_id = $1)::int as n`,
        [id],
      )
    )[0]?.n;

  test('keeps what is held, ends what has lapsed, and clears the rest', async () => {
    const [held, spoilt, free] = [await newSubject(), await newSubject(), await newSubject()];
    const [row] = await hold(vault, registrar, [held.id], { kind: 'provisional' });
    const [released] = await hold(vault, registrar, [spoilt.id], { kind: 'provisional' });
    // Somebody ends a hold in its table, and cannot make its MAC.
    await atDatabase(vault, 'update amanat.holds set released_at = now() where id = $1', [released?.id]);
    await housekeep(vault.vault);
    expect(await Promise.all([held, spoilt, free].map(versionsOf)), 'kalak keeps history').toEqual([2, 2, 2]);

    const profile = parse(readFileSync(new URL('../../policies/kalak.yaml', import.meta.url), 'utf8'), { merge: true });
    profile.rights.correct.keepsHistory = false;
    await publish(vault.vault, vault.tenantId, 2, stringify(profile, { aliasDuplicateObjects: false }));
    await vault.vault.watch.lookAnew();
    await housekeep(vault.vault);
    expect(await Promise.all([held, spoilt, free].map(versionsOf))).toEqual([2, 2, 0]);
    expect(vault.logLines.some((line) => line.includes('integrity_failure') && line.includes('"holds"'))).toBe(true);

    vault.advance((row?.endsAt.getTime() ?? 0) - vault.vault.now() - 1000);
    await vault.vault.watch.lookAnew();
    await housekeep(vault.vault);
    expect(await versionsOf(held), 'a second before its end').toBe(2);
    vault.advance(1000);
    await housekeep(vault.vault);
    expect(await Promise.all([held, spoilt].map(versionsOf))).toEqual([0, 2]);
    const [ended] = await holdsOf(vault, row?.legalOrderId ?? '');
    expect(ended?.releasedAt).toEqual(ended?.endsAt);
    expect(ended !== undefined && isGenuine(keys, 'holds', ended)).toBe(true);
    [shop, courier, registrar, approver] = await Promise.all([
      shop.as(undefined),
      courier.as(undefined),
      registrar.as('staff-1'),
      approver.as('staff-2'),
    ]);
  });
});

/** An erasure as the vault does it: asks, ends what has lapsed, destroys; in one commit. */
const eraseStatement = (id: string) =>
  statement(
    'erase',
    `with erased as (
       update amanat.customers set status = 'erased', data_key = null, sealed = null
        where tenant_id = $1::uuid and id = $2::uuid and status <> 'erased' returning 1
     )
     select amanat.require(count(*) = 1, 'not_found') from erased`,
    [vault.tenantId, id],
  );

describe('the end of a hold', () => {
  test('to the second, by the vault’s clock; and only the vault ends it', async () => {
    const { id } = await newPerson(shop, people.naturalCustomer());
    const [row] = await hold(vault, registrar, [id], { kind: 'provisional' });
    const endsAt = row?.endsAt ?? now();
    const before = await clearanceOf(vault.vault, keys, [id], new Date(endsAt.getTime() - 1000));
    expect(before).toEqual({ held: new Set([id]), statements: [] });
    const after = await clearanceOf(vault.vault, keys, [id], endsAt);
    expect(after.held.size).toBe(0);
    expect(await guardOf(asService(eraseStatement(id))), 'nobody has ended it').toBe('conflict');
    expect(await guardOf(asService(...after.statements, eraseStatement(id)))).toBe('done');
    const [ended] = await holdsOf(vault, row?.legalOrderId ?? '');
    expect(ended?.releasedAt).toEqual(endsAt);
  });

  test('no setting of a session ends one', async () => {
    const { id } = await newPerson(shop, people.naturalCustomer());
    await hold(vault, registrar, [id], { kind: 'provisional' });
    const settings = ['amanat.at', 'amanat.now', 'timezone'].map((name) =>
      statement(
        'set',
        `select set_config('${name}', '${name === 'timezone' ? 'Asia/Tehran' : '2999-01-01'}', true)`,
        [],
      ),
    );
    expect(await guardOf(asService(...settings, eraseStatement(id)))).toBe('conflict');
  });
});

describe('a hold that somebody changed in its table', () => {
  const changes = {
    released: `released_at = now()`,
    'made shorter': `ends_at = starts_at + interval '1 second'`,
    'of another kind': `kind = 'own'`,
    'without its MAC': `mac = '\\x00'`,
    'with an end that is no time': `ends_at = 'infinity'`,
  };

  test.each(Object.entries(changes))('%s: it holds on, and the operator is told', async (_, set) => {
    const [{ id }, free] = [
      await newPerson(shop, people.naturalCustomer()),
      await newPerson(shop, people.naturalCustomer()),
    ];
    const [row] = await hold(vault, registrar, [id], { kind: 'provisional' });
    const noticed = () => vault.logLines.filter((line) => line.includes('"code":"holds"')).length;
    const told = noticed();
    await atDatabase(vault, `update amanat.holds set ${set} where id = $1`, [row?.id]);
    const late = new Date(now().getTime() + 400 * day);
    const { held, statements } = await clearanceOf(vault.vault, keys, [id, free.id], late);
    expect([[...held], statements]).toEqual([[id], []]);
    expect(noticed()).toBe(told + 1);
    const listed = made(await approver.get(`/v1/holds?customerId=${id}`), 200).items;
    expect(listed).toEqual([
      {
        id: row?.id,
        legalOrderId: row?.legalOrderId,
        customerId: id,
        kind: expect.any(String),
        status: 'active',
        integrity: 'failed',
      },
    ]);
    const answer = await approver.post(`/v1/holds/${row?.id}/release`, { reason: 'لازم نیست' });
    expect([answer.status, answer.body.code]).toEqual([500, 'integrity_failure']);
    const [now_] = await holdsOf(vault, row?.legalOrderId ?? '');
    expect(releaseHolds(vault.vault, keys, now_ === undefined ? [] : [now_], late).statements).toEqual([]);
  });

  test('taken away, or put back after its release: the log tells', async () => {
    const side = await vault.secondTenant();
    const { tenantId } = side;
    const [seller, clerk, judge] = await Promise.all([
      side.client('shop_backend'),
      side.client('legal_registrar', { actor: 'staff-1' }),
      side.client('legal_approver', { actor: 'staff-2' }),
    ]);
    const found = async () => (await verifyLog(vault, tenantId)).breach;
    const place = async (): Promise<string> => {
      const { id } = await newPerson(seller, people.naturalCustomer());
      const legalOrderId = made(await clerk.post('/v1/legal-orders', orderBody(vault, [{ customerId: id }]))).id;
      const step = placeHolds({
        keys: await vault.vault.keyring.tenant(tenantId),
        legalOrderId,
        record: recordOf(vault, 'preservation'),
        customerIds: [id],
        at: now(),
      });
      const caller = { tenantId, clientId: judge.id, role: 'legal_approver', actor: 'staff-2' } as const;
      const leaves = holdLeaves(vault.vault, caller, { action: 'legal_orders.approve', requestId: id }, step);
      await commit(vault.vault.db, { tenantIds: [tenantId] }, [...step.statements, ...leaves]);
      return (await holdsOf(vault, legalOrderId, tenantId))[0]?.id ?? '';
    };
    const inTable = (sql: string, id: string) => atDatabase(vault, sql, [id]);
    const [gone, back] = [await place(), await place()];
    made(await judge.post(`/v1/holds/${back}/release`, { reason: 'لازم نیست' }), 200);
    expect(await found(), 'control').toBeUndefined();
    await inTable('update amanat.holds set released_at = null where id = $1', back);
    expect(await found()).toEqual({ code: 'record_older', kind: 'holds', id: back });
    await inTable('update amanat.holds set released_at = now() where id = $1', back);
    await inTable('delete from amanat.holds where id = $1', gone);
    expect(await found()).toEqual({ code: 'record_missing', kind: 'holds', id: gone });
  });
});

/** Runs in a transaction of its own; what was started meanwhile is seen to wait for it before it commits. */
async function during(work: (client: Client) => Promise<void>, meanwhile: () => Promise<unknown>): Promise<unknown> {
  return withClient(vault.db.serviceUrl, async (client) => {
    await client.query('begin');
    await client.query(`select set_config('amanat.tenants', $1, true)`, [`{${vault.tenantId}}`]);
    await work(client);
    const state = { over: false };
    const outcome = guardOf(meanwhile()).finally(() => (state.over = true));
    const waits = async () =>
      withClient(
        vault.db.superuserUrl,
        async (watcher) =>
          (
            await watcher.query(
              `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
            )
          ).rowCount !== 0,
      );
    while (!state.over && !(await waits())) await new Promise(setImmediate);
    expect(state.over, 'it waits').toBe(false);
    await client.query('commit');
    return outcome;
  });
}

const run = async (client: Client, statements: readonly Statement[]): Promise<void> => {
  for (const { text, values } of statements) await client.query(text, [...values]);
};

async function placing(id: string): Promise<readonly Statement[]> {
  const legalOrderId = (await hold(vault, registrar, [(await newPerson(shop, people.naturalCustomer())).id]))[0]
    ?.legalOrderId;
  const record = recordOf(vault, 'preservation');
  return placeHolds({ keys, legalOrderId: legalOrderId ?? '', record, customerIds: [id], at: now() }).statements;
}

/** As the journal at the witness tells of a hold, in a time that the database has lost. */
function lostLeaf(row: HoldRow, action: string, recordVersion = 1, at = vault.vault.now()): AuditLeaf {
  const id = newId(at);
  return {
    id,
    tenantId: vault.tenantId,
    at,
    role: 'legal_registrar',
    actor: 'staff-1',
    action,
    outcome: 'allowed',
    rule: 'legal',
    subjectKind: 'customer',
    subjectId: row.customerId,
    objectKind: 'holds',
    objectId: row.id,
    full: [],
    masked: [],
    purpose: '',
    policyVersion: 'kalak/1',
    legalOrderId: row.legalOrderId,
    digest: row.mac,
    recordVersion,
    requestId: id,
  };
}

const lossOf = (byHand: readonly AuditLeaf[]) => {
  const { tenantId } = vault;
  const standing = { tenantId, code: 'behind', epoch: 1, origin: `amanat/${tenantId}`, size: 1, seen: 2 } as const;
  return { standing, again: [], byHand };
};

describe('a hold that was made longer in a time that a restored database has lost', () => {
  test('stands for a week, once; one whose order was decided or that was let go has its own end', async () => {
    const places = ['made longer', 'decided', 'let go', 'not told of', 'long', 'changed'] as const;
    const rows = {} as Record<(typeof places)[number], HoldRow>;
    for (const place of places) {
      const { id } = await newPerson(shop, people.naturalCustomer());
      const [row] = await hold(vault, registrar, [id], { kind: place === 'long' ? 'preservation' : 'provisional' });
      if (row !== undefined) rows[place] = row;
    }
    await atDatabase(vault, `update amanat.holds set mac = '\\x00' where id = $1`, [rows.changed.id]);
    const register = 'legal_orders.register';
    const leaves = [
      ...(['made longer', 'decided', 'long', 'changed'] as const).map((place) => lostLeaf(rows[place], register)),
      lostLeaf(rows.decided, 'legal_orders.reject'),
      lostLeaf(rows['let go'], register),
      lostLeaf(rows['let go'], 'legal_orders.reject', 2),
    ];
    const [of, before] = [async ({ legalOrderId }: HoldRow) => (await holdsOf(vault, legalOrderId))[0], now()];
    expect(await placeLostHolds(vault.vault, lossOf(leaves))).toEqual({ placed: 0, prolonged: 1 });
    const longer = await of(rows['made longer']);
    expect(longer !== undefined && isGenuine(keys, 'holds', longer)).toBe(true);
    expect(longer?.endsAt.getTime()).toBeGreaterThanOrEqual(before.getTime() + 7 * day);
    for (const place of ['decided', 'let go', 'not told of', 'long'] as const)
      expect((await of(rows[place]))?.endsAt, place).toEqual(rows[place].endsAt);
    // A call that was stopped is made again: nothing is moved twice.
    expect(await placeLostHolds(vault.vault, lossOf(leaves))).toEqual({ placed: 0, prolonged: 0 });

    // When the officer's day is over, whoever is still held stays; the control, of whom the journal does not tell, would go.
    const late = new Date(rows['made longer'].endsAt.getTime() + 60_000);
    const erasing = async ({ customerId }: HoldRow): Promise<unknown> => {
      const { held, statements } = await clearanceOf(vault.vault, keys, [customerId], late);
      return [held.size, await guardOf(asService(...statements, eraseStatement(customerId)))];
    };
    expect(await erasing(rows['made longer'])).toEqual([1, 'conflict']);
    expect(await erasing(rows['not told of']), 'control').toEqual([0, 'done']);
    // The judge's order is registered again, and keeps it as the law has it.
    const kept = keepHoldsUntilDecided(vault.vault, keys, longer === undefined ? [] : [longer], late);
    expect(kept.deeds).toHaveLength(1);
  });
});

describe('a hold and an erasure at the same moment', () => {
  test('the erasure first: there is nobody left to hold', async () => {
    const { id } = await newPerson(shop, people.naturalCustomer());
    const place = await placing(id);
    const { text, values } = eraseStatement(id);
    const outcome = await during(
      (client) => run(client, [{ name: 'erase', text, values }]),
      () => asService(...place),
    );
    expect(outcome).toBe('conflict');
    expect(await atDatabase(vault, 'select 1 from amanat.holds where customer_id = $1', [id])).toEqual([]);
  });

  const second: Readonly<Record<string, (subject: Subject) => readonly Statement[]>> = {
    'an erasure': ({ id }) => [eraseStatement(id)],
    'an order’s key': ({ orderId }) => [
      statement('path', `update amanat.orders set data_key = null ${own}`, [vault.tenantId, orderId]),
    ],
    'former states': ({ id }) => deleteVersionsOf(vault.tenantId, id),
  };

  test.each(Object.entries(second))('the hold first: %s is refused', async (_, destroy) => {
    const [held, free] = [await newSubject(), await newSubject()];
    const place = await placing(held.id);
    const before = await storedOf(held);
    const outcome = await during(
      (client) => run(client, place),
      () => asService(...destroy(held)),
    );
    expect(outcome).toBe('conflict');
    expect(await storedOf(held)).toEqual(before);
    expect(await guardOf(asService(...destroy(free))), 'control').toBe('done');
  });

  test('forty pairs at once: nobody is both held and erased, and each ends one way', async () => {
    const ids = await Promise.all(
      Array.from({ length: 40 }, async () => (await newPerson(shop, people.naturalCustomer())).id),
    );
    const outcomes: string[] = [];
    for (const id of ids) {
      const place = await placing(id);
      const erase = async () => {
        const { held, statements } = await clearanceOf(vault.vault, keys, [id], now());
        return held.has(id) ? 'held' : guardOf(asService(...statements, eraseStatement(id)));
      };
      const [placed, erased] = await Promise.all([guardOf(asService(...place)), erase()]);
      outcomes.push(`${String(placed)} ${String(erased)}`);
    }
    const both = await atDatabase(
      vault,
      `select 1 from amanat.holds h join amanat.customers c on c.tenant_id = h.tenant_id and c.id = h.customer_id
        where h.released_at is null and c.data_key is null and h.customer_id = any ($1)`,
      [ids],
    );
    expect(both).toEqual([]);
    const allowed = new Set(['done held', 'done conflict', 'conflict done']);
    expect(outcomes.filter((outcome) => !allowed.has(outcome))).toEqual([]);
  });
});
