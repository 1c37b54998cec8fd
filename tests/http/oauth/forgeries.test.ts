import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forgeriesOf, newTokenKey, partsOf, signRaw } from '../../unit/tokens/forgeries.ts';
import { call, isLetIn, openGround, serve, tokenOf, type Ground, type Service, type Tenant } from './service.ts';

let ground: Ground;
let service: Service;
let tenant: Tenant;
let genuine: string;

beforeAll(async () => {
  ground = await openGround();
  tenant = await ground.tenant();
  service = await serve(ground);
  genuine = await tokenOf(service, tenant.admin, { actor: 'staff-17' });
});
afterAll(async () => {
  await service.stop();
  await ground.close();
});

const key = () => ground.keys.token[0] ?? newTokenKey();

describe('a token over HTTP (P8)', () => {
  test('control: the untouched one is let in, and so is one that its key signs again', async () => {
    expect(await isLetIn(service, genuine)).toBe(true);
    const { header, claims } = partsOf(genuine);
    expect(await isLetIn(service, signRaw(header, claims, key().privateKey))).toBe(true);
  });

  test('every forgery that fits into a header is a 401 that says no more', async () => {
    const sendable = forgeriesOf(genuine, key(), service.vault.now()).filter(({ token }) =>
      /^[\x20-\x7e]{0,12000}$/.test(token),
    );
    expect(sendable.length).toBeGreaterThan(150);
    const passed: string[] = [];
    for (const { name, token } of sendable) {
      // fetch trims what stands at the end of a header, so that one would arrive untouched.
      if (token === `${genuine} `) continue;
      const { status, body } = await call(service, token, 'GET', '/v1/clients');
      if (status !== 401 || body['code'] !== 'unauthenticated') passed.push(`${name}: ${status}`);
    }
    expect(passed).toEqual([]);
    expect(await isLetIn(service, genuine)).toBe(true);
  });

  test('a 401 names the scheme and nothing of the token', async () => {
    const none = await call(service, undefined, 'GET', '/v1/clients');
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="amanat"');
    const bad = await call(service, 'x', 'GET', '/v1/clients');
    expect(bad.headers.get('www-authenticate')).toBe('Bearer realm="amanat", error="invalid_token"');
    expect(bad.headers.get('content-type')).toContain('application/problem+json');
    const { requestId: _ours, ...body } = bad.body;
    const { requestId: _theirs, ...withoutToken } = none.body;
    expect(body).toEqual(withoutToken);
  });
});

describe('where a token may stand', () => {
  const withHeader = (authorization: string) =>
    call(service, undefined, 'GET', '/v1/clients?limit=1', undefined, { Authorization: authorization });

  test.each([
    ['bearer in small letters', (t: string) => `bearer ${t}`, 200],
    ['Basic', (t: string) => `Basic ${t}`, 401],
    ['no scheme', (t: string) => t, 401],
    ['DPoP', (t: string) => `DPoP ${t}`, 401],
    ['two spaces', (t: string) => `Bearer  ${t}`, 401],
    ['a tab', (t: string) => `Bearer\t${t}`, 401],
    ['two tokens', (t: string) => `Bearer ${t} ${t}`, 401],
    ['two credentials', (t: string) => `Bearer ${t}, Bearer ${t}`, 401],
    ['a parameter', (t: string) => `Bearer token="${t}"`, 401],
    ['quotes', (t: string) => `Bearer "${t}"`, 401],
    ['nothing', () => 'Bearer', 401],
  ])('%s', async (_name, header, status) => {
    expect((await withHeader(header(genuine))).status).toBe(status);
  });

  test('not in the query, a cookie or another header', async () => {
    const inQuery = await call(service, undefined, 'GET', `/v1/clients?access_token=${genuine}`);
    expect(inQuery.status).toBe(401);
    for (const name of ['Cookie', 'X-Access-Token', 'Proxy-Authorization', 'X-Forwarded-Authorization']) {
      const value = name === 'Cookie' ? `access_token=${genuine}` : `Bearer ${genuine}`;
      const { status } = await call(service, undefined, 'GET', '/v1/clients', undefined, { [name]: value });
      expect(status).toBe(401);
    }
  });

  test('not in two headers, even when both say the same', async () => {
    const line = `Authorization: Bearer ${genuine}\r\n`;
    expect(await rawStatus(line)).toBe(200);
    expect(await rawStatus(line + line)).toBe(401);
    expect(await rawStatus(`Authorization: Bearer x\r\n${line}`)).toBe(401);
    expect(await rawStatus(`${line}authorization: Bearer x\r\n`)).toBe(401);
  });

  /** Status of a request whose header lines fetch would not send. */
  function rawStatus(headers: string): Promise<number> {
    const { hostname, port } = new URL(service.url);
    return new Promise((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => {
        socket.write(`GET /v1/clients?limit=1 HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n${headers}\r\n`);
      });
      socket.on('data', (data) => (text += data.toString('latin1')));
      socket.on('end', () => resolve(Number(text.slice(9, 12))));
      socket.on('error', reject);
    });
  }
});
