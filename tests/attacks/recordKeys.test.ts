import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exit, type Exit, type Output } from '../../src/cli/command.ts';
import { rotateOf, rotateRecords } from '../../src/cli/keysRotate.ts';
import type { KeySession } from '../../src/cli/keyTurning.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { unopenedWords } from '../../src/cli/unopened.ts';
import { packRecord, unpackRecord } from '../../src/crypto/container.ts';
import { digestOf } from '../../src/crypto/digest.ts';
import { sealEnvelope } from '../../src/crypto/envelope.ts';
import { associatedData, type RecordKind, type SealContext } from '../../src/crypto/label.ts';
import { pad } from '../../src/crypto/padding.ts';
import { open, seal, type DataKey } from '../../src/crypto/seal.ts';
import { commit } from '../../src/db/commit.ts';
import { DbFault } from '../../src/db/fault.ts';
import { keyPlaces } from '../../src/db/keyPlaces.ts';
import { ownPlaceNames, ownPlaces, selectOwn } from '../../src/db/ownKeys.ts';
import { statement } from '../../src/db/statement.ts';
import { contentHash } from '../../src/vault/contentHash.ts';
import { sweepIntegrity } from '../../src/vault/integritySweep.ts';
import type { Turning } from '../../src/vault/keyTurn.ts';
import { operatorLeaf } from '../../src/vault/operatorLeaf.ts';
import { renewAll, renewCustomer } from '../../src/vault/renewRecords.ts';
import { rotateData } from '../../src/vault/rewrap.ts';
import { hold } from '../support/holds.ts';
import { customerUnder } from '../support/profiles.ts';
import { untilWaiting, withClient } from '../support/postgres.ts';
import { undertaken } from '../support/undertakings.ts';
import { clientOf, startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  killedOnce,
  made,
  newOrder,
  newParcel,
  newPerson,
  statuses,
  subjectOf,
  type Person,
} from '../support/work.ts';
import { shipped } from '../unit/policy/shipped.ts';
import { openShop, ticketBody, type Shop, type Side } from './shop.ts';

/** Records get new data keys while two processes serve, and what the former ones opened they open no more. */

let vault: TestVault;
let beside: TestVault;
let shop: Shop;
/** Where an emergency, and a permission, can be. */
let others: readonly Side[];
let backend: TestClient;
/** The order of a hold that was let go. */
let released: string;
const people = synthetic(1607);

beforeAll(async () => {
  vault = await startVault({ clock: 'machine' });
  beside = await startVault({ beside: vault });
  shop = await openShop(vault, vault, 1608);
  backend = shop.staff.shop_backend;
  await wordEverywhere();
  const [citra, ito] = [await vault.secondTenant('citra'), await vault.secondTenant('ito')];
  await openGlass(citra);
  await givePermission(ito);
  others = [citra, ito];
}, 60_000);
afterAll(async () => {
  await beside.stop();
  await vault.stop();
});

/** Of the shop's person, words in every row that can have some, and former states of customer and order. */
async function wordEverywhere(): Promise<void> {
  const { id } = shop.person;
  const { courier, support } = shop.staff;
  twice.customerId = id;
  const { version } = made(await backend.get(`/v1/customers/${id}`), 200);
  made(await backend.patch(`/v1/customers/${id}`, { fields: { email: people.email() } }, version), 200);
  const delivery = { to: 'recipient', recipient: people.recipient() };
  made(await backend.patch(`/v1/orders/${shop.ids.recipientOrder}`, { delivery }, 1), 200);
  made(await backend.post('/v1/grants', ticketBody(vault, id, { externalRef: 'T-17' })));
  // Held, as the shop's person is: a hold keeps it, and lets it be sealed anew.
  const account = { iban: people.iban(), holderName: 'مریم احمدی' };
  const refund = { kind: 'refund', grantee: { role: 'accounting' }, account };
  made(await backend.post('/v1/grants', ticketBody(vault, id, refund)));
  made(await courier.post(`/v1/deliveries/${shop.parcel.id}/fail`, { reason: 'کسی نبود' }), 200);
  const asked = { customerId: id, kind: 'correct', asker: 'subject', checked: 'account', note: 'نام من' };
  made(await backend.post('/v1/requests', { ...asked, correction: { fields: { givenName: 'زهرا' } } }));
  const staff = await support.as('staff-3');
  made(
    await staff.post(`/v1/customers/${id}/contact-points/confirm`, { contactPoint: 'email', callReference: 'call-17' }),
    200,
  );
  const { legal_registrar: registrar, legal_approver: approver } = shop.staff;
  const other = await newPerson(backend, people.naturalCustomer());
  const [letGo] = await hold(vault, registrar, [other.id]);
  released = letGo!.legalOrderId;
  made(await approver.post(`/v1/holds/${letGo!.id}/release`, { reason: 'پایان' }), 200);
  made(await backend.post('/v1/complaints', twice, { 'idempotency-key': 'twice' }));
  const own = await subjectOf(vault, backend, id);
  const answers = { nationalId: people.nationalId() };
  made(await own.post(`/v1/supplementary-requests/${shop.ids.supplementary}/answers`, { answers }), 200);
}

/** Asked again under the same Idempotency-Key. */
const twice = { customerId: '', text: 'بسته باز بود' };

async function openGlass(side: Side): Promise<void> {
  const [staff, admin] = [await side.client('shop_backend'), await side.admin.as('root-1')];
  await undertaken(await side.client('dpo', { actor: 'staff-9' }), 'root-1');
  const { id } = await newPerson(staff, customerUnder(shipped.citra, people.naturalCustomer()));
  const body = { customerId: id, reason: 'پس از قطعی برق', fields: ['mobile'], minutes: 10 };
  made(await admin.post('/v1/break-glass', body));
}

async function givePermission(side: Side): Promise<void> {
  const staff = await side.client('shop_backend');
  const { id } = await newPerson(staff, customerUnder(shipped.ito, people.naturalCustomer()));
  const said = { recipientName: 'بیمه', purpose: 'بیمهٔ کالا', fields: ['mobile'], textVersion: 'p-1' };
  made(await staff.post(`/v1/customers/${id}/permissions`, said));
}

const killed = new Error('killed');

function turner(tenantId: string, more: Partial<Turning> = {}): Turning {
  const { db, keys, now, keyring } = vault.vault;
  return {
    db,
    keyring,
    roots: keys.root.byId,
    tenantId,
    policyVersion: 'kalak/1',
    now,
    pageSize: 3,
    settle: () => Promise.resolve(),
    rest: () => Promise.resolve(),
    onBroken: (place, id) => expect.unreachable(`${place} ${id} does not open`),
    onProgress: () => undefined,
    ...more,
  };
}

/** What `amanat keys rotate` does and prints, without its waiting. */
async function asCommand(
  rotate: (session: Pick<KeySession, 'tenants' | 'turning'>, out: Output) => Promise<Exit>,
): Promise<{ readonly code: Exit; readonly value: unknown; readonly said: string }> {
  const told: { value: unknown; said: string }[] = [];
  const out = {
    result: (value: unknown, readable: () => string) => void told.push({ value, said: readable() }),
  } as Output;
  const session: Pick<KeySession, 'tenants' | 'turning'> = {
    tenants: [vault.tenantId],
    turning: (tenantId, onBroken) => turner(tenantId, { onBroken }),
  };
  const code = await rotate(session, out);
  return { code, value: told[0]?.value, said: told[0]?.said ?? '' };
}

const flawOf = async (tenantId = vault.tenantId) =>
  (await sweepIntegrity(vault.vault.db, vault.vault.keyring, tenantId, undefined, () => undefined)).flaw;

interface KeyRow {
  readonly kind: RecordKind;
  readonly id: string;
  readonly version: number;
  readonly keyVersion: number;
  readonly wrapped: Buffer;
}

const keyRows = (tenantId = vault.tenantId) =>
  atDatabase<KeyRow>(
    vault,
    `select 'customer' as kind, id, version, key_version as "keyVersion", data_key as wrapped
       from amanat.customers where tenant_id = $1
     union all select 'order', id, version, key_version, data_key from amanat.orders where tenant_id = $1
      order by 1, 2`,
    [tenantId],
  );

/** All the others that have a key of their own. */
async function ownRows(tenantId = vault.tenantId): Promise<readonly (KeyRow & { readonly place: string })[]> {
  const rows = await Promise.all(
    ownPlaceNames.map((place) => {
      const { table, kind, id, keyVersion, dataKey } = keyPlaces[place];
      return atDatabase<KeyRow & { place: string }>(
        vault,
        `select '${place}' as place, '${kind}' as kind, ${id} as id, 0 as version, ${keyVersion} as "keyVersion",
                ${dataKey} as wrapped
           from amanat.${table} where tenant_id = $1 and ${dataKey} is not null`,
        [tenantId],
      );
    }),
  );
  return rows.flat();
}

/** In which columns of the whole schema any of these byte strings stands. */
async function placesOf(found: readonly Buffer[]): Promise<string[]> {
  return withClient(vault.db.superuserUrl, async (client) => {
    const { rows } = await client.query<{ table: string; column: string }>(
      `select c.table_name as table, c.column_name as column
         from information_schema.columns c
        where c.table_schema = 'amanat' and c.data_type = 'bytea' order by 1, 2`,
    );
    const places: string[] = [];
    for (const { table, column } of rows) {
      const hit = await client.query(
        `select 1 from amanat.${table} r, unnest($1::bytea[]) k where position(k in r.${column}) > 0 limit 1`,
        [found],
      );
      if (hit.rowCount === 1) places.push(`${table}.${column}`);
    }
    return places;
  });
}

/** Keys as they are wrapped, and the commitments by which whatever they sealed is known. */
async function marksOf(tenantId: string, rows: readonly KeyRow[]): Promise<{ wrapped: Buffer[]; sealed: Buffer[] }> {
  const keys = await vault.vault.keyring.tenant(tenantId);
  return { wrapped: rows.map((row) => row.wrapped), sealed: rows.map((row) => keys.dataKey(row).commitment) };
}

/** What people see of the shop's person. */
async function seen(client: TestClient): Promise<(readonly [number, unknown])[]> {
  const { id } = shop.person;
  const { dpo, accounting, legal_registrar: registrar } = shop.staff;
  const officer = await dpo.as('staff-9');
  const answers = [
    await client.get(`/v1/customers/${id}`),
    await client.get(`/v1/orders/${shop.ids.recipientOrder}`),
    await client.get(`/v1/requests/${shop.ids.request}`),
    await client.get(`/v1/complaints/${shop.ids.complaint}`),
    await client.post('/v1/customers/search', { by: 'nationalId', value: shop.person.sent.fields['nationalId'] }),
    await dpo.get(`/v1/customers/${id}/contact-points`),
    await dpo.get(`/v1/supplementary-requests/${shop.ids.supplementary}`),
    await shop.subject.get(`/v1/customers/${id}`),
    await accounting.get(`/v1/invoices/${shop.ids.invoice}`),
    await registrar.get(`/v1/legal-orders/${shop.ids.approvedOrder}`),
    await registrar.get(`/v1/legal-orders/${shop.ids.approvedOrder}/document`),
    await registrar.get(`/v1/legal-orders/${released}`),
    await registrar.get(`/v1/exports/${shop.ids.export}`),
    await officer.get(`/v1/incidents/${shop.ids.incident}`),
    await officer.get(`/v1/recipients/${shop.ids.recipient}`),
    await officer.get('/v1/staff-undertakings'),
    await officer.get('/v1/anomalies'),
    await officer.get('/v1/decoys'),
    await shop.subject.get(`/v1/feedback/${shop.ids.feedback}`),
    await shop.staff.system_admin.get('/v1/webhooks'),
    await backend.post('/v1/complaints', twice, { 'idempotency-key': 'twice' }),
  ];
  return answers.map(({ status, body }) => {
    // Only this is another one.
    if (typeof body !== 'object') return [status, body] as const;
    const { version: _, ...rest } = body;
    return [status, rest] as const;
  });
}

/** The text of a sealed value as a build from before format 2 sealed it: the same key, the same commitment, 12 bytes less. */
function inFormerFormat(key: DataKey, context: SealContext, sealed: Buffer): Buffer {
  return sealEnvelope(key.former(), associatedData(context, 1), pad(open(key, context, sealed)));
}

/** Everything under a key of its own, and the chunks of scans, as they were stored before there was format 2. Tells how many. */
async function storeInFormerFormat(tenantId: string): Promise<number> {
  const keys = await vault.vault.keyring.tenant(tenantId);
  const updates: (readonly [string, readonly unknown[]])[] = [];
  for (const place of ownPlaceNames.filter((name) => name !== 'idempotent_answers')) {
    const { kind, table, id: idColumn } = keyPlaces[place];
    for (const { id } of (await ownRows(tenantId)).filter((row) => row.place === place)) {
      const [[row]] = await commit(vault.vault.db, { tenantIds: [tenantId] }, [
        selectOwn(tenantId, place, new Date('2100-01-01'), id),
      ]);
      if (row === undefined) continue;
      const { version, keyVersion, value } = row;
      const key = keys.dataKey({ kind: kind as RecordKind, id, keyVersion, wrapped: row.dataKey });
      const entries = new Map<string, Buffer>();
      for (const [field, sealed] of unpackRecord(value)) {
        const context = { tenantId, kind: kind as RecordKind, recordId: id, version, field };
        entries.set(field, inFormerFormat(key, context, sealed));
      }
      const column = ownPlaces[place].value;
      updates.push([
        `update amanat.${table} set ${column} = $3 where tenant_id = $1 and ${idColumn} = $2`,
        [tenantId, id, packRecord(entries)],
      ]);
      if (place === 'legal_orders') updates.push(...(await chunksInFormerFormat(tenantId, id, key)));
    }
  }
  await withClient(vault.db.superuserUrl, async (client) => {
    await client.query('set session_replication_role = replica');
    for (const [text, values] of updates) expect((await client.query(text, [...values])).rowCount).toBe(1);
  });
  return updates.length;
}

async function chunksInFormerFormat(tenantId: string, orderId: string, key: DataKey) {
  const chunks = await atDatabase<{ document: string; number: number; sealed: Buffer; last: boolean }>(
    vault,
    `select c.document_id as document, c.number, c.sealed, c.number = d.chunks - 1 as last
       from amanat.legal_document_chunks c
       join amanat.legal_documents d on d.tenant_id = c.tenant_id and d.id = c.document_id
      where c.tenant_id = $1 and d.legal_order_id = $2`,
    [tenantId, orderId],
  );
  return chunks.map(({ document, number, sealed, last }) => {
    const field = `${last ? 'last' : 'chunk'}/${number}`;
    const context = { tenantId, kind: 'legal_document', recordId: document, version: 1, field } as const;
    return [
      'update amanat.legal_document_chunks set sealed = $4 where tenant_id = $1 and document_id = $2 and number = $3',
      [tenantId, document, number, inFormerFormat(key, context, sealed)],
    ] as const;
  });
}

describe('every record gets a new key', () => {
  const everywhere = [
    'anomalies.sealed',
    'break_glass.reason',
    'cases.words',
    'contact_assurances.call_reference',
    'customer_versions.sealed',
    'customers.sealed',
    'decoy_lists.sealed',
    'exports.sealed',
    'exports.statement',
    'feedback.sealed',
    'grants.account',
    'grants.external_ref',
    'holds.release',
    'idempotent_answers.answer',
    'incidents.sealed',
    'invoices.sealed',
    'legal_document_chunks.sealed',
    'legal_orders.sealed',
    'messages.sealed',
    'order_versions.sealed',
    'orders.sealed',
    'permissions.said',
    'recipients.sealed',
    'requests.note',
    'requests.proposal',
    'shipments.last_failure',
    'supplementary_requests.answers',
    'undertakings.sealed',
    'webhooks.sealed',
  ];
  const keyColumns = [
    ...new Set(Object.values(keyPlaces).map(({ table, dataKey }) => `${table}.${dataKey}`)),
  ].toSorted();

  test('the former ones are nowhere and open nothing; what is read, searched and verified is the same, at both processes', async () => {
    const tenants = [vault.tenantId, ...others.map(({ tenantId }) => tenantId)];
    expect(await storeInFormerFormat(vault.tenantId)).toBeGreaterThan(10);
    const marks = { wrapped: [] as Buffer[], sealed: [] as Buffer[] };
    for (const tenantId of tenants) {
      const rows = [...(await keyRows(tenantId)), ...(await ownRows(tenantId))];
      const { wrapped, sealed } = await marksOf(tenantId, rows);
      marks.wrapped.push(...wrapped);
      marks.sealed.push(...sealed);
    }
    expect(await placesOf(marks.sealed), 'control').toEqual(everywhere);
    expect(await placesOf(marks.wrapped), 'control').toEqual(keyColumns);
    const before = await keyRows();
    const at = clientOf(beside.url, backend.id, backend.secret, backend.token);
    const [one, other] = [await seen(backend), await seen(at)];
    expect(one).toEqual(other);
    expect(one.filter(([status]) => status !== 200 && status !== 201)).toEqual([]);
    for (const tenantId of tenants) await renewAll(turner(tenantId));
    expect(await placesOf(marks.sealed)).toEqual([]);
    expect(await placesOf(marks.wrapped)).toEqual([]);
    // As it was given once, in a copy of before: it opens nothing of now.
    const after = await keyRows();
    expect(after.map(({ id, version }) => [id, version])).toEqual(before.map((row) => [row.id, row.version + 1]));
    const renewed = await marksOf(vault.tenantId, after);
    expect((await placesOf(renewed.sealed)).filter((place) => everywhere.includes(place)).length).toBeGreaterThan(10);
    expect(await placesOf((await marksOf(vault.tenantId, await ownRows())).sealed)).toEqual(
      expect.arrayContaining(['invoices.sealed', 'holds.release', 'legal_document_chunks.sealed', 'webhooks.sealed']),
    );
    expect(await seen(backend)).toEqual(one);
    expect(await seen(at)).toEqual(one);
    for (const tenantId of tenants) expect(await flawOf(tenantId), tenantId).toBeUndefined();
  });

  test('it shows as a version without changes, and the next edit is told as ever', async () => {
    const { id } = await newPerson(backend, people.naturalCustomer());
    await renewCustomer(turner(vault.tenantId), id);
    const email = people.email();
    expect((await backend.patch(`/v1/customers/${id}`, { fields: { email } }, 1)).status).toBe(412);
    made(await backend.patch(`/v1/customers/${id}`, { fields: { email } }, 2), 200);
    const changes = made(await (await subjectOf(vault, backend, id)).get(`/v1/customers/${id}/changes`), 200).items;
    expect(changes.map((one: { version: number; changes: unknown[] }) => [one.version, one.changes.length])).toEqual([
      [3, 1],
      [2, 0],
    ]);
  });

  test('who is erased afterwards leaves nothing that names the key', async () => {
    const { id } = await newPerson(backend, people.naturalCustomer());
    await renewCustomer(turner(vault.tenantId), id);
    const look = 'select key_commitment as mark, key_since as since from amanat.customers where id = $1';
    expect((await atDatabase<{ mark: unknown }>(vault, look, [id]))[0]?.mark, 'control').not.toBeNull();
    await withClient(vault.db.superuserUrl, async (client) => {
      await client.query('begin');
      const gone = `update amanat.customers set status = 'erased', data_key = null, sealed = null where id = $1`;
      await client.query(gone, [id]);
      expect((await client.query(look, [id])).rows).toEqual([{ mark: null, since: null }]);
      await client.query('rollback');
    });
  });
});

describe('a hold', () => {
  test('is not in the way and shows nowhere: who is held and who is not come out alike, former states and all', async () => {
    const edited = async () => {
      const person = await newPerson(backend, people.naturalCustomer());
      const order = await newOrder(backend, person);
      await newParcel(backend, order, shop.staff.courier);
      made(await backend.patch(`/v1/customers/${person.id}`, { fields: { email: people.email() } }, 1), 200);
      return person.id;
    };
    const ids = [await edited(), await edited()] as const;
    await hold(vault, shop.staff.legal_registrar, [ids[0]]);
    const leaves = async (id: string) =>
      made(await shop.staff.dpo.get(`/v1/audit?limit=20&subject=${id}`), 200).items.map(
        (leaf: { action: string; outcome: string }) => [leaf.action, leaf.outcome],
      );
    for (const id of ids) expect(await renewCustomer(turner(vault.tenantId), id)).toBe(2);
    const former = await atDatabase<{ id: string; n: number }>(
      vault,
      `select customer_id as id, count(*)::integer as n from amanat.customer_versions
        where customer_id = any ($1) group by 1`,
      [ids],
    );
    expect(former.map(({ n }) => n)).toEqual([2, 2]);
    const [held, free] = [await leaves(ids[0]), await leaves(ids[1])];
    expect(held.filter(([action]: string[]) => action === 'keys.renew')).toHaveLength(2);
    expect(held.slice(0, 2)).toEqual(free.slice(0, 2));
    expect(await flawOf()).toBeUndefined();
  });
});

describe('an invoice of somebody who is held', () => {
  const look = () =>
    atDatabase<{ data_key: Buffer; sealed: Buffer; version: number; content_hash: Buffer; customer_id: string }>(
      vault,
      'select data_key, sealed, version, content_hash, customer_id from amanat.invoices where id = $1',
      [shop.ids.invoice],
    ).then(([row]) => row!);
  /** What a service that was taken over may try: with its rights, its keys, and the function that renews. */
  async function attempt(anew: { said?: string; hash?: 'same' | 'own' | 'none'; leaf?: boolean; longer?: boolean }) {
    const keys = await vault.vault.keyring.tenant(vault.tenantId);
    const row = await look();
    const id = shop.ids.invoice;
    const key = (await ownRows()).find((one) => one.place === 'invoices' && one.id === id);
    const from = keys.dataKey(key!);
    const next = keys.newDataKey('invoice', id);
    const values = new Map<string, string>();
    const context = (version: number, field: string) =>
      ({ tenantId: vault.tenantId, kind: 'invoice', recordId: id, version, field }) as const;
    const entries = new Map<string, Buffer>();
    for (const [field, value] of unpackRecord(row.sealed)) {
      const was = open(from, context(row.version, field), value).toString('utf8');
      values.set(field, field === 'givenName' && anew.said !== undefined ? JSON.stringify(anew.said) : was);
      entries.set(field, seal(next.key, context(row.version + 1, field), values.get(field)!));
    }
    if (anew.longer === true) entries.set('extra', seal(next.key, context(row.version + 1, 'extra'), '1'));
    const value = packRecord(entries);
    const hash = { same: row.content_hash, own: contentHash(keys, id, values), none: null }[anew.hash ?? 'same'];
    const { tenantId } = vault;
    const deed = { tenantId, policyVersion: 'kalak/1', action: 'keys.renew', subjectId: row.customer_id } as const;
    const bound = { object: { kind: 'invoices', id }, digest: digestOf(value), recordVersion: row.version + 1 };
    const given = [id, tenantId, row.data_key, row.sealed, next.wrapped, next.keyVersion, value, hash] as const;
    return guardOf(
      commit(vault.vault.db, { tenantIds: [tenantId] }, [
        ...(anew.leaf === false ? [] : [operatorLeaf({ ...deed, ...bound }, Date.now())]),
        statement(
          'attempt',
          `select amanat.renew_own_key('invoices', $2::uuid, $1::uuid, $3::bytea, $4::bytea, $5::bytea, $6::integer, null,
                  now(), $7::bytea, $8::bytea)`,
          given,
        ),
      ]),
    );
  }
  const read = async () =>
    (await shop.staff.accounting.get(`/v1/invoices/${shop.ids.invoice}`)).body?.fields?.givenName ?? 'no answer';
  const plainly = (set: string) =>
    guardOf(
      commit(vault.vault.db, { tenantIds: [vault.tenantId] }, [
        statement('plainly', `update amanat.invoices set ${set} where tenant_id = $2::uuid and id = $1::uuid`, [
          shop.ids.invoice,
          vault.tenantId,
        ]),
      ]),
    );

  test('says what it said, whoever seals it anew', async () => {
    const before = await read();
    expect(before).not.toBe('no answer');
    // Control: the same under another key goes.
    expect(await attempt({})).toBe('done');
    expect(await read()).toEqual(before);
    expect(await attempt({ leaf: false })).toBe('conflict');
    expect(await attempt({ longer: true })).toBe('conflict');
    expect(await attempt({ said: 'زهرا', hash: 'own' })).toBe('conflict');
    expect(await attempt({ said: 'زهرا', hash: 'none' })).toBe('conflict');
    for (const set of [
      `sealed = set_byte(sealed, 200, 255 - get_byte(sealed, 200))`,
      `sealed = set_byte(sealed, 200, 255 - get_byte(sealed, 200)), data_key = '\\x00', version = version + 1`,
      'data_key = null, sealed = null',
    ])
      expect(await plainly(set), set).toBe('conflict');
    expect(await plainly(`content_hash = null`)).toBe('42501');
    expect(await read()).toEqual(before);
    expect(await flawOf()).toBeUndefined();
  });

  test('and where it says something else under the first hash, it is not believed', async () => {
    const { data_key, sealed, version } = await look();
    expect(await attempt({ said: 'زهرا', hash: 'same' })).toBe('done');
    expect(await read()).toBe('no answer');
    expect((await flawOf())?.kind).toBe('invoices');
    await withClient(vault.db.superuserUrl, async (client) => {
      await client.query('set session_replication_role = replica');
      const back = 'update amanat.invoices set data_key = $2, sealed = $3, version = $4 where id = $1';
      await client.query(back, [shop.ids.invoice, data_key, sealed, version]);
      await client.query(
        'delete from amanat.audit_leaves where id = (select id from amanat.audit_leaves where subject_id = $1 order by id desc limit 1)',
        [shop.person.id],
      );
    });
  });
});

const guardOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof DbFault ? (error.guard ?? error.sqlstate) : error),
  );

describe('at the same time', () => {
  test('edits win or lose cleanly, and nothing is lost of either', async () => {
    const persons: Person[] = [];
    for (let i = 0; i < 4; i += 1) persons.push(await newPerson(backend, people.naturalCustomer()));
    const emails = new Map<string, string>();
    const edit = async ({ id }: Person) => {
      const { version } = made(await backend.get(`/v1/customers/${id}`), 200);
      const email = people.email();
      const answer = await backend.patch(`/v1/customers/${id}`, { fields: { email } }, version);
      if (answer.status === 200) emails.set(id, email);
      return answer;
    };
    const file = ({ id }: Person) => backend.post('/v1/complaints', { customerId: id, text: 'بسته باز بود' });
    const answers = await Promise.all(
      persons.flatMap((person) => [
        (async () => [await edit(person), await edit(person), await edit(person)])(),
        (async () => [await file(person), await file(person), await file(person)])(),
        renewCustomer(turner(vault.tenantId), person.id).then(() => []),
      ]),
    );
    const counted = statuses(answers.flat());
    expect(Object.keys(counted).filter((status) => !['200', '201', '409', '412'].includes(status))).toEqual([]);
    for (const { id } of persons) {
      const own = await subjectOf(vault, backend, id);
      const read = made(await own.get(`/v1/customers/${id}`), 200);
      if (emails.has(id)) expect(read.fields.email.value).toBe(emails.get(id));
    }
    expect(await flawOf()).toBeUndefined();
  });

  test('what a request sealed under the former key is not stored any more', async () => {
    const person = await newPerson(backend, people.naturalCustomer());
    made(await backend.post('/v1/grants', ticketBody(vault, person.id, { externalRef: 'T-1' })));
    const scope = { tenantIds: [vault.tenantId] };
    const [kept] = await atDatabase<{ external_ref: Buffer; id: string }>(
      vault,
      'select id, external_ref from amanat.grants where customer_id = $1',
      [person.id],
    );
    const late = () =>
      guardOf(
        commit(vault.vault.db, scope, [
          statement(
            'late',
            'update amanat.grants set external_ref = $2::bytea where tenant_id = $3::uuid and id = $1::uuid',
            [kept?.id, kept?.external_ref, vault.tenantId],
          ),
        ]),
      );
    const another = () =>
      guardOf(
        commit(vault.vault.db, scope, [
          statement(
            'another',
            `insert into amanat.grants
             select (jsonb_populate_record(g, jsonb_build_object('id', gen_random_uuid(), 'external_ref', $2::bytea))).*
               from amanat.grants g where g.tenant_id = $3::uuid and g.id = $1::uuid`,
            [kept?.id, kept?.external_ref, vault.tenantId],
          ),
        ]),
      );
    expect([await late(), await another()], 'control').toEqual(['done', 'done']);
    await atDatabase(vault, 'delete from amanat.grants where customer_id = $1 and id <> $2', [person.id, kept?.id]);
    await renewCustomer(turner(vault.tenantId), person.id);
    expect([await late(), await another()]).toEqual(['conflict', 'conflict']);
  });

  test.each([['edit', 'renewal'] as const, ['renewal', 'edit'] as const])(
    'of an %s and a %s that both have read the record, the second sees the first',
    async (first, second) => {
      const { id } = await newPerson(backend, people.naturalCustomer());
      const begin = {
        edit: async () => (await backend.patch(`/v1/customers/${id}`, { fields: { email: people.email() } }, 1)).status,
        renewal: () => renewCustomer(turner(vault.tenantId), id),
      };
      const outcome = await withClient(vault.db.superuserUrl, async (client) => {
        await client.query('begin');
        await client.query('select 1 from amanat.customers where id = $1 for update', [id]);
        const one = begin[first]();
        await untilWaiting(vault.db.superuserUrl, 1, one);
        const two = begin[second]();
        await untilWaiting(vault.db.superuserUrl, 2, one, two);
        await client.query('commit');
        return { [first]: await one, [second]: await two };
      });
      expect(outcome).toEqual({ edit: first === 'edit' ? 200 : 412, renewal: 1 });
      const [row] = await atDatabase<{ version: number }>(vault, 'select version from amanat.customers where id = $1', [
        id,
      ]);
      expect(row?.version).toBe(first === 'edit' ? 3 : 2);
      expect(await flawOf()).toBeUndefined();
    },
  );
});

describe('a read that comes in between', () => {
  /** Before its n-th commit a request of the second process waits for what is done here. */
  async function atCommit<T>(nth: number, done: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
    const { db } = beside.vault;
    let count = 0;
    const connect = (...[answer]: Parameters<typeof db.pool.connect>) => {
      count += 1;
      const before = count === nth ? done() : Promise.resolve();
      before.then(
        () => db.pool.connect(answer),
        (error: Error) => answer(error, undefined, () => undefined),
      );
    };
    const pool = new Proxy(db.pool, {
      get: (held, name) => (name === 'connect' ? connect : (Reflect.get(held, name, held) as unknown)),
    });
    try {
      Object.assign(beside.vault, { db: { ...db, pool } });
      return await work();
    } finally {
      Object.assign(beside.vault, { db });
    }
  }
  const at = async () => {
    const { id, secret, token } = await shop.staff.dpo.as('staff-9');
    return clientOf(beside.url, id, secret, token);
  };
  async function complaint() {
    const { id } = await newPerson(backend, people.naturalCustomer());
    const filed = made(await backend.post('/v1/complaints', { customerId: id, text: 'بسته باز بود' }));
    return { person: id, path: `/v1/complaints/${filed.id}`, id: filed.id as string };
  }
  const forget = (person: string) =>
    atDatabase(vault, 'delete from amanat.destroyed_keys where record_id = $1', [person]);
  const steps = [1, 2, 3, 4, 5, 6];

  test('takes key and words in two statements, and is never refused for it', async () => {
    const reader = await at();
    const outcomes: Record<string, number[]> = { mended: [], control: [] };
    for (const nth of steps) {
      for (const what of ['mended', 'control'] as const) {
        const { person, path } = await complaint();
        const between = async () => {
          await renewCustomer(turner(vault.tenantId), person);
          // Control: nobody knows that the key is another one.
          if (what === 'control') await forget(person);
        };
        outcomes[what]?.push((await atCommit(nth, between, () => reader.get(path))).status);
      }
    }
    expect(outcomes['mended']).toEqual(steps.map(() => 200));
    expect(outcomes['control']).toContain(500);
  });

  test('after the account of a grant uses up one of its reads, and shows what that paid for', async () => {
    const { id: clientId, secret, token } = shop.staff.accounting;
    const reader = clientOf(beside.url, clientId, secret, token);
    const { reads } = beside.vault;
    const readUnder = async (renewed: (person: string) => Promise<unknown>) => {
      const { id } = await newPerson(backend, people.naturalCustomer());
      const account = { iban: people.iban(), holderName: 'مریم احمدی' };
      const terms = { kind: 'refund', grantee: { role: 'accounting' }, account, maxReads: 1 };
      const grant = made(await backend.post('/v1/grants', ticketBody(vault, id, terms)));
      const customer: typeof reads.customer = async (...asked) => {
        await renewed(id);
        return reads.customer(...asked);
      };
      Object.assign(beside.vault, { reads: { ...reads, customer } });
      const { status, body } = await reader.get(`/v1/customers/${id}?grant=${grant.id}`);
      Object.assign(beside.vault, { reads });
      const count = 'select reads from amanat.grants where id = $1';
      const [row] = await atDatabase<{ reads: number }>(vault, count, [grant.id]);
      const shown = status === 200 && body.fields.iban.value === account.iban;
      return { shown, status, reads: row?.reads };
    };
    const renew = (person: string) => renewCustomer(turner(vault.tenantId), person);
    expect(await readUnder(renew)).toEqual({ shown: true, status: 200, reads: 1 });
    const unknown = await readUnder(async (person) => {
      await renew(person);
      await forget(person);
    });
    expect(unknown, 'control: nobody knows that the key is another one').toMatchObject({ shown: false, status: 500 });
  });

  test('what was tampered with stays an integrity failure, right after a renewal too', async () => {
    const reader = await at();
    const { person, path, id } = await complaint();
    await renewCustomer(turner(vault.tenantId), person);
    const [row] = await atDatabase<{ words: Buffer }>(vault, 'select words from amanat.cases where id = $1', [id]);
    const spoil = async (place: number) => {
      const flip = `update amanat.cases set words = set_byte(words, $2, 255 - get_byte(words, $2)) where id = $1`;
      await withClient(vault.db.superuserUrl, async (client) => {
        await client.query('set session_replication_role = replica');
        await client.query(flip, [id, place]);
      });
    };
    expect((await reader.get(path)).status, 'control').toBe(200);
    // In the commitment, by which another key would be known, and in the value.
    for (const place of [5, row!.words.length - 1]) {
      await spoil(place);
      expect((await reader.get(path)).body.code).toBe('integrity_failure');
      await spoil(place);
    }
    expect((await reader.get(path)).status).toBe(200);
  });
});

describe('a turn of all', () => {
  test('is killed at every step, resumed, and run by two at once: each record once', async () => {
    const before = await keyRows();
    let deaths = 0;
    for (let step = 1; step <= 2; step += 1) {
      let left = step;
      const mayDie = () => {
        left -= 1;
        return left === 0 ? Promise.reject(killed) : Promise.resolve();
      };
      const died = await renewAll(turner(vault.tenantId, { rest: mayDie, settle: mayDie })).then(
        () => false,
        (error) => {
          if (error !== killed) throw error;
          return true;
        },
      );
      if (died) deaths += 1;
    }
    expect(deaths).toBe(2);
    await Promise.all([renewAll(turner(vault.tenantId)), renewAll(turner(vault.tenantId))]);
    const after = await keyRows();
    expect(after.map(({ id, version }) => [id, version])).toEqual(before.map(({ id, version }) => [id, version + 1]));
    const [turn] = await atDatabase<{ before: Date | null }>(
      vault,
      'select record_keys_before as before from amanat.tenants where id = $1',
      [vault.tenantId],
    );
    expect(turn?.before).toBeNull();
    expect(await flawOf()).toBeUndefined();
  });

  test('is killed with -9 in the middle, and whoever comes next goes on', async () => {
    const renewed = async () => {
      const rows = await atDatabase<{ n: number }>(
        vault,
        `select count(*)::integer as n
           from amanat.customers c join amanat.tenants t on t.id = c.tenant_id
          where c.tenant_id = $1 and c.key_since >= t.record_keys_before`,
        [vault.tenantId],
      );
      return rows[0]?.n ?? 0;
    };
    const before = await keyRows();
    const command = ['keys', 'rotate', 'record', '--tenant', vault.tenantId];
    expect(await killedOnce(vault, command, async () => (await renewed()) > 0)).toBe(true);
    // Control: it was in the middle.
    expect(await renewed()).toBeLessThan(before.filter(({ kind }) => kind === 'customer').length);
    await renewAll(turner(vault.tenantId));
    const after = await keyRows();
    expect(after.map(({ id, version }) => [id, version])).toEqual(before.map(({ id, version }) => [id, version + 1]));
    const former = new Set(before.map(({ wrapped }) => wrapped.toString('hex')));
    expect(after.filter(({ wrapped }) => former.has(wrapped.toString('hex')))).toEqual([]);
    expect(await flawOf()).toBeUndefined();
  });

  test('tells what does not open, and leaves it', async () => {
    const { id } = await newPerson(backend, people.naturalCustomer());
    const [was] = await atDatabase<{ sealed: Buffer }>(vault, 'select sealed from amanat.customers where id = $1', [
      id,
    ]);
    const spoil =
      'update amanat.customers set sealed = set_byte(sealed, length(sealed) - 1, 255 - get_byte(sealed, length(sealed) - 1)) where id = $1';
    await atDatabase(vault, spoil, [id]);
    const broken: string[] = [];
    const told = { onBroken: (place: string, which: string) => void broken.push(`${place} ${which}`) };
    await renewCustomer(turner(vault.tenantId, told), id);
    expect(broken).toEqual([`customers ${id}`]);
    const left = { tenantId: vault.tenantId, broken: [{ place: 'customers', id }] };
    const byCommand = await asCommand((session, out) => rotateRecords(session, id, out));
    expect(byCommand.value).toEqual({ key: 'record', done: false, tenants: [{ ...left, renewed: 0 }] });
    // The index key does not turn over on top of it, and the command says on top of what.
    const index = await asCommand((session, out) => rotateOf(session, 'index', out));
    expect([index.code, index.value]).toEqual([
      exit.found,
      { key: 'index', done: false, tenants: [{ ...left, moved: null }] },
    ]);
    expect(index.said).toContain('STOPPED');
    await atDatabase(vault, 'update amanat.customers set sealed = $2 where id = $1', [id, was?.sealed]);
    await atDatabase(vault, 'delete from amanat.customer_versions where customer_id = $1', [id]);
    expect(await renewCustomer(turner(vault.tenantId), id)).toBe(1);
    // Control: with the record as it was it does.
    expect((await asCommand((session, out) => rotateOf(session, 'index', out))).code).toBe(exit.ok);
  });

  test('names what does not open once each, twenty at most to a person', async () => {
    const ids = await Promise.all(Array.from({ length: 2 }, () => newPerson(backend, people.naturalCustomer())));
    const spoil =
      'update amanat.customers set data_key = set_byte(data_key, 40, 255 - get_byte(data_key, 40)) where id = any ($1)';
    const spoilt = ids.map((one) => one.id).toSorted();
    await atDatabase(vault, spoil, [spoilt]);
    const passed: string[] = [];
    await rotateData(turner(vault.tenantId, { onBroken: (_, id) => void passed.push(id) }));
    expect(passed.toSorted(), 'control: a turn comes past each twice').toEqual([...spoilt, ...spoilt].toSorted());
    const { code, value, said } = await asCommand((session, out) => rotateOf(session, 'data', out));
    expect(code).toBe(exit.found);
    const [tenant] = (value as { tenants: { broken: { id: string }[] }[] }).tenants;
    expect(tenant?.broken.map(({ id }) => id).toSorted()).toEqual(spoilt);
    for (const id of spoilt) expect(said.split(id)).toHaveLength(2);
    expect(said).not.toContain('Destroy it');
    await atDatabase(vault, spoil, [spoilt]);
    await rotateData(turner(vault.tenantId));
    const many = Array.from({ length: 23 }, (_, n) => ({ place: 'customers', id: `id-${n}` }));
    const words = unopenedWords([{ tenantId: 'one', broken: many }]).join('\n');
    expect([words.match(/id-/g)?.length, words]).toEqual([20, expect.stringContaining('and 3 more: --json has all')]);
  });
});
