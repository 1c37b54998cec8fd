import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { canonicalJson } from '../../src/crypto/canonicalJson.ts';
import { encodeLeaf, leafHash } from '../../src/crypto/leaf.ts';
import { commit } from '../../src/db/commit.ts';
import { insertLeaves } from '../../src/db/audit.ts';
import { advanceExtents } from '../../src/vault/extentPass.ts';
import { newId } from '../../src/vault/ids.ts';
import { advanceTellings } from '../../src/vault/incidentTelling.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { sweepRetention } from '../../src/vault/retention.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, leavesOf, made, newPerson, type Person } from '../support/work.ts';
import { expectRefusal, legalDesk } from './legalDesk.ts';

let vault: TestVault;
let shop: TestClient;
let dpo: TestClient;
const people = synthetic(511);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

const person = (): Promise<Person> => newPerson(shop, people.naturalCustomer());
const summary = 'توکن یک کارگزار پشتیبانی دیده شد';
const open = async (more: object = {}) =>
  made(await dpo.post('/v1/incidents', { kind: 'stolen_token', summary, ...more }));
const read = async (id: string, by = dpo) => made(await by.get(`/v1/incidents/${id}`), 200);
/** Computes it, and waits until the log of that moment is whole. */
async function extentOf(id: string, criteria: object, on = vault): Promise<any> /* oxlint-disable-line */ {
  made(await dpo.post(`/v1/incidents/${id}/extent`, criteria), 202);
  vault.advance(11_000);
  return vi.waitFor(
    async () => {
      await advanceExtents(on.vault);
      const extent = made(await dpo.get(`/v1/incidents/${id}/extent?limit=100`), 200);
      expect(extent.state).toBe('done');
      return extent;
    },
    { timeout: 30_000, interval: 20 },
  );
}
const parts = {
  source: 'توکن در نسخهٔ پشتیبان\nمانده بود',
  recovery: 'راز کارخواه نو شد',
  legalFollowUp: 'به پلیس فتا گزارش شد',
  legalReference: '1404/77',
};

describe('the register', () => {
  test('the officer opens, writes the parts down and closes; each step says who', async () => {
    const one = await person();
    const incident = await open({ customerId: one.id, detectedAt: new Date(vault.vault.now() - 60_000).toISOString() });
    expect(incident).toMatchObject({ kind: 'stolen_token', state: 'open', version: 1, customerId: one.id });
    expect((await read(incident.id)).summary).toBe(summary);
    expectRefusal(await dpo.post(`/v1/incidents/${incident.id}/close`), 409, 'conflict', '/source');
    const patched = made(await dpo.patch(`/v1/incidents/${incident.id}`, parts, 1), 200);
    expect(patched.version).toBe(2);
    expect(await read(incident.id)).toMatchObject({ ...parts, version: 2 });
    expectRefusal(await dpo.patch(`/v1/incidents/${incident.id}`, parts, 1), 412, 'precondition_failed');
    expectRefusal(await dpo.post(`/v1/incidents/${incident.id}/close`), 409, 'conflict', '/extent');
    await extentOf(incident.id, { actor: 'nobody' });
    const closed = made(await dpo.post(`/v1/incidents/${incident.id}/close`), 200);
    expect(closed).toMatchObject({ state: 'closed', closedAtJalali: expect.any(String) });
    expect(closed.steps.map((step: { what: string; actor: string }) => [step.what, step.actor])).toEqual([
      ['opened', 'staff-9'],
      ['legalFollowUp+legalReference+recovery+source', 'staff-9'],
      ['closed', 'staff-9'],
    ]);
    expectRefusal(await dpo.patch(`/v1/incidents/${incident.id}`, parts, 3), 409, 'conflict');
    expectRefusal(await dpo.post(`/v1/incidents/${incident.id}/close`), 409, 'conflict');
    const leaves = await leavesOf(dpo, `subject=${one.id}`);
    expect(leaves[0]).toMatchObject({ action: 'incidents.create', objectId: incident.id });
    const heard = made(await dpo.get('/v1/events'), 200).items.filter(
      (e: { object: { id: string } }) => e.object.id === incident.id,
    );
    expect(heard).toMatchObject([{ kind: 'incident.extent_done' }, { kind: 'incident.opened', alarm: true }]);
  });

  test('who runs the system reads the technical part alone, and writes nothing', async () => {
    const incident = await open({ customerId: (await person()).id });
    made(await dpo.patch(`/v1/incidents/${incident.id}`, parts, 1), 200);
    const seen = await vault.admin.get(`/v1/incidents/${incident.id}`);
    expect(Object.keys(made(seen, 200)).sort()).toEqual(
      ['contained', 'id', 'kind', 'openedAt', 'openedAtJalali', 'recovery', 'source', 'state', 'version'].sort(),
    );
    expect(seen.text).not.toContain(incident.customerId);
    expect((await read(incident.id)).customerId, 'control').toBe(incident.customerId);
    expectRefusal(await vault.admin.patch(`/v1/incidents/${incident.id}`, parts, 2), 403, 'not_permitted');
    const support = await vault.client('support', { actor: 'staff-3' });
    expectRefusal(await support.get(`/v1/incidents/${incident.id}`), 403, 'not_permitted');
  });

  test('nobody opens one without saying who', async () => {
    const nameless = await dpo.as(undefined);
    expectRefusal(
      await nameless.post('/v1/incidents', { kind: 'other', summary }),
      403,
      'not_permitted',
      'header:actor',
    );
    const later = new Date(vault.vault.now() + 3_600_000).toISOString();
    const body = { kind: 'other', summary, detectedAt: later };
    expectRefusal(await dpo.post('/v1/incidents', body), 422, 'invalid_body', '/detectedAt');
    expectRefusal(
      await dpo.post('/v1/incidents', { kind: 'other', summary: '\u202e' }),
      422,
      'invalid_body',
      '/summary',
    );
  });

  test('in the table stands nothing that was said; what somebody changes there opens for nobody', async () => {
    const [one, other] = [await open(), await open()];
    const rows = await atDatabase(vault, 'select * from amanat.incidents where id = $1', [one.id]);
    expect(JSON.stringify(rows)).not.toContain(Buffer.from(summary).toString('hex').slice(0, 20));
    await atDatabase(vault, `update amanat.incidents set kind = 'other' where id = $1`, [one.id]);
    expect((await dpo.get(`/v1/incidents/${one.id}`)).body.code).toBe('integrity_failure');
    await atDatabase(
      vault,
      `update amanat.incidents i set sealed = o.sealed, data_key = o.data_key, kind = 'stolen_token'
         from amanat.incidents o where i.id = $1 and o.id = $2`,
      [one.id, other.id],
    );
    expect((await dpo.get(`/v1/incidents/${one.id}`)).body.code).toBe('integrity_failure');
    const listed = made(await dpo.get('/v1/incidents?state=open&limit=100'), 200).items.map(
      (i: { id: string }) => i.id,
    );
    expect(listed).toContain(other.id);
    expect(listed).not.toContain(one.id);
  });
});

const tokenIdOf = ({ token }: TestClient): string =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')).jti;

async function ticket(customerId: string): Promise<string> {
  const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
  const body = { kind: 'ticket', customerId, grantee: { role: 'support' }, closesAt };
  return made(await shop.post('/v1/grants', body)).id;
}

const sample = {
  subjectKind: 'customer',
  outcome: 'allowed',
  role: 'support',
  actor: '',
  action: 'customers.read',
  rule: 'support.ticket',
  purpose: 'support',
  policyVersion: 'kalak/1',
  full: ['mobile'],
  masked: [],
} as const;

describe('the extent', () => {
  test('by token, client, staff member, courier and time: who, which fields, how often; refusals and orders apart', async () => {
    const [one, two, three, four] = [await person(), await person(), await person(), await person()];
    const begun = new Date(vault.vault.now());
    const first = await vault.client('support', { actor: 'Staff-31' });
    const second = await first.as('staff-32');
    const other = await (await vault.client('support')).as('staff-31');
    const grant = await ticket(one.id);
    const seen = made(await first.get(`/v1/customers/${one.id}?grant=${grant}&fields=mobile,email`), 200);
    expect(seen.fields.email.state, 'control').toBe('full');
    made(await first.get(`/v1/customers/${two.id}?fields=email`), 200);
    expectRefusal(await first.post('/v1/orders', {}), 403, 'not_permitted');
    expectRefusal(await first.patch(`/v1/customers/${four.id}`, {}, 1), 403, 'not_permitted');
    made(await second.get(`/v1/customers/${two.id}`), 200);
    made(await other.get(`/v1/customers/${three.id}`), 200);
    const { id } = await open();

    const byToken = await extentOf(id, { tokenId: tokenIdOf(first) });
    expect(byToken).toMatchObject({ state: 'done', subjects: 3, refused: 2, criteria: { tokenId: tokenIdOf(first) } });
    const of = (extent: { items: { customerId: string }[] }, who: Person) =>
      extent.items.find(({ customerId }) => customerId === who.id);
    expect(of(byToken, one)).toMatchObject({ reads: 1, masked: 0, fields: ['email', 'mobile'], concerned: true });
    expect(of(byToken, two)).toMatchObject({
      reads: 0,
      masked: 1,
      fields: [],
      maskedFields: ['email'],
      concerned: true,
    });
    expect(of(byToken, four)).toMatchObject({ refused: 1, concerned: false });
    const lines = byToken.items.map((item: object) => `${canonicalJson(item)}\n`).join('');
    expect(byToken.digest).toBe(createHash('sha256').update(lines).digest('hex'));

    const byClient = await extentOf(id, { clientId: first.id });
    expect(of(byClient, two)).toMatchObject({ masked: 2 });
    expect(of(byClient, three)).toBeUndefined();
    const byActor = await extentOf(id, { actor: 'staff-31', from: begun.toISOString() });
    expect(byActor.items.map((s: { customerId: string }) => s.customerId).sort()).toEqual(
      [one.id, two.id, three.id, four.id].sort(),
    );
    const both = await extentOf(id, { actor: 'staff-31', clientId: other.id });
    expect(both.items).toMatchObject([{ customerId: three.id, masked: 1 }]);
    const before = await extentOf(id, { clientId: first.id, to: begun.toISOString() });
    expect(before).toMatchObject({ subjects: 0, items: [] });
    expectRefusal(await dpo.post(`/v1/incidents/${id}/extent`, {}), 422, 'field_required');
  });

  test('what was read under a legal order is told apart, and nobody is concerned by it', async () => {
    const desk = await legalDesk(vault, 512);
    const { id: customerId } = await desk.storeCustomer();
    const legalOrderId = await desk.approve([{ customerId }]);
    made(await desk.registrar.post('/v1/exports', { legalOrderId }));
    const { id } = await open();
    const extent = await extentOf(id, { clientId: desk.registrar.id });
    const found = extent.items.find((s: { customerId: string }) => s.customerId === customerId);
    expect(found).toMatchObject({ reads: 0, fields: [], concerned: false });
    expect(found.underOrder).toBeGreaterThan(0);
  });

  test('by a version of the key: whom it opens, read or not', async () => {
    const [seen, unread] = [await person(), await person()];
    const client = await vault.client('support', { actor: 'staff-35' });
    made(await client.get(`/v1/customers/${seen.id}`), 200);
    const { id } = await open();
    const extent = await extentOf(id, { keyVersion: 1, clientId: client.id });
    const found = new Map(extent.items.map((s: { customerId: string }) => [s.customerId, s]));
    expect(found.get(seen.id)).toMatchObject({ masked: 1, openable: ['customer'], concerned: true });
    expect(found.get(unread.id)).toMatchObject({ masked: 0, openable: ['customer'], concerned: true });
    expect(await extentOf(id, { keyVersion: 2 }), 'control').toMatchObject({ subjects: 0 });
  });

  test('thousands of leaves, two processes at once, each leaf counted once', async () => {
    const beside = await startVault({ beside: vault });
    const clientId = newId(vault.vault.now());
    const subjects = Array.from({ length: 150 }, () => newId(vault.vault.now()));
    const at = vault.vault.now();
    const rows = Array.from({ length: 3_300 }, (_, i) => {
      const [id, subjectId] = [newId(at), subjects[i % 150] ?? ''];
      const leaf = encodeLeaf({ ...sample, id, tenantId: vault.tenantId, at, clientId, subjectId, requestId: id });
      return { tenantId: vault.tenantId, id, clientId, subjectId, grantId: undefined, leaf, leafHash: leafHash(leaf) };
    });
    await commit(vault.vault.db, { tenantIds: [vault.tenantId] }, [insertLeaves(rows)]);
    const { id } = await open();
    made(await dpo.post(`/v1/incidents/${id}/extent`, { clientId }), 202);
    for (const on of [vault, beside]) on.advance(11_000);
    await Promise.all([advanceExtents(vault.vault), advanceExtents(beside.vault), advanceExtents(vault.vault)]);
    const extent = await vi.waitFor(
      async () => {
        await advanceExtents(beside.vault);
        const now = made(await dpo.get(`/v1/incidents/${id}/extent?limit=100`), 200);
        expect(now.state).toBe('done');
        return now;
      },
      { timeout: 30_000, interval: 20 },
    );
    expect(extent).toMatchObject({ leaves: 3_300, subjects: 150 });
    const next = made(await dpo.get(`/v1/incidents/${id}/extent?limit=100&cursor=${extent.nextCursor}`), 200);
    const all = [...extent.items, ...next.items];
    expect(all.map((s) => s.reads)).toEqual(Array.from({ length: 150 }, () => 22));
    await beside.stop();
    await atDatabase(vault, `update amanat.incident_subjects set reads = 21 where extent_id = $1`, [extent.id]);
    expect((await dpo.get(`/v1/incidents/${id}/extent`)).body.code).toBe('integrity_failure');
  });
});

describe('containment in one call', () => {
  test('tokens, a client, a person and their work stop at once, on every process; each is undone by itself', async () => {
    const beside = await startVault({ beside: vault });
    dpo = await dpo.as('staff-9');
    shop = await shop.as(undefined);
    const [one, two] = [await person(), await person()];
    const [stolen, other] = [await vault.client('support', { actor: 'staff-41' }), await vault.client('after_sales')];
    const spared = await stolen.as('staff-42');
    const insider = await other.as('Staff-43');
    const colleague = await other.as('staff-44');
    const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
    const grant = { kind: 'return', customerId: one.id, grantee: { role: 'after_sales' }, actor: 'Staff-43', closesAt };
    const grantId = made(await shop.post('/v1/grants', grant)).id;
    const marketing = await vault.client('marketing');
    const { id } = await open();
    const sees = async (by: TestClient, on = vault) =>
      (await on.request('GET', `/v1/customers/${two.id}`, { token: by.token })).status;
    for (const by of [stolen, spared, insider, colleague]) expect(await sees(by), 'control').toBe(200);

    const asked = {
      tokens: [tokenIdOf(stolen)],
      clients: [marketing.id],
      actors: ['staff-43'],
      closeGrants: true,
      customers: [one.id],
    };
    const done = made(await dpo.post(`/v1/incidents/${id}/contain`, asked), 200);
    expect(done).toMatchObject({
      state: 'contained',
      contained: [{ grants: 1, moreGrants: false, customers: [one.id] }],
    });
    await beside.vault.watch.lookAnew();
    for (const on of [vault, beside]) {
      for (const by of [stolen, insider]) expect(await sees(by, on)).toBe(401);
      for (const by of [spared, colleague]) expect(await sees(by, on), 'control').toBe(200);
    }
    await expect(other.as('STAFF-43')).rejects.toThrow('unauthorized_client');
    await expect(marketing.as(undefined)).rejects.toThrow('unauthorized_client');
    expect(made(await shop.get(`/v1/grants/${grantId}`), 200)).toMatchObject({
      status: 'closed',
      closedReason: 'incident',
    });
    expectRefusal(
      await shop.patch(`/v1/customers/${one.id}`, { fields: { email: 'a@example.com' } }, 1),
      409,
      'conflict',
      '',
    );
    const technical = await vault.admin.get(`/v1/incidents/${id}`);
    expect(technical.text).not.toContain(one.id);

    // Again: nothing more is stopped, and nothing is said twice.
    const again = made(await dpo.post(`/v1/incidents/${id}/contain`, asked), 200);
    expect(again.contained[1]).toMatchObject({ grants: 0, customers: [] });
    const frozen = made(await dpo.get('/v1/reader-freezes'), 200).items.filter(
      (f: { incidentId: string }) => f.incidentId === id,
    );
    expect(frozen).toHaveLength(2);

    made(await dpo.post(`/v1/incidents/${id}/thaw`, { customerId: one.id }), 200);
    expectRefusal(await dpo.post(`/v1/incidents/${id}/thaw`, { customerId: one.id }), 409, 'conflict');
    made(await shop.patch(`/v1/customers/${one.id}`, { fields: { email: 'a@example.com' } }, 1), 200);
    const actorFreeze = frozen.find((f: { actor?: string }) => f.actor === 'staff-43');
    made(await dpo.post(`/v1/reader-freezes/${actorFreeze.id}/lift`), 200);
    expectRefusal(await dpo.post(`/v1/reader-freezes/${actorFreeze.id}/lift`), 409, 'conflict');
    expect(await sees(insider)).toBe(200);
    expect(await sees(stolen), 'a revoked token stays so').toBe(401);
    await beside.stop();
  });

  test('nobody stops themselves, nor who is not there; a row that somebody rewrote stands', async () => {
    dpo = await dpo.as('staff-9');
    const { id } = await open();
    const contain = (body: object) => dpo.post(`/v1/incidents/${id}/contain`, body);
    expectRefusal(await contain({}), 422, 'invalid_body');
    expectRefusal(await contain({ clients: [dpo.id] }), 422, 'invalid_body', '/clients/0');
    expectRefusal(await contain({ actors: ['STAFF-9'] }), 422, 'invalid_body', '/actors/0');
    const foreign = await (await vault.secondTenant()).client('support');
    expectRefusal(await contain({ clients: [foreign.id], customers: [id] }), 422, 'invalid_body', '/customers/0');
    const reader = await vault.client('support', { actor: 'staff-51' });
    made(await contain({ clients: [reader.id] }), 200);
    // Lifted by hand, without the vault's key; a process that starts now believes none of it.
    await atDatabase(
      vault,
      `update amanat.reader_freezes set lifted_at = now(), incident_id = null where client_id = $1`,
      [reader.id],
    );
    await vault.vault.watch.lookAnew();
    expect((await reader.get('/v1/grants')).status).toBe(401);
    const late = await startVault({ beside: vault });
    expect((await late.request('GET', '/v1/grants', { token: reader.token })).status).toBe(401);
    await late.stop();
  });
});

describe('telling those concerned', () => {
  test('each once, by the channels of the policy, without an address; not for refusals or legal orders, not who is gone', async () => {
    dpo = await dpo.as('staff-9');
    shop = await shop.as(undefined);
    const [seen, refused, leaving, under] = [await person(), await person(), await person(), await person()];
    const reader = await vault.client('support', { actor: 'staff-71' });
    for (const { id } of [seen, leaving]) made(await reader.get(`/v1/customers/${id}`), 200);
    expectRefusal(await reader.patch(`/v1/customers/${refused.id}`, {}, 1), 403, 'not_permitted');
    const { id } = await open();
    expectRefusal(await dpo.post(`/v1/incidents/${id}/tellings`), 409, 'conflict', '', 'extent_not_done');
    expectRefusal(await dpo.get(`/v1/incidents/${id}/tellings`), 404, 'not_found');
    const extent = await extentOf(id, { clientId: reader.id });
    await atDatabase(vault, `update amanat.customers set status = 'leaving' where id = $1`, [leaving.id]);
    const tell = async () => {
      made(await dpo.post(`/v1/incidents/${id}/tellings`), 202);
      return vi.waitFor(
        async () => {
          await advanceTellings(vault.vault);
          const told = await dpo.get(`/v1/incidents/${id}/tellings`);
          expect(made(told, 200).state).toBe('done');
          return told;
        },
        { timeout: 30_000, interval: 20 },
      );
    };
    const told = await tell();
    expect(told.body).toMatchObject({ extentId: extent.id, reached: 1, unreached: 1 });
    for (const { number } of seen.sent.phones) expect(told.text).not.toContain(number);
    await sendDue(vault.vault);
    const again = (await tell()).body;
    const of = ({ id: customerId }: Person) =>
      again.items.find((one: { customerId: string }) => one.customerId === customerId)?.messages;
    expect(of(seen).map((m: { channel: string; state: string }) => `${m.channel} ${m.state}`)).toEqual([
      'email sent',
      'sms sent',
    ]);
    expect(of(leaving)).toEqual([]);
    for (const nobody of [refused, under]) expect(of(nobody)).toBeUndefined();
    const rows = await atDatabase(vault, `select telling from amanat.messages where about = $1`, [id]);
    expect(rows).toHaveLength(2);
    // A list that somebody wrote a name into tells that person nothing.
    await atDatabase(
      vault,
      `update amanat.incident_subjects set customer_id = $2 where extent_id = $1 and customer_id = $3`,
      [extent.id, under.id, leaving.id],
    );
    made(await dpo.post(`/v1/incidents/${id}/tellings`), 202);
    await advanceTellings(vault.vault);
    expect(await atDatabase(vault, `select 1 from amanat.messages where customer_id = $1`, [under.id])).toEqual([]);
  });
});

describe('retention', () => {
  test('a closed incident goes ten years after it was closed, with its extent, its telling and a leaf; an open one stays', async () => {
    const own = await startVault();
    let officer = await own.client('dpo', { actor: 'staff-9' });
    const opened = async () => made(await officer.post('/v1/incidents', { kind: 'other', summary: 'آزمایش' }));
    const [closed, left] = [await opened(), await opened()];
    made(await officer.patch(`/v1/incidents/${closed.id}`, parts, 1), 200);
    made(await officer.post(`/v1/incidents/${closed.id}/extent`, { actor: 'nobody' }), 202);
    own.advance(11_000);
    await vi.waitFor(async () => {
      await advanceExtents(own.vault);
      made(await officer.post(`/v1/incidents/${closed.id}/close`), 200);
    });
    const rows = () => atDatabase<{ id: string }>(own, 'select id from amanat.incidents order by id');
    const sweep = () => sweepRetention(own.vault, own.vault.watch.policy(own.tenantId), own.tenantId);
    const tenYears = 3_652 * 24 * 3_600_000;
    own.advance(tenYears - 24 * 3_600_000);
    await own.vault.watch.lookAnew();
    await sweep();
    expect(await rows(), 'control: not a day before').toHaveLength(2);
    own.advance(2 * 24 * 3_600_000);
    await own.vault.watch.lookAnew();
    await sweep();
    expect(await rows()).toEqual([{ id: left.id }]);
    expect(await atDatabase(own, 'select 1 from amanat.incident_extents')).toEqual([]);
    officer = await officer.as('staff-9');
    const leaf = (await leavesOf(officer, '')).find(({ action }) => action === 'incidents.expire');
    expect(leaf).toMatchObject({ actor: 'sweep', rule: 'retention.incident', objectId: closed.id });
    await own.stop();
  });
});
