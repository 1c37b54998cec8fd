import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clearanceOf } from '../../src/vault/holds.ts';
import { scopes } from '../../src/vault/permit.ts';
import { sweepRetention } from '../../src/vault/retention.ts';
import type { TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, day, made, newOrder } from '../support/work.ts';
import { actOperations, requestFor, targetOf } from './requests.ts';
import { tokenOf, type Shop, type StaffRole } from './shop.ts';
import { normaliser, openTwins, type Twins } from './twins.ts';

/**
 * A secret hold shows to nobody outside the legal roles. Two tenants, in everything twins (the same people, the same work, the
 * same requests in the same order), but that in one of them the customer is held: every answer is the same to the byte save
 * ids, times and codes, the same statements are sent, the same rows are written.
 */

let twins: Twins;
let vault: TestVault;
let held: Shop;
let free: Shop;

beforeAll(async () => {
  twins = await openTwins(305);
  ({ vault, held, free } = twins);
});
afterAll(() => vault.stop());

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
      const from = twins.sent.length;
      const answer = await by.call(request.method, targetOf({ ...request, query }), request.body, request.headers);
      seen.push({
        what: `${role}: ${operation.raw.operationId}`,
        answer: plain(bytesOf(answer)),
        statements: twins.statementsSince(from),
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
    const from = twins.sent.length;
    const answer = await call();
    seen.push({
      what: `edit ${i}`,
      answer: plain(bytesOf(answer)),
      statements: twins.statementsSince(from),
      rows: await rowsWritten(shop),
    });
  }
  return seen;
}

describe('twins, of whom one is held', () => {
  test('control: the hold stands in one of them, and whatever asks about it is noticed', async () => {
    const seen = async (shop: Shop) => {
      const from = twins.sent.length;
      const answer = await shop.staff.dpo.get(`/v1/holds?customerId=${shop.ids.customer}`);
      return { answer: normaliser(shop)(bytesOf(answer)), statements: twins.statementsSince(from) };
    };
    const [one, other] = [await seen(held), await seen(free)];
    expect(one.answer).not.toBe(other.answer);
    expect(one.statements).toContain('list_holds');
    const keys = await vault.vault.keyring.tenant(held.side.tenantId);
    const from = twins.sent.length;
    await clearanceOf(vault.vault, keys, [held.ids.customer], new Date(vault.vault.now()));
    expect(twins.statementsSince(from)).toEqual(['enter_scope', 'select_holds_on']);
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
    expect(one[0]?.statements).toContain('update_customers');
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
    // Thousands of calls, one after the other.
  }, 300_000);

  test('the statement of what is held, also when what the hold keeps has had its time', async () => {
    const gone = async (shop: Shop): Promise<string> => {
      const { shop_backend: backend } = shop.staff;
      const recipient = shop.people.recipient();
      const order = await newOrder(backend, shop.person, { to: 'recipient', recipient });
      made(await backend.post(`/v1/orders/${order}/cancel`), 200);
      return order;
    };
    const orders = [await gone(held), await gone(free)];
    vault.advance(8 * day);
    await vault.vault.watch.lookAnew();
    const policy = vault.vault.watch.policy(held.side.tenantId);
    for (const { side } of [held, free]) await sweepRetention(vault.vault, policy, side.tenantId);
    const kept = await atDatabase<{ id: string; kept: boolean }>(
      vault,
      'select id, data_key is not null as kept from amanat.orders where id = any ($1)',
      [orders],
    );
    const isKept = (id: string | undefined) => kept.find((row) => row.id === id)?.kept;
    expect(orders.map(isKept), 'control: of one it is still there, of the other it has gone').toEqual([true, false]);
    const stated = async (shop: Shop) => {
      const plain = normaliser(shop);
      const seen: unknown[] = [];
      for (const role of ['shop_backend', 'support', 'dpo', 'subject'] as const) {
        const client = role === 'subject' ? shop.staff.shop_backend : shop.staff[role];
        const by = tokenOf(vault, shop.side, client, role, {
          scopes,
          actor: 'staff-1',
          ...(role === 'subject' ? { subjectId: shop.ids.customer } : {}),
        });
        for (const query of ['', '?format=html']) {
          const from = twins.sent.length;
          const answer = await by.get(`/v1/customers/${shop.ids.customer}/statement${query}`);
          expect(answer.status).toBe(200);
          seen.push([plain(bytesOf(answer)), twins.statementsSince(from)]);
        }
      }
      return seen;
    };
    expect(await stated(held)).toEqual(await stated(free));
  });
});
