import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  bytesOf,
  hour,
  leavesOf,
  made,
  newOrder,
  newParcel,
  newPerson,
  type Parcel,
} from '../support/work.ts';
import { actOperations, requestFor, targetOf } from './requests.ts';
import { openShop, type Shop } from './shop.ts';

/** P13: a courier sees its own open parcel and nothing else, ever. How its view closes stands in tests/http/deliveries. */

let vault: TestVault;
let shop: Shop;
let elsewhere: Shop;
let backend: TestClient;
let courier: TestClient;
let rival: TestClient;

beforeAll(async () => {
  vault = await startVault();
  shop = await openShop(vault, vault, 131);
  elsewhere = await openShop(vault, await vault.secondTenant(), 132);
  ({ shop_backend: backend, courier } = shop.staff);
  rival = await vault.client('courier');
});
afterAll(() => vault.stop());

const unknownId = '0199a9b0-0000-7000-8000-00000000abcd';

/** A person with a parcel on its way, and every text that would give the person away. */
interface Sent {
  readonly orderId: string;
  readonly customerId: string;
  readonly parcel: Parcel;
  readonly secrets: readonly string[];
}

async function send(by = courier, terms: Record<string, unknown> = {}): Promise<Sent> {
  const person = await newPerson(backend, shop.people.naturalCustomer());
  const recipient = shop.people.recipient();
  const orderId = await newOrder(backend, person, { to: 'recipient', recipient });
  const parcel = await newParcel(backend, orderId, by, terms);
  const { nationalId = '', email = '', iban = '' } = person.sent.fields;
  const secrets = [
    nationalId,
    email,
    iban,
    recipient.phone.slice(1),
    recipient.postalCode,
    person.sent.phones[0]?.number.slice(1) ?? '',
  ];
  return { orderId, customerId: person.id, parcel, secrets };
}

/** Everything that can be tried with a parcel's id. */
const attempts: readonly (readonly [string, string, ((parcel: Parcel) => unknown)?])[] = [
  ['GET', ''],
  ['HEAD', ''],
  ['POST', '/confirm', ({ deliveryCode }) => ({ code: deliveryCode })],
  ['POST', '/fail', () => ({ reason: 'نبود' })],
  ['POST', '/return', () => ({})],
];

async function tryAll(by: TestClient, parcel: Parcel): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [method, end, body] of attempts) {
    answers.push(await by.call(method, `/v1/deliveries/${parcel.id}${end}`, body?.(parcel)));
  }
  return answers;
}

/** Parcels and their orders and grants, as they stand. */
async function standing({ orderId, parcel }: Sent): Promise<unknown> {
  return atDatabase(
    vault,
    `select s.status, s.attempts, s.code_tries, s.closed_at, o.status as order_status, o.version, g.reads, g.closed_at as grant_closed
       from amanat.shipments s join amanat.orders o on o.id = s.order_id join amanat.grants g on g.id = s.grant_id
      where s.id = $1 or o.id = $2 order by s.id`,
    [parcel.id, orderId],
  );
}

/** Whose parcel it is not, and why: who tries, and what was done before. */
const closed: readonly (readonly [string, () => Promise<{ by: TestClient; sent: Sent }>])[] = [
  ['another courier’s', async () => ({ by: rival, sent: await send() })],
  ['another tenant’s', async () => ({ by: elsewhere.staff.courier, sent: await send() })],
  [
    'cancelled',
    async () => {
      const sent = await send();
      made(await backend.post(`/v1/orders/${sent.orderId}/cancel`), 200);
      return { by: courier, sent };
    },
  ],
  [
    'reassigned',
    async () => {
      const sent = await send();
      await newParcel(backend, sent.orderId, rival);
      return { by: courier, sent };
    },
  ],
  [
    'reassigned to itself, under the old id',
    async () => {
      const sent = await send();
      await newParcel(backend, sent.orderId, courier);
      return { by: courier, sent };
    },
  ],
  [
    'delivered',
    async () => {
      const sent = await send();
      made(await courier.post(`/v1/deliveries/${sent.parcel.id}/confirm`, { code: sent.parcel.deliveryCode }), 200);
      return { by: courier, sent };
    },
  ],
  [
    'returned',
    async () => {
      const sent = await send();
      made(await courier.post(`/v1/deliveries/${sent.parcel.id}/return`), 200);
      return { by: courier, sent };
    },
  ],
  [
    'of a grant that was closed',
    async () => {
      const sent = await send();
      made(await backend.post(`/v1/grants/${sent.parcel.grantId}/close`), 200);
      return { by: courier, sent };
    },
  ],
  [
    'not open yet',
    async () => ({
      by: courier,
      sent: await send(courier, { opensAt: new Date(vault.vault.now() + hour).toISOString() }),
    }),
  ],
];

describe('P13: a parcel that is not its own, or not open', () => {
  test.each(closed)('%s: is as none on every call, opens no key, changes nothing', async (_, arrange) => {
    const { by, sent } = await arrange();
    const before = await standing(sent);
    vault.vault.keyring.forget();
    const unwraps = vault.vault.keyring.unwraps();
    const answers = await tryAll(by, sent.parcel);
    expect(vault.vault.keyring.unwraps()).toBe(unwraps);
    const nobodys = await tryAll(by, { ...sent.parcel, id: unknownId });
    expect(answers.map(bytesOf)).toEqual(nobodys.map(bytesOf));
    expect(answers.map(({ status }) => status)).toEqual(attempts.map(() => 404));
    expect(await standing(sent)).toEqual(before);
    const listed = made(await by.get('/v1/deliveries?limit=100'), 200).items.map((item: { id: string }) => item.id);
    expect(listed).not.toContain(sent.parcel.id);
  });

  test('control: on its own open parcel each of these calls does something', async () => {
    const sent = await send();
    vault.vault.keyring.forget();
    const unwraps = vault.vault.keyring.unwraps();
    const own = await courier.get(`/v1/deliveries/${sent.parcel.id}`);
    expect(vault.vault.keyring.unwraps()).toBeGreaterThan(unwraps);
    expect(own.text).toContain(sent.secrets[3]);
    const before = await standing(sent);
    const answers = await tryAll(courier, sent.parcel);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 404, 404]);
    expect(await standing(sent)).not.toEqual(before);
  });

  test('the tries of others do not use up the courier’s', async () => {
    const { parcel } = await send();
    for (let n = 0; n < 12; n += 1) {
      for (const by of [rival, elsewhere.staff.courier])
        await by.post(`/v1/deliveries/${parcel.id}/confirm`, { code: '00000' });
    }
    expect((await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode })).status).toBe(200);
  });

  test('nor do others get the answer that a courier’s Idempotency-Key keeps', async () => {
    const { parcel } = await send();
    const key = { 'idempotency-key': 'round-7' };
    const path = `/v1/deliveries/${parcel.id}/confirm`;
    const body = { code: parcel.deliveryCode };
    const first = await courier.post(path, body, key);
    const nobodys = await rival.post(`/v1/deliveries/${unknownId}/confirm`, body, { 'idempotency-key': 'round-8' });
    expect(bytesOf(await rival.post(path, body, key))).toBe(bytesOf(nobodys));
    // The control: the courier itself does.
    expect((await courier.post(path, body, key)).text).toBe(first.text);
  });
});

describe('P13: many ids at once', () => {
  test('lists of ids, in whatever form, are no id', async () => {
    const [own, other] = [await send(), await send(rival)];
    const nobodys = bytesOf(await courier.get(`/v1/deliveries/${unknownId}`));
    const both = [own.parcel.id, other.parcel.id];
    for (const ids of [
      both.join(','),
      both.join('%2C'),
      both.join(';'),
      both.join('|'),
      both.join('%20'),
      `[${both.join(',')}]`,
      both.join('+'),
    ]) {
      const answer = await courier.get(`/v1/deliveries/${encodeURI(ids).replaceAll('%25', '%')}`);
      expect([404, 400], ids).toContain(answer.status);
      if (answer.status === 404) expect(bytesOf(answer), ids).toBe(nobodys);
      for (const secret of [...own.secrets, ...other.secrets]) expect(answer.text).not.toContain(secret);
    }
  });

  test('among many reads at once, joined in one statement, each courier gets its own', async () => {
    const sent = await Promise.all([send(), send(rival), send(), send(rival)]);
    const holders = [courier, rival, courier, rival];
    const asked = Array.from({ length: 10 }, () =>
      sent.flatMap((one, i) => [courier, rival].map((by) => ({ one, by, own: holders[i] === by }))),
    ).flat();
    const answers = await Promise.all(
      asked.map(async (each) => ({ ...each, answer: await each.by.get(`/v1/deliveries/${each.one.parcel.id}`) })),
    );
    for (const { one, own, answer } of answers) {
      expect(answer.status).toBe(own ? 200 : 404);
      expect(answer.text.includes(one.secrets[3] ?? '')).toBe(own);
      for (const other of sent) if (other !== one) expect(answer.text).not.toContain(other.secrets[3]);
    }
  });

  test('a cursor from another’s list, and every size of page, give only one’s own', async () => {
    const mine = new Set((await Promise.all([send(), send(), send()])).map(({ parcel }) => parcel.id));
    const others = await Promise.all([send(rival), send(rival), send(rival)]);
    const theirs = made(await rival.get('/v1/deliveries?limit=1'), 200);
    const open = await atDatabase<{ id: string }>(
      vault,
      `select id from amanat.shipments where courier_client_id = $1 and status = 'open'`,
      [courier.id],
    );
    const own = new Set(open.map(({ id }) => id));
    expect([...mine].every((id) => own.has(id))).toBe(true);
    for (const query of [
      `cursor=${theirs.nextCursor}`,
      'limit=1',
      'limit=100',
      `limit=2&cursor=${theirs.nextCursor}`,
    ]) {
      const { items } = made(await courier.get(`/v1/deliveries?${query}`), 200);
      expect(
        items.filter((item: { id: string }) => !own.has(item.id)),
        query,
      ).toEqual([]);
    }
    for (const { parcel } of others) expect(own.has(parcel.id)).toBe(false);
  });
});

describe('P13: tricks', () => {
  test('no query, header or spelling of the path widens a courier’s view', async () => {
    const [own, other] = [await send(), await send(rival)];
    const id = other.parcel.id;
    const secrets = [...other.secrets];
    const queries = [
      `?courierClientId=${rival.id}`,
      `?clientId=${rival.id}`,
      `?grant=${other.parcel.grantId}`,
      `?id=${id}`,
      `?fields=nationalId`,
      `?include=customer`,
      `?tenant=${vault.tenantId}`,
      `?actor=${rival.id}`,
      '?role=shop_backend',
    ];
    const paths = [
      ...queries.map((query) => `/v1/deliveries/${id}${query}`),
      ...queries.map((query) => `/v1/deliveries/${own.parcel.id}${query}`),
      ...queries.map((query) => `/v1/deliveries${query}`),
      `/v1/deliveries/${own.parcel.id}/../${id}`,
      `/v1/deliveries/${own.parcel.id}%2F..%2F${id}`,
      `/v1/deliveries//${id}`,
      `/v1/deliveries/${id}/`,
      `/v1/deliveries/${id}%00`,
      `/v1/deliveries/${id};courier=${rival.id}`,
      `/v1/deliveries/%7B${id}%7D`,
      `/v1/deliveries/urn:uuid:${id}`,
      `/V1/deliveries/${id}`,
      `/v1/Deliveries/${id}`,
      `/v1/shipments/${id}`,
      `/v1/deliveries/*`,
      `/v1/deliveries/${id}/confirm/../..`,
    ];
    for (const path of paths) {
      const answer = await courier.get(path);
      for (const secret of secrets) expect(answer.text, path).not.toContain(secret);
      if (path.includes(own.parcel.id) && path.includes('?')) expect(answer.status, path).toBe(422);
      expect(answer.status, path).toBeLessThan(500);
    }
    const headers: Record<string, string>[] = [
      { 'x-original-url': `/v1/deliveries/${id}` },
      { 'x-rewrite-url': `/v1/deliveries/${id}` },
      { 'x-http-method-override': 'DELETE' },
      { 'x-forwarded-for': '127.0.0.1' },
      { 'x-client-id': rival.id },
      { 'x-tenant-id': elsewhere.side.tenantId },
      { cookie: `token=${rival.token}` },
      { 'x-courier': rival.id },
      { forwarded: `for=127.0.0.1;host=${rival.id}` },
      { range: 'bytes=0-9' },
    ];
    const plain = await courier.get(`/v1/deliveries/${unknownId}`);
    for (const header of headers) {
      expect(bytesOf(await courier.get(`/v1/deliveries/${id}`, header)), JSON.stringify(header)).toBe(bytesOf(plain));
    }
    // The control: with the rival's own token the same request sees it.
    expect((await rival.get(`/v1/deliveries/${id}`)).text).toContain(other.secrets[3]);
  });

  test('two tokens, or a token where none belongs, are none', async () => {
    const { parcel } = await send(rival);
    const url = new URL(vault.url);
    const ask = (head: string): Promise<string> =>
      new Promise((resolve, reject) => {
        let text = '';
        const socket = connect(
          Number(url.port),
          url.hostname,
          () => void socket.write(`${head}Host: x\r\nConnection: close\r\n\r\n`),
        );
        socket
          .setEncoding('utf8')
          .on('data', (piece: string) => (text += piece))
          .once('end', () => resolve(text))
          .once('error', reject);
      });
    const line = `GET /v1/deliveries/${parcel.id} HTTP/1.1\r\n`;
    const bearer = (by: TestClient): string => `Authorization: Bearer ${by.token}\r\n`;
    expect(await ask(line + bearer(rival))).toMatch(/^HTTP\/1\.1 200 /);
    for (const head of [
      line + bearer(courier) + bearer(rival),
      line + bearer(rival) + bearer(courier),
      `${line}Proxy-${bearer(rival)}`,
      `GET /v1/deliveries/${parcel.id}?access_token=${rival.token} HTTP/1.1\r\n`,
      `GET /v1/deliveries/${parcel.id}?access_token=${rival.token} HTTP/1.1\r\n${bearer(courier)}`,
    ]) {
      expect(await ask(head)).toMatch(/^HTTP\/1\.1 (?:401|422) /);
    }
  });
});

describe('P13: and nowhere else', () => {
  test('a courier’s token on every other call, with the ids its parcel hangs on, is refused and shows nothing', async () => {
    const sent = await send();
    const mine: Shop = {
      ...shop,
      parcel: sent.parcel,
      ids: {
        ...shop.ids,
        customer: sent.customerId,
        order: sent.orderId,
        grant: sent.parcel.grantId,
        shipment: sent.parcel.id,
      },
    };
    const others = actOperations.filter(({ raw }) => raw['x-roles']?.includes('courier') !== true);
    expect(others.length).toBeGreaterThan(30);
    for (const operation of others) {
      const { method, path, query, body, headers } = requestFor(vault, mine, operation);
      const answer = await courier.call(method, targetOf({ path, query }), body, headers);
      expect([answer.status, answer.body.code], operation.raw.operationId).toEqual([403, 'not_permitted']);
      for (const secret of sent.secrets) expect(answer.text, operation.raw.operationId).not.toContain(secret);
    }
    expect((await courier.get(`/v1/deliveries/${sent.parcel.id}`)).status).toBe(200);
  });

  test('nor can it be given a grant, or be a customer’s own view', async () => {
    for (const grantee of [{ role: 'courier' }, { clientId: courier.id }]) {
      const closesAt = new Date(vault.vault.now() + hour).toISOString();
      for (const kind of ['ticket', 'return', 'invoice', 'refund', 'inquiry']) {
        const answer = await backend.post('/v1/grants', {
          kind,
          customerId: shop.ids.customer,
          orderId: shop.ids.order,
          grantee,
          closesAt,
        });
        expect([answer.status, answer.body.code], kind).toEqual([403, 'not_permitted']);
      }
    }
    const basic = Buffer.from(`${courier.id}:${courier.secret}`).toString('base64');
    const exchange = await vault.request('POST', '/oauth/token', {
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_subject: shop.ids.customer,
      }).toString(),
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(exchange.body.error).toBe('unauthorized_client');
  });

  test('no answer to a courier names any id but its parcel’s', async () => {
    const sent = await send();
    const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
    const known = new Set(
      (
        await atDatabase<{ id: string }>(vault, `select id from amanat.shipments where courier_client_id = $1`, [
          courier.id,
        ])
      ).map(({ id }) => id),
    );
    const path = `/v1/deliveries/${sent.parcel.id}`;
    const answers = [
      await courier.get(path),
      await courier.get('/v1/deliveries?limit=100'),
      await courier.post(`${path}/fail`, { reason: 'نبود' }),
      await courier.post(`${path}/confirm`, { code: sent.parcel.deliveryCode }),
    ];
    for (const { text, status, headers } of answers) {
      expect(status).toBe(200);
      expect((text.match(uuid) ?? []).filter((id) => !known.has(id))).toEqual([]);
      const others = [...headers]
        .filter(([name]) => name !== 'x-request-id')
        .map(([, value]) => value)
        .join(' ');
      expect(others).not.toMatch(uuid);
    }
    // The control: an answer to the shop does.
    expect((await backend.get(`/v1/shipments/${sent.parcel.id}`)).text).toContain(sent.orderId);
  });

  test('what it was refused stands in the log, under its name', async () => {
    const { parcel } = await send(rival);
    await courier.get(`/v1/deliveries/${parcel.id}`);
    const [leaf] = await leavesOf(shop.staff.dpo, `client=${courier.id}`);
    expect(leaf).toMatchObject({
      action: 'deliveries.read',
      outcome: 'refused',
      rule: 'not_found',
      objectId: parcel.id,
      clientId: courier.id,
    });
    expect(leaf.full).toEqual([]);
  });
});
