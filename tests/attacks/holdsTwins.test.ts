import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import { clearanceOf } from '../../src/vault/holds.ts';
import { scopes } from '../../src/vault/permit.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, made } from '../support/work.ts';
import { actOperations, requestFor, targetOf } from './requests.ts';
import { openShop, tokenOf, type Shop, type StaffRole } from './shop.ts';

/**
 * A secret hold shows to nobody outside the legal roles. Two tenants, in everything twins (the same people, the same work, the
 * same requests in the same order), but that in one of them the customer is held: every answer is the same to the byte save
 * ids, times and codes, the same statements are sent, the same rows are written.
 */

let vault: TestVault;
let held: Shop;
let free: Shop;
const sent: string[] = [];

beforeAll(async () => {
  vault = await startVault({ wrapDatabase: noting });
  // What it looks up by itself is in no answer.
  vault.vault.watch.stop();
  [held, free] = [
    await openShop(vault, await vault.secondTenant(), 305),
    await openShop(vault, await vault.secondTenant(), 305),
  ];
  await atDatabase(vault, 'delete from amanat.holds where tenant_id = $1', [free.side.tenantId]);
});
afterAll(() => vault.stop());

/** Writes down the name of every statement that a connection sends. */
function noting(db: Database): Database {
  db.pool.on('connect', (client: pg.PoolClient) => {
    const { connection } = client as unknown as { connection: { bind: (message: { statement: string }) => void } };
    const bind = connection.bind.bind(connection);
    connection.bind = (message) => {
      sent.push(message.statement.replace(/_[0-9a-f]{16}$/, ''));
      bind(message);
    };
  });
  return db;
}

/** The watch's own, sent when its last look is too old. */
const background = new Set([
  'select_revocations',
  'select_cut_offs',
  'select_policy_versions',
  'select_recent_policy_notices',
  'select_destroyed_keys',
]);
/** Before the first and after the last of them a look begins and ends. */
function statementsSince(from: number): readonly string[] {
  const names = sent.slice(from);
  return names.filter(
    (name, i) => !background.has(name) && !(name === 'enter_scope' && background.has(names[i + 1] ?? '')),
  );
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const instant = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** Answers without what differs between any two vaults. The same id is the same number throughout. */
function normaliser(shop: Shop): (text: string) => string {
  const known = new Map<string, string>();
  return (text) =>
    text
      .replaceAll(shop.side.tenantId, '<tenant>')
      .replace(uuid, (id) => known.get(id) ?? (known.set(id, `<id ${known.size}>`), `<id ${known.size - 1}>`))
      .replace(instant, '<time>')
      .replace(/"(deliveryCode|secret|nextCursor|access_token|digest|leafHash)":"[^"]*"/g, '"$1":"<$1>"');
}

const counted = ['customers', 'orders', 'invoices', 'index_tags', 'grants', 'shipments', 'audit_leaves'] as const;
const written = [
  ...counted,
  'customer_versions',
  'order_versions',
  'holds',
  'idempotent_answers',
  'import_lines',
] as const;

async function rowsWritten({ side }: Shop): Promise<Record<string, number>> {
  const one = (table: string) => `(select count(*)::int from amanat.${table} where tenant_id = $1) as ${table}`;
  const [row] = await atDatabase<Record<string, number>>(vault, `select ${written.map(one).join(', ')}`, [
    side.tenantId,
  ]);
  return { ...row, holds: 0 };
}

interface Seen {
  readonly what: string;
  readonly answer: string;
  readonly statements: readonly string[];
  readonly rows: Readonly<Record<string, number>>;
}

const outsiders = [
  'shop_backend',
  'support',
  'after_sales',
  'accounting',
  'marketing',
  'courier',
  'payment_processor',
  'system_admin',
] as const satisfies readonly StaffRole[];

/** What somebody outside the legal desk gets past the gate for, and what tells of holds; p7Routes has the gate itself. */
const asked = actOperations.filter(
  ({ raw, path }) =>
    path.startsWith('/v1/holds') ||
    raw.operationId === 'createExport' ||
    (raw['x-roles'] as readonly string[]).some((role) => role === 'subject' || outsiders.some((own) => own === role)),
);

/** Every such operation, by every role outside the legal desk and by the person, one after the other. */
async function everything(shop: Shop): Promise<Seen[]> {
  const plain = normaliser(shop);
  const seen: Seen[] = [];
  for (const operation of asked) {
    for (const role of [...outsiders, 'subject'] as const) {
      // They end what the others are to be asked about.
      if (operation.raw.operationId === 'disableClient' && role === 'system_admin') continue;
      const client = role === 'subject' ? shop.staff.shop_backend : shop.staff[role];
      const by = tokenOf(vault, shop.side, client, role, {
        scopes,
        actor: 'staff-1',
        ...(role === 'subject' ? { subjectId: shop.ids.customer } : {}),
      });
      const request = requestFor(vault, shop, operation);
      const { [`cursor`]: _cursor, ...query } = request.query;
      const from = sent.length;
      const answer = await by.call(request.method, targetOf({ ...request, query }), request.body, request.headers);
      seen.push({
        what: `${role}: ${operation.raw.operationId}`,
        answer: plain(bytesOf(answer)),
        statements: statementsSince(from),
        rows: await rowsWritten(shop),
      });
    }
  }
  return seen;
}

/** Edits of what is held, by the shop: the same status, and the same work. */
async function edits(shop: Shop): Promise<Seen[]> {
  const plain = normaliser(shop);
  const { shop_backend: backend } = shop.staff;
  const { customer, address, recipientOrder } = shop.ids;
  const version = made(await backend.get(`/v1/customers/${customer}`), 200).version;
  const calls = [
    () => backend.patch(`/v1/customers/${customer}`, { fields: { email: shop.people.email() } }, version),
    () => backend.patch(`/v1/customers/${customer}`, { fields: { email: null, iban: null } }, version + 1),
    () =>
      backend.patch(`/v1/customers/${customer}`, { addresses: null, phones: [{ id: shop.ids.phone }] }, version + 2),
    () => backend.patch(`/v1/customers/${customer}`, { fields: { email: shop.people.email() } }, version),
    () =>
      backend.patch(
        `/v1/orders/${recipientOrder}`,
        { delivery: { to: 'recipient', recipient: shop.people.recipient() } },
        1,
      ),
    () => backend.patch(`/v1/orders/${recipientOrder}`, { delivery: { to: 'customer', addressId: address } }, 2),
    () => backend.post(`/v1/orders/${recipientOrder}/cancel`),
    () => backend.post('/v1/customers/search', { by: 'mobile', value: shop.person.sent.phones[0]?.number }),
    () => backend.get(`/v1/customers/${customer}`),
    () => backend.get('/v1/customers?limit=100'),
    () => backend.get(`/v1/orders?customerId=${customer}`),
    () => backend.get(`/v1/grants?customerId=${customer}`),
  ];
  const seen: Seen[] = [];
  for (const [i, call] of calls.entries()) {
    const from = sent.length;
    const answer = await call();
    seen.push({
      what: `edit ${i}`,
      answer: plain(bytesOf(answer)),
      statements: statementsSince(from),
      rows: await rowsWritten(shop),
    });
  }
  return seen;
}

describe('twins, of whom one is held', () => {
  test('control: the hold stands in one of them, and whatever asks about it is noticed', async () => {
    const seen = async (shop: Shop) => {
      const from = sent.length;
      const answer = await shop.staff.dpo.get(`/v1/holds?customerId=${shop.ids.customer}`);
      return { answer: normaliser(shop)(bytesOf(answer)), statements: statementsSince(from) };
    };
    const [one, other] = [await seen(held), await seen(free)];
    expect(one.answer).not.toBe(other.answer);
    expect(one.statements).toContain('list_holds');
    const keys = await vault.vault.keyring.tenant(held.side.tenantId);
    const from = sent.length;
    await clearanceOf(vault.vault, keys, [held.ids.customer], new Date(vault.vault.now()));
    expect(statementsSince(from)).toEqual(['enter_scope', 'select_holds_on']);
  });

  test('edits: the same answers, statements and rows', async () => {
    const [one, other] = [await edits(held), await edits(free)];
    expect(one.map(({ answer }) => answer.slice(0, 3))).toEqual([
      '200',
      '200',
      '200',
      '412',
      '200',
      '422',
      '200',
      '200',
      '200',
      '200',
      '200',
      '200',
    ]);
    expect(one).toEqual(other);
    expect(one[0]?.statements).toContain('update_customer');
    expect(one[0]?.rows['customer_versions']).toBe(1);
    expect(one.flatMap(({ statements }) => statements).filter((name) => name.includes('hold'))).toEqual([]);
  });

  test('every route, by every role outside the legal desk and by the person', async () => {
    const [one, other] = [await everything(held), await everything(free)];
    expect(one.length).toBe(other.length);
    const differing = one.filter((seen, i) => JSON.stringify(seen) !== JSON.stringify(other[i]));
    expect(differing.map(({ what }, i) => [what, differing[i], other.find((o) => o.what === what)])).toEqual([]);
    expect(new Set(one.map(({ answer }) => answer.slice(0, 3))).size).toBeGreaterThan(3);
    const named = one.flatMap(({ statements }) => statements);
    expect(named.filter((name) => name.includes('hold'))).toEqual([]);
    expect(named).toContain('read_customers');
  });
});
