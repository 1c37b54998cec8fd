import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { problems, type Code } from '../../src/errors.ts';
import type { BodyKind, DeclaredRoute } from '../../src/http/route.ts';
import { createLog } from '../../src/log.ts';
import { passingActions } from '../../src/vault/auditTerms.ts';
import { clientRoles } from '../../src/vault/clients.ts';
import { actions, scopes, type Action } from '../../src/vault/permit.ts';
import { checkAnswer, checkTaken, ContractBreach, contractFetch } from '../support/contract.ts';
import { description, follow, operations, type Operation } from '../support/openapi.ts';
import { startVault, type TestVault } from '../support/vault.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'amanat-openapi-'));
let vault: TestVault;
let declared: readonly DeclaredRoute[];

beforeAll(async () => {
  vault = await startVault();
  const log = createLog({ level: 'info', destination: { write: () => undefined } });
  declared = createApp(vault.vault, log).declaredRoutes();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await vault.stop();
});

interface Run {
  readonly exitCode: number;
  readonly output: string;
}

/** A linter as its own process, which may not phone home. */
function lint(tool: 'redocly' | 'spectral', file: string): Promise<Run> {
  const config =
    tool === 'redocly' ? ['--config', 'redocly.yaml'] : ['--ruleset', '.spectral.yaml', '--fail-severity', 'hint'];
  const env = { ...process.env, CI: 'true', REDOCLY_TELEMETRY: 'off', NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(join(root, 'node_modules/.bin', tool), ['lint', file, ...config], { cwd: root, env }, (error, out, err) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), output: out + err }),
    );
  });
}

/** No summary for the one, no bound on the list for the other. */
const broken = `openapi: 3.1.1
info: { title: Broken, version: '1', description: d, contact: { name: n }, license: { name: l, identifier: MIT } }
servers: [{ url: /, description: local, x-internal: true }]
tags: [{ name: t, description: d }]
paths:
  /things:
    get:
      operationId: list
      description: d
      tags: [t]
      responses:
        '200':
          description: d
          content: { application/json: { schema: { type: array, items: { type: boolean } } } }
`;

describe('openapi.yaml is valid', () => {
  it.each(['redocly', 'spectral'] as const)(
    '%s finds nothing, not even a warning',
    async (tool) => {
      const { exitCode, output } = await lint(tool, 'openapi.yaml');
      expect(exitCode, output).toBe(0);
    },
    240_000,
  );

  it('control: a description that breaks a rule of each is refused by each', async () => {
    const file = join(folder, 'broken.yaml');
    writeFileSync(file, broken);
    const [redocly, spectral] = await Promise.all([lint('redocly', file), lint('spectral', file)]);
    expect(redocly.exitCode).not.toBe(0);
    expect(redocly.output).toContain('operation-summary');
    expect(spectral.exitCode).not.toBe(0);
    expect(spectral.output).toContain('owasp:api4:2023-array-limit');
  });
});

/** As the description writes a path. */
const pathOf = ({ path }: DeclaredRoute): string => path.replace(/:(\w+)/g, '{$1}');
const keyOf = (route: DeclaredRoute): string => `${route.method} ${pathOf(route)}`;
const keyOfOperation = ({ method, path }: Operation): string => `${method.toUpperCase()} ${path}`;

const bodyTypes: Readonly<Record<BodyKind, string | undefined>> = {
  none: undefined,
  json: 'application/json',
  jsonIfAny: 'application/json',
  mergePatch: 'application/merge-patch+json',
  form: 'application/x-www-form-urlencoded',
  lines: 'application/x-ndjson',
  bytes: undefined,
};

/** What a route says of itself, in the words in which the description can say the same. */
function factsOfRoute(route: DeclaredRoute) {
  const { options } = route;
  const kind = options.body ?? 'none';
  const action = options.action as Action | undefined;
  return {
    operation: keyOf(route),
    query: [...(options.query ?? [])].sort(),
    body: options.bodyTypes?.toSorted().join(' ') ?? bodyTypes[kind],
    bodyRequired: kind === 'none' ? undefined : kind !== 'jsonIfAny',
    produces: [options.produces ?? 'application/json'].flat().toSorted().join(' '),
    action,
    roles: action === undefined ? undefined : [...actions[action].roles],
    scope: action === undefined ? undefined : actions[action].scope,
    path: [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name),
    idempotent: options.auth && route.method === 'POST',
    limited: options.unlimited !== true,
  };
}

function factsOfOperation(operation: Operation): ReturnType<typeof factsOfRoute> {
  const { raw, parameters } = operation;
  const named = (place: string) => parameters.filter((p) => p.in === place).map((p) => p.name);
  const ok = Object.entries(raw.responses).filter(([status]) => status.startsWith('2'));
  const types = new Set(ok.flatMap(([, answer]) => Object.keys(follow(answer, '').value.content ?? {})));
  return {
    operation: keyOfOperation(operation),
    query: named('query').sort(),
    body:
      Object.keys(raw.requestBody?.content ?? {})
        .toSorted()
        .join(' ') || undefined,
    bodyRequired: raw.requestBody?.required,
    produces: [...types].toSorted().join(' '),
    action: raw['x-action'] as Action | undefined,
    roles: raw['x-roles'] as ReturnType<typeof factsOfRoute>['roles'],
    scope: raw.security?.[0]?.['oauth2']?.[0] as ReturnType<typeof factsOfRoute>['scope'],
    path: named('path'),
    idempotent: named('header').includes('Idempotency-Key'),
    limited: raw.responses['429'] !== undefined,
  };
}

describe('the routes are the documented ones, both ways', () => {
  it('the same methods and paths', () => {
    expect(declared.map((route) => keyOf(route)).sort()).toEqual(operations.map((o) => keyOfOperation(o)).sort());
  });

  it('the same queries, bodies, answers, acts, roles and scopes', () => {
    const byKey = new Map(operations.map((operation) => [keyOfOperation(operation), operation]));
    expect(declared.length).toBeGreaterThan(40);
    for (const route of declared) {
      const operation = byKey.get(keyOf(route));
      if (operation === undefined) continue; // The test above tells.
      expect(factsOfOperation(operation)).toEqual(factsOfRoute(route));
    }
  });

  it('every act there is has its route, and the description has every scope', () => {
    const documented = new Set(operations.flatMap(({ raw }) => raw['x-action'] ?? []));
    // Exchanging a token is an act at the token endpoint, which has no token of its own.
    expect([...documented, 'subjects.exchange'].sort()).toEqual(Object.keys(actions).sort());
    const { scopes: listed } = description.components.securitySchemes.oauth2.flows.clientCredentials;
    expect(Object.keys(listed).sort()).toEqual([...scopes].sort());
    expect(description.components.schemas['ClientRole']?.enum).toEqual(clientRoles);
  });

  it('who changes a record says which version it read', () => {
    const patches = operations.filter(({ method }) => method === 'patch');
    expect(patches.length).toBeGreaterThan(0);
    for (const { parameters, raw } of patches) {
      expect(
        parameters.map(({ name }) => name),
        raw.operationId,
      ).toContain('If-Match');
    }
  });

  it('whatever did something names its leaf: demanded here, and every answer of the whole suite is held against it', () => {
    const named = (operation: Operation) =>
      Object.entries(operation.raw.responses)
        .filter(([status]) => status.startsWith('2'))
        .map(([, { headers = {} }]) => headers['Amanat-Leaf-Hash'])
        .every((header) => header !== undefined && follow(header, '').value.required === true);
    const acts = operations.filter(({ raw }) => raw['x-action'] !== undefined);
    const looks = ({ method, raw }: Operation) => method === 'get' || passingActions.includes(raw['x-action'] ?? '');
    const unnamed = acts.filter((operation) => !looks(operation) && !named(operation));
    // Each line of its answer names one.
    expect(unnamed.map(({ raw }) => raw.operationId)).toEqual(['importCustomers']);
    expect(acts.filter((operation) => operation.method === 'get' && named(operation))).toEqual([]);
    expect(acts.filter((operation) => !looks(operation)).length).toBeGreaterThan(80);
  });

  it('control: a route that says something else is told apart', () => {
    const operation = operations.find(({ raw }) => raw.operationId === 'readCustomer');
    const route = declared.find((r) => r.options.action === 'customers.read' && r.method === 'GET');
    if (operation === undefined || route === undefined) throw new Error('gone');
    expect(factsOfOperation(operation)).toEqual(factsOfRoute(route));
    for (const options of [
      { ...route.options, query: ['grant'] },
      { ...route.options, body: 'json' as const },
      { ...route.options, produces: 'text/plain' },
      { ...route.options, action: 'customers.list' },
    ]) {
      expect(factsOfOperation(operation)).not.toEqual(factsOfRoute({ ...route, options }));
    }
  });
});

interface Narrowed {
  readonly properties?: {
    readonly status?: { readonly const: number };
    readonly code?: { readonly enum: readonly Code[] };
  };
}

/** The codes that a response allows, where it is a problem. */
function codesIn(name: string): { status: number | undefined; codes: readonly Code[] } | undefined {
  const media = description.components.responses[name]?.content?.['application/problem+json'];
  const { allOf }: { readonly allOf?: readonly Narrowed[] } = media?.schema ?? {};
  const narrowed = allOf?.[1]?.properties;
  return narrowed === undefined ? undefined : { status: narrowed.status?.const, codes: narrowed.code?.enum ?? [] };
}

describe('problem codes', () => {
  const responses = Object.keys(description.components.responses).flatMap((name) => {
    const found = codesIn(name);
    return found === undefined ? [] : [{ name, ...found }];
  });

  it('the closed list is the documented one', () => {
    expect(description.components.schemas['Code']?.enum).toEqual(Object.keys(problems));
  });

  it('every code stands in an answer of its own status', () => {
    for (const { name, status, codes } of responses) {
      for (const code of codes) expect(problems[code].status, `${name} ${code}`).toBe(status);
    }
    // No operation lists it: what a path does not know is not an operation.
    const answered = new Set([...responses.flatMap(({ codes }) => codes), 'method_not_allowed']);
    expect([...answered].sort()).toEqual(Object.keys(problems).sort());
  });

  it('an answer stands under the status of its codes', () => {
    for (const { raw } of operations) {
      for (const [status, { $ref }] of Object.entries(raw.responses)) {
        const found = $ref === undefined ? undefined : codesIn($ref.split('/').at(-1) ?? '');
        if (found !== undefined) expect(String(found.status), `${raw.operationId} ${status}`).toBe(status);
      }
    }
  });
});

describe('answers are held against the description', () => {
  const person = { kind: 'natural', fields: { givenName: 'زهرا', familyName: 'محمدی' } };

  it('real ones pass', async () => {
    const call = contractFetch(vault.url);
    const { token } = await vault.client('shop_backend');
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const body = JSON.stringify(person);
    const made = await call('/v1/customers', { method: 'POST', headers, body });
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as { id: string };
    expect((await call(`/v1/customers/${id}`, { headers: { authorization: headers.authorization } })).status).toBe(200);
    for (const path of [
      '/healthz',
      '/readyz',
      '/openapi.yaml',
      '/docs',
      '/docs/problems',
      '/.well-known/jwks.json',
      '/.well-known/amanat-keys.json',
    ]) {
      expect((await call(path)).status, path).toBe(200);
    }
    expect((await call('/healthz', { method: 'HEAD' })).status).toBe(200);
    expect((await call('/v1/customers')).status).toBe(401);
    expect((await call('/v1/customers', { method: 'DELETE' })).status).toBe(405);
    expect((await call('/v1/nothing')).status).toBe(404);
  });

  it('the documented requests are taken', async () => {
    const call = contractFetch(vault.url);
    const send = async (
      token: string,
      operationId: string,
      name: string | undefined,
      ids: Readonly<Record<string, string>> = {},
    ) => {
      const operation = operations.find(({ raw }) => raw.operationId === operationId);
      const [type = '', media] = Object.entries(operation?.raw.requestBody?.content ?? {})[0] ?? [];
      const example = name === undefined ? media?.example : media?.examples?.[name]?.value;
      const body = { ...(example as object), ...ids };
      const headers = { authorization: `Bearer ${token}`, 'content-type': type };
      const answer = await call(operation?.path ?? '', { method: 'POST', headers, body: JSON.stringify(body) });
      const told = (await answer.json()) as Record<string, unknown>;
      expect(answer.ok, `${operationId} ${name ?? ''} ${JSON.stringify(told)}`).toBe(true);
      return told;
    };
    const { admin } = vault;
    for (const name of ['secret', 'courier']) await send(admin.token, 'createClient', name);
    const { token: shop } = await vault.client('shop_backend');
    const customer = await send(shop, 'createCustomer', 'natural');
    await send(shop, 'createCustomer', 'legal');
    const id = String(customer['id']);
    expect((await send(shop, 'searchCustomers', undefined))['matches']).toHaveLength(1);
    const { token: support } = await vault.client('support');
    expect((await send(support, 'matchCustomer', undefined, { id }))['match']).toBe(true);
    await send(shop, 'createOrder', 'recipient', { customerId: id });
    const results = (await send(shop, 'createCustomers', undefined))['results'] as { readonly status: number }[];
    expect(results.map(({ status }) => status)).toEqual([201, 422]);
  });

  const requestId = '019abc12-7d40-7a51-8c3e-2f6b9d10e4a7';
  const good = {
    status: 404,
    headers: {
      'content-type': 'application/problem+json; charset=utf-8',
      'x-request-id': requestId,
      'ratelimit-policy': '"default";q=60000;w=10',
    } as Readonly<Record<string, string>>,
    body: {
      type: '/docs/problems#not_found',
      title: problems.not_found.title,
      status: 404,
      code: 'not_found',
      detail: 'Check the path and the id.',
      errors: [],
      requestId,
    } as Readonly<Record<string, unknown>>,
  };
  const check = ({ status, headers, body }: typeof good) =>
    checkAnswer('GET', `/v1/customers/${requestId}?fields=email`, status, headers, JSON.stringify(body));
  const without = (from: Readonly<Record<string, string>>, name: string) =>
    Object.fromEntries(Object.entries(from).filter(([n]) => n !== name));

  it('the control passes', () => {
    expect(() => check(good)).not.toThrow();
  });

  it.each<[string, typeof good]>([
    ['another status', { ...good, status: 410 }],
    ['a status that the body does not tell', { ...good, status: 403 }],
    ['a code that this call does not answer', { ...good, body: { ...good.body, code: 'wrong_code' } }],
    ['a code there is not', { ...good, body: { ...good.body, code: 'gone' } }],
    ['a member too many', { ...good, body: { ...good.body, value: 1 } }],
    ['a member of another type', { ...good, body: { ...good.body, errors: {} } }],
    [
      'another requestId than the header',
      { ...good, body: { ...good.body, requestId: requestId.replace('7d40', '7d41') } },
    ],
    ['another media type', { ...good, headers: { ...good.headers, 'content-type': 'application/json' } }],
    ['no X-Request-Id', { ...good, headers: without(good.headers, 'x-request-id') }],
    ['no RateLimit-Policy', { ...good, headers: without(good.headers, 'ratelimit-policy') }],
    ['a header that is not documented here', { ...good, headers: { ...good.headers, etag: '"1"' } }],
    ['a header that is never sent', { ...good, headers: { ...good.headers, 'access-control-allow-origin': '*' } }],
    ['a cookie', { ...good, headers: { ...good.headers, 'set-cookie': 'a=b' } }],
  ])('control: %s is a breach', (_, wrong) => {
    expect(() => check(wrong)).toThrow(ContractBreach);
  });

  it('control: breaches name places, never values', () => {
    try {
      check({ ...good, body: { ...good.body, requestId: 'زهرا محمدی' } });
      expect.unreachable();
    } catch (error) {
      expect(String(error)).toContain('/requestId');
      expect(String(error)).not.toContain('زهرا');
    }
  });

  it('control: lines of a stream are held against it one by one', () => {
    const headers = { ...good.headers, 'content-type': 'application/x-ndjson' };
    const line = { line: 1, status: 201, id: requestId, version: 1, warnings: [], leafHash: 'a'.repeat(64) };
    const lines = (second: object) => `${JSON.stringify(line)}\n${JSON.stringify(second)}\n`;
    const send = (second: object) => checkAnswer('POST', '/v1/customers/import', 200, headers, lines(second));
    expect(() => send({ code: 'malformed_request' })).not.toThrow();
    expect(() => send({ ...line, line: 0 })).toThrow(ContractBreach);
    expect(() => send({ ...line, name: 'x' })).toThrow(/line 2/);
  });

  it('control: a request that was taken and is not documented is a breach', () => {
    const json = new Headers({ 'content-type': 'application/json' });
    const taken = (path: string, body: unknown) => () => checkTaken('POST', path, json, JSON.stringify(body));
    expect(taken('/v1/customers', person)).not.toThrow();
    expect(taken('/v1/customers?debug=1', person)).toThrow(ContractBreach);
    expect(taken('/v1/customers', { ...person, colour: 'red' })).toThrow(ContractBreach);
    expect(taken('/v1/customers', { ...person, kind: 'robot' })).toThrow(ContractBreach);
    expect(() => checkTaken('POST', '/v1/customers', new Headers({ 'content-type': 'text/plain' }), '{}')).toThrow(
      ContractBreach,
    );
  });
});

describe('/docs', () => {
  const load = async (path: string) => {
    const response = await fetch(vault.url + path);
    return { response, html: await response.text() };
  };
  const idsIn = (html: string) => [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id ?? '');

  it.each(['/docs', '/docs/problems'])(
    '%s loads nothing, runs nothing, and is styled by what its policy names',
    async (path) => {
      const { response, html } = await load(path);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /);
      const styles = [...html.matchAll(/<style>([^<]*)<\/style>/g)];
      expect(styles).toHaveLength(1);
      const hash = createHash('sha256')
        .update(styles[0]?.[1] ?? '')
        .digest('base64');
      expect(policy).toContain(`'sha256-${hash}'`);
      expect(html).not.toMatch(/<script|<link|<img|<iframe|<form|<base|\son\w+=|\ssrc=|\sstyle=|@import|url\(/i);
      expect(html).not.toMatch(/href="(?!#|\/)/);
    },
  );

  it('every link leads somewhere, and nothing is called the same twice', async () => {
    const { html } = await load('/docs');
    const ids = idsIn(html);
    expect(new Set(ids).size).toBe(ids.length);
    const targets = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    expect(targets.length).toBeGreaterThan(200);
    expect(targets.filter((id) => !ids.includes(id ?? ''))).toEqual([]);
    for (const [, path = ''] of html.matchAll(/href="(\/[^"#]*)"/g))
      expect((await load(path)).response.status, path).toBe(200);
  });

  it('has every operation, and begins by saying in Persian what it is', async () => {
    const { html } = await load('/docs');
    for (const { raw } of operations) expect(html, raw.operationId).toContain(`<article id="${raw.operationId}">`);
    const introduction = /<section[^>]*lang="fa" dir="rtl"[^>]*>([\s\S]*?)<\/section>/.exec(html)?.[1] ?? '';
    expect(introduction).toContain('امانت');
    expect(html.indexOf(introduction)).toBeLessThan(html.indexOf('<nav'));
  });

  it('the type of every problem leads to what to do next', async () => {
    const answer = await fetch(`${vault.url}/v1/nothing`);
    const { type } = (await answer.json()) as { type: string };
    const { pathname, hash } = new URL(type, vault.url);
    expect(hash).toBe('#not_found');
    const [page, docs] = await Promise.all([load(pathname), load('/docs')]);
    for (const code of Object.keys(problems)) {
      expect(idsIn(page.html), code).toContain(code);
      expect(idsIn(docs.html), code).toContain(code);
    }
  });

  it('isolates right-to-left text', async () => {
    const { html } = await load('/docs');
    expect(html).toContain('<bdi>&quot;زهرا&quot;</bdi>');
    const bare = html.replace(/<section[^>]*lang="fa"[\s\S]*?<\/section>/, '').replace(/<bdi[\s\S]*?<\/bdi>/g, '');
    expect(bare.match(/[\u0600-\u06ff].{0,40}/g) ?? []).toEqual([]);
  });
});
