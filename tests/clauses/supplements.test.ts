import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { sendDue } from '../../src/vault/outbox.ts';
import { day, hour, made, newOrder, newPerson, subjectOf } from '../support/work.ts';
import { customerUnder } from '../support/profiles.ts';
import { clause, type Stage } from './clause.ts';

/** How data come, what contact points are taken for, and what more may be asked. */

const named = async ({ people, profile, client }: Stage, more: object = {}) =>
  newPerson(await client('shop_backend'), { ...customerUnder(profile, people.naturalCustomer()), ...more });
const pointsOf = async ({ client }: Stage, id: string, query = '') =>
  made(await (await client('support', 'staff-7')).get(`/v1/customers/${id}/contact-points${query}`), 200).items;
const copyOf = async ({ vault, client }: Stage, customerId: string) => {
  const own = await subjectOf(vault, await client('shop_backend'), customerId);
  const { id } = made(await own.post('/v1/requests', { customerId, kind: 'copy' }));
  return made(await own.get(`/v1/requests/${id}/copy`), 200);
};
const factOf = (record: { facts: { name: string; value: unknown }[] }, name: string) =>
  record.facts.find((fact) => fact.name === name)?.value;

clause(
  'D3',
  {
    shows: 'an order is taken of whom has an address, a phone and an e-mail address, and what is lacking is named',
    in: ['src/policy/items.ts', 'src/vault/orderDelivery.ts'],
  },
  async (stage) => {
    const shop = await stage.client('shop_backend');
    const full = await named(stage);
    await newOrder(shop, full);
    const drawn = customerUnder(stage.profile, stage.people.naturalCustomer());
    const { email: _none, ...fields } = drawn.fields;
    const lacking = await named(stage, { ...drawn, fields, phones: [] });
    const delivery = { to: 'customer', addressId: lacking.addressId };
    const refused = await shop.post('/v1/orders', { customerId: lacking.id, externalRef: 'O-1', delivery });
    expect([refused.status, refused.body.code]).toEqual([422, 'field_required']);
    expect(refused.body.errors.map(({ code }: { code: string }) => code).toSorted()).toEqual([
      'email_required',
      'mobile_required',
    ]);
    // A landline is a phone as well.
    const phones = [{ kind: 'landline', number: stage.people.landline() }];
    await newOrder(shop, await named(stage, { phones }));
  },
);

clause(
  'D9',
  {
    shows: 'contact points are official, one primary of each kind, and former ones are kept and never sent to',
    in: ['src/vault/contactPointList.ts', 'src/vault/contactPoints.ts'],
  },
  async (stage) => {
    const { vault, client, sent } = stage;
    const [shop, support] = [await client('shop_backend'), await client('support', 'staff-7')];
    const someone = await named(stage);
    const email = `n-${someone.id.slice(-8)}@example.com`;
    made(await shop.patch(`/v1/customers/${someone.id}`, { fields: { email } }, 1), 200);
    const closesAt = new Date(vault.vault.now() + hour).toISOString();
    const ticket = { kind: 'ticket', customerId: someone.id, grantee: { role: 'support' }, closesAt };
    const grant = made(await shop.post('/v1/grants', ticket));
    const points = await pointsOf(stage, someone.id, `?grant=${grant.id}`);
    const emails = points.filter((point: { field: string }) => point.field === 'email');
    expect(emails).toMatchObject([
      { kind: 'official', primary: true, value: { state: 'full', value: email } },
      { kind: 'former', value: { state: 'full', value: someone.sent.fields['email'] }, until: expect.any(String) },
    ]);
    // One is the primary of its kind, whoever writes: of two that say so neither is taken.
    const [mobile, second] = [stage.people.mobile(), stage.people.mobile()];
    const both = (primary: boolean) => ({
      phones: [
        { kind: 'mobile', number: mobile, primary: true },
        { kind: 'mobile', number: second, primary },
      ],
    });
    const refused = await shop.patch(`/v1/customers/${someone.id}`, both(true), 2);
    expect(refused.body.errors).toEqual([{ pointer: '/phones', code: 'more_than_one_primary' }]);
    made(await shop.patch(`/v1/customers/${someone.id}`, both(false), 2), 200);
    const mobiles = (await pointsOf(stage, someone.id)).filter(
      ({ field, kind }: { field: string; kind: string }) => field === 'mobile' && kind === 'official',
    );
    expect(mobiles.map(({ primary }: { primary: boolean }) => primary)).toEqual([true, false]);
    const message = {
      customerId: someone.id,
      purpose: 'correspondence',
      channel: 'email',
      subject: 'سفارش',
      text: 'آماده است.',
    };
    made(await support.post('/v1/messages', message), 202);
    await sendDue(vault.vault);
    expect(sent.email.at(-1)?.to).toBe(email);
    const found = await shop.post('/v1/customers/search', { by: 'email', value: someone.sent.fields['email'] });
    expect(made(found, 200).matches).toEqual([]);
  },
);

clause(
  'D11',
  {
    shows:
      'what a customer enters is deemed confirmed, which is not verified; support confirms with the reference of a call',
    in: ['src/vault/assurance.ts', 'src/vault/verification.ts'],
  },
  async (stage) => {
    const { vault, client, sent } = stage;
    const [shop, support] = [await client('shop_backend'), await client('support', 'staff-7')];
    const assuranceOf = async (id: string) =>
      (await pointsOf(stage, id)).find((point: { id: string }) => point.id === 'email').assurance;
    const entered = await named(stage);
    expect(await assuranceOf(entered.id)).toMatchObject({
      level: 'deemed_confirmed',
      at: expect.any(String),
      by: { clientId: shop.id },
    });
    const byPhone = await named(stage, { source: 'phone' });
    expect(await assuranceOf(byPhone.id)).toEqual({ level: 'unconfirmed' });
    const path = `/v1/customers/${byPhone.id}/contact-points`;
    const bare = await support.post(`${path}/confirm`, { contactPoint: 'email' });
    expect(bare.body.errors).toEqual([{ pointer: '/callReference', code: 'field_required' }]);
    made(await support.post(`${path}/confirm`, { contactPoint: 'email', callReference: 'call-1' }), 200);
    expect(await assuranceOf(byPhone.id)).toMatchObject({ level: 'deemed_confirmed', by: { actor: 'staff-7' } });
    made(await shop.post(`${path}/verification`, { contactPoint: 'email' }), 202);
    await sendDue(vault.vault);
    const code = /\d{6}/.exec(sent.email.at(-1)?.text ?? '')?.[0] ?? '';
    made(await shop.post(`${path}/verification/confirm`, { contactPoint: 'email', code }), 200);
    expect(await assuranceOf(byPhone.id)).toMatchObject({ level: 'verified', basis: 'code' });
    const [point] = (await copyOf(stage, byPhone.id)).contactPoints;
    expect(factOf(point, 'assurance')).toBe('verified');
  },
);

clause(
  'D12',
  {
    shows:
      'a customer is asked for more only after a failed check, for the certainty of that order, by a day; the answers serve it alone',
    in: ['src/vault/supplementaryRequests.ts', 'src/vault/failedCheck.ts', 'src/vault/supplementaryAnswers.ts'],
  },
  async (stage) => {
    const { vault, client } = stage;
    const [shop, support] = [await client('shop_backend'), await client('support', 'staff-7')];
    const someone = await named(stage);
    const orderId = await newOrder(shop, someone);
    const dueAt = new Date(vault.vault.now() + day).toISOString();
    const ask = (check: object) =>
      support.post('/v1/supplementary-requests', { orderId, check, asks: ['nationalId', 'clarification'], dueAt });
    const match = { kind: 'match_failed', fields: ['nationalId'] };
    const right = await ask({ ...match, value: someone.sent.fields['nationalId'] });
    expect([right.status, right.body.errors]).toEqual([409, [{ pointer: '/check/kind', code: 'not_failed' }]]);
    const nationalId = stage.people.nationalId();
    const request = made(await ask({ ...match, value: nationalId }));
    expect(request).toMatchObject({
      state: 'open',
      purpose: 'order_certainty',
      reason: { text: 'اطمینان از سفارش' },
      check: { kind: 'match_failed', fields: ['nationalId'], foundBy: 'vault' },
    });
    const own = await subjectOf(vault, shop, someone.id);
    const answers = { nationalId, clarification: 'کد ملی را اشتباه نوشته بودم' };
    made(await own.post(`/v1/supplementary-requests/${request.id}/answers`, { answers }), 200);
    const read = made(await support.get(`/v1/supplementary-requests/${request.id}`), 200);
    expect(read.answers.clarification).toEqual({ state: 'full', value: answers.clarification });
    const found = await shop.post('/v1/customers/search', { by: 'nationalId', value: nationalId });
    expect(made(found, 200).matches).toEqual([]);
    const [copied] = (await copyOf(stage, someone.id)).supplementaryRequests;
    expect(factOf(copied, 'nationalId')).toBe(nationalId);
    made(await support.post(`/v1/supplementary-requests/${request.id}/close`), 200);
    const closed = made(await support.get(`/v1/supplementary-requests/${request.id}`), 200);
    expect(closed.answers.nationalId).toEqual({ state: 'withheld', reason: 'expired' });
  },
);

clause(
  'E1',
  {
    shows:
      'each value tells by which way it came, and a record that holds what came another way says that the text does not cover it',
    in: ['src/vault/submission.ts', 'src/vault/customerView.ts'],
  },
  async (stage) => {
    const shop = await stage.client('shop_backend');
    const drawn = () => customerUnder(stage.profile, stage.people.naturalCustomer());
    for (const source of ['web', 'phone', 'in_person', 'import'] as const) {
      const { id, warnings } = made(await shop.post('/v1/customers', { ...drawn(), source }));
      const covered = stage.profile.sources[source].covered;
      expect(covered).toBe(source === 'web');
      expect(warnings.some(({ code }: { code: string }) => code === 'source_not_covered')).toBe(!covered);
      expect(made(await shop.get(`/v1/customers/${id}`), 200)).toMatchObject({ source, policyCovers: covered });
    }
    const { id } = await named(stage);
    made(await shop.patch(`/v1/customers/${id}`, { source: 'phone', fields: { familyName: 'نمونه' } }, 1), 200);
    const { submissions } = await copyOf(stage, id);
    expect(submissions.map((one: never) => [factOf(one, 'source'), factOf(one, 'covered')])).toEqual([
      ['phone', false],
      ['web', true],
    ]);
  },
);

clause(
  'E3',
  {
    shows: 'the person’s word that the data are true is stored with what it was said of: which sentence, when and how',
    in: ['src/vault/submission.ts', 'src/vault/customerSeal.ts'],
  },
  async (stage) => {
    const { vault, profile, people, client } = stage;
    const shop = await client('shop_backend');
    const textSha256 = createHash('sha256').update(profile.attestation.text.fa).digest('hex');
    const policy = made(await vault.request('GET', `/v1/tenants/${vault.tenantId}/policies/1`), 200);
    expect(policy.attestation).toEqual({ text: profile.attestation.text, sha256: textSha256 });
    const drawn = customerUnder(profile, people.naturalCustomer());
    const other = { textSha256: '00'.repeat(32), method: 'agree_button' };
    const refused = await shop.post('/v1/customers', { ...drawn, attestation: other });
    expect(refused.body.errors).toEqual([{ pointer: '/attestation/textSha256', code: 'not_in_force' }]);
    const at = new Date(vault.vault.now() - hour).toISOString();
    const said = { textSha256, method: 'agree_button', at };
    const { id } = made(await shop.post('/v1/customers', { ...drawn, attestation: said }));
    const [submission] = (await copyOf(stage, id)).submissions;
    expect([factOf(submission, 'attested'), factOf(submission, 'attestedAt')]).toEqual([true, at]);
  },
);
