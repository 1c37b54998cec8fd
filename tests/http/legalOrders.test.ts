import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { login, startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { dayFrom, expectRefusal, legalDesk, orderBody, rowsOf, statusesOf, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
let desk: LegalDesk;
let dpo: TestClient;

beforeAll(async () => {
  vault = await startVault();
  desk = await legalDesk(vault, 43);
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

/** Passes Luhn's check; no bank has its first six digits. */
const card = '9999991000000004';
const someone = { by: 'nationalId', value: '9901234565' } as const;
const register = (changes: Record<string, unknown> = {}, by = desk.registrar) =>
  by.post('/v1/legal-orders', orderBody(vault, [someone], changes));

describe('registering', () => {
  test('stores the order sealed, answers nothing of it, and leaves a leaf', async () => {
    const made = await register();
    expect(made.status, made.text).toBe(201);
    expect(made.body).toEqual({ id: made.body.id, version: 1, status: 'registered', warnings: [] });
    expect(made.headers.get('location')).toBe(`/v1/legal-orders/${made.body.id}`);

    const [row] = await rowsOf(vault, 'select * from amanat.legal_orders where id = $1', [made.body.id]);
    const stored = Object.values(row).map(String).join('\n');
    expect(stored, 'control: what is clear is found').toContain('production');
    for (const secret of [someone.value, '1404/', 'کاوه', 'تهران']) expect(stored).not.toContain(secret);

    const [leaf] = await leavesOf('legal_orders.register', made.body.id);
    expect(leaf).toMatchObject({ outcome: 'allowed', actor: 'staff-1', legalOrderId: made.body.id, recordVersion: 1 });
    expect(leaf?.digest).toEqual(createHash('sha256').update(row.sealed).digest());
  });

  test('takes Jalali dates in Persian digits, and a case number that could pass for a card', async () => {
    const made = await register({
      letter: { number: 'ک-۵۵', date: '۱۴۰۴/۰۸/۲۰', caseNumber: card },
      scope: { subjects: [someone], fields: ['email'], from: '۱۴۰۴-۰۱-۰۱', to: '1404/8/20' },
    });
    expect(made.status, made.text).toBe(201);
    const { body } = await desk.registrar.get(`/v1/legal-orders/${made.body.id}`);
    expect(body.letter).toMatchObject({ date: '2025-11-11', dateJalali: '1404/08/20', caseNumber: card });
    expect(body.scope).toMatchObject({ from: '2025-03-21', fromJalali: '1404/01/01', toJalali: '1404/08/20' });
  });

  test('refuses card data anywhere else', async () => {
    expectRefusal(
      await register({ letter: { number: '77', date: dayFrom(vault, -2), subject: card } }),
      422,
      'card_data_refused',
      '/letter/subject',
    );
    expect((await register({ letter: { number: '78', date: dayFrom(vault, -2), caseNumber: card } })).status).toBe(201);
  });

  test.each([
    [{ subjects: 'all', fields: ['email'], from: '2025-01-01', to: '2025-02-01' }, 'invalid_body', '/scope/subjects'],
    [{ subjects: [], fields: ['email'], from: '2025-01-01', to: '2025-02-01' }, 'invalid_body', '/scope/subjects'],
    [{ subjects: [someone], fields: [], from: '2025-01-01', to: '2025-02-01' }, 'invalid_body', '/scope/fields'],
    [{ subjects: [someone], fields: ['*'], from: '2025-01-01', to: '2025-02-01' }, 'invalid_body', '/scope/fields/0'],
    [{ subjects: [someone], fields: ['email'] }, 'invalid_body', '/scope/from'],
    [
      { subjects: [{ by: 'familyName', value: 'نوری' }], fields: ['email'], from: '2025-01-01', to: '2025-02-01' },
      'invalid_body',
      '/scope/subjects/0/by',
    ],
    [
      {
        subjects: [{ ...someone, customerId: '01a201ee-a7f1-762c-9b9e-564eab27c44f' }],
        fields: ['email'],
        from: '2025-01-01',
        to: '2025-02-01',
      },
      'invalid_body',
      '/scope/subjects/0',
    ],
    [{ subjects: [{}], fields: ['email'], from: '2025-01-01', to: '2025-02-01' }, 'invalid_body', '/scope/subjects/0'],
    [
      { subjects: [someone], all: true, fields: ['email'], from: '2025-01-01', to: '2025-02-01' },
      'unknown_field',
      '/scope/all',
    ],
  ])('refuses a scope that is none: %j', async (scope, code, pointer) => {
    expectRefusal(await register({ scope }), 422, code, pointer);
  });

  test('E15, E16, E17: refuses what is no order', async () => {
    for (const kind of ['administrative_request', 'emergency', 'consent', 'toString']) {
      expectRefusal(await register({ kind }), 403, 'ground_not_allowed');
    }
    for (const ground of ['emergency', 'defence_of_rights', 'legal_pursuit', 'consent', 'constructor']) {
      expectRefusal(await register({ ground }), 403, 'ground_not_allowed');
    }
    const { authority } = orderBody(vault, []);
    for (const kind of ['private', 'foreign', 'administrative']) {
      expectRefusal(await register({ authority: { ...authority, kind } }), 403, 'ground_not_allowed');
    }
    const administrative = { kind: 'administrative_request', authority: { ...authority, kind: 'administrative' } };
    expectRefusal(
      await register({ ...administrative, basis: { law: 'قانون مالیات‌های مستقیم' } }),
      422,
      'invalid_body',
      '/basis/article',
    );
    expect((await register(administrative)).status).toBe(201);
  });

  test('one letter of one authority is recorded once, in any spelling, unless it was rejected', async () => {
    const { authority } = orderBody(vault, []);
    const letter = (number: string) => ({ letter: { number, date: dayFrom(vault, -2) } });
    const first = await register(letter('9/ك 12'));
    expect(first.status, first.text).toBe(201);
    const again = { ...letter('۹/ک۱۲'), authority: { ...authority, name: 'دادسراي عمومي  و انقلاب' } };
    expectRefusal(await register(again), 409, 'already_exists');
    expect((await register({ ...again, authority: { ...authority, jurisdiction: 'شیراز' } })).status).toBe(201);
    await desk.approver.post(`/v1/legal-orders/${first.body.id}/reject`, { reason: 'امضا ندارد' });
    expect((await register(again)).status).toBe(201);
  });

  test('is repeated under one Idempotency-Key without a second order', async () => {
    const body = orderBody(vault, [someone]);
    const first = await desk.registrar.post('/v1/legal-orders', body, { 'idempotency-key': 'order-1' });
    const second = await desk.registrar.post('/v1/legal-orders', body, { 'idempotency-key': 'order-1' });
    expect([first.status, second.status, second.body.id]).toEqual([201, 201, first.body.id]);
  });

  test('needs a person', async () => {
    const nobody = await desk.registrar.as(undefined);
    const refused = await register({}, nobody);
    expectRefusal(refused, 403, 'not_permitted', 'header:actor');
    expect(refused.body.errors[0].code).toBe('actor_required');
  });
});

describe('who may', () => {
  test('only the legal roles act, and they and the data-protection officer read', async () => {
    const id = await desk.register([someone]);
    const legal = { legal_registrar: desk.registrar, legal_approver: desk.approver, dpo };
    const others = [
      'system_admin',
      'shop_backend',
      'support',
      'after_sales',
      'accounting',
      'marketing',
      'payment_processor',
      'courier',
    ];
    for (const role of others) {
      const outsider = await vault.client(role, { actor: 'staff-5' });
      expectRefusal(await outsider.get('/v1/legal-orders'), 403, 'not_permitted');
      expectRefusal(await outsider.get(`/v1/legal-orders/${id}`), 403, 'not_permitted');
      expectRefusal(await register({}, outsider), 403, 'not_permitted');
      for (const step of ['approve', 'reject', 'revoke']) {
        const body = step === 'approve' ? {} : { reason: 'x' };
        expectRefusal(await outsider.post(`/v1/legal-orders/${id}/${step}`, body), 403, 'not_permitted');
      }
    }
    for (const [role, client] of Object.entries(legal)) {
      expect((await client.get('/v1/legal-orders')).status).toBe(200);
      expect((await client.get(`/v1/legal-orders/${id}`)).status).toBe(200);
      if (role !== 'legal_registrar') expectRefusal(await register({}, client), 403, 'not_permitted');
      if (role !== 'legal_approver')
        expectRefusal(await client.post(`/v1/legal-orders/${id}/approve`), 403, 'not_permitted');
    }
    const narrow = await desk.approver.as('staff-2', 'legal_orders:read');
    expectRefusal(await narrow.post(`/v1/legal-orders/${id}/approve`), 403, 'insufficient_scope');
    expect((await desk.approver.post(`/v1/legal-orders/${id}/approve`)).status).toBe(200);
  });

  test('an order of another tenant is as one that never was, and its customers are nobody', async () => {
    const second = await vault.secondTenant();
    const stranger = await second.client('legal_registrar', { actor: 'staff-1' });
    const strangersApprover = await second.client('legal_approver', { actor: 'staff-2' });
    const { id } = await desk.storeCustomer();
    const order = await desk.register([{ customerId: id }]);
    const never = '01a201ee-a7f1-762c-9b9e-564eab27c44f';
    const plain = (text: string) => text.replace(/"requestId":"[^"]*"/, '');
    for (const path of ['', '/approve', '/reject', '/revoke']) {
      const ask = (target: string) =>
        path === ''
          ? stranger.get(`/v1/legal-orders/${target}`)
          : strangersApprover.post(`/v1/legal-orders/${target}${path}`, path === '/approve' ? {} : { reason: 'x' });
      const [foreign, unknown, misshapen] = [await ask(order), await ask(never), await ask('1')];
      expectRefusal(foreign, 404, 'not_found');
      expect(plain(foreign.text)).toBe(plain(unknown.text));
      expect(plain(misshapen.text)).toBe(plain(unknown.text));
    }
    expect((await stranger.get('/v1/legal-orders')).body.items).toEqual([]);
    const body = orderBody(vault, [{ customerId: id }]);
    const theirs = await stranger.post('/v1/legal-orders', body);
    const read = await stranger.get(`/v1/legal-orders/${theirs.body.id}`);
    expect(read.body.scope.subjects).toEqual([{ customerId: id, found: 0 }]);
    const ours = await desk.registrar.get(`/v1/legal-orders/${order}`);
    expect(ours.body.scope.subjects, 'control').toEqual([{ customerId: id, found: 1 }]);
  });
});

describe('two persons', () => {
  test('the registrar’s person approves, rejects and revokes nothing, through whichever client', async () => {
    const order = await desk.register([someone]);
    const secondClient = await vault.client('legal_approver', { actor: 'staff-1' });
    const otherCase = await secondClient.as('STAFF-1');
    for (const same of [secondClient, otherCase]) {
      expectRefusal(await same.post(`/v1/legal-orders/${order}/approve`), 403, 'self_approval');
      expectRefusal(await same.post(`/v1/legal-orders/${order}/reject`, { reason: 'x' }), 403, 'self_approval');
    }
    expectRefusal(
      await (await secondClient.as(undefined)).post(`/v1/legal-orders/${order}/approve`),
      403,
      'not_permitted',
      'header:actor',
    );
    const renewed = await vault.admin.post(`/v1/clients/${secondClient.id}/secret`, {});
    const afresh = await login(vault.url, secondClient.id, renewed.body.secret, 'staff-1');
    expectRefusal(await afresh.post(`/v1/legal-orders/${order}/approve`), 403, 'self_approval');
    expect((await secondClient.as('staff-3')).id).toBe(secondClient.id);
    const other = await (await secondClient.as('staff-3')).post(`/v1/legal-orders/${order}/approve`);
    expect(other.status, 'control: another person through that client').toBe(200);
    expectRefusal(await afresh.post(`/v1/legal-orders/${order}/revoke`, { reason: 'x' }), 403, 'self_approval');
  });

  test('one of two who approve at once does', async () => {
    const order = await desk.register([someone]);
    const both = await Promise.all([1, 2].map(() => desk.approver.post(`/v1/legal-orders/${order}/approve`)));
    expect(statusesOf(both)).toEqual([200, 409]);
  });
});

describe('the life of an order', () => {
  const step = (id: string, name: string) =>
    desk.approver.post(`/v1/legal-orders/${id}/${name}`, name === 'approve' ? {} : { reason: 'به درخواست مرجع' });

  test('goes one way', async () => {
    const approved = await desk.approve([someone]);
    const rejected = await desk.register([someone]);
    expect((await step(rejected, 'reject')).body).toMatchObject({ status: 'rejected', version: 2 });
    const registered = await desk.register([someone]);
    expectRefusal(await step(registered, 'revoke'), 409, 'conflict');
    for (const name of ['approve', 'reject']) expectRefusal(await step(approved, name), 409, 'conflict');
    expect((await step(approved, 'revoke')).body).toEqual({ id: approved, version: 3, status: 'revoked' });
    for (const over of [approved, rejected]) {
      for (const name of ['approve', 'reject', 'revoke']) expectRefusal(await step(over, name), 409, 'conflict');
    }
    const read = await dpo.get(`/v1/legal-orders/${approved}`);
    expect(read.body).toMatchObject({
      status: 'revoked',
      registration: { actor: 'staff-1', clientId: desk.registrar.id },
      decision: { actor: 'staff-2', clientId: desk.approver.id, outcome: 'approved', digest: read.body.digest },
      revocation: { actor: 'staff-2', reason: 'به درخواست مرجع' },
    });
  });

  test('ends with time, and is then approved by nobody', async () => {
    const late = await desk.register([someone], {
      receivedAt: new Date(vault.vault.now() - 10 * 86_400_000).toISOString(),
      letter: { number: 'late', date: dayFrom(vault, -12) },
      deadline: undefined,
      validUntil: dayFrom(vault, -1),
    });
    expect((await desk.registrar.get(`/v1/legal-orders/${late}`)).body.status).toBe('expired');
    expectRefusal(await step(late, 'approve'), 403, 'legal_order_expired');
    expect((await step(late, 'reject')).status).toBe(200);
  });

  test('is listed by page, states only', async () => {
    const id = await desk.register([someone]);
    const first = await dpo.get('/v1/legal-orders?limit=1');
    expect(first.body.items).toEqual([
      {
        id,
        version: 1,
        status: 'registered',
        kind: 'production',
        ground: 'judicial_order',
        approvals: 0,
        registeredAt: expect.stringMatching(/Z$/),
        validUntil: dayFrom(vault, 30),
      },
    ]);
    const next = await dpo.get(`/v1/legal-orders?limit=1&cursor=${first.body.nextCursor}`);
    expect(next.body.items[0].id < id).toBe(true);
    expectRefusal(await dpo.get('/v1/legal-orders?limit=101'), 422, 'limit_too_large');
  });

  test('shows whom its subjects match, and how many', async () => {
    const [one, two] = [await desk.storeCustomer(), await desk.storeCustomer()];
    const shared = one.sent.phones[0]?.number;
    const patched = await desk.shop.patch(
      `/v1/customers/${two.id}`,
      { phones: [{ kind: 'mobile', number: shared }] },
      1,
    );
    expect(patched.status, patched.text).toBe(200);
    const order = await desk.register([{ by: 'mobile', value: shared }, someone, { customerId: two.id }]);
    const { body } = await desk.approver.get(`/v1/legal-orders/${order}`);
    expect(body.scope.subjects.map((s: { found: number }) => s.found)).toEqual([2, 0, 1]);
  });
});

describe('a table that was changed by hand', () => {
  const edits: readonly (readonly [string, string])[] = [
    ['approved without anybody', `status = 'approved'`],
    [
      'approved in somebody’s name',
      `status = 'approved', decided_by = gen_random_uuid(), decided_actor = 'staff-3', decided_digest = '\\x00'`,
    ],
    ['valid for longer', `valid_until = valid_until + interval '1 day'`],
    ['of another kind', `kind = 'administrative_request'`],
    ['registered by somebody else', `registered_actor = 'staff-8'`],
    ['sealed at another version', `version = version + 1`],
    ['cut short', `sealed = substring(sealed from 1 for length(sealed) - 1)`],
  ];
  test.each(edits)('%s is found out', async (_, edit) => {
    const order = await desk.register([someone]);
    expect((await dpo.get(`/v1/legal-orders/${order}`)).status, 'control').toBe(200);
    await rowsOf(vault, `update amanat.legal_orders set ${edit} where id = $1`, [order]);
    expectRefusal(await dpo.get(`/v1/legal-orders/${order}`), 500, 'integrity_failure');
  });

  test('an order in another’s place does not open', async () => {
    const [one, other] = [await desk.register([someone]), await desk.approve([someone])];
    await rowsOf(
      vault,
      `update amanat.legal_orders o set version = s.version, status = s.status, decided_by = s.decided_by, decided_actor = s.decided_actor,
              decided_digest = s.decided_digest, sealed = s.sealed, data_key = s.data_key
         from amanat.legal_orders s where o.id = $1 and s.id = $2`,
      [one, other],
    );
    expectRefusal(await dpo.get(`/v1/legal-orders/${one}`), 500, 'integrity_failure');
  });
});

async function leavesOf(action: string, legalOrderId: string) {
  const rows = await rowsOf(vault, 'select leaf from amanat.audit_leaves order by id');
  return rows
    .map(({ leaf }) => decodeLeaf(leaf))
    .filter((leaf) => leaf.action === action && leaf.legalOrderId === legalOrderId);
}
