import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { webhookSender } from '../../src/sending/webhookSender.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, hour, leavesOf, made, newPerson } from '../support/work.ts';

interface Heard {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly path: string;
}

const heard: Heard[] = [];
/** What the receiver answers next; 204 when there is nothing. */
const answers: { readonly status: number; readonly headers?: Record<string, string> }[] = [];
let receiver: Server;
let port: number;
let vault: TestVault;
let beside: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
let admin: TestClient;
let approver: TestClient;
let spare: TestClient;
const people = synthetic(717);
const senders = { webhook: webhookSender(['127.0.0.1', 'localhost']) };

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.on('end', () => {
      heard.push({ headers: request.headers, text, path: request.url ?? '' });
      const { status, headers = {} } = answers.shift() ?? { status: 204 };
      response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  port = (receiver.address() as AddressInfo).port;
  vault = await startVault({ senders });
  beside = await startVault({ beside: vault, senders });
  await login();
});
beforeEach(async () => {
  answers.length = 0;
  await sendDue(vault.vault);
  heard.length = 0;
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
  receiver.close();
  receiver.closeAllConnections();
});

async function login(): Promise<void> {
  admin = await vault.admin.as(undefined);
  [shop, support, dpo, approver, spare] = await Promise.all([
    vault.client('shop_backend'),
    vault.client('support', { actor: 'agent' }),
    vault.client('dpo', { actor: 'officer' }),
    vault.client('legal_approver', { actor: 'judge' }),
    vault.client('support', { actor: 'other' }),
  ]);
}
async function later(ms: number): Promise<void> {
  vault.advance(ms);
  beside.advance(ms);
  [admin, shop, support, dpo, approver] = await Promise.all([
    admin.as(undefined),
    shop.as(undefined),
    support.as('agent'),
    dpo.as('officer'),
    approver.as('judge'),
  ]);
}
const register = (of: TestClient, kinds: readonly string[], url = `http://127.0.0.1:${port}/hook`, by = admin) =>
  by.post('/v1/webhooks', { clientId: of.id, url, kinds });
const endpoint = async (of: TestClient, kinds: readonly string[], url?: string, by?: TestClient) =>
  made(await register(of, kinds, url, by)) as { id: string; secret: string };
const end = async (id: string) => made(await admin.patch(`/v1/webhooks/${id}`, { disabled: true }, undefined), 200);
const deliveries = async (id: string, query = '') =>
  made(await admin.get(`/v1/webhooks/${id}/deliveries${query}`), 200).items;
function expectCode(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.code]).toEqual([status, code]);
}
/** Somebody asks for a correction: `request.opened`, to support and the officer. */
async function opened(): Promise<{ id: string; customerId: string }> {
  const { id: customerId } = await newPerson(shop, people.naturalCustomer());
  const asked = { customerId, kind: 'correct', asker: 'subject', checked: 'account' };
  return { id: made(await shop.post('/v1/requests', asked)).id, customerId };
}
/** By the specification, not by our code. */
const signature = (secret: string, { headers, text }: Heard) =>
  `v1,${createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
    .update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${text}`)
    .digest('base64')}`;

describe('an event leaves', () => {
  test('signed, with ids and nothing of the person', async () => {
    const { id, secret } = await endpoint(support, ['request.opened']);
    const drawn = people.naturalCustomer();
    const { id: customerId } = await newPerson(shop, drawn);
    const request = made(
      await shop.post('/v1/requests', {
        customerId,
        kind: 'correct',
        asker: 'subject',
        checked: 'account',
        note: 'نشانی',
      }),
    );
    await sendDue(vault.vault);
    expect(heard).toHaveLength(1);
    const [got] = heard as [Heard];
    expect(got.headers['webhook-signature']).toBe(signature(secret, got));
    expect(Math.abs(Number(got.headers['webhook-timestamp']) - vault.vault.now() / 1000)).toBeLessThan(60);
    const event = made(await support.get('/v1/events'), 200).items.find(
      (one: { object: { id: string } }) => one.object.id === request.id,
    );
    expect(JSON.parse(got.text)).toEqual({
      type: 'request.opened',
      timestamp: event.at,
      data: { id: event.id, object: { kind: 'requests', id: request.id }, customerId },
    });
    expect(got.headers['webhook-id']).toBe(event.id);
    for (const value of [...Object.values(drawn.fields), 'نشانی', drawn.phones[0]?.number ?? '']) {
      expect(got.text).not.toContain(value);
    }
    expect(await deliveries(id)).toMatchObject([
      { id: event.id, kind: 'request.opened', state: 'delivered', status: 204, attempts: 1 },
    ]);
    const leaves = await leavesOf(dpo, '');
    expect(leaves.find((leaf) => leaf.action === 'webhooks.deliver')).toMatchObject({
      objectId: id,
      rule: 'delivered',
    });
    await end(id);
  });

  test('with the act or not at all, to each endpoint that asked for the kind, and to nobody else', async () => {
    const both = [await endpoint(support, ['request.opened']), await endpoint(dpo, ['request.opened'])];
    const other = await endpoint(support, ['request.closed']);
    await opened();
    expectCode(
      await shop.post('/v1/requests', {
        customerId: vault.tenantId,
        kind: 'copy',
        asker: 'subject',
        checked: 'account',
      }),
      422,
      'invalid_body',
    );
    await sendDue(vault.vault);
    expect(heard).toHaveLength(2);
    expect(new Set(heard.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
    expect(await deliveries(other.id)).toEqual([]);
    for (const { id } of [...both, other]) await end(id);
  });

  test('once, however many processes look', async () => {
    const { id } = await endpoint(support, ['request.opened']);
    await Promise.all(Array.from({ length: 12 }, opened));
    await Promise.all([sendDue(vault.vault), sendDue(beside.vault), sendDue(vault.vault), sendDue(beside.vault)]);
    expect(heard).toHaveLength(12);
    expect(new Set(heard.map(({ headers }) => headers['webhook-id'])).size).toBe(12);
    await end(id);
  });
});

describe('what does not get through', () => {
  test('is tried again under the same id with a new time, and waits as long as it is asked to', async () => {
    const { id, secret } = await endpoint(support, ['request.opened']);
    answers.push({ status: 503, headers: { 'retry-after': '7200' } }, { status: 302, headers: { location: '/other' } });
    await opened();
    await sendDue(vault.vault);
    expect(await deliveries(id, '?state=queued')).toMatchObject([{ reason: 'refused', status: 503, attempts: 1 }]);
    await later(hour);
    await sendDue(vault.vault);
    expect(heard).toHaveLength(1);
    await later(2 * hour);
    await sendDue(vault.vault);
    await later(hour);
    await sendDue(beside.vault);
    expect(heard.map(({ path }) => path)).toEqual(['/hook', '/hook', '/hook']);
    const [first, , last] = heard as [Heard, Heard, Heard];
    expect(last.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(last.text).toBe(first.text);
    expect(Number(last.headers['webhook-timestamp'])).toBeGreaterThan(Number(first.headers['webhook-timestamp']));
    expect(last.headers['webhook-signature']).toBe(signature(secret, last));
    expect(await deliveries(id)).toMatchObject([{ state: 'delivered', attempts: 3 }]);
    await end(id);
  });

  test('is given up in the end, the officer hears of it, and it can be sent again', async () => {
    const { id } = await endpoint(support, ['request.opened']);
    await opened();
    const [{ webhookEvent }] = (await atDatabase<{ webhookEvent: string }>(
      vault,
      `update amanat.webhook_deliveries set attempts = 17 where webhook_id = $1 returning event_id as "webhookEvent"`,
      [id],
    )) as [{ webhookEvent: string }];
    answers.push({ status: 500 });
    await sendDue(vault.vault);
    expect(await deliveries(id, '?state=dead')).toMatchObject([{ id: webhookEvent, status: 500, attempts: 18 }]);
    const events = made(await dpo.get('/v1/events'), 200).items;
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'webhook.failed', object: { kind: 'webhooks', id } }),
    );
    heard.length = 0;
    await later(day);
    await sendDue(vault.vault);
    expect(heard).toEqual([]);
    made(await admin.post(`/v1/webhooks/${id}/redeliver`, { eventId: webhookEvent }), 202);
    expectCode(await admin.post(`/v1/webhooks/${id}/redeliver`, { eventId: webhookEvent }), 409, 'conflict');
    await sendDue(vault.vault);
    expect(heard.map(({ headers }) => headers['webhook-id'])).toEqual([webhookEvent]);
    expectCode(await admin.post(`/v1/webhooks/${id}/redeliver`, { eventId: vault.tenantId }), 422, 'invalid_body');
    await end(id);
  });

  test('410 ends the endpoint; what waits for one that was ended stays here', async () => {
    const { id } = await endpoint(support, ['request.opened']);
    answers.push({ status: 410 });
    await opened();
    await sendDue(vault.vault);
    expect(made(await admin.get(`/v1/webhooks/${id}`), 200)).toMatchObject({
      disabled: true,
      disabledReason: 'gone',
      version: 2,
    });
    expectCode(await admin.post(`/v1/webhooks/${id}/ping`), 409, 'conflict');
    const other = await endpoint(support, ['request.opened']);
    await opened();
    await end(other.id);
    await sendDue(vault.vault);
    expect(heard).toHaveLength(1);
    expect(await deliveries(other.id)).toMatchObject([{ state: 'withheld', reason: 'disabled' }]);
  });

  test('a client out of service hears nothing more', async () => {
    const { id } = await endpoint(spare, ['request.opened']);
    await opened();
    made(await admin.patch(`/v1/clients/${spare.id}`, { disabled: true }, undefined), 200);
    await sendDue(vault.vault);
    expect(heard).toEqual([]);
    expect(await deliveries(id)).toMatchObject([{ state: 'withheld', reason: 'client' }]);
    expectCode(await register(spare, ['request.opened']), 422, 'invalid_body');
    await end(id);
  });
});

describe('the secret', () => {
  test('is shown once, stands nowhere in the tables, and neither does the address', async () => {
    const { id, secret } = await endpoint(support, ['request.opened'], `http://127.0.0.1:${port}/capability-42`);
    const [{ row }] = (await atDatabase<{ row: string }>(
      vault,
      `select w::text as row from amanat.webhooks w where w.id = $1`,
      [id],
    )) as [{ row: string }];
    const bytes = Buffer.from(secret.slice(6), 'base64').toString('hex');
    expect(row).not.toContain(bytes);
    expect(row).not.toContain(Buffer.from(secret).toString('hex'));
    expect(row).not.toContain(Buffer.from('capability-42').toString('hex'));
    expect((await admin.get('/v1/webhooks')).text + vault.logLines.join('')).not.toContain(secret);
    await end(id);
  });

  test('renewed, both sign until the overlap has passed, then the new one alone', async () => {
    const { id, secret } = await endpoint(support, ['request.opened']);
    const renewed = made(await admin.post(`/v1/webhooks/${id}/secret`, { overlapSeconds: 3600 }));
    await admin.post(`/v1/webhooks/${id}/ping`);
    await sendDue(vault.vault);
    const [first] = heard as [Heard];
    expect(first.headers['webhook-signature']).toBe(`${signature(renewed.secret, first)} ${signature(secret, first)}`);
    await later(2 * hour);
    await admin.post(`/v1/webhooks/${id}/ping`);
    await sendDue(vault.vault);
    const second = heard[1] as Heard;
    expect(second.headers['webhook-signature']).toBe(signature(renewed.secret, second));
    expect(JSON.parse(second.text)).toEqual({
      type: 'webhook.ping',
      timestamp: expect.any(String),
      data: { id: second.headers['webhook-id'] },
    });
    const lost = made(await admin.post(`/v1/webhooks/${id}/secret`, { overlapSeconds: 0 })).secret;
    await admin.post(`/v1/webhooks/${id}/ping`);
    await sendDue(vault.vault);
    expect(heard[2]?.headers['webhook-signature']).toBe(signature(lost, heard[2] as Heard));
    await end(id);
    expectCode(await admin.post(`/v1/webhooks/${id}/secret`), 409, 'conflict');
  });
});

describe('who hears what', () => {
  test('an endpoint hears the kinds of its client’s role and no others', async () => {
    expectCode(await register(shop, ['legal_order.waiting']), 403, 'not_permitted');
    expectCode(await register(support, ['hold.ending']), 403, 'not_permitted');
    expectCode(await register(dpo, ['webhook.failed']), 403, 'not_permitted');
    expectCode(await register(dpo, ['no.such_kind']), 403, 'not_permitted');
  });

  test('of a legal matter where the client itself says, and not where who runs the system would listen', async () => {
    const legal = [
      [approver, 'legal_order.waiting'],
      [approver, 'package.aborted'],
      [dpo, 'review.overdue'],
      [dpo, 'emergency.approved'],
      [shop, 'notice.due'],
    ] as const;
    for (const [of, kind] of legal) {
      const kinds = [kind];
      const refused = await register(of, ['policy.in_force', kind], `http://127.0.0.1:${port}/mine`);
      const told = [{ pointer: '/kinds/1', code: 'own_client_only' }];
      const more = await register(of, [kind, 'policy.in_force'], undefined, of);
      expect([more.status, more.body.errors]).toEqual([403, [{ pointer: '/kinds/1', code: 'administrator_only' }]]);
      expect([refused.status, refused.body.code, refused.body.errors], kind).toEqual([403, 'not_permitted', told]);
      for (const by of [shop, dpo, approver].filter((one) => one !== of)) {
        const other = await register(of, kinds, undefined, by);
        expect([other.status, other.body.errors], kind).toEqual([
          403,
          [{ pointer: '/clientId', code: 'own_client_only' }],
        ]);
      }
      await end((await endpoint(of, kinds, undefined, of)).id);
    }
    const rows = await atDatabase(vault, `select 1 from amanat.webhooks where disabled_at is null`);
    expect(rows).toEqual([]);
    await sendDue(vault.vault);
    expect(heard).toEqual([]);
  });

  test('the administrator registers for others; the officer sees and can stop it; nobody else', async () => {
    const { id } = await endpoint(support, ['request.opened']);
    const body = { clientId: support.id, url: `http://127.0.0.1:${port}/`, kinds: ['request.opened'] };
    for (const by of [shop, support, dpo]) expectCode(await by.post('/v1/webhooks', body), 403, 'not_permitted');
    expectCode(await shop.get(`/v1/webhooks/${id}`), 403, 'not_permitted');
    expect(made(await dpo.get('/v1/webhooks'), 200).items.length).toBeGreaterThan(0);
    const side = await vault.secondTenant();
    expectCode(await side.admin.get(`/v1/webhooks/${id}`), 404, 'not_found');
    expectCode(await side.admin.post('/v1/webhooks', body), 422, 'invalid_body');
    made(await dpo.patch(`/v1/webhooks/${id}`, { disabled: true }, 1), 200);
  });

  test('who runs the system sees no kind of a legal matter', async () => {
    const { id } = await endpoint(approver, ['legal_order.waiting'], undefined, approver);
    await atDatabase(
      vault,
      `insert into amanat.webhook_deliveries (tenant_id, webhook_id, event_id, kind, state, attempts, due_at, created_at)
       select tenant_id, id, id, 'legal_order.waiting', 'queued', 0, created_at, created_at from amanat.webhooks where id = $1`,
      [id],
    );
    await sendDue(vault.vault);
    // There is no such event: nothing goes out.
    expect(heard).toEqual([]);
    const [shown] = await deliveries(id);
    expect(shown).toMatchObject({ id, state: 'dead', reason: 'integrity' });
    expect(shown).not.toHaveProperty('kind');
    await end(id);
  });

  test.each([
    ['its audience', `audience = 'dpo'`],
    ['its kinds', `kinds = array['request.opened', 'request.closed']`],
    ['its client', `client_id = (select id from amanat.clients where role = 'dpo' limit 1)`],
    ['that it was ended', `disabled_at = null, disabled_reason = null`],
  ])('%s written into the table: nothing goes out', async (_, change) => {
    const { id } = await endpoint(support, ['request.opened']);
    made(await admin.post(`/v1/webhooks/${id}/ping`), 202);
    if (change.startsWith('disabled')) await end(id);
    await atDatabase(vault, `update amanat.webhooks set ${change} where id = $1`, [id]);
    await sendDue(vault.vault);
    expect(heard).toEqual([]);
    const rows = await atDatabase(vault, `select state, reason from amanat.webhook_deliveries where webhook_id = $1`, [
      id,
    ]);
    expect(rows).toEqual([{ state: 'dead', reason: 'integrity' }]);
    await atDatabase(vault, `update amanat.webhooks set kinds = '{}' where id = $1`, [id]);
  });
});

describe('where it may go', () => {
  test.each([
    ['http://shop.example.com/', 'not_https'],
    ['https://10.0.0.1/', 'address'],
    ['https://169.254.169.254/latest/meta-data/', 'address'],
    ['https://[::1]:8443/', 'address'],
    ['https://u:p@shop.example.com/', 'format'],
    ['nowhere', 'format'],
  ])('%s is refused: %s', async (url, code) => {
    const answer = await register(support, ['request.opened'], url);
    expect([answer.status, answer.body.errors]).toEqual([422, [{ pointer: '/url', code }]]);
  });
});
