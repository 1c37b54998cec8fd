import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createApp } from '../../src/app.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { createLog } from '../../src/log.ts';
import { roles, searchKeys, type Role } from '../../src/policy/profile.ts';
import { actions, type Action, type Scope } from '../../src/vault/permit.ts';
import type { Operation } from '../support/openapi.ts';
import { policyText } from '../support/policyTexts.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { kalak, type Edits } from '../unit/policy/kalak.ts';
import { actOperations, requestFor, targetOf } from './requests.ts';
import { everyScope, openShop, tokenOf, type Shop } from './shop.ts';

// Every route, every role, every id: thousands of calls, one after the other.
vi.setConfig({ testTimeout: 300_000 });

/** P7: every route x method x role x scope outside what permit.ts allows is refused. Generated from openapi.yaml. */

let vault: TestVault;
let shop: Shop;

beforeAll(async () => {
  vault = await startVault({ profileText: policyText(vatCertificates) });
  shop = await openShop(vault, vault, 71);
});
afterAll(() => vault.stop());

const unknownId = '0199a9b0-0000-7000-8000-00000000abcd';

interface Rule {
  readonly scope: Scope;
  readonly roles: readonly Role[];
}

/** kalak issues no such certificates, and what no policy allows would be refused to everybody alike. */
const vatCertificates: Edits = {
  '/purposes/vat_certificate': {
    title: { fa: 'گواهی', en: 'VAT certificate' },
    values: 'read',
    clauses: ['D'],
    why: 'test',
  },
};

/** The rule of an operation's act: permit.ts is the law, openapi.yaml names the act. */
function ruleOf({ raw }: Operation): Rule {
  const action = raw['x-action'] ?? '';
  if (!Object.hasOwn(actions, action)) throw new Error(`no act ${action}`);
  return actions[action as Action];
}

/** The same request for everybody: well-formed, about nothing that is there, so that nobody's changes what the next meets. */
async function send(operation: Operation, by: TestClient, method = operation.method.toUpperCase()): Promise<Answer> {
  const { body, headers, query, path } = requestFor(vault, shop, operation);
  const target = { path: operation.path.includes('{id}') ? operation.path.replace('{id}', unknownId) : path, query };
  return by.call(method, targetOf(target), body, headers);
}

/** A token of this role, whatever its scopes; `department` is no department of the profile. */
function as(role: Role, scopes: typeof everyScope): TestClient {
  const client = role === 'department' || role === 'subject' ? shop.staff.shop_backend : shop.staff[role];
  return tokenOf(vault, vault, client, role, {
    scopes,
    actor: 'staff-1',
    ...(role === 'subject' ? { subjectId: shop.ids.customer } : {}),
    ...(role === 'department' ? { department: 'warehouse' } : {}),
  });
}

const isRefusedAtTheGate = ({ status, body }: Answer): boolean =>
  status === 403 && (body.code === 'not_permitted' || body.code === 'insufficient_scope');

/** What the profile, not the gate, refuses of these well-formed requests: who may search and match by what. */
function isJudged(operation: Operation, role: Role): boolean {
  if (operation.raw.operationId === 'searchCustomers') return kalak.search[role]?.fields.includes('mobile') !== true;
  if (operation.raw.operationId === 'matchCustomer') return kalak.match[role]?.fields.includes('nationalId') !== true;
  // Of these the policy has none: permissions, extracts, an emergency that opens anything.
  if (['givePermission', 'createExtract'].includes(operation.raw.operationId)) return true;
  if (operation.raw.operationId.endsWith('Feedback') && operation.method === 'get')
    return role !== 'subject' && !Object.hasOwn(kalak.feedback?.readers ?? {}, role);
  if (['listStatistics', 'readStatistic'].includes(operation.raw.operationId))
    return !Object.hasOwn(kalak.statistics?.readers ?? {}, role);
  // Of what support may read asks support itself, and who answers for it.
  if (operation.raw.operationId === 'explainPolicy') return !['support', 'shop_backend', 'dpo'].includes(role);
  if (operation.raw.operationId === 'openGlass') return role === 'system_admin';
  // For another's system.
  if (operation.raw.operationId === 'createWebhook') return role !== 'system_admin';
  if (operation.raw.operationId === 'sendMessage')
    return kalak.departments[role]?.purposes.includes('tracking') !== true;
  return false;
}

interface Cell {
  readonly operation: Operation;
  readonly role: Role;
}
const cells: readonly Cell[] = actOperations.flatMap((operation) => roles.map((role) => ({ operation, role })));
const label = ({ operation, role }: Cell): string => `${role}: ${operation.raw.operationId}`;

interface Outcome extends Cell {
  readonly answer: Answer;
}

async function outcomesOf(asked: readonly Cell[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const cell of asked) outcomes.push({ ...cell, answer: await send(cell.operation, as(cell.role, everyScope)) });
  return outcomes;
}

/** The cells whose outcome is another than these rules say. */
function against(outcomes: readonly Outcome[], rolesOf: (cell: Cell) => readonly Role[]): string[] {
  return outcomes
    .filter(({ answer, ...cell }) => {
      const allowed = rolesOf(cell).includes(cell.role) && !isJudged(cell.operation, cell.role);
      return allowed === (answer.status === 403 && answer.body.code === 'not_permitted');
    })
    .map(({ answer, ...cell }) => `${label(cell)}: ${answer.status} ${answer.text}`);
}

describe('what is generated', () => {
  test('is every declared route that asks for a token', () => {
    const log = createLog({ level: 'silent' });
    const declared = createApp(vault.vault, log).declaredRoutes();
    const asking = declared.filter(({ options }) => options.auth);
    const named = (method: string, path: string): string =>
      `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`;
    expect(asking.map(({ method, path }) => named(method, path)).toSorted()).toEqual(
      actOperations.map(({ method, path }) => named(method, path)).toSorted(),
    );
    expect(actOperations.length).toBeGreaterThan(35);
  });

  test('is every act there is, but for the one of the token endpoint', () => {
    const named = new Set(actOperations.map(({ raw }) => raw['x-action']));
    expect(Object.keys(actions).filter((action) => !named.has(action))).toEqual(['subjects.exchange']);
  });
});

describe('P7: route x role', () => {
  test('with every scope there is, a role does what its rule says and is refused everything else', async () => {
    const outcomes = await outcomesOf(cells);
    expect(cells.length).toBe(actOperations.length * 13);
    expect(against(outcomes, ({ operation }) => ruleOf(operation).roles)).toEqual([]);
    expect(outcomes.filter(({ answer }) => answer.status === 401 || answer.status >= 500)).toEqual([]);
    // The control: one role more, or one less, in any rule is noticed.
    for (const operation of actOperations) {
      const own = ruleOf(operation).roles;
      const one = own.find((role) => !isJudged(operation, role));
      // What the policy refuses to everybody shows no role less.
      if (one === undefined) continue;
      const less = ({ operation: other }: Cell) =>
        other === operation ? own.filter((role) => role !== one) : ruleOf(other).roles;
      const stranger = roles.find((role) => !own.includes(role) && !isJudged(operation, role));
      const more = ({ operation: other }: Cell) =>
        other === operation ? [...own, ...(stranger === undefined ? [] : [stranger])] : ruleOf(other).roles;
      expect(against(outcomes, less)).toEqual([expect.stringContaining(`${one}: ${operation.raw.operationId}`)]);
      expect(against(outcomes, more)).toHaveLength(stranger === undefined ? 0 : 1);
    }
  });

  test('without the one scope an act needs, nobody does it, and is told so; with it alone, as before', async () => {
    const wrong: string[] = [];
    for (const cell of cells) {
      const { operation, role } = cell;
      const { scope, roles: permitted } = ruleOf(operation);
      if (!permitted.includes(role)) continue;
      const without = await send(
        operation,
        as(
          role,
          everyScope.filter((name) => name !== scope),
        ),
      );
      if (without.status !== 403 || without.body.code !== 'insufficient_scope')
        wrong.push(`${label(cell)}: ${without.status}`);
      if (without.headers.get('www-authenticate')?.includes('insufficient_scope') !== true)
        wrong.push(`${label(cell)}: header`);
      if (isRefusedAtTheGate(await send(operation, as(role, [scope]))) !== isJudged(operation, role)) {
        wrong.push(`${label(cell)}: refused with its scope`);
      }
      if (!isRefusedAtTheGate(await send(operation, as(role, []))))
        wrong.push(`${label(cell)}: let in without any scope`);
    }
    expect(wrong).toEqual([]);
  });

  test('nobody without a token comes anywhere', async () => {
    const wrong: string[] = [];
    for (const operation of actOperations) {
      const { body, headers, path } = requestFor(vault, shop, operation);
      const text = body === undefined ? {} : { body: JSON.stringify(body) };
      const answer = await vault.request(operation.method.toUpperCase(), path, { headers: { ...headers }, ...text });
      if (answer.status !== 401 || answer.body.code !== 'unauthenticated')
        wrong.push(`${operation.raw.operationId}: ${answer.status}`);
    }
    expect(wrong).toEqual([]);
  });

  test('HEAD is refused wherever GET is', async () => {
    const wrong: string[] = [];
    for (const { operation, role } of cells.filter((cell) => cell.operation.method === 'get')) {
      if (operation.raw.operationId === 'fetchExport') continue;
      const by = as(role, everyScope);
      const [get, head] = [await send(operation, by), await send(operation, by, 'HEAD')];
      if (head.status !== get.status || head.text !== '') wrong.push(`${operation.raw.operationId} ${role}`);
    }
    expect(wrong).toEqual([]);
  });

  test('a method that a path does not know is 405 for everybody, and does nothing', async () => {
    const paths = [...new Set(actOperations.map(({ path }) => path))];
    for (const path of paths) {
      const known = actOperations
        .filter((operation) => operation.path === path)
        .map(({ method }) => method.toUpperCase());
      for (const method of ['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS'].filter(
        (name) => !known.includes(name),
      )) {
        const answer = await as('shop_backend', everyScope).call(method, path.replace('{id}', unknownId));
        expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([405, 'method_not_allowed']);
        expect(answer.headers.get('allow')?.split(', ')).toEqual(expect.arrayContaining(known));
      }
    }
  });
});

describe('P7: what may be searched and matched by', () => {
  const people = synthetic(72);
  const values: Readonly<Record<string, () => string>> = {
    nationalId: people.nationalId,
    foreignerId: people.foreignerId,
    legalNationalId: people.legalNationalId,
    economicCode: () => people.economicCode('legal'),
    email: people.email,
    mobile: people.mobile,
    landline: people.landline,
    iban: people.iban,
    externalRef: people.externalRef,
  };

  test.each(['search', 'match'] as const)('%s: every role x identifier, as the policy says', async (call) => {
    const permitted: readonly Role[] = actions[`customers.${call}`].roles;
    const outcomes: string[] = [];
    const told: string[] = [];
    for (const role of roles) {
      for (const key of searchKeys) {
        const value = values[key]?.() ?? '';
        const body = call === 'search' ? { by: key, value } : { id: shop.ids.customer, field: key, value };
        const answer = await as(role, everyScope).post(`/v1/customers/${call}`, body);
        if (answer.status === 200) outcomes.push(`${role} ${key}`);
        else expect([answer.status, answer.body.code], `${role} ${key}`).toEqual([403, 'not_permitted']);
        if (permitted.includes(role) && kalak[call][role]?.fields.includes(key) === true) told.push(`${role} ${key}`);
      }
    }
    expect(outcomes).toEqual(told);
    expect(outcomes.length).toBeGreaterThan(5);
    // Who sees no value, or one parcel, or one payment, finds nobody.
    for (const role of ['marketing', 'courier', 'payment_processor', 'system_admin', 'subject', 'department']) {
      expect(outcomes.filter((cell) => cell.startsWith(role))).toEqual([]);
    }
  });
});

test('a claim of a role that a client does not have needs the vault’s own key', async () => {
  const [head, claims, signature] = shop.staff.marketing.token.split('.');
  const said = JSON.parse(Buffer.from(claims ?? '', 'base64url').toString('utf8')) as Record<string, unknown>;
  const raised = Buffer.from(JSON.stringify({ ...said, role: 'shop_backend', scope: everyScope.join(' ') })).toString(
    'base64url',
  );
  const answer = await vault.request('GET', '/v1/customers', { token: [head, raised, signature].join('.') });
  expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
});
