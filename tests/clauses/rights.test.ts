import { createPublicKey } from 'node:crypto';
import { expect } from 'vitest';
import { verifyReceipt } from '../../src/crypto/signature.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { day, hour, leavesOf, made, subjectOf, type Person } from '../support/work.ts';
import type { TestClient } from '../support/vault.ts';
import { clause, type Stage } from './clause.ts';

/** What a person may ask of their own data, and what the shop answers. */

const codeOf = ({ status, body }: { status: number; body: { code?: string } }) => [status, body.code];

async function own({ vault, client }: Stage, { id }: Person): Promise<TestClient> {
  return subjectOf(vault, await client('shop_backend'), id);
}

const ask = async (by: TestClient, { id }: Person, kind: string, more: object = {}) =>
  made(await by.post('/v1/requests', { customerId: id, kind, ...more }));

const onBehalf = { asker: 'subject', checked: 'call_back' };

clause(
  'C13',
  {
    shows:
      'a person sees, edits and asks to have deleted by their own token, at any time, and follows what becomes of it',
    in: ['src/vault/customers.ts', 'src/vault/requests.ts', 'src/vault/changes.ts'],
  },
  async (stage) => {
    const someone = await stage.person();
    const subject = await own(stage, someone);
    const path = `/v1/customers/${someone.id}`;
    const seen = made(await subject.get(path), 200);
    expect(seen.fields.givenName).toEqual({ state: 'full', value: someone.sent.fields['givenName'] });
    const email = stage.people.email();
    made(await subject.patch(path, { fields: { email } }, 1), 200);
    expect(made(await subject.get(path), 200).fields.email.value).toBe(email);
    expect((await subject.patch(path, { fields: { email: 'no' } }, 2)).status).toBe(422);
    const { items } = made(await subject.get(`${path}/changes`), 200);
    expect(items).toMatchObject([{ version: 2, by: 'subject', changes: [{ pointer: '/fields/email' }] }]);
    const { id } = await ask(subject, someone, 'erase');
    expect(made(await subject.get(`/v1/requests/${id}`), 200)).toMatchObject({ kind: 'erase', state: 'open' });
    const other = await own(stage, await stage.person());
    for (const foreign of [path, `/v1/requests/${id}`]) expect((await other.get(foreign)).status).toBe(404);
  },
);

clause(
  'C16',
  {
    shows:
      'a person is told which department saw which fields, for what and when; never who, and nothing that is secret',
    in: ['src/vault/accessHistory.ts', 'src/db/accesses.ts'],
  },
  async (stage) => {
    const { vault, client } = stage;
    const [shop, support] = [await client('shop_backend'), await client('support', 'staff-3')];
    const someone = await stage.person();
    const closesAt = new Date(vault.vault.now() + hour).toISOString();
    const ticket = { kind: 'ticket', customerId: someone.id, grantee: { role: 'support' }, closesAt };
    const grant = made(await shop.post('/v1/grants', ticket)).id;
    made(await support.get(`/v1/customers/${someone.id}?grant=${grant}&fields=email`), 200);
    // What the legal desk looks up is in no history.
    made(await (await client('legal_registrar', 'staff-8')).get(`/v1/customers/${someone.id}`), 200);
    const subject = await own(stage, someone);
    const { items } = made(await subject.get(`/v1/customers/${someone.id}/accesses`), 200);
    expect(items[0]).toMatchObject({
      how: 'shown',
      department: { id: 'support', title: 'پشتیبانی' },
      work: { id: 'ticket' },
      full: ['email'],
    });
    expect(Math.abs(Date.parse(items[0].at) - vault.vault.now())).toBeLessThan(hour);
    const text = JSON.stringify(items);
    for (const hidden of ['staff-', support.id, 'legal_registrar']) expect(text).not.toContain(hidden);
    const other = await own(stage, await stage.person());
    expect((await other.get(`/v1/customers/${someone.id}/accesses`)).status).toBe(404);
  },
);

clause(
  'E4',
  {
    shows:
      'the shop deactivates or deletes an account by a decision with who and why; no ordinary read after it, and the rights stay',
    in: ['src/vault/requestDecision.ts', 'src/vault/requestEffects.ts', 'src/db/erasure.ts'],
  },
  async (stage) => {
    const [shop, dpo] = [await stage.client('shop_backend'), await stage.client('dpo', 'staff-9')];
    const someone = await stage.person();
    const note = 'سفارش‌های ساختگی';
    const { id } = await ask(shop, someone, 'deactivate', { asker: 'shop', checked: 'none', note });
    expect(codeOf(await shop.post(`/v1/requests/${id}/decide`, { outcome: 'done' }))).toEqual([403, 'not_permitted']);
    const done = made(await dpo.post(`/v1/requests/${id}/decide`, { outcome: 'done', why: 'تأیید شد' }), 200);
    expect(done).toMatchObject({ state: 'done', decided: { actor: 'staff-9' } });
    expect(made(await dpo.get(`/v1/requests/${id}`), 200)).toMatchObject({ note, why: 'تأیید شد' });
    expect((await shop.get(`/v1/customers/${someone.id}`)).status).toBe(404);
    const consent = { purpose: 'marketing', channels: ['sms'], method: 'agree_button', source: 'web' };
    await shop.post(`/v1/customers/${someone.id}/consents`, { ...consent, textVersion: 'n-1' });
    const offer = { customerId: someone.id, purpose: 'marketing', channel: 'sms', text: 'پیشنهاد ویژه' };
    expect((await (await stage.client('marketing')).post('/v1/messages', offer)).status).not.toBe(202);
    const subject = await own(stage, someone);
    const copy = await ask(subject, someone, 'copy');
    expect(made(await subject.get(`/v1/requests/${copy.id}/copy`), 200).customer.id).toBe(someone.id);
    const leaf = (await leavesOf(dpo, `subject=${someone.id}`)).find(({ rule }) => rule === 'rights.deactivate.done');
    expect(leaf).toMatchObject({ role: 'dpo', actor: 'staff-9' });
  },
);

clause(
  'E21',
  {
    shows: 'a person gets a copy as JSON or a Persian document, once, by their token or a one-time link that ends',
    in: ['src/vault/copies.ts', 'src/vault/copyContent.ts', 'src/vault/copyLinks.ts'],
  },
  async (stage) => {
    const { vault } = stage;
    const someone = await stage.person();
    const subject = await own(stage, someone);
    const first = await ask(subject, someone, 'copy');
    const copy = made(await subject.get(`/v1/requests/${first.id}/copy`), 200);
    const email = copy.customer.items.find(({ field }: { field: string }) => field === 'email');
    expect(email.value).toBe(someone.sent.fields['email']);
    expect(email.purposes.length).toBeGreaterThan(0);
    expect((await subject.get(`/v1/requests/${first.id}/copy`)).status).toBe(409);
    const second = await ask(subject, someone, 'copy');
    const { url } = made(await subject.post(`/v1/requests/${second.id}/link`));
    const open = () =>
      vault.request('POST', '/v1/copies/open', {
        body: JSON.stringify({ link: url.split('#')[1] }),
        headers: { 'content-type': 'application/json' },
      });
    const page = await open();
    expect(page.text).toContain('<html lang="fa" dir="rtl">');
    expect(page.text).toContain(someone.sent.fields['email']);
    expect((await open()).status).toBe(404);
  },
);

clause(
  'E22',
  {
    shows:
      'a person corrects mistakes through their account, under the same checks as the shop, and the state before is kept',
    in: ['src/vault/customerEdit.ts', 'src/vault/changes.ts', 'src/vault/proposal.ts'],
  },
  async (stage) => {
    const someone = await stage.person();
    const subject = await own(stage, someone);
    const path = `/v1/customers/${someone.id}`;
    const wrong = await subject.patch(path, { fields: { iban: 'IR000000000000000000000000' } }, 1);
    expect(codeOf(wrong)).toEqual([422, 'invalid_body']);
    const familyName = 'علی‌زاده';
    made(await subject.patch(path, { fields: { familyName } }, 1), 200);
    const { items } = made(await subject.get(`${path}/changes`), 200);
    expect(items[0].changes).toEqual([
      {
        pointer: '/fields/familyName',
        field: 'familyName',
        before: { state: 'full', value: someone.sent.fields['familyName'] },
        after: { state: 'full', value: familyName },
      },
    ]);
    const masked = made(await (await stage.client('support')).get(`${path}/changes`), 200).items[0].changes[0];
    expect([masked.before.state, masked.after.state]).toEqual(['masked', 'masked']);
  },
);

clause(
  'E23',
  {
    shows:
      'a request is answered done, partly or refused, with the legal reason and the day, and the person hears of each step',
    in: ['src/vault/requestDecision.ts', 'src/vault/requestStep.ts', 'src/vault/erasure.ts'],
  },
  async (stage) => {
    const { vault, client, sent } = stage;
    const [shop, dpo] = [await client('shop_backend'), await client('dpo', 'staff-9')];
    const someone = await stage.person();
    const [email, iban] = [stage.people.email(), stage.people.iban()];
    const from = sent.sms.length;
    const asked = await ask(shop, someone, 'correct', { ...onBehalf, correction: { fields: { email, iban } } });
    expect(Date.parse(asked.dueAt) - Date.parse(asked.asked.at)).toBe(30 * day);
    const bare = await dpo.post(`/v1/requests/${asked.id}/decide`, { outcome: 'refused' });
    expect(codeOf(bare)).toEqual([422, 'field_required']);
    const partly = { outcome: 'partly', reason: 'unfounded', clauses: ['E23'], apply: ['/fields/iban'] };
    const answer = made(await dpo.post(`/v1/requests/${asked.id}/decide`, partly), 200);
    expect(answer).toMatchObject({ state: 'partly', applied: ['/fields/iban'], reason: { clauses: ['E23'] } });
    expect(answer.closedAtJalali).toMatch(/^14\d\d\/\d\d\/\d\d$/);
    await sendDue(vault.vault);
    const steps = sent.sms.slice(from).filter(({ text }) => text.includes(asked.id));
    // Both go out in one round, in whichever order.
    expect(new Set(steps.map(({ text }) => text.split('\n')[0]))).toEqual(
      new Set(['درخواست شما دربارهٔ داده‌هایتان: ثبت شد', 'درخواست شما دربارهٔ داده‌هایتان: بخشی انجام شد']),
    );
    const leave = await ask(shop, someone, 'erase', onBehalf);
    made(await dpo.post(`/v1/requests/${leave.id}/decide`, { outcome: 'done' }), 200);
    await sweepErasures(vault.vault);
    vault.advance(30 * day);
    await sweepErasures(vault.vault);
    const again = await dpo.as('staff-9');
    expect(made(await again.get(`/v1/requests/${leave.id}`), 200).state).toBe('done');
    const { certificate } = made(await again.get(`/v1/requests/${leave.id}/certificate`), 200);
    const key = createPublicKey(vault.vault.keys.exportSigning.privateKey);
    expect(verifyReceipt(key, certificate)).toMatchObject({ requestId: leave.id, kept: [] });
    vault.advance(-30 * day);
  },
);
