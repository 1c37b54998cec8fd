import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { raiseDueEvents } from '../../src/vault/dueEvents.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { sweepMailings } from '../../src/vault/policyMailing.ts';
import { expectRefusal, ownGround } from '../http/legalDesk.ts';
import { policyText } from '../support/policyTexts.ts';
import type { TestClient } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, newOrder, subjectOf } from '../support/work.ts';
import { clause, type Stage } from './clause.ts';

/** What goes out to people, what they agreed to beforehand, and how they are told. */

const agreed = (purpose: string, method: string, channels: readonly string[] = ['sms']) => ({
  purpose,
  channels,
  method,
  textVersion: 'text-1',
});
const message = (customerId: string, purpose: string, channel = 'sms') => ({
  customerId,
  purpose,
  channel,
  ...(channel === 'email' ? { subject: 'خبر' } : {}),
  text: 'خبر تازه',
});

/** A person whose every contact point the policy collects. */
async function reachable({ profile, people, client }: Stage, more: object = {}) {
  const drawn = people.naturalCustomer();
  const mobile = drawn.phones.find(({ kind }) => kind === 'mobile')?.number ?? people.mobile();
  const email = `${mobile}@example.com`;
  const demanded = profile.id === 'khakriz' || profile.id === 'kalak' ? drawn.fields : { ...people.name() };
  const body = {
    kind: 'natural',
    fields: { ...demanded, email },
    phones: [{ kind: 'mobile', number: mobile, primary: true }],
    ...more,
  };
  const fields = Object.fromEntries(
    Object.entries(body.fields).filter(([name]) => Object.hasOwn(profile.items.natural, name)),
  );
  const { id } = made(await (await client('shop_backend')).post('/v1/customers', { ...body, fields }));
  return { id, to: { sms: `+98${mobile.slice(1)}`, email } };
}

/** Sends what is due and answers who got something of it, by this channel. */
async function out({ vault, sent }: Stage, channel: 'sms' | 'email' = 'sms'): Promise<readonly string[]> {
  const before = sent[channel].length;
  await sendDue(vault.vault);
  return sent[channel].slice(before).map(({ to }) => to);
}

const statesOf = async (by: TestClient, id: string) => made(await by.get(`/v1/customers/${id}/consents`), 200);

clause(
  'A1',
  {
    shows:
      'using the site is on record as an implied consent, with version and time, and opens nothing that asks for more',
    in: ['src/vault/consents.ts', 'src/policy/consent.ts'],
  },
  async (stage) => {
    const [shop, dpo] = [await stage.client('shop_backend'), await stage.client('dpo', 'staff-9')];
    const { id } = await reachable(stage);
    const before = stage.vault.vault.now();
    made(await shop.post(`/v1/customers/${id}/consents`, agreed('partner_mailing', 'feature_used', ['email'])));
    const { items, states } = await statesOf(dpo, id);
    expect(items).toMatchObject([
      { kind: 'given', method: 'feature_used', explicit: false, textVersion: 'text-1', policyVersion: 'imo/1' },
    ]);
    expect(Date.parse(items[0].at)).toBeGreaterThanOrEqual(before);
    expect(states).toContainEqual(
      expect.objectContaining({ purpose: 'partner_mailing', channel: 'email', state: 'implied' }),
    );
    const mail = message(id, 'partner_mailing', 'email');
    expectRefusal(await shop.post('/v1/messages', mail), 403, 'consent_required');
    // Control: said in words it opens.
    made(await shop.post(`/v1/customers/${id}/consents`, agreed('partner_mailing', 'agree_button', ['email'])));
    made(await shop.post('/v1/messages', mail), 202);
    expect(await out(stage, 'email')).toHaveLength(1);
  },
);

clause(
  'A11',
  {
    shows:
      'a trusted municipality is on the register with contract and end; its mail goes through the vault to whom agreed, it gets no address and no row',
    in: ['src/vault/recipients.ts', 'src/vault/messages.ts', 'src/policy/sendThrough.ts'],
  },
  async (stage) => {
    const [shop, municipality] = [await stage.client('shop_backend'), await stage.client('courier', 'city-1')];
    const [yes, no] = [await reachable(stage), await reachable(stage)];
    made(await shop.post(`/v1/customers/${yes.id}/consents`, agreed('partner_mailing', 'agree_button', ['email'])));
    const queued = await shop.post('/v1/messages', message(yes.id, 'partner_mailing', 'email'));
    expectRefusal(await shop.post('/v1/messages', message(no.id, 'partner_mailing', 'email')), 403, 'consent_required');
    expect(await out(stage, 'email')).toEqual([yes.to.email]);
    const seen = await shop.get(`/v1/messages/${made(queued, 202).id}`);
    expect(seen.text + queued.text).not.toContain(yes.to.email);
    const dpo = await stage.client('dpo', 'staff-9');
    const expiresAt = new Date(stage.vault.vault.now() + 30 * day).toISOString();
    const terms = {
      name: 'شهرداری نمونه',
      kind: 'trusted_body',
      purpose: 'coordination',
      contractRef: 'G-3',
      expiresAt,
    };
    for (const name of ['name', 'purpose', 'contractRef', 'expiresAt'])
      expect((await dpo.post('/v1/recipients', { ...terms, [name]: undefined })).status, name).toBe(422);
    const { id: registered } = made(await dpo.post('/v1/recipients', terms));
    expect(made(await dpo.get(`/v1/recipients/${registered}`), 200)).toMatchObject({
      ...terms,
      state: expect.any(String),
    });
    // It gets no list, no address, no figure but what is published of many, and no way to write by itself.
    for (const path of ['/v1/customers', `/v1/customers/${yes.id}`, '/v1/statistics'])
      expectRefusal(await municipality.get(path), 403, 'not_permitted');
    expectRefusal(await municipality.post('/v1/messages', message(yes.id, 'partner_mailing')), 403, 'not_permitted');
    // A mobile is not collected for it, so no SMS.
    expectRefusal(await shop.post('/v1/messages', message(yes.id, 'partner_mailing')), 403, 'not_permitted');
  },
);

clause(
  'B6',
  {
    shows:
      'nothing leaves by permission without one on record that names recipient, items and purpose, came first, and serves once',
    in: ['src/vault/permissions.ts', 'src/vault/permissionGate.ts', 'src/vault/exports.ts'],
  },
  async (stage) => {
    const { vault, client } = stage;
    const [shop, registrar, approver, dpo] = [
      await client('shop_backend'),
      await client('legal_registrar', 'staff-1'),
      await client('legal_approver', 'staff-2'),
      await client('dpo', 'staff-9'),
    ];
    const [{ id }, other] = [await reachable(stage), await reachable(stage)];
    const shown = { recipientName: 'بیمهٔ نمونه', purpose: 'بیمهٔ کالا', fields: ['givenName', 'mobile'] };
    const ask = (customerId: string, more: object = {}) =>
      shop.post(`/v1/customers/${customerId}/permissions`, { ...shown, textVersion: 'permission-1', ...more });
    /** A disclosure on the permission with this id, of these items, to this recipient. */
    const order = (permissionId: string | undefined, changes: Record<string, unknown> = {}) => {
      const receivedAt = new Date(vault.vault.now()).toISOString();
      const permission = { ...shown, givenAt: receivedAt, ...(permissionId === undefined ? {} : { id: permissionId }) };
      const body = ownGround(vault, 'consent', [{ customerId: id }], { permission, receivedAt });
      const recipient = { name: shown.recipientName, as: 'third_party' };
      return { ...body, recipient, scope: { ...body.scope, fields: ['givenName', 'mobile'] }, ...changes };
    };
    const register = (body: object) => registrar.post('/v1/legal-orders', body);
    expectRefusal(await register(order(undefined)), 422, 'invalid_body', '/permission/id');
    expectRefusal(await register(order(other.id)), 403, 'consent_required');
    // Younger than the request, fewer items, another recipient or purpose, somebody else's: none of them will do.
    const early = order('0199a9b0-0000-7000-8000-00000000abcd');
    vault.advance(1000);
    const permission = made(await ask(id));
    const claimed = { ...shown, givenAt: early.receivedAt, id: permission.id };
    expectRefusal(await register({ ...early, permission: claimed }), 403, 'consent_required');
    vault.advance(1000);
    const fewer = made(await ask(id, { fields: ['givenName'] })).id;
    const elsewhere = made(await ask(id, { recipientName: 'بیمهٔ دیگر' })).id;
    const otherwise = made(await ask(id, { purpose: 'تبلیغ' })).id;
    const [theirs, withdrawn] = [made(await ask(other.id)).id, made(await ask(id)).id];
    made(await (await subjectOf(vault, shop, id)).post(`/v1/permissions/${withdrawn}/withdraw`), 200);
    vault.advance(1000);
    for (const wrong of [fewer, elsewhere, otherwise, withdrawn])
      expectRefusal(await register(order(wrong)), 403, 'consent_required');
    const execute = async (body: object, before: () => Promise<unknown> = () => Promise.resolve()) => {
      const legal = made(await register(body)).id;
      made(await approver.post(`/v1/legal-orders/${legal}/approve`), 200);
      await before();
      return registrar.post('/v1/exports', { legalOrderId: legal });
    };
    expectRefusal(await execute(order(theirs)), 403, 'consent_required');
    const late = made(await ask(id)).id;
    const takeBack = async () => made(await shop.post(`/v1/permissions/${late}/withdraw`), 200);
    vault.advance(1000);
    expectRefusal(await execute(order(late), takeBack), 403, 'consent_required');
    // A row made to say more is not believed.
    const edited = made(await ask(id, { fields: ['givenName'] })).id;
    await atDatabase(vault, `update amanat.permissions set fields = '{givenName,mobile}' where id = $1`, [edited]);
    vault.advance(1000);
    expectRefusal(await register(order(edited)), 403, 'consent_required');
    // Control: the one that covers it lets it leave, once.
    const exported = made(await execute(order(permission.id)));
    expect(exported.records).toBe(1);
    expectRefusal(await register(order(permission.id)), 403, 'consent_required');
    const { items } = made(await dpo.get(`/v1/customers/${id}/permissions`), 200);
    expect(items.find((one: { id: string }) => one.id === permission.id)).toMatchObject({
      state: 'used',
      exportId: exported.id,
      ...shown,
    });
    // Moved to another permission, the words do not open.
    await atDatabase(
      vault,
      `update amanat.permissions p set said = o.said from amanat.permissions o where p.id = $1 and o.id = $2`,
      [theirs, fewer],
    );
    expect((await dpo.get(`/v1/customers/${other.id}/permissions`)).body.code).toBe('integrity_failure');
    // And the person hears of it.
    await raiseDueEvents(vault.vault);
    expect((await out(stage)).length).toBeGreaterThan(0);
    // What was said goes with whoever is erased.
    const erase = { customerId: other.id, kind: 'erase', asker: 'subject', checked: 'account' };
    const { id: asked } = made(await shop.post('/v1/requests', erase));
    made(await dpo.post(`/v1/requests/${asked}/decide`, { outcome: 'done' }), 200);
    await sweepErasures(vault.vault);
    const left = await atDatabase(vault, `select said from amanat.permissions where customer_id = $1`, [other.id]);
    expect(left).toEqual([{ said: null }]);
  },
);

clause(
  'B20',
  {
    shows: 'new features and offers go to whom said yes to them, by that channel, and to nobody else',
    in: ['src/vault/messages.ts', 'src/policy/consent.ts'],
  },
  async (stage) => {
    const shop = await stage.client('shop_backend');
    const [one, silent] = [await reachable(stage), await reachable(stage)];
    made(await shop.post(`/v1/customers/${silent.id}/consents`, agreed('offers', 'account_created')));
    made(await shop.post(`/v1/customers/${one.id}/consents`, agreed('offers', 'agree_button')));
    expectRefusal(await shop.post('/v1/messages', message(silent.id, 'offers')), 403, 'consent_required');
    expectRefusal(await shop.post('/v1/messages', message(one.id, 'offers', 'email')), 403, 'consent_required');
    made(await shop.post('/v1/messages', message(one.id, 'offers')), 202);
    expect(await out(stage)).toEqual([one.to.sms]);
    // What is not an offer asks for none.
    made(await shop.post('/v1/messages', message(silent.id, 'service')), 202);
    expect(await out(stage)).toEqual([silent.to.sms]);
  },
);

/** A tenant of its own, whose policy moves on. */
async function nextVersion({ vault, profile }: Stage, more: object = {}) {
  const side = await vault.secondTenant(profile.id);
  const [shop, dpo] = [await side.client('shop_backend'), await side.client('dpo', { actor: 'staff-9' })];
  const policy = policyText({ '/title/en': 'Second' }, profile.id as 'ito');
  const published = made(await dpo.post('/v1/policies', { policy, material: true, ...more }));
  return { ...side, shop, dpo, published };
}

clause(
  'B27',
  {
    shows:
      'a change is told by the site or by e-mail, each on record with time and audience; the e-mails go through the outbox',
    in: ['src/vault/policyMailing.ts', 'src/vault/policyPublication.ts', 'src/vault/outbox.ts'],
  },
  async (stage) => {
    const { shop, dpo } = await nextVersion(stage);
    const addresses = ['one@example.com', 'two@example.com'];
    for (const email of addresses)
      made(await shop.post('/v1/customers', { kind: 'natural', fields: { ...stage.people.name(), email } }));
    made(await shop.post('/v1/customers', { kind: 'natural', fields: stage.people.name() }));
    made(await dpo.post('/v1/policies/2/notices', { channel: 'site' }));
    made(await dpo.post('/v1/policies/2/mailing'), 202);
    await sweepMailings(stage.vault.vault);
    expect((await out(stage, 'email')).toSorted()).toEqual(addresses);
    await sweepMailings(stage.vault.vault);
    const { notices } = made(await dpo.get('/v1/policies/2'), 200);
    expect(notices).toMatchObject([{ channel: 'site' }, { channel: 'email', audience: 2 }]);
    for (const { givenAt } of notices) expect(Date.parse(givenAt)).not.toBeNaN();
  },
);

clause(
  'C15',
  {
    shows:
      'an important change takes no effect before the site has told of it, an unimportant one does, and e-mail is no substitute',
    in: ['src/policy/inForce.ts', 'src/vault/policyPublication.ts'],
  },
  async (stage) => {
    const { dpo, published } = await nextVersion(stage);
    expect(published).toMatchObject({ material: true, status: 'awaiting_notice' });
    expect(made(await dpo.post('/v1/policies/2/notices', { channel: 'email' })).status).toBe('awaiting_notice');
    expect(made(await dpo.post('/v1/policies/2/notices', { channel: 'site' })).status).toBe('in_force');
    expect((await nextVersion(stage, { material: false })).published.status).toBe('in_force');
  },
);

clause(
  'D10',
  {
    shows:
      'correspondence goes through the vault to the official contact point; a free address is refused, and nobody sees one',
    in: ['src/vault/messages.ts', 'src/vault/messageRoute.ts', 'src/http/messages.ts'],
  },
  async (stage) => {
    const shop = await stage.client('shop_backend');
    const { id, to } = await reachable(stage);
    const queued = await shop.post('/v1/messages', message(id, 'correspondence'));
    const other = stage.people.mobile();
    for (const name of ['to', 'address', 'mobile', 'email', 'recipient'])
      expectRefusal(
        await shop.post('/v1/messages', { ...message(id, 'correspondence'), [name]: other }),
        422,
        'unknown_field',
        `/${name}`,
      );
    expect(await out(stage)).toEqual([to.sms]);
    const seen = await shop.get(`/v1/messages/${made(queued, 202).id}`);
    expect(seen.body.state).toBe('sent');
    expect(queued.text + seen.text).not.toContain(to.sms.slice(3));
    const leaves = await leavesOf(await stage.client('dpo', 'staff-9'), `subject=${id}`);
    const went = { action: 'messages.deliver', purpose: 'correspondence', rule: 'sent' };
    expect(leaves).toContainEqual(expect.objectContaining(went));
  },
);

/** Marketing goes to members who agreed, by the channel they agreed to. */
async function membersOnly(
  stage: Stage,
): Promise<Awaited<ReturnType<typeof reachable>> & { readonly marketing: TestClient }> {
  const [shop, marketing] = [await stage.client('shop_backend'), await stage.client('marketing')];
  const { id, to } = await reachable(stage);
  const send = (channel?: string, customerId = id) =>
    marketing.post('/v1/messages', message(customerId, 'marketing', channel));
  expectRefusal(await send(), 403, 'consent_required');
  made(await shop.post(`/v1/customers/${id}/consents`, agreed('marketing', 'agree_button')));
  made(await send(), 202);
  expectRefusal(await send('email'), 403, 'consent_required');
  expect(await out(stage)).toEqual([to.sms]);
  return { id, to, marketing };
}

clause(
  'D16',
  {
    shows: 'news and promotions go to members who agreed, by that channel; never to guests or to alternate recipients',
    in: ['src/vault/consents.ts', 'src/vault/consentHead.ts', 'src/vault/messages.ts'],
  },
  async (stage) => {
    const { marketing } = await membersOnly(stage);
    const shop = await stage.client('shop_backend');
    const guest = await reachable(stage, { guest: true });
    expectRefusal(
      await shop.post(`/v1/customers/${guest.id}/consents`, agreed('marketing', 'agree_button')),
      403,
      'not_permitted',
    );
    expectRefusal(await marketing.post('/v1/messages', message(guest.id, 'marketing')), 403, 'consent_required');
    // An alternate recipient is nobody that a message could name, and nothing leads to one.
    const recipient = { ...stage.people.recipient(), phone: stage.people.mobile() };
    const buyer = await stage.person();
    const order = await newOrder(shop, buyer, { to: 'recipient', recipient });
    made(await shop.post(`/v1/customers/${buyer.id}/consents`, agreed('marketing', 'agree_button', ['sms', 'email'])));
    expectRefusal(
      await marketing.post('/v1/messages', message(order, 'marketing')),
      422,
      'invalid_body',
      '/customerId',
    );
    made(await marketing.post('/v1/messages', message(buyer.id, 'marketing', 'email')), 202);
    expect(await out(stage, 'email')).toEqual([buyer.sent.fields['email']]);
    expect(stage.sent.sms.map(({ to }) => to)).not.toContain(`+98${recipient.phone.slice(1)}`);
    // Marketing sees none of it.
    expectRefusal(await marketing.get(`/v1/customers/${buyer.id}`), 403, 'not_permitted');
  },
);

clause(
  'E31',
  {
    shows:
      'each of the four ways of agreeing is on record with channel and text; only the button opens sending, as the profile has it',
    in: ['src/vault/consents.ts', 'src/policy/consent.ts'],
  },
  async (stage) => {
    const [shop, dpo] = [await stage.client('shop_backend'), await stage.client('dpo', 'staff-9')];
    const marketing = await stage.client('marketing');
    for (const [method, explicit] of [
      ['account_created', false],
      ['feature_used', false],
      ['order_placed', false],
      ['agree_button', true],
    ] as const) {
      const { id, to } = await reachable(stage);
      made(await shop.post(`/v1/customers/${id}/consents`, agreed('marketing', method, ['sms', 'email'])));
      const { items } = await statesOf(dpo, id);
      expect(items.map((one: { channel: string }) => one.channel).toSorted()).toEqual(['email', 'sms']);
      for (const item of items) expect(item).toMatchObject({ method, explicit, textVersion: 'text-1' });
      const answer = await marketing.post('/v1/messages', message(id, 'marketing'));
      if (!explicit) expectRefusal(answer, 403, 'consent_required');
      expect(await out(stage), method).toEqual(explicit ? [to.sms] : []);
    }
    expectRefusal(
      await shop.post(`/v1/customers/${(await reachable(stage)).id}/consents`, agreed('marketing', 'browsing')),
      422,
      'invalid_body',
    );
  },
);

clause(
  'E32',
  {
    shows:
      'an opt-out of one channel or all holds at once, for what is queued too, is kept as a keyed hash, and only the person undoes it',
    in: ['src/vault/consents.ts', 'src/db/consents.ts', 'src/vault/outbox.ts'],
  },
  async (stage) => {
    const { id, to, marketing } = await membersOnly(stage);
    const shop = await stage.client('shop_backend');
    const send = (channel?: string) => marketing.post('/v1/messages', message(id, 'marketing', channel));
    made(await shop.post(`/v1/customers/${id}/consents`, agreed('marketing', 'agree_button', ['email'])));
    made(await send(), 202);
    made(
      await (
        await subjectOf(stage.vault, shop, id)
      ).post(`/v1/customers/${id}/consents/withdraw`, { channels: ['sms'] }),
      200,
    );
    expect(await out(stage)).toEqual([]);
    expectRefusal(await send(), 403, 'consent_required');
    made(await send('email'), 202);
    // Later consent by use does not override it; the hash is no address.
    made(await shop.post(`/v1/customers/${id}/consents`, agreed('marketing', 'order_placed')));
    expectRefusal(await send(), 403, 'consent_required');
    const rows = await atDatabase<{ contact: Buffer }>(
      stage.vault,
      `select contact from amanat.suppressions where tenant_id = $1 and purpose = 'marketing' and channel = 'sms'`,
      [stage.vault.tenantId],
    );
    expect(rows.length).toBeGreaterThan(0);
    // Keyed: no digest of the number that anybody could make without the tenant's key.
    const number = to.sms.replace('+98', '');
    const guesses = [to.sms, `98${number}`, `0${number}`, number].flatMap((text) =>
      ['sha256', 'sha3-256', 'sha512-256'].map((name) => createHash(name).update(text).digest('hex')),
    );
    for (const { contact } of rows) {
      expect(contact).toHaveLength(32);
      expect(guesses).not.toContain(contact.toString('hex'));
    }
    made(await shop.post(`/v1/customers/${id}/consents/withdraw`), 200);
    expectRefusal(await send('email'), 403, 'consent_required');
    // Control: the person's own yes opens it again.
    made(await shop.post(`/v1/customers/${id}/consents`, agreed('marketing', 'agree_button')));
    made(await send(), 202);
  },
);
