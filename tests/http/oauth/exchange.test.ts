import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../../src/cli/synthetic.ts';
import { newId } from '../../../src/vault/ids.ts';
import { partsOf } from '../../unit/tokens/forgeries.ts';
import {
  askToken,
  basic,
  call,
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

const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
const exchange = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange' };
const people = synthetic(21);

let ground: Ground;
let service: Service;
let tenant: Tenant;
let other: Tenant;
let shop: Account;
let customer: string;
let foreign: string;

beforeAll(async () => {
  ground = await openGround();
  [tenant, other] = [await ground.tenant(), await ground.tenant()];
  service = await serve(ground);
  shop = await newAccount(service, tenant.admin, { role: 'shop_backend' });
  customer = await newCustomer(shop);
  foreign = await newCustomer(await newAccount(service, other.admin, { role: 'shop_backend' }));
});
afterAll(async () => {
  await service.stop();
  await ground.close();
});

async function newCustomer(account: Account): Promise<string> {
  const token = await tokenOf(service, account);
  const { status, body, text } = await call(service, token, 'POST', '/v1/customers', people.naturalCustomer());
  if (status !== 201) throw new Error(text);
  return String(body['id']);
}

const exchanged = (form: Record<string, string> = {}, account = shop) =>
  askToken(service, account, { ...exchange, requested_subject: customer, ...form });
const errorOf = async (form: Record<string, string>, account = shop) => {
  const { status, body } = await exchanged(form, account);
  return [status, body['error'] ?? 'token'];
};

describe("the data subject's own view (RFC 8693)", () => {
  test('is a token for one customer, of at most five minutes, acted for by the shop', async () => {
    const { status, body } = await exchanged();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      issued_token_type: accessToken,
      token_type: 'Bearer',
      expires_in: 300,
      scope:
        'customers:read customers:write contact_points consents:read consents:write orders:read requests misuse ' +
        'feedback complaints inquiries supplementary_requests acceptances policies:read',
    });
    const { claims } = partsOf(String(body['access_token']));
    expect(claims).toMatchObject({
      sub: customer,
      subject: customer,
      client_id: shop.id,
      act: { sub: shop.id },
      role: 'subject',
      tenant: tenant.tenantId,
      purposes: [],
    });
    expect(Number(claims['exp']) - Number(claims['iat'])).toBeLessThanOrEqual(300);
  });

  test("reads that customer and no other, and is no shop's token", async () => {
    const another = await newCustomer(shop);
    const token = String((await exchanged()).body['access_token']);
    expect((await call(service, token, 'GET', `/v1/customers/${customer}`)).status).toBe(200);
    expect((await call(service, token, 'GET', `/v1/customers/${another}`)).status).toBe(404);
    expect((await call(service, token, 'POST', '/v1/customers', people.naturalCustomer())).status).toBe(403);
    expect((await call(service, token, 'GET', '/v1/clients')).status).toBe(403);
  });

  test('can be narrowed, and not widened', async () => {
    expect((await exchanged({ scope: 'customers:read' })).body['scope']).toBe('customers:read');
    expect(await errorOf({ scope: 'customers:read orders:write' })).toEqual([400, 'invalid_scope']);
  });

  test('takes the own access token as subject_token, and honours its scopes', async () => {
    const form = (token: string) => ({ subject_token: token, subject_token_type: accessToken });
    const own = await tokenOf(service, shop);
    expect(await errorOf(form(own))).toEqual([200, 'token']);
    expect(await errorOf({ ...form(own), requested_token_type: accessToken })).toEqual([200, 'token']);
    const narrow = await tokenOf(service, shop, { scope: 'customers:read' });
    expect(await errorOf(form(narrow))).toEqual([400, 'invalid_scope']);
    const colleague = await newAccount(service, tenant.admin, { role: 'shop_backend' });
    expect(await errorOf(form(await tokenOf(service, colleague)))).toEqual([400, 'invalid_request']);
    const subjects = String((await exchanged()).body['access_token']);
    expect(await errorOf(form(subjects))).toEqual([400, 'invalid_request']);
    expect(await errorOf(form('x.y.z'))).toEqual([400, 'invalid_request']);
    await postForm(`${service.url}/oauth/revoke`, { token: own }, { Authorization: basic(shop) });
    expect(await errorOf(form(own))).toEqual([400, 'invalid_request']);
  });

  test.each([
    ['a subject token without its type', { subject_token: 'x' }, 'invalid_request'],
    ['a type without a subject token', { subject_token_type: accessToken }, 'invalid_request'],
    ['an actor token', { actor_token: 'x' }, 'invalid_request'],
    [
      'a refresh token wanted',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'invalid_request',
    ],
    ['no subject', { requested_subject: '' }, 'invalid_request'],
    ['another audience', { audience: 'https://192.0.2.1' }, 'invalid_target'],
  ])('%s is refused', async (_name, form, error) => {
    expect(await errorOf(form)).toEqual([400, error]);
  });

  test('is refused alike for an unknown, a foreign, a leaving customer and for no id at all', async () => {
    const gone = await newCustomer(shop);
    expect(await errorOf({ requested_subject: gone })).toEqual([200, 'token']);
    await sql(ground, `update amanat.customers set status = 'leaving' where id = $1`, [gone]);
    const texts = new Set<string>();
    for (const requested_subject of [newId(Date.now()), foreign, gone, 'زهرا', "' or true"]) {
      const { status, body, text } = await exchanged({ requested_subject });
      expect([status, body['error']]).toEqual([400, 'invalid_target']);
      texts.add(text);
    }
    expect(texts.size).toBe(1);
  });

  test.each(['support', 'legal_registrar', 'dpo', 'system_admin', 'marketing'])('is not for %s', async (role) => {
    const account = role === 'system_admin' ? tenant.admin : await newAccount(service, tenant.admin, { role });
    expect(await errorOf({}, account)).toEqual([400, 'unauthorized_client']);
  });

  test('leaves a leaf that names the customer; a refusal names its reason', async () => {
    const issued = await newLeaves(ground, tenant.tenantId, () => exchanged());
    expect(issued).toHaveLength(1);
    expect(issued[0]).toMatchObject({
      action: 'tokens.exchange',
      outcome: 'allowed',
      clientId: shop.id,
      role: 'shop_backend',
      subjectId: customer,
    });
    const refused = await newLeaves(ground, tenant.tenantId, () => exchanged({ requested_subject: foreign }));
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatchObject({ action: 'tokens.exchange', outcome: 'refused', rule: 'invalid_target' });
  });

  test('can be revoked by the shop', async () => {
    const token = String((await exchanged()).body['access_token']);
    expect(await isLetIn(service, token)).toBe(true);
    await postForm(`${service.url}/oauth/revoke`, { token }, { Authorization: basic(shop) });
    expect(await isLetIn(service, token)).toBe(false);
  });
});
