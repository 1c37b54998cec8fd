import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seal } from '../../src/crypto/seal.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { withClient } from '../support/postgres.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, hour, made, newOrder, newPerson, subjectOf, type Person } from '../support/work.ts';
import { synthetic } from '../../src/cli/synthetic.ts';

/**
 * P14, table by table: after an erasure no byte in the whole schema is sealed under a key that was destroyed, no wrapped key and
 * no index tag of the person is left, and no value of theirs stands anywhere in clear. Every sealed value begins with the
 * commitment to its key, so a new table is searched without anybody's thinking of it; and a table that nobody has placed below
 * fails this test, so that somebody does think of it.
 */

/** goes: holds what goes with the person. kept: outlives them, under its own key or as ids and times. none: nothing of anybody. */
const tables: Readonly<Record<string, 'goes' | 'kept' | 'none'>> = {
  acceptances: 'kept',
  admissions: 'none',
  anomalies: 'kept',
  audit_checkpoints: 'none',
  audit_epochs: 'none',
  audit_expiries: 'none',
  audit_heads: 'none',
  audit_id_tiles: 'kept',
  audit_leaves: 'kept',
  audit_pending: 'kept',
  audit_tiles: 'kept',
  break_glass: 'goes',
  cases: 'goes',
  client_assertions: 'none',
  client_secrets: 'none',
  clients: 'none',
  consent_heads: 'kept',
  consents: 'kept',
  contact_assurances: 'goes',
  contact_verifications: 'goes',
  copy_links: 'goes',
  customer_versions: 'goes',
  customers: 'goes',
  decoy_lists: 'kept',
  destroyed_keys: 'kept',
  events: 'kept',
  exports: 'kept',
  extracts: 'none',
  feedback: 'goes',
  full_reads: 'none',
  grants: 'goes',
  holds: 'kept',
  idempotent_answers: 'goes',
  idle_notices: 'kept',
  import_lines: 'kept',
  incident_extents: 'kept',
  incident_subjects: 'kept',
  incident_tellings: 'kept',
  incidents: 'none',
  index_tags: 'goes',
  invoices: 'kept',
  leases: 'none',
  legal_document_chunks: 'kept',
  legal_documents: 'kept',
  legal_orders: 'kept',
  messages: 'goes',
  notices: 'kept',
  order_versions: 'goes',
  orders: 'goes',
  permissions: 'goes',
  policy_changes: 'none',
  policy_heads: 'none',
  policy_mailings: 'none',
  policy_notices: 'none',
  policy_publications: 'none',
  policy_versions: 'none',
  file_keys: 'none',
  processes: 'none',
  reader_counts: 'none',
  reader_freezes: 'none',
  reader_watch: 'none',
  recipients: 'none',
  requests: 'goes',
  seals: 'none',
  shipments: 'kept',
  statistics: 'none',
  supplementary_requests: 'goes',
  suppressions: 'kept',
  tenant_keys: 'none',
  tenants: 'none',
  token_revocations: 'none',
  undertakings: 'none',
  vat_certificates: 'kept',
  webhook_deliveries: 'kept',
  webhooks: 'none',
};

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
const people = synthetic(1417);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-3' });
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

/** Bytes and texts that nothing of the schema may hold any more. */
interface Traces {
  readonly bytes: ReadonlyMap<string, Buffer>;
  readonly texts: readonly string[];
}

/** Somebody of whom there is something in as many tables as the vault itself fills. */
async function everywhere(): Promise<Person> {
  const sent = people.naturalCustomer();
  const { id } = made(await shop.post('/v1/customers', sent, { 'idempotency-key': 'everywhere' }));
  const addressId = made(await shop.get(`/v1/customers/${id}`), 200).addresses[0].id;
  const person = { id, addressId, sent };
  const subject = await subjectOf(vault, shop, id);
  const order = await newOrder(shop, person, { to: 'recipient', recipient: people.recipient() });
  const again = { delivery: { to: 'recipient', recipient: people.recipient() } };
  made(await shop.patch(`/v1/orders/${order}`, again, 1), 200);
  made(await shop.patch(`/v1/customers/${id}`, { fields: { iban: people.iban() } }, 1), 200);
  const ticket = { kind: 'ticket', customerId: id, grantee: { role: 'support' }, externalRef: 'T-7' };
  made(await shop.post('/v1/grants', { ...ticket, closesAt: new Date(vault.vault.now() + hour).toISOString() }));
  const refund = { kind: 'refund', customerId: id, grantee: { role: 'accounting' }, account: { iban: people.iban() } };
  made(await shop.post('/v1/grants', { ...refund, closesAt: new Date(vault.vault.now() + hour).toISOString() }));
  const correction = { fields: { email: people.email() } };
  made(await subject.post('/v1/requests', { customerId: id, kind: 'correct', correction, note: 'نشانی من عوض شده' }));
  const copy = made(await subject.post('/v1/requests', { customerId: id, kind: 'copy' })).id;
  made(await subject.post(`/v1/requests/${copy}/link`));
  const tracking = { customerId: id, purpose: 'tracking', channel: 'sms', text: 'سفارش شما در راه است' };
  made(await shop.post('/v1/messages', tracking), 202);
  const call = { contactPoint: 'email', callReference: 'call-17' };
  made(await support.post(`/v1/customers/${id}/contact-points/confirm`, call), 200);
  const report = made(await support.post('/v1/misuse-reports', { customerId: id, text: 'کسی وارد حساب شده' }));
  const dispute = { outcome: 'unfounded', finding: 'چیزی نبود' };
  made(await dpo.post(`/v1/misuse-reports/${report.id}/resolve`, dispute), 200);
  return person;
}

async function tracesOf({ id, sent }: Person): Promise<Traces> {
  const keys = await vault.vault.keyring.tenant(vault.tenantId);
  const rows = await atDatabase<{
    kind: 'customer' | 'order' | 'message';
    id: string;
    keyVersion: number;
    wrapped: Buffer;
  }>(
    vault,
    `select 'customer' as kind, id, key_version as "keyVersion", data_key as wrapped from amanat.customers where id = $1
     union all select 'order', id, key_version, data_key from amanat.orders where customer_id = $1
     union all select 'message', id, key_version, data_key from amanat.messages where customer_id = $1 and data_key is not null`,
    [id],
  );
  const bytes = new Map<string, Buffer>();
  for (const row of rows) {
    const context = { tenantId: vault.tenantId, kind: row.kind, recordId: row.id, version: 1, field: 'probe' };
    const key = keys.dataKey(row);
    const [one, other] = [seal(key, context, 'one'), seal(key, context, 'other')];
    // The commitment of a key is the same in whatever it seals; crypto/envelope.ts.
    expect(one.subarray(1, 33)).toEqual(other.subarray(1, 33));
    bytes.set(`sealed under ${row.kind} ${row.id}`, one.subarray(1, 33));
    bytes.set(`key of ${row.kind} ${row.id}`, row.wrapped);
  }
  const tags = await atDatabase<{ tag: Buffer; field: string }>(
    vault,
    'select tag, field from amanat.index_tags where customer_id = $1',
    [id],
  );
  for (const { tag, field } of tags) bytes.set(`tag of ${field}`, tag);
  const { nationalId = '', email = '', iban = '' } = sent.fields;
  return { bytes, texts: [nationalId, email, iban, sent.phones[0]?.number.slice(1) ?? ''] };
}

/** Where in the schema any of it stands: `requests: sealed under customer …`. */
async function found({ bytes, texts }: Traces): Promise<string[]> {
  return withClient(vault.db.superuserUrl, async (client) => {
    const listed = await client.query<{ name: string; columns: string[] | null }>(
      `select t.table_name as name,
              array_agg(c.column_name::text) filter (where c.data_type = 'bytea') as columns
         from information_schema.tables t
         join information_schema.columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
        where t.table_schema = 'amanat' and t.table_type = 'BASE TABLE'
        group by t.table_name`,
    );
    const places: string[] = [];
    for (const { name, columns } of listed.rows) {
      for (const [what, value] of bytes) {
        const hit = (columns ?? []).map((column) => `position($1::bytea in coalesce(${column}, ''::bytea)) > 0`);
        if (hit.length === 0) continue;
        const some = await client.query(`select 1 from amanat.${name} where ${hit.join(' or ')} limit 1`, [value]);
        if (some.rowCount === 1) places.push(`${name}: ${what}`);
      }
      for (const text of texts) {
        const some = await client.query(
          `select 1 from amanat.${name} t where position($1::text in t::text) > 0
             or position(encode(convert_to($1::text, 'UTF8'), 'hex') in t::text) > 0 limit 1`,
          [text],
        );
        if (some.rowCount === 1) places.push(`${name}: in clear`);
      }
    }
    return places;
  });
}

const tablesIn = (places: readonly string[]): string[] =>
  [...new Set(places.map((place) => place.split(':')[0] ?? ''))].toSorted();

describe('P14: what is left in the tables of one who was erased', () => {
  test('every table of the schema has its place in the list above', async () => {
    const there = await atDatabase<{ name: string }>(
      vault,
      `select table_name as name from information_schema.tables
        where table_schema = 'amanat' and table_type = 'BASE TABLE' and table_name not like 'schema\\_%'
          and table_name not like 'migration%'`,
    );
    expect(there.map(({ name }) => name).toSorted()).toEqual(Object.keys(tables).toSorted());
  });

  test('nothing that was sealed under their keys, no key, no tag; control: before, and of another', async () => {
    const [gone, twin] = [await everywhere(), await newPerson(shop, people.naturalCustomer())];
    const [traces, theirs] = [await tracesOf(gone), await tracesOf(twin)];
    const before = tablesIn(await found(traces));
    expect(before, 'control').toEqual(
      expect.arrayContaining([
        'cases',
        'contact_assurances',
        'customer_versions',
        'customers',
        'grants',
        'index_tags',
        'messages',
      ]),
    );
    expect(before, 'control').toEqual(expect.arrayContaining(['order_versions', 'orders', 'requests']));
    // Whatever holds it says above that it goes.
    expect(before.filter((name) => tables[name] !== 'goes')).toEqual([]);
    const asked = { customerId: gone.id, kind: 'erase', asker: 'subject', checked: 'account' };
    const { id } = made(await shop.post('/v1/requests', asked));
    made(await dpo.post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
    await sweepErasures(vault.vault);
    expect(await found(traces)).toEqual([]);
    const [left] = await atDatabase<Record<string, number>>(
      vault,
      `select (select count(*)::int from amanat.copy_links where customer_id = $1) as links,
              (select count(*)::int from amanat.messages where customer_id = $1 and sealed is not null) as messages,
              (select count(*)::int from amanat.idempotent_answers where subject_id = $1 and length(answer) > 0) as answers,
              (select count(*)::int from amanat.requests
                where customer_id = $1 and coalesce(note, why, proposal) is not null) as words`,
      [gone.id],
    );
    expect(left).toEqual({ links: 0, messages: 0, answers: 0, words: 0 });
    expect(tablesIn(await found(theirs))).toEqual(expect.arrayContaining(['customers', 'index_tags']));
  });
});
