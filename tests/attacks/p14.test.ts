import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unpackRecord } from '../../src/crypto/container.ts';
import type { RecordKind } from '../../src/crypto/label.ts';
import { open, type DataKey } from '../../src/crypto/seal.ts';
import { verifyReceipt } from '../../src/crypto/signature.ts';
import { verifyRecords } from '../../src/vault/recordVerification.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { everyScope, openShop, staffRoles, tokenOf, type Shop, type StaffRole } from './shop.ts';
import { actOperations, requestFor, targetOf } from './requests.ts';
import { clientOf, startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, made, newOrder, newPerson, type Person } from '../support/work.ts';

/** P14: after erasure nothing reads, finds or lists the person, and no key that is left opens a value of theirs. */

let vault: TestVault;
let beside: TestVault;
let shop: Shop;
let twin: Person;
/** Sent under a key, so that it can be sent again. */
const key = { 'idempotency-key': 'first-time' };
let keyed: { readonly id: string; readonly sent: ReturnType<Shop['people']['naturalCustomer']> };

beforeAll(async () => {
  vault = await startVault();
  beside = await startVault({ beside: vault });
  shop = await openShop(vault, vault, 1401);
  const { shop_backend: backend } = shop.staff;
  twin = await newPerson(backend, shop.people.naturalCustomer());
  await newOrder(backend, twin, { to: 'recipient', recipient: shop.people.recipient() });
  await backend.patch(`/v1/customers/${shop.person.id}`, { fields: { email: shop.people.email() } }, 1);
  const sent = shop.people.naturalCustomer();
  keyed = { sent, id: made(await backend.post('/v1/customers', sent, key)).id };
  // The shop's person is held: whoever blocks an erasure is tried in rightsTwins.test.ts.
  await atDatabase(vault, 'delete from amanat.holds');
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
});

const dpo = () => tokenOf(vault, vault, shop.staff.dpo, 'dpo', { actor: 'staff-dpo' });
const sweep = () => sweepErasures(vault.vault);

/** Asked for by the shop, granted by the officer; what follows is the sweep's. */
async function leave(by: TestClient, customerId: string): Promise<string> {
  const body = { customerId, kind: 'erase', asker: 'subject', checked: 'account' };
  const { id } = made(await by.post('/v1/requests', body));
  made(await dpo().post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
  return id;
}

/** Values of a person that nobody else has. */
function canariesOf({ sent }: Pick<Person, 'sent'>): readonly string[] {
  const { nationalId = '', email = '', iban = '' } = sent.fields;
  return [nationalId, email, iban, sent.phones[0]?.number.slice(1) ?? ''];
}

const kinds: Readonly<Record<string, RecordKind>> = { customers: 'customer', orders: 'order', invoices: 'invoice' };

interface Sealed {
  readonly kind: RecordKind;
  readonly id: string;
  readonly version: number;
  readonly sealed: Buffer;
}

/** Every sealed record there is, former states too. */
async function everySealed(): Promise<Sealed[]> {
  const parts = [
    ...Object.entries(kinds).map(
      ([table, kind]) => `select '${kind}' as kind, id, version, sealed from amanat.${table}`,
    ),
    `select 'customer', customer_id, version, sealed from amanat.customer_versions`,
    `select 'order', order_id, version, sealed from amanat.order_versions`,
  ];
  return atDatabase<Sealed>(vault, `select * from (${parts.join(' union all ')}) s where sealed is not null`);
}

async function everyKey(): Promise<DataKey[]> {
  const keys = await vault.vault.keyring.tenant(vault.tenantId);
  const parts = Object.entries(kinds).map(
    ([table, kind]) =>
      `select '${kind}' as kind, id, key_version as "keyVersion", data_key as wrapped from amanat.${table}`,
  );
  const rows = await atDatabase<{ kind: RecordKind; id: string; keyVersion: number; wrapped: Buffer }>(
    vault,
    `select * from (${parts.join(' union all ')}) k where wrapped is not null`,
  );
  return rows.map((row) => keys.dataKey(row));
}

/** All that opens in the database, each value under whichever key there is opens it, by the record it stands in. */
async function everythingOpened(): Promise<Map<string, string>> {
  const [records, keys] = [await everySealed(), await everyKey()];
  const opened = new Map<string, string>();
  for (const { kind, id, version, sealed } of records) {
    for (const [field, value] of unpackRecord(sealed)) {
      const context = { tenantId: vault.tenantId, kind, recordId: id, version, field };
      for (const candidate of keys) {
        const text = attempt(() => open(candidate, context, value).toString('utf8'));
        if (text !== undefined) opened.set(`${kind} ${id}`, `${opened.get(`${kind} ${id}`) ?? ''}\n${text}`);
      }
    }
  }
  return opened;
}

function attempt(work: () => string): string | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

const where = (opened: ReadonlyMap<string, string>, canaries: readonly string[]): string[] =>
  [...opened].filter(([, text]) => canaries.some((canary) => text.includes(canary))).map(([name]) => name);

/** Which calls, by whom, answer with one of these values. */
async function tellers(canaries: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const operation of actOperations) {
    for (const role of [...staffRoles, 'subject'] as const) {
      if (operation.raw.operationId === 'disableClient' || operation.raw.operationId === 'decideRequest') continue;
      const request = requestFor(vault, shop, operation);
      const { cursor: _cursor, ...query } = request.query;
      const answer = await tokenFor(role).call(
        request.method,
        targetOf({ ...request, query }),
        request.body,
        request.headers,
      );
      if (canaries.some((canary) => answer.text.includes(canary))) found.push(`${role} ${operation.raw.operationId}`);
    }
  }
  return found;
}

function tokenFor(role: StaffRole | 'subject'): TestClient {
  const client = role === 'subject' ? shop.staff.shop_backend : shop.staff[role];
  return tokenOf(vault, vault, client, role, {
    scopes: everyScope,
    // The grant and the parcel are theirs; the package is the registrar's who executed the order.
    actor: role === 'legal_registrar' ? 'staff-legal_registrar' : 'staff-1',
    ...(role === 'subject' ? { subjectId: shop.ids.customer } : {}),
  });
}

describe('P14: one who is erased', () => {
  let canaries: readonly string[];
  let request: string;

  test('control: before, they are read by many, and their values open', async () => {
    canaries = [...canariesOf(shop.person), shop.recipient.phone.slice(1)];
    const told = await tellers(canaries);
    expect(told).toEqual(expect.arrayContaining(['subject readCustomer', 'support readCustomer', 'subject readOrder']));
    const opened = where(await everythingOpened(), canaries);
    expect(opened).toEqual(
      expect.arrayContaining([`customer ${shop.ids.customer}`, `order ${shop.ids.recipientOrder}`]),
    );
    // What the calls above made and closed is not what follows.
    await atDatabase(vault, 'delete from amanat.holds');
  });

  test('in no answer of any route to anybody is a value of theirs, before their key goes as after', async () => {
    request = await leave(shop.staff.shop_backend, shop.ids.customer);
    // A package that was executed before belongs to its order, and left above. The invoice is the law's.
    const byLaw = new Set(['accounting readInvoice']);
    expect((await tellers(canaries)).filter((name) => !byLaw.has(name))).toEqual([]);
    await sweep();
    expect((await tellers(canaries)).filter((name) => !byLaw.has(name))).toEqual([]);
  });

  test('no key that is left opens a value of theirs, but an invoice’s; control: a twin’s open', async () => {
    const opened = await everythingOpened();
    const invoices = await atDatabase<{ id: string }>(vault, 'select id from amanat.invoices where customer_id = $1', [
      shop.ids.customer,
    ]);
    expect(where(opened, canaries).toSorted()).toEqual(invoices.map(({ id }) => `invoice ${id}`).toSorted());
    expect(where(opened, canariesOf(twin))).toContain(`customer ${twin.id}`);
    const [left] = await atDatabase<Record<string, number>>(
      vault,
      `select (select count(*)::int from amanat.index_tags where customer_id = $1) as tags,
              (select count(*)::int from amanat.customer_versions where customer_id = $1) as versions,
              (select count(*)::int from amanat.order_versions where customer_id = $1) as "orderVersions",
              (select count(*)::int from amanat.orders where customer_id = $1 and data_key is not null) as orders,
              (select count(*)::int from amanat.shipments where customer_id = $1 and (status = 'open' or last_failure is not null)) as parcels,
              (select count(*)::int from amanat.grants
                where customer_id = $1 and (closed_at is null or external_ref is not null)) as grants,
              (select count(*)::int from amanat.requests where customer_id = $1 and (note is not null or why is not null)) as words,
              (select count(*)::int from amanat.idempotent_answers where subject_id = $1 and length(answer) > 0) as answers`,
      [shop.ids.customer],
    );
    expect(left).toEqual({
      tags: 0,
      versions: 0,
      orderVersions: 0,
      orders: 0,
      parcels: 0,
      grants: 0,
      words: 0,
      answers: 0,
    });
  });

  test('the log knows why the record is empty; control: one emptied by hand is a breach', async () => {
    const verify = async () => (await verifyRecords(vault.vault.db, vault.tenantId, () => undefined)).breach;
    expect(await verify()).toBeUndefined();
    const { id } = await newPerson(shop.staff.shop_backend, shop.people.naturalCustomer());
    await atDatabase(vault, `update amanat.customers set data_key = null, sealed = null where id = $1`, [id]);
    expect(await verify()).toEqual({ code: 'record_emptied', kind: 'customers', id });
    await atDatabase(vault, `delete from amanat.customers where id = $1`, [id]);
  });

  test('no other process has their key in memory after its next look', async () => {
    const { id, sent } = await newPerson(shop.staff.shop_backend, shop.people.naturalCustomer());
    const other = clientOf(beside.url, shop.staff.shop_backend.id, '', tokenFor('shop_backend').token);
    made(await other.get(`/v1/customers/${id}`), 200);
    const [row] = await atDatabase<{ keyVersion: number; wrapped: Buffer }>(
      vault,
      `select key_version as "keyVersion", data_key as wrapped from amanat.customers where id = $1`,
      [id],
    );
    if (row === undefined) throw new Error('not there');
    const theirs = await beside.vault.keyring.tenant(vault.tenantId);
    const unwrapped = () => {
      const before = beside.vault.keyring.unwraps();
      theirs.dataKey({ kind: 'customer', id, ...row });
      return beside.vault.keyring.unwraps() - before;
    };
    expect(unwrapped(), 'control: it was in memory').toBe(0);
    await leave(shop.staff.shop_backend, id);
    await sweep();
    await beside.vault.watch.lookAnew();
    expect(unwrapped()).toBe(1);
    expect(sent.fields['nationalId']).toBeDefined();
  });

  test('what was answered under an Idempotency-Key is not answered again, and makes nobody anew', async () => {
    const again = () => shop.staff.shop_backend.post('/v1/customers', keyed.sent, key);
    expect((await again()).body.id, 'control').toBe(keyed.id);
    await leave(shop.staff.shop_backend, keyed.id);
    await sweep();
    const answer = await again();
    expect([answer.status, answer.body.code]).toEqual([422, 'idempotency_key_reused']);
    expect(canariesOf(keyed).filter((canary) => answer.text.includes(canary))).toEqual([]);
  });

  test('on its day the erasure is answered, with what is kept and why', async () => {
    vault.advance(30 * day);
    await sweep();
    const [row] = await atDatabase<{ state: string; certificate: string }>(
      vault,
      'select state, certificate from amanat.requests where id = $1',
      [request],
    );
    expect(row?.state).toBe('partly');
    const publicKey = createPublicKey(vault.vault.keys.exportSigning.privateKey);
    const told = verifyReceipt(publicKey, row?.certificate ?? '') as { kept: { class: string }[] };
    expect(told.kept.map((kept) => kept.class)).toEqual(['invoice_snapshot']);
    const text = JSON.stringify(told);
    expect([...canaries, shop.ids.customer].filter((canary) => text.includes(canary))).toEqual([]);
    vault.advance(-30 * day);
  });
});

test('P11: raced with edits, reads and orders over two processes, nothing is readable under a destroyed key', async () => {
  const backend = tokenFor('shop_backend');
  const other = clientOf(beside.url, backend.id, '', backend.token);
  const seen = { read: 0, edited: 0, late: 0 };
  const raced: string[] = [];
  const once = async (): Promise<void> => {
    const person = await newPerson(backend, shop.people.naturalCustomer());
    const path = `/v1/customers/${person.id}`;
    const asked = { customerId: person.id, kind: 'erase', asker: 'subject', checked: 'account' };
    const { id } = made(await backend.post('/v1/requests', asked));
    const body = {
      customerId: person.id,
      externalRef: 'O-1',
      delivery: { to: 'customer', addressId: person.addressId },
    };
    const answers = await Promise.all([
      other.patch(path, { fields: { email: shop.people.email() } }, 1),
      dpo().post(`/v1/requests/${id}/decide`, { outcome: 'done' }),
      backend.get(path),
      other.post('/v1/orders', body),
      sweep(),
      sweepErasures(beside.vault),
      other.get(path),
    ]);
    const [edit, decided, read, ordered] = answers;
    expect([edit.status, decided.status, read.status, ordered.status].filter((status) => status >= 500)).toEqual([]);
    expect(decided.status, decided.text).toBe(200);
    if (edit.status === 200) seen.edited += 1;
    if (read.status === 200) seen.read += 1;
    if (ordered.status !== 201) seen.late += 1;
    raced.push(person.id);
  };
  for (let round = 0; round < 40; round += 1) await Promise.all(Array.from({ length: 5 }, once));
  await sweep();
  expect(raced).toHaveLength(200);
  expect(Math.min(seen.read, seen.edited), 'control: they met').toBeGreaterThan(0);
  const [left] = await atDatabase<Record<string, number>>(
    vault,
    `select (select count(*)::int from amanat.customers
              where id = any ($1) and (status <> 'erased' or data_key is not null or sealed is not null)) as customers,
            (select count(*)::int from amanat.orders
              where customer_id = any ($1) and (data_key is not null or sealed is not null)) as orders,
            (select count(*)::int from amanat.customer_versions where customer_id = any ($1)) as versions,
            (select count(*)::int from amanat.index_tags where customer_id = any ($1)) as tags`,
    [raced],
  );
  expect(left).toEqual({ customers: 0, orders: 0, versions: 0, tags: 0 });
  expect((await verifyRecords(vault.vault.db, vault.tenantId, () => undefined)).breach).toBeUndefined();
}, 120_000);
