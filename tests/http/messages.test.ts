import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import type { Sender, Senders } from '../../src/sending/sender.ts';
import { smsGateway } from '../../src/sending/smsGateway.ts';
import { smtpServer } from '../../src/sending/smtp.ts';
import { keepSending, sendDue } from '../../src/vault/outbox.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, hour, leavesOf, made, tenantUnder } from '../support/work.ts';

interface Mail {
  readonly to: readonly string[];
  readonly raw: string;
}
interface Sms {
  readonly headers: IncomingMessage['headers'];
  readonly body: { readonly id: string; readonly to: string; readonly text: string; readonly from?: string };
}

const mails: Mail[] = [];
const texts: Sms[] = [];
/** What the gateway answers next; 200 when there is nothing. */
const gatewayAnswers: number[] = [];

let mailServer: SMTPServer;
let gateway: Server;
let urls: { readonly smtp: string; readonly sms: string };
let vault: TestVault;
let beside: TestVault;
let shop: TestClient;
let marketing: TestClient;
let dpo: TestClient;
const people = synthetic(91);

const addressOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

async function startMail(options: SMTPServerOptions = {}): Promise<SMTPServer> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _, done) =>
      done(address.startsWith('gone') ? Object.assign(new Error('no such mailbox'), { responseCode: 550 }) : null),
    onData(stream, session, done) {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        mails.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(pieces).toString('utf8'),
        });
        done();
      });
    },
    ...options,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  server.on('error', () => undefined);
  return server;
}

function startGateway(port = 0): Promise<Server> {
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.on('end', () => {
      const status = gatewayAnswers.shift() ?? 200;
      if (status < 300) texts.push({ headers: request.headers, body: JSON.parse(text) as Sms['body'] });
      response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end('{}');
    });
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

const senders = (): Senders => ({
  sms: smsGateway({ url: urls.sms, token: 'secret-token', from: '3000' }),
  email: smtpServer({ url: urls.smtp, from: 'کالاک <no-reply@kalak.example>' }),
});

beforeAll(async () => {
  mailServer = await startMail();
  gateway = await startGateway();
  urls = {
    smtp: `smtp://127.0.0.1:${addressOf(mailServer.server)}`,
    sms: `http://127.0.0.1:${addressOf(gateway)}/send`,
  };
  vault = await startVault({ clock: 'machine', senders: senders() });
  beside = await startVault({ beside: vault, senders: senders() });
  shop = await vault.client('shop_backend');
  marketing = await vault.client('marketing');
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
beforeEach(async () => {
  await sendDue(vault.vault);
  mails.length = texts.length = gatewayAnswers.length = 0;
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
  await new Promise<void>((resolve) => mailServer.close(() => resolve()));
  gateway.close();
});

const mobile = people.mobile();
const email = 'zahra@example.com';
async function newCustomer(more: object = {}, by = shop): Promise<string> {
  const sent = { ...people.naturalCustomer(), phones: [{ kind: 'mobile', number: mobile }] };
  return made(await by.post('/v1/customers', { ...sent, fields: { ...sent.fields, email }, ...more })).id;
}
const track = (customerId: string, more: object = {}) => ({
  customerId,
  purpose: 'tracking',
  channel: 'sms',
  text: 'سفارش شما در راه است',
  ...more,
});
const news = (customerId: string) => track(customerId, { purpose: 'marketing', text: 'حراج' });
const queue = async (body: object, by = shop): Promise<string> => made(await by.post('/v1/messages', body), 202).id;
const state = async (id: string, by = shop) => made(await by.get(`/v1/messages/${id}`), 200);
const agree = (id: string, channels = ['sms'], method = 'agree_button') =>
  shop.post(`/v1/customers/${id}/consents`, { purpose: 'marketing', channels, method, textVersion: 'v1' });

function expectCode(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.code]).toEqual([status, code]);
}

/** Moves the clock over every pause, with tokens of that time. */
async function later(ms = 2 * hour): Promise<void> {
  vault.advance(ms);
  beside.advance(ms);
  [shop, marketing, dpo] = [await shop.as(undefined), await marketing.as(undefined), await dpo.as('staff-9')];
}

describe('D10: the vault addresses the message', () => {
  test('an SMS goes to the primary mobile, and who asked sees no number anywhere', async () => {
    const id = await newCustomer({
      phones: [
        { kind: 'mobile', number: people.mobile() },
        { kind: 'mobile', number: mobile, primary: true },
      ],
    });
    const answer = await shop.post('/v1/messages', track(id));
    expect([answer.status, answer.body.state]).toEqual([202, 'queued']);
    await sendDue(vault.vault);
    const seen = await shop.get(`/v1/messages/${answer.body.id}`);
    expect(seen.body).toMatchObject({ state: 'sent', attempts: 1, purpose: 'tracking', customerId: id });
    expect(texts.map(({ body }) => body)).toEqual([
      { id: answer.body.id, to: `+98${mobile.slice(1)}`, text: 'سفارش شما در راه است', from: '3000' },
    ]);
    expect(texts[0]?.headers).toMatchObject({
      authorization: 'Bearer secret-token',
      'idempotency-key': answer.body.id,
    });
    expect(answer.text + seen.text + vault.logLines.join('')).not.toContain(mobile.slice(-7));
  });

  test('an e-mail goes to the address, from ours, under an id of its own', async () => {
    const id = await newCustomer();
    const message = await queue(track(id, { channel: 'email', subject: 'وضعیت سفارش', text: 'سلام\nدر راه است' }));
    await sendDue(vault.vault);
    expect((await state(message)).state).toBe('sent');
    expect(mails).toHaveLength(1);
    expect(mails[0]?.to).toEqual([email]);
    expect(mails[0]?.raw).toContain(`Message-ID: <${message}@kalak.example>`);
    expect(mails[0]?.raw).toMatch(/From: .*<no-reply@kalak\.example>/);
    expect(mails[0]?.raw).not.toMatch(/nodemailer/i);
  });

  test('a delivery code goes out in the vault’s words', async () => {
    const id = await newCustomer();
    const code = { customerId: id, purpose: 'tracking', channel: 'sms', template: 'delivery_code' };
    await queue({ ...code, params: { code: '48213' } });
    await sendDue(vault.vault);
    expect(texts[0]?.body.text).toContain('48213');
    for (const params of [{}, { code: 'call me' }, { code: '48213', name: 'x' }])
      expectCode(await shop.post('/v1/messages', { ...code, params }), 422, 'invalid_body');
    expectCode(await shop.post('/v1/messages', { ...code, params: { code: '48213' }, text: 'x' }), 422, 'invalid_body');
  });

  test.each(['to', 'address', 'mobile', 'email', 'recipient', 'cc'])(
    'a free address as `%s` is refused',
    async (name) => {
      const id = await newCustomer();
      expectCode(await shop.post('/v1/messages', track(id, { [name]: '09701234567' })), 422, 'unknown_field');
    },
  );

  test('an address in the text is text; card data are refused', async () => {
    const id = await newCustomer();
    await queue(track(id, { text: 'پرسش: help@example.com' }));
    expectCode(await shop.post('/v1/messages', track(id, { text: 'کارت 6037991899990018' })), 422, 'card_data_refused');
  });

  test('a header is not to be written by the subject', async () => {
    const id = await newCustomer();
    const body = track(id, { channel: 'email', subject: 'a\r\nBcc: other@example.com' });
    expectCode(await shop.post('/v1/messages', body), 422, 'invalid_body');
    expectCode(await shop.post('/v1/messages', track(id, { channel: 'email' })), 422, 'invalid_body');
  });

  test('the same Idempotency-Key queues once', async () => {
    const id = await newCustomer();
    const key = { 'idempotency-key': 'm-1' };
    const [one, two] = [
      await shop.post('/v1/messages', track(id), key),
      await shop.post('/v1/messages', track(id), key),
    ];
    expect(two.body).toEqual(one.body);
    await sendDue(vault.vault);
    expect(texts).toHaveLength(1);
  });
});

describe('who may have what sent to whom', () => {
  test('only the purposes of one’s department, and only of the policy', async () => {
    const id = await newCustomer();
    const accounting = await vault.client('accounting');
    await queue(track(id, { purpose: 'payment' }), accounting);
    for (const [by, purpose] of [
      [accounting, 'tracking'],
      [shop, 'marketing'],
      [marketing, 'tracking'],
      [shop, 'survey'],
      [shop, 'constructor'],
    ] as const)
      expectCode(await by.post('/v1/messages', track(id, { purpose })), 403, 'not_permitted');
    const admin = await vault.admin.post('/v1/messages', track(id));
    expectCode(admin, 403, 'not_permitted');
  });

  test('a contact point that was not collected for the purpose is not used', async () => {
    const side = await tenantUnder(vault, { 'items.natural.mobile.purposes': ['order'] });
    const their = await side.client('shop_backend');
    const id = await newCustomer({}, their);
    expectCode(await their.post('/v1/messages', track(id)), 403, 'not_permitted');
    await queue(track(id, { channel: 'email', subject: 'a' }), their);
  });

  test('nobody, and somebody without a contact point', async () => {
    expectCode(await shop.post('/v1/messages', track('0199a9b0-0000-7000-8000-00000000abcd')), 422, 'invalid_body');
    const id = await newCustomer({ phones: [] });
    expectCode(await shop.post('/v1/messages', track(id)), 409, 'no_contact_point');
  });

  test('a state is told to who asked and to the officer', async () => {
    const message = await queue(track(await newCustomer()));
    expectCode(await marketing.get(`/v1/messages/${message}`), 404, 'not_found');
    expect((await state(message, dpo)).id).toBe(message);
  });

  test('a channel that is not set up: said so, and nothing is queued', async () => {
    const bare = await startVault({ beside: vault, senders: {} });
    const id = await newCustomer();
    const before = await atDatabase(vault, `select count(*) from amanat.messages`);
    const answer = await bare.request('POST', '/v1/messages', {
      token: shop.token,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(track(id)),
    });
    expectCode(answer, 409, 'channel_unavailable');
    expect(await atDatabase(vault, `select count(*) from amanat.messages`)).toEqual(before);
    await bare.stop();
  });
});

describe('marketing', () => {
  test('goes to whom has said yes, by that channel, and to nobody else', async () => {
    const id = await newCustomer();
    expectCode(await marketing.post('/v1/messages', news(id)), 403, 'consent_required');
    made(await agree(id, ['sms'], 'order_placed'));
    expectCode(await marketing.post('/v1/messages', news(id)), 403, 'consent_required');
    made(await agree(id));
    await queue(news(id), marketing);
    const mail = { ...news(id), channel: 'email', subject: 'حراج' };
    expectCode(await marketing.post('/v1/messages', mail), 403, 'consent_required');
    await sendDue(vault.vault);
    expect(texts).toHaveLength(1);
  });

  test('a no stops what is queued, whichever process would send it', async () => {
    const id = await newCustomer();
    made(await agree(id));
    const message = await queue(news(id), marketing);
    made(await shop.post(`/v1/customers/${id}/consents/withdraw`), 200);
    await sendDue(beside.vault);
    expect(await state(message, marketing)).toMatchObject({ state: 'withheld', reason: 'consent' });
    expect(texts).toEqual([]);
  });

  test('the number that said no gets nothing, whoever has it now', async () => {
    const phones = [{ kind: 'mobile', number: people.mobile() }];
    const [one, other] = [await newCustomer({ phones }), await newCustomer({ phones })];
    made(await agree(other));
    made(await shop.post(`/v1/customers/${one}/consents/withdraw`), 200);
    expectCode(await marketing.post('/v1/messages', news(other)), 403, 'consent_required');
    await queue(track(other));
  });

  test('guests and whoever is deactivated get none', async () => {
    const id = await newCustomer();
    made(await agree(id));
    made(await shop.patch(`/v1/customers/${id}`, { guest: true }, 1), 200);
    expectCode(await marketing.post('/v1/messages', news(id)), 403, 'consent_required');
    const gone = await newCustomer();
    made(await agree(gone));
    await atDatabase(vault, `update amanat.customers set status = 'deactivated' where id = $1`, [gone]);
    expectCode(await marketing.post('/v1/messages', news(gone)), 409, 'conflict');
  });
});

describe('the outbox', () => {
  test('a gateway that is down is tried again, with longer and longer pauses, until it is back', async () => {
    const port = addressOf(gateway);
    await new Promise<void>((resolve) => {
      gateway.close(() => resolve());
      gateway.closeAllConnections();
    });
    const message = await queue(track(await newCustomer()));
    await sendDue(vault.vault);
    expect(await state(message)).toMatchObject({ state: 'queued', reason: 'unreachable', attempts: 1 });
    await sendDue(vault.vault);
    expect((await state(message)).attempts).toBe(1);
    await later();
    await sendDue(vault.vault);
    expect((await state(message)).attempts).toBe(2);
    gateway = await startGateway(port);
    await later();
    await sendDue(beside.vault);
    expect(await state(message)).toMatchObject({ state: 'sent', attempts: 3 });
    expect(texts.filter(({ body }) => body.id === message)).toHaveLength(1);
  });

  test.each([
    [500, 'queued', 'busy'],
    [429, 'queued', 'busy'],
    [401, 'queued', 'login'],
    [302, 'queued', 'refused'],
    [400, 'dead', 'refused'],
  ])('a gateway that answers %i', async (status, is, reason) => {
    gatewayAnswers.push(status);
    const message = await queue(track(await newCustomer()));
    await sendDue(vault.vault);
    expect(await state(message)).toMatchObject({ state: is, reason });
    expect(texts).toEqual([]);
    await later();
    await sendDue(vault.vault);
    expect((await state(message)).state).toBe(is === 'dead' ? 'dead' : 'sent');
  });

  test('a mailbox that is none is dead at once', async () => {
    const { fields } = people.naturalCustomer();
    const id = await newCustomer({ fields: { ...fields, email: 'gone@example.com' } });
    const message = await queue(track(id, { channel: 'email', subject: 'a' }));
    await sendDue(vault.vault);
    expect(await state(message)).toMatchObject({ state: 'dead', reason: 'refused' });
  });

  test('what never gets through is dead after its bound', async () => {
    const message = await queue(track(await newCustomer()));
    gatewayAnswers.push(...Array.from({ length: 12 }, () => 503));
    for (let i = 0; i < 13; i += 1) {
      await sendDue(vault.vault);
      await later();
    }
    expect(await state(message)).toMatchObject({ state: 'dead', reason: 'attempts', attempts: 12 });
    expect(texts).toEqual([]);
  });

  test('two processes at once send each message once', async () => {
    const id = await newCustomer();
    const messages = await Promise.all(Array.from({ length: 30 }, () => queue(track(id))));
    await Promise.all([sendDue(vault.vault), sendDue(beside.vault), sendDue(vault.vault), sendDue(beside.vault)]);
    const sent = texts.map(({ body }) => body.id);
    expect(sent.toSorted((a, b) => a.localeCompare(b))).toEqual(messages.toSorted((a, b) => a.localeCompare(b)));
  });

  test('a process killed between the gateway’s yes and its mark: sent again under the same key, by another, and not before its claim is over', async () => {
    const message = await queue(track(await newCustomer()));
    // Its last act: the gateway has said yes, and nothing comes back to the one who asked.
    const cut: Sender = {
      send: (outgoing) =>
        senders()
          .sms?.send(outgoing)
          .then(() => new Promise(() => undefined)) ?? Promise.reject(new Error()),
      close: () => undefined,
    };
    const dying = await startVault({ beside: vault, senders: { sms: cut } });
    void sendDue({ ...dying.vault, now: vault.vault.now });
    await expect.poll(() => texts.length, { timeout: 10_000 }).toBe(1);
    await sendDue(vault.vault);
    expect(texts).toHaveLength(1);
    expect(await state(message)).toMatchObject({ state: 'queued', attempts: 1 });
    await later();
    await sendDue(vault.vault);
    expect(await state(message)).toMatchObject({ state: 'sent', attempts: 2 });
    expect(texts.map(({ headers }) => headers['idempotency-key'])).toEqual([message, message]);
    await dying.stop();
  });

  test('goes out by itself in a process that serves', async () => {
    const stop = keepSending(vault.vault);
    const message = await queue(track(await newCustomer()));
    await expect.poll(async () => (await state(message)).state, { timeout: 10_000 }).toBe('sent');
    stop();
  });
});

describe('TLS', () => {
  test('a mail server with a certificate nobody vouches for is told nothing', async () => {
    // smtp-server brings a self-signed certificate of its own.
    const server = await startMail({ secure: true, disabledCommands: [] });
    const sender = smtpServer({ url: `smtps://localhost:${addressOf(server.server)}`, from: 'a@kalak.example' });
    const sent = await sender.send({ id: 'x', to: email, text: 'x', subject: 'x' });
    expect(sent).toEqual({ outcome: 'later', fault: 'tls' });
    expect(mails).toEqual([]);
    sender.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  test('control: the same server is spoken to where it is trusted in the clear', async () => {
    const sender = smtpServer({ url: urls.smtp, from: 'a@kalak.example' });
    expect(await sender.send({ id: 'x', to: email, text: 'x', subject: 'x' })).toEqual({ outcome: 'taken' });
    sender.close();
  });
});

describe('the table', () => {
  test('holds no address and no text, and of what is settled no key', async () => {
    const id = await newCustomer();
    const message = await queue(track(id, { text: 'متن محرمانه' }));
    const row = async () =>
      (
        await atDatabase<{ row: string; sealed: Buffer | null }>(
          vault,
          `select m::text as row, m.sealed from amanat.messages m where id = $1`,
          [message],
        )
      )[0];
    const before = await row();
    expect(before?.sealed?.includes(Buffer.from('متن محرمانه'))).toBe(false);
    expect(before?.row).not.toContain(mobile);
    await sendDue(vault.vault);
    expect(texts[0]?.body.text).toBe('متن محرمانه');
    expect((await row())?.sealed).toBeNull();
  });

  test('every try leaves its leaf before the address leaves', async () => {
    const id = await newCustomer();
    const message = await queue(track(id));
    await sendDue(vault.vault);
    const leaves = (await leavesOf(dpo, `subject=${id}`)).filter(({ objectId }) => objectId === message);
    expect(leaves.map(({ action, full, rule }) => [action, full, rule]).toReversed()).toEqual([
      ['messages.send', [], 'messages.send'],
      ['messages.deliver', ['mobile'], 'messages.deliver'],
      ['messages.deliver', [], 'sent'],
    ]);
  });

  test.each([
    ['another customer', `customer_id = $2`],
    ['another purpose', `purpose = 'notice'`],
    ['another sender', `client_id = $2`],
  ])('a row made to say %s sends nothing', async (_, change) => {
    const [id, other] = [await newCustomer(), await newCustomer()];
    const message = await queue(track(id));
    await atDatabase(vault, `update amanat.messages set ${change} where id = $1 and $2::uuid is not null`, [
      message,
      other,
    ]);
    await sendDue(vault.vault);
    expect(texts).toEqual([]);
    const [row] = await atDatabase(vault, `select state, reason from amanat.messages where id = $1`, [message]);
    expect(row).toEqual({ state: 'dead', reason: 'integrity' });
  });

  test('another message’s sealed text does not open', async () => {
    const id = await newCustomer();
    const [one, two] = [await queue(track(id)), await queue(track(id))];
    await atDatabase(
      vault,
      `update amanat.messages m set sealed = o.sealed, data_key = o.data_key from amanat.messages o where m.id = $1 and o.id = $2`,
      [one, two],
    );
    await sendDue(vault.vault);
    expect(texts.map(({ body }) => body.id)).toEqual([two]);
  });

  test.each(['leaving', 'erased'])('what waits for somebody who is %s goes with them', async (status) => {
    const id = await newCustomer();
    const message = await queue(track(id));
    const gone = status === 'erased' ? ', sealed = null, data_key = null' : '';
    await atDatabase(vault, `update amanat.customers set status = '${status}'${gone} where id = $1`, [id]);
    const [row] = await atDatabase(vault, `select state, reason, sealed from amanat.messages where id = $1`, [message]);
    expect(row).toEqual({ state: 'withheld', reason: 'customer', sealed: null });
    await sendDue(vault.vault);
    expect(texts).toEqual([]);
    expectCode(await shop.post('/v1/messages', track(id)), 422, 'invalid_body');
    expectCode(await shop.get(`/v1/customers/${id}/consents`), 404, 'not_found');
  });
});
