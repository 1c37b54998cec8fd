import { createPublicKey, verify, webcrypto, type JsonWebKey, type KeyObject } from 'node:crypto';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { partsOf } from '../../unit/tokens/forgeries.ts';
import {
  call,
  isLetIn,
  newAccount,
  openGround,
  serve,
  tokenOf,
  type Ground,
  type Service,
  type Tenant,
} from './service.ts';
import { newKeyPair } from '../../support/keyPair.ts';

let ground: Ground;
let service: Service;
let tenant: Tenant;

beforeAll(async () => {
  ground = await openGround();
  tenant = await ground.tenant();
  service = await serve(ground);
});
afterAll(async () => {
  await service.stop();
  await ground.close();
});

/** RFC 8414 discovery. It insists on https unless told that this is a test on loopback. */
function discover(clientId: string, auth: client.ClientAuth): Promise<client.Configuration> {
  return client.discovery(new URL(service.url), clientId, undefined, auth, {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  });
}

const algorithms = {
  ES256: {
    key: () => newKeyPair('ec', 'P-256'),
    subtle: { name: 'ECDSA', namedCurve: 'P-256' },
  },
  RS256: {
    key: () => newKeyPair('rsa', 2048),
    subtle: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  },
  PS256: {
    key: () => newKeyPair('rsa', 2048),
    subtle: { name: 'RSA-PSS', hash: 'SHA-256' },
  },
} as const;

/** A client with a key of its own, registered by the administrator. */
async function keyed(alg: keyof typeof algorithms): Promise<client.Configuration> {
  const { key, subtle } = algorithms[alg];
  const { privateKey, publicKey } = key();
  const token = await tokenOf(service, tenant.admin);
  const { status, body } = await call(service, token, 'POST', '/v1/clients', {
    name: `shop with ${alg}`,
    role: 'shop_backend',
    authMethod: 'private_key_jwt',
    jwk: { ...publicKey.export({ format: 'jwk' }), alg },
  });
  expect(status).toBe(201);
  expect(body).toEqual({ id: expect.any(String) as string });
  return discover(String(body['id']), client.PrivateKeyJwt(await cryptoKey(privateKey, subtle)));
}

function cryptoKey(key: KeyObject, subtle: (typeof algorithms)[keyof typeof algorithms]['subtle']) {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', pkcs8, subtle, false, ['sign']);
}

describe('openid-client', () => {
  test('by secret: discovers, gets a token, introspects it, revokes it', async () => {
    const shop = await newAccount(service, tenant.admin, { role: 'shop_backend' });
    const config = await discover(shop.id, client.ClientSecretBasic(shop.secret));
    const granted = await client.clientCredentialsGrant(config, {
      scope: 'customers:read orders:read',
      actor: 'staff-1',
    });
    expect(granted).toMatchObject({ token_type: 'bearer', expires_in: 300, scope: 'customers:read orders:read' });

    const seen = await client.tokenIntrospection(config, granted.access_token);
    expect(seen).toMatchObject({
      active: true,
      client_id: shop.id,
      sub: shop.id,
      iss: service.url,
      aud: service.url,
      scope: 'customers:read orders:read',
      role: 'shop_backend',
      tenant: tenant.tenantId,
      act: { sub: 'staff-1' },
    });

    expect(await isLetIn(service, granted.access_token)).toBe(true);
    await client.tokenRevocation(config, granted.access_token);
    expect(await isLetIn(service, granted.access_token)).toBe(false);
    expect(await client.tokenIntrospection(config, granted.access_token)).toEqual({ active: false });
  });

  test.each(['ES256', 'RS256', 'PS256'] as const)('by %s key: the same', async (alg) => {
    const config = await keyed(alg);
    const { access_token: token } = await client.clientCredentialsGrant(config);
    expect(await client.tokenIntrospection(config, token)).toMatchObject({ active: true, role: 'shop_backend' });
    expect(await isLetIn(service, token)).toBe(true);
    await client.tokenRevocation(config, token);
    expect(await client.tokenIntrospection(config, token)).toEqual({ active: false });
    expect(await isLetIn(service, token)).toBe(false);
  });

  test('control: a wrong secret and another key are refused', async () => {
    const challenge = { status: 401, cause: [{ scheme: 'basic', parameters: { realm: 'amanat' } }] };
    const shop = await newAccount(service, tenant.admin, { role: 'shop_backend' });
    const wrong = await discover(shop.id, client.ClientSecretBasic(`${shop.secret}x`));
    // It shows a 401 with a challenge as the challenge.
    await expect(client.clientCredentialsGrant(wrong)).rejects.toMatchObject(challenge);

    const config = await keyed('ES256');
    const { privateKey } = algorithms.ES256.key();
    const other = client.PrivateKeyJwt(await cryptoKey(privateKey, algorithms.ES256.subtle));
    const forged = await discover(config.clientMetadata().client_id, other);
    await expect(client.clientCredentialsGrant(forged)).rejects.toMatchObject(challenge);
  });

  test('what is refused arrives as the error of RFC 6749', async () => {
    const shop = await newAccount(service, tenant.admin, { role: 'shop_backend' });
    const config = await discover(shop.id, client.ClientSecretBasic(shop.secret));
    await expect(client.clientCredentialsGrant(config, { scope: 'clients' })).rejects.toMatchObject({
      error: 'invalid_scope',
      status: 400,
    });
    await expect(client.genericGrantRequest(config, 'password', {})).rejects.toMatchObject({
      error: 'unsupported_grant_type',
    });
  });
});

describe('anybody with the JWKS', () => {
  test('can verify a token as RFC 9068 section 4 says', async () => {
    const token = await tokenOf(service, tenant.admin);
    const keys = await call(service, undefined, 'GET', '/.well-known/jwks.json');
    expect(keys.headers.get('content-type')).toBe('application/jwk-set+json');
    expect(Object.keys(keys.body)).toEqual(['keys']);
    const [jwk = {}, ...others] = keys.body['keys'] as Record<string, string>[];
    expect(others).toEqual([]);
    expect(Object.keys(jwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);

    const { header, claims } = partsOf(token);
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: jwk['kid'] });
    expect(claims).toMatchObject({ iss: service.url, aud: service.url, client_id: tenant.admin.id });
    const cut = token.lastIndexOf('.');
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const [message, signature] = [token.slice(0, cut), Buffer.from(token.slice(cut + 1), 'base64url')];
    const signed = { key, dsaEncoding: 'ieee-p1363' } as const;
    expect(verify('sha256', Buffer.from(message), signed, signature)).toBe(true);
    expect(verify('sha256', Buffer.from(`${message}x`), signed, signature)).toBe(false);
  });
});
