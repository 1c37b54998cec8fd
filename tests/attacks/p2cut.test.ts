import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { legalDesk, orderBody, type LegalDesk } from '../http/legalDesk.ts';
import { clientOf, startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, made, newOrder, newParcel, newPerson, subjectOf, type Person } from '../support/work.ts';
import { torn } from './burst.ts';
import { cuttingProxy, type CuttingProxy } from './cuttingProxy.ts';

let vault: TestVault;
let desk: LegalDesk;
let shop: TestClient;
let courier: TestClient;
let person: Person;
const people = synthetic(221);

beforeAll(async () => {
  vault = await startVault({ clock: 'machine' });
  desk = await legalDesk(vault, 223);
  shop = desk.shop;
  courier = await vault.client('courier');
  person = await newPerson(shop, people.naturalCustomer());
});
afterAll(() => vault.stop());

const customersWith = async (nationalId: string): Promise<string[]> => {
  const found = made(await shop.post('/v1/customers/search', { by: 'nationalId', value: nationalId }), 200);
  return found.matches.map((match: { id: string }) => match.id);
};

let keys = 0;
const newKey = () => ({ 'idempotency-key': `cut-${(keys += 1)}` });

interface Post {
  readonly by: TestClient;
  readonly path: string;
  readonly body: unknown;
  /** Rows of it, before and after. */
  readonly rows: string;
  /** What says that it was done; 201 when absent. */
  readonly done?: number;
}

const posts: Readonly<Record<string, () => Promise<Post>>> = {
  'a customer': async () => ({ by: shop, path: '/v1/customers', body: people.naturalCustomer(), rows: 'customers' }),
  'an order': async () => ({
    by: shop,
    path: '/v1/orders',
    body: { customerId: person.id, externalRef: 'O-9', delivery: { to: 'customer', addressId: person.addressId } },
    rows: 'orders',
  }),
  'a grant': async () => ({
    by: shop,
    path: '/v1/grants',
    body: {
      kind: 'ticket',
      customerId: person.id,
      grantee: { role: 'support' },
      closesAt: new Date(vault.vault.now() + day).toISOString(),
    },
    rows: 'grants',
  }),
  'a shipment, whose code is shown once': async () => ({
    by: shop,
    path: `/v1/orders/${await newOrder(shop, person)}/shipments`,
    body: { courierClientId: courier.id },
    rows: 'shipments',
  }),
  'an invoice': async () => ({
    by: shop,
    path: `/v1/orders/${await newOrder(shop, person)}/invoices`,
    body: {},
    rows: 'invoices',
  }),
  'a client, whose secret is shown once': async () => ({
    by: vault.admin,
    path: '/v1/clients',
    body: { name: 'till', role: 'shop_backend', authMethod: 'client_secret' },
    rows: 'clients',
  }),
  'a message': async () => ({
    by: shop,
    path: '/v1/messages',
    body: { customerId: person.id, purpose: 'tracking', channel: 'sms', text: 'در راه است' },
    rows: 'messages',
    done: 202,
  }),
  'a request about one’s own data': async () => {
    const { id } = await newPerson(shop, people.naturalCustomer());
    const by = await subjectOf(vault, shop, id);
    return { by, path: '/v1/requests', body: { customerId: id, kind: 'erase' }, rows: 'requests' };
  },
  'a report of misuse, which freezes': async () => {
    const { id } = await newPerson(shop, people.naturalCustomer());
    return { by: shop, path: '/v1/misuse-reports', body: { customerId: id }, rows: 'cases' };
  },
  'a legal order': async () => ({
    by: desk.registrar,
    path: '/v1/legal-orders',
    body: orderBody(vault, [{ customerId: person.id }]),
    rows: 'legal_orders',
  }),
  'an export': async () => ({
    by: desk.registrar,
    path: '/v1/exports',
    body: { legalOrderId: await desk.approve([{ customerId: person.id }]) },
    rows: 'exports',
  }),
};

async function countOf(table: string): Promise<number> {
  const [row] = await atDatabase<{ n: number }>(vault, `select count(*)::integer as n from amanat.${table}`);
  return row?.n ?? 0;
}

describe('P2: the connection to the client is cut at the answer', () => {
  let proxy: CuttingProxy;
  beforeAll(async () => {
    proxy = await cuttingProxy(Number(new URL(vault.url).port));
  });
  afterAll(() => proxy.stop());
  const through = ({ id, secret, token }: TestClient) => clientOf(`http://127.0.0.1:${proxy.port}`, id, secret, token);

  test.each(Object.entries(posts))(
    '%s: the same key gives the first answer, and nothing is made twice',
    async (_, prepare) => {
      const { by, path, body, rows, done = 201 } = await prepare();
      const key = newKey();
      const before = await countOf(rows);
      const cut = proxy.cut('at the answer', path);
      await expect(through(by).post(path, body, key)).rejects.toThrow('fetch failed');
      await cut;
      expect(await countOf(rows), 'control: it was done').toBe(before + 1);
      const again = await by.post(path, body, key);
      expect(again.status, again.text).toBe(done);
      expect(await countOf(rows)).toBe(before + 1);
      expect((await by.post(path, body, key)).body).toEqual(again.body);
      const [row] = await atDatabase<{ id: string }>(vault, `select id from amanat.${rows} order by id desc limit 1`);
      expect(row?.id).toBe(again.body.id);
    },
  );

  test('a delivery is confirmed once, and the same key says so again', async () => {
    const parcel = await newParcel(shop, await newOrder(shop, person), courier);
    const key = newKey();
    const path = `/v1/deliveries/${parcel.id}/confirm`;
    const body = { code: parcel.deliveryCode };
    const cut = proxy.cut('at the answer', path);
    await expect(through(courier).post(path, body, key)).rejects.toThrow('fetch failed');
    await cut;
    const again = await courier.post(path, body, key);
    expect(again.body).toEqual({ id: parcel.id, status: 'delivered' });
    expect((await courier.post(path, body)).status, 'control: without the key the parcel is gone').toBe(404);
  });
});

describe('P2: the connection to PostgreSQL is cut', () => {
  let proxy: CuttingProxy;
  let cutOff: TestVault;

  beforeAll(async () => {
    const url = new URL(vault.db.serviceUrl);
    proxy = await cuttingProxy(Number(url.port));
    url.port = String(proxy.port);
    cutOff = await startVault({ beside: vault, database: { ...vault.db, serviceUrl: url.href } });
  });
  afterAll(async () => {
    await cutOff.stop();
    await proxy.stop();
  });
  const through = ({ id, secret, token }: TestClient) => clientOf(cutOff.url, id, secret, token);

  async function cutDuring(
    when: 'before' | 'at the answer',
    statement: string,
    call: () => Promise<Answer>,
  ): Promise<void> {
    const cut = proxy.cut(when, statement);
    const answer = await call();
    await cut;
    expect([answer.status, answer.body.code]).toEqual([503, 'audit_unavailable']);
    expect(answer.headers.get('retry-after')).toBe('1');
  }

  test.each(Object.entries(posts))(
    'at the answer to the commit of %s: the same key gives the first result',
    async (_, prepare) => {
      const { by, path, body, rows, done = 201 } = await prepare();
      const key = newKey();
      const before = await countOf(rows);
      await cutDuring('at the answer', 'insert_idempotent_answer', () => through(by).post(path, body, key));
      expect(await countOf(rows), 'control: it was done').toBe(before + 1);
      const again = await through(by).post(path, body, key);
      expect(again.status, again.text).toBe(done);
      const [row] = await atDatabase<{ id: string }>(vault, `select id from amanat.${rows} order by id desc limit 1`);
      expect(row?.id).toBe(again.body.id);
      expect(await countOf(rows)).toBe(before + 1);
    },
  );

  test.each(Object.entries(posts))(
    'before the commit of %s: nothing is there, and the same key does it',
    async (_, prepare) => {
      const { by, path, body, rows, done = 201 } = await prepare();
      const key = newKey();
      const before = [await countOf(rows), await countOf('audit_leaves'), await countOf('idempotent_answers')];
      await cutDuring('before', 'insert_idempotent_answer', () => through(by).post(path, body, key));
      expect([await countOf(rows), await countOf('audit_leaves'), await countOf('idempotent_answers')]).toEqual(before);
      expect((await through(by).post(path, body, key)).status).toBe(done);
      expect(await countOf(rows)).toBe((before[0] ?? 0) + 1);
    },
  );

  test('a create without a key is there or not, and says so when it is sent again', async () => {
    const sent = people.naturalCustomer();
    await cutDuring('at the answer', 'insert_leaves', () => through(shop).post('/v1/customers', sent));
    expect((await shop.post('/v1/customers', sent)).body.code).toBe('already_exists');
    expect(await customersWith(sent.fields.nationalId)).toHaveLength(1);
    const other = people.naturalCustomer();
    await cutDuring('before', 'insert_leaves', () => through(shop).post('/v1/customers', other));
    expect((await shop.post('/v1/customers', other)).status).toBe(201);
  });

  test('a patch is there or not, and its If-Match tells which', async () => {
    const { id } = await newPerson(shop, people.naturalCustomer());
    const change = { fields: { email: people.email() } };
    const patch = (by: TestClient) => by.patch(`/v1/customers/${id}`, change, 1);
    await cutDuring('before', 'update_customers', () => patch(through(shop)));
    expect((await shop.get(`/v1/customers/${id}`)).body.version).toBe(1);
    await cutDuring('at the answer', 'update_customers', () => patch(through(shop)));
    expect((await patch(shop)).body.code).toBe('precondition_failed');
    expect((await shop.get(`/v1/customers/${id}`)).body.version).toBe(2);
  });

  test('at the answer to a read: the leaf is there, and nothing of the record leaves', async () => {
    const support = through(await vault.client('support', { actor: 'staff-7' }));
    const open = { kind: 'ticket', customerId: person.id, grantee: { role: 'support' } };
    const closesAt = new Date(vault.vault.now() + day).toISOString();
    const grant = made(await shop.post('/v1/grants', { ...open, closesAt })).id;
    const read = () => support.get(`/v1/customers/${person.id}?grant=${grant}`);
    const email = String(person.sent.fields['email']);
    expect((await read()).text, 'control').toContain(email);
    const before = await countOf('audit_leaves');
    const cut = proxy.cut('at the answer', 'read_customers');
    const answer = await read();
    await cut;
    expect([answer.status, answer.body.code]).toEqual([503, 'audit_unavailable']);
    expect(answer.text).not.toContain(email);
    expect(await countOf('audit_leaves')).toBe(before + 1);
  });
});

test('P2: after all this no write is there in part; control: one that is, is seen', async () => {
  const ids = [];
  for (let n = 0; n < 4; n += 1) ids.push((await newPerson(shop, people.naturalCustomer())).id);
  expect(await torn(vault.db.ownerUrl)).toEqual([]);
  const spoil = [
    'delete from amanat.audit_leaves where subject_id = $1',
    `delete from amanat.index_tags where customer_id = $1 and field = 'email'`,
    'update amanat.customers set sealed = sealed || sealed where id = $1',
    'delete from amanat.customers where id = $1',
  ];
  for (const [n, sql] of spoil.entries()) await atDatabase(vault, sql, [ids[n]]);
  const seen = await torn(vault.db.ownerUrl);
  for (const id of ids) expect(seen.filter((fault) => fault.startsWith(id)).length, id).toBeGreaterThan(0);
});
