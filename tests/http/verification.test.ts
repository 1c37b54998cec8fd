import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import type { Outgoing, Sender } from '../../src/sending/sender.ts';
import { housekeep } from '../../src/vault/housekeeping.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { customerUnder } from '../support/profiles.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, newPerson, statuses, subjectOf } from '../support/work.ts';
import { shipped } from '../unit/policy/shipped.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
const people = synthetic(6023);
const sent: Record<'sms' | 'email', Outgoing[]> = { sms: [], email: [] };
const minute = 60_000;

const keeping = (messages: Outgoing[]): Sender => ({
  send: (message) => Promise.resolve(void messages.push(message)).then(() => ({ outcome: 'taken' }) as const),
  close: () => undefined,
});

beforeAll(async () => {
  vault = await startVault({
    profile: 'khakriz',
    senders: { sms: keeping(sent.sms), email: keeping(sent.email) },
  });
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-7' });
});
afterAll(() => vault.stop());

const person = (more: object = {}) =>
  newPerson(shop, { ...customerUnder(shipped.khakriz, people.naturalCustomer()), ...more });
const pathOf = (id: string) => `/v1/customers/${id}/contact-points`;
const start = (id: string, contactPoint = 'email', who: TestClient = shop) =>
  who.post(`${pathOf(id)}/verification`, { contactPoint });
const prove = (id: string, code: string, contactPoint = 'email', who: TestClient = shop) =>
  who.post(`${pathOf(id)}/verification/confirm`, { contactPoint, code });
const assuranceAt = async (id: string, point = 'email') =>
  made(await support.get(pathOf(id)), 200).items.find((item: { id: string }) => item.id === point).assurance;

/** The code that went out last by a channel. */
async function codeSent(channel: 'sms' | 'email' = 'email'): Promise<string> {
  await sendDue(vault.vault);
  return /\d{6}/.exec(sent[channel].at(-1)?.text ?? '')?.[0] ?? 'none';
}
const other = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

describe('the vault’s own code (D11)', () => {
  test('goes to the contact point and to nobody else; what it proves is verified, not deemed confirmed', async () => {
    const { id, sent: data } = await person();
    expect((await assuranceAt(id)).level).toBe('deemed_confirmed');
    const begun = await start(id, 'email', support);
    made(begun, 202);
    const code = await codeSent();
    expect(sent.email.at(-1)?.to).toBe(data.fields['email']);
    for (const text of [
      begun.text,
      JSON.stringify(await atDatabase(vault, 'select * from amanat.contact_verifications')),
    ])
      for (const secret of [code, data.fields['email'] ?? '']) expect(text).not.toContain(secret);
    // Support starts one and takes none: whoever reads the code is the customer.
    const byStaff = await prove(id, code, 'email', support);
    expect([byStaff.status, byStaff.body.code]).toEqual([403, 'not_permitted']);
    const own = await subjectOf(vault, shop, id);
    const persian = code.replace(/\d/g, (digit) => '۰۱۲۳۴۵۶۷۸۹'[Number(digit)] ?? '');
    expect(made(await prove(id, persian, 'email', own), 200).assurance).toMatchObject({
      level: 'verified',
      basis: 'code',
    });
    expect(await assuranceAt(id)).toMatchObject({ level: 'verified', basis: 'code', by: { role: 'subject' } });
    // Once, and what was verified is not made less by somebody's word.
    expect((await prove(id, code)).body.code).toBe('wrong_code');
    made(await shop.post(`${pathOf(id)}/confirm`, { contactPoint: 'email' }), 200);
    expect((await assuranceAt(id)).level).toBe('verified');
    made(await shop.patch(`/v1/customers/${id}`, { source: 'phone', fields: { email: 'n@example.com' } }, 1), 200);
    expect(await assuranceAt(id)).toEqual({ level: 'unconfirmed' });
  });

  test('a mobile gets an SMS; a landline, an address and somebody else’s point get none', async () => {
    const one = await person({
      phones: [
        { kind: 'mobile', number: people.mobile() },
        { kind: 'landline', number: people.landline() },
      ],
    });
    const points = made(await shop.get(pathOf(one.id)), 200).items;
    const idOf = (field: string) => points.find((point: { field: string }) => point.field === field).id;
    made(await start(one.id, idOf('mobile')), 202);
    made(await prove(one.id, await codeSent('sms'), idOf('mobile')), 200);
    for (const field of ['landline', 'address']) {
      const answer = await start(one.id, idOf(field));
      expect(answer.body.errors).toEqual([{ pointer: '/contactPoint', code: 'not_verifiable' }]);
    }
    const stranger = await person();
    expect((await start(stranger.id, idOf('mobile'))).body.errors).toEqual([
      { pointer: '/contactPoint', code: 'unknown_id' },
    ]);
    const own = await subjectOf(vault, shop, one.id);
    expect((await start(stranger.id, 'email', own)).status).toBe(404);
  });

  test('five tries, and no more however many come at once; then not even the right one', async () => {
    const { id } = await person();
    made(await start(id), 202);
    const code = await codeSent();
    const answers = await Promise.all(Array.from({ length: 12 }, () => prove(id, other(code))));
    expect(statuses(answers)).toEqual({ 422: 12 });
    const [row] = await atDatabase<{ tries: number }>(
      vault,
      `select tries from amanat.contact_verifications where customer_id = $1`,
      [id],
    );
    expect(row?.tries).toBe(5);
    expect((await prove(id, code)).body.code).toBe('wrong_code');
    const dpo = await vault.client('dpo', { actor: 'staff-9' });
    const refused = (await leavesOf(dpo, `subject=${id}`)).filter(({ rule }) => rule === 'wrong_code');
    expect(refused.length).toBe(13);
  });

  test('control: after four wrong ones the right one is taken', async () => {
    const { id } = await person();
    made(await start(id), 202);
    const code = await codeSent();
    for (let i = 0; i < 4; i += 1) expect((await prove(id, other(code))).status).toBe(422);
    made(await prove(id, code), 200);
  });

  test('is over after its time, when a newer one was sent, and when the value changes: then it does not even leave', async () => {
    const late = await person();
    made(await start(late.id), 202);
    const old = await codeSent();
    vault.advance(11 * minute);
    [shop, support] = [await shop.as(undefined), await support.as('staff-7')];
    expect((await prove(late.id, old)).body.code).toBe('wrong_code');
    made(await start(late.id), 202);
    const newer = await codeSent();
    if (old !== newer) expect((await prove(late.id, old)).body.code).toBe('wrong_code');
    made(await prove(late.id, newer), 200);
    const changed = await person();
    made(await start(changed.id), 202);
    made(await shop.patch(`/v1/customers/${changed.id}`, { fields: { email: 'c@example.com' } }, 1), 200);
    const before = sent.email.length;
    await sendDue(vault.vault);
    expect(sent.email.length).toBe(before);
    const [message] = await atDatabase(vault, `select state, reason from amanat.messages where customer_id = $1`, [
      changed.id,
    ]);
    expect(message).toEqual({ state: 'withheld', reason: 'over' });
  });

  test('one a minute and five a day to a contact point, whosever it is; ten a day to a customer', async () => {
    const mobile = people.mobile();
    const shared = () => person({ phones: [{ kind: 'mobile', number: mobile }] });
    const both = [await shared(), await shared()];
    const points = await Promise.all(
      both.map(
        async ({ id }) =>
          made(await shop.get(pathOf(id)), 200).items.find((p: { field: string }) => p.field === 'mobile').id,
      ),
    );
    const at = (i: number) => start(both[i % 2]?.id ?? '', points[i % 2]);
    const atOnce = await Promise.all([0, 1, 0, 1].map(at));
    expect(statuses(atOnce)).toEqual({ 202: 1, 429: 3 });
    for (let i = 1; i < 5; i += 1) {
      vault.advance(minute);
      shop = await shop.as(undefined);
      made(await at(i), 202);
    }
    vault.advance(minute);
    shop = await shop.as(undefined);
    expect((await at(0)).status).toBe(429);
    made(await start(both[0]?.id ?? ''), 202);
    vault.advance(day);
    shop = await shop.as(undefined);
    await housekeep(vault.vault);
    expect(await atDatabase(vault, 'select 1 from amanat.contact_verifications')).toEqual([]);
    made(await at(0), 202);
  });

  test('a code that somebody wrote into the table proves nothing; control: the one that was sent does', async () => {
    const [one, two] = [await person(), await person()];
    made(await start(one.id), 202);
    const code = await codeSent();
    made(await start(two.id), 202);
    await atDatabase(
      vault,
      `update amanat.contact_verifications a set code_hash = o.code_hash, mac = o.mac
         from amanat.contact_verifications o where a.customer_id = $1 and o.customer_id = $2`,
      [two.id, one.id],
    );
    expect((await prove(two.id, code)).body.code).toBe('wrong_code');
    made(await prove(one.id, code), 200);
  });
});

test('what the policy demands of a contact point decides whether correspondence goes to it (D9, D10)', async () => {
  support = await support.as('staff-7');
  const message = (customerId: string) =>
    support.post('/v1/messages', {
      customerId,
      purpose: 'correspondence',
      channel: 'email',
      subject: 'سفارش',
      text: 'آماده است.',
    });
  made(await message((await person()).id), 202);
  const { id } = await person({ source: 'phone' });
  const refused = await message(id);
  expect([refused.status, refused.body.code, refused.body.errors]).toEqual([
    409,
    'no_contact_point',
    [{ pointer: '/channel', code: 'not_confirmed' }],
  ]);
  made(await support.post(`${pathOf(id)}/confirm`, { contactPoint: 'email', callReference: 'call-3' }), 200);
  const queued = made(await message(id), 202);
  // Asked again when it goes out.
  made(await shop.patch(`/v1/customers/${id}`, { source: 'phone', fields: { email: 'w@example.com' } }, 1), 200);
  await sendDue(vault.vault);
  expect(made(await support.get(`/v1/messages/${queued.id}`), 200)).toMatchObject({
    state: 'withheld',
    reason: 'assurance',
  });
});
