import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { assert, asyncProperty, constantFrom, nat } from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { problems } from '../../src/errors.ts';
import type { Role } from '../../src/policy/profile.ts';
import { operations, type Operation } from '../support/openapi.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { publishedVectors } from '../unit/formats/published.ts';
import { actOperations, requestFor, targetOf, type Request } from './requests.ts';
import { openShop, tokenOf, type Shop } from './shop.ts';
import { nodeOf, placesIn, spoilt, textOf, ways } from './spoil.ts';

/** P9: bad input is a 4xx that names place and reason, is never repeated, never a 5xx, and changes nothing. */

// Some of them send every body in every way, one after the other.
vi.setConfig({ testTimeout: 300_000 });

let vault: TestVault;
let shop: Shop;
let watcher: Client;

beforeAll(async () => {
  vault = await startVault();
  shop = await openShop(vault, vault, 91);
  watcher = new Client({ connectionString: vault.db.superuserUrl });
  await watcher.connect();
  await prepareSnapshot();
});
afterAll(async () => {
  await watcher.end();
  await vault.stop();
});

let snapshotText = '';

/** Which rows stand, and in which edition, in every table but the log and its queue. */
async function prepareSnapshot(): Promise<void> {
  const { rows } = await watcher.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'amanat'::regnamespace and relkind = 'r' and relname not in ('audit_leaves', 'audit_pending') order by 1`,
  );
  const each = rows.map(
    ({ name }) =>
      `select '${name}' as name, count(*)::int as n, coalesce(sum(hashtextextended(ctid::text || xmin::text, 0)), 0)::text as rows from amanat.${name}`,
  );
  snapshotText = each.join(' union all ');
}

interface Row {
  readonly name: string;
  readonly n: number;
  readonly rows: string;
}

async function snapshot(): Promise<readonly Row[]> {
  return (await watcher.query<Row>({ name: 'snapshot', text: snapshotText })).rows;
}

const customersIn = (rows: readonly Row[]): number => rows.find(({ name }) => name === 'customers')?.n ?? 0;

/** Whose request it is where it is not that of the first role that may: the body of requests.ts is the administrator's. */
const asWhom: Readonly<Record<string, 'system_admin'>> = { createWebhook: 'system_admin' };

function byWhom(operation: Operation, of = shop): TestClient {
  const [first] = (operation.raw['x-roles'] ?? []) as readonly Exclude<Role, 'department' | 'subject'>[];
  const role = asWhom[operation.raw.operationId] ?? first;
  if (role === undefined) throw new Error(`nobody may ${operation.raw.operationId}`);
  if ((role as Role) === 'subject') return of.subject;
  return tokenOf(vault, vault, of.staff[role], role, { actor: `staff-${role}` });
}

/** Latin letters and digits that stand nowhere else, and are no number. */
const newMark = (): string => `qzx${randomBytes(5).toString('hex')}`;

/** What is wrong with a refusal, as words; nothing when it is as it should be. */
function faultsOf(answer: Answer, mark: string): string[] {
  const { status, body, text, headers } = answer;
  const found: string[] = [];
  const all = text + [...headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  // A random id may hold any five digits, and a hash (a leaf's, in a header) in hexadecimal or base64.
  const told = all
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')
    .replace(/[\w+/=-]{43,}/g, (run) => (/^\d+$/.test(run) ? run : 'hash'));
  if (all.includes(mark) || /9999\s?9900|73519|۹۹۹۹۹۹/.test(told)) found.push('repeats what was sent');
  if (status >= 500) found.push('is a 5xx');
  if (status < 400) return found;
  if (headers.get('content-type') !== 'application/problem+json; charset=utf-8') found.push('is no problem+json');
  if (!Object.hasOwn(problems, body.code) || body.status !== status) found.push('has no code of the list');
  if (!Array.isArray(body.errors)) return [...found, 'has no errors'];
  if ((status === 400 || status === 422) && body.errors.length === 0) found.push('names no place');
  for (const { pointer, code } of body.errors) {
    if (typeof pointer !== 'string' || !/^(?:(?:\/[A-Za-z0-9_]+)*|[?][A-Za-z0-9_]*|header:[A-Za-z-]+)$/.test(pointer))
      found.push(`points to ${pointer}`);
    if (typeof code !== 'string' || !/^[a-z][a-z0-9_]*$/.test(code)) found.push('has a fault without reason');
  }
  return found;
}

/** What stood after the last request; nobody else writes meanwhile. */
let last: readonly Row[] | undefined;

/** Sends bytes where a valid body would be, and looks at the answer and at the rows. */
async function check(
  request: Request,
  body: string | Buffer | undefined,
  mark: string,
  headers = request.headers,
): Promise<string[]> {
  const by = byWhom(request.operation);
  const before = (last ??= await snapshot());
  const answer = await vault.request(request.method, targetOf({ ...request, query: {} }), {
    token: by.token,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const after = await snapshot();
  last = after;
  const found = faultsOf(answer, mark);
  if (answer.status >= 400 && JSON.stringify(after) !== JSON.stringify(before)) found.push('changed what is stored');
  if (answer.status < 300 && /batch|import/.test(request.path)) {
    const results = request.path.endsWith('import')
      ? answer.text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : answer.body.results;
    const stored = results.filter((result: { status: number }) => result.status === 201).length;
    if (customersIn(after) - customersIn(before) !== stored) found.push('stored another number than it says');
    const refused = results.filter((result: { status: number; code?: string }) => result.status >= 400);
    if (refused.some((result: { code: string }) => !Object.hasOwn(problems, result.code)))
      found.push('has an item without code');
  }
  return found.map((fault) => `${request.method} ${request.path} ${answer.status}: ${fault}`);
}

/** What takes lines, or a file, has rules of its own for what is no body: their own tests hold them. */
const ofBytes: ReadonlySet<string> = new Set(['importCustomers', 'uploadLegalDocument']);
const withBody = actOperations.filter(({ raw }) => raw.requestBody !== undefined);

/** What needs what these shops have not: the tests of each noun give it, and take these bodies. */
const takenElsewhere: ReadonlySet<string> = new Set([
  // A policy that has such a thing.
  'reviewLegalOrder',
  'givePermission',
  'withdrawPermission',
  'openGlass',
  'reviewGlass',
  'createExtract',
  'requestVatCertificate',
  // A code that was sent, a call that was made, a granted copy.
  'proveContactPoint',
  'confirmContactPoint',
  'createCopyLink',
  // A first report, an owner, an incident as it was read, with its extent and its parts.
  'reportMisuse',
  'closeComplaint',
  'patchIncident',
  'tellConcerned',
  'closeIncident',
  // The vault's own name: it would be sealed.
  'sealVault',
]);

describe('the bodies that are spoilt', () => {
  test('are valid: each is taken where nothing was taken before', async () => {
    const taken = new Set<string>();
    for (let round = 0; round < 4 && taken.size < withBody.length; round += 1) {
      const fresh = await openShop(vault, vault, 920 + round);
      for (const operation of withBody.filter(({ raw }) => !taken.has(raw.operationId))) {
        const request = requestFor(vault, fresh, operation);
        const answer = await byWhom(operation, fresh).call(request.method, request.path, request.body, request.headers);
        if (answer.status < 300) taken.add(operation.raw.operationId);
        // Who took a package is recorded once it was fetched, and fetching it has no body.
        if (operation.raw.operationId !== 'acknowledgeExport') continue;
        await fresh.staff.legal_registrar.get(`/v1/exports/${fresh.ids.export}/package`);
        if ((await byWhom(operation, fresh).post(request.path, request.body)).status < 300)
          taken.add('acknowledgeExport');
      }
    }
    const others = withBody.filter(({ raw }) => !taken.has(raw.operationId) && !takenElsewhere.has(raw.operationId));
    expect(others.map(({ raw }) => raw.operationId)).toEqual([]);
    expect(withBody.length).toBeGreaterThan(20);
  });

  test('control: a row more, a row changed and a row less are seen', async () => {
    const seen = [await snapshot()];
    const { id } = (await shop.staff.shop_backend.post('/v1/customers', shop.people.naturalCustomer())).body;
    seen.push(await snapshot());
    await shop.staff.shop_backend.patch(`/v1/customers/${id}`, { fields: { email: shop.people.email() } }, 1);
    seen.push(await snapshot());
    await watcher.query(`delete from amanat.index_tags where customer_id = $1`, [id]);
    seen.push(await snapshot());
    expect(new Set(seen.map((rows) => JSON.stringify(rows))).size).toBe(4);
    await shop.staff.dpo.get('/v1/audit');
    expect(await snapshot()).toEqual(seen.at(-1));
  });

  test('control: an answer that repeats, points nowhere, or has no code is found', () => {
    const headers = new Headers({ 'content-type': 'application/problem+json; charset=utf-8' });
    const good = { status: 422, code: 'invalid_body', errors: [{ pointer: '/fields/email', code: 'format' }] };
    const answer = (body: object, status = 422): Answer => ({ status, headers, body, text: JSON.stringify(body) });
    expect(faultsOf(answer(good), 'qzx1')).toEqual([]);
    expect(faultsOf(answer({ ...good, detail: 'not qzx1' }), 'qzx1')).toEqual(['repeats what was sent']);
    expect(faultsOf(answer({ ...good, errors: [] }), 'qzx1')).toEqual(['names no place']);
    expect(faultsOf(answer({ ...good, code: 'oops' }), 'qzx1')).toEqual(['has no code of the list']);
    expect(faultsOf(answer({ ...good, errors: [{ pointer: '/زهرا', code: 'x' }] }), 'qzx1')).toHaveLength(1);
    expect(faultsOf(answer({ status: 500, code: 'internal', errors: [] }, 500), 'qzx1')).toEqual(['is a 5xx']);
  });
});

describe('P9: every body of openapi.yaml, spoilt in one place', () => {
  beforeEach(() => {
    last = undefined;
  });

  test.each(withBody.map((operation) => [operation.raw.operationId, operation] as const))(
    '%s',
    async (_, operation) => {
      const place = nat({ max: 10_000 });
      const way = constantFrom(...ways);
      await assert(
        asyncProperty(place, way, async (n, how) => {
          const request = requestFor(vault, shop, operation);
          const node = nodeOf(request.body);
          const places = placesIn(node);
          const mark = newMark();
          const body = spoilt(node, places[n % places.length] ?? [], how, mark);
          const faults = await check(request, body === undefined ? undefined : textOf(body), mark);
          expect(faults, `${how.name} at /${(places[n % places.length] ?? []).join('/')}`).toEqual([]);
        }),
        { numRuns: 30, seed: 20_251_112, endOnFailure: true },
      );
    },
  );

  test('the whole of each, replaced in every way', async () => {
    const wrong: string[] = [];
    for (const operation of withBody) {
      for (const way of ways) {
        const request = requestFor(vault, shop, operation);
        const mark = newMark();
        const body = way.put(nodeOf(request.body), mark);
        const found = await check(request, body === undefined ? undefined : textOf(body), mark);
        wrong.push(...found.map((fault) => `${way.name}: ${fault}`));
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('P9: what is no body, or not the one that is asked for', () => {
  const bomb = gzipSync(Buffer.alloc(20_000_000, ' '));
  const spoilers: readonly (readonly [
    string,
    (body: string, mark: string) => { body: string | Buffer; headers?: Record<string, string> },
    number,
  ])[] = [
    [
      'invalid UTF-8',
      (_, mark) => ({
        body: Buffer.concat([Buffer.from(`{"${mark}":"`), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
      }),
      400,
    ],
    ['UTF-16', (body) => ({ body: Buffer.from(`\ufeff${body}`, 'utf16le') }), 400],
    ['a byte order mark', (body) => ({ body: `\ufeff${body}` }), 400],
    ['nothing', () => ({ body: '' }), 400],
    ['white space', () => ({ body: ' \n ' }), 400],
    ['half of it', (body) => ({ body: body.slice(0, Math.max(1, body.length >> 1)) }), 400],
    ['two of it', (body) => ({ body: body + body }), 400],
    [
      'a form',
      (_, mark) => ({ body: `a=${mark}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      415,
    ],
    ['plain text', (body) => ({ body, headers: { 'content-type': 'text/plain' } }), 415],
    [
      'another charset',
      (body) => ({ body, headers: { 'content-type': 'application/json; charset=windows-1256' } }),
      415,
    ],
    ['no media type', (body) => ({ body, headers: { 'content-type': '' } }), 415],
    ['gzip', (body) => ({ body: gzipSync(body), headers: { 'content-encoding': 'gzip' } }), 415],
    ['a gzip bomb', () => ({ body: bomb, headers: { 'content-encoding': 'gzip' } }), 415],
  ];

  test.each(spoilers)('%s', async (name, spoil, status) => {
    for (const operation of withBody.filter(({ raw }) => !ofBytes.has(raw.operationId))) {
      const request = requestFor(vault, shop, operation);
      const mark = newMark();
      const { body, headers = {} } = spoil(JSON.stringify(request.body), mark);
      const before = await snapshot();
      const answer = await vault.request(request.method, request.path, {
        token: byWhom(operation).token,
        headers: { ...request.headers, ...headers },
        body,
      });
      expect(faultsOf(answer, mark), `${name} to ${operation.raw.operationId}`).toEqual([]);
      // Where a body may be left out, an empty one is none.
      if (name === 'nothing' && answer.status < 300) continue;
      expect([status, 404, 409, 403], `${name} to ${operation.raw.operationId}`).toContain(answer.status);
      if (status === 415 || name === 'half of it')
        expect(answer.status, `${name} to ${operation.raw.operationId}`).toBe(status);
      expect(await snapshot()).toEqual(before);
    }
  });

  test('queries and paths: a name, a value, an id that is none', async () => {
    const values = (mark: string): string[] => [
      mark,
      '',
      '-1',
      '0',
      '73519e9',
      '1e2',
      '۲۰',
      ' 5',
      '%00',
      '%ff',
      '%E2%80%AE',
      'null',
      '%5B%5D',
      `'${mark}`,
      '../../x',
      'a'.repeat(2_500),
    ];
    for (const operation of actOperations.filter(({ method }) => method === 'get')) {
      const { path } = requestFor(vault, shop, operation);
      const by = byWhom(operation);
      const names = operation.parameters.filter((p) => p.in === 'query').map((p) => p.name);
      for (const name of [...names, 'furtherName', '__proto__']) {
        const mark = newMark();
        for (const value of values(mark)) {
          const answer = await by.get(`${path}?${name}=${value}`);
          expect(faultsOf(answer, mark), `${operation.raw.operationId} ${name}=${value}`).toEqual([]);
          // A grant that cannot be one is as one that is not there, and so is a survey that nobody answered.
          if (answer.status < 300) expect(['grant', 'from', 'to', 'survey']).toContain(name);
        }
        const twice = await by.get(`${path}?${name}=1&${name}=${mark}`);
        expect(twice.status, `${operation.raw.operationId} ${name} twice`).toBeGreaterThanOrEqual(400);
        expect(faultsOf(twice, mark)).toEqual([]);
      }
      if (!operation.path.includes('{id}')) continue;
      for (const id of values(newMark()).filter((value) => value !== '')) {
        const answer = await by.get(operation.path.replace('{id}', id));
        expect([400, 404, 414], `${operation.raw.operationId} ${id}`).toContain(answer.status);
        expect(faultsOf(answer, 'qzx').filter((fault) => fault !== 'names no place')).toEqual([]);
      }
    }
  });

  test('headers that an act listens to', async () => {
    const { person, ids } = shop;
    const backend = shop.staff.shop_backend;
    const before = await snapshot();
    for (const value of [
      '',
      '*',
      '1',
      'W/"1"',
      '"0"',
      '"-1"',
      '"1", "2"',
      `"${newMark()}"`,
      '"99999999999999999999"',
      '"1',
    ]) {
      const answer = await backend.call(
        'PATCH',
        `/v1/customers/${ids.customer}`,
        { fields: {} },
        { 'content-type': 'application/merge-patch+json', 'if-match': value },
      );
      expect([400, 412, 422, 428], `If-Match ${value}`).toContain(answer.status);
      expect(faultsOf(answer, 'qzx')).toEqual([]);
    }
    for (const value of ['x'.repeat(300), ' ', 'a\tb', 'é', '"'.repeat(256)]) {
      const answer = await backend.post('/v1/customers', person.sent, { 'idempotency-key': value });
      expect([400, 409, 422], `Idempotency-Key ${value}`).toContain(answer.status);
      expect(faultsOf(answer, 'x'.repeat(300))).toEqual([]);
    }
    for (const value of ['text/html', 'application/xml;q=1, */*;q=0', newMark()]) {
      expect((await backend.get('/v1/customers', { accept: value })).status, value).toBe(406);
    }
    expect(await snapshot()).toEqual(before);
  });
});

describe('P9: the token endpoints', () => {
  const form = 'application/x-www-form-urlencoded';
  const endpoints = operations.filter(({ path }) => path.startsWith('/oauth/')).map(({ path }) => path);

  test.each(endpoints)('%s refuses a spoilt form in RFC 6749’s words, and repeats none of it', async (path) => {
    const client = shop.staff.dpo;
    const authorization = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`;
    const mark = newMark();
    const bodies = [
      '',
      '=',
      '&&',
      mark,
      `grant_type=${mark}`,
      `grant_type=client_credentials&scope=${mark}`,
      `grant_type=client_credentials&actor=%E2%80%AE${mark}`,
      `grant_type=client_credentials&grant_type=${mark}`,
      `grant_type=client_credentials&actor=%00${mark}`,
      `grant_type=client_credentials&actor=%ff${mark}`,
      `grant_type=client_credentials&actor=${'a'.repeat(9_000)}`,
      `grant_type=urn:ietf:params:oauth:grant-type:token-exchange&requested_subject=${mark}`,
      `token=${mark}&token=${mark}`,
      `token=${mark}%00`,
      `client_assertion=${mark}`,
      `client_secret=${mark}`,
      `__proto__=${mark}`,
      `grant_type=client_credentials&audience=${mark}`,
      Array.from({ length: 100 }, (_, i) => `a${i}=${mark}`).join('&'),
      `زهرا=${mark}`,
    ];
    const before = await snapshot();
    for (const body of bodies) {
      const answer = await vault.request('POST', path, { headers: { authorization, 'content-type': form }, body });
      // RFC 7009 and 7662: an unknown token is no fault.
      const harmless = path !== '/oauth/token' && body.startsWith('token=');
      if (!harmless || answer.status >= 300)
        expect([400, 401, 413], `${path} ${body.slice(0, 60)}`).toContain(answer.status);
      expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(mark);
      if (answer.status === 400) expect(answer.body.error ?? answer.body.code).toMatch(/^[a-z_]+$/);
    }
    for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain']) {
      expect(
        (await vault.request('POST', path, { headers: { authorization, 'content-type': type }, body: '{}' })).status,
      ).toBe(415);
    }
    for (const credentials of [
      'Basic',
      'Basic !!!',
      `Basic ${Buffer.from(mark).toString('base64')}`,
      `Bearer ${mark}`,
      `Basic ${Buffer.from(`${mark}:${mark}`).toString('base64')}`,
    ]) {
      const answer = await vault.request('POST', path, {
        headers: { authorization: credentials, 'content-type': form },
        body: 'grant_type=client_credentials',
      });
      expect(answer.status, credentials.slice(0, 8)).toBe(401);
      expect(answer.text).not.toContain(mark);
    }
    expect(await snapshot()).toEqual(before);
  });
});

const folder = publishedVectors('json');

describe.skipIf(folder === undefined)('P9: JSONTestSuite against real calls', () => {
  const names = folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.json'));
  const calls = ['createCustomer', 'searchCustomers', 'openGrant'];

  test.each(calls)('%s: n_ is 400, y_ is 422, i_ is either, and nothing is stored', async (operationId) => {
    expect(names.length).toBeGreaterThanOrEqual(318);
    const operation = withBody.find(({ raw }) => raw.operationId === operationId);
    if (operation === undefined) throw new Error('no such call');
    const { path, headers } = requestFor(vault, shop, operation);
    const { token } = byWhom(operation);
    const before = await snapshot();
    const wrong: string[] = [];
    for (const name of names) {
      const answer = await vault.request('POST', path, {
        token,
        headers: { ...headers },
        body: readFileSync(`${folder}${name}`),
      });
      const wanted = { n: [400], y: [422], i: [400, 422] }[name.charAt(0)] ?? [];
      if (!wanted.includes(answer.status)) wrong.push(`${name}: ${answer.status}`);
      wrong.push(...faultsOf(answer, 'qzx').map((fault) => `${name}: ${fault}`));
    }
    expect(wrong).toEqual([]);
    expect(await snapshot()).toEqual(before);
  });
});
