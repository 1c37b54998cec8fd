import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { hashClientSecret, newClientSecret } from '../../src/crypto/clientSecret.ts';
import { commit } from '../../src/db/commit.ts';
import { newId } from '../../src/vault/ids.ts';
import { clientsOf, disableByOperator } from '../../src/vault/operator.ts';
import { isGenuine, macOf } from '../../src/vault/rowMac.ts';
import { newTenant } from '../../src/vault/tenants.ts';
import { signRaw } from '../unit/tokens/forgeries.ts';
import { withClient } from '../support/postgres.ts';
import { publish } from '../support/signedRows.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { hour, made, newOrder, newParcel, newPerson, type Parcel, type Person } from '../support/work.ts';
import { newKeyPair } from '../support/keyPair.ts';

/**
 * Somebody edits the rows that decide who may do what, as a superuser would: design.md, idea 4. Every change is refused, the
 * row next to it works, and so does the row itself once it is put back.
 */

const people = synthetic(401);
let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let courier: TestClient;
let rival: TestClient;
let nextDoor: Awaited<ReturnType<TestVault['secondTenant']>>;
let neighbour: TestClient;
let person: Person;
let stranger: Person;

beforeAll(async () => {
  vault = await startVault();
  // It looks when a test says so, or when it must.
  vault.vault.watch.stop();
  nextDoor = await vault.secondTenant();
  [shop, support, courier, rival, neighbour] = await Promise.all([
    vault.client('shop_backend'),
    vault.client('support', { actor: 'staff-1' }),
    vault.client('courier'),
    vault.client('courier'),
    nextDoor.client('shop_backend'),
  ]);
  [person, stranger] = [
    await newPerson(shop, people.naturalCustomer()),
    await newPerson(shop, people.naturalCustomer()),
  ];
});
afterAll(() => vault.stop());

/** As a superuser, past foreign keys and triggers too. */
async function sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  return withClient(vault.db.superuserUrl, async (client) => {
    await client.query('set session_replication_role = replica');
    return (await client.query<Row>(text, values)).rows;
  });
}

type Table = 'clients' | 'client_secrets' | 'policy_versions' | 'grants' | 'shipments';

const rowOf = async (table: Table, id: string): Promise<Record<string, unknown>> => {
  const [found] = await sql<{ row: Record<string, unknown> }>(
    `select to_jsonb(t) as row from amanat.${table} t where id = $1`,
    [id],
  );
  if (found === undefined) throw new Error(`no such row in ${table}`);
  return found.row;
};

const store = (table: Table, row: object) =>
  sql(`insert into amanat.${table} select * from jsonb_populate_record(null::amanat.${table}, $1::jsonb)`, [
    JSON.stringify(row),
  ]);

/** Changes columns of a row, looks, and puts the row back exactly as it was. */
async function changed<T>(table: Table, id: string, set: string, look: () => Promise<T>): Promise<T> {
  const before = await rowOf(table, id);
  await sql(`update amanat.${table} set ${set} where id = $1`, [id]);
  expect(await rowOf(table, id)).not.toEqual(before);
  try {
    return await look();
  } finally {
    await sql(`delete from amanat.${table} where id = $1`, [id]);
    await store(table, before);
  }
}

/** Puts a copy of a row beside it that says something else, MAC and all, looks, and takes it away. */
async function copied<T>(table: Table, id: string, other: Record<string, unknown>, look: () => Promise<T>): Promise<T> {
  const row = { ...(await rowOf(table, id)), ...other };
  await store(table, row);
  try {
    return await look();
  } finally {
    const key = ['tenant_id', 'client_id', 'id'].filter((name) => name in row);
    const own = key.map((name, i) => `${name} = $${i + 1}`).join(' and ');
    await sql(
      `delete from amanat.${table} where ${own}`,
      key.map((name) => row[name]),
    );
  }
}

/** How often the operator was told of a bad row of this kind. */
const noticed = (code: string): number =>
  vault.logLines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['event'] === 'integrity_failure' && line['code'] === code).length;

/** Refused as changed, and nothing of anybody in it. */
function expectBroken(answer: Answer): void {
  expect([answer.status, answer.body.code], answer.text).toEqual([500, 'integrity_failure']);
  for (const { sent } of [person, stranger]) {
    const values = [...Object.values(sent.fields), ...sent.phones.map(({ number }) => number.slice(1))];
    for (const value of values) expect(answer.text).not.toContain(value);
  }
}

/** What a client's own credentials get it. */
async function attempt({ id, secret }: { id: string; secret: string }): Promise<[number, string | undefined]> {
  return ask({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` });
}

async function ask(headers: Record<string, string>, form = {}): Promise<[number, string | undefined]> {
  const answer = await vault.request('POST', '/oauth/token', {
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString(),
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
  });
  return [answer.status, answer.body.error ?? answer.body.code];
}

const served = [200, undefined];
const invalid = [401, 'invalid_client'];

const enrol = async (terms: object = {}): Promise<{ id: string; secret: string }> =>
  made(await vault.admin.post('/v1/clients', { name: 'desk', role: 'support', authMethod: 'client_secret', ...terms }));

const secretOf = async (clientId: string): Promise<string> => {
  const [row] = await sql<{ id: string }>('select id from amanat.client_secrets where client_id = $1', [clientId]);
  return row?.id ?? '';
};

const listed = async (by: TestClient, path: string): Promise<string[]> =>
  (made(await by.get(`${path}limit=100`), 200).items as { id: string }[]).map(({ id }) => id);

const clientChanges = [
  ['name', `name = 'another'`],
  ['role', `role = 'system_admin'`],
  ['auth_method', `auth_method = 'private_key_jwt'`],
  ['jwk', `jwk = '{}'`],
  ['department', `department = 'warehouse'`],
  ['carrier_profile', `carrier_profile = 'tipax'`],
  ['version', `version = version + 1`],
  ['created_at', `created_at = created_at - interval '1 ms'`],
  ['disabled_at', `disabled_at = now() + interval '9 days'`],
  ['disabled_at', `disabled_at = 'infinity'`],
  ['mac', `mac = set_byte(mac, 31, get_byte(mac, 31) # 1)`],
  ['mac', `mac = substr(mac, 1, 31)`],
  ['mac', `mac = ''`],
] as const;

describe('a client', () => {
  test.each(clientChanges)('with another %s (%s) gets no token, and is nobody', async (_column, set) => {
    const [client, other] = [await enrol(), await enrol()];
    const before = noticed('clients');
    await changed('clients', client.id, set, async () => {
      // What every process looks at each second, for all tenants.
      await vault.vault.watch.look();
      expect(await attempt(client)).toEqual(invalid);
      expect(noticed('clients')).toBeGreaterThan(before);
      const path = `/v1/clients/${client.id}`;
      expectBroken(await vault.admin.get(path));
      expectBroken(await vault.admin.patch(path, { disabled: true }, undefined));
      expectBroken(await vault.admin.post(`${path}/secret`));
      const ids = await listed(vault.admin, '/v1/clients?');
      expect([ids.includes(client.id), ids.includes(other.id)]).toEqual([false, true]);
      expect(await attempt(other)).toEqual(served);
      expect(await attempt(nextDoor.admin)).toEqual(served);
    });
    expect(await attempt(client)).toEqual(served);
  });

  test('that was disabled stays so', async () => {
    const client = await enrol();
    made(await vault.admin.patch(`/v1/clients/${client.id}`, { disabled: true }, 1), 200);
    const before = noticed('clients');
    for (const set of ['disabled_at = null', 'disabled_at = null, version = 1, tokens_valid_from = null']) {
      await changed('clients', client.id, set, async () => expect(await attempt(client)).toEqual(invalid));
    }
    expect(noticed('clients')).toBe(before + 2);
    expect(await attempt(client)).toEqual(invalid);
    // Untouched, it is refused as disabled: nothing is wrong with the row.
    expect(noticed('clients')).toBe(before + 2);
  });

  test('cannot be copied to another id, nor moved or copied to another tenant', async () => {
    const client = await enrol();
    const secret = await secretOf(client.id);
    const id = newId(vault.vault.now());
    await copied('clients', client.id, { id }, () =>
      copied('client_secrets', secret, { client_id: id }, async () => {
        expect(await attempt({ ...client, id })).toEqual(invalid);
        expect(await attempt(client)).toEqual(served);
      }),
    );
    const away = { tenant_id: nextDoor.tenantId };
    const before = noticed('clients');
    await copied('clients', client.id, away, () =>
      copied('client_secrets', secret, away, async () => {
        // The genuine row is not harmed by its double.
        expect(await attempt(client)).toEqual(served);
        expect(noticed('clients')).toBe(before + 1);
      }),
    );
    const set = `tenant_id = '${nextDoor.tenantId}'`;
    await changed('clients', client.id, set, () =>
      changed('client_secrets', secret, set, async () => expect(await attempt(client)).toEqual(invalid)),
    );
    expect(noticed('clients')).toBe(before + 2);
    expect(await attempt(client)).toEqual(served);
  });

  test('that signs is not given another key', async () => {
    const [own, foreign] = [newKey(), newKey()];
    const { id } = await enrol({ authMethod: 'private_key_jwt', jwk: { ...own.jwk, alg: 'ES256' } });
    const present = (key: typeof own) => {
      const now = Math.floor(vault.vault.now() / 1000);
      const claims = { iss: id, sub: id, aud: vault.vault.issuer, exp: now + 60, jti: newId(vault.vault.now()) };
      return ask(
        {},
        {
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: signRaw({ alg: 'ES256' }, claims, key.privateKey),
        },
      );
    };
    expect(await present(own)).toEqual(served);
    const text = JSON.stringify({ alg: 'ES256', ...foreign.jwk });
    await changed('clients', id, `jwk = '${text}'`, async () => {
      expect(await present(foreign)).toEqual(invalid);
      expect(await present(own)).toEqual(invalid);
    });
    expect(await present(foreign)).toEqual(invalid);
    expect(await present(own)).toEqual(served);
  });

  test('whose row was changed is told of by the operator’s command, by its id alone', async () => {
    const [client, other] = [await enrol(), await enrol()];
    const { db, keyring, watch, now } = vault.vault;
    const keys = await keyring.tenant(vault.tenantId);
    const list = async () => (await clientsOf(db, keys)).filter(({ id }) => [client.id, other.id].includes(id));
    const whole = { genuine: true, role: 'support', disabled: false };
    for (const set of [`role = 'system_admin'`, `jwk = '{'`, `created_at = 'infinity'`]) {
      await changed('clients', client.id, set, async () => {
        expect(await list()).toMatchObject([{ id: other.id, ...whole }, { id: client.id }]);
        expect((await list())[1]).toEqual({ id: client.id, genuine: false });
        const disabling = disableByOperator(db, keys, watch.policy(vault.tenantId), client.id, now());
        await expect(disabling).rejects.toMatchObject({ code: 'integrity_failure' });
      });
    }
    expect(await list()).toMatchObject([other.id, client.id].map((id) => ({ id, ...whole })));
  });

  test('whose row was changed is given no grant and no parcel', async () => {
    const [desk, carrier] = [await enrol(), await enrol({ role: 'courier' })];
    const openFor = () => open({ grantee: { clientId: desk.id } });
    const orderId = await newOrder(shop, person);
    const send = () => shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: carrier.id });
    await changed('clients', desk.id, `role = 'accounting'`, async () => expectBroken(await openFor()));
    await changed('clients', carrier.id, `carrier_profile = 'tipax'`, async () => expectBroken(await send()));
    expect([(await openFor()).status, (await send()).status]).toEqual([201, 201]);
  });
});

const newKey = () => {
  const { privateKey, publicKey } = newKeyPair('ec', 'P-256');
  return { privateKey, jwk: publicKey.export({ format: 'jwk' }) };
};

const known = newClientSecret();
const knownHash = `'\\x${hashClientSecret(known).toString('hex')}'::bytea`;

const secretChanges = [
  ['hash', `hash = ${knownHash}`],
  ['created_at', `created_at = created_at + interval '1 hour'`],
  ['expires_at', `expires_at = now() + interval '10 years'`],
  ['mac', `mac = set_byte(mac, 0, get_byte(mac, 0) # 128)`],
  ['mac', `mac = ''`],
] as const;

describe('a client secret', () => {
  test.each(secretChanges)('with another %s (%s) proves nothing', async (_column, set) => {
    const client = await enrol();
    const before = noticed('client_secrets');
    await changed('client_secrets', await secretOf(client.id), set, async () => {
      expect(await attempt(client)).toEqual(invalid);
      expect(await attempt({ ...client, secret: known })).toEqual(invalid);
      expect(noticed('client_secrets')).toBe(before + 2);
    });
    expect(await attempt(client)).toEqual(served);
    expect(noticed('client_secrets')).toBe(before + 2);
  });

  test('that somebody has put there proves nothing, and does not become one by a renewal', async () => {
    const client = await enrol({ role: 'system_admin' });
    const forged = { ...client, secret: known };
    const before = noticed('client_secrets');
    const id = newId(vault.vault.now());
    await copied('client_secrets', await secretOf(client.id), { id, hash: hexOf(known) }, async () => {
      expect(await attempt(forged)).toEqual(invalid);
      expect(noticed('client_secrets')).toBe(before + 1);
      // The right one beside it still does.
      expect(await attempt(client)).toEqual(served);
      const path = `/v1/clients/${client.id}/secret`;
      const { secret } = made(await vault.admin.post(path, { overlapSeconds: 60 }));
      expect(await attempt(forged)).toEqual(invalid);
      expect(await attempt(client)).toEqual(served);
      expect(await attempt({ ...client, secret })).toEqual(served);
    });
  });

  test('of one client is none of another, under a new id neither', async () => {
    const [thief, victim] = [await enrol(), await enrol({ role: 'system_admin' })];
    const id = newId(vault.vault.now());
    for (const other of [{ client_id: victim.id }, { client_id: victim.id, id }, { id }]) {
      await copied('client_secrets', await secretOf(thief.id), other, async () => {
        expect(await attempt({ ...victim, secret: thief.secret })).toEqual(invalid);
        expect(await attempt(victim)).toEqual(served);
      });
    }
    const neighbourSecret = await secretOf(nextDoor.admin.id);
    const moved = { tenant_id: vault.tenantId, client_id: victim.id };
    await copied('client_secrets', neighbourSecret, moved, async () =>
      expect(await attempt({ ...victim, secret: nextDoor.admin.secret })).toEqual(invalid),
    );
  });

  test('that has run out stays so', async () => {
    const client = await enrol();
    const old = await secretOf(client.id);
    const { secret } = made(await vault.admin.post(`/v1/clients/${client.id}/secret`, { overlapSeconds: 0 }));
    for (const set of ['expires_at = null', `expires_at = now() + interval '9 days'`]) {
      await changed('client_secrets', old, set, async () => {
        expect(await attempt(client)).toEqual(invalid);
        expect(await attempt({ ...client, secret })).toEqual(served);
      });
    }
  });
});

const hexOf = (secret: string) => `\\x${hashClientSecret(secret).toString('hex')}`;

const kalak = readFileSync(new URL('../../policies/kalak.yaml', import.meta.url), 'utf8');
const laxer = kalak.replace(
  '\n  tipax: {',
  '\n  swift: { title: { fa: سریع, en: Swift }, shows: [recipientName], clauses: [E8] }\n  tipax: {',
);

/** A tenant that no process has looked at yet. */
async function freshTenant() {
  const { keys, db, now } = vault.vault;
  const tenant = await newTenant(keys.root.current, 'fresh', kalak, now());
  await commit(db, { tenantIds: [tenant.tenantId] }, tenant.statements);
  return { tenantId: tenant.tenantId, id: tenant.clientId, secret: tenant.clientSecret };
}

const policyChanges = [
  ['number', `number = 2`],
  ['profile', `profile = 'citra'`],
  ['source', `source = '${laxer.replaceAll("'", "''")}'`],
  ['source', `source = source || E'\\n'`],
  ['published_at', `published_at = published_at + interval '1 s'`],
  ['effective_from', `effective_from = effective_from - interval '1 s'`],
  ['tenant_id', undefined],
  ['mac', `mac = ''`],
] as const;

describe('a policy version', () => {
  const closed = [500, 'integrity_failure'];

  test.each(policyChanges)('with another %s closes its tenant and no other', async (_column, set) => {
    const [broken, whole] = [await freshTenant(), await freshTenant()];
    const before = noticed('policy_version');
    if (set === undefined) {
      // The neighbour's own, genuine where it was published.
      await sql(`delete from amanat.policy_versions where tenant_id = $1`, [broken.tenantId]);
      const [row] = await sql<{ row: object }>(
        `select to_jsonb(p) as row from amanat.policy_versions p where p.tenant_id = $1`,
        [nextDoor.tenantId],
      );
      await store('policy_versions', { ...row?.row, tenant_id: broken.tenantId });
    } else {
      await sql(`update amanat.policy_versions set ${set} where tenant_id = $1`, [broken.tenantId]);
    }
    await vault.vault.watch.lookAnew();
    expect(noticed('policy_version')).toBe(before + 1);
    expect(await attempt(broken)).toEqual(closed);
    expect(await attempt(whole)).toEqual(served);
    expect((await neighbour.get('/v1/customers')).status).toBe(200);
  });

  test('that somebody else has published is never in force', async () => {
    expect(laxer).not.toBe(kalak);
    const [broken, whole] = [await freshTenant(), await freshTenant()];
    const { watch } = vault.vault;
    await watch.lookAnew();
    const before = noticed('policy_version');
    await sql(
      `insert into amanat.policy_versions
       select tenant_id, 2, profile, $2, sha256($2::text::bytea), now(), now(), mac
         from amanat.policy_versions where tenant_id = $1`,
      [broken.tenantId, laxer],
    );
    // Control: the same text, published by the vault.
    await publish(vault.vault, whole.tenantId, 2, laxer);
    await watch.lookAnew();
    expect(noticed('policy_version')).toBe(before + 1);
    expect(await attempt(broken)).toEqual(closed);
    expect(await attempt(whole)).toEqual(served);
    expect(watch.policy(whole.tenantId).profile.carriers).toHaveProperty('swift');
  });

  test('that was changed after it was loaded is found by the next process, which serves the others', async () => {
    const beside = async () => {
      const second = await startVault({ beside: vault });
      const statuses = [await second.request('GET', '/v1/customers', { token: shop.token })];
      statuses.push(await second.request('GET', '/v1/customers', { token: neighbour.token }));
      await second.stop();
      return statuses.map(({ status }) => status);
    };
    expect(await beside()).toEqual([200, 200]);
    const set = `source = source || E'\\n'`;
    await sql(`update amanat.policy_versions set ${set} where tenant_id = $1`, [vault.tenantId]);
    try {
      expect((await shop.get('/v1/customers')).status).toBe(200);
      expect(await beside()).toEqual([500, 200]);
    } finally {
      await sql(`update amanat.policy_versions set source = $2 where tenant_id = $1`, [vault.tenantId, kalak]);
    }
  });
});

const at = (ms: number) => new Date(vault.vault.now() + ms).toISOString();
const open = (terms: object = {}) =>
  shop.post('/v1/grants', {
    kind: 'ticket',
    customerId: person.id,
    grantee: { role: 'support' },
    closesAt: at(hour),
    ...terms,
  });
const read = (grant: string, id = person.id, by = support) => by.get(`/v1/customers/${id}?grant=${grant}`);
const mobileOf = ({ sent }: Person): string => sent.phones[0]?.number.slice(1) ?? '';

/** A narrow grant: one field, one member of staff, three reads, one order. */
async function narrowGrant(): Promise<{ id: string; orderId: string }> {
  const orderId = await newOrder(shop, person);
  const terms = { orderId, actor: 'staff-1', fields: ['mobile'], maxReads: 3 };
  return { id: made(await open(terms)).id, orderId };
}

const grantChanges = [
  ['kind', `kind = 'return'`],
  ['purpose', `purpose = 'payment'`],
  ['customer_id', `customer_id = '<stranger>'`],
  ['order_id', `order_id = null`],
  ['grantee_role', `grantee_role = 'accounting'`],
  ['grantee_client_id', `grantee_role = null, grantee_client_id = '<support>'`],
  ['grantee_department', `grantee_department = 'warehouse'`],
  ['actor', `actor = null`],
  ['fields', `fields = null`],
  ['fields', `fields = array['mobile', 'email']`],
  ['fields', `fields = array['mobile', null]`],
  ['legal_order_id', `legal_order_id = '<stranger>'`],
  ['policy_version', `policy_version = 2`],
  ['opened_by', `opened_by = '<support>'`],
  ['opened_at', `opened_at = opened_at - interval '1 ms'`],
  ['opens_at', `opens_at = opens_at - interval '1 day'`],
  ['closes_at', `closes_at = closes_at + interval '1 ms'`],
  ['closes_at', `closes_at = 'infinity'`],
  ['max_reads', `max_reads = null`],
  ['max_reads', `max_reads = 4`],
  ['mac', `mac = set_byte(mac, 16, get_byte(mac, 16) # 4)`],
  ['mac', `mac = ''`],
] as const;

describe('a grant', () => {
  test.each(grantChanges)('with another %s (%s) opens nothing', async (_column, set) => {
    const [{ id }, other] = [await narrowGrant(), await narrowGrant()];
    const before = noticed('grants');
    const exact = set.replace('<stranger>', stranger.id).replace('<support>', support.id);
    await changed('grants', id, exact, async () => {
      expectBroken(await read(id));
      expectBroken(await read(id, stranger.id));
      expectBroken(await support.get(`/v1/orders/${other.orderId}?grant=${id}`));
      expectBroken(await shop.get(`/v1/grants/${id}`));
      expectBroken(await shop.post(`/v1/grants/${id}/close`));
      const ids = await listed(shop, '/v1/grants?');
      expect([ids.includes(id), ids.includes(other.id)]).toEqual([false, true]);
      expect(noticed('grants')).toBeGreaterThan(before);
      expect(made(await read(other.id), 200) && (await read(other.id)).text).toContain(mobileOf(person));
      expect((await neighbour.get('/v1/grants')).status).toBe(200);
    });
    expect((await read(id)).text).toContain(mobileOf(person));
    expect(made(await shop.get(`/v1/grants/${id}`), 200)).toMatchObject({ reads: 1, maxReads: 3, fields: ['mobile'] });
  });

  test('cannot be copied to another id, nor to another tenant', async () => {
    const { id } = await narrowGrant();
    const copy = newId(vault.vault.now());
    await copied('grants', id, { id: copy }, async () => {
      expectBroken(await read(copy));
      expect((await read(id)).text).toContain(mobileOf(person));
    });
    const theirs = await newPerson(neighbour, people.naturalCustomer());
    const desk = await (await nextDoor.client('support')).as('staff-1');
    const away = { tenant_id: nextDoor.tenantId, customer_id: theirs.id };
    await copied('grants', id, away, async () => {
      expectBroken(await read(id, theirs.id, desk));
      expect((await read(id)).text).toContain(mobileOf(person));
    });
    // Control: one of their own opens it.
    const grant = { kind: 'ticket', customerId: theirs.id, grantee: { role: 'support' }, closesAt: at(hour) };
    const own = made(await neighbour.post('/v1/grants', grant)).id;
    expect((await read(own, theirs.id, desk)).text).toContain(mobileOf(theirs));
  });
});

async function parcelTo(by: TestClient, terms: object = {}): Promise<{ orderId: string; parcel: Parcel }> {
  const orderId = await newOrder(shop, person);
  return { orderId, parcel: await newParcel(shop, orderId, by, { ...terms }) };
}
const delivery = (parcel: Parcel) => `/v1/deliveries/${parcel.id}`;

const parcelChanges = [
  ['shipments', 'order_id', `order_id = '<order>'`],
  ['shipments', 'customer_id', `customer_id = '<stranger>'`],
  ['shipments', 'grant_id', `grant_id = '<grant>'`],
  ['shipments', 'code_expires_at', `code_expires_at = code_expires_at + interval '1 day'`],
  ['shipments', 'created_at', `created_at = created_at - interval '1 day'`],
  ['shipments', 'mac', `mac = set_byte(mac, 5, get_byte(mac, 5) # 1)`],
  ['shipments', 'mac', `mac = ''`],
  ['grants', 'closes_at', `closes_at = closes_at + interval '1 day'`],
  ['grants', 'opens_at', `opens_at = opens_at - interval '1 day'`],
  ['grants', 'max_reads', `max_reads = 1000`],
  ['grants', 'order_id', `order_id = '<order>'`],
  ['grants', 'grantee_client_id', `grantee_client_id = '<rival>'`],
] as const;

describe('a parcel', () => {
  test.each(parcelChanges)('whose row in %s has another %s (%s) is nobody’s', async (table, _column, set) => {
    const [{ parcel }, other] = [await parcelTo(courier), await parcelTo(courier)];
    const exact = set
      .replace('<order>', await newOrder(shop, stranger))
      .replace('<stranger>', stranger.id)
      .replace('<grant>', other.parcel.grantId)
      .replace('<rival>', rival.id);
    await changed(table, table === 'grants' ? parcel.grantId : parcel.id, exact, async () => {
      expectBroken(await courier.get(delivery(parcel)));
      expectBroken(await courier.post(`${delivery(parcel)}/confirm`, { code: parcel.deliveryCode }));
      expectBroken(await courier.post(`${delivery(parcel)}/fail`, { reason: 'نبود' }));
      expectBroken(await courier.post(`${delivery(parcel)}/return`));
      expectBroken(await shop.get(`/v1/shipments/${parcel.id}`));
      const ids = await listed(courier, '/v1/deliveries?');
      expect([ids.includes(parcel.id), ids.includes(other.parcel.id)]).toEqual([false, true]);
      expect((await courier.get(delivery(other.parcel))).text).toContain(mobileOf(person));
    });
    expect((await courier.get(delivery(parcel))).text).toContain(mobileOf(person));
    made(await courier.post(`${delivery(parcel)}/confirm`, { code: parcel.deliveryCode }), 200);
    expect(made(await shop.get(`/v1/shipments/${parcel.id}`), 200).status).toBe('delivered');
  });

  test('is not another courier’s by a changed row, nor by a copy', async () => {
    const { parcel } = await parcelTo(courier);
    await changed('shipments', parcel.id, `courier_client_id = '${rival.id}'`, async () => {
      expectBroken(await rival.get(delivery(parcel)));
      expect((await courier.get(delivery(parcel))).status).toBe(404);
      expect(await listed(rival, '/v1/deliveries?')).not.toContain(parcel.id);
    });
    const [id, orderId] = [newId(vault.vault.now()), await newOrder(shop, stranger)];
    await copied('shipments', parcel.id, { id, courier_client_id: rival.id, order_id: orderId }, async () => {
      expectBroken(await rival.get(`/v1/deliveries/${id}`));
      expect((await courier.get(delivery(parcel))).text).toContain(mobileOf(person));
    });
    const carrier = await nextDoor.client('courier');
    const away = { tenant_id: nextDoor.tenantId, courier_client_id: carrier.id };
    await copied('shipments', parcel.id, away, () =>
      copied('grants', parcel.grantId, { ...away, courier_client_id: undefined }, async () => {
        const answer = await carrier.get(delivery(parcel));
        // Its order is not there to be shown; the rows alone show nothing.
        expect(answer.status).toBe(404);
        expect(await listed(carrier, '/v1/deliveries?')).toEqual([]);
      }),
    );
  });

  // As the row is when the code has had its time: no code is right any more.
  test('with its code gone is not handed over', async () => {
    const { parcel } = await parcelTo(courier);
    await sql(`update amanat.shipments set code_hash = null, code_mac = null where id = $1`, [parcel.id]);
    const answer = await courier.post(`${delivery(parcel)}/confirm`, { code: parcel.deliveryCode });
    expect([answer.status, answer.body.code]).toEqual([422, 'wrong_code']);
    await sql('delete from amanat.shipments where id = $1', [parcel.id]);
  });

  test.each([
    ['another parcel’s', `code_hash = o.code_hash`],
    ['another parcel’s, with its MAC', `code_hash = o.code_hash, code_mac = o.code_mac`],
    ['without a MAC', `code_mac = null`],
    ['with a changed MAC', `code_mac = set_byte(s.code_mac, 9, get_byte(s.code_mac, 9) # 1)`],
  ])('with its code %s is not handed over', async (_what, set) => {
    const [{ parcel }, other] = [await parcelTo(courier), await parcelTo(courier)];
    const before = await rowOf('shipments', parcel.id);
    await sql(`update amanat.shipments s set ${set} from amanat.shipments o where s.id = $1 and o.id = $2`, [
      parcel.id,
      other.parcel.id,
    ]);
    const confirm = (code: string) => courier.post(`${delivery(parcel)}/confirm`, { code });
    expectBroken(await confirm(parcel.deliveryCode));
    expectBroken(await confirm(other.parcel.deliveryCode));
    // Its view is not the code's business.
    expect((await courier.get(delivery(parcel))).text).toContain(mobileOf(person));
    await sql('delete from amanat.shipments where id = $1', [parcel.id]);
    await store('shipments', before);
    made(await confirm(parcel.deliveryCode), 200);
  });
});

describe('what this process knows already is not widened by the row', () => {
  const minute = 60_000;
  /** Changes the row for good. */
  const widen = (table: Table, id: string, set: string) => sql(`update amanat.${table} set ${set} where id = $1`, [id]);

  test.each(['max_reads = 1000', 'max_reads = null'])('neither the count of a grant (%s)', async (set) => {
    const orderId = await newOrder(shop, person);
    const terms = { orderId, maxReads: 2 };
    const [id, control] = [made(await open(terms)).id, made(await open({ ...terms, maxReads: 1000 })).id];
    const onOrder = (grant: string) => support.get(`/v1/orders/${orderId}?grant=${grant}`);
    for (const grant of [id, control]) expect((await read(grant)).text).toContain(mobileOf(person));
    await widen('grants', id, set);
    expect(made(await onOrder(id), 200).delivery.phone.state).toBe('full');
    for (let i = 0; i < 3; i += 1) {
      expect((await read(id)).text).not.toContain(mobileOf(person));
      expect(made(await onOrder(id), 200).delivery.phone.state).not.toBe('full');
      expect((await read(control)).text).toContain(mobileOf(person));
      expect(made(await onOrder(control), 200).delivery.phone.state).toBe('full');
    }
  });

  test.each(['max_reads = 1000', 'max_reads = null'])('nor that of a parcel (%s)', async (set) => {
    const [{ parcel }, control] = [await parcelTo(courier, { maxReads: 1 }), await parcelTo(courier, { maxReads: 9 })];
    for (const one of [parcel, control.parcel]) expect((await courier.get(delivery(one))).status).toBe(200);
    await widen('grants', parcel.grantId, set);
    expect((await courier.get(delivery(parcel))).status).not.toBe(200);
    expect((await courier.get(delivery(control.parcel))).status).toBe(200);
  });

  test('nor the order and the grant of a parcel', async () => {
    const [{ parcel }, other] = [await parcelTo(courier), await parcelTo(courier)];
    expect((await courier.get(delivery(parcel))).text).toContain(mobileOf(person));
    const theirs = await newOrder(shop, stranger);
    await changed('shipments', parcel.id, `order_id = '${theirs}'`, async () =>
      expectBroken(await courier.get(delivery(parcel))),
    );
    await changed('shipments', parcel.id, `grant_id = '${other.parcel.grantId}'`, async () =>
      expectBroken(await courier.get(delivery(parcel))),
    );
    expect((await courier.get(delivery(parcel))).text).toContain(mobileOf(person));
  });

  test('nor the window of either', async () => {
    const soon = { closesAt: at(minute) };
    const [{ parcel }, later] = [await parcelTo(courier, soon), await parcelTo(courier)];
    const orderId = await newOrder(shop, person);
    const [grant, longer] = [made(await open({ ...soon, orderId })).id, made(await open({ orderId })).id];
    const onOrder = (id: string) => support.get(`/v1/orders/${orderId}?grant=${id}`);
    for (const one of [parcel, later.parcel]) expect((await courier.get(delivery(one))).status).toBe(200);
    for (const id of [grant, longer]) expect((await read(id)).text).toContain(mobileOf(person));
    for (const id of [grant, parcel.grantId]) await widen('grants', id, `closes_at = closes_at + interval '1 day'`);
    expect((await courier.get(delivery(parcel))).status).toBe(200);
    vault.advance(2 * minute);
    expect((await courier.get(delivery(parcel))).status).toBe(404);
    expect((await read(grant)).text).not.toContain(mobileOf(person));
    expect(made(await onOrder(grant), 200).delivery.phone.state).not.toBe('full');
    expect((await courier.get(delivery(later.parcel))).status).toBe(200);
    expect((await read(longer)).text).toContain(mobileOf(person));
    expect(made(await onOrder(longer), 200).delivery.phone.state).toBe('full');
  });
});

describe('the MAC', () => {
  /** Why a change of the column is nothing that the row could tell. */
  const unbound: Readonly<Record<Table, Readonly<Record<string, string>>>> = {
    clients: { tokens_valid_from: 'can only take away' },
    client_secrets: {},
    policy_versions: { source_sha256: 'repeats the source, believed by nobody' },
    grants: {
      external_ref: 'sealed on its own',
      account: 'sealed on its own',
      reads: 'changes',
      closed_at: 'changes',
      closed_reason: 'changes',
    },
    shipments: {
      status: 'changes',
      code_tries: 'changes',
      attempts: 'changes',
      last_failure: 'sealed on its own',
      closed_at: 'changes',
    },
  };
  const moved = { clients: ['id'], client_secrets: ['id', 'client_id'], grants: ['id'], policy_versions: [] } as const;
  const tried: Readonly<Record<Table, readonly string[]>> = {
    clients: [...clientChanges.map(([column]) => column), ...moved.clients],
    client_secrets: [...secretChanges.map(([column]) => column), ...moved.client_secrets],
    policy_versions: policyChanges.map(([column]) => column),
    grants: [...grantChanges.map(([column]) => column), ...moved.grants],
    shipments: [
      ...parcelChanges.flatMap(([table, column]) => (table === 'shipments' ? [column] : [])),
      'id',
      'courier_client_id',
      'code_hash',
      'code_mac',
    ],
  };

  test.each(Object.keys(unbound) as Table[])(
    'of %s: every column was changed above, or is named with its reason',
    async (table) => {
      const columns = await sql<{ name: string }>(
        `select column_name as name from information_schema.columns where table_schema = 'amanat' and table_name = $1`,
        [table],
      );
      const accounted = new Set(['tenant_id', ...tried[table], ...Object.keys(unbound[table])]);
      expect(columns.map(({ name }) => name).filter((name) => !accounted.has(name))).toEqual([]);
      expect([...accounted].filter((name) => !columns.some((column) => column.name === name))).toEqual([]);
    },
  );

  test('has one form for one row, of no other kind and of no other tenant', async () => {
    const { keyring } = vault.vault;
    const [keys, other] = [await keyring.tenant(vault.tenantId), await keyring.tenant(nextDoor.tenantId)];
    const row = {
      clientId: newId(1),
      id: newId(2),
      hash: Buffer.from('00ff', 'hex'),
      createdAt: new Date(1),
      expiresAt: null,
    };
    const mac = macOf(keys, 'client_secrets', row);
    expect(mac).toHaveLength(36);
    expect(isGenuine(keys, 'client_secrets', { ...row, mac })).toBe(true);
    const { clientId, id } = row;
    const others = [
      { ...row, clientId: id, id: clientId },
      { ...row, hash: Buffer.from('00fe', 'hex') },
      { ...row, hash: Buffer.alloc(0) },
      { ...row, createdAt: new Date(2) },
      { ...row, expiresAt: new Date(0) },
      { ...row, expiresAt: new Date(Number.NaN) },
      { ...row, expiresAt: Number.POSITIVE_INFINITY as unknown as Date },
      { ...row, clientId: `${clientId}",null,"` },
    ];
    for (const changedRow of others) expect(isGenuine(keys, 'client_secrets', { ...changedRow, mac })).toBe(false);
    expect(isGenuine(other, 'client_secrets', { ...row, mac })).toBe(false);
    expect(isGenuine(keys, 'client_secrets', { ...row, mac: null })).toBe(false);
    const code = { id, codeHash: row.hash };
    expect(isGenuine(keys, 'delivery_codes', { ...code, mac })).toBe(false);
    expect(isGenuine(keys, 'delivery_codes', { ...code, mac: macOf(keys, 'delivery_codes', code) })).toBe(true);
  });
});
