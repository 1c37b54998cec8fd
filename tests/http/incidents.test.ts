import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, leavesOf, made, newPerson, type Person } from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

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
    expect(incident).toMatchObject({ kind: 'stolen_token', state: 'open', version: 1, summary, customerId: one.id });
    expectRefusal(await dpo.post(`/v1/incidents/${incident.id}/close`), 409, 'conflict', '/source');
    const patched = made(await dpo.patch(`/v1/incidents/${incident.id}`, parts, 1), 200);
    expect(patched).toMatchObject({ ...parts, version: 2 });
    expectRefusal(await dpo.patch(`/v1/incidents/${incident.id}`, parts, 1), 412, 'precondition_failed');
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
    const heard = made(await dpo.get('/v1/events'), 200).items.filter((e: any) => e.object.id === incident.id); // oxlint-disable-line
    expect(heard).toMatchObject([{ kind: 'incident.opened', alarm: true }]);
  });

  test('who runs the system reads the technical part alone, and writes nothing', async () => {
    const incident = await open({ customerId: (await person()).id });
    made(await dpo.patch(`/v1/incidents/${incident.id}`, parts, 1), 200);
    const seen = await vault.admin.get(`/v1/incidents/${incident.id}`);
    expect(Object.keys(made(seen, 200)).sort()).toEqual(
      ['id', 'kind', 'openedAt', 'openedAtJalali', 'recovery', 'source', 'state', 'version'].sort(),
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
