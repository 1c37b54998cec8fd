import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { synthetic } from '../src/cli/synthetic.ts';
import { median } from './load.ts';
import { startService, type Service } from './processes.ts';

/**
 * Does the time of an answer tell another tenant's id from one that never was? By hand, on a quiet machine:
 * npm run build && npx tsc -p tsconfig.bench.json && node dist-bench/bench/timing.js. Both kinds of request are interleaved
 * at random; the control is the unknown id once more, two milliseconds late, which the same comparison has to notice.
 */
const pairs = process.argv.includes('quick') ? 400 : 2_000;
const warmUp = 200;
const lateMs = 2;
/** Standard errors by which two samples of one distribution never differ. */
const sure = 5;

interface Tenant {
  readonly token: (role: string) => Promise<string>;
}
interface Case {
  readonly name: string;
  readonly token: string;
  readonly foreign: () => string;
  readonly unknown: () => string;
  readonly body?: (value: string) => unknown;
}
interface Comparison {
  readonly medianMs: readonly [number, number];
  /** Chance that one of the second sample is slower than one of the first; 0.5 when nothing tells them apart. */
  readonly slower: number;
  readonly standardErrors: number;
}

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Mann-Whitney U: ranks only, so a few slow answers weigh nothing. */
function compare(first: readonly number[], second: readonly number[]): Comparison {
  const all = [...first.map((ms) => ({ ms, of: 0 })), ...second.map((ms) => ({ ms, of: 1 }))].toSorted(
    (a, b) => a.ms - b.ms,
  );
  const ranks = all.reduce((sum, { of }, i) => sum + (of === 1 ? i + 1 : 0), 0);
  const [n, m] = [first.length, second.length];
  const u = ranks - (m * (m + 1)) / 2;
  const spread = Math.sqrt((n * m * (n + m + 1)) / 12);
  return { medianMs: [median(first), median(second)], slower: u / (n * m), standardErrors: (u - (n * m) / 2) / spread };
}

async function timed(url: string, one: Case, value: string, late: number): Promise<number> {
  const start = performance.now();
  if (late > 0) await new Promise((resolve) => setTimeout(resolve, late));
  const path = one.body === undefined ? one.name.replace('…', value) : one.name;
  const answer = await fetch(url + path, {
    method: one.body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${one.token}`, 'content-type': 'application/json' },
    ...(one.body === undefined ? {} : { body: JSON.stringify(one.body(value)) }),
  });
  await answer.arrayBuffer();
  return performance.now() - start;
}

async function measure(url: string, one: Case): Promise<{ real: Comparison; control: Comparison }> {
  const [unknown, foreign, late]: [number[], number[], number[]] = [[], [], []];
  for (let n = 0; n < pairs + warmUp; n += 1) {
    const turns = [
      async () => unknown.push(await timed(url, one, one.unknown(), 0)),
      async () => foreign.push(await timed(url, one, one.foreign(), 0)),
      async () => late.push(n % 4 === 0 ? await timed(url, one, one.unknown(), lateMs) : Number.NaN),
    ];
    for (const turn of turns.toSorted(() => Math.random() - 0.5)) await turn();
  }
  const kept = (sample: readonly number[]) => sample.slice(warmUp).filter((ms) => !Number.isNaN(ms));
  return { real: compare(kept(unknown), kept(foreign)), control: compare(kept(unknown), kept(late)) };
}

async function call(
  url: string,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, string>> {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return (await answer.json()) as Record<string, string>;
}

function tenantOf(url: string, clientId: string, clientSecret: string): Tenant {
  const login = async (id: string, secret: string): Promise<string> => {
    const answer = await fetch(`${url}/oauth/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    });
    return ((await answer.json()) as { access_token: string }).access_token;
  };
  return {
    async token(role) {
      const admin = await login(clientId, clientSecret);
      const made = await call(url, admin, 'POST', '/v1/clients', { name: role, role, authMethod: 'client_secret' });
      return login(made['id'] ?? '', made['secret'] ?? '');
    },
  };
}

async function secondTenant(service: Service): Promise<Tenant> {
  const { stdout } = await run(
    process.execPath,
    [join(root, 'dist/cli/main.js'), 'tenants', 'create', '--name', 'second', '--json'],
    { env: { PATH: process.env['PATH'], AMANAT_DATA_DIR: service.folder } },
  );
  const made = JSON.parse(stdout) as { clientId: string; clientSecret: string };
  return tenantOf(service.url, made.clientId, made.clientSecret);
}

/** Another tenant's things, and our own clients to ask for them. */
async function casesOf(url: string, ours: Tenant, theirs: Tenant): Promise<Case[]> {
  const people = synthetic(9);
  const shop = await theirs.token('shop_backend');
  const ids: { customer: string; order: string }[] = [];
  const numbers: string[] = [];
  for (let n = 0; n < 50; n += 1) {
    const sent = people.naturalCustomer();
    numbers.push(sent.fields.nationalId);
    const customer = (await call(url, shop, 'POST', '/v1/customers', sent))['id'] ?? '';
    const delivery = { to: 'recipient', recipient: people.recipient() };
    const order = await call(url, shop, 'POST', '/v1/orders', { customerId: customer, externalRef: 'O-1', delivery });
    ids.push({ customer, order: order['id'] ?? '' });
  }
  const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;
  const nobody = (id: string): string => id.slice(0, -12) + Math.random().toString(16).slice(2, 14).padEnd(12, '0');
  const [support, backend, courier] = [
    await ours.token('support'),
    await ours.token('shop_backend'),
    await ours.token('courier'),
  ];
  const customer = (): string => pick(ids).customer;
  const order = (): string => pick(ids).order;
  const search = (value: string): unknown => ({ by: 'nationalId', value });
  return [
    { name: '/v1/customers/…', token: support, foreign: customer, unknown: () => nobody(customer()) },
    { name: '/v1/orders/…', token: support, foreign: order, unknown: () => nobody(order()) },
    { name: '/v1/deliveries/…', token: courier, foreign: order, unknown: () => nobody(order()) },
    {
      name: '/v1/customers/search',
      token: backend,
      foreign: () => pick(numbers),
      unknown: () => people.nationalId(),
      body: search,
    },
  ];
}

const service = await startService(1);
try {
  const ours = tenantOf(service.url, service.firstRun.clientId, service.firstRun.clientSecret);
  const cases = await casesOf(service.url, ours, await secondTenant(service));
  let told = false;
  for (const one of cases) {
    const { real, control } = await measure(service.url, one);
    const noticed = control.standardErrors > sure;
    told ||= Math.abs(real.standardErrors) > sure || !noticed;
    const [unknownMs, foreignMs] = real.medianMs.map((ms) => ms.toFixed(3));
    console.log(
      `${one.name}: unknown ${unknownMs} ms, another tenant's ${foreignMs} ms, slower in ${(real.slower * 100).toFixed(1)} of 100 ` +
        `(${real.standardErrors.toFixed(1)} standard errors); ${lateMs} ms late ${noticed ? 'noticed' : 'NOT NOTICED'} ` +
        `(${control.standardErrors.toFixed(1)})`,
    );
  }
  console.log(told ? 'They can be told apart, or the control failed.' : 'They cannot be told apart.');
  process.exitCode = told ? 1 : 0;
} finally {
  await service.remove();
}
