import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Role } from '../../src/policy/profile.ts';
import { newId } from '../../src/vault/ids.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, made, newPerson } from '../support/work.ts';
import type { Operation } from '../support/openapi.ts';
import { actOperations, requestFor, targetOf, type Request } from './requests.ts';
import { openShop, tokenOf, type Shop } from './shop.ts';

// Every route, every role, every id: thousands of calls, one after the other.
vi.setConfig({ testTimeout: 300_000 });

/** P6: every id of another tenant in every place of a request is as an id that never was. Generated from openapi.yaml. */

let vault: TestVault;
let ours: Shop;
let theirs: Shop;
/** Every answer that we got. */
const heard: string[] = [];
const key = { 'idempotency-key': 'same-key-1' };
let theirKeyed: { readonly id: string; readonly sent: unknown };

beforeAll(async () => {
  vault = await startVault();
  ours = await openShop(vault, vault, 61);
  theirs = await openShop(vault, await vault.secondTenant(), 62);
  const sent = theirs.people.naturalCustomer();
  theirKeyed = { sent, id: made(await theirs.staff.shop_backend.post('/v1/customers', sent, key)).id };
});
afterAll(() => vault.stop());

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** An id of the same moment that nobody has. */
const neighbour = (id: string): string => id.slice(0, -12) + randomBytes(6).toString('hex');
const cursorOf = (id: string): string => Buffer.from(id, 'latin1').toString('base64url');

/** Where an id stands in a request. */
interface Place {
  readonly name: string;
  readonly own: string;
  put(id: string): Request;
}

function placesOf(request: Request): readonly Place[] {
  const places: Place[] = [];
  const own = request.path.split('/').find((step) => uuid.test(step));
  if (own !== undefined)
    places.push({ name: 'path', own, put: (id) => ({ ...request, path: request.path.replace(own, id) }) });
  for (const [name, value] of Object.entries(request.query)) {
    const id = name === 'cursor' ? Buffer.from(value, 'base64url').toString('latin1') : value;
    const query = (other: string) => ({ [name]: name === 'cursor' ? cursorOf(other) : other });
    places.push({ name: `?${name}`, own: id, put: (other) => ({ ...request, query: query(other) }) });
  }
  walk(request.body, '', (pointer, value) => {
    if (!uuid.test(value)) return;
    places.push({
      name: pointer,
      own: value,
      put: (id) => ({ ...request, body: replaced(request.body, pointer, id) }),
    });
  });
  return places;
}

function walk(value: unknown, pointer: string, visit: (pointer: string, text: string) => void): void {
  if (typeof value === 'string') visit(pointer, value);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) walk(inner, `${pointer}/${name}`, visit);
  }
}

function replaced(body: unknown, pointer: string, id: string): unknown {
  const copy: unknown = structuredClone(body);
  const steps = pointer.split('/').slice(1);
  const last = steps.pop() ?? '';
  const holder = steps.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], copy);
  (holder as Record<string, unknown>)[last] = id;
  return copy;
}

async function ask(by: TestClient, request: Request): Promise<Answer> {
  const answer = await by.call(request.method, targetOf(request), unrepeated(request.body), request.headers);
  heard.push(answer.text, ...[...answer.headers].map(([name, value]) => `${name}: ${value}`));
  return answer;
}

/** A letter is recorded once; the next try needs another number. */
function unrepeated(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('letter' in body)) return body;
  return { ...body, letter: { ...(body.letter as object), number: randomBytes(6).toString('hex') } };
}

/** What two answers may differ in besides: what was made, and when. */
function comparable(answer: Answer): string {
  const bytes = bytesOf(answer);
  if (answer.status !== 201 && answer.status !== 202) return bytes;
  return bytes
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<made>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<then>');
}

interface Trial {
  readonly operationId: string;
  readonly role: Role;
  /** Others may make this call too, and one of them tries every kind of id. */
  readonly first: boolean;
  readonly by: TestClient;
  readonly place: Place;
}

/** Every place of every call, by everybody who may make the call. The log is read first: later it tells of our own tries. */
function trials(shop: Shop = ours): readonly Trial[] {
  const all = actOperations.flatMap((operation) => {
    const request = requestFor(vault, shop, operation);
    const roles = (operation.raw['x-roles'] ?? []).filter(
      (role): role is Exclude<Role, 'department'> => role !== 'department',
    );
    return placesOf(request).flatMap((place) =>
      roles.map((role, i) => ({
        operationId: operation.raw.operationId,
        role,
        first: i === 0,
        by: tokenFor(shop, role),
        place,
      })),
    );
  });
  return all.toSorted((a, b) => Number(b.operationId === 'listAudit') - Number(a.operationId === 'listAudit'));
}

function tokenFor(shop: Shop, role: Exclude<Role, 'department'>): TestClient {
  if (role === 'subject') return shop.subject;
  return tokenOf(vault, vault, shop.staff[role], role, { actor: `staff-${role}` });
}

/** All rows of a tenant but for its log, as one number each table. */
async function rowsOf(tenantId: string): Promise<unknown> {
  const tables = await atDatabase<{ name: string }>(
    vault,
    `select table_name as name from information_schema.columns where table_schema = 'amanat' and column_name = 'tenant_id' order by 1`,
  );
  const sums = tables.map(
    ({ name }) =>
      `select '${name}' as name, count(*)::int as n, coalesce(sum(hashtextextended(t::text, 0)), 0)::text as sum from amanat.${name} t where tenant_id = $1`,
  );
  return atDatabase(vault, sums.join(' union all '), [tenantId]);
}

describe('P6: another tenant’s ids', () => {
  test('stand in every place that openapi.yaml has for one', () => {
    const places = new Set(trials().map(({ operationId, place }) => `${operationId} ${place.name}`));
    const inPaths = actOperations.filter(({ path }) => path.includes('{id}'));
    for (const { raw } of inPaths) expect(places).toContain(`${raw.operationId} path`);
    for (const { raw, parameters } of actOperations) {
      for (const { name } of parameters.filter((p) =>
        ['grant', 'customerId', 'subject', 'client', 'cursor'].includes(p.name),
      )) {
        // The history of one's changes is paged by the numbers of versions.
        if (raw.operationId === 'listChanges' && name === 'cursor') continue;
        expect(places).toContain(`${raw.operationId} ?${name}`);
      }
    }
    for (const pointer of [
      'createOrder /customerId',
      'createOrder /delivery/addressId',
      'createShipment /courierClientId',
      'openGrant /customerId',
      'openGrant /orderId',
      'openGrant /grantee/clientId',
      'matchCustomer /id',
      'patchCustomer /phones/0/id',
      'patchCustomer /addresses/0/id',
      'registerLegalOrder /scope/subjects/0/customerId',
      'createExport /legalOrderId',
    ]) {
      expect(places).toContain(pointer);
    }
  });

  test('are in every one of them as ids that never were, to the byte, whoever asks; and so is what was erased', async () => {
    const erased = await newPerson(ours.staff.shop_backend, ours.people.naturalCustomer());
    await atDatabase(
      vault,
      `update amanat.customers set status = 'erased', data_key = null, sealed = null where id = $1`,
      [erased.id],
    );
    await atDatabase(vault, `delete from amanat.index_tags where customer_id = $1`, [erased.id]);
    const foreign = { ...theirs.ids, keyed: theirKeyed.id, erased: erased.id };
    const before = await rowsOf(theirs.side.tenantId);
    const wrong: string[] = [];
    let tried = 0;
    const ownKind = new Map(Object.entries(ours.ids).map(([kind, id]) => [id, kind]));
    for (const { operationId, role, first, by, place } of trials()) {
      for (const [kind, id] of Object.entries(foreign)) {
        if (!first && kind !== ownKind.get(place.own) && kind !== 'erased') continue;
        // The log keeps who read the erased person, for as long as the log is kept.
        if (kind === 'erased' && operationId === 'listAudit') continue;
        const [their, nobodys] = [await ask(by, place.put(id)), await ask(by, place.put(neighbour(id)))];
        tried += 1;
        if (comparable(their) !== comparable(nobodys) || their.status >= 500) {
          wrong.push(
            `${operationId} ${place.name} by ${role}: their ${kind}: ${their.status}, nobody's: ${nobodys.status}`,
          );
        }
      }
    }
    expect(tried).toBeGreaterThan(600);
    expect(wrong).toEqual([]);
    expect(await rowsOf(theirs.side.tenantId)).toEqual(before);
  });

  test('control: our own id in any of those places is told from one that never was', async () => {
    const told = new Set<string>();
    const all = new Set<string>();
    // What one call uses up another cannot find: what was not told apart is tried again among fresh things.
    for (let round = 0; round < 4; round += 1) {
      const fresh = await openShop(vault, vault, 630 + round);
      for (const { operationId, by, place } of trials(fresh)) {
        const name = `${operationId} ${place.name}`;
        all.add(name);
        if (told.has(name)) continue;
        const [own, nobodys] = [await ask(by, place.put(place.own)), await ask(by, place.put(neighbour(place.own)))];
        if (comparable(own) !== comparable(nobodys)) told.add(name);
      }
    }
    // A cursor is a place in a list, an order is recorded whether or not its subject is found, a check says no of our own
    // customer with another number just so, and an extent is computed whatever there is of it.
    const untold = [...all].filter((name) => !told.has(name) && !name.endsWith('?cursor'));
    const byItsNature = [
      'matchCustomer /id',
      'registerLegalOrder /scope/subjects/0/customerId',
      'computeExtent /clientId',
    ];
    // Of these the policy has none, so all ids are refused alike; and of these incidents nothing was computed or told.
    const none = /^(?:\w+VatCertificate|givePermission|withdrawPermission|\w*Glass|readTelling|readExtent) /;
    expect(untold.filter((name) => !none.test(name))).toEqual(byItsNature);
    const { nationalId } = ours.person.sent.fields;
    const match = (id: string) =>
      ours.staff.support.post('/v1/customers/match', { id, field: 'nationalId', value: nationalId });
    expect((await match(ours.ids.customer)).body).toEqual({ match: true });
    expect((await match(theirs.ids.customer)).body).toEqual({ match: false });
  });
});

describe('P6: what is found by value', () => {
  test('is never across: search, match, and identifiers that both may hold', async () => {
    const person = theirs.person.sent;
    const values: Record<string, string> = {
      ...person.fields,
      mobile: person.phones[0]?.number ?? '',
      externalRef: theirs.externalRef,
    };
    const shop = ours.staff.shop_backend;
    for (const by of ['nationalId', 'email', 'iban', 'mobile', 'externalRef']) {
      const value = values[by];
      const [their, own] = [
        await theirs.staff.shop_backend.post('/v1/customers/search', { by, value }),
        await shop.post('/v1/customers/search', { by, value }),
      ];
      expect(
        their.body.matches.map((m: { id: string }) => m.id),
        by,
      ).toEqual([theirs.ids.customer]);
      expect(own.body, by).toEqual({ matches: [] });
      const match = await shop.post('/v1/customers/match', { id: theirs.ids.customer, field: by, value });
      expect(match.body, by).toEqual({ match: false });
    }
    // Uniqueness ends at the tenant: that somebody is a customer elsewhere cannot be learnt by trying.
    const { id } = made(await shop.post('/v1/customers', person));
    const found = await theirs.staff.shop_backend.post('/v1/customers/search', {
      by: 'nationalId',
      value: values['nationalId'],
    });
    expect(found.body.matches.map((m: { id: string }) => m.id)).toEqual([theirs.ids.customer]);
    const own = await shop.post('/v1/customers/search', { by: 'nationalId', value: values['nationalId'] });
    expect(own.body.matches.map((m: { id: string }) => m.id)).toEqual([id]);
  });

  test('an alternate recipient is found by nobody, and an order names its subjects in its own tenant only', async () => {
    const { registrar, approver } = { registrar: ours.staff.legal_registrar, approver: ours.staff.legal_approver };
    const request = requestFor(
      vault,
      ours,
      actOperations.find(({ raw }) => raw.operationId === 'registerLegalOrder') ?? never(),
    );
    const subjects = [{ customerId: theirs.ids.customer }, { by: 'nationalId', value: theirKeyedField('nationalId') }];
    const body = { ...(request.body as object), scope: { ...(request.body as { scope: object }).scope, subjects } };
    const { id } = made(await registrar.post('/v1/legal-orders', body));
    made(await approver.post(`/v1/legal-orders/${id}/approve`), 200);
    const exported = made(await registrar.post('/v1/exports', { legalOrderId: id }));
    expect(exported.records).toBe(0);
    const content = await registrar.get(`/v1/exports/${exported.id}/package`);
    expect(content.status).toBe(200);
    heard.push(content.text.replaceAll(theirs.ids.customer, '').replaceAll(theirKeyedField('nationalId'), ''));
    const search = await ours.staff.shop_backend.post('/v1/customers/search', {
      by: 'mobile',
      value: ours.recipient.phone,
    });
    expect(search.body).toEqual({ matches: [] });
  });

  test('the same Idempotency-Key is another one in another tenant', async () => {
    const shop = ours.staff.shop_backend;
    const answer = await shop.post('/v1/customers', theirKeyed.sent, key);
    expect(answer.status).toBe(201);
    expect(answer.body.id).not.toBe(theirKeyed.id);
    expect((await shop.post('/v1/customers', theirKeyed.sent, key)).body.id).toBe(answer.body.id);
    expect((await theirs.staff.shop_backend.post('/v1/customers', theirKeyed.sent, key)).body.id).toBe(theirKeyed.id);
  });

  test('lists hold our own and nothing else', async () => {
    const their = new Set(Object.values(theirs.ids));
    // Versions of a policy are numbers, which are both tenants' alike, and public. Of statistics only figures are listed; of
    // extracts and of reads under broken glass the policy of these shops has none.
    const none = new Set(['/v1/policies', '/v1/statistics', '/v1/extracts', '/v1/break-glass']);
    const lists = actOperations.filter(
      ({ method, path, raw }) =>
        method === 'get' && !path.includes('{') && raw.operationId.startsWith('list') && !none.has(path),
    );
    expect(lists.length).toBeGreaterThan(6);
    for (const list of lists) {
      const { path } = list;
      const [own, other] = [await listed(ours, list), await listed(theirs, list)];
      heard.push(own.text);
      const ids = (answer: Answer): string[] => made(answer, 200).items.map((item: { id: string }) => item.id);
      expect(ids(own).length, path).toBeGreaterThan(0);
      expect(
        ids(own).filter((id) => their.has(id) || ids(other).includes(id)),
        path,
      ).toEqual([]);
    }
  });
});

/** A list as the first of its readers has it whom the policy lets read. */
async function listed(shop: Shop, { path, raw, parameters }: Operation): Promise<Answer> {
  const target = parameters.some(({ name }) => name === 'limit') ? `${path}?limit=100` : path;
  for (const role of raw['x-roles'] ?? []) {
    const reader = await shop.staff[role as keyof Shop['staff']].as('staff-3');
    const answer = await reader.get(target);
    if (answer.status !== 403) return answer;
  }
  throw new Error(`nobody reads ${path}`);
}

describe('P6: the token endpoints', () => {
  async function form(path: string, client: TestClient, fields: Record<string, string>): Promise<Answer> {
    const basic = Buffer.from(`${client.id}:${client.secret}`).toString('base64');
    const answer = await vault.request('POST', path, {
      body: new URLSearchParams(fields).toString(),
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
    });
    heard.push(answer.text);
    return answer;
  }

  test('their customer cannot be asked for, and is as nobody', async () => {
    const exchange = (id: string) =>
      form('/oauth/token', ours.staff.shop_backend, {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_subject: id,
      });
    const [their, nobodys, own] = [
      await exchange(theirs.ids.customer),
      await exchange(newId(vault.vault.now())),
      await exchange(ours.ids.customer),
    ];
    expect(bytesOf(their)).toBe(bytesOf(nobodys));
    expect([their.status, their.body.error, own.status]).toEqual([400, 'invalid_target', 200]);
  });

  test('their token says nothing to us, cannot be revoked by us, and is as no token', async () => {
    const token = theirs.staff.support.token;
    const broken = `${token.slice(0, -8)}AAAAAAAA`;
    for (const path of ['/oauth/introspect', '/oauth/revoke']) {
      const [their, nobodys] = [
        await form(path, ours.staff.support, { token }),
        await form(path, ours.staff.support, { token: broken }),
      ];
      expect(bytesOf(their), path).toBe(bytesOf(nobodys));
      expect(their.status).toBe(200);
    }
    expect((await theirs.staff.support.get(`/v1/customers/${theirs.ids.customer}`)).status).toBe(200);
    expect((await form('/oauth/introspect', ours.staff.support, { token: ours.staff.support.token })).body.active).toBe(
      true,
    );
  });

  test('their client with a wrong secret is as a client that never was', async () => {
    const wrong = { secret: 'x'.repeat(43) };
    const grant = { grant_type: 'client_credentials' };
    const their = await form('/oauth/token', { ...theirs.staff.dpo, ...wrong }, grant);
    const nobodys = await form('/oauth/token', { ...theirs.staff.dpo, ...wrong, id: newId(vault.vault.now()) }, grant);
    expect(bytesOf(their)).toBe(bytesOf(nobodys));
    expect(their.status).toBe(401);
  });
});

test('in all that we heard there is no value of theirs', () => {
  const { sent } = theirs.person;
  const values = [
    ...['nationalId', 'email', 'iban'].map((name) => sent.fields[name] ?? ''),
    sent.phones[0]?.number.slice(1) ?? '',
    theirs.recipient.phone.slice(1),
    ...['nationalId', 'email', 'iban'].map(theirKeyedField),
  ];
  const text = heard.join('\n');
  expect(text.length).toBeGreaterThan(100_000);
  expect(values.filter((value) => value.length < 8)).toEqual([]);
  expect(values.filter((value) => text.includes(value))).toEqual([]);
  // The control: what is ours is in it.
  expect(text).toContain(ours.ids.customer);
});

function theirKeyedField(name: string): string {
  return (theirKeyed.sent as { fields: Record<string, string> }).fields[name] ?? '';
}

function never(): never {
  throw new Error('not there');
}
