import { expect } from 'vitest';
import { housekeep } from '../../src/vault/housekeeping.ts';
import { expectRefusal } from '../http/legalDesk.ts';
import { customerUnder } from '../support/profiles.ts';
import { policyText } from '../support/policyTexts.ts';
import { publish } from '../support/signedRows.ts';
import {
  atDatabase,
  day,
  hour,
  leavesOf,
  made,
  newOrder,
  newParcel,
  newPerson,
  subjectOf,
  type Person,
} from '../support/work.ts';
import { clause } from './clause.ts';
import { foundIn } from './stored.ts';

/** What a value may be used for. */

clause(
  'A8',
  {
    shows: 'work is of a purpose of the closed list, names the request that it serves, and every read says which',
    in: ['src/vault/grants.ts', 'src/policy/profile.ts'],
  },
  async ({ vault, client, person }) => {
    const [shop, support, dpo] = [await client('shop_backend'), await client('support'), await client('dpo')];
    const someone = await person();
    const closesAt = new Date(vault.vault.now() + hour).toISOString();
    const ticket = { kind: 'ticket', customerId: someone.id, grantee: { role: 'support' }, closesAt };
    const refused = async (more: object) => {
      const { status, body } = await shop.post('/v1/grants', { ...ticket, ...more });
      return [status, body.code];
    };
    expect(await refused({})).toEqual([422, 'field_required']);
    // Nobody gives work a purpose of their own, nor a kind that the policy does not have.
    expect(await refused({ purpose: 'marketing' })).toEqual([422, 'unknown_field']);
    expect(await refused({ kind: 'refund' })).toEqual([403, 'not_permitted']);
    const orderId = await newOrder(shop, someone);
    const grant = made(await shop.post('/v1/grants', { ...ticket, orderId }));
    const read = await support.get(`/v1/customers/${someone.id}?grant=${grant.id}&fields=email`);
    expect(read.body.fields.email).toEqual({ state: 'full', value: someone.sent.fields['email'] });
    const leaf = (await leavesOf(dpo, `subject=${someone.id}`)).find(({ grantId }) => grantId === grant.id);
    expect(leaf).toMatchObject({ purpose: 'deliver_requested_service' });
  },
);

clause(
  'A21',
  {
    shows: 'what the site keeps of a person is a random reference, good for nothing without its token',
    in: ['src/vault/ids.ts', 'src/vault/accessToken.ts', 'src/vault/customers.ts'],
  },
  async ({ vault, client, people, profile }) => {
    const shop = await client('shop_backend');
    // The same person, here and with another controller: nothing that is given out for them is alike.
    const sent = customerUnder(profile, people.naturalCustomer());
    const [one, again] = [
      await newPerson(shop, sent),
      await newPerson(await (await vault.secondTenant('imo')).client('shop_backend'), sent),
    ];
    // After the time of making the bits are drawn by lot: over these, each of the last 48 takes both values.
    const drawn = Array.from({ length: 40 }, () => customerUnder(profile, people.naturalCustomer()));
    const { results } = made(await shop.post('/v1/customers/batch', { customers: drawn }), 200);
    const lots = [one, again, ...results].map(({ id }: { id: string }) => BigInt(`0x${id.slice(-12)}`));
    expect(new Set(lots).size).toBe(42);
    const [ones, zeros] = [lots.reduce((a, b) => a | b), lots.reduce((a, b) => a & b)];
    expect([ones.toString(16), zeros]).toEqual(['f'.repeat(12), 0n]);
    expect((await shop.post('/v1/cookie-checks', { value: one.id })).body.safe).toBe(true);
    const path = `/v1/customers/${one.id}`;
    expect((await vault.request('GET', path)).status).toBe(401);
    expect((await vault.request('GET', path, { headers: { cookie: `id=${one.id}` } })).status).toBe(401);
    expect((await shop.get(`/v1/customers/${again.id}`)).status).toBe(404);
    const own = await subjectOf(vault, shop, one.id);
    expect(made(await own.get(path), 200).fields.email.value).toBe(sent.fields.email);
    const [, payload = ''] = own.token.split('.');
    const claims = Buffer.from(payload, 'base64url').toString();
    for (const value of Object.values(sent.fields)) expect(claims).not.toContain(value);
  },
);

clause(
  'C3',
  {
    shows: 'four purposes and no fifth: nobody is advertised to, agreed or not, until a published version says so',
    in: ['src/vault/consents.ts', 'src/vault/messages.ts', 'src/policy/consent.ts'],
  },
  async ({ vault, people, profile }) => {
    const uses = Object.entries(profile.purposes).filter(([, { clauses }]) => clauses.includes('C3'));
    expect(uses.map(([name]) => name)).toEqual(['service', 'order', 'experience', 'communication']);
    // A tenant of its own, for its policy moves on.
    const side = await vault.secondTenant('citra');
    const [shop, sent] = [await side.client('shop_backend'), customerUnder(profile, people.naturalCustomer())];
    const { id } = await newPerson(shop, sent);
    const yes = { purpose: 'marketing', channels: ['sms'], method: 'agree_button', textVersion: 'n-1' };
    const offer = { customerId: id, purpose: 'marketing', channel: 'sms', text: 'تخفیف' };
    const agree = () => shop.post(`/v1/customers/${id}/consents`, yes);
    const send = () => shop.post('/v1/messages', offer);
    for (const refused of [await agree(), await send()]) expectRefusal(refused, 403, 'not_permitted');
    const marketing = { title: { fa: 'تبلیغات', en: 'Advertising' }, values: 'send_through', clauses: ['C3'] };
    const text = policyText(
      {
        '/purposes/marketing': marketing,
        '/consent/purposes': ['marketing'],
        '/states/active/marketing': true,
        '/departments/shop_backend/purposes': [
          'service',
          'order',
          'experience',
          'communication',
          'notice',
          'marketing',
        ],
        '/items/natural/mobile/purposes': [
          'service',
          'order',
          'communication',
          'legal',
          'rights',
          'notice',
          'marketing',
        ],
      },
      'citra',
    );
    await publish(vault.vault, side.tenantId, 2, text, 'citra');
    await vault.vault.watch.lookAnew();
    expect((await send()).body.code, 'not before they agreed').toBe('consent_required');
    made(await agree());
    made(await send(), 202);
  },
);

clause(
  'D1',
  {
    shows:
      'what is asked for serves orders, as each item says; an item for a purpose that the list lacks is not published',
    in: ['src/policy/references.ts', 'src/vault/orders.ts'],
  },
  async ({ client, person, profile }) => {
    const shop = await client('shop_backend');
    for (const field of ['givenName', 'familyName', 'email', 'mobile', 'address'] as const)
      expect(profile.items.natural[field]?.purposes, field).toContain('order');
    const someone = await person();
    const orderId = await newOrder(shop, someone);
    expect(made(await shop.get(`/v1/orders/${orderId}`), 200)).toMatchObject({
      customerId: someone.id,
      status: 'placed',
    });
    const dpo = await client('dpo', 'staff-9');
    const refused = await dpo.post('/v1/policies', {
      policy: policyText({ '/purposes/order': undefined }, 'khakriz'),
      material: true,
    });
    expect([refused.status, refused.body.errors[0].code]).toEqual([422, 'unknown_purpose']);
    // Profiling is no purpose: neither work nor a message can be of it.
    const message = { customerId: someone.id, purpose: 'profiling', channel: 'sms', text: 'x' };
    expectRefusal(await shop.post('/v1/messages', message), 403, 'not_permitted');
  },
);

clause(
  'D5',
  {
    shows: 'an invoice freezes the buyer as it was, for accounting alone and the purpose of invoicing',
    in: ['src/vault/invoices.ts', 'src/vault/invoiceRecord.ts'],
  },
  async ({ client, person }) => {
    const [shop, accounting, dpo] = [await client('shop_backend'), await client('accounting'), await client('dpo')];
    const someone = await person();
    const { id } = made(await shop.post(`/v1/orders/${await newOrder(shop, someone)}/invoices`));
    const path = `/v1/customers/${someone.id}`;
    made(await shop.patch(path, { fields: { familyName: 'رحیمی' }, addresses: null }, 1), 200);
    const read = made(await accounting.get(`/v1/invoices/${id}`), 200);
    const { familyName, nationalId } = someone.sent.fields;
    expect(read.fields).toMatchObject({
      familyName: { state: 'full', value: familyName },
      nationalId: { state: 'full', value: nationalId },
    });
    const leaf = (await leavesOf(dpo, `subject=${someone.id}`)).find(({ action }) => action === 'invoices.read');
    expect(leaf).toMatchObject({ purpose: 'invoice', objectId: id });
    for (const role of ['support', 'after_sales', 'dpo', 'shop_backend'])
      expect((await (await client(role)).get(`/v1/invoices/${id}`)).body.code, role).toBe('not_permitted');
    // There is no way to write to one.
    expect((await accounting.call('PATCH', `/v1/invoices/${id}`, {})).status).toBe(405);
  },
);

clause(
  'D13',
  {
    shows: 'somebody else’s name, address and phone, those three and no fourth, of one order',
    in: ['src/vault/orderDelivery.ts', 'src/vault/orderRecord.ts'],
  },
  async ({ client, person, people }) => {
    const shop = await client('shop_backend');
    const { id: customerId } = await person();
    const { name, phone, address } = people.recipient();
    const order = (recipient: object) =>
      shop.post('/v1/orders', { customerId, externalRef: 'O-7', delivery: { to: 'recipient', recipient } });
    const whole = { name, phone, address };
    for (const [missing, place] of [
      ['name', '/delivery/recipient/name'],
      ['phone', '/delivery/recipient/phone'],
      ['address', '/delivery/recipient/address'],
    ] as const) {
      const answer = await order({ ...whole, [missing]: undefined });
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, place]);
    }
    for (const more of [{ email: people.email() }, { nationalId: people.nationalId() }, { iban: people.iban() }])
      expect((await order({ ...whole, ...more })).body.code).toBe('unknown_field');
    const { id } = made(await order(whole));
    const read = made(await shop.get(`/v1/orders/${id}`), 200);
    expect(read.delivery).toMatchObject({ to: 'recipient', name: { state: 'masked' }, phone: { state: 'masked' } });
    // The buyer's record holds nothing of it.
    expect((await shop.get(`/v1/customers/${customerId}`)).text).not.toContain(phone.slice(-4));
    // It is of this order alone: nobody is found by it, and the next order does not know it.
    const found = await shop.post('/v1/customers/search', { by: 'mobile', value: phone });
    expect(made(found, 200).matches).toEqual([]);
    const other = people.recipient();
    const next = made(await order({ name: other.name, phone: other.phone, address: other.address })).id;
    expect((await shop.get(`/v1/orders/${next}`)).text).not.toContain(phone.slice(-4));
  },
);

clause(
  'D14',
  {
    shows:
      'the recipient’s three items serve that order only: no other work, no search, no message; then they are erased',
    in: ['src/vault/orderRecord.ts', 'src/policy/judge.ts', 'src/vault/retention.ts'],
  },
  async ({ vault, client, person, people }) => {
    const [shop, support] = [await client('shop_backend'), await client('support')];
    const someone = await person();
    const { name, phone, address } = people.recipient();
    const orderId = await newOrder(shop, someone, { to: 'recipient', recipient: { name, phone, address } });
    const other = await newOrder(shop, someone);
    const open = async (order?: string) => {
      const closesAt = new Date(vault.vault.now() + hour).toISOString();
      const more = order === undefined ? {} : { orderId: order };
      const ticket = { kind: 'ticket', customerId: someone.id, grantee: { role: 'support' }, closesAt, ...more };
      return made(await shop.post('/v1/grants', ticket)).id;
    };
    const seen = async (grant: string) =>
      made(await support.get(`/v1/orders/${orderId}?grant=${grant}`), 200).delivery.phone;
    const own = await open(orderId);
    expect(await seen(own)).toMatchObject({ state: 'full', value: `+98${phone.slice(1)}` });
    expect((await seen(await open())).state).not.toBe('full');
    expect((await seen(await open(other))).state).not.toBe('full');
    const found = await shop.post('/v1/customers/search', { by: 'mobile', value: phone });
    expect(made(found, 200).matches).toEqual([]);
    const said = { customerId: someone.id, purpose: 'marketing', channel: 'sms', text: 'x', to: phone };
    expect((await shop.post('/v1/messages', said)).status).toBe(422);
    const [before] = await atDatabase<{ key: Buffer }>(
      vault,
      'select o.data_key as key from amanat.orders o where o.id = $1 and o.data_key is distinct from (select c.data_key from amanat.customers c where c.id = $2)',
      [orderId, someone.id],
    );
    expect(before?.key.length).toBeGreaterThan(16);
    made(await shop.post(`/v1/orders/${orderId}/cancel`), 200);
    vault.advance(8 * day);
    await housekeep(vault.vault);
    vault.advance(-8 * day);
    expect((await (await client('shop_backend')).get(`/v1/orders/${orderId}`)).status).toBe(404);
    expect((await (await client('shop_backend')).get(`/v1/orders/${other}`)).status, 'control').toBe(200);
  },
);

clause(
  'E8',
  {
    shows: 'ordering, shipping, tracking and payment, each its own purpose in the audit; a fifth use is refused',
    in: ['src/vault/grants.ts', 'src/vault/deliveries.ts', 'src/vault/messages.ts'],
  },
  async ({ vault, client, person }) => {
    const [shop, courier, payment, dpo] = [
      await client('shop_backend'),
      await client('courier'),
      await client('payment_processor'),
      await client('dpo'),
    ];
    const someone = await person();
    const orderId = await newOrder(shop, someone);
    const parcel = await newParcel(shop, orderId, courier);
    made(await courier.get(`/v1/deliveries/${parcel.id}`), 200);
    const closesAt = new Date(vault.vault.now() + hour).toISOString();
    const refund = { kind: 'refund', customerId: someone.id, orderId, grantee: { clientId: payment.id }, closesAt };
    const grant = made(await shop.post('/v1/grants', refund));
    const paid = made(await payment.get(`/v1/customers/${someone.id}?grant=${grant.id}&fields=iban`), 200);
    expect(paid.fields.iban).toEqual({ state: 'full', value: someone.sent.fields['iban'] });
    const code = { template: 'delivery_code', params: { code: parcel.deliveryCode } };
    const message = { customerId: someone.id, purpose: 'tracking', channel: 'sms', ...code };
    made(await shop.post('/v1/messages', message), 202);
    const leaves = await leavesOf(dpo, `subject=${someone.id}`);
    const purposes = leaves.map(({ action, purpose }) => `${action} ${purpose}`);
    expect(purposes).toEqual(
      expect.arrayContaining(['deliveries.read shipping', 'customers.read payment', 'messages.send tracking']),
    );
    expectRefusal(await shop.post('/v1/messages', { ...message, purpose: 'profiling' }), 403, 'not_permitted');
    const kind = await shop.post('/v1/grants', { ...refund, kind: 'profiling' });
    expect(kind.status).toBe(422);
    expect((await courier.get(`/v1/customers/${someone.id}?grant=${grant.id}`)).status).toBe(403);
  },
);

clause(
  'E28',
  {
    shows: 'ids and tokens say nothing of a person, and the shop can have what it puts into a cookie looked through',
    in: ['src/formats/cookieSafe.ts', 'src/vault/cookieChecks.ts', 'src/vault/ids.ts'],
  },
  async ({ vault, client, person }) => {
    const shop = await client('shop_backend');
    const someone = await person();
    const { email, nationalId } = someone.sent.fields;
    const check = async (value: string) => made(await shop.post('/v1/cookie-checks', { value }), 200);
    const orderId = await newOrder(shop, someone);
    const own = await subjectOf(vault, shop, someone.id);
    for (const value of [someone.id, orderId, shop.id, own.token, shop.token])
      expect(await check(value), value).toEqual({ safe: true, found: [] });
    for (const [value, found] of [
      [`who=${email}`, 'email'],
      [encodeURIComponent(JSON.stringify({ tel: someone.sent.phones[0]?.number })), 'mobile'],
      [Buffer.from(`نام ${someone.sent.fields['familyName']}`).toString('base64'), 'persian_text'],
      [String(nationalId), 'national_id'],
    ] as const)
      expect(await check(value), value).toEqual({ safe: false, found: expect.arrayContaining([found]) });
    expect((await shop.post('/v1/cookie-checks', { value: 'a'.repeat(5_000) })).status).toBe(422);
    expect((await (await client('support')).post('/v1/cookie-checks', { value: 'a' })).status).toBe(403);
    // The vault itself sets none, and keeps nothing of what it looked through.
    expect((await shop.get(`/v1/customers/${someone.id}`)).headers.get('set-cookie')).toBeNull();
    expect(await foundIn(vault, [String(email), String(nationalId)], someone.id)).toEqual([]);
  },
);

clause(
  'E13',
  {
    shows:
      'a firm knows people and orders by ids of its own, which no other firm has, and learns of nothing but its work',
    in: ['src/vault/firmIds.ts', 'src/vault/deliveries.ts', 'src/vault/grantView.ts'],
  },
  async ({ vault, client, person }) => {
    const shop = await client('shop_backend');
    const [firm, rival, courier] = [
      await client('payment_processor'),
      await client('payment_processor', 'rival'),
      await client('courier'),
    ];
    const someone = await person();
    const orderId = await newOrder(shop, someone);
    const { phones, addresses } = made(await shop.get(`/v1/customers/${someone.id}`), 200);
    const vaultIds = [someone.id, orderId, phones[0].id, addresses[0].id];
    const refund = async (by: typeof firm) => {
      const closesAt = new Date(vault.vault.now() + hour).toISOString();
      const body = { kind: 'refund', customerId: someone.id, orderId, grantee: { clientId: by.id }, closesAt };
      const { id } = made(await shop.post('/v1/grants', body));
      const [grant, list] = [await by.get(`/v1/grants/${id}`), await by.get('/v1/grants')];
      const { customerId } = made(grant, 200);
      const read = await by.get(`/v1/customers/${customerId}?grant=${id}`);
      expect(made(read, 200)).toMatchObject({ id: customerId, fields: { iban: { state: 'full' } } });
      for (const { text } of [grant, list, read]) for (const known of vaultIds) expect(text).not.toContain(known);
      return { id, customerId };
    };
    const [one, again, other] = [await refund(firm), await refund(firm), await refund(rival)];
    expect(again.customerId).toBe(one.customerId);
    expect(other.customerId).not.toBe(one.customerId);
    // Another firm's id, and one's own without the work, are nobody's.
    expect((await rival.get(`/v1/customers/${one.customerId}?grant=${other.id}`)).status).toBe(404);
    expect((await firm.get(`/v1/customers/${one.customerId}`)).status).toBe(404);
    expect((await shop.get(`/v1/customers/${one.customerId}`)).status).toBe(404);
    const parcel = await newParcel(shop, orderId, courier);
    for (const { text } of [await courier.get('/v1/deliveries'), await courier.get(`/v1/deliveries/${parcel.id}`)])
      for (const known of [...vaultIds, parcel.grantId]) expect(text).not.toContain(known);
    // What a person does is for no firm to see.
    for (const path of ['/v1/audit', '/v1/events', '/v1/orders', '/v1/customers'])
      for (const by of [firm, courier]) expect((await by.get(path)).status, path).toBe(403);
    const dpo = await client('dpo');
    const leaf = (await leavesOf(dpo, `grant=${one.id}`)).find(({ action }) => action === 'customers.read');
    expect(leaf.subjectId, 'the audit knows whom it was about').toBe(someone.id);
  },
);

clause(
  'D6',
  {
    shows: 'a company asks for the VAT certificate of an invoice, once: its name and two identifiers; a person cannot',
    in: ['src/vault/vatCertificates.ts', 'src/vault/invoices.ts'],
  },
  async ({ vault, client, person, company }) => {
    const [shop, accounting, dpo] = [await client('shop_backend'), await client('accounting'), await client('dpo')];
    const invoiceOf = async (of: Person) => made(await shop.post(`/v1/orders/${await newOrder(shop, of)}/invoices`)).id;
    const [firm, someone] = [await company(), await person()];
    const path = (id: string) => `/v1/invoices/${id}/vat-certificate`;
    const [id, persons] = [await invoiceOf(firm), await invoiceOf(someone)];
    const refused = await shop.post(path(persons));
    expectRefusal(refused, 403, 'not_permitted');
    expect(refused.body.errors).toEqual([{ pointer: '', code: 'natural_person' }]);
    expect((await accounting.get(path(id))).status, 'before anybody asked').toBe(404);
    const asked = made(await shop.post(path(id)));
    expect(asked).toMatchObject({ invoiceId: id, requestedAtJalali: expect.any(String) });
    expectRefusal(await shop.post(path(id)), 409, 'conflict');
    // As the invoice froze it, whatever becomes of the company's record.
    made(await shop.patch(`/v1/customers/${firm.id}`, { fields: { legalName: 'شرکت دیگر' } }, 1), 200);
    const { legalName, legalNationalId, economicCode } = firm.sent.fields;
    expect(made(await accounting.get(path(id)), 200).fields).toEqual({
      legalName: { state: 'full', value: legalName },
      legalNationalId: { state: 'full', value: legalNationalId },
      economicCode: { state: 'full', value: economicCode },
    });
    const leaf = (await leavesOf(dpo, `subject=${firm.id}`)).find(({ action }) => action === 'vat_certificates.read');
    expect(leaf).toMatchObject({ purpose: 'vat_certificate', objectId: id });
    for (const role of ['shop_backend', 'support', 'dpo'])
      expectRefusal(await (await client(role)).get(path(id)), 403, 'not_permitted');
    // A request that somebody wrote into the table is none.
    const forged = await invoiceOf(firm);
    await atDatabase(
      vault,
      `insert into amanat.vat_certificates select tenant_id, $1, customer_id, requested_by, requested_at, mac
         from amanat.vat_certificates where invoice_id = $2`,
      [forged, id],
    );
    expect((await accounting.get(path(forged))).body.code).toBe('integrity_failure');
    // Where the policy issues none, nobody asks for one.
    const side = await vault.secondTenant('kalak');
    const other = await side.client('shop_backend');
    expectRefusal(await other.post(path(id)), 403, 'not_permitted');
  },
);
