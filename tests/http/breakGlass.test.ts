import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { raiseDueEvents } from '../../src/vault/dueEvents.ts';
import { undertaken } from '../support/undertakings.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, hour, leavesOf, made, newPerson, statuses, type Person } from '../support/work.ts';
import { customerUnder } from '../support/profiles.ts';
import { shipped } from '../unit/policy/shipped.ts';
import { expectRefusal } from './legalDesk.ts';

/** C6 lets the system's administration in, C7 holds it to its duties: an emergency, for minutes, looked at afterwards. */

const minute = 60_000;
let vault: TestVault;
let shop: TestClient;
let admin: TestClient;
let dpo: TestClient;
const people = synthetic(611);

beforeAll(async () => {
  vault = await startVault({ profile: 'citra' });
  [shop, admin, dpo] = [
    await vault.client('shop_backend'),
    await vault.admin.as('root-1'),
    await vault.client('dpo', { actor: 'staff-9' }),
  ];
  // C8: in an emergency too.
  for (const actor of ['root-1', 'root-2']) await undertaken(dpo, actor);
});
afterAll(() => vault.stop());

const person = (): Promise<Person> => newPerson(shop, customerUnder(shipped.citra, people.naturalCustomer()));
const body = (who: Person, more: object = {}) => ({
  customerId: who.id,
  reason: 'پس از قطعی برق',
  fields: ['mobile', 'givenName'],
  minutes: 10,
  ...more,
});
const heard = async (kind: string, id: string) =>
  made(await dpo.get('/v1/events?state=all&limit=100'), 200).items.filter(
    (event: { kind: string; object: { id: string } }) => event.kind === kind && event.object.id === id,
  );

describe('an emergency', () => {
  test('opens the named fields of one person, for minutes and a few reads; the officer is alarmed at once, another reviews', async () => {
    const [one, other] = [await person(), await person()];
    const glass = made(await admin.post('/v1/break-glass', body(one)));
    expect(glass).toMatchObject({ customerId: one.id, fields: ['givenName', 'mobile'], maxReads: 3 });
    expect(await heard('break_glass.opened', glass.id)).toMatchObject([{ alarm: true, customerId: one.id }]);
    const read = () => admin.get(`/v1/break-glass/${glass.id}/customer`);
    const seen = made(await read(), 200);
    expect(seen.fields.givenName).toMatchObject({ state: 'full', value: one.sent.fields['givenName'] });
    expect(seen.phones[0].number.state).toBe('full');
    expect(seen.fields.familyName.state).toBe('withheld');
    expect(seen.fields.email.state).toBe('withheld');
    const [leaf] = await leavesOf(dpo, `subject=${one.id}`);
    expect(leaf).toMatchObject({ action: 'break_glass.use', grantId: glass.id, rule: 'system_admin.break_glass' });

    // Nobody else's, no other person's, and nothing beside it.
    const colleague = await vault.admin.as('root-2');
    const [foreign, unknown] = [
      await colleague.get(`/v1/break-glass/${glass.id}/customer`),
      await admin.get(`/v1/break-glass/${other.id}/customer`),
    ];
    expect(foreign.status).toBe(404);
    expect(bytesOf(foreign)).toBe(bytesOf(unknown));
    expectRefusal(await admin.get(`/v1/customers/${one.id}?grant=${glass.id}`), 403, 'not_permitted');

    made(await read(), 200);
    made(await read(), 200);
    expect(made(await read(), 200).fields.givenName.state, 'the last read was the last').toBe('withheld');

    const look = { outcome: 'not_justified', reason: 'نیازی نبود' };
    expectRefusal(await dpo.post(`/v1/break-glass/${glass.id}/review`, look), 409, 'conflict', '', 'still_open');
    vault.advance(11 * minute);
    [admin, dpo, shop] = [await vault.admin.as('root-1'), await dpo.as('staff-9'), await shop.as(undefined)];
    const self = await dpo.as('Root-1');
    expectRefusal(await self.post(`/v1/break-glass/${glass.id}/review`, look), 403, 'self_approval');
    made(await dpo.post(`/v1/break-glass/${glass.id}/review`, look), 200);
    expectRefusal(await dpo.post(`/v1/break-glass/${glass.id}/review`, look), 409, 'conflict', '', 'reviewed');
    expect(made(await dpo.get(`/v1/break-glass/${glass.id}`), 200)).toMatchObject({
      reason: 'پس از قطعی برق',
      finding: 'نیازی نبود',
      review: { outcome: 'not_justified', actor: 'staff-9' },
    });
  });

  test('not without a person, not longer, not more fields, not more in a day, also of many at once', async () => {
    const one = await person();
    expectRefusal(
      await vault.admin.as(undefined).then((by) => by.post('/v1/break-glass', body(one))),
      403,
      'not_permitted',
    );
    expectRefusal(await admin.post('/v1/break-glass', body(one, { minutes: 16 })), 422, 'invalid_body', '/closesAt');
    expectRefusal(
      await admin.post('/v1/break-glass', body(one, { fields: ['externalRef'] })),
      422,
      'invalid_body',
      '/fields/0',
    );
    expectRefusal(await admin.post('/v1/break-glass', body(one, { reason: '\u202e' })), 422, 'invalid_body', '/reason');
    expectRefusal(
      await admin.post('/v1/break-glass', body(one, { customerId: one.addressId })),
      422,
      'invalid_body',
      '/customerId',
    );
    for (const by of [shop, dpo]) expectRefusal(await by.post('/v1/break-glass', body(one)), 403, 'not_permitted');
    vault.advance(24 * hour);
    [admin, dpo, shop] = [await vault.admin.as('root-1'), await dpo.as('staff-9'), await shop.as(undefined)];
    const many = await Promise.all(Array.from({ length: 8 }, () => admin.post('/v1/break-glass', body(one))));
    const opened = statuses(many)[201] ?? 0;
    expect(opened).toBeGreaterThan(0);
    expect(opened).toBeLessThanOrEqual(3);
    for (let n = opened; n < 3; n += 1) made(await admin.post('/v1/break-glass', body(one)));
    expectRefusal(await admin.post('/v1/break-glass', body(one)), 409, 'conflict', '', 'too_many');
    const [{ n }] = (await atDatabase<{ n: number }>(
      vault,
      `select max(c)::integer as n from (select count(*) as c from amanat.break_glass group by day) d`,
    )) as [{ n: number }];
    expect(n).toBe(3);
  });

  test('is explained: what the policy allows, and to the officer alone that one is open and reads rest on it', async () => {
    vault.advance(24 * hour);
    [admin, dpo, shop] = [await vault.admin.as('root-1'), await dpo.as('staff-9'), await shop.as(undefined)];
    const [one, twin] = [await person(), await person()];
    const explain = (by: TestClient, more: object) =>
      by.post('/v1/policy/explain', { act: 'read', fields: ['mobile', 'email'], ...more });
    const asked = { clientId: admin.id, actor: 'root-1', customerId: one.id };
    const before = made(await explain(dpo, asked), 200);
    expect(before.breakGlass).toMatchObject({
      inPolicy: true,
      grantees: ['system_admin'],
      longest: 'PT15M',
      perDay: 3,
      leftToday: 3,
      reviewWithin: 'PT72H',
      rules: [{ pointer: '/breakGlass', clauses: ['C6', 'C7', 'D'] }, { pointer: '/grantKinds/break_glass' }],
      wouldHaveToChange: [{ step: 'open_break_glass' }],
    });
    expect(before.breakGlass.open).toBeUndefined();
    expect(before.fields[0].wouldHaveToChange[0]).toMatchObject({ step: 'open_break_glass', kind: 'break_glass' });
    const unwraps = vault.vault.keyring.unwraps();
    const glass = made(await admin.post('/v1/break-glass', body(one, { fields: ['mobile'] })));

    const told = made(await explain(dpo, asked), 200);
    expect(told.breakGlass).toMatchObject({ leftToday: 2, open: { id: glass.id, actor: 'root-1' } });
    expect(told.breakGlass.wouldHaveToChange).toEqual([]);
    const [mobile, email] = told.fields;
    expect([mobile.state, email.state, email.reason]).toEqual(['full', 'withheld', 'grant_scope']);
    expect(mobile.rules.map(({ pointer }: { pointer: string }) => pointer)).toContain('/breakGlass');
    expect(vault.vault.keyring.unwraps(), 'nothing was opened').toBe(unwraps);

    // Nobody else's, and of nobody else; and to nobody but the officer.
    const others = [
      { ...asked, actor: 'root-2' },
      { ...asked, customerId: twin.id },
      { role: 'shop_backend', customerId: one.id },
    ];
    for (const other of others) {
      const { breakGlass, fields } = made(await explain(dpo, other), 200);
      expect([breakGlass.open, fields[0].state === 'full'], JSON.stringify(other)).toEqual([undefined, false]);
    }
    const [held, free] = await Promise.all([one, twin].map(({ id }) => explain(shop, { ...asked, customerId: id })));
    expect(bytesOf(held as Answer), 'the shop learns of none').toBe(bytesOf(free as Answer));
    expect(made(held as Answer, 200).breakGlass.leftToday).toBeUndefined();
    const own = made(await explain(admin, {}), 200);
    expect([own.breakGlass.inPolicy, own.breakGlass.leftToday]).toEqual([true, undefined]);

    const read = () => admin.get(`/v1/break-glass/${glass.id}/customer`);
    for (let n = 0; n < 3; n += 1) made(await read(), 200);
    const used = made(await explain(dpo, asked), 200);
    expect([used.breakGlass.open, used.fields[0].state], 'used up').toEqual([undefined, 'withheld']);
    for (let n = 0; n < 2; n += 1) made(await admin.post('/v1/break-glass', body(twin)));
    const spent = made(await explain(dpo, asked), 200).breakGlass;
    expect(spent.leftToday).toBe(0);
    expect(spent.wouldHaveToChange.map(({ step }: { step: string }) => step)).toEqual([
      'wait_for_next_day',
      'open_break_glass',
    ]);
    expectRefusal(await admin.post('/v1/break-glass', body(one)), 409, 'conflict', '', 'too_many');
  });

  test('what nobody reviewed in time alarms once; a row that somebody rewrote is believed by nobody', async () => {
    vault.advance(24 * hour);
    [admin, dpo, shop] = [await vault.admin.as('root-1'), await dpo.as('staff-9'), await shop.as(undefined)];
    const glass = made(await admin.post('/v1/break-glass', body(await person())));
    await raiseDueEvents(vault.vault);
    expect(await heard('break_glass.overdue', glass.id), 'control').toEqual([]);
    vault.advance(72 * hour + 11 * minute);
    [admin, dpo] = [await vault.admin.as('root-1'), await dpo.as('staff-9')];
    await raiseDueEvents(vault.vault);
    await raiseDueEvents(vault.vault);
    expect(await heard('break_glass.overdue', glass.id)).toMatchObject([{ alarm: true }]);
    await atDatabase(vault, `update amanat.break_glass set opened_actor = 'staff-9' where id = $1`, [glass.id]);
    const look = { outcome: 'upheld', reason: 'بجا' };
    expect((await dpo.post(`/v1/break-glass/${glass.id}/review`, look)).body.code).toBe('integrity_failure');
    const listed = made(await dpo.get('/v1/break-glass?limit=100'), 200).items.map((one: { id: string }) => one.id);
    expect(listed).not.toContain(glass.id);
  });

  test('what was said of it goes with the person; that there was one stays', async () => {
    vault.advance(24 * hour);
    [admin, dpo, shop] = [await vault.admin.as('root-1'), await dpo.as('staff-9'), await shop.as(undefined)];
    const one = await person();
    const { id } = made(await admin.post('/v1/break-glass', body(one)));
    const said = () =>
      atDatabase<{ said: boolean }>(vault, 'select reason is not null as said from amanat.break_glass where id = $1', [
        id,
      ]);
    expect(await said(), 'control').toEqual([{ said: true }]);
    const asked = { customerId: one.id, kind: 'erase', asker: 'subject', checked: 'call_back' };
    const request = made(await shop.post('/v1/requests', asked)).id;
    made(await dpo.post(`/v1/requests/${request}/decide`, { outcome: 'done' }), 200);
    await sweepErasures(vault.vault);
    expect(await said()).toEqual([{ said: false }]);
    expect(made(await dpo.get(`/v1/break-glass/${id}`), 200)).not.toHaveProperty('reason');
  });

  test('where the policy has none, nobody opens one', async () => {
    const kalak = await vault.secondTenant('kalak');
    const stranger = await newPerson(await kalak.client('shop_backend'), people.naturalCustomer());
    const root = await kalak.admin.as('root-1');
    expectRefusal(await root.post('/v1/break-glass', body(stranger)), 403, 'not_permitted', '', 'not_in_policy');
    expectRefusal(await admin.post('/v1/break-glass', body(stranger)), 422, 'invalid_body', '/customerId');
  });
});
