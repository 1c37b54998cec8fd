import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { textOf, viewOf } from '../../src/cli/lossView.ts';
import { openCheckpoint, originOf } from '../../src/crypto/checkpoint.ts';
import { digestOf } from '../../src/crypto/digest.ts';
import { refuseRolledBack } from '../../src/logFault.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { logKeys } from '../../src/vault/epochs.ts';
import { openIntegrator, type Integrator } from '../../src/vault/integration.ts';
import { lossOf, type Loss } from '../../src/vault/loss.ts';
import { reconcile, type Reconciled } from '../../src/vault/reconcile.ts';
import { standingOf, type LogStanding } from '../../src/vault/rollback.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { WitnessFault, type Witness } from '../../src/vault/witness.ts';
import { openPosting, type Posting } from '../../src/vault/witnessPosting.ts';
import { openWitness, type WitnessConfig } from '../../src/witnessConfig.ts';
import { openLogFolder } from '../../src/witness/logFolder.ts';
import { witnessBehind } from '../../src/witness/witnessClient.ts';
import { answering, type Ask } from '../../src/witness/witnessing.ts';
import { policyText } from '../support/policyTexts.ts';
import { withClient, type TestDatabase } from '../support/postgres.ts';
import { sweepAfter, sweepOf } from '../support/sweeps.ts';
import { databaseUrl } from '../support/testCluster.ts';
import { orderBody } from '../http/legalDesk.ts';
import { clientOf, startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, made, newPerson, type Person } from '../support/work.ts';
import { openShop, tokenOf, type Shop } from './shop.ts';

/** P4, P14: a database that went back in time is not served, and what it has forgotten is done again first. */

const folder = mkdtempSync(join(tmpdir(), 'amanat-rollback-'));
const config: WitnessConfig = { service: undefined, folder, required: true };
/** Logs that the operator of the witness has not confirmed. */
const untrusted = new Set<string>();
let vault: TestVault;
let shop: Shop;
let ask: Ask;
let witness: Witness;
const opened: TestDatabase[] = [];

const witnessOf = (of: TestVault): Ask =>
  answering({
    folder: openLogFolder(folder),
    keysOf: async (origin) => (untrusted.has(origin) ? [] : logKeys(of.vault.keys, origin)),
    now: Date.now,
  });

/** Where the log is served from, as the journal tells it. */
const here = { id: '0123456789ab', place: 'shop-1:/srv/amanat' };

/** What a process has in hand of it, made once: whoever leads goes on leading. */
interface Working {
  readonly integrate: Integrator;
  readonly posting: Posting;
  readonly rolledBack: LogStanding[];
}
const working = new Map<Vault, Working>();

function workingOf(of: Vault): Working {
  const hands = working.get(of);
  if (hands !== undefined) return hands;
  const rolledBack: LogStanding[] = [];
  const onRolledBack = (standing: LogStanding): void => void rolledBack.push(standing);
  const posting = openPosting(
    { ...of, installation: here },
    { witness, cosigner: undefined, warn: () => undefined, onRolledBack },
  );
  const all = { integrate: openIntegrator(of), posting, rolledBack };
  working.set(of, all);
  return all;
}

/** Longer than whoever leads the integration is missed for. */
const leadMs = 5_000;

/** What the processes do by themselves, every second. */
async function settle(of: Vault): Promise<void> {
  await workingOf(of).integrate();
  await workingOf(of).posting.post();
}

/** A copy of the database as it stands, as a restored backup would be. */
async function snapshot(): Promise<TestDatabase> {
  const { name, superuserUrl, serviceUrl, ownerUrl } = vault.db;
  const copy = `${name}_${opened.length}`;
  const admin = databaseUrl(superuserUrl, 'postgres');
  await withClient(admin, async (client: Client) => {
    await client.query(`alter database ${name} allow_connections false`);
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    for (;;) {
      const { rows } = await client.query(`select 1 from pg_stat_activity where datname = '${name}'`);
      if (rows.length === 0) break;
    }
    await client.query(`create database ${copy} template ${name}`);
    await client.query(`alter database ${name} allow_connections true`);
  });
  const database: TestDatabase = {
    name: copy,
    ownerUrl: databaseUrl(ownerUrl, copy),
    superuserUrl: databaseUrl(superuserUrl, copy),
    serviceUrl: databaseUrl(serviceUrl, copy),
    drop: () =>
      withClient(admin, async (client) => void (await client.query(`drop database if exists ${copy} with (force)`))),
  };
  opened.push(database);
  return database;
}

/** The same vault on another database. */
const on = (db: TestDatabase): Promise<TestVault> => startVault({ beside: { ...vault, db } });
const at = (of: TestVault, client: TestClient): TestClient => clientOf(of.url, client.id, client.secret, client.token);

let before: TestDatabase;
/** The same backup, for a second restore. */
let again: TestDatabase;
let restored: TestVault;
let gone: Person;
let stays: Person;
/** Erased after the backup, and held by an order of after it. */
let held: Person;
let decided: Person;
let subscriber: Person;
let stopped: Person;
/** Asked before the backup, taken back after it. */
let takenBack: string;
/** Approved over three fields before the backup; corrected to one after it, and approved again. */
let narrowed: string;
let renewed: TestClient;
let revoked: TestClient;

/** Another tenant's, whose erasure was granted before the backup, and whom an order of after it holds. */
let neighbour: Neighbour;

/** Another tenant of the same database, which is reconciled after the first. */
interface Neighbour {
  readonly tenantId: string;
  readonly person: Person;
  readonly keep: () => Promise<void>;
}

async function newNeighbour(): Promise<Neighbour> {
  const { tenantId, client } = await vault.secondTenant();
  const [backend, dpo, registrar, approver] = await Promise.all([
    client('shop_backend'),
    client('dpo', { actor: 'staff-dpo' }),
    client('legal_registrar', { actor: 'staff-1' }),
    client('legal_approver', { actor: 'staff-2' }),
  ]);
  const person = await newPerson(backend, shop.people.naturalCustomer());
  const asked = { customerId: person.id, kind: 'erase', asker: 'subject', checked: 'account' };
  const { id } = made(await backend.post('/v1/requests', asked));
  made(await dpo.post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
  const keep = async (): Promise<void> => {
    const body = orderBody(vault, [{ customerId: person.id }], { kind: 'preservation' });
    const order = made(await registrar.post('/v1/legal-orders', body)).id;
    made(await approver.post(`/v1/legal-orders/${order}/approve`), 200);
  };
  return { tenantId, person, keep };
}

/** Whether what opens the neighbour's person is still there. */
async function neighbourStays(of: TestVault): Promise<boolean> {
  const [row] = await atDatabase<{ stays: boolean }>(
    of,
    'select data_key is not null as stays from amanat.customers where id = $1',
    [neighbour.person.id],
  );
  return row?.stays === true;
}

const officer = () => tokenOf(vault, vault, shop.staff.dpo, 'dpo', { actor: 'staff-dpo' });
async function leave(person: Person): Promise<void> {
  const body = { customerId: person.id, kind: 'erase', asker: 'subject', checked: 'account' };
  const { id } = made(await shop.staff.shop_backend.post('/v1/requests', body));
  made(await officer().post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
}

beforeAll(async () => {
  vault = await startVault({ clock: 'machine' });
  ask = witnessOf(vault);
  witness = witnessBehind((path, body) => ask(path, body));
  shop = await openShop(vault, vault, 1404);
  const { shop_backend: backend } = shop.staff;
  [gone, stays, decided, subscriber, stopped] = [
    await newPerson(backend, shop.people.naturalCustomer()),
    await newPerson(backend, shop.people.naturalCustomer()),
    await newPerson(backend, shop.people.naturalCustomer()),
    await newPerson(backend, shop.people.naturalCustomer()),
    await newPerson(backend, shop.people.naturalCustomer()),
  ];
  const asked = { customerId: stays.id, kind: 'erase', asker: 'subject', checked: 'account' };
  takenBack = made(await backend.post('/v1/requests', asked)).id;
  held = await newPerson(backend, shop.people.naturalCustomer());
  const agreed = { purpose: 'marketing', channels: ['sms'], method: 'agree_button', textVersion: 'newsletter-1' };
  made(await backend.post(`/v1/customers/${subscriber.id}/consents`, agreed));
  [renewed, revoked] = [await vault.client('marketing'), await vault.client('support', { actor: 'staff-7' })];
  neighbour = await newNeighbour();
  const { legal_registrar: registrar, legal_approver: approver } = shop.staff;
  narrowed = made(await registrar.post('/v1/legal-orders', orderBody(vault, [{ customerId: stays.id }]))).id;
  made(await approver.post(`/v1/legal-orders/${narrowed}/approve`), 200);
  const both = { ...agreed, channels: ['sms', 'email'] };
  made(await backend.post(`/v1/customers/${stays.id}/consents`, both));
  vault.advance(leadMs);
  await settle(vault.vault);
  [before, again] = [await snapshot(), await snapshot()];
  await forget();
  restored = await on(before);
}, 120_000);
afterAll(async () => {
  await restored.stop();
  await vault.stop();
  for (const database of opened) await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** What happens after the backup, and is not in it. */
async function forget(): Promise<void> {
  const { shop_backend: backend, legal_approver: approver, support } = shop.staff;
  const { ids } = shop;
  await neighbour.keep();
  await leave(gone);
  await sweepErasures(vault.vault);
  await leave(decided);
  made(await backend.post(`/v1/requests/${takenBack}/withdraw`), 200);
  const contained = { actors: ['staff-77'], customers: [stopped.id] };
  made(await officer().post(`/v1/incidents/${ids.incident}/contain`, contained), 200);
  made(await backend.post('/v1/misuse-reports', { customerId: subscriber.id }));
  made(await backend.post(`/v1/grants/${ids.grant}/close`), 200);
  made(await backend.post(`/v1/customers/${subscriber.id}/consents/withdraw`, {}), 200);
  made(await vault.admin.patch(`/v1/clients/${support.id}`, { disabled: true }, undefined), 200);
  made(await vault.admin.post(`/v1/clients/${renewed.id}/secret`, {}));
  const basic = Buffer.from(`${revoked.id}:${revoked.secret}`).toString('base64');
  const form = { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' };
  const body = `token=${encodeURIComponent(revoked.token)}`;
  made(await vault.request('POST', '/oauth/revoke', { body, headers: form }), 200);
  made(await approver.post(`/v1/legal-orders/${ids.approvedOrder}/revoke`, { reason: 'لغو شد' }), 200);
  made(await approver.post(`/v1/holds/${ids.hold}/release`, { reason: 'رفع حفظ' }), 200);
  // An order that the backup does not know holds somebody whose erasure was granted before it; another one's hold is over again.
  const { legal_registrar: registrar } = shop.staff;
  const keep = async (person: Person): Promise<string> => {
    const order = made(
      await registrar.post('/v1/legal-orders', orderBody(vault, [{ customerId: person.id }], { kind: 'preservation' })),
    ).id;
    made(await approver.post(`/v1/legal-orders/${order}/approve`), 200);
    return order;
  };
  await keep(held);
  made(await approver.post(`/v1/legal-orders/${await keep(stays)}/revoke`, { reason: 'لغو شد' }), 200);
  await leave(held);
  made(await registrar.patch(`/v1/legal-orders/${narrowed}`, { scope: { fields: ['mobile'] } }, 2), 200);
  made(await approver.post(`/v1/legal-orders/${narrowed}/approve`), 200);
  made(await backend.post(`/v1/customers/${stays.id}/consents/withdraw`, { channels: ['email'] }), 200);
  made(await officer().post('/v1/policies', { policy: policyText({ '/title/en': 'Next' }), material: true }));
  made(await officer().post(`/v1/recipients/${ids.recipient}/revoke`), 200);
  made(await officer().post(`/v1/staff-undertakings/${ids.undertaking}/revoke`), 200);
  made(await backend.post(`/v1/orders/${ids.order}/cancel`), 200);
  await newPerson(backend, shop.people.naturalCustomer());
  vault.advance(leadMs);
  await settle(vault.vault);
}

/** What the database knows of all that. */
async function known(of: TestVault): Promise<Record<string, unknown>> {
  const { ids, staff } = shop;
  const backend = at(of, staff.shop_backend);
  const one = async (text: string, id: string): Promise<unknown> => {
    const [row] = await atDatabase<{ is: unknown }>(of, `select (${text}) as is from (select $1::uuid as id) k`, [id]);
    return row?.is;
  };
  return {
    gone: (await backend.get(`/v1/customers/${gone.id}`)).status,
    goneTags: await one('select count(*)::integer from amanat.index_tags t where t.customer_id = k.id', gone.id),
    goneKey: await one('select c.data_key is null from amanat.customers c where c.id = k.id', gone.id),
    heldKey: await one('select c.data_key is not null from amanat.customers c where c.id = k.id', held.id),
    heldNow: await one(
      'select count(*)::integer from amanat.holds h where h.customer_id = k.id and h.released_at is null',
      held.id,
    ),
    staysHeld: await one(
      'select count(*)::integer from amanat.holds h where h.customer_id = k.id and h.released_at is null',
      stays.id,
    ),
    decided: (await backend.get(`/v1/customers/${decided.id}`)).status,
    stays: (await backend.get(`/v1/customers/${stays.id}`)).status,
    grantClosed: await one('select g.closed_at is not null from amanat.grants g where g.id = k.id', ids.grant),
    consent: made(await backend.get(`/v1/customers/${subscriber.id}/consents`), 200).states.find(
      (state: { purpose: string; channel: string }) => state.purpose === 'marketing' && state.channel === 'sms',
    ).state,
    ofChannels: made(await backend.get(`/v1/customers/${stays.id}/consents`), 200)
      .states.filter(({ purpose }: { purpose: string }) => purpose === 'marketing')
      .map(({ channel, state }: Record<string, string>) => `${channel} ${state}`)
      .toSorted(),
    clientDisabled: await one(
      'select c.disabled_at is not null from amanat.clients c where c.id = k.id',
      staff.support.id,
    ),
    oldSecret: (await tokenBy(of, renewed)).status,
    revokedToken: (await at(of, revoked).get(`/v1/customers/${stays.id}`)).status,
    legalOrder: await one('select o.status from amanat.legal_orders o where o.id = k.id', ids.approvedOrder),
    holdReleased: await one('select h.released_at is not null from amanat.holds h where h.id = k.id', ids.hold),
    recipient: await one('select r.revoked_at is not null from amanat.recipients r where r.id = k.id', ids.recipient),
    staff: await one('select u.revoked_at is not null from amanat.undertakings u where u.id = k.id', ids.undertaking),
    takenBack: await one('select r.state from amanat.requests r where r.id = k.id', takenBack),
    stopped: await one('select c.contained_by::text from amanat.customers c where c.id = k.id', stopped.id),
    order: await one('select o.status from amanat.orders o where o.id = k.id', ids.order),
    parcel: await one('select s.status from amanat.shipments s where s.id = k.id', ids.shipment),
  };
}

async function tokenBy(of: TestVault, client: TestClient) {
  const basic = Buffer.from(`${client.id}:${client.secret}`).toString('base64');
  const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' };
  return of.request('POST', '/oauth/token', { body: 'grant_type=client_credentials', headers });
}

const after = () => ({
  gone: 404,
  goneTags: 0,
  goneKey: true,
  // Whoever the log says is held is kept, though the order is lost with everything else of that time.
  heldKey: true,
  heldNow: 1,
  staysHeld: 0,
  decided: 404,
  stays: 200,
  grantClosed: true,
  consent: 'withdrawn',
  // By the one that was named, and by no other.
  ofChannels: expect.arrayContaining(['email withdrawn', 'sms explicit']),
  clientDisabled: true,
  oldSecret: 401,
  revokedToken: 401,
  legalOrder: 'revoked',
  holdReleased: true,
  recipient: true,
  staff: true,
  order: 'cancelled',
  parcel: 'cancelled',
  // An officer who grants it would destroy what its person wants kept.
  takenBack: 'withdrawn',
  stopped: `{${shop.ids.incident}}`,
});

/** What the first restore was told to lack, before it was reconciled. */
let readBefore: Loss;

describe('a process that ends', () => {
  const seen = async () => (await standingOf(vault.vault, witness, vault.tenantId)).seen;
  const look = async () => void made(await shop.staff.shop_backend.get(`/v1/customers/${stays.id}`), 200);

  test('has told the witness of all there is, and the one that is started after it tells at once', async () => {
    const ending = workingOf(vault.vault);
    const integrate = openIntegrator(vault.vault);
    const next = openPosting(
      { ...vault.vault, installation: here },
      { witness, cosigner: undefined, warn: () => undefined, onRolledBack: () => expect.fail('rolled back') },
    );
    const settled = async () => (await integrate(), await next.post(), seen());
    await look();
    const heard = await seen();
    // Control: whoever leads is not pushed aside.
    expect(await settled()).toBe(heard);
    await ending.integrate.finish();
    await ending.posting.finish();
    const told = await seen();
    expect(told).toBeGreaterThan(heard);
    await look();
    expect(await settled()).toBeGreaterThan(told);
    await integrate.finish();
    await next.finish();
  });

  test('who holds its lease in the table and does nothing keeps the witness blind for a minute at most', async () => {
    const options = { witness, cosigner: undefined, warn: () => undefined };
    const lone = openPosting({ ...vault.vault, installation: here }, { ...options, onRolledBack: () => expect.fail() });
    await look();
    await workingOf(vault.vault).integrate();
    await atDatabase(
      vault,
      `insert into amanat.leases (tenant_id, work, holder, until) values ($1, 'witness', gen_random_uuid(), now() + interval '70 s')
       on conflict (tenant_id, work) do update set holder = excluded.holder, until = excluded.until`,
      [vault.tenantId],
    );
    const heard = await seen();
    await lone.post();
    expect(await seen(), 'control: the lease is believed').toBe(heard);
    vault.advance(61_000);
    await lone.post();
    expect(await seen()).toBeGreaterThan(heard);
    await lone.finish();
  });
});

describe('a database that was restored', () => {
  test('control: without its witness it would serve whoever was erased and whatever was revoked', async () => {
    expect(await known(restored)).toMatchObject({
      gone: 200,
      goneKey: false,
      heldNow: 0,
      decided: 200,
      grantClosed: false,
      consent: 'explicit',
      ofChannels: expect.arrayContaining(['email explicit', 'sms explicit']),
      clientDisabled: false,
      oldSecret: 200,
      revokedToken: 200,
      legalOrder: 'approved',
      holdReleased: false,
      recipient: false,
      staff: false,
      parcel: 'open',
      takenBack: 'open',
      stopped: '{}',
    });
    // And the vault that went on knows of all of it.
    expect(await known(vault)).toMatchObject({ ...after(), oldSecret: 200 });
  });

  test('is not served, and the message says why', async () => {
    await expect(refuseRolledBack(restored.vault, witness, config)).rejects.toMatchObject({ code: 'rolled_back' });
    expect(await refuseRolledBack(vault.vault, witness, config)).toEqual([]);
  });

  test('what is missing is told by kind and time, and only what the vault has signed is believed', async () => {
    const standing = await standingOf(restored.vault, witness, vault.tenantId);
    expect(standing).toMatchObject({ code: 'behind', epoch: 1 });
    const loss = await lossOf(restored.vault, witness, standing);
    expect(loss.whole).toBe(true);
    expect(loss.by).toEqual(here);
    expect(loss.missing).toMatchObject({
      'customers.erase': 1,
      'requests.decide': 3,
      'customers.create': 1,
      'grants.close': 1,
    });
    expect(Object.values(loss.missing).reduce((sum, n) => sum + n, 0)).toBe(standing.seen - standing.size);
    // What of a policy is lost is told with the digest of its text, so that whoever publishes it again publishes the same.
    const sha256 = digestOf(Buffer.from(policyText({ '/title/en': 'Next' }))).toString('hex');
    const lost = [{ number: 2, act: 'publication', at: expect.any(String), sha256 }];
    expect(viewOf(loss).policy).toEqual({ inForce: 'kalak/1', lost });
    expect(textOf(loss)).toContain(narrowed);
    // Whoever asked for something that is lost is found by an id; whoever is held is not among them.
    const { toDo } = viewOf(loss);
    expect(toDo).toContainEqual(
      expect.objectContaining({ act: 'misuse_reports.create', id: expect.any(String), customerId: subscriber.id }),
    );
    expect(toDo.every(({ act }) => !act.startsWith('legal'))).toBe(true);
    expect(loss.byHand.map(({ action, subjectId }) => `${action} ${subjectId}`)).toContain(
      `legal_orders.approve ${held.id}`,
    );
    // Who was stopped, and whose account, only files and reports say that are lost.
    const byHand = loss.byHand.map(({ action }) => action);
    expect(byHand).toEqual(expect.arrayContaining(['incidents.contain', 'misuse_reports.create']));
    expect(loss.until ?? 0).toBeGreaterThanOrEqual(loss.from ?? Infinity);
    // A witness that hides its journal is found out.
    const hiding: Witness = { ...witness, journal: async () => [] };
    expect((await lossOf(restored.vault, hiding, standing)).whole).toBe(false);
  });

  test('goes on only where the witness knows the log that goes on', async () => {
    untrusted.add(originOf(vault.tenantId, 2));
    const loss = await lossOf(restored.vault, witness, await standingOf(restored.vault, witness, vault.tenantId));
    await expect(reconcile(restored.vault, witness, loss)).rejects.toMatchObject({ code: 'unknown_log' });
    untrusted.clear();
    expect(await standingOf(restored.vault, witness, vault.tenantId)).toMatchObject({ epoch: 1, code: 'behind' });
  });

  test('after reconciliation erased stays erased and revoked stays revoked; its log goes on under its own name', async () => {
    const loss = await lossOf(restored.vault, witness, await standingOf(restored.vault, witness, vault.tenantId));
    readBefore = loss;
    // Of two calls at once one does it, and the other says so; whoever comes later with what was read before is told that it is done.
    const both = await Promise.all([1, 2].map(() => reconcile(restored.vault, witness, loss)));
    const done = both.find(({ code }) => code === 'done');
    // The first call had done the acts already, and was stopped by the witness.
    expect(done && failedOf(done)).toEqual([]);
    expect(both.map(({ code }) => code).toSorted()).toEqual(['done', 'under_way']);
    const orders = done?.code === 'done' ? done.orders : [];
    const acts = ['legal_orders.patch', 'legal_orders.approve'];
    expect(orders).toContainEqual({ id: narrowed, acts, standing: 'to_approve' });
    expect(orders.map(({ standing }) => standing).toSorted()).toEqual(['lost', 'lost', 'to_approve']);
    expect(await reconcile(restored.vault, witness, loss)).toEqual({ code: 'done_elsewhere' });
    // A lease that a wrong clock, or somebody at the table, let run for a year keeps nobody out.
    await atDatabase(restored, `update amanat.leases set until = now() + interval '1 year' where work = 'reconcile'`);
    expect(await reconcile(restored.vault, witness, loss)).toEqual({ code: 'done_elsewhere' });
    const epochs = 'select number from amanat.audit_epochs where tenant_id = $1';
    expect(await atDatabase(restored, epochs, [vault.tenantId])).toEqual([{ number: 2 }]);
    // Nobody of another tenant is erased before that tenant's own lost holds stand again.
    expect(await neighbourStays(restored)).toBe(true);
    const lossOfNeighbour = await lossOf(
      restored.vault,
      witness,
      await standingOf(restored.vault, witness, neighbour.tenantId),
    );
    const holds = { placed: 1, prolonged: 0 };
    expect(await reconcile(restored.vault, witness, lossOfNeighbour)).toMatchObject({ code: 'done', holds });
    expect(await neighbourStays(restored)).toBe(true);
    await settle(restored.vault);
    await restored.vault.watch.lookAnew();
    expect(await known(restored)).toEqual(after());
    expect(await standingOf(restored.vault, witness, vault.tenantId)).toMatchObject({ code: 'same', epoch: 2 });
    expect(await refuseRolledBack(restored.vault, witness, config)).toEqual([]);
    const kept = await witness.read(originOf(vault.tenantId, 2));
    const keys = logKeys(restored.vault.keys, originOf(vault.tenantId, 2));
    expect(openCheckpoint(kept?.checkpoint ?? '', keys)?.size).toBeGreaterThan(loss.standing.size);
    // Nothing leaves under an order that is back as wide as it was, before somebody has approved it anew.
    const [registrar, approver] = [at(restored, shop.staff.legal_registrar), at(restored, shop.staff.legal_approver)];
    const execute = () => registrar.post('/v1/exports', { legalOrderId: narrowed });
    expect((await execute()).body.code).toBe('legal_order_not_approved');
    made(await approver.post(`/v1/legal-orders/${narrowed}/approve`), 200);
    made(await execute());
    // Every act that was done again has its own leaf.
    const leaves = made(await at(restored, shop.staff.dpo).get('/v1/audit?limit=100'), 200).items;
    const redone = leaves.filter(({ rule }: { rule: string }) => rule.startsWith('reconcile'));
    expect(redone.map(({ action }: { action: string }) => action)).toEqual(
      expect.arrayContaining([
        'log.reconcile',
        'requests.decide',
        'grants.close',
        'clients.patch',
        'legal_orders.revoke',
      ]),
    );
    // What was done again, and what waits for a hold's end, is what the log tells: `amanat verify` finds nothing, and what nobody did it finds.
    expect((await sweepOf(restored)).flaw).toBeUndefined();
    const frozen = `update amanat.customers set edits_frozen = true where id = '${held.id}'`;
    expect((await sweepAfter(restored, 'customers', frozen)).flaw).toMatchObject({
      code: 'standing_contradicted',
      id: held.id,
    });
  });

  test('the database that was left behind is not served any more, though nothing is missing in it', async () => {
    expect(await standingOf(vault.vault, witness, vault.tenantId)).toMatchObject({ code: 'ended' });
    await expect(refuseRolledBack(vault.vault, witness, config)).rejects.toMatchObject({ code: 'rolled_back' });
    // And a process that serves it stops.
    await newPerson(shop.staff.shop_backend, shop.people.naturalCustomer());
    vault.advance(leadMs);
    await settle(vault.vault);
    expect(new Set(workingOf(vault.vault).rolledBack.map(({ code }) => code))).toEqual(new Set(['ended']));
    expect(workingOf(restored.vault).rolledBack).toEqual([]);
  });

  test('a second restore of the same backup is told the history of both', async () => {
    const second = await on(again);
    // Control: unreconciled, everything leaves that the wider order said.
    const wider = made(await at(second, shop.staff.legal_registrar).post('/v1/exports', { legalOrderId: narrowed }));
    expect(wider.records).toBe(1);
    // A call there that had read the loss before the other was through ends on a name that is taken, and says so.
    expect(await reconcile(second.vault, witness, readBefore)).toEqual({ code: 'done_elsewhere' });
    const standing = await standingOf(second.vault, witness, vault.tenantId);
    const loss = await lossOf(second.vault, witness, standing);
    expect(loss).toMatchObject({ nextEpoch: 3, whole: true, ending: { epoch: 2, ended: false } });
    expect(failedOf(await reconcile(second.vault, witness, loss))).toEqual([]);
    await settle(second.vault);
    await second.vault.watch.lookAnew();
    expect(await known(second)).toEqual(after());
    expect(await standingOf(second.vault, witness, vault.tenantId)).toMatchObject({ code: 'same', epoch: 3 });
    // Control: a sweep over all tenants, before the neighbour's turn, would have erased whom its order holds.
    expect(await neighbourStays(second)).toBe(true);
    await sweepErasures(second.vault);
    expect(await neighbourStays(second)).toBe(false);
    await second.stop();
  });

  test('one that grew another way, as long or longer, is a fork; and one whose tiles were changed is damaged', async () => {
    const other = join(folder, 'fork');
    const beside: WitnessConfig = { ...config, folder: other };
    const elsewhere = openWitness(beside, vault.vault);
    const options = { witness: elsewhere, cosigner: undefined, warn: () => undefined };
    const posting = openPosting(vault.vault, { ...options, onRolledBack: () => expect.fail('rolled back') });
    const grow = async (of: TestVault): Promise<void> => {
      await newPerson(at(of, shop.staff.shop_backend), shop.people.naturalCustomer());
      await workingOf(of.vault).integrate();
    };
    vault.advance(60_000);
    await posting.post();
    const fork = await on(await snapshot());
    // The leases it was copied with end.
    fork.advance(11_000);
    expect(await standingOf(fork.vault, elsewhere, vault.tenantId)).toMatchObject({ code: 'same' });
    await grow(vault);
    await posting.post();
    await grow(fork);
    expect(await standingOf(fork.vault, elsewhere, vault.tenantId)).toMatchObject({ code: 'forked' });
    await expect(refuseRolledBack(fork.vault, elsewhere, beside)).rejects.toMatchObject({ code: 'rolled_back' });
    await grow(fork);
    expect(await standingOf(fork.vault, elsewhere, vault.tenantId)).toMatchObject({ code: 'forked' });
    // The fork is told by the service that posts it, too, and the witness keeps what it had.
    const told: LogStanding[] = [];
    await openPosting(fork.vault, { ...options, onRolledBack: (standing) => void told.push(standing) }).post();
    expect(told.map(({ code }) => code)).toEqual(['forked']);
    // A fork that was outgrown looks like a database that is behind: what was done where both have leaves is lost to it all the same.
    await leave(stays);
    for (const of of [fork, fork, fork, fork, vault, vault, vault, vault, vault]) await grow(of);
    await posting.post();
    const outgrown = await standingOf(fork.vault, elsewhere, vault.tenantId);
    expect(outgrown).toMatchObject({ code: 'behind' });
    const { again: lost, missing, whole } = await lossOf(fork.vault, elsewhere, outgrown);
    expect(lost.map(({ action, subjectId }) => [action, subjectId])).toEqual([['requests.decide', stays.id]]);
    expect([missing['requests.decide'], whole]).toEqual([1, true]);
    for (const of of [fork, fork, fork]) await grow(of);
    await withClient(fork.db.superuserUrl, async (client) => {
      await client.query('alter table amanat.audit_tiles disable trigger all');
      await client.query(
        `update amanat.audit_tiles set entries = set_byte(entries, 40, get_byte(entries, 40) # 1) where level = 0 and tile = 0`,
      );
    });
    expect((await standingOf(fork.vault, elsewhere, vault.tenantId)).code).toMatch(/^(?:broken|forked)$/);
    expect(await standingOf(vault.vault, elsewhere, vault.tenantId)).toMatchObject({ code: 'same' });
    await fork.stop();
  });

  test('a witness that is gone, or keeps what this vault never signed, keeps a start back, unless it is told otherwise', async () => {
    const away: Witness = { ...witness, read: () => Promise.reject(new WitnessFault('unreachable')) };
    await expect(refuseRolledBack(vault.vault, away, config)).rejects.toMatchObject({ code: 'witness_unreachable' });
    expect(await refuseRolledBack(vault.vault, away, { ...config, required: false })).toEqual(['witness_unreachable']);
    const kept = await witness.read(originOf(vault.tenantId));
    const forged: Witness = {
      ...witness,
      read: async () => ({ ...kept, checkpoint: kept?.checkpoint?.replace('\n', '\n9') ?? '' }),
    };
    await expect(refuseRolledBack(vault.vault, forged, config)).rejects.toMatchObject({ code: 'witness_unusable' });
    const stranger: Witness = { ...witness, read: async () => undefined };
    expect(await refuseRolledBack(vault.vault, stranger, config)).toEqual(['witness_unknown_log']);
  });
});

const failedOf = (reconciled: Reconciled) =>
  reconciled.code === 'done' ? reconciled.acts.filter(({ failed }) => failed > 0) : reconciled.code;
