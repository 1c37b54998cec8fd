import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientRoles } from '../../../src/vault/clients.ts';
import { newId } from '../../../src/vault/ids.ts';
import {
  askToken,
  call,
  changedKalak,
  isLetIn,
  newAccount,
  newLeaves,
  openGround,
  serve,
  sql,
  tokenOf,
  type Ground,
  type Service,
  type Tenant,
} from './service.ts';
import { newKeyPair } from '../../support/keyPair.ts';

let ground: Ground;
let service: Service;
let tenant: Tenant;
let admin: string;

const warehouse = {
  title: { fa: 'انبار', en: 'Warehouse' },
  seesValues: false,
  purposes: ['shipping'],
  clauses: ['E20'],
};

beforeAll(async () => {
  ground = await openGround();
  tenant = await ground.tenant(changedKalak({ 'departments.warehouse': warehouse }));
  service = await serve(ground);
  admin = await tokenOf(service, tenant.admin);
});
afterAll(async () => {
  await service.stop();
  await ground.close();
});

const create = (body: unknown, headers: Record<string, string> = {}) =>
  call(service, admin, 'POST', '/v1/clients', body, headers);
const support = { name: 'پشتیبانی', role: 'support', authMethod: 'client_secret' };

const ec = newKeyPair('ec', 'P-256');
const jwkOf = (key = ec.publicKey) => ({ ...key.export({ format: 'jwk' }) });
const keyed = (jwk: unknown) => ({ name: 'keyed', role: 'support', authMethod: 'private_key_jwt', jwk });

describe('POST /v1/clients', () => {
  test('answers an id and, once, a secret of 256 random bits that is stored nowhere', async () => {
    const { status, headers, body, text } = await create(support);
    expect(status, text).toBe(201);
    expect(Object.keys(body)).toEqual(['id', 'secret']);
    expect(headers.get('location')).toBe(`/v1/clients/${String(body['id'])}`);
    expect(headers.get('cache-control')).toBe('no-store');
    const secret = String(body['secret']);
    expect(secret).toMatch(/^amanat_secret_[\w-]{43}$/);
    const account = { id: String(body['id']), secret };
    expect((await askToken(service, account)).status).toBe(200);

    const rows = await sql<{ row: string }>(
      ground,
      `select t::text as row from amanat.clients t where id = $1
       union all select t::text from amanat.client_secrets t where client_id = $1
       union all select t::text from amanat.audit_leaves t where client_id = $1`,
      [account.id],
    );
    const stored = rows.map(({ row }) => row).join('\n');
    expect(stored).toContain(account.id);
    const hex = Buffer.from(secret).toString('hex');
    expect(stored.includes(secret) || stored.includes(hex)).toBe(false);
  });

  test('makes a client of every role, with what belongs to it', async () => {
    const roles = clientRoles.filter((role) => role !== 'department');
    expect(roles).toHaveLength(11);
    for (const role of roles) expect((await create({ ...support, role })).status, role).toBe(201);
    expect((await create({ ...support, role: 'department', department: 'warehouse' })).status).toBe(201);
    expect((await create({ ...support, role: 'courier', carrierProfile: 'tipax' })).status).toBe(201);
  });

  test.each([
    ['no name', { ...support, name: undefined }, 'invalid_body', '/name', 'required'],
    ['an empty name', { ...support, name: ' ' }, 'invalid_body', '/name', 'empty'],
    ['a name that is a formula', { ...support, name: '=1+1' }, 'invalid_body', '/name', 'formula'],
    ['a name with a right-to-left override', { ...support, name: 'a\u202eb' }, 'invalid_body', '/name', 'bidi_control'],
    ['an unknown role', { ...support, role: 'god' }, 'invalid_body', '/role', 'enum'],
    ['the role subject', { ...support, role: 'subject' }, 'invalid_body', '/role', 'enum'],
    ['another way to authenticate', { ...support, authMethod: 'none' }, 'invalid_body', '/authMethod', 'enum'],
    ['a member nobody knows', { ...support, secret: 'mine' }, 'unknown_field', '/secret', 'unknown_field'],
    ['a department without one', { ...support, role: 'department' }, 'invalid_body', '/department', 'field_required'],
    [
      'a department the policy does not have',
      { ...support, role: 'department', department: 'cinema' },
      'invalid_body',
      '/department',
      'not_declared',
    ],
    [
      "a department that is a role's",
      { ...support, role: 'department', department: 'accounting' },
      'invalid_body',
      '/department',
      'not_declared',
    ],
    [
      'a department named like an object member',
      { ...support, role: 'department', department: 'valueof' },
      'invalid_body',
      '/department',
      'not_declared',
    ],
    [
      'a department with another role',
      { ...support, department: 'warehouse' },
      'invalid_body',
      '/department',
      'not_applicable',
    ],
    [
      'a carrier with another role',
      { ...support, carrierProfile: 'post' },
      'invalid_body',
      '/carrierProfile',
      'not_applicable',
    ],
    [
      'a carrier the policy does not have',
      { ...support, role: 'courier', carrierProfile: 'drone' },
      'invalid_body',
      '/carrierProfile',
      'not_declared',
    ],
    ['a key with a secret', { ...support, jwk: jwkOf() }, 'invalid_body', '/jwk', 'not_applicable'],
    ['no key', keyed(undefined), 'invalid_body', '/jwk', 'field_required'],
  ])('refuses %s', async (_name, body, code, pointer, reason) => {
    const answer = await create(body);
    expect([answer.status, answer.body['code']]).toEqual([422, code]);
    expect(answer.body['errors']).toEqual([{ pointer, code: reason }]);
  });

  test('with an Idempotency-Key gives the first answer again', async () => {
    const key = { 'Idempotency-Key': newId(Date.now()) };
    const first = await create(support, key);
    const again = await create(support, key);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.text).toBe(first.text);
    const other = await create({ ...support, name: 'another' }, key);
    expect([other.status, other.body['code']]).toEqual([422, 'idempotency_key_reused']);
  });

  test('leaves a leaf with the digest of what was stored', async () => {
    let id = '';
    const leaves = await newLeaves(ground, tenant.tenantId, async () => {
      id = String((await create(support)).body['id']);
    });
    expect(leaves).toHaveLength(1);
    expect(leaves[0]).toMatchObject({
      action: 'clients.create',
      outcome: 'allowed',
      objectKind: 'clients',
      objectId: id,
    });
    expect(leaves[0]?.digest).toHaveLength(32);
  });
});

describe('public keys', () => {
  const rsa = (modulusLength: number) => newKeyPair('rsa', modulusLength);
  const p384 = newKeyPair('ec', 'P-384');
  const ed = newKeyPair('ed25519');

  test('of P-256, or RSA of 2048 bits and more, are taken; what is beside the key is not kept', async () => {
    const jwks = [
      jwkOf(),
      { ...jwkOf(), alg: 'ES256', use: 'sig', key_ops: ['verify'], kid: 'k-1' },
      { ...jwkOf(rsa(2048).publicKey), alg: 'PS256' },
      { ...jwkOf(rsa(3072).publicKey) },
    ];
    for (const jwk of jwks) {
      const made = await create(keyed(jwk));
      expect(made.status, made.text).toBe(201);
      const read = await call(service, admin, 'GET', `/v1/clients/${String(made.body['id'])}`);
      const { use: _use, key_ops: _ops, ...kept } = jwk as Record<string, unknown>;
      expect(read.body['jwk']).toEqual({ alg: 'kty' in jwk && jwk.kty === 'RSA' ? 'RS256' : 'ES256', ...kept });
    }
  });

  const { x, y } = jwkOf();
  test.each([
    ['a private EC key', { ...ec.privateKey.export({ format: 'jwk' }) }, 'private_key'],
    ['a private RSA key', { ...rsa(2048).privateKey.export({ format: 'jwk' }) }, 'private_key'],
    ['a symmetric key', { kty: 'oct', k: 'AAAA' }, 'private_key'],
    ['RSA of 1024 bits', jwkOf(rsa(1024).publicKey), 'unusable_key'],
    ['RSA with exponent 1', { ...jwkOf(rsa(2048).publicKey), e: 'AQ' }, 'unusable_key'],
    ['RSA with exponent 3', { ...jwkOf(rsa(2048).publicKey), e: 'Aw' }, 'unusable_key'],
    ['a point that is not on the curve', { kty: 'EC', crv: 'P-256', x, y: x }, 'unusable_key'],
    ['a point that is too short', { kty: 'EC', crv: 'P-256', x: 'AAAA', y }, 'unusable_key'],
    ['P-384', jwkOf(p384.publicKey), undefined],
    ['Ed25519', jwkOf(ed.publicKey), undefined],
    ['another algorithm', { ...jwkOf(), alg: 'HS256' }, undefined],
    ['a key for encryption', { ...jwkOf(), use: 'enc' }, undefined],
    ['a certificate beside it', { ...jwkOf(), x5c: [] }, undefined],
    ['a URL beside it', { ...jwkOf(), x5u: 'https://192.0.2.1' }, undefined],
    ['no point', { kty: 'EC', crv: 'P-256' }, undefined],
    ['text', 'key', undefined],
    ['nothing', null, undefined],
    ['a list', [jwkOf()], undefined],
  ])('%s is refused', async (_name, jwk, reason) => {
    const { status, body, text } = await create(keyed(jwk));
    expect(status, text).toBe(422);
    const errors = body['errors'] as { pointer: string; code: string }[];
    expect(errors.every(({ pointer }) => pointer.startsWith('/jwk'))).toBe(true);
    if (reason !== undefined) expect(errors).toEqual([{ pointer: '/jwk', code: reason }]);
    expect(text).not.toContain(x);
  });
});

describe('GET /v1/clients', () => {
  test('lists page by page, newest first, without secrets', async () => {
    const fresh = await ground.tenant();
    await service.vault.watch.lookAnew();
    const token = await tokenOf(service, fresh.admin);
    const made: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      made.unshift((await newAccount(service, fresh.admin, { role: 'support', name: `client ${i}` })).id);
    }
    const seen: string[] = [];
    let cursor = '';
    do {
      const { status, body, text } = await call(service, token, 'GET', `/v1/clients?limit=2${cursor}`);
      expect(status).toBe(200);
      expect(text).not.toMatch(/secret_|hash/);
      const { items, nextCursor } = body as { items: { id: string }[]; nextCursor?: string };
      expect(items.length).toBeLessThanOrEqual(2);
      seen.push(...items.map((item) => item.id));
      cursor = nextCursor === undefined ? '' : `&cursor=${nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual([...made, fresh.admin.id]);
  });

  test('reads one', async () => {
    const account = await newAccount(service, tenant.admin, { role: 'courier', carrierProfile: 'post', name: 'Post' });
    const { status, headers, body } = await call(service, admin, 'GET', `/v1/clients/${account.id}`);
    expect(status).toBe(200);
    expect(headers.get('etag')).toBe('"1"');
    expect(body).toEqual({
      id: account.id,
      name: 'Post',
      role: 'courier',
      authMethod: 'client_secret',
      carrierProfile: 'post',
      disabled: false,
      version: 1,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
    });
  });

  test('an unknown, a foreign and an impossible id are one answer, for every method', async () => {
    const other = await ground.tenant();
    await service.vault.watch.lookAnew();
    const foreign = await newAccount(service, other.admin, { role: 'support' });
    const texts = new Set<string>();
    for (const id of [newId(Date.now()), foreign.id, 'x']) {
      for (const [method, path, body] of [
        ['GET', `/v1/clients/${id}`, undefined],
        ['PATCH', `/v1/clients/${id}`, { disabled: true }],
        ['POST', `/v1/clients/${id}/secret`, {}],
      ] as const) {
        const answer = await call(service, admin, method, path, body);
        expect(answer.status).toBe(404);
        texts.add(JSON.stringify({ ...answer.body, requestId: '' }));
      }
    }
    expect(texts.size).toBe(1);
    expect((await askToken(service, foreign)).status).toBe(200);
  });
});

describe('PATCH /v1/clients/{id}', () => {
  const patch = (id: string, body: unknown, headers = {}) =>
    call(service, admin, 'PATCH', `/v1/clients/${id}`, body, headers);

  test('disables for good, and says so again when asked again', async () => {
    const account = await newAccount(service, tenant.admin, { role: 'support' });
    const token = await tokenOf(service, account);
    const { status, headers, body } = await patch(account.id, { disabled: true });
    expect([status, body['disabled'], body['version'], headers.get('etag')]).toEqual([200, true, 2, '"2"']);
    expect(await isLetIn(service, token)).toBe(false);
    expect((await askToken(service, account)).status).toBe(401);
    expect((await patch(account.id, { disabled: true })).body).toEqual(body);
    expect((await patch(account.id, { disabled: false })).status).toBe(422);
    const renewal = await call(service, admin, 'POST', `/v1/clients/${account.id}/secret`, {});
    expect([renewal.status, renewal.body['code']]).toEqual([409, 'conflict']);
  });

  test('honours If-Match when there is one', async () => {
    const account = await newAccount(service, tenant.admin, { role: 'support' });
    for (const tag of ['"2"', 'W/"1"', '*', '"1", "2"', 'x']) {
      const { status, body } = await patch(account.id, { disabled: true }, { 'If-Match': tag });
      expect([tag, status, body['code']]).toEqual([tag, 412, 'precondition_failed']);
    }
    expect((await patch(account.id, { disabled: true }, { 'If-Match': '"1"' })).status).toBe(200);
  });

  test.each([{}, { disabled: null }, { disabled: 'true' }, { name: 'x' }, { disabled: true, role: 'dpo' }, [], null])(
    'refuses %j',
    async (body) => {
      const account = await newAccount(service, tenant.admin, { role: 'support' });
      expect((await patch(account.id, body)).status).toBe(422);
      expect((await askToken(service, account)).status).toBe(200);
    },
  );

  test('raced with a renewal leaves a client that is out of service', async () => {
    const account = await newAccount(service, tenant.admin, { role: 'support' });
    const [disabled, renewed] = await Promise.all([
      patch(account.id, { disabled: true }),
      call(service, admin, 'POST', `/v1/clients/${account.id}/secret`, {}),
    ]);
    expect(disabled.status).toBe(200);
    expect([201, 409]).toContain(renewed.status);
    const secret = String(renewed.body['secret']);
    for (const one of [account, { ...account, secret }]) expect((await askToken(service, one)).status).toBe(401);
  });
});

describe('POST /v1/clients/{id}/secret', () => {
  const renew = async (id: string, body?: unknown) => {
    const answer = await call(service, admin, 'POST', `/v1/clients/${id}/secret`, body);
    return { ...answer, account: { id, secret: String(answer.body['secret']) } };
  };
  const works = async (account: { id: string; secret: string }) => (await askToken(service, account)).status === 200;

  test('gives a new secret; the old one works for a day more', async () => {
    const old = await newAccount(service, tenant.admin, { role: 'support' });
    const { status, body, account } = await renew(old.id);
    expect(status).toBe(201);
    expect(Object.keys(body)).toEqual(['id', 'secret', 'oldSecretsUntil']);
    expect(Date.parse(String(body['oldSecretsUntil'])) - service.vault.now()).toBeGreaterThan(86_000_000);
    expect([await works(old), await works(account)]).toEqual([true, true]);
    ground.clock.aheadMs += 86_400_000;
    admin = await tokenOf(service, tenant.admin);
    expect([await works(old), await works(account)]).toEqual([false, true]);
  });

  test('with no overlap the old one ends at once', async () => {
    const old = await newAccount(service, tenant.admin, { role: 'support' });
    const { account } = await renew(old.id, { overlapSeconds: 0 });
    expect([await works(old), await works(account)]).toEqual([false, true]);
  });

  test('with another overlap, then; never later than it would have ended', async () => {
    const old = await newAccount(service, tenant.admin, { role: 'support' });
    const second = await renew(old.id, { overlapSeconds: 60 });
    await renew(old.id, { overlapSeconds: 3600 });
    expect([await works(old), await works(second.account)]).toEqual([true, true]);
    ground.clock.aheadMs += 61_000;
    expect([await works(old), await works(second.account)]).toEqual([false, true]);
  });

  test('never leaves more than three', async () => {
    const account = await newAccount(service, tenant.admin, { role: 'support' });
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await renew(account.id)).status);
    expect(statuses).toEqual([201, 201, 409]);
    expect((await renew(account.id, { overlapSeconds: 0 })).status).toBe(201);
    const raced = await newAccount(service, tenant.admin, { role: 'support' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => renew(raced.id)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(2);
  });

  test.each([
    { overlapSeconds: -1 },
    { overlapSeconds: 1.5 },
    { overlapSeconds: '0' },
    { overlapSeconds: 1e9 },
    { x: 1 },
  ])('refuses %j', async (body) => {
    const account = await newAccount(service, tenant.admin, { role: 'support' });
    expect((await renew(account.id, body)).status).toBe(422);
  });

  test('is not for a client with a key', async () => {
    const { body } = await create(keyed(jwkOf()));
    const answer = await renew(String(body['id']));
    expect([answer.status, answer.body['code']]).toEqual([409, 'conflict']);
  });
});

describe('only the system administrator', () => {
  test('manages clients; the refusal of any other leaves a leaf', async () => {
    const target = await newAccount(service, tenant.admin, { role: 'support' });
    for (const role of ['shop_backend', 'support', 'dpo', 'legal_approver', 'courier']) {
      const account = await newAccount(service, tenant.admin, { role });
      const token = await tokenOf(service, account);
      const leaves = await newLeaves(ground, tenant.tenantId, async () => {
        for (const [method, path, body] of [
          ['POST', '/v1/clients', support],
          ['GET', '/v1/clients', undefined],
          ['GET', `/v1/clients/${target.id}`, undefined],
          ['PATCH', `/v1/clients/${target.id}`, { disabled: true }],
          ['POST', `/v1/clients/${target.id}/secret`, {}],
        ] as const) {
          const answer = await call(service, token, method, path, body);
          expect([role, method, answer.status, answer.body['code']]).toEqual([role, method, 403, 'not_permitted']);
        }
      });
      expect(leaves.map(({ action, outcome, clientId }) => [action, outcome, clientId])).toEqual(
        ['create', 'list', 'read', 'patch', 'renew_secret'].map((act) => [`clients.${act}`, 'refused', account.id]),
      );
    }
    expect((await askToken(service, target)).status).toBe(200);
  });
});
