import { expect } from 'vitest';
import { publish } from '../support/signedRows.ts';
import { policyText } from '../support/policyTexts.ts';
import type { Answer, TestClient } from '../support/vault.ts';
import { bytesOf, hour, leavesOf, made, newOrder, newParcel, newPerson, type Person } from '../support/work.ts';
import { clause, type Stage } from './clause.ts';

/** Who sees what: nothing without work, of the work no more than it needs, and every decision in the audit. */

const codeOf = ({ status, body }: Answer) => [status, body.code];
const soon = ({ vault }: Pick<Stage, 'vault'>, ms = hour) => new Date(vault.vault.now() + ms).toISOString();

async function open(stage: Stage, person: Person, kind: string, role: string, more: object = {}): Promise<string> {
  const shop = await stage.client('shop_backend');
  const body = { kind, customerId: person.id, grantee: { role }, closesAt: soon(stage), ...more };
  return made(await shop.post('/v1/grants', body)).id;
}

/** Every value of a read, by the way it is shown. */
async function states(by: TestClient, { id }: Person, grant?: string): Promise<Record<string, string>> {
  const read = made(await by.get(`/v1/customers/${id}${grant === undefined ? '' : `?grant=${grant}`}`), 200);
  return {
    ...Object.fromEntries(Object.entries<{ state: string }>(read.fields).map(([name, { state }]) => [name, state])),
    ...(read.phones[0] === undefined ? {} : { phone: read.phones[0].number.state }),
    ...(read.addresses[0]?.address === undefined ? {} : { address: read.addresses[0].address.state }),
  };
}

clause(
  'A12',
  {
    shows: 'a municipality sees one request, the items it needs, until its time; everything else is refused',
    in: ['src/vault/deliveries.ts', 'src/vault/grants.ts', 'src/policy/judge.ts'],
  },
  async (stage) => {
    const [shop, municipality, rival] = [
      await stage.client('shop_backend'),
      await stage.client('courier', 'city-1'),
      await stage.client('courier', 'city-2'),
    ];
    const person = await stage.person();
    const parcel = await newParcel(shop, await newOrder(shop, person), municipality);
    const path = `/v1/deliveries/${parcel.id}`;
    const seen = made(await municipality.get(path), 200);
    expect(seen.address.city).toBe(person.sent.addresses[0]?.address.city);
    for (const hidden of ['email', 'nationalId', 'location', 'customerId'])
      expect(seen[hidden], hidden).toBeUndefined();
    // Another request, another purpose, another municipality.
    const other = await newParcel(shop, await newOrder(shop, person), rival);
    expect((await municipality.get(`/v1/deliveries/${other.id}`)).status).toBe(404);
    expect(codeOf(await municipality.get(`/v1/customers/${person.id}?grant=${parcel.grantId}`))).toEqual([
      403,
      'not_permitted',
    ]);
    const forMail = { kind: 'ticket', customerId: person.id, grantee: { role: 'courier' }, closesAt: soon(stage) };
    expect(codeOf(await shop.post('/v1/grants', forMail))).toEqual([403, 'not_permitted']);
    // Done is done.
    made(await municipality.post(`${path}/confirm`, { code: parcel.deliveryCode }), 200);
    const [gone, never] = [await municipality.get(path), await municipality.get(`/v1/deliveries/${person.id}`)];
    expect(bytesOf(gone)).toBe(bytesOf(never));
    expect(gone.status).toBe(404);
  },
);

/** No token, a role without the right, no work, somebody else's work: each refused or masked, each in the audit. */
async function deniesByDefault(stage: Stage, kind: string): Promise<void> {
  const [shop, support, dpo] = [
    await stage.client('shop_backend'),
    await stage.client('support', 'staff-1'),
    await stage.client('dpo', 'staff-9'),
  ];
  const person = await stage.person();
  const path = `/v1/customers/${person.id}`;
  expect((await stage.vault.request('GET', path)).status).toBe(401);
  expect((await stage.vault.request('GET', path, { token: `${support.token}x` })).status).toBe(401);
  expect(codeOf(await stage.vault.admin.get(path))).toEqual([403, 'not_permitted']);
  expect(codeOf(await support.patch(path, { fields: { email: null } }, 1))).toEqual([403, 'not_permitted']);
  const bare = await states(support, person);
  expect(Object.values(bare)).not.toContain('full');
  const orderId = await newOrder(shop, person);
  const colleague = await open(stage, person, kind, 'support', { actor: 'staff-2', orderId });
  expect(await states(support, person, colleague)).toEqual(bare);
  const own = await open(stage, person, kind, 'support', { actor: 'staff-1', orderId, fields: ['email'] });
  const shown = await states(support, person, own);
  expect(shown).toEqual({ ...bare, email: 'full' });
  const leaves = await leavesOf(dpo, `subject=${person.id}`);
  expect(leaves.find(({ grantId, full }) => grantId === own && full.length > 0)).toMatchObject({
    outcome: 'allowed',
    actor: 'staff-1',
    full: ['email'],
  });
  const refused = await leavesOf(dpo, `client=${support.id}`);
  expect(refused.find(({ action }) => action === 'customers.patch')).toMatchObject({ outcome: 'refused' });
}

clause(
  'A23',
  {
    shows: 'without token, role, purpose and work nothing is shown; every decision, refusals too, is in the audit',
    in: ['src/vault/permit.ts', 'src/policy/judge.ts', 'src/vault/audit.ts'],
  },
  (stage) => deniesByDefault(stage, 'ticket'),
);

clause(
  'B4',
  {
    shows: 'nobody outside has a client, a list, a parcel or an export; an attempt is refused and stands in the audit',
    in: ['src/vault/clients.ts', 'src/vault/shipments.ts', 'src/vault/exports.ts'],
  },
  async (stage) => {
    const admin = await stage.vault.admin.as(undefined);
    for (const role of ['courier', 'payment_processor', 'marketing']) {
      const answer = await admin.post('/v1/clients', { name: role, role, authMethod: 'client_secret' });
      expect(answer.body.errors, role).toEqual([{ pointer: '/role', code: 'not_declared' }]);
    }
    const [shop, registrar, dpo] = [
      await stage.client('shop_backend'),
      await stage.client('legal_registrar', 'staff-3'),
      await stage.client('dpo', 'staff-9'),
    ];
    const person = await stage.person();
    const orderId = await newOrder(shop, person);
    const parcel = await shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: shop.id });
    expect(codeOf(parcel)).toEqual([403, 'not_permitted']);
    for (const by of [shop, registrar])
      for (const body of [{}, { subjects: [{ customerId: person.id }] }])
        expect(codeOf(await by.post('/v1/exports', body))).toEqual([403, 'legal_order_required']);
    const leaves = await leavesOf(dpo, `client=${registrar.id}`);
    expect(leaves.find(({ rule }) => rule === 'legal_order_required')).toMatchObject({ outcome: 'refused' });
    // Control: within the house, under its own work, it opens.
    const grant = await open(stage, person, 'ticket', 'support');
    expect((await states(await stage.client('support'), person, grant))['email']).toBe('full');
  },
);

clause(
  'C2',
  {
    shows: 'without token, role and work nothing is shown; every decision, refusals too, is in the audit',
    in: ['src/vault/permit.ts', 'src/policy/judge.ts', 'src/vault/audit.ts'],
  },
  (stage) => deniesByDefault(stage, 'ticket'),
);

clause(
  'C6',
  {
    shows: 'support, after-sales and system administration, and no fourth department until a version names it',
    in: ['src/vault/clients.ts', 'src/policy/profile.ts', 'src/vault/watch.ts'],
  },
  async (stage) => {
    // A tenant of its own, for its policy moves on.
    const side = await stage.vault.secondTenant('citra');
    const ask = (role: string) => side.admin.post('/v1/clients', { name: role, role, authMethod: 'client_secret' });
    for (const role of ['accounting', 'marketing'])
      expect((await ask(role)).body.errors, role).toEqual([{ pointer: '/role', code: 'not_declared' }]);
    for (const role of ['support', 'after_sales']) made(await ask(role));
    const invoice = { kind: 'invoice', grantee: { role: 'accounting' }, closesAt: soon(stage) };
    const shop = await side.client('shop_backend');
    const { id } = await newPerson(shop, await personOf(stage));
    expect((await shop.post('/v1/grants', { ...invoice, customerId: id })).status).toBe(403);
    const accounting = { title: { fa: 'حسابداری', en: 'Accounting' }, seesValues: true, purposes: ['order'] };
    const text = policyText({ '/departments/accounting': { ...accounting, clauses: ['C6'] } }, 'citra');
    await publish(stage.vault.vault, side.tenantId, 2, text, 'citra');
    await stage.vault.vault.watch.lookAnew();
    made(await ask('accounting'));
    expect((await ask('marketing')).status).toBe(422);
    // Named, it still sees nothing that no row of the matrix gives it.
    expect((await shop.post('/v1/grants', { ...invoice, customerId: id })).status).toBe(403);
  },
);

async function personOf({ person }: Stage): Promise<Person['sent']> {
  return (await person()).sent;
}

/** Masked until a piece of work names this person, this member of staff and these fields, with its own reference. */
async function boundToDuties(stage: Stage): Promise<void> {
  const [shop, support, colleague, dpo] = [
    await stage.client('shop_backend'),
    await stage.client('support', 'staff-1'),
    await stage.client('support', 'staff-2'),
    await stage.client('dpo', 'staff-9'),
  ];
  const [person, other] = [await stage.person(), await stage.person()];
  const masked = await states(support, person);
  expect(Object.values(masked)).not.toContain('full');
  const grant = await open(stage, person, 'ticket', 'support', { actor: 'staff-1', externalRef: 'T-901' });
  const shown = await states(support, person, grant);
  expect(shown).toMatchObject({ givenName: 'full', email: 'full', phone: 'full' });
  // Where a parcel goes is of an order: a ticket without one does not show it.
  expect(shown['address']).toBe('masked');
  expect(await states(colleague, person, grant)).toEqual(masked);
  expect(Object.values(await states(support, other, grant))).not.toContain('full');
  // Why it was opened stands with it, for who looks after.
  const read = made(await dpo.get(`/v1/grants/${grant}`), 200);
  expect(read).toMatchObject({ kind: 'ticket', actor: 'staff-1', openedBy: shop.id, status: 'open' });
  made(await shop.post(`/v1/grants/${grant}/close`), 200);
  expect(await states(support, person, grant)).toEqual(masked);
}

clause(
  'C7',
  {
    shows: 'values are masked, and open under work that names the person, the member of staff and the reason',
    in: ['src/vault/grantOf.ts', 'src/policy/judge.ts', 'src/vault/customers.ts'],
  },
  boundToDuties,
);

clause(
  'E20',
  {
    shows: 'an employee sees in full what an assigned piece of work needs, for as long as it is open',
    in: ['src/vault/grantOf.ts', 'src/policy/judge.ts', 'src/vault/customers.ts'],
  },
  boundToDuties,
);

clause(
  'D20',
  {
    shows: 'names and identifiers are masked for every role, and open under a purpose that needs them',
    in: ['src/policy/judge.ts', 'src/policy/masks.ts'],
  },
  async (stage) => {
    const person = await stage.person();
    const identity = Object.entries(stage.profile.items.natural)
      .filter(([, item]) => item.class === 'identity')
      .map(([name]) => name)
      .filter((name) => person.sent.fields[name] !== undefined);
    expect(identity).toEqual(expect.arrayContaining(['givenName', 'familyName', 'nationalId']));
    for (const role of ['shop_backend', 'support', 'after_sales', 'accounting', 'dpo']) {
      const by = await stage.client(role, 'staff-1');
      const read = await by.get(`/v1/customers/${person.id}`);
      for (const name of identity) {
        expect(['masked', 'withheld'], `${role} ${name}`).toContain(made(read, 200).fields[name].state);
        expect(read.text, `${role} ${name}`).not.toContain(person.sent.fields[name]);
      }
    }
    const accounting = await stage.client('accounting', 'staff-1');
    const grant = await open(stage, person, 'invoice', 'accounting');
    const invoiced = await states(accounting, person, grant);
    expect(invoiced).toMatchObject({ givenName: 'full', nationalId: 'full' });
    const ticket = await open(stage, person, 'ticket', 'support');
    const support = await states(await stage.client('support', 'staff-1'), person, ticket);
    expect([support['givenName'], support['nationalId']]).toEqual(['full', 'masked']);
  },
);
