import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttp } from '../../../src/http/http.ts';
import { createLog } from '../../../src/log.ts';
import { alice, known, problemOf, startSample, token, wire, type Sample } from './service.ts';

let sample: Sample;
beforeAll(async () => {
  sample = await startSample();
});
afterAll(() => sample.stop());

const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  fetch(sample.url + path, { method, headers });
const line = (request: string): string => `${request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
const unknown = '01920000-0000-7000-8000-0000000000ff';

describe('paths', () => {
  it('match exactly as declared (control)', async () => {
    const answer = await get(`/v1/things/${known}`, token());
    expect([answer.status, await answer.json()]).toEqual([200, { id: known, who: alice }]);
  });

  it.each([
    '/V1/open',
    '/v1/Open',
    '/v1/open/',
    '//v1/open',
    '/v1//open',
    '/v1/./open/.',
    '/v1/open;a=b',
    '/v1/open%2F',
    '/v1%2Fopen',
    '/',
    '/v1',
    '/v1/things',
    '/__proto__',
    '/constructor/prototype',
    '/v1/opens',
  ])('%s is not found', async (path) => {
    const { code } = await wire(sample.port, line(`GET ${path}`));
    expect(code).toBe(path === '/v1/things' ? 'method_not_allowed' : 'not_found');
  });

  it.each([
    '/v1/things/%00',
    '/v1/things/a%00b',
    '/v1/things/%0d%0aX-Injected:%201',
    '/v1/things/%c0%af',
    '/v1/things/%c1%81',
    '/v1/things/%e0%80%af',
    '/v1/things/%ed%a0%80',
    '/v1/things/%f8%80%80%80%af',
    '/v1/things/%ff',
    '/v1/things/%',
    '/v1/things/%zz',
    '/%c0%ae%c0%ae/x',
    '/v1/open"',
    '/v1/open<',
    '/v1/open{}',
    '/v1/open|',
    '/v1/open\\..',
    '/v1/open#part',
    '/v1/open?a=<b>',
    '/v1/\u00e9',
    'v1/open',
    '*',
    'javascript:alert(1)',
  ])('%s is malformed', async (path) => {
    const { code, statuses, text } = await wire(sample.port, Buffer.from(line(`GET ${path}`), 'latin1'));
    expect([statuses, code]).toEqual([[400], 'malformed_request']);
    expect(text).toContain('content-type: application/problem+json'.replace('content-type', 'Content-Type'));
    expect(text).not.toContain('X-Injected');
  });

  it('take percent-encoded unreserved characters for themselves', async () => {
    const encoded = known.replace(/^0/, '%30');
    expect((await get(`/v1/things/${encoded}`, token())).status).toBe(200);
  });

  it('answer the absolute form as the origin form', async () => {
    const { statuses } = await wire(sample.port, line(`GET http://a.example/v1/open?limit=1`));
    expect(statuses).toEqual([200]);
    expect((await wire(sample.port, line('GET http://a.example'))).code).toBe('not_found');
  });

  it('longer than 4096 characters are refused', async () => {
    expect((await problemOf(await get(`/${'a'.repeat(4095)}`))).code).toBe('not_found');
    expect((await problemOf(await get(`/${'a'.repeat(4096)}`))).code).toBe('uri_too_long');
  });
});

describe('unknown and malformed ids', () => {
  const same = async (id: string): Promise<string> => {
    const { text } = await wire(
      sample.port,
      `GET /v1/things/${id} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${alice}\r\nConnection: close\r\n\r\n`,
    );
    return text.replaceAll(/[0-9a-f-]{36}/g, '-').replace(/Date: .*/, '');
  };

  it('give the same bytes apart from the request id', async () => {
    const first = await same(unknown);
    expect(first).toContain('"code":"not_found"');
    for (const id of [
      '1',
      'x'.repeat(200),
      '%D8%B2',
      known.slice(1),
      `${known}0`,
      "'or'1'='1",
      '__proto__',
      unknown.toUpperCase(),
    ]) {
      expect(await same(id)).toBe(first);
    }
    // Control: the comparison sees a difference.
    expect(await same(known)).not.toBe(first);
  });

  it('an id in upper case is the same id', async () => {
    expect((await get(`/v1/things/${known.toUpperCase()}`, token())).status).toBe(200);
  });
});

describe('methods', () => {
  it.each(['POST', 'PUT', 'OPTIONS'])('%s on a known path is 405 with Allow', async (method) => {
    const answer = await get(`/v1/things/${known}`, token(), method);
    expect(answer.headers.get('allow')).toBe('GET, HEAD, PATCH, DELETE');
    expect((await problemOf(answer)).code).toBe('method_not_allowed');
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each(['TRACE', 'PROPFIND', 'PURGE', 'LINK', 'REPORT'])('%s too, and is not echoed', async (method) => {
    const { code, text } = await wire(
      sample.port,
      line(`${method} /v1/open`).replace('Host: a', 'Host: a\r\nX-Secret: s3cret'),
    );
    expect(code).toBe('method_not_allowed');
    expect(text).not.toContain('s3cret');
  });

  it.each(['OPTIONS /nowhere', 'OPTIONS *', 'TRACE /nowhere'])('%s is not 405', async (start) => {
    const { code } = await wire(sample.port, line(start));
    expect(code).toBe(start.endsWith('*') ? 'malformed_request' : 'not_found');
  });

  it('CONNECT only closes', async () => {
    expect((await wire(sample.port, line('CONNECT a:1'))).text).toBe('');
  });

  it('HEAD answers like GET, without content', async () => {
    const [head, whole] = await Promise.all(
      ['HEAD', 'GET'].map((method) => get(`/v1/things/${known}`, token(), method)),
    );
    const strip = (answer: Response | undefined) =>
      // fetch asks for the connection to be closed after HEAD.
      [...(answer?.headers ?? [])].filter(([name]) => !/^(?:x-request-id|date|connection|keep-alive)$/.test(name));
    expect(strip(head)).toEqual(strip(whole));
    expect(await head?.text()).toBe('');
    expect((await whole?.text())?.length).toBe(Number(head?.headers.get('content-length')));
    expect((await get('/nowhere', {}, 'HEAD')).status).toBe(404);
    expect((await get('/v1/json', {}, 'HEAD')).status).toBe(405);
  });

  it('HEAD of a stream ends', async () => {
    expect(await (await get('/v1/stream', {}, 'HEAD')).text()).toBe('');
  });
});

describe('headers', () => {
  it('are the same on every answer', async () => {
    const paths = ['/v1/open', '/nowhere', '/v1/fault', '/healthz', '/v1/open?x=1', '/v1/things/1'];
    const answers = await Promise.all(paths.map((path) => get(path)));
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 500, 200, 422, 401]);
    for (const answer of answers) {
      const { headers } = answer;
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      );
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('strict-transport-security')).toContain('max-age=31536000');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('ratelimit-policy')).toBe('"default";q=60000;w=10');
      for (const absent of ['x-powered-by', 'etag', 'server', 'ratelimit', 'set-cookie', 'vary']) {
        expect([absent, headers.get(absent)]).toEqual([absent, null]);
      }
    }
  });

  it('a route may set an ETag from its version, and replace what stands', async () => {
    expect((await get(`/v1/things/${known}`, token())).headers.get('etag')).toBe('"1"');
    const page = await get('/v1/page');
    expect(page.headers.get('content-security-policy')).toBe("default-src 'self'");
    expect(page.headers.get('cache-control')).toBe('public, max-age=300');
  });

  it('X-Request-Id is ours and new every time', async () => {
    const theirs = '11111111-1111-7111-8111-111111111111';
    const answers = await Promise.all([1, 2, 3].map(() => get('/nowhere', { 'x-request-id': theirs })));
    const ids = new Set(answers.map(({ headers }) => headers.get('x-request-id')));
    expect(ids.size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const [first] = answers;
    expect(first === undefined ? '' : (await problemOf(first)).requestId).toBe(first?.headers.get('x-request-id'));
    expect(ids).not.toContain(theirs);
  });

  it.each([
    ['application/xml', 'not_acceptable'],
    ['text/html;q=1, application/json;q=0', 'not_acceptable'],
    ['application/json;q=0, */*', 'not_acceptable'],
    ['', 'not_acceptable'],
    ['application/json', undefined],
    ['text/html, application/*;q=0.1', undefined],
    ['*/*;q=0.1', undefined],
    ['text/html, */*', undefined],
  ])('Accept: %s gives %s', async (accept, code) => {
    const answer = await wire(sample.port, line('GET /v1/open').replace('Host: a', `Host: a\r\nAccept: ${accept}`));
    expect(answer.code).toBe(code);
  });
});

describe('authentication', () => {
  it('asks for a token, and says so when one was given', async () => {
    const without = await get(`/v1/things/${known}`);
    expect(without.headers.get('www-authenticate')).toBe('Bearer realm="amanat"');
    const wrong = await get(`/v1/things/${known}`, { authorization: 'Bearer nonsense' });
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer realm="amanat", error="invalid_token"');
    expect((await problemOf(wrong)).code).toBe('unauthenticated');
    const scope = await get('/v1/refusal/insufficient_scope');
    expect(scope.headers.get('www-authenticate')).toContain('insufficient_scope');
  });

  it('two Authorization headers are none', async () => {
    const header = `Authorization: Bearer ${alice}\r\n`;
    const request = (headers: string) =>
      `GET /v1/things/${known} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n`;
    expect((await wire(sample.port, request(header))).statuses).toEqual([200]);
    expect((await wire(sample.port, request(header + header))).code).toBe('unauthenticated');
  });
});

describe('declared routes', () => {
  it('can be listed', () => {
    const routes = sample.http.declaredRoutes().map(({ method, path }) => `${method} ${path}`);
    expect(routes.slice(0, 4)).toEqual([
      'GET /v1/things/:id',
      'PATCH /v1/things/:id',
      'DELETE /v1/things/:id',
      'GET /v1/open',
    ]);
    expect(sample.http.declaredRoutes()[0]?.options).toMatchObject({ auth: true, query: ['fields'] });
  });

  it('stand there once', () => {
    const log = createLog({ level: 'silent' });
    const http = createHttp({
      log,
      now: Date.now,
      authenticate: () => 'x',
      clientOf: (id) => id,
      tenantOf: (id) => id,
    });
    http.get('/v1/a', { auth: false }, () => ({ status: 204 }));
    expect(() => http.get('/v1/a', { auth: false }, () => ({ status: 204 }))).toThrow('declared twice');
  });
});
