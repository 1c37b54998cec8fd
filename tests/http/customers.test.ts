import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { withClient } from '../support/postgres.ts';
import { toPersianDigits } from '../../src/formats/jalali.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
const people = synthetic(11);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-7' });
});
afterAll(() => vault.stop());

type Sent = ReturnType<typeof people.naturalCustomer>;

async function create(sent: object = people.naturalCustomer()): Promise<string> {
  const made = await shop.post('/v1/customers', sent);
  expect(made.status, made.text).toBe(201);
  return made.body.id;
}

const codes = (body: { errors: { pointer: string; code: string }[] }) =>
  body.errors.map((e) => `${e.pointer} ${e.code}`);

describe('create', () => {
  test('answers nothing personal, and the customer reads back in masks', async () => {
    const sent = people.naturalCustomer();
    const made = await shop.post('/v1/customers', sent);
    expect(made.status, made.text).toBe(201);
    expect(Object.keys(made.body).toSorted()).toEqual(['createdAt', 'id', 'version', 'warnings']);
    expect(made.headers.get('etag')).toBe('"1"');
    expect(made.headers.get('location')).toBe(`/v1/customers/${made.body.id}`);
    expect(made.headers.get('cache-control')).toContain('no-store');
    for (const value of Object.values(sent.fields)) expect(made.text).not.toContain(value);

    const read = await support.get(`/v1/customers/${made.body.id}`);
    expect(read.status).toBe(200);
    expect(read.body.fields.givenName).toMatchObject({ state: 'masked', reason: 'no_grant' });
    expect(read.body.fields.nationalId).toMatchObject({ state: 'masked', reason: 'role' });
    expect(read.body.policyVersion).toBe('kalak/1');
    for (const value of Object.values(sent.fields)) expect(read.text).not.toContain(value);
  });

  test('a legal person with its contact; a foreigner', async () => {
    await create(people.legalCustomer());
    await create(people.foreignCustomer());
  });

  test.each([
    [
      'an item of the other kind',
      { legalName: 'شرکت نمونه ۱ (سهامی خاص)' },
      'field_not_declared',
      '/fields/legalName field_not_declared',
    ],
    [
      'an item nobody declared',
      { birthDate: '1370/01/01' },
      'field_not_declared',
      '/fields/birthDate field_not_declared',
    ],
    ['a wrong check digit', { nationalId: '9901234566' }, 'invalid_body', '/fields/nationalId checksum'],
    ['a repeated digit', { nationalId: '1111111111' }, 'invalid_body', '/fields/nationalId repeated_digit'],
    ['an IBAN of another country', { iban: 'DE89370400440532013000' }, 'invalid_body', '/fields/iban country'],
    [
      'an economic code of somebody else',
      { economicCode: '99234567810001' },
      'invalid_body',
      '/fields/economicCode does_not_match_id',
    ],
    ['a bidi override', { givenName: 'زهرا\u202Eabc' }, 'invalid_body', '/fields/givenName bidi_control'],
    ['a formula', { familyName: '=1+1' }, 'invalid_body', '/fields/familyName formula'],
    ['a name of nothing', { givenName: '\u200c' }, 'invalid_body', '/fields/givenName empty'],
  ])('refuses %s', async (_what, change, code, fault) => {
    const sent = people.naturalCustomer();
    const answer = await shop.post('/v1/customers', {
      ...sent,
      fields: { ...sent.fields, nationalId: '9901234565', ...change },
    });
    expect(answer.status).toBe(422);
    expect(answer.body.code).toBe(code);
    expect(codes(answer.body)).toContain(fault);
    for (const value of Object.values(change)) expect(answer.text).not.toContain(value);
  });

  test('a missing mandatory item is named', async () => {
    const { familyName: _gone, ...fields } = people.naturalCustomer().fields;
    const answer = await shop.post('/v1/customers', { ...people.naturalCustomer(), fields });
    expect(answer.body.code).toBe('field_required');
    expect(codes(answer.body)).toContain('/fields/familyName field_required');
  });

  test('unknown members of the body are refused by name', async () => {
    const answer = await shop.post('/v1/customers', { ...people.naturalCustomer(), ip: '192.0.2.1' });
    expect([answer.status, answer.body.code]).toEqual([422, 'unknown_field']);
    expect(codes(answer.body)).toEqual(['/ip unknown_field']);
  });

  test.each([
    [
      'in a note',
      (c: Sent) => ({
        ...c,
        addresses: [{ address: { province: 'تهران', city: 'تهران', note: 'کارتم ۹۹۹۹۹۹۰۰۰۰۰۰۰۰۱۴ است' } }],
      }),
    ],
    ['as a name', (c: Sent) => ({ ...c, fields: { ...c.fields, givenName: '9999 9900 0000 0014' } })],
    ['as a member', (c: Sent) => ({ ...c, cvv2: '123' })],
    ['as a number', (c: Sent) => ({ ...c, extra: 6_037_990_000_000_006 })],
  ])('card data %s is refused and not repeated', async (_where, spoil) => {
    const answer = await shop.post('/v1/customers', spoil(people.naturalCustomer()));
    expect([answer.status, answer.body.code]).toEqual([422, 'card_data_refused']);
    expect(answer.text).not.toMatch(/9999|6037|۹۹۹۹|123/);
  });

  test('the same identifier in another spelling is held already; nothing of the second is stored', async () => {
    const first = people.naturalCustomer();
    await create(first);
    const second = people.naturalCustomer();
    const persian = toPersianDigits(first.fields.nationalId);
    const answer = await shop.post('/v1/customers', { ...second, fields: { ...second.fields, nationalId: persian } });
    expect([answer.status, answer.body.code]).toEqual([409, 'already_exists']);
    expect(codes(answer.body)).toEqual(['/fields/nationalId already_exists']);
    const found = await shop.post('/v1/customers/search', { by: 'email', value: second.fields['email'] });
    expect(found.body.matches).toEqual([]);
  });

  test('of 20 parallel creates of one identifier, one wins', async () => {
    const nationalId = people.nationalId();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => {
        const sent = people.naturalCustomer();
        return shop.post('/v1/customers', { ...sent, fields: { ...sent.fields, nationalId } });
      }),
    );
    expect(answers.map((a) => a.status).toSorted((a, b) => a - b)).toEqual([
      201,
      ...Array.from({ length: 19 }, () => 409),
    ]);
  });
});

describe('idempotency', () => {
  test('the same key and body give the first answer; another body is refused; the key is the client’s own', async () => {
    const sent = people.naturalCustomer();
    const key = { 'idempotency-key': 'order-77' };
    const first = await shop.post('/v1/customers', sent, key);
    const again = await shop.post('/v1/customers', sent, key);
    expect(again.body).toEqual(first.body);
    expect(again.status).toBe(201);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    const other = await shop.post('/v1/customers', people.naturalCustomer(), key);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    const stranger = await vault.client('shop_backend');
    expect((await stranger.post('/v1/customers', people.naturalCustomer(), key)).status).toBe(201);
  });

  test('two at once make one customer', async () => {
    const sent = people.naturalCustomer();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => shop.post('/v1/customers', sent, { 'idempotency-key': 'race-1' })),
    );
    const made = answers.filter((a) => a.status === 201);
    expect(made.length).toBeGreaterThan(0);
    expect(new Set(made.map((a) => a.body.id)).size).toBe(1);
    for (const answer of answers) if (answer.status !== 201) expect(answer.body.code).toBe('idempotency_in_flight');
  });

  test('a key is forgotten after 24 hours', async () => {
    const key = { 'idempotency-key': 'day' };
    const own = await startVault();
    try {
      const client = await own.client('shop_backend');
      const first = await client.post('/v1/customers', people.naturalCustomer(), key);
      own.advance(24 * 3_600_000 + 1_000);
      const fresh = await client.as(undefined);
      const later = await fresh.post('/v1/customers', people.naturalCustomer(), key);
      expect([first.status, later.status]).toEqual([201, 201]);
    } finally {
      await own.stop();
    }
  });

  test('neither key nor body stands in the database', async () => {
    const key = 'zahra@example.com';
    const sent = people.naturalCustomer();
    await shop.post('/v1/customers', sent, { 'idempotency-key': key });
    const dump = await withClient(vault.db.superuserUrl, async (db) => {
      const { rows } = await db.query('select a::text as row from amanat.idempotent_answers a');
      return rows.map((r: { row: string }) => r.row).join('\n');
    });
    expect(dump.length).toBeGreaterThan(100);
    expect(dump).not.toContain(key);
    expect(dump).not.toContain(Buffer.from(key).toString('hex'));
  });
});

describe('patch', () => {
  test('needs If-Match; a stale one is refused; members merge, null removes', async () => {
    const id = await create();
    expect((await shop.patch(`/v1/customers/${id}`, { fields: {} }, undefined)).body.code).toBe(
      'precondition_required',
    );
    const first = await shop.patch(`/v1/customers/${id}`, { fields: { email: 'new@example.org', iban: null } }, 1);
    expect([first.status, first.body.version]).toEqual([200, 2]);
    expect(first.headers.get('etag')).toBe('"2"');
    expect((await shop.patch(`/v1/customers/${id}`, { fields: {} }, 1)).body.code).toBe('precondition_failed');
    const read = await shop.get(`/v1/customers/${id}`);
    expect(read.body.version).toBe(2);
    expect(read.body.fields.email.value).toBe('n***@example.org');
    expect(read.body.fields.iban).toEqual({ state: 'withheld', reason: 'not_collected' });
    const found = await shop.post('/v1/customers/search', { by: 'email', value: 'NEW@EXAMPLE.ORG' });
    expect(found.body.matches.map((m: { id: string }) => m.id)).toEqual([id]);
  });

  test('lists keep what is named by id and drop the rest', async () => {
    const id = await create();
    const before = (await shop.get(`/v1/customers/${id}`)).body;
    const phone = people.mobile();
    const answer = await shop.patch(
      `/v1/customers/${id}`,
      { phones: [{ id: before.phones[0].id }, { kind: 'mobile', number: phone }] },
      1,
    );
    expect(answer.status, answer.text).toBe(200);
    const after = (await shop.get(`/v1/customers/${id}`)).body;
    expect(after.phones.map((p: { id: string }) => p.id)[0]).toBe(before.phones[0].id);
    expect(after.phones).toHaveLength(2);
    expect(after.addresses).toEqual(before.addresses);
    const gone = await shop.patch(`/v1/customers/${id}`, { phones: [] }, 2);
    expect(gone.status).toBe(200);
    expect((await shop.get(`/v1/customers/${id}`)).body.phones).toEqual([]);
    const unknown = await shop.patch(`/v1/customers/${id}`, { phones: [{ id: before.phones[0].id }] }, 3);
    expect(codes(unknown.body)).toContain('/phones/0/id unknown_id');
  });

  test('of 200 with the same If-Match exactly one wins', async () => {
    const id = await create();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        shop.patch(`/v1/customers/${id}`, { fields: { email: `p${i}@example.com` } }, 1),
      ),
    );
    expect(answers.filter((a) => a.status === 200)).toHaveLength(1);
    expect(new Set(answers.filter((a) => a.status !== 200).map((a) => a.body.code))).toEqual(
      new Set(['precondition_failed']),
    );
    expect((await shop.get(`/v1/customers/${id}`)).body.version).toBe(2);
  });

  test('a mandatory item cannot be taken away, and a refused patch changes nothing', async () => {
    const id = await create();
    const answer = await shop.patch(`/v1/customers/${id}`, { fields: { familyName: null } }, 1);
    expect(answer.body.code).toBe('field_required');
    expect((await shop.get(`/v1/customers/${id}`)).body.version).toBe(1);
  });
});

describe('search and match', () => {
  test('every searchable field is found in any spelling', async () => {
    const sent = people.naturalCustomer();
    const landline = people.landline();
    const id = await create({
      ...sent,
      fields: { ...sent.fields, economicCode: `${sent.fields['nationalId']}0001` },
      phones: [...sent.phones, { kind: 'landline', number: landline }],
    });
    const persian = toPersianDigits;
    const nationalId = sent.fields['nationalId'];
    const mobile = sent.phones[0]?.number ?? '';
    const iban = sent.fields['iban'];
    const spellings: [string, string][] = [
      ['nationalId', persian(nationalId)],
      ['nationalId', `${nationalId.slice(0, 3)}-${nationalId.slice(3, 9)}-${nationalId.slice(9)}`],
      ['economicCode', persian(`${nationalId}0001`)],
      ['email', sent.fields['email'].toUpperCase()],
      ['mobile', persian(mobile)],
      ['mobile', `+98 ${mobile.replace(/\D/g, '').replace(/^0/, '').replace(/^98/, '')}`],
      ['landline', persian(landline)],
      ['iban', iban.replace(/(.{4})/g, '$1 ')],
      ['iban', iban.slice(2)],
      ['externalRef', sent.externalRef],
    ];
    for (const [by, value] of spellings) {
      const found = await shop.post('/v1/customers/search', { by, value });
      expect(found.status, `${by} ${found.text}`).toBe(200);
      expect(found.body.matches, by).toEqual([{ id, kind: 'natural', status: 'active' }]);
    }
    const legal = people.legalCustomer();
    const legalId = await create(legal);
    const found = await shop.post('/v1/customers/search', {
      by: 'legalNationalId',
      value: persian(legal.fields['legalNationalId']),
    });
    expect(found.body.matches[0].id).toBe(legalId);
    const foreign = people.foreignCustomer();
    const foreignId = await create(foreign);
    const byForeigner = await shop.post('/v1/customers/search', {
      by: 'foreignerId',
      value: persian(foreign.fields['foreignerId']),
    });
    expect(byForeigner.body.matches[0].id).toBe(foreignId);
  });

  test('match says yes or no and opens nothing', async () => {
    const sent = people.naturalCustomer();
    const id = await create(sent);
    const before = vault.vault.keyring.unwraps();
    const ask = (value: string) => support.post('/v1/customers/match', { id, field: 'nationalId', value });
    expect((await ask(sent.fields['nationalId'])).body).toEqual({ match: true });
    expect((await ask(people.nationalId())).body).toEqual({ match: false });
    expect(vault.vault.keyring.unwraps()).toBe(before);
  });

  test('a value that cannot be one is refused with its reason, by roles that may search', async () => {
    expect(codes((await shop.post('/v1/customers/search', { by: 'mobile', value: '+971501234567' })).body)).toEqual([
      '/value country',
    ]);
    const marketing = await vault.client('marketing').catch(() => undefined);
    if (marketing !== undefined) {
      expect((await marketing.post('/v1/customers/search', { by: 'mobile', value: people.mobile() })).body.code).toBe(
        'not_permitted',
      );
    }
  });
});

describe('lists, batches, imports', () => {
  test('a list pages by cursor, without cutting a limit silently', async () => {
    const made = [await create(), await create(), await create()].toReversed();
    const first = await shop.get('/v1/customers?limit=2');
    expect(first.body.items.map((i: { id: string }) => i.id)).toEqual(made.slice(0, 2));
    const second = await shop.get(`/v1/customers?limit=2&cursor=${first.body.nextCursor}`);
    expect(second.body.items[0].id).toBe(made[2]);
    expect((await shop.get('/v1/customers?limit=101')).body.code).toBe('limit_too_large');
    expect((await shop.get('/v1/customers?limit=0')).body.code).toBe('invalid_query');
    expect((await shop.get('/v1/customers?cursor=abc')).body.code).toBe('invalid_cursor');
  });

  test('a batch answers each item in order; a faulty one keeps nobody out', async () => {
    const good = people.naturalCustomer();
    const bad = { ...people.naturalCustomer(), fields: { givenName: 'مریم' } };
    const card = { ...people.naturalCustomer(), externalRef: '9999990000000014' };
    const twice = {
      ...people.naturalCustomer(),
      fields: { ...people.naturalCustomer().fields, nationalId: good.fields['nationalId'] },
    };
    const answer = await shop.post('/v1/customers/batch', {
      customers: [good, bad, card, twice, people.legalCustomer()],
    });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body.results.map((r: { status: number; code?: string }) => r.code ?? r.status)).toEqual([
      201,
      'field_required',
      'card_data_refused',
      'already_exists',
      201,
    ]);
    expect((await shop.post('/v1/customers/batch', { customers: [] })).status).toBe(422);
  });

  test('an import answers line by line and resumes under its key without doing anything twice', async () => {
    const lines = Array.from({ length: 450 }, () => JSON.stringify(people.naturalCustomer()));
    lines[7] = '{"kind":"natural"';
    lines[9] = '';
    const send = (body: string) =>
      shop.call('POST', '/v1/customers/import', body, {
        'content-type': 'application/x-ndjson',
        'idempotency-key': 'import-1',
        accept: 'application/x-ndjson',
      });
    const half = await send(`${lines.slice(0, 300).join('\n')}\n`);
    expect(half.status, half.text.slice(0, 300)).toBe(200);
    const whole = await send(lines.join('\n'));
    const parse = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { line: number; status: number; id?: string; code?: string });
    const [first, second] = [parse(half.text), parse(whole.text)];
    expect(second.map((r) => r.line)).toEqual(lines.map((_, i) => i + 1).filter((n) => n !== 10));
    expect(second.find((r) => r.line === 8)).toMatchObject({ status: 400, code: 'malformed_json' });
    expect(second.filter((r) => r.status === 201)).toHaveLength(448);
    for (const result of first) expect(second.find((r) => r.line === result.line)).toEqual(result);
  });
});

test('another tenant’s customer is as one that never was, in every byte but the request id', async () => {
  const second = await vault.secondTenant();
  const stranger = await second.client('support');
  const id = await create();
  const [foreign, unknown, odd] = [
    await stranger.get(`/v1/customers/${id}`),
    await stranger.get('/v1/customers/01890000-0000-7000-8000-000000000000'),
    await stranger.get('/v1/customers/nobody'),
  ];
  const bare = (a: typeof foreign) => a.text.replace(/"requestId":"[^"]+"/, '');
  expect(foreign.status).toBe(404);
  expect(bare(foreign)).toBe(bare(unknown));
  expect(bare(odd)).toBe(bare(unknown));
  expect((await support.get(`/v1/customers/${id}`)).status).toBe(200);
});

test('what one tenant may not write keeps no other’s out, though they go in one commit', async () => {
  const second = await vault.secondTenant();
  const theirs = await second.client('shop_backend');
  const barred = async (tenantIds: readonly string[], work: () => Promise<void>) =>
    withClient(vault.db.superuserUrl, async (client) => {
      await client.query(
        `create function public.bar() returns trigger language plpgsql as
         $$ begin if new.tenant_id = any ('{${tenantIds.join(',')}}'::uuid[]) then raise 'barred'; end if; return new; end $$`,
      );
      await client.query(
        'create trigger bar before insert on amanat.customers for each row execute function public.bar()',
      );
      try {
        await work();
      } finally {
        await client.query('drop function public.bar cascade');
      }
    });
  const answers = async () => {
    const made = (client: TestClient) => client.post('/v1/customers', people.naturalCustomer());
    const all = await Promise.all(Array.from({ length: 6 }, () => [made(shop), made(theirs)]).flat());
    const of = (place: number) => [...new Set(all.filter((_, i) => i % 2 === place).map(({ status }) => status))];
    return { ours: of(0), theirs: of(1) };
  };
  await barred([second.tenantId], async () => expect(await answers()).toEqual({ ours: [201], theirs: [503] }));
  await barred([vault.tenantId, second.tenantId], async () =>
    expect(await answers(), 'control').toEqual({ ours: [503], theirs: [503] }),
  );
  expect(await answers()).toEqual({ ours: [201], theirs: [201] });
});
