import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { commit } from '../../src/db/commit.ts';
import { readCustomers } from '../../src/db/customerReads.ts';
import { insertGrant } from '../../src/db/grants.ts';
import { leafOf } from '../../src/vault/audit.ts';
import { newId } from '../../src/vault/ids.ts';
import { macOf } from '../../src/vault/rowMac.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  bytesOf,
  day,
  hour,
  leavesOf,
  made,
  newOrder,
  newParcel,
  newPerson,
  statuses,
  subjectOf,
  tenantUnder,
  type Person,
} from '../support/work.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
let person: Person;
let orderId: string;
const people = synthetic(41);

beforeAll(async () => {
  vault = await startVault();
  [shop, support, dpo] = await Promise.all([
    vault.client('shop_backend'),
    vault.client('support'),
    vault.client('dpo'),
  ]);
  person = await newPerson(shop, people.naturalCustomer());
  orderId = await newOrder(shop, person);
});
afterAll(() => vault.stop());

const unknownId = '0199a9b0-0000-7000-8000-00000000abcd';
const at = (ms: number) => new Date(vault.vault.now() + ms).toISOString();
const open = (terms: Record<string, unknown> = {}) =>
  shop.post('/v1/grants', {
    kind: 'ticket',
    customerId: person.id,
    grantee: { role: 'support' },
    closesAt: at(day),
    ...terms,
  });
const read = (grant: string, by = support, id = person.id) => by.get(`/v1/customers/${id}?grant=${grant}`);

describe('a grant is opened', () => {
  test('for what its kind allows that role: the purpose follows from the kind', async () => {
    const { id } = made(await open({ orderId, externalRef: 'T-555' }));
    const shown = made(await shop.get(`/v1/grants/${id}`), 200);
    expect(shown).toMatchObject({
      kind: 'ticket',
      purpose: 'support',
      status: 'open',
      customerId: person.id,
      orderId,
      grantee: { role: 'support' },
      externalRef: { state: 'full', value: 'T-555' },
      policyVersion: 1,
      openedBy: shop.id,
      reads: 0,
    });
    for (const absent of ['fields', 'actor', 'maxReads', 'closedAt']) expect(shown).not.toHaveProperty(absent);
    const full = made(await read(id), 200);
    expect(full.fields.email).toEqual({ state: 'full', value: person.sent.fields['email'] });
    expect(full.addresses[0].address.state).toBe('full');
    const [row] = await atDatabase<{ row: string }>(
      vault,
      `select g::text as row from amanat.grants g where g.id = $1`,
      [id],
    );
    expect(row?.row).not.toContain('T-555');
    expect(row?.row).toContain('support');
    const leaves = await leavesOf(dpo, `grant=${id}`);
    expect(leaves.map((leaf) => leaf.action)).toEqual(['customers.read', 'grants.read', 'grants.create']);
  });

  test('for some fields only', async () => {
    const { id } = made(await open({ fields: ['email', 'givenName'] }));
    expect(made(await shop.get(`/v1/grants/${id}`), 200).fields).toEqual(['givenName', 'email']);
    const full = made(await read(id), 200);
    expect(full.fields.email.state).toBe('full');
    expect(full.fields.familyName).toMatchObject({ state: 'masked', reason: 'grant_scope' });
    expect(full.phones[0].number).toMatchObject({ state: 'masked', reason: 'grant_scope' });
  });

  test.each([
    ['a field the role may never see', { fields: ['email', 'nationalId'] }, '/fields/1', 'not_allowed'],
    ['a field there is none of', { fields: ['shoeSize'] }, '/fields/0', 'not_allowed'],
    ['no field at all', { fields: [] }, '/fields', 'too_short'],
    ['an unknown customer', { customerId: unknownId }, '/customerId', 'unknown_id'],
    ['an unknown order', { orderId: unknownId }, '/orderId', 'unknown_id'],
    ['an unknown client', { grantee: { clientId: unknownId } }, '/grantee/clientId', 'unknown_id'],
    ['role and client', { grantee: { role: 'support', clientId: unknownId } }, '/grantee', 'role_or_client'],
    ['nobody', { grantee: {} }, '/grantee', 'role_or_client'],
    ['a department without its name', { grantee: { role: 'department' } }, '/grantee', 'role_and_department'],
    ['a kind that opens itself', { kind: 'shipment' }, '/kind', 'enum'],
    ['a legal order’s kind', { kind: 'legal_order' }, '/kind', 'enum'],
    ['no read', { maxReads: 0 }, '/maxReads', 'too_small'],
    ['a name for an actor', { actor: 'زهرا محمدی' }, '/actor', 'format'],
    ['a reference with a direction override', { externalRef: 'T\u202E' }, '/externalRef', 'bidi_control'],
    ['a day for a time', { closesAt: '2030-01-01' }, '/closesAt', 'format'],
  ])('not for %s', async (_what, terms, pointer, code) => {
    const answer = await open(terms);
    expect([answer.status, answer.body.code, answer.body.errors]).toEqual([422, 'invalid_body', [{ pointer, code }]]);
  });

  test.each([
    ['that has ended', { closesAt: -hour }, '/closesAt', 'past'],
    ['that ends before it opens', { opensAt: 2 * hour, closesAt: hour }, '/closesAt', 'before_opening'],
    ['longer than the policy lets its kind be', { closesAt: 91 * day }, '/closesAt', 'too_late'],
    ['that opens when it could have ended', { opensAt: 90 * day + hour, closesAt: 91 * day }, '/opensAt', 'too_late'],
  ])('not for a time %s', async (_what, times, pointer, code) => {
    const answer = await open(Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, at(ms)])));
    expect([answer.status, answer.body.errors]).toEqual([422, [{ pointer, code }]]);
  });

  test.each([
    ['a ticket for accounting', { grantee: { role: 'accounting' } }],
    ['an invoice for support', { kind: 'invoice' }],
    ['a ticket for marketing', { grantee: { role: 'marketing' } }],
    ['a ticket for a courier', { grantee: { role: 'courier' } }],
    ['a ticket for an administrator', { grantee: { role: 'system_admin' } }],
    ['a refund for the shop itself', { kind: 'refund', grantee: { role: 'shop_backend' } }],
    ['a department the policy does not declare', { grantee: { role: 'department', department: 'warehouse' } }],
    ['a department named after a role', { grantee: { role: 'department', department: 'support' } }],
  ])('not where the policy gives nothing: %s', async (_what, terms) => {
    const answer = await open(terms);
    expect([answer.status, answer.body.code]).toEqual([403, 'not_permitted']);
    expect(answer.body.errors).toEqual([{ pointer: '/grantee', code: 'nothing_for_grantee' }]);
  });

  test('on an order of that customer', async () => {
    const other = await newPerson(shop, people.naturalCustomer());
    expect((await open({ customerId: other.id, orderId })).body.errors).toEqual([
      { pointer: '/orderId', code: 'unknown_id' },
    ]);
  });

  test('by the shop alone', async () => {
    for (const role of ['support', 'accounting', 'dpo', 'system_admin', 'courier', 'legal_approver']) {
      const client = await vault.client(role);
      const answer = await client.post('/v1/grants', {
        kind: 'ticket',
        customerId: person.id,
        grantee: { clientId: client.id },
        closesAt: at(day),
      });
      expect([answer.status, answer.body.code], role).toEqual([403, 'not_permitted']);
    }
    const own = await subjectOf(vault, shop, person.id);
    expect(
      (
        await own.post('/v1/grants', {
          kind: 'ticket',
          customerId: person.id,
          grantee: { role: 'support' },
          closesAt: at(day),
        })
      ).status,
    ).toBe(403);
  });

  test('for a client of this tenant that is in service', async () => {
    const elsewhere = await vault.secondTenant();
    const foreign = await elsewhere.client('support');
    const retired = await vault.client('support');
    made(await vault.admin.patch(`/v1/clients/${retired.id}`, { disabled: true }, 1), 200);
    for (const clientId of [foreign.id, retired.id]) {
      expect((await open({ grantee: { clientId } })).body.errors).toEqual([
        { pointer: '/grantee/clientId', code: 'unknown_id' },
      ]);
    }
    const colleague = await vault.client('support');
    const { id } = made(await open({ grantee: { clientId: colleague.id } }));
    expect(made(await read(id, colleague), 200).fields.email.state).toBe('full');
    expect(made(await read(id), 200).fields.email).toMatchObject({ state: 'masked', reason: 'no_grant' });
  });

  test('and holds for the one staff member it names', async () => {
    const { id } = made(await open({ actor: 'staff-3' }));
    const [right, wrong] = await Promise.all([support.as('staff-3'), support.as('staff-4')]);
    expect(made(await read(id, right), 200).fields.email.state).toBe('full');
    for (const by of [wrong, support]) {
      expect(made(await read(id, by), 200).fields.email.state).toBe('masked');
      expect((await by.get(`/v1/grants/${id}`)).status).toBe(404);
    }
    expect((await right.get(`/v1/grants/${id}`)).status).toBe(200);
  });
});

describe('a grant is read', () => {
  test('by the shop, the officer and its grantee; for all others it never was', async () => {
    const colleague = await vault.client('support');
    const accounting = await vault.client('accounting');
    const { id } = made(await open({ grantee: { clientId: colleague.id }, externalRef: 'T-1' }));
    expect(made(await colleague.get(`/v1/grants/${id}`), 200).externalRef).toEqual({ state: 'full', value: 'T-1' });
    expect((await dpo.get(`/v1/grants/${id}`)).status).toBe(200);
    const stranger = await (await vault.secondTenant()).client('shop_backend');
    for (const by of [support, accounting, stranger]) {
      const answer = await by.get(`/v1/grants/${id}`);
      expect(answer.status).toBe(404);
      expect(bytesOf(answer)).toBe(bytesOf(await by.get(`/v1/grants/${unknownId}`)));
    }
    const listed = async (by: TestClient) =>
      made(await by.get(`/v1/grants?customerId=${person.id}&limit=100`), 200).items.map(
        (item: { id: string }) => item.id,
      );
    expect(await listed(shop)).toContain(id);
    expect(await listed(colleague)).toContain(id);
    for (const by of [support, accounting, stranger]) expect(await listed(by)).not.toContain(id);
  });

  test('page by page, without what is sealed', async () => {
    const other = await newPerson(shop, people.naturalCustomer());
    const ids: string[] = [];
    for (let i = 0; i < 3; i += 1) ids.unshift(made(await open({ customerId: other.id, externalRef: `T-${i}` })).id);
    const first = made(await support.get(`/v1/grants?customerId=${other.id}&limit=2`), 200);
    const second = made(await support.get(`/v1/grants?customerId=${other.id}&limit=2&cursor=${first.nextCursor}`), 200);
    expect([...first.items, ...second.items].map((item) => item.id)).toEqual(ids);
    for (const item of first.items) expect(item).not.toHaveProperty('externalRef');
  });

  test('a courier’s is there for the shop', async () => {
    const courier = await vault.client('courier');
    const parcel = await newParcel(shop, orderId, courier);
    expect(made(await shop.get(`/v1/grants/${parcel.grantId}`), 200)).toMatchObject({
      kind: 'shipment',
      grantee: { clientId: courier.id },
    });
  });

  test('what rests on a legal order is nobody’s to see here or to close, and outlives the order’s cancellation', async () => {
    const taken = await newOrder(shop, person);
    const { keyring, db, now } = vault.vault;
    const openedAt = new Date(now());
    const secret = {
      id: newId(now()),
      kind: 'legal_order',
      purpose: 'legal',
      customerId: person.id,
      orderId: taken,
      granteeRole: 'legal_registrar',
      granteeClientId: null,
      granteeDepartment: null,
      actor: null,
      fields: null,
      legalOrderId: null,
      policyVersion: 1,
      openedBy: shop.id,
      openedAt,
      opensAt: openedAt,
      closesAt: new Date(now() + day),
      maxReads: null,
    };
    const mac = macOf(await keyring.tenant(vault.tenantId), 'grants', secret);
    const row = { ...secret, tenantId: vault.tenantId, externalRef: null, mac };
    await commit(db, { tenantIds: [vault.tenantId] }, [insertGrant(row)]);
    const registrar = await vault.client('legal_registrar');
    for (const by of [shop, dpo]) {
      expect(bytesOf(await by.get(`/v1/grants/${row.id}`))).toBe(bytesOf(await by.get(`/v1/grants/${unknownId}`)));
      const listed = made(await by.get(`/v1/grants?customerId=${person.id}&limit=100`), 200).items;
      expect(listed.map((item: { id: string }) => item.id)).not.toContain(row.id);
    }
    expect((await shop.post(`/v1/grants/${row.id}/close`)).status).toBe(404);
    made(await shop.post(`/v1/orders/${taken}/cancel`), 200);
    // The control: it is there and still opens what it is for.
    expect(made(await read(row.id, registrar), 200).fields.email.state).toBe('full');
  });
});

describe('a grant closes', () => {
  test('when the shop closes it, once', async () => {
    const { id } = made(await open());
    expect(made(await read(id), 200).fields.email.state).toBe('full');
    expect(made(await shop.post(`/v1/grants/${id}/close`), 200)).toEqual({
      id,
      status: 'closed',
      closedAt: expect.any(String),
    });
    expect(made(await read(id), 200).fields.email).toMatchObject({ state: 'masked', reason: 'expired' });
    const leaves = await leavesOf(dpo, `grant=${id}`);
    expect(leaves.every((leaf) => leaf.integrity === undefined)).toBe(true);
    const reads = leaves.filter((leaf) => leaf.action === 'customers.read');
    expect(reads).toHaveLength(2);
    expect(reads[0]).toMatchObject({ full: [], rule: 'support.base' });
    expect(reads[1]).toMatchObject({ full: expect.arrayContaining(['email']), rule: 'support.ticket' });
    expect((await shop.post(`/v1/grants/${id}/close`)).body.code).toBe('conflict');
    expect(made(await shop.get(`/v1/grants/${id}`), 200)).toMatchObject({ status: 'closed', closedReason: 'closed' });
    expect((await support.post(`/v1/grants/${id}/close`)).body.code).toBe('not_permitted');
    const stranger = await (await vault.secondTenant()).client('shop_backend');
    expect(bytesOf(await stranger.post(`/v1/grants/${id}/close`))).toBe(
      bytesOf(await stranger.post(`/v1/grants/${unknownId}/close`)),
    );
  });

  test('and a read that has no leaf for that brings nothing sealed, and stores nothing', async () => {
    const { tenantId } = vault;
    const { db, now } = vault.vault;
    const { id } = made(await open());
    const attempt = async () => {
      const deed = { subjectId: person.id, grantId: id };
      const doer = { tenantId, clientId: support.id, role: 'support' as const, actor: undefined };
      const leaf = leafOf(vault.vault, doer, { action: 'customers.read', requestId: newId(now()) }, deed);
      const named = { tenantId, customerId: person.id, grantId: id, maxReads: null, beginning: undefined };
      const asked = { ...named, leaf, leafWithoutGrant: undefined };
      const [[row]] = await commit(db, { tenantIds: [tenantId] }, [readCustomers([asked], new Date(now()))]);
      const stored = (await leavesOf(dpo, `grant=${id}`)).some((one) => one.id === leaf.id);
      return { granted: row?.granted, sealed: row?.shown, dataKey: row?.dataKey, stored };
    };
    // Control: while the grant is open both come.
    expect(await attempt()).toEqual({
      granted: true,
      sealed: expect.any(Buffer),
      dataKey: expect.any(Buffer),
      stored: true,
    });
    made(await shop.post(`/v1/grants/${id}/close`), 200);
    expect(await attempt()).toEqual({ granted: false, sealed: null, dataKey: null, stored: false });
  });

  test('by one of ten who close it at once', async () => {
    const { id } = made(await open());
    const answers = await Promise.all(Array.from({ length: 10 }, () => shop.post(`/v1/grants/${id}/close`)));
    expect(statuses(answers)).toEqual({ 200: 1, 409: 9 });
  });

  test('with its last read, also when twenty come at once', async () => {
    const { id } = made(await open({ maxReads: 3 }));
    const answers = await Promise.all(Array.from({ length: 20 }, () => read(id)));
    expect(answers.filter((a) => a.body.fields.email.state === 'full')).toHaveLength(3);
    expect(made(await shop.get(`/v1/grants/${id}`), 200)).toMatchObject({ status: 'used', reads: 3, maxReads: 3 });
  });
});

test('a grant closes by its clock, and waits for it', async () => {
  const timed = await startVault();
  try {
    const [seller, desk] = await Promise.all([timed.client('shop_backend'), timed.client('support')]);
    const buyer = await newPerson(seller, people.naturalCustomer());
    const time = (ms: number) => new Date(timed.vault.now() + ms).toISOString();
    const grant = {
      kind: 'ticket',
      customerId: buyer.id,
      grantee: { role: 'support' },
      opensAt: time(60_000),
      closesAt: time(180_000),
    };
    const { id } = made(await seller.post('/v1/grants', grant));
    const email = async () => made(await read(id, desk, buyer.id), 200).fields.email;
    const status = async () => made(await seller.get(`/v1/grants/${id}`), 200).status;
    expect([(await email()).reason, await status()]).toEqual(['expired', 'pending']);
    timed.advance(61_000);
    expect([(await email()).state, await status()]).toEqual(['full', 'open']);
    timed.advance(120_000);
    expect([(await email()).reason, await status()]).toEqual(['expired', 'ended']);
  } finally {
    await timed.stop();
  }
});

test('a refund’s payment firm sees the account holder’s name and account, for that order', async () => {
  const firm = await vault.client('payment_processor');
  const { id } = made(await open({ kind: 'refund', orderId, grantee: { clientId: firm.id } }));
  const full = made(await read(id, firm), 200);
  expect(full.fields.iban).toEqual({ state: 'full', value: person.sent.fields['iban'] });
  expect(full.fields.email).toEqual({ state: 'withheld', reason: 'role' });
  const without = made(await open({ kind: 'refund', grantee: { clientId: firm.id } }));
  expect(made(await read(without.id, firm), 200).fields.iban).toEqual({ state: 'withheld', reason: 'grant_scope' });
});

test('under a policy without couriers, invoices for accounting or recipients, none of these can be opened', async () => {
  const tenant = await tenantUnder(vault, {
    'processors.courier.allowed': false,
    'grantKinds.invoice.grantees': ['support'],
    'items.recipient': {},
  });
  const seller = await tenant.client('shop_backend');
  const buyer = await newPerson(seller, people.naturalCustomer());
  const taken = await newOrder(seller, buyer);
  const recipient = people.recipient();
  const order = { customerId: buyer.id, externalRef: 'O-9', delivery: { to: 'recipient', recipient } };
  const toOther = await seller.post('/v1/orders', order);
  expect([toOther.body.code, toOther.body.errors.map((e: { pointer: string }) => e.pointer)]).toEqual([
    'field_not_declared',
    ['/delivery/recipient/name', '/delivery/recipient/phone', '/delivery/recipient/address'],
  ]);
  const parcel = await seller.post(`/v1/orders/${taken}/shipments`, { courierClientId: unknownId });
  expect([parcel.status, parcel.body.code]).toEqual([403, 'not_permitted']);
  const grant = { kind: 'invoice', customerId: buyer.id, grantee: { role: 'accounting' }, closesAt: at(day) };
  expect((await seller.post('/v1/grants', grant)).body.code).toBe('not_permitted');
  const { id } = made(await seller.post(`/v1/orders/${taken}/invoices`));
  const accounting = await tenant.client('accounting');
  expect((await accounting.get(`/v1/invoices/${id}`)).body.code).toBe('not_permitted');
  // The control: the same calls under kalak itself.
  expect((await shop.post('/v1/orders', { ...order, customerId: person.id })).status).toBe(201);
  expect((await open({ kind: 'invoice', grantee: { role: 'accounting' } })).status).toBe(201);
});
