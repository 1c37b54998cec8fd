import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { customerUnder } from '../support/profiles.ts';
import { policyText } from '../support/policyTexts.ts';
import type { Answer } from '../support/vault.ts';
import { atDatabase, made, newOrder, newPerson } from '../support/work.ts';
import { clause, type Stage } from './clause.ts';
import { foundIn } from './stored.ts';

/** What is taken of a person, what is demanded, and what is never taken. */

const said = ({ status, body }: Answer) => [status, body.code, body.errors?.[0]?.pointer];
const natural = ({ profile, people }: Stage) => customerUnder(profile, people.naturalCustomer());
const legal = ({ profile, people }: Stage) => customerUnder(profile, people.legalCustomer());
const bare = (fields: object) => ({ kind: 'natural', fields });
const create = async ({ client }: Stage, body: unknown) => (await client('shop_backend')).post('/v1/customers', body);

/** A3: what a visitor's browser tells. B9 names the first. */
const technical = {
  ip: '203.0.113.77',
  browser: 'Mozilla/5.0 (X11; Linux x86_64)',
  domain: 'visitor.example.net',
  accessedAt: '2025-11-12T08:00:00Z',
  referrer: 'https://search.example.net/?q=1',
};

/** The names of all members that any schema of a description has. */
function membersOf(description: unknown): string[] {
  if (typeof description !== 'object' || description === null) return [];
  return Object.entries(description).flatMap(([key, value]) => [
    ...(key === 'properties' && typeof value === 'object' && value !== null ? Object.keys(value) : []),
    ...membersOf(value),
  ]);
}

/** Every call that takes something about a customer refuses to take a technical value with it. */
async function refusesTechnical(stage: Stage): Promise<void> {
  const shop = await stage.client('shop_backend');
  const { id, addressId } = await stage.person();
  const order = { customerId: id, externalRef: 'O-9', delivery: { to: 'customer', addressId } };
  for (const [name, value] of Object.entries(technical)) {
    const more = { [name]: value };
    const inFields = await create(stage, { ...natural(stage), fields: { ...natural(stage).fields, ...more } });
    expect(said(inFields), name).toEqual([422, 'field_not_declared', `/fields/${name}`]);
    const calls = [
      shop.post('/v1/customers', { ...natural(stage), ...more }),
      shop.patch(`/v1/customers/${id}`, more, 1),
      shop.post('/v1/orders', { ...order, ...more }),
      shop.post(`/v1/customers/${id}/consents`, more),
      shop.post(`/v1/customers/${id}/acceptances`, { method: 'agree_button', ...more }),
      shop.post('/v1/requests', { customerId: id, kind: 'copy', ...more }),
      shop.post('/v1/messages', { customerId: id, ...more }),
      shop.post('/v1/grants', { customerId: id, ...more }),
    ];
    for (const answer of await Promise.all(calls)) {
      expect(answer.status, answer.text).toBe(422);
      expect(answer.body.errors).toContainEqual({ pointer: `/${name}`, code: 'unknown_field' });
    }
  }
  // Control: the same without it is taken.
  made(await shop.post('/v1/orders', order));
  made(await create(stage, natural(stage)));
}

clause(
  'A2',
  {
    shows: 'technical data are no item of a person: no call takes them with a customer, no policy can declare one',
    in: ['src/policy/vocabulary.ts', 'src/http/parse.ts', 'src/vault/customerFields.ts'],
  },
  async (stage) => {
    await refusesTechnical(stage);
    // No body of the whole API has a member for them, so there is nothing to send them in.
    const api: unknown = parse(readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8'));
    const names = membersOf(api);
    expect(names).toEqual(expect.arrayContaining(['givenName', 'familyName', 'externalRef', 'deliveryCode']));
    const telling = /^(?:ip|ipAddress|userAgent|browser|device(?:Id)?|referr?er|cookie|fingerprint)$/i;
    expect(names.filter((name) => telling.test(name))).toEqual([]);
    expect(membersOf({ properties: { a: { type: 'object', properties: { IP: {} } } } }), 'control').toEqual([
      'a',
      'IP',
    ]);
    // Nor can the officer publish a policy that collects one.
    const dpo = await stage.client('dpo', 'staff-9');
    const item = { ...stage.profile.items.natural.email, class: 'technical', clauses: ['A2'] };
    for (const [place, fault] of [
      ['/items/natural/ip', '/policy/items/natural/ip'],
      ['/items/natural/email', '/policy/items/natural/email/class'],
    ] as const) {
      const policy = policyText({ [place]: item }, 'imo');
      const answer = await dpo.post('/v1/policies', { policy, material: true });
      expect([answer.status, answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
        422,
        [fault],
      ]);
    }
    expect(stage.profile.retention.visitor_technical).toMatchObject({ keep: 'never', after: 'not_stored' });
  },
);

clause(
  'A3',
  {
    shows: 'address, browser, domain, time and referrer are refused as items, and stand in no table and no log line',
    in: ['src/vault/customerFields.ts', 'src/log.ts'],
  },
  async (stage) => {
    for (const [name, value] of Object.entries(technical)) {
      const answer = await create(stage, bare({ ...stage.people.name(), [name]: value }));
      expect(said(answer), name).toEqual([422, 'field_not_declared', `/fields/${name}`]);
    }
    // What every request carries of itself is not kept either.
    const headers = {
      'x-forwarded-for': technical.ip,
      forwarded: `for=${technical.ip}`,
      'user-agent': technical.browser,
      referer: technical.referrer,
      'x-real-ip': technical.ip,
    };
    const shop = await stage.client('shop_backend');
    const { id } = made(await shop.post('/v1/customers', natural(stage), headers));
    made(await shop.get(`/v1/customers/${id}`, headers), 200);
    const { ip, browser, domain, referrer } = technical;
    expect(await foundIn(stage.vault, [ip, browser, domain, referrer], id)).toEqual([]);
    expect(stage.vault.logLines.join()).not.toContain('127.0.0.1:');
  },
);

clause(
  'A6',
  {
    shows: 'there is no member for what people write to each other; a note is short, plain and looked through',
    in: ['src/vault/addressParts.ts', 'src/http/cardData.ts', 'src/vault/messages.ts'],
  },
  async (stage) => {
    const shop = await stage.client('shop_backend');
    for (const name of ['messages', 'chat', 'comments', 'emailBody', 'note'])
      expect(said(await create(stage, { ...natural(stage), [name]: 'سلام' })), name).toEqual([
        422,
        'unknown_field',
        `/${name}`,
      ]);
    const [address] = natural(stage).addresses;
    const withNote = (note: string) =>
      create(stage, { ...natural(stage), addresses: [{ ...address, address: { ...(address as any).address, note } }] }); // oxlint-disable-line typescript/no-explicit-any
    const place = '/addresses/0/address/note';
    expect(said(await withNote('ن'.repeat(201)))).toEqual([422, 'invalid_body', place]);
    expect(said(await withNote('زنگ\u202Eدوم'))).toEqual([422, 'invalid_body', place]);
    expect(said(await withNote('کارت ۹۹۹۹ ۹۹۰۰ ۰۰۰۰ ۰۰۰۶'))).toEqual([422, 'card_data_refused', place]);
    const { id } = made(await withNote('زنگ دوم'));
    // What the organization sends is its own word; once sent, it is read by nobody.
    const text = 'درخواست شما آماده است';
    const sent = made(
      await shop.post('/v1/messages', { customerId: id, purpose: 'notice', channel: 'sms', text }),
      202,
    );
    expect(made(await shop.get(`/v1/messages/${sent.id}`), 200).text).toBeUndefined();
    expect(await foundIn(stage.vault, [text, 'زنگ دوم'], id)).toEqual([]);
  },
);

clause(
  'B3',
  {
    shows: 'a form takes what it lists and nothing else; what has no purpose cannot be declared',
    in: ['src/policy/items.ts', 'src/http/parse.ts', 'src/policy/check.ts'],
  },
  async (stage) => {
    const { people } = stage;
    for (const [fields, name] of [
      [{ iban: people.iban() }, 'iban'],
      [{ birthDate: '1370-01-01' }, 'birthDate'],
    ] as const)
      expect(said(await create(stage, bare({ ...people.name(), ...fields })))).toEqual([
        422,
        'field_not_declared',
        `/fields/${name}`,
      ]);
    expect(said(await create(stage, { ...natural(stage), hobby: 'شنا' }))).toEqual([422, 'unknown_field', '/hobby']);
    const dpo = await stage.client('dpo', 'staff-9');
    const publish = (edits: object) =>
      dpo.post('/v1/policies', { policy: policyText(edits as never, 'ito'), material: true });
    const without = await publish({ '/items/natural/email/purposes': [] });
    expect([without.status, without.body.errors?.[0]?.pointer]).toEqual([422, '/policy/items/natural/email/purposes']);
    const unknown = await publish({ '/items/natural/email/purposes': ['curiosity'] });
    expect(unknown.status).toBe(422);
    made(await create(stage, natural(stage)));
  },
);

clause(
  'B7',
  {
    shows: 'a name and a surname are enough; without either nothing is stored',
    in: ['src/policy/items.ts', 'src/vault/customerRecord.ts'],
  },
  async (stage) => {
    const { givenName, familyName } = stage.people.name();
    made(await create(stage, bare({ givenName, familyName })));
    for (const [fields, missing] of [
      [{ givenName }, 'familyName'],
      [{ familyName }, 'givenName'],
    ] as const)
      expect(said(await create(stage, bare(fields)))).toEqual([422, 'field_required', `/fields/${missing}`]);
    const optional = Object.entries(stage.profile.items.natural).filter(([, item]) => item.mandatory);
    expect(optional.map(([field]) => field)).toEqual(['givenName', 'familyName']);
    made(await create(stage, natural(stage)));
  },
);

clause(
  'B9',
  {
    shows: 'the address from which somebody came is taken by no call and kept nowhere',
    in: ['src/policy/vocabulary.ts', 'src/log.ts'],
  },
  async (stage) => {
    await refusesTechnical(stage);
    const shop = await stage.client('shop_backend');
    const { id } = made(await shop.post('/v1/customers', natural(stage), { 'x-forwarded-for': '203.0.113.91' }));
    expect(await foundIn(stage.vault, ['203.0.113.91', technical.ip], id)).toEqual([]);
  },
);

clause(
  'B17',
  {
    shows: 'nothing leads from a technical value to a person: no search, no filter, no column, no shared key',
    in: ['src/vault/search.ts', 'src/db/columns.ts'],
  },
  async (stage) => {
    const shop = await stage.client('shop_backend');
    const { sent } = await stage.person();
    for (const by of ['ip', 'device', 'deviceId', 'cookie', 'userAgent', 'sessionId']) {
      const search = await shop.post('/v1/customers/search', { by, value: technical.ip });
      expect([search.status, search.body.code], by).toEqual([422, 'invalid_body']);
      const list = await shop.get(`/v1/customers?${by}=1`);
      expect([list.status, list.body.code], by).toEqual([422, 'invalid_query']);
    }
    const search = await shop.post('/v1/customers/search', { by: 'email', value: sent.fields['email'] });
    expect(made(search, 200).matches).toHaveLength(1);
    const columns = await atDatabase<{ name: string; type: string }>(
      stage.vault,
      `select table_name || '.' || column_name as name, udt_name as type from information_schema.columns where table_schema = 'amanat'`,
    );
    expect(columns.length).toBeGreaterThan(100);
    expect(columns.filter(({ type }) => ['inet', 'cidr', 'macaddr', 'macaddr8'].includes(type))).toEqual([]);
    const suspicious =
      /(?:^|[._])(?:ip|ip_address|user_agent|device|device_id|referr?er|browser|cookie|session)(?:$|_)/;
    expect(columns.filter(({ name }) => suspicious.test(name))).toEqual([]);
    expect('customers.ip_address').toMatch(suspicious);
  },
);

clause(
  'C1',
  {
    shows:
      'every item has a class that anybody can read, none of them technical; an item without one cannot be published',
    in: ['src/policy/accessRules.ts', 'src/policy/vocabulary.ts'],
  },
  async (stage) => {
    const { tenantId } = stage.vault;
    const read = made(await stage.vault.request('GET', `/v1/tenants/${tenantId}/policies/1`), 200);
    const { items } = parse(read.text, { merge: true });
    const classes = new Set(
      Object.values<Record<string, { class?: string }>>(items).flatMap((party) =>
        Object.values(party).map((item) => item.class ?? 'none'),
      ),
    );
    expect([...classes].toSorted()).toEqual(['address', 'contact', 'identity', 'reference']);
    const dpo = await stage.client('dpo', 'staff-9');
    for (const value of [undefined, 'technical', 'other']) {
      const policy = policyText({ '/items/natural/email/class': value }, 'citra');
      const answer = await dpo.post('/v1/policies', { policy, material: true });
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, '/policy/items/natural/email/class']);
    }
    await refusesTechnical(stage);
  },
);

clause(
  'C4',
  {
    shows: 'name, contact and references of orders are held; what was bought is not',
    in: ['src/http/orders.ts', 'src/vault/orders.ts'],
  },
  async (stage) => {
    const shop = await stage.client('shop_backend');
    const person = await stage.person();
    const delivery = { to: 'customer', addressId: person.addressId };
    for (const name of ['items', 'products', 'total', 'history'])
      expect(
        said(await shop.post('/v1/orders', { customerId: person.id, externalRef: 'O-1', delivery, [name]: [1] })),
      ).toEqual([422, 'unknown_field', `/${name}`]);
    expect(said(await create(stage, { ...natural(stage), orders: ['O-1'] }))).toEqual([
      422,
      'unknown_field',
      '/orders',
    ]);
    const orderId = await newOrder(shop, person);
    const history = made(await shop.get(`/v1/orders?customerId=${person.id}`), 200).items;
    expect(history.map((order: { id: string }) => order.id)).toEqual([orderId]);
    const order = made(await shop.get(`/v1/orders/${orderId}`), 200);
    expect(order.externalRef).toEqual({ state: 'full', value: 'O-1' });
    // A line of the history is a reference and a state: nothing of what, where to, or for how much.
    for (const listed of history)
      expect(Object.keys(listed).toSorted()).toEqual(['createdAt', 'customerId', 'id', 'status', 'version']);
  },
);

clause(
  'D2',
  {
    shows: 'what each form asks for stands in the published policy, and is what it asks for',
    in: ['src/policy/accessRules.ts', 'src/policy/items.ts'],
  },
  async (stage) => {
    const { people, vault, client } = stage;
    const shop = await client('shop_backend');
    const read = made(await vault.request('GET', `/v1/tenants/${vault.tenantId}/policies/1`), 200);
    const { forms } = parse(read.text, { merge: true });
    expect(forms.order.natural.demands).toEqual([['address'], ['mobile', 'landline'], ['email']]);
    // The account: no address, no e-mail, no phone yet.
    const account = { ...people.name(), nationalId: people.nationalId() };
    const { id } = made(await create(stage, bare(account)));
    // The order: each item of its list is missed by name.
    const person = natural(stage);
    const { email: _, ...fields } = person.fields as Record<string, string>;
    const without = await newPerson(shop, { ...(person as any), fields }); // oxlint-disable-line typescript/no-explicit-any
    const order = (customerId: string, addressId: string) =>
      shop.post('/v1/orders', { customerId, externalRef: 'O-1', delivery: { to: 'customer', addressId } });
    const answer = await order(without.id, without.addressId);
    expect(answer.body.errors).toEqual([{ pointer: '/customerId', code: 'email_required' }]);
    expect((await order(id, without.addressId)).status).toBe(422);
    const whole = await stage.person();
    made(await order(whole.id, whole.addressId));
  },
);

clause(
  'D7',
  {
    shows: 'a person has a name and a national ID that can be one, or a foreigner’s ID',
    in: ['src/formats/nationalId.ts', 'src/policy/items.ts'],
  },
  async (stage) => {
    const { people } = stage;
    const nationalId = people.nationalId();
    made(await create(stage, bare({ ...people.name(), nationalId: people.nationalId() })));
    made(await create(stage, bare({ ...people.name(), foreignerId: people.foreignerId() })));
    const without = await create(stage, bare(people.name()));
    expect(said(without)).toEqual([422, 'field_required', '/fields/nationalId']);
    expect(said(await create(stage, bare({ nationalId })))).toEqual([422, 'field_required', '/fields/givenName']);
    const wrong = `${nationalId.slice(0, 9)}${(Number(nationalId[9]) + 1) % 10}`;
    const answer = await create(stage, bare({ ...people.name(), nationalId: wrong }));
    expect(answer.body.errors).toEqual([{ pointer: '/fields/nationalId', code: 'checksum' }]);
  },
);

clause(
  'D8',
  {
    shows: 'an organization has its economic code and its legal national ID, and they agree',
    in: ['src/formats/economicCode.ts', 'src/vault/customerRecord.ts'],
  },
  async (stage) => {
    const company = legal(stage);
    made(await create(stage, company));
    for (const name of ['economicCode', 'legalNationalId']) {
      const fields = Object.fromEntries(Object.entries(legal(stage).fields).filter(([field]) => field !== name));
      const answer = await create(stage, { ...legal(stage), fields });
      expect(said(answer), name).toEqual([422, 'field_required', `/fields/${name}`]);
    }
    const other = { ...legal(stage).fields, economicCode: stage.people.legalNationalId() };
    const answer = await create(stage, { ...legal(stage), fields: other });
    expect(said(answer)).toEqual([422, 'invalid_body', '/fields/economicCode']);
  },
);

clause(
  'E6',
  {
    shows: 'a person’s name, phone, e-mail, address and Sheba are taken, a national ID is not demanded',
    in: ['src/formats/iban.ts', 'src/policy/items.ts'],
  },
  async (stage) => {
    const person = natural(stage);
    const { nationalId: _, ...fields } = person.fields as Record<string, string>;
    const { id } = made(await create(stage, { ...person, fields }));
    const subject = made(await (await stage.client('shop_backend')).get(`/v1/customers/${id}`), 200);
    expect(subject.fields.iban.state).toBe('masked');
    const [iban, name] = [stage.people.iban(), stage.people.name()];
    const wrong = `${iban.slice(0, -1)}${(Number(iban.at(-1)) + 1) % 10}`;
    expect((await create(stage, bare({ ...name, iban: wrong }))).body.errors).toContainEqual({
      pointer: '/fields/iban',
      code: 'checksum',
    });
    // A card is no account.
    expect((await create(stage, bare({ ...name, iban: '9999990000000006' }))).body.code).toBe('card_data_refused');
  },
);

clause(
  'E7',
  {
    shows: 'an organization gives both identifiers beside its contact person’s data',
    in: ['src/policy/items.ts', 'src/vault/customerRecord.ts'],
  },
  async (stage) => {
    const company = legal(stage);
    const { id } = made(await create(stage, company));
    const read = made(await (await stage.client('shop_backend')).get(`/v1/customers/${id}`), 200);
    expect(Object.keys(read.fields)).toEqual(
      expect.arrayContaining(['legalName', 'legalNationalId', 'economicCode', 'contactGivenName', 'contactFamilyName']),
    );
    for (const name of ['economicCode', 'legalNationalId', 'contactFamilyName']) {
      const fields = Object.fromEntries(Object.entries(legal(stage).fields).filter(([field]) => field !== name));
      const answer = await create(stage, { ...legal(stage), fields });
      expect(said(answer), name).toEqual([422, 'field_required', `/fields/${name}`]);
    }
    const { legalNationalId } = legal(stage).fields as Record<string, string>;
    const asPerson = await create(stage, bare({ ...stage.people.name(), legalNationalId }));
    expect(said(asPerson)).toEqual([422, 'field_not_declared', '/fields/legalNationalId']);
  },
);
