import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'vitest';
import { createApp } from '../../src/app.ts';
import { ConfigFault, readConfig } from '../../src/config.ts';
import { packRecord, unpackRecord } from '../../src/crypto/container.ts';
import { leafHash } from '../../src/crypto/leaf.ts';
import { selfSignedCertificate } from '../../src/crypto/x509.ts';
import { DatabaseRefusal, openDatabase } from '../../src/db/database.ts';
import { listen } from '../../src/http/server.ts';
import { createLog } from '../../src/log.ts';
import { logKeys } from '../../src/vault/epochs.ts';
import { housekeep } from '../../src/vault/housekeeping.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { actions } from '../../src/vault/permit.ts';
import { standingOf } from '../../src/vault/rollback.ts';
import { openPosting } from '../../src/vault/witnessPosting.ts';
import { openLogFolder } from '../../src/witness/logFolder.ts';
import { witnessBehind } from '../../src/witness/witnessClient.ts';
import { answering } from '../../src/witness/witnessing.ts';
import { expectRefusal, orderBody } from '../http/legalDesk.ts';
import { verifyLog } from '../support/logs.ts';
import { customerUnder } from '../support/profiles.ts';
import { withClient } from '../support/postgres.ts';
import { rootKeyBytes } from '../support/rootKeyBytes.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { atDatabase, day, made, newOrder, subjectOf, type Person } from '../support/work.ts';
import { filesBelow, root } from '../unit/house/source.ts';
import { clause, type Stage } from './clause.ts';
import { foundIn, foundOnDisk } from './stored.ts';

/** How what is held is kept: sealed, apart from its keys, on encrypted ways only, and changed by nobody unseen. */

/** Every value of a person as it was sent. */
const valuesOf = ({ sent }: Pick<Person, 'sent'>): string[] => [
  ...Object.values(sent.fields),
  ...sent.phones.map(({ number }) => number.slice(1)),
  ...sent.addresses.flatMap((one) => ('address' in one ? [one.address.street, one.address.alley] : [])),
];

interface Sealed {
  readonly sealed: Buffer;
  readonly key: Buffer;
}

async function rowOf(vault: TestVault, { id }: Person): Promise<Sealed> {
  const sql = 'select sealed, data_key as key from amanat.customers where id = $1';
  const [row] = await atDatabase<Sealed>(vault, sql, [id]);
  if (row === undefined) throw new Error('no such row');
  return row;
}

const put = (vault: TestVault, { id }: Person, { sealed, key }: Sealed) =>
  atDatabase(vault, 'update amanat.customers set sealed = $2, data_key = $3 where id = $1', [id, sealed, key]);

clause(
  'A24',
  {
    shows:
      'each value is sealed by itself under its person’s own key; swapped or changed it does not open; no key is stored',
    in: ['src/crypto/seal.ts', 'src/vault/customerSeal.ts', 'src/keys/folder.ts'],
  },
  async (stage) => {
    const { vault } = stage;
    const [one, other] = [await stage.person(), await stage.person()];
    const own = await subjectOf(vault, await stage.client('shop_backend'), one.id);
    const view = () => own.get(`/v1/customers/${one.id}`);
    const [mine, theirs] = [await rowOf(vault, one), await rowOf(vault, other)];
    expect(mine.key.equals(theirs.key)).toBe(false);
    const entries = unpackRecord(mine.sealed);
    const withEmail = (value: Buffer) => ({ ...mine, sealed: packRecord(new Map([...entries, ['email', value]])) });
    const email = entries.get('email') ?? Buffer.alloc(0);
    const bent = Buffer.from(email);
    bent[bent.length - 1] = (bent.at(-1) ?? 0) ^ 1;
    for (const spoilt of [
      // Another person's record, under one's own key and with its key; another value in this one's place; a changed bit.
      { ...mine, sealed: theirs.sealed },
      theirs,
      withEmail(entries.get('familyName') ?? Buffer.alloc(0)),
      withEmail(unpackRecord(theirs.sealed).get('email') ?? Buffer.alloc(0)),
      withEmail(bent),
    ]) {
      await put(vault, one, spoilt);
      const answer = await view();
      expect([answer.status, answer.body.code]).toEqual([500, 'integrity_failure']);
    }
    await put(vault, one, mine);
    expect((await view()).body.fields.email.value, 'control').toBe(one.sent.fields['email']);
    const material = rootKeyBytes(vault.keysFolder);
    expect(material).toHaveLength(32);
    expect(await foundIn(vault, [material, ...valuesOf(one)], one.id)).toEqual([]);
  },
);

/** A vault beside the stage's that is reached by TLS, for as long as `use` runs. */
async function overTls(stage: Stage, use: (port: number) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'amanat-tls-'));
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = selfSignedCertificate(privateKey, publicKey, { commonName: 'localhost', days: 1, serial: '1' });
  const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(tls.cert, certificate);
  writeFileSync(tls.key, privateKey, { mode: 0o600 });
  const log = createLog({ level: 'info', destination: { write: () => undefined } });
  const running = await listen(createApp(stage.vault.vault, log), { host: '127.0.0.1', port: 0, tls });
  try {
    await use(Number(new URL(running.url).port));
  } finally {
    await running.stop();
    rmSync(folder, { recursive: true });
  }
}

const shake = (port: number, maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
  new Promise<TLSSocket>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1.1', maxVersion });
    socket.once('secureConnect', () => resolve(socket)).once('error', reject);
  });

/** Faults of the start with these settings, by variable. */
function faultsWith(env: Record<string, string>): readonly string[] {
  try {
    readConfig({ NODE_ENV: 'production', ...env });
    return [];
  } catch (error) {
    if (error instanceof ConfigFault) return error.faults.map((fault) => /AMANAT_\w+/.exec(fault)?.[0] ?? fault);
    throw error;
  }
}

/** In, from clients; out, to the mail server, the SMS gateway and the database: encrypted, or not at all. */
async function goesEncrypted(stage: Stage): Promise<void> {
  await overTls(stage, async (port) => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await shake(port, version);
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    await expect(shake(port, 'TLSv1.1')).rejects.toThrow();
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });
  const host = { AMANAT_HOST: '192.0.2.1' };
  expect(faultsWith(host)).toEqual(['AMANAT_HOST']);
  expect(faultsWith({ ...host, AMANAT_ISSUER: 'http://vault.example.com' })).toContain('AMANAT_ISSUER');
  expect(faultsWith({ ...host, AMANAT_ISSUER: 'https://vault.example.com' })).toEqual([]);
  expect(faultsWith({ AMANAT_SMS_URL: 'http://sms.example.com/send' })).toEqual(['AMANAT_SMS_URL']);
  expect(faultsWith({ AMANAT_SMS_URL: 'https://sms.example.com/send' })).toEqual([]);
  const inClear = () => openDatabase({ connectionString: 'postgres://u:p@192.0.2.1/x', max: 1 });
  expect(inClear).toThrow(DatabaseRefusal);
}

/** Wherever a card's data stand, the whole body is refused, and nothing of it is kept. */
async function refusesCards(stage: Stage): Promise<void> {
  const shop = await stage.client('shop_backend');
  const person = await stage.person();
  const card = '9999 9900 0000 0006';
  const sent = () => customerUnder(stage.profile, stage.people.naturalCustomer());
  for (const body of [
    { ...sent(), externalRef: card },
    { ...sent(), fields: { ...sent().fields, iban: card } },
    { ...sent(), cvv2: '123' },
    { ...sent(), externalRef: 'رمز دوم: 12345' },
  ])
    expect((await shop.post('/v1/customers', body)).body.code).toBe('card_data_refused');
  const order = {
    customerId: person.id,
    externalRef: `card ${card}`,
    delivery: { to: 'customer', addressId: person.addressId },
  };
  expect((await shop.post('/v1/orders', order)).body.code).toBe('card_data_refused');
  made(await shop.post('/v1/orders', { ...order, externalRef: 'O-1' }));
  expect(await foundIn(stage.vault, [card, card.replaceAll(' ', '')], person.id)).toEqual([]);
}

clause(
  'A25',
  {
    shows: 'what travels is encrypted, in and out, or does not travel; a card number or CVV2 is never taken',
    in: ['src/http/server.ts', 'src/config.ts', 'src/http/cardData.ts', 'src/sending/smtp.ts'],
  },
  async (stage) => {
    await goesEncrypted(stage);
    await refusesCards(stage);
  },
);

clause(
  'E26',
  {
    shows: 'TLS only, in and out, and no card data by any call',
    in: ['src/http/server.ts', 'src/config.ts', 'src/http/cardData.ts', 'src/sending/smtp.ts'],
  },
  async (stage) => {
    await goesEncrypted(stage);
    await refusesCards(stage);
  },
);

/** Words that promise what nobody can keep. */
const absolute =
  /100 ?% ?(?:secure|safe|امن)|\b(?:unbreakable|unhackable|hacker-proof|bulletproof|military[- ]grade|(?:completely|absolutely|totally|fully) (?:secure|safe)|guarantees? (?:your |the )?security)\b|کاملاً? امن|صد ?در ?صد|غیر ?قابل نفوذ|امنیت کامل/i;

clause(
  'B22',
  {
    shows:
      'every control is listed with the test that shows it, and what is not protected beside it; nothing is called absolute',
    in: ['src/http/docsPage.ts', 'src/vault/policyDocument.ts'],
  },
  async (stage) => {
    const security = readFileSync(join(root, 'docs/security.md'), 'utf8');
    const [, table = ''] = security.split('## Guarantees, and the test that shows each');
    const rows =
      table
        .split('\n##')[0]
        ?.split('\n')
        .filter((line) => line.startsWith('| '))
        .slice(2) ?? [];
    expect(rows.length).toBeGreaterThan(20);
    for (const row of rows) {
      const evidence = [...row.matchAll(/`(tests\/[^`]+)`/g)].map(([, path = '']) => path);
      expect(evidence.length, row).toBeGreaterThan(0);
      expect(
        evidence.filter((path) => !existsSync(join(root, path))),
        row,
      ).toEqual([]);
    }
    expect(security).toContain('## What is not protected');
    const [docs, api, page] = [
      await stage.vault.request('GET', '/docs'),
      await stage.vault.request('GET', '/openapi.yaml'),
      await stage.vault.request('GET', `/v1/tenants/${stage.vault.tenantId}/policies/1?format=html`),
    ];
    const product = [docs, api, page].map(({ text }, i) => ({ path: `answer ${i}`, text }));
    // The table of clauses quotes the policies, whose words are their own.
    const written = filesBelow(['docs', 'src'], /\.(?:md|ts)$/).filter(({ path }) => path !== 'docs/clauses.md');
    const readmes = ['README.md', 'README.fa.md'].map((path) => ({
      path,
      text: readFileSync(join(root, path), 'utf8'),
    }));
    expect(
      [...product, ...written, ...readmes].filter(({ text }) => absolute.test(text)).map(({ path }) => path),
    ).toEqual([]);
    for (const boast of ['100% امن', 'a completely secure vault', 'امنیت کامل']) expect(boast).toMatch(absolute);
  },
);

clause(
  'B23',
  {
    shows:
      'too many requests and too many wrong secrets wait, the right secret never; what goes out goes where the administrator has said',
    in: ['src/http/limits.ts', 'src/vault/throttle.ts', 'src/sending/addresses.ts', 'src/vault/webhooks.ts'],
  },
  async (stage) => {
    const { vault } = stage;
    const shop = await stage.client('shop_backend');
    const person = await stage.person();
    const beside = await startVault({ beside: vault, rate: { quota: 3, windowSeconds: 3_600 } });
    const read = () => beside.request('GET', `/v1/customers/${person.id}`, { token: shop.token });
    const answers = [await read(), await read(), await read(), await read()];
    await beside.stop();
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers.at(-1)?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    const token = (secret: string) =>
      vault.request('POST', '/oauth/token', {
        body: 'grant_type=client_credentials',
        headers: {
          authorization: `Basic ${Buffer.from(`${shop.id}:${secret}`).toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
      });
    const wrong: number[] = [];
    for (let i = 0; i < 8; i += 1) wrong.push((await token('amanat_secret_wrong')).status);
    expect(wrong).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    expect((await token(shop.secret)).status, 'the right one').toBe(200);
    const message = { customerId: person.id, purpose: 'notice', channel: 'email', subject: 'x', text: 'x' };
    for (const [name, value] of [
      ['to', 'somebody@example.com'],
      ['url', 'https://attacker.example'],
      ['host', '192.0.2.1'],
    ] as const) {
      const answer = await shop.post('/v1/messages', { ...message, [name]: value });
      expectRefusal(answer, 422, 'unknown_field', `/${name}`);
    }
    // Events go where the administrator has entered, encrypted, and to no address within the house.
    const admin = await vault.admin.as(undefined);
    const hook = (url: string) => ({ clientId: shop.id, url, kinds: ['policy.in_force'] });
    expectRefusal(await shop.post('/v1/webhooks', hook('https://hooks.example.com/x')), 403, 'not_permitted');
    for (const url of [
      'http://hooks.example.com/x',
      'https://127.0.0.1/x',
      'https://10.0.0.5/x',
      'https://localhost/x',
    ])
      expectRefusal(await admin.post('/v1/webhooks', hook(url)), 422, 'invalid_body', '/url');
    made(await admin.post('/v1/webhooks', hook('https://hooks.example.com/x')));
  },
);

clause(
  'C5',
  {
    shows: 'of a day’s work no value stands in clear in a row, an index, a file of the store, a log line or a package',
    in: ['src/crypto/seal.ts', 'src/crypto/blindIndex.ts', 'src/log.ts'],
  },
  async (stage) => {
    const { vault } = stage;
    const [shop, support, registrar, approver] = [
      await stage.client('shop_backend'),
      await stage.client('support', 'staff-1'),
      await stage.client('legal_registrar', 'staff-2'),
      await stage.client('legal_approver', 'staff-3'),
    ];
    const [one, firm] = [await stage.person(), await stage.company()];
    await newOrder(shop, one);
    const email = String(one.sent.fields['email']);
    const found = await shop.post('/v1/customers/search', { by: 'email', value: email.toUpperCase() });
    expect(made(found, 200).matches.map(({ id }: { id: string }) => id)).toEqual([one.id]);
    const closesAt = new Date(vault.vault.now() + day).toISOString();
    const ticket = {
      kind: 'ticket',
      customerId: one.id,
      grantee: { role: 'support' },
      closesAt,
      externalRef: 'T-77777777',
    };
    const grant = made(await shop.post('/v1/grants', ticket));
    const seen = made(await support.get(`/v1/customers/${one.id}?grant=${grant.id}`), 200);
    expect(seen.fields.email.value, 'control').toBe(email);
    made(await shop.patch(`/v1/customers/${one.id}`, { fields: { email: 'corrected@example.com' } }, 1), 200);
    const scope = {
      ...orderBody(vault, []).scope,
      subjects: [{ by: 'email', value: 'corrected@example.com' }],
      fields: ['givenName', 'email'],
    };
    const order = made(await registrar.post('/v1/legal-orders', orderBody(vault, [], { scope })));
    made(await approver.post(`/v1/legal-orders/${order.id}/approve`), 200);
    made(await registrar.post('/v1/exports', { legalOrderId: order.id }));
    const text = 'متن پیامی که برود';
    const said = { customerId: one.id, purpose: 'notice', channel: 'email', subject: 'خبر', text };
    made(await shop.post('/v1/messages', said), 202);
    const values = [...valuesOf(one), ...valuesOf(firm), 'corrected@example.com', 'T-77777777', text];
    expect(await foundIn(vault, values, one.id)).toEqual([]);
    expect(await foundOnDisk(vault, values, one.id)).toEqual([]);
  },
);

clause(
  'C9',
  {
    shows:
      'no change goes unseen: values are bound to their place, edits keep their past, erasing takes two and nothing merges records, the log is a tree whose signed heads no rewriting fits, and a database that was put back is found out before it serves',
    in: [
      'src/crypto/label.ts',
      'src/vault/formerVersions.ts',
      'src/vault/requestDecision.ts',
      'src/vault/auditVerification.ts',
      'src/vault/treeVerification.ts',
      'src/vault/rollback.ts',
    ],
  },
  async (stage) => {
    const { vault } = stage;
    const shop = await stage.client('shop_backend');
    const person = await stage.person();
    const own = await subjectOf(vault, shop, person.id);
    const before = await rowOf(vault, person);
    made(await shop.patch(`/v1/customers/${person.id}`, { fields: { email: 'newer@example.com' } }, 1), 200);
    // An edit keeps what was there; the older value does not open in the newer's place.
    const versions = await atDatabase(vault, 'select 1 from amanat.customer_versions where customer_id = $1', [
      person.id,
    ]);
    expect(versions).toHaveLength(1);
    const after = await rowOf(vault, person);
    const older = unpackRecord(before.sealed).get('email') ?? Buffer.alloc(0);
    const rolled = packRecord(new Map([...unpackRecord(after.sealed), ['email', older]]));
    await put(vault, person, { ...after, sealed: rolled });
    expect((await own.get(`/v1/customers/${person.id}`)).body.code).toBe('integrity_failure');
    await put(vault, person, after);
    // Erasing takes another person than asked for it.
    const [support, colleague] = [await stage.client('support', 'staff-1'), await stage.client('dpo', 'staff-9')];
    const asked = { customerId: person.id, kind: 'erase', asker: 'subject', checked: 'call_back' };
    const request = made(await support.post('/v1/requests', asked));
    const decide = { outcome: 'done' };
    expectRefusal(await support.post(`/v1/requests/${request.id}/decide`, decide), 403, 'self_approval');
    made(await colleague.post(`/v1/requests/${request.id}/decide`, decide), 200);
    // The service itself may neither change nor delete what the audit says; who does it as owner is found.
    await withClient(vault.db.serviceUrl, async (client) => {
      for (const sql of ['update amanat.audit_leaves set leaf = leaf', 'delete from amanat.audit_leaves'])
        await expect(client.query(sql), sql).rejects.toThrow(/permission denied/);
    });
    // Nor is there an act that would make one record of two: one is corrected, the other erased, each by its own rules.
    expect(Object.keys(actions).filter((name) => name.includes('merge'))).toEqual([]);
    await isFoundOut(stage);
  },
);

/** What was rewritten with the right to everything, and what was put back to an earlier state. */
async function isFoundOut({ vault, person }: Stage): Promise<void> {
  const { tenantId } = vault;
  const folder = mkdtempSync(join(tmpdir(), 'amanat-witness-'));
  const keysOf = async (origin: string) => logKeys(vault.vault.keys, origin);
  const witness = witnessBehind(answering({ folder: openLogFolder(folder), keysOf, now: Date.now }));
  const unheard = { witness, cosigner: undefined, warn: () => undefined, onRolledBack: () => undefined };
  const [integrate, posting] = [openIntegrator(vault.vault), openPosting(vault.vault, unheard)];
  const settle = async () => {
    // Whoever led before is missed.
    vault.advance(60_000);
    await integrate();
    await posting.post();
  };
  const asOwner = (...statements: readonly (readonly [string, unknown[]])[]) =>
    withClient(vault.db.superuserUrl, async (client) => {
      await client.query('set session_replication_role = replica');
      for (const [sql, values] of statements) await client.query(sql, values);
    });
  const breach = async () => (await verifyLog(vault)).breach;

  const rewritten = await person();
  await settle();
  expect(await breach(), 'control').toBeUndefined();
  const leafOf = 'select id, leaf from amanat.audit_leaves where tenant_id = $1 and subject_id = $2';
  const [was] = await atDatabase<{ id: string; leaf: Buffer }>(vault, leafOf, [tenantId, rewritten.id]);
  if (was === undefined) throw new Error('no leaf');
  const forged = Buffer.from(was.leaf.toString('latin1').replace('customers.create', 'customers.search'), 'latin1');
  const rewrite = 'update amanat.audit_leaves set leaf = $3, leaf_hash = $4 where tenant_id = $1 and id = $2';
  await asOwner([rewrite, [tenantId, was.id, forged, leafHash(forged)]]);
  expect(await breach()).toMatchObject({ id: was.id });
  await asOwner([rewrite, [tenantId, was.id, was.leaf, leafHash(was.leaf)]]);

  const head = await atDatabase<Record<string, unknown>>(
    vault,
    'select size, root, checkpoint, integrated_at, kept_at, mac from amanat.audit_heads where tenant_id = $1',
    [tenantId],
  );
  await person();
  await settle();
  expect((await standingOf(vault.vault, witness, tenantId)).code, 'control').toBe('same');
  await asOwner([
    `update amanat.audit_heads set size = $2, root = $3, checkpoint = $4, integrated_at = $5, kept_at = $6, mac = $7
      where tenant_id = $1`,
    [tenantId, ...Object.values(head[0] ?? {})],
  ]);
  expect((await standingOf(vault.vault, witness, tenantId)).code).toBe('behind');
  rmSync(folder, { recursive: true });
}

clause(
  'D23',
  {
    shows:
      'TLS, hardened answers, a database role that can do little behind the judge, and jobs that let data go on their day',
    in: ['src/http/headers.ts', 'src/http/server.ts', 'src/db/roles.ts', 'src/vault/retention.ts'],
  },
  async (stage) => {
    const { vault } = stage;
    await goesEncrypted(stage);
    const shop = await stage.client('shop_backend');
    const person = await stage.person();
    const read = await shop.get(`/v1/customers/${person.id}`);
    for (const [name, value] of [
      ['cache-control', 'no-store'],
      ['x-content-type-options', 'nosniff'],
      ['x-frame-options', 'DENY'],
      ['content-security-policy', /default-src 'none'/],
      ['strict-transport-security', /max-age=\d{7}/],
    ] as const)
      expect(read.headers.get(name), name).toMatch(value);
    for (const name of ['x-powered-by', 'server', 'set-cookie']) expect(read.headers.get(name), name).toBeNull();
    // Behind the judge stands the database: without a tenant named, the service's own login sees nobody.
    await withClient(vault.db.serviceUrl, async (client) => {
      expect((await client.query('select 1 from amanat.customers')).rowCount).toBe(0);
      await expect(client.query('create table amanat.mine (x int)')).rejects.toThrow(/permission denied/);
    });
    const recipient = { to: 'recipient', recipient: recipientOf(stage) };
    const orderId = await newOrder(shop, person, recipient);
    const there = async () => {
      const sql = 'select data_key is not null as there from amanat.orders where id = $1';
      return (await atDatabase<{ there: boolean }>(vault, sql, [orderId]))[0]?.there;
    };
    made(await shop.post(`/v1/orders/${orderId}/cancel`), 200);
    await housekeep(vault.vault);
    expect(await there()).toBe(true);
    vault.advance(8 * day);
    await housekeep(vault.vault);
    vault.advance(-8 * day);
    expect(await there()).toBe(false);
  },
);

/** Exactly what this policy takes of somebody else. */
function recipientOf({ people }: Stage) {
  const { name, phone, address } = people.recipient();
  return { name, phone, address };
}
