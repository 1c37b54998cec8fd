import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { housekeep } from '../../../src/vault/housekeeping.ts';
import { newId } from '../../../src/vault/ids.ts';
import { publish } from '../../support/signedRows.ts';
import { partsOf, signRaw } from '../../unit/tokens/forgeries.ts';
import {
  askToken,
  basic,
  call,
  changedKalak,
  isLetIn,
  newAccount,
  newLeaves,
  openGround,
  postForm,
  serve,
  sql,
  tokenOf,
  type Account,
  type Ground,
  type Service,
  type Tenant,
} from './service.ts';
import { newKeyPair } from '../../support/keyPair.ts';

let ground: Ground;
let service: Service;
let tenant: Tenant;
let shop: Account;

beforeAll(async () => {
  ground = await openGround();
  tenant = await ground.tenant();
  service = await serve(ground);
  shop = await newAccount(service, tenant.admin, { role: 'shop_backend' });
});
afterAll(async () => {
  await service.stop();
  await ground.close();
});

const endpoint = () => `${service.url}/oauth/token`;
const grant = { grant_type: 'client_credentials' };

describe('client credentials', () => {
  test('answer as RFC 6749 section 5.1 says', async () => {
    const { status, headers, body } = await askToken(service, shop);
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['access_token', 'token_type', 'expires_in', 'scope']);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 300 });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('pragma')).toBe('no-cache');
    expect(headers.get('content-type')).toContain('application/json');
  });

  test('give all that the role can hold, or what is asked of it', async () => {
    const all = String((await askToken(service, shop)).body['scope']).split(' ');
    expect(all).toContain('customers:write');
    expect(all).not.toContain('clients');
    const asked = await askToken(service, shop, { scope: 'orders:read customers:read orders:read' });
    expect(asked.body['scope']).toBe('customers:read orders:read');
    // RFC 6749 section 3.2: a parameter without a value counts as omitted.
    expect((await askToken(service, shop, { scope: '' })).body['scope']).toBe(all.join(' '));
  });

  test.each(['clients', 'everything', 'customers:read clients', 'customers:read  orders:read', ' ', 'CUSTOMERS:READ'])(
    'refuse the scope %j',
    async (scope) => {
      const { status, body } = await askToken(service, shop, { scope });
      expect([status, body['error']]).toEqual([400, 'invalid_scope']);
    },
  );

  test('of a role that sees nothing have no scope that reads, and open nothing', async () => {
    const marketing = await newAccount(service, tenant.admin, { role: 'marketing' });
    const { status, body } = await askToken(service, marketing);
    expect(status).toBe(200);
    expect(body['scope']).toBe('consents:read consents:write messages policies:read statistics extracts');
    const refused = await call(service, String(body['access_token']), 'GET', '/v1/customers');
    expect([refused.status, refused.body['code']]).toEqual([403, 'not_permitted']);
    expect((await askToken(service, marketing, { scope: 'customers:read' })).body['error']).toBe('invalid_scope');
  });

  test('carry the staff member as act, when it is an opaque id', async () => {
    const token = await tokenOf(service, shop, { actor: 'emp:7.A-b_c' });
    expect(partsOf(token).claims['act']).toEqual({ sub: 'emp:7.A-b_c' });
    for (const actor of ['زهرا محمدی', 'two words', '-x', '<b>', 'x'.repeat(65), 'z@example.com']) {
      const { status, body } = await askToken(service, shop, { actor });
      expect([actor, status, body['error']]).toEqual([actor, 400, 'invalid_request']);
    }
  });

  test('carry the purposes of the role, the department and the carrier', async () => {
    const courier = await newAccount(service, tenant.admin, { role: 'courier', carrierProfile: 'post' });
    expect(partsOf(await tokenOf(service, courier)).claims).toMatchObject({
      role: 'courier',
      carrier_profile: 'post',
      purposes: ['shipping'],
      tenant: tenant.tenantId,
    });
    expect(partsOf(await tokenOf(service, shop)).claims).toMatchObject({ purposes: ['order', 'tracking'] });
  });

  test('go to no role that the profile in force does not have', async () => {
    const narrow = await ground.tenant();
    await service.vault.watch.lookAnew();
    const courier = await newAccount(service, narrow.admin, { role: 'courier' });
    const support = await newAccount(service, narrow.admin, { role: 'support' });
    expect((await askToken(service, courier)).status).toBe(200);
    await publish(service.vault, narrow.tenantId, 2, changedKalak({ 'processors.courier.allowed': false }));
    await service.vault.watch.lookAnew();
    const refused = await askToken(service, courier);
    expect([refused.status, refused.body['error']]).toEqual([400, 'unauthorized_client']);
    expect((await askToken(service, support)).status).toBe(200);
  });

  test('leave a leaf before the token leaves, with the staff member and the token', async () => {
    let token = '';
    const leaves = await newLeaves(ground, tenant.tenantId, async () => {
      token = await tokenOf(service, shop, { actor: 'staff-3' });
    });
    expect(leaves).toHaveLength(1);
    expect(leaves[0]).toMatchObject({
      action: 'tokens.issue',
      outcome: 'allowed',
      clientId: shop.id,
      role: 'shop_backend',
      actor: 'staff-3',
      objectKind: 'tokens',
      objectId: partsOf(token).claims['jti'],
      policyVersion: 'kalak/1',
    });
  });

  test('that are refused leave a leaf with the reason', async () => {
    const leaves = await newLeaves(ground, tenant.tenantId, () => askToken(service, shop, { scope: 'clients' }));
    expect(leaves).toHaveLength(1);
    expect(leaves[0]).toMatchObject({
      action: 'tokens.issue',
      outcome: 'refused',
      rule: 'invalid_scope',
      clientId: shop.id,
    });
  });
});

describe('a token request', () => {
  const send = (form: Parameters<typeof postForm>[1], headers = {}) =>
    postForm(endpoint(), form, { Authorization: basic(shop), ...headers });

  test.each([
    ['without a grant type', [['scope', 'orders:read']], 'invalid_request'],
    ['with an empty grant type', [['grant_type', '']], 'invalid_request'],
    ['with another grant type', [['grant_type', 'password']], 'unsupported_grant_type'],
    [
      'with an authorization code',
      [
        ['grant_type', 'authorization_code'],
        ['code', 'x'],
      ],
      'unsupported_grant_type',
    ],
    [
      'with a parameter twice',
      [...Object.entries(grant), ['scope', 'orders:read'], ['scope', 'orders:write']],
      'invalid_request',
    ],
    ['for another audience', [...Object.entries(grant), ['resource', 'https://192.0.2.1/']], 'invalid_target'],
  ] satisfies [string, string[][], string][])('%s is refused', async (_name, form, error) => {
    const { status, headers, body } = await send(form as unknown as [string, string][]);
    expect([status, body['error']]).toEqual([400, error]);
    expect(Object.keys(body)).toEqual(['error', 'error_description']);
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test('with parameters that nobody knows is served', async () => {
    expect((await send({ ...grant, nonce: 'x', customer_name: 'y' })).status).toBe(200);
  });

  test('of another form is a problem, as everywhere', async () => {
    const problem = async (init: RequestInit, path = '/oauth/token') => {
      const response = await fetch(service.url + path, init);
      const { code } = (await response.json()) as { code: string };
      return [response.status, response.headers.get('content-type')?.split(';')[0], code];
    };
    const Authorization = basic(shop);
    const json = { method: 'POST', headers: { Authorization, 'Content-Type': 'application/json' }, body: '{}' };
    expect(await problem(json)).toEqual([415, 'application/problem+json', 'unsupported_media_type']);
    expect(await problem({ method: 'GET' })).toEqual([405, 'application/problem+json', 'method_not_allowed']);
    const big = { method: 'POST', headers: { Authorization }, body: new URLSearchParams({ x: 'y'.repeat(20_000) }) };
    expect(await problem(big)).toEqual([413, 'application/problem+json', 'body_too_large']);
    const inQuery = { method: 'POST', headers: { Authorization }, body: new URLSearchParams(grant) };
    expect((await problem(inQuery, '/oauth/token?scope=orders:read'))[0]).toBe(422);
  });
});

describe('client authentication', () => {
  const outcome = async (form: Record<string, string>, headers: Record<string, string> = {}) => {
    const { status, body } = await postForm(endpoint(), { ...grant, ...form }, headers);
    return [status, body['error'] ?? 'token'];
  };

  test.each([
    ['none', () => ({}), () => ({}), 'invalid_client'],
    [
      'the secret in the body, although it is right',
      () => ({ client_id: shop.id, client_secret: shop.secret }),
      () => ({}),
      'invalid_client',
    ],
    [
      'the secret in the body and the header',
      () => ({ client_secret: shop.secret }),
      () => ({ Authorization: basic(shop) }),
      'invalid_client',
    ],
    ['only a client id', () => ({ client_id: shop.id }), () => ({}), 'invalid_client'],
    ['a Bearer scheme', () => ({}), () => ({ Authorization: `Bearer ${shop.secret}` }), 'invalid_client'],
    ['Basic without a colon', () => ({}), () => ({ Authorization: `Basic ${btoa(shop.id)}` }), 'invalid_client'],
    ['Basic that is not base64', () => ({}), () => ({ Authorization: 'Basic ???' }), 'invalid_client'],
    [
      'Basic with bad percent-encoding',
      () => ({}),
      () => ({ Authorization: `Basic ${btoa(`${shop.id}:%zz`)}` }),
      'invalid_client',
    ],
    ['an empty secret', () => ({}), () => ({ Authorization: basic({ ...shop, secret: '' }) }), 'invalid_client'],
    [
      'the secret in capitals',
      () => ({}),
      () => ({ Authorization: basic({ ...shop, secret: shop.secret.toUpperCase() }) }),
      'invalid_client',
    ],
    [
      'the secret and more',
      () => ({}),
      () => ({ Authorization: basic({ ...shop, secret: `${shop.secret}x` }) }),
      'invalid_client',
    ],
    [
      "another client's secret",
      () => ({}),
      () => ({ Authorization: basic({ ...tenant.admin, secret: shop.secret }) }),
      'invalid_client',
    ],
  ])('%s', async (_name, form, headers, error) => {
    expect(await outcome(form() as Record<string, string>, headers() as Record<string, string>)).toEqual([401, error]);
  });

  test('two at once, or two names, are an invalid request', async () => {
    const both = {
      client_assertion: 'a.b.c',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    };
    expect(await outcome(both, { Authorization: basic(shop) })).toEqual([400, 'invalid_request']);
    expect(await outcome({ client_id: tenant.admin.id }, { Authorization: basic(shop) })).toEqual([
      400,
      'invalid_request',
    ]);
    expect(await outcome({ client_id: shop.id }, { Authorization: basic(shop) })).toEqual([200, 'token']);
  });

  test('takes form-encoded halves (RFC 6749 section 2.3.1)', async () => {
    const encoded = (text: string) => [...Buffer.from(text)].map((b) => `%${b.toString(16).padStart(2, '0')}`).join('');
    const account = { id: encoded(shop.id), secret: encoded(shop.secret) };
    expect(await outcome({}, { Authorization: basic(account) })).toEqual([200, 'token']);
  });

  test('an unknown client and a wrong secret look the same', async () => {
    const began = performance.now();
    const known = await postForm(endpoint(), grant, { Authorization: basic({ ...shop, secret: 'wrong' }) });
    const unknown = await postForm(endpoint(), grant, {
      Authorization: basic({ id: newId(Date.now()), secret: 'wrong' }),
    });
    const noId = await postForm(endpoint(), grant, { Authorization: basic({ id: 'somebody', secret: 'wrong' }) });
    // Each failure is told 100 ms after its request began, whatever work it was.
    expect(performance.now() - began).toBeGreaterThan(290);
    const own = new Set(['date', 'x-request-id']);
    const shown = (answer: typeof known) => ({
      status: answer.status,
      text: answer.text,
      headers: [...answer.headers].filter(([name]) => !own.has(name)),
    });
    expect(shown(known)).toMatchObject({ status: 401 });
    expect(known.headers.get('www-authenticate')).toBe('Basic realm="amanat"');
    expect(shown(unknown)).toEqual(shown(known));
    expect(shown(noId)).toEqual(shown(known));
  });

  test('that fails leaves a leaf of the client that was named, if there is one', async () => {
    const account = await newAccount(service, tenant.admin, { role: 'support' });
    const leaves = await newLeaves(ground, tenant.tenantId, async () => {
      await askToken(service, { ...account, secret: 'wrong' });
      await askToken(service, { id: newId(Date.now()), secret: 'wrong' });
    });
    expect(leaves).toHaveLength(1);
    expect(leaves[0]).toMatchObject({
      action: 'clients.authenticate',
      outcome: 'refused',
      rule: 'unauthenticated',
      clientId: account.id,
      objectKind: 'clients',
      objectId: account.id,
    });
  });

  test('that fails too often is told to wait, leaves no more leaves, and never locks the right client out', async () => {
    const account = await newAccount(service, tenant.admin, { role: 'support' });
    const wrong = { ...account, secret: 'wrong' };
    let statuses: number[] = [];
    const leaves = await newLeaves(ground, tenant.tenantId, async () => {
      const answers = await Promise.all(Array.from({ length: 9 }, () => askToken(service, wrong)));
      statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    });
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429, 429]);
    expect(leaves).toHaveLength(5);
    const delayed = await askToken(service, wrong);
    expect(delayed.status).toBe(429);
    expect(Number(delayed.headers.get('retry-after'))).toBeGreaterThan(1);
    expect(delayed.body['error']).toBe('invalid_client');

    expect((await askToken(service, account)).status).toBe(200);
    // The success was this address's: it may err again.
    expect((await askToken(service, wrong)).status).toBe(401);
  });
});

describe('private_key_jwt', () => {
  const { privateKey, publicKey } = newKeyPair('ec', 'P-256');
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  let id: string;

  beforeAll(async () => {
    const token = await tokenOf(service, tenant.admin);
    const { body } = await call(service, token, 'POST', '/v1/clients', {
      name: 'keyed',
      role: 'support',
      authMethod: 'private_key_jwt',
      jwk: publicKey.export({ format: 'jwk' }),
    });
    id = String(body['id']);
  });

  const assertion = (changed: object = {}) => {
    const time = Math.floor(service.vault.now() / 1000);
    const claims = {
      iss: id,
      sub: id,
      aud: service.url,
      iat: time,
      exp: time + 60,
      jti: newId(Date.now()),
      ...changed,
    };
    return signRaw({ alg: 'ES256' }, claims, privateKey);
  };
  const present = async (client_assertion: string, more: Record<string, string> = {}) => {
    const { status, body } = await postForm(endpoint(), {
      ...grant,
      client_assertion_type: type,
      client_assertion,
      ...more,
    });
    return [status, body['error'] ?? 'token'];
  };

  test('is good once, on any process', async () => {
    const other = await serve(ground, { issuer: service.url });
    const used = assertion();
    expect(await present(used)).toEqual([200, 'token']);
    expect(await present(used)).toEqual([401, 'invalid_client']);
    const elsewhere = { ...grant, client_assertion_type: type, client_assertion: used };
    expect((await postForm(`${other.url}/oauth/token`, elsewhere)).status).toBe(401);
    expect(await present(assertion())).toEqual([200, 'token']);
    await other.stop();
  });

  test('of one assertion sent twenty times at once, one is good', async () => {
    const used = assertion();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => present(used)));
    expect(outcomes.filter(([status]) => status === 200)).toHaveLength(1);
  });

  test('stores the digest of the jti until nobody can take the assertion any more', async () => {
    const stored = () =>
      sql<{ hash: Buffer }>(ground, 'select jti_hash as hash from amanat.client_assertions where client_id = $1', [id]);
    const used = assertion();
    expect(await present(used)).toEqual([200, 'token']);
    const before = await stored();
    expect(before.length).toBeGreaterThan(0);
    expect(before.every(({ hash }) => hash.length === 32)).toBe(true);
    ground.clock.aheadMs += 61_000;
    await housekeep(service.vault);
    expect(await stored()).toHaveLength(before.length);
    expect(await present(used)).toEqual([401, 'invalid_client']);
    ground.clock.aheadMs += 60_000;
    await housekeep(service.vault);
    expect(await stored()).toEqual([]);
    expect(await present(used)).toEqual([401, 'invalid_client']);
  });

  test('takes the token endpoint as audience, and nothing else', async () => {
    expect(await present(assertion({ aud: endpoint() }))).toEqual([200, 'token']);
    expect(await present(assertion({ aud: 'https://192.0.2.1' }))).toEqual([401, 'invalid_client']);
  });

  test('needs the right type and, if a client is named, the same one', async () => {
    expect(await present(assertion(), { client_id: id })).toEqual([200, 'token']);
    expect(await present(assertion(), { client_id: shop.id })).toEqual([401, 'invalid_client']);
    expect(await present(assertion(), { client_assertion_type: 'saml' })).toEqual([400, 'invalid_request']);
  });

  test("is not another client's: neither one with a secret nor one with another key", async () => {
    expect(await present(assertion({ iss: shop.id, sub: shop.id }))).toEqual([401, 'invalid_client']);
    expect((await askToken(service, { id, secret: 'x' })).status).toBe(401);
  });

  test('an assertion is no access token', async () => {
    expect(await isLetIn(service, assertion())).toBe(false);
  });
});

describe('without the audit (P1)', () => {
  test('no token is issued, a refusal stays a refusal, and all is well again afterwards', async () => {
    await sql(ground, 'revoke insert on amanat.audit_leaves from amanat_service');
    try {
      const { status, body, text } = await askToken(service, shop);
      expect([status, body['code']]).toEqual([503, 'audit_unavailable']);
      expect(text).not.toContain('access_token');
      expect((await askToken(service, { ...shop, secret: 'wrong' })).status).toBe(401);
      expect((await askToken(service, shop, { scope: 'clients' })).body['error']).toBe('invalid_scope');
    } finally {
      await sql(ground, 'grant insert on amanat.audit_leaves to amanat_service');
    }
    expect((await askToken(service, shop)).status).toBe(200);
  });
});
