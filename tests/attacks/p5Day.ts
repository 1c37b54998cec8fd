import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { synthetic, type Synthetic } from '../../src/cli/synthetic.ts';
import { orderBody } from '../http/legalDesk.ts';
import { textPdf } from '../support/scans.ts';
import { clientOf, login, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { made, newOrder, newParcel } from '../support/work.ts';
import type { Canary } from './leaks.ts';
import { hire, type StaffRole } from './shop.ts';

/** One day of a shop: everything the API offers, with a value in every field that stands nowhere else. */
export interface Day {
  readonly url: string;
  /** Every value that was sent, by name. */
  readonly canaries: Canary[];
  /** Secrets and tokens that were handed out. */
  readonly secrets: Canary[];
  readonly deliveryCodes: string[];
  /** Header lines of every answer, and bodies of those that refuse. */
  readonly heard: string[];
  readonly staff: Readonly<Record<StaffRole, TestClient>>;
}

/** Letters, in an order that no other text has. None of them is spelt two ways. */
export const word = (): string => [...randomBytes(10)].map((byte) => 'ابپتجچدرزسشقگلمنوه'.charAt(byte % 18)).join('');
const latin = (): string => `q${randomBytes(8).toString('hex')}`;

/** Keeps every answer's headers, and what refusals say. */
function hear(heard: string[], answer: Answer): Answer {
  for (const [name, value] of answer.headers) heard.push(`${name}: ${value}`);
  if (answer.status >= 400) heard.push(answer.text);
  return answer;
}

function listening(client: TestClient, day: Pick<Day, 'heard' | 'secrets'>): TestClient {
  day.secrets.push({ name: 'an access token', value: client.token.slice(client.token.lastIndexOf('.') + 1) });
  const call: TestClient['call'] = async (...given) => hear(day.heard, await client.call(...given));
  return {
    ...client,
    call,
    get: (path, headers) => call('GET', path, undefined, headers),
    post: (path, body = {}, headers) => call('POST', path, body, headers),
    patch: async (...given) => hear(day.heard, await client.patch(...given)),
    as: async (actor, scope) => listening(await client.as(actor, scope), day),
  };
}

/** Logs in as the first run's administrator and hires everybody. */
export async function openDay(url: string, firstRun: Readonly<Record<string, string>>): Promise<Day> {
  const day = { url, canaries: [], secrets: [], deliveryCodes: [], heard: [] } satisfies Omit<Day, 'staff'>;
  const { clientId = '', clientSecret = '' } = firstRun;
  const admin = listening(await login(url, clientId, clientSecret), day);
  const keep = (name: string, client: TestClient): TestClient => {
    (day.secrets as Canary[]).push({ name: `${name}'s secret`, value: client.secret });
    return listening(client, day);
  };
  keep('the first client', admin);
  const staff = await hire({
    tenantId: firstRun['tenantId'] ?? '',
    admin,
    async client(role, { actor } = {}) {
      const { id, secret } = made(
        await admin.post('/v1/clients', { name: `${role} system`, role, authMethod: 'client_secret' }),
      );
      return keep(role, await login(url, id, secret, actor));
    },
  });
  return { ...day, staff };
}

/** A value that is to be found nowhere, and itself. */
function mark(day: Day, name: string, value: string, core = value): string {
  day.canaries.push({ name, value: core });
  return value;
}

const coreOf = (number: string): string => number.replace(/^0/, '');

type Sent =
  | ReturnType<Synthetic['naturalCustomer']>
  | ReturnType<Synthetic['legalCustomer']>
  | ReturnType<Synthetic['foreignCustomer']>;

/** A customer with everything it can have, all of it marked. */
function marked(day: Day, people: Synthetic, about: string, drawn: Sent) {
  const of = (name: string, value: string, core?: string): string => mark(day, `${about}: ${name}`, value, core);
  const fields = Object.fromEntries(
    Object.entries(drawn.fields as Record<string, string>).map(([name, value]) => {
      if (name.endsWith('Name')) return [name, of(name, word())];
      if (name === 'email') return [name, of(name, `${latin()}@example.com`)];
      return [name, of(name, value, name === 'iban' ? value.slice(4) : value)];
    }),
  );
  const { nationalId } = fields;
  if (nationalId !== undefined) fields['economicCode'] = of('economicCode', `${nationalId}0001`);
  const [mobile, landline] = [people.mobile(), people.landline()];
  return {
    kind: drawn.kind,
    source: 'web',
    externalRef: of('externalRef', `C-${latin()}`),
    fields,
    phones: [
      { kind: 'mobile', number: of('mobile', mobile, coreOf(mobile)), primary: true },
      {
        kind: 'landline',
        number: of('landline', landline, coreOf(landline)),
        extension: '7531',
      },
    ],
    addresses: [place(day, people, about)],
  };
}

function place(day: Day, people: Synthetic, about: string) {
  const { address, postalCode } = people.address();
  const of = (name: string, value: string): string => mark(day, `${about}: ${name}`, value);
  const degrees = (from: number): number => from + (randomBytes(4).readUInt32BE() % 1e8) / 1e9;
  const [lat, lng] = [degrees(35), degrees(51)];
  of('latitude', String(lat));
  of('longitude', String(lng));
  return {
    address: {
      ...address,
      district: of('district', word()),
      street: of('street', word()),
      alley: of('alley', word()),
      plaque: of('plaque', latin()),
      floor: of('floor', latin()),
      unit: of('unit', latin()),
      note: of('note', word()),
    },
    postalCode: of('postal code', postalCode),
    location: { lat, lng },
  };
}

function recipient(day: Day, people: Synthetic, about: string) {
  const phone = people.mobile();
  return {
    name: mark(day, `${about}: name`, word()),
    phone: mark(day, `${about}: phone`, phone, coreOf(phone)),
    ...place(day, people, about),
  };
}

/** Another check digit than its own. */
function misspelt(day: Day, people: Synthetic, name: string): string {
  const right = people.nationalId();
  return mark(day, name, `${right.slice(0, -1)}${(Number(right.at(-1)) + 5) % 10}`);
}

const persian = (text: string): string => text.replace(/\d/g, (d) => '۰۱۲۳۴۵۶۷۸۹'.charAt(Number(d)));

/** Customers: made one by one, many at once, line by line; changed, searched, matched, read by everybody. */
export async function customersDay(day: Day): Promise<{ readonly id: string; readonly addressId: string }> {
  const people = synthetic(51);
  const { shop_backend: shop, support, accounting, dpo } = day.staff;
  const key = (): Record<string, string> => ({ 'idempotency-key': mark(day, 'an Idempotency-Key', latin()) });
  const sent = marked(day, people, 'a person', people.naturalCustomer());
  const { id } = made(await shop.post('/v1/customers', sent, key()));
  made(await shop.post('/v1/customers', marked(day, people, 'a foreigner', people.foreignCustomer()), key()));
  made(await shop.post('/v1/customers', marked(day, people, 'a company', people.legalCustomer()), key()));
  const again = await shop.post('/v1/customers', {
    ...marked(day, people, 'a twin', people.naturalCustomer()),
    fields: sent.fields,
  });
  if (again.status !== 409) throw new Error(`a twin: ${again.status}`);
  const batch = Array.from({ length: 3 }, (_, i) => marked(day, people, `of a batch ${i}`, people.naturalCustomer()));
  made(
    await shop.post(
      '/v1/customers/batch',
      { customers: [...batch, { ...batch[0], fields: { givenName: mark(day, 'a faulty item', word()) } }] },
      key(),
    ),
    200,
  );
  const lines = Array.from({ length: 4 }, (_, i) =>
    JSON.stringify(marked(day, people, `of an import ${i}`, people.naturalCustomer())),
  );
  lines.push(
    `{"kind":"${mark(day, 'a broken line', word())}`,
    JSON.stringify({ kind: mark(day, 'a faulty line', word()) }),
  );
  const ndjson = { 'content-type': 'application/x-ndjson', ...key() };
  made(await shop.call('POST', '/v1/customers/import', lines.join('\n'), ndjson), 200);
  const { email, nationalId = '', iban = '' } = sent.fields;
  const mobile = sent.phones[0]?.number ?? '';
  const values = {
    email,
    nationalId: persian(nationalId),
    iban,
    mobile: persian(mobile),
    externalRef: sent.externalRef,
  };
  for (const [by, value] of Object.entries(values)) {
    const found = made(await shop.post('/v1/customers/search', { by, value }, key()), 200);
    if (found.matches.length !== 1) throw new Error(`search by ${by}`);
  }
  made(await support.post('/v1/customers/match', { id, field: 'nationalId', value: nationalId }), 200);
  const before = made(await shop.get(`/v1/customers/${id}`), 200);
  const phones = [
    ...before.phones.map((p: { id: string }) => ({ id: p.id })),
    { kind: 'mobile', number: numberOf(day, people, 'a new phone') },
  ];
  const patch = {
    fields: { email: mark(day, 'a new e-mail', `${latin()}@example.org`), givenName: mark(day, 'a new name', word()) },
    phones,
  };
  made(await shop.patch(`/v1/customers/${id}`, patch, 1), 200);
  const closesAt = new Date(Date.now() + 3_600_000).toISOString();
  const grants = [
    { kind: 'ticket', grantee: { role: 'support' }, by: support },
    { kind: 'invoice', grantee: { role: 'accounting' }, by: accounting },
  ];
  for (const { kind, grantee, by } of grants) {
    const body = { kind, customerId: id, grantee, closesAt, externalRef: mark(day, 'a grant’s reference', latin()) };
    const grant = made(await shop.post('/v1/grants', body, key())).id;
    const full = await by.get(`/v1/customers/${id}?grant=${grant}`);
    if (!full.text.includes(sent.fields['familyName'] ?? '')) throw new Error(`${kind} shows nothing`);
    made(await by.get(`/v1/grants/${grant}`), 200);
    made(await shop.post(`/v1/grants/${grant}/close`), 200);
  }
  const once = people.iban();
  const account = {
    iban: mark(day, 'an account for a refund', once, once.slice(4)),
    holderName: mark(day, 'whose account a refund goes to', word()),
  };
  const refund = { kind: 'refund', customerId: id, grantee: { role: 'accounting' }, closesAt, account };
  const paid = made(await shop.post('/v1/grants', refund, key())).id;
  const shown = await accounting.get(`/v1/customers/${id}?grant=${paid}`);
  if (!shown.text.includes(once)) throw new Error('the refund shows no account');
  made(await shop.post(`/v1/grants/${paid}/close`, { settled: true }), 200);
  for (const by of [shop, support, accounting, dpo]) made(await by.get(`/v1/customers/${id}`), 200);
  made(await (await subject(day, id)).get(`/v1/customers/${id}`), 200);
  return { id, addressId: before.addresses[0].id };
}

function numberOf(day: Day, people: Synthetic, name: string): string {
  const number = people.mobile();
  return mark(day, name, number, coreOf(number));
}

async function subject(day: Day, id: string): Promise<TestClient> {
  const { shop_backend: shop } = day.staff;
  const answer = await fetch(`${day.url}/oauth/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${shop.id}:${shop.secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_subject: id,
    }).toString(),
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  return listening(clientOf(day.url, shop.id, shop.secret, token), day);
}

/** Orders to the buyer and to others, parcels, every way they end, invoices. */
export async function ordersDay(day: Day, buyer: { readonly id: string; readonly addressId: string }): Promise<void> {
  const people = synthetic(52);
  const { shop_backend: shop, courier, support, accounting } = day.staff;
  const own = made(
    await shop.post('/v1/orders', {
      customerId: buyer.id,
      externalRef: mark(day, 'an order’s reference', latin()),
      delivery: { to: 'customer', addressId: buyer.addressId },
    }),
  ).id;
  const person = { ...buyer, sent: { fields: {}, phones: [], addresses: [] } };
  const toOther = await newOrder(shop, person, { to: 'recipient', recipient: recipient(day, people, 'a recipient') });
  const corrected = { delivery: { to: 'recipient', recipient: recipient(day, people, 'a corrected recipient') } };
  made(await shop.patch(`/v1/orders/${toOther}`, corrected, 1), 200);
  for (const [order, end] of [
    [own, 'return'],
    [toOther, 'confirm'],
  ] as const) {
    const parcel = await newParcel(shop, order, courier);
    day.deliveryCodes.push(parcel.deliveryCode);
    const path = `/v1/deliveries/${parcel.id}`;
    made(await courier.get(path), 200);
    made(await courier.get('/v1/deliveries'), 200);
    made(await courier.post(`${path}/fail`, { reason: mark(day, 'why it failed', word()) }), 200);
    const wrong = String((Number(parcel.deliveryCode) + 7) % 100_000).padStart(5, '0');
    day.deliveryCodes.push(wrong);
    if ((await courier.post(`${path}/confirm`, { code: wrong })).status !== 422) throw new Error('a wrong code passed');
    made(await courier.post(`${path}/${end}`, end === 'confirm' ? { code: parcel.deliveryCode } : {}), 200);
    made(await support.get(`/v1/orders/${order}`), 200);
  }
  const invoice = made(await shop.post(`/v1/orders/${own}/invoices`)).id;
  made(await accounting.get(`/v1/invoices/${invoice}`), 200);
  const third = await newOrder(shop, person, {
    to: 'recipient',
    recipient: recipient(day, people, 'a cancelled recipient'),
  });
  made(await shop.post(`/v1/orders/${third}/cancel`), 200);
}

/** Orders of authorities, each text of them marked; one export, fetched. */
export async function legalDay(day: Day, subjectId: string): Promise<void> {
  const { legal_registrar: registrar, legal_approver: approver, shop_backend: shop, dpo } = day.staff;
  const clock = { vault: { now: Date.now } } as unknown as TestVault;
  const of = (name: string): string => mark(day, `an order's ${name}`, word());
  const register = async (): Promise<string> => {
    const plain = orderBody(clock, [{ customerId: subjectId }, { by: 'nationalId', value: numberInLaw(day) }]);
    const body = {
      ...plain,
      authority: {
        ...plain.authority,
        name: of('authority'),
        officialName: of('official'),
        officialTitle: of('title'),
        jurisdiction: of('jurisdiction'),
      },
      letter: {
        ...plain.letter,
        number: mark(day, "an order's number", latin()),
        subject: of('subject'),
        archiveNumber: mark(day, "an order's archive", latin()),
        annexes: of('annexes'),
      },
      basis: { law: of('law'), article: mark(day, "an order's article", latin()) },
      scope: { ...plain.scope, limits: of('limits'), place: of('place'), encryptedOrDeleted: of('other data') },
      recipient: { name: of('recipient'), title: of('recipient’s title'), unit: of('unit') },
      secret: { fromSubject: true, basis: of('secrecy') },
    };
    return made(
      await registrar.post('/v1/legal-orders', body, { 'idempotency-key': mark(day, 'an Idempotency-Key', latin()) }),
    ).id;
  };
  const [executed, rejected, revoked] = [await register(), await register(), await register()];
  const scan = `/v1/legal-orders/${executed}/document`;
  const letter = textPdf(mark(day, 'a scan', latin()));
  made(await registrar.call('POST', scan, letter, { 'content-type': 'application/pdf' }));
  made(await approver.get(scan), 200);
  made(await approver.post(`/v1/legal-orders/${executed}/approve`), 200);
  made(await approver.post(`/v1/legal-orders/${revoked}/approve`), 200);
  made(await approver.post(`/v1/legal-orders/${rejected}/reject`, { reason: of('rejection') }), 200);
  made(await approver.post(`/v1/legal-orders/${revoked}/revoke`, { reason: of('revocation') }), 200);
  for (const by of [registrar, shop]) hear(day.heard, await by.post('/v1/exports', {}));
  const exported = made(await registrar.post('/v1/exports', { legalOrderId: executed })).id;
  made(await registrar.get(`/v1/exports/${exported}/package`), 200);
  for (const path of ['/v1/exports', '/v1/legal-orders', `/v1/legal-orders/${executed}`])
    made(await registrar.get(path), 200);
  made(await dpo.get(`/v1/audit?subject=${subjectId}&limit=100`), 200);
}

function numberInLaw(day: Day): string {
  const number = synthetic(randomBytes(4).readInt32BE()).nationalId();
  return mark(day, "an order's subject", number);
}

/** What is refused, broken or sent to the wrong place, with a value in every part of a request. */
export async function badDay(day: Day, url: string): Promise<void> {
  const people = synthetic(53);
  const { shop_backend: shop, marketing } = day.staff;
  const secret = (name: string): string => mark(day, name, latin());
  const token = `Bearer ${shop.token}`;
  const send = async (
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string | Buffer,
  ): Promise<void> => {
    const response = await fetch(url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
    });
    hear(day.heard, {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      body: undefined,
    });
  };
  const json = { authorization: token, 'content-type': 'application/json' };
  hear(
    day.heard,
    await marketing.post('/v1/customers', marked(day, people, 'of the wrong role', people.naturalCustomer())),
  );
  const card = marked(day, people, 'with a card', people.naturalCustomer());
  hear(
    day.heard,
    await shop.post('/v1/customers', { ...card, externalRef: `${secret('beside a card')} 9999990000000014` }),
  );
  const bodies = [
    `{"fields":{"givenName":"${mark(day, 'in broken JSON', word())}"`,
    `{"${mark(day, 'as a member', word())}":1}`,
    `{"kind":"natural","fields":{"nationalId":"${misspelt(day, people, 'a bad identifier')}","givenName":"${mark(day, 'a bad body', word())}"}}`,
    `{"kind":"${mark(day, 'a bad kind', word())}"}`,
    JSON.stringify({
      kind: 'natural',
      fields: { givenName: mark(day, 'too long', word()).repeat(400), email: `${secret('a bad e-mail')}@` },
    }),
    `{"a":"${mark(day, 'a duplicate', word())}","a":"${mark(day, 'a duplicate', word())}"}`,
  ];
  for (const body of bodies) await send('POST', '/v1/customers', json, body);
  await send(
    'POST',
    '/v1/customers',
    json,
    Buffer.concat([Buffer.from(`{"a":"${mark(day, 'beside bad UTF-8', word())}`), Buffer.from([0xff, 0x22])]),
  );
  await send(
    'POST',
    '/v1/customers',
    json,
    JSON.stringify({ a: `${mark(day, 'too large', word())}${'x'.repeat(200_000)}` }),
  );
  await send('POST', '/v1/customers', { ...json, 'content-type': 'text/plain' }, mark(day, 'plain text', word()));
  const mobile = numberOf(day, people, 'a number in a path');
  for (const path of [
    `/v1/customers/${mobile}`,
    `/v1/${encodeURIComponent(mark(day, 'a path', word()))}`,
    `/v1/customers?cursor=${secret('a cursor')}`,
    `/v1/customers?${encodeURIComponent(mark(day, 'a query’s name', word()))}=1`,
  ]) {
    await send('GET', path, { authorization: token });
  }
  await send('GET', `/v1/customers/${shop.id}?fields=${encodeURIComponent(mark(day, 'a query', word()))}`, {
    authorization: token,
  });
  const names = [
    'user-agent',
    'referer',
    'cookie',
    'x-request-id',
    'x-forwarded-for',
    'origin',
    'if-match',
    'accept-language',
    'traceparent',
  ];
  await send('GET', '/v1/customers', {
    authorization: token,
    ...Object.fromEntries(names.map((name) => [name, secret(`header ${name}`)])),
  });
  await send('GET', '/v1/customers', { authorization: `Bearer ${secret('a bad token')}` });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const basic = `Basic ${Buffer.from(`${secret('a client’s name')}:${secret('a wrong secret')}`).toString('base64')}`;
  await send('POST', '/oauth/token', { ...form, authorization: basic }, 'grant_type=client_credentials');
  const good = `Basic ${Buffer.from(`${shop.id}:${shop.secret}`).toString('base64')}`;
  for (const name of ['scope', 'actor', 'requested_subject', 'audience', 'grant_type', 'subject_token', 'zahra']) {
    const fields = {
      grant_type: 'client_credentials',
      [name]: name === 'actor' ? mark(day, 'an actor', word()) : secret(`parameter ${name}`),
    };
    await send('POST', '/oauth/token', { ...form, authorization: good }, new URLSearchParams(fields).toString());
  }
  await send('POST', '/oauth/revoke', { ...form, authorization: good }, `token=${secret('a token to revoke')}`);
  await send('POST', '/oauth/introspect', { ...form, authorization: good }, `token=${shop.token}`);
  for (const line of [
    `GET /${secret('no HTTP')} HTTP/9.9`,
    `${secret('no method')} / HTTP/1.1`,
    `GET / HTTP/1.1\r\n${secret('no header')}`,
  ]) {
    await broken(day, url, line);
  }
}

/** What is no HTTP gets an answer too. */
function broken(day: Day, url: string, line: string): Promise<void> {
  return new Promise((resolve) => {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname, () => void socket.write(`${line}\r\n\r\n`));
    socket.setEncoding('utf8').on('data', (text: string) => void day.heard.push(text));
    socket.once('close', () => resolve()).once('error', () => resolve());
    socket.setTimeout(2_000, () => socket.destroy());
  });
}

/** Lines of a file that `amanat import` is given. */
export function importLines(day: Day): { readonly csv: string; readonly ndjson: string } {
  const people = synthetic(54);
  const row = (i: number): string => {
    const { fields, phones, externalRef } = marked(day, people, `of a CSV ${i}`, people.naturalCustomer());
    return [
      'natural',
      externalRef,
      fields['givenName'],
      fields['familyName'],
      i === 2 ? misspelt(day, people, 'a bad CSV cell') : fields['nationalId'],
      phones[0]?.number,
    ].join(',');
  };
  const csv = ['kind,externalRef,givenName,familyName,nationalId,mobile', row(0), row(1), row(2)].join('\n');
  const ndjson = [
    JSON.stringify(marked(day, people, 'of a file', people.naturalCustomer())),
    `{"kind":"${mark(day, 'a broken line of a file', word())}`,
  ].join('\n');
  return { csv, ndjson };
}
