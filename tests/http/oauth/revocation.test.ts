import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { housekeep } from '../../../src/vault/housekeeping.ts';
import { publish } from '../../support/signedRows.ts';
import { newTokenKey } from '../../unit/tokens/forgeries.ts';
import {
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
  askToken,
  type Account,
  type Ground,
  type Service,
  type Tenant,
} from './service.ts';

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

const revoke = (token: string, account = shop, at = service) =>
  postForm(`${at.url}/oauth/revoke`, { token }, { Authorization: basic(account) });
const introspect = (token: string, account = shop) =>
  postForm(`${service.url}/oauth/introspect`, { token }, { Authorization: basic(account) });

describe('revocation (RFC 7009)', () => {
  test('ends a token at once, once and for all, and leaves a leaf', async () => {
    const [token, kept] = [await tokenOf(service, shop), await tokenOf(service, shop)];
    const leaves = await newLeaves(ground, tenant.tenantId, async () => {
      expect((await revoke(token)).status).toBe(200);
    });
    expect(leaves).toHaveLength(1);
    expect(leaves[0]).toMatchObject({ action: 'tokens.revoke', outcome: 'allowed', clientId: shop.id });
    expect(await isLetIn(service, token)).toBe(false);
    expect(await isLetIn(service, kept)).toBe(true);
    expect((await revoke(token)).status).toBe(200);
  });

  test('of what is no token is answered alike (section 2.2)', async () => {
    const real = await revoke(await tokenOf(service, shop));
    for (const token of ['x', 'a.b.c', 'زهرا']) {
      const { status, text } = await revoke(token);
      expect([status, text]).toEqual([200, real.text]);
    }
  });

  test("of another client's token is refused, and does nothing", async () => {
    const token = await tokenOf(service, shop);
    const colleague = await newAccount(service, tenant.admin, { role: 'support' });
    const { status, body } = await revoke(token, colleague);
    expect([status, body['error']]).toEqual([400, 'unauthorized_client']);
    expect(await isLetIn(service, token)).toBe(true);
  });

  test("of another tenant's token is answered as for no token, and does nothing", async () => {
    const other = await ground.tenant();
    await service.vault.watch.lookAnew();
    const token = await tokenOf(service, shop);
    const { status, text } = await revoke(token, other.admin);
    expect([status, text]).toEqual([200, (await revoke('x')).text]);
    expect(await isLetIn(service, token)).toBe(true);
  });

  test('needs the client and the token', async () => {
    const token = await tokenOf(service, shop);
    expect((await postForm(`${service.url}/oauth/revoke`, { token })).status).toBe(401);
    expect((await revoke(token, { ...shop, secret: 'wrong' })).status).toBe(401);
    expect(await isLetIn(service, token)).toBe(true);
    const { status, body } = await postForm(`${service.url}/oauth/revoke`, {}, { Authorization: basic(shop) });
    expect([status, body['error']]).toEqual([400, 'invalid_request']);
  });
});

describe('introspection (RFC 7662)', () => {
  test('shows any client of the tenant what the token says', async () => {
    const colleague = await newAccount(service, tenant.admin, { role: 'support' });
    const token = await tokenOf(service, shop, { scope: 'orders:read', actor: 'staff-2' });
    expect((await introspect(token, colleague)).body).toMatchObject({
      active: true,
      token_type: 'Bearer',
      client_id: shop.id,
      scope: 'orders:read',
      role: 'shop_backend',
      act: { sub: 'staff-2' },
      exp: expect.any(Number) as number,
    });
  });

  test('shows nothing of a foreign, unknown or revoked token', async () => {
    const other = await ground.tenant();
    await service.vault.watch.lookAnew();
    const token = await tokenOf(service, shop);
    expect((await introspect(token)).body['active']).toBe(true);
    const revoked = await tokenOf(service, shop);
    await revoke(revoked);
    const texts = [
      await introspect(token, other.admin),
      await introspect('x'),
      await introspect(revoked),
      await introspect(`${token}x`),
    ].map(({ status, text }) => [status, text]);
    expect(new Set(texts.map(String)).size).toBe(1);
    expect(texts[0]).toEqual([200, '{"active":false}']);
  });

  test('needs the client', async () => {
    const token = await tokenOf(service, shop);
    expect((await postForm(`${service.url}/oauth/introspect`, { token })).status).toBe(401);
    expect((await call(service, token, 'GET', '/oauth/introspect')).status).toBe(405);
  });
});

describe('on every process (P8)', () => {
  test('a token revoked on one is refused by another after its look, and by one that starts later', async () => {
    const second = await serve(ground, { issuer: service.url });
    const [token, kept] = [await tokenOf(service, shop), await tokenOf(service, shop)];
    expect(await isLetIn(second, token)).toBe(true);
    await revoke(token);
    // Control: the second has not looked yet, so it is its look that makes the difference.
    expect(await isLetIn(second, token)).toBe(true);
    await second.vault.watch.lookAnew();
    expect(await isLetIn(second, token)).toBe(false);
    expect(await isLetIn(second, kept)).toBe(true);
    await second.stop();

    const restarted = await serve(ground, { issuer: service.url });
    expect(await isLetIn(restarted, token)).toBe(false);
    expect(await isLetIn(restarted, kept)).toBe(true);
    await restarted.stop();
  });

  test('a client disabled on one loses all its tokens on another, and gets none anywhere', async () => {
    const second = await serve(ground, { issuer: service.url });
    const account = await newAccount(service, tenant.admin, { role: 'support' });
    const tokens = [await tokenOf(service, account), await tokenOf(second, account)];
    const admin = await tokenOf(service, tenant.admin);
    for (const token of tokens) expect(await isLetIn(second, token)).toBe(true);
    expect((await call(service, admin, 'PATCH', `/v1/clients/${account.id}`, { disabled: true })).status).toBe(200);
    for (const token of tokens) expect(await isLetIn(service, token)).toBe(false);
    expect(await isLetIn(second, tokens[1] ?? '')).toBe(true);
    await second.vault.watch.lookAnew();
    for (const token of tokens) expect(await isLetIn(second, token)).toBe(false);
    for (const at of [service, second]) expect((await askToken(at, account)).status).toBe(401);
    expect(await isLetIn(second, admin)).toBe(true);
    await second.stop();

    const restarted = await serve(ground, { issuer: service.url });
    for (const token of tokens) expect(await isLetIn(restarted, token)).toBe(false);
    await restarted.stop();
  });

  test('reaches a process that is left to itself within five seconds', async () => {
    const second = await serve(ground, { issuer: service.url });
    const token = await tokenOf(service, shop);
    expect(await isLetIn(second, token)).toBe(true);
    second.vault.watch.start();
    await revoke(token);
    await vi.waitFor(async () => expect(await isLetIn(second, token)).toBe(false), { timeout: 5_000, interval: 50 });
    await second.stop();
  });

  test('nobody is served on revocations older than four seconds: 503 until they can be read', async () => {
    const token = await tokenOf(service, shop);
    const codes = async () => {
      const { status, body } = await call(service, token, 'GET', '/v1/clients');
      return [status, body['code']];
    };
    await service.vault.watch.lookAnew();
    expect(await codes()).toEqual([403, 'not_permitted']);
    await sql(ground, 'revoke select on amanat.token_revocations from amanat_service');
    try {
      ground.clock.aheadMs += 3_000;
      expect(await codes()).toEqual([403, 'not_permitted']);
      ground.clock.aheadMs += 1_500;
      const outcomes = await Promise.all(Array.from({ length: 5 }, codes));
      expect(outcomes).toEqual(outcomes.map(() => [503, 'audit_unavailable']));
      expect((await askToken(service, shop)).status).toBe(503);
      expect((await introspect(token)).status).toBe(503);
    } finally {
      await sql(ground, 'grant select on amanat.token_revocations to amanat_service');
    }
    expect(await codes()).toEqual([403, 'not_permitted']);
  });

  test('what was revoked is forgotten a minute after the token has expired, and the token stays out', async () => {
    const rows = () => sql(ground, 'select 1 from amanat.token_revocations where tenant_id = $1', [tenant.tenantId]);
    const token = await tokenOf(service, shop);
    await revoke(token);
    ground.clock.aheadMs += 301_000;
    await housekeep(service.vault);
    expect(await rows()).not.toEqual([]);
    expect(await isLetIn(service, token)).toBe(false);
    ground.clock.aheadMs += 60_000;
    await housekeep(service.vault);
    await service.vault.watch.lookAnew();
    expect(await rows()).toEqual([]);
    expect(await isLetIn(service, token)).toBe(false);
  });
});

describe('signing keys in rotation', () => {
  test('both are published, both verify, the newer one signs', async () => {
    const older = ground.keys.token[0] ?? newTokenKey();
    const newer = newTokenKey();
    const rotated = await serve(ground, { issuer: service.url, keys: { ...ground.keys, token: [newer, older] } });
    const { body } = await call(rotated, undefined, 'GET', '/.well-known/jwks.json');
    const kids = (body['keys'] as { kid: string }[]).map((key) => key.kid);
    expect(kids).toEqual([newer.kid, older.kid]);
    const [before, after] = [await tokenOf(service, shop), await tokenOf(rotated, shop)];
    expect(await isLetIn(rotated, before)).toBe(true);
    expect(await isLetIn(rotated, after)).toBe(true);
    // A process that has not been given the new key knows nothing of it.
    expect(await isLetIn(service, after)).toBe(false);
    await rotated.stop();
  });
});

describe('policies', () => {
  test('a newer version is in force after the next look', async () => {
    const of = await ground.tenant();
    await service.vault.watch.lookAnew();
    const { watch } = service.vault;
    expect(watch.policy(of.tenantId).label).toBe('kalak/1');
    await publish(service.vault, of.tenantId, 2, changedKalak({ 'processors.courier.allowed': false }));
    expect(watch.policy(of.tenantId).label).toBe('kalak/1');
    await watch.lookAnew();
    expect(watch.policy(of.tenantId)).toMatchObject({ label: 'kalak/2', number: 2 });
    expect(watch.tenants()).toContain(of.tenantId);
  });

  test('one that cannot be read closes its tenant and no other, until a good one is published', async () => {
    const of = await ground.tenant();
    await service.vault.watch.lookAnew();
    await publish(service.vault, of.tenantId, 2, 'format: 1\nid: kalak\n');
    await service.vault.watch.lookAnew();
    expect((await askToken(service, of.admin)).body['code']).toBe('integrity_failure');
    expect((await askToken(service, shop)).status).toBe(200);
    await publish(service.vault, of.tenantId, 3, changedKalak({}));
    await service.vault.watch.lookAnew();
    expect((await askToken(service, of.admin)).status).toBe(200);
  });

  test('a tenant made by another process is closed here until it is known, which its first token request sees to', async () => {
    const of = await ground.tenant();
    expect(() => service.vault.watch.policy(of.tenantId)).toThrow('sealed');
    expect((await askToken(service, of.admin)).status).toBe(200);
    expect(service.vault.watch.policy(of.tenantId).label).toBe('kalak/1');
  });
});
