import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, hour, leavesOf, made, newPerson, subjectOf, tenantUnder, type Person } from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let dpo: TestClient;
const people = synthetic(733);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-3' });
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

const person = () => newPerson(shop, people.naturalCustomer());
const own = ({ id }: Pick<Person, 'id'>) => subjectOf(vault, shop, id);
const valueOf = async ({ id }: Pick<Person, 'id'>, field: string) =>
  made(await (await own({ id })).get(`/v1/customers/${id}`), 200).fields[field]?.value;
const proposed = async (by: TestClient, { id }: Pick<Person, 'id'>, correction: object, more: object = {}) =>
  by.post('/v1/requests', { customerId: id, kind: 'correct', correction, ...more });
const decide = (id: string, body: object) => dpo.post(`/v1/requests/${id}/decide`, body);
const onBehalf = { asker: 'subject', checked: 'call_back' };

describe('a person corrects their own data (E22, C13)', () => {
  test('by their own token, under the rules of every change; the state before is kept and told', async () => {
    const one = await person();
    const subject = await own(one);
    const path = `/v1/customers/${one.id}`;
    const email = people.email();
    expectRefusal(await subject.patch(path, { fields: { email: 'no' } }, 1), 422, 'invalid_body', '/fields/email');
    expectRefusal(await subject.patch(path, { externalRef: 'C-9' }, 1), 422, 'invalid_body', '/externalRef');
    expectRefusal(await subject.patch(path, { guest: true }, 1), 422, 'invalid_body', '/guest');
    expect((await subject.patch(path, { fields: { email } }, 7)).status).toBe(412);
    expect((await subject.patch(`/v1/customers/${(await person()).id}`, { fields: { email } }, 1)).status).toBe(404);
    made(await subject.patch(path, { fields: { email } }, 1), 200);
    expect(await valueOf(one, 'email')).toBe(email);
    const { items } = made(await subject.get(`${path}/changes`), 200);
    expect(items).toMatchObject([
      {
        version: 2,
        by: 'subject',
        changes: [
          {
            pointer: '/fields/email',
            field: 'email',
            before: { state: 'full', value: one.sent.fields['email'] },
            after: { state: 'full', value: email },
          },
        ],
      },
    ]);
    const leaf = (await leavesOf(dpo, `subject=${one.id}`)).find(({ rule }) => rule === 'rights.correct.self');
    expect(leaf).toMatchObject({ action: 'customers.patch', role: 'subject', recordVersion: 2 });
  });

  test('what became of it, page by page: values to the person, masks to the others', async () => {
    const one = await person();
    const path = `/v1/customers/${one.id}`;
    const [phone] = made(await shop.get(path), 200).phones;
    const number = people.mobile();
    made(await shop.patch(path, { fields: { iban: null } }, 1), 200);
    made(await shop.patch(path, { phones: [{ id: phone.id, number }] }, 2), 200);
    const list = async (by: TestClient, query = '') => made(await by.get(`${path}/changes${query}`), 200);
    const subject = await own(one);
    const all = (await list(subject)).items;
    expect(all.map(({ version }: { version: number }) => version)).toEqual([3, 2]);
    expect(all[1].changes).toEqual([
      { pointer: '/fields/iban', field: 'iban', before: { state: 'full', value: one.sent.fields['iban'] } },
    ]);
    const [first] = [await list(subject, '?limit=1')];
    expect(first.items).toEqual(all.slice(0, 1));
    expect((await list(subject, `?limit=1&cursor=${first.nextCursor}`)).items).toEqual(all.slice(1));
    for (const by of [shop, support, dpo]) {
      const text = JSON.stringify((await list(by)).items);
      expect(text).toContain('"masked"');
      for (const value of [number.slice(1), one.sent.fields['iban']]) expect(text).not.toContain(value);
    }
    expect((await (await own(await person())).get(`${path}/changes`)).status).toBe(404);
  });

  test('not where the policy keeps it to the shop; what is replaced shows no longer than the policy keeps it', async () => {
    const strict = await tenantUnder(vault, {
      'rights.correct.bySelf': false,
      'rights.correct.keepsHistory': false,
    });
    const theirs = await strict.client('shop_backend');
    const one = await newPerson(theirs, people.naturalCustomer());
    const subject = await subjectOf(vault, theirs, one.id);
    const email = people.email();
    expectRefusal(await subject.patch(`/v1/customers/${one.id}`, { fields: { email } }, 1), 403, 'not_permitted');
    made(await theirs.patch(`/v1/customers/${one.id}`, { fields: { email } }, 1), 200);
    // The row of the former state is there until the sweep; nothing shows it.
    expect(made(await subject.get(`/v1/customers/${one.id}/changes`), 200).items).toEqual([]);
  });
});

describe('a correction that is proposed', () => {
  test('is checked, kept sealed, seen in full by the person alone, and applied when it is granted', async () => {
    const one = await person();
    const [email, iban] = [people.email(), people.iban()];
    const faulty = await proposed(support, one, { fields: { email: 'no' } }, onBehalf);
    expectRefusal(faulty, 422, 'invalid_body', '/correction/fields/email');
    expectRefusal(await proposed(support, one, {}, onBehalf), 422, 'invalid_body', '/correction');
    expectRefusal(
      await proposed(support, one, { fields: { nickname: 'x' } }, onBehalf),
      422,
      'field_not_declared',
      '/correction/fields/nickname',
    );
    const { id } = made(await proposed(support, one, { fields: { email, iban } }, onBehalf));
    expect(await valueOf(one, 'email'), 'nothing is applied yet').toBe(one.sent.fields['email']);
    const seen = async (by: TestClient) => made(await by.get(`/v1/requests/${id}`), 200).correction;
    expect(await seen(await own(one))).toEqual({
      version: 1,
      proposed: [
        { pointer: '/fields/email', value: { state: 'full', value: email } },
        { pointer: '/fields/iban', value: { state: 'full', value: iban } },
      ],
    });
    for (const by of [support, dpo, shop]) expect(JSON.stringify(await seen(by))).not.toContain(email);
    const [row] = await atDatabase<{ row: string }>(
      vault,
      'select r::text as row from amanat.requests r where id = $1',
      [id],
    );
    expect(row?.row).not.toContain(Buffer.from(email).toString('hex'));
    expect(made(await decide(id, { outcome: 'done' }), 200)).toMatchObject({
      state: 'done',
      applied: ['/fields/email', '/fields/iban'],
    });
    expect([await valueOf(one, 'email'), await valueOf(one, 'iban')]).toEqual([email, iban]);
    const found = made(await shop.post('/v1/customers/search', { by: 'email', value: email }), 200).matches;
    expect(found.map((match: { id: string }) => match.id)).toEqual([one.id]);
    const leaves = await leavesOf(dpo, `subject=${one.id}`);
    expect(leaves.map(({ rule }) => rule)).toEqual(expect.arrayContaining(['rights.correct', 'rights.correct.done']));
    const [edit] = made(await (await own(one)).get(`/v1/customers/${one.id}/changes`), 200).items;
    expect(edit).toMatchObject({ version: 2, by: 'dpo' });
  });

  test('partly: the parts that are named, and no others', async () => {
    const one = await person();
    const [email, iban] = [people.email(), people.iban()];
    const { id } = made(await proposed(await own(one), one, { fields: { email, iban } }));
    const partly = { outcome: 'partly', reason: 'unfounded', clauses: ['E23'] };
    expectRefusal(await decide(id, partly), 422, 'field_required', '/apply');
    expectRefusal(await decide(id, { ...partly, apply: ['/phones'] }), 422, 'invalid_body', '/apply/0');
    expectRefusal(
      await decide(id, { ...partly, apply: ['/fields/iban', '/fields/email'] }),
      422,
      'invalid_body',
      '/apply',
    );
    const done = made(await decide(id, { ...partly, apply: ['/fields/iban'] }), 200);
    expect(done).toMatchObject({ state: 'partly', applied: ['/fields/iban'], reason: { code: 'unfounded' } });
    expect([await valueOf(one, 'email'), await valueOf(one, 'iban')]).toEqual([one.sent.fields['email'], iban]);
  });

  test('refused, or taken back before anybody decided: nothing changes', async () => {
    const one = await person();
    const subject = await own(one);
    const { id } = made(await proposed(subject, one, { fields: { email: people.email() } }));
    made(await decide(id, { outcome: 'refused', reason: 'unfounded', clauses: ['E23'] }), 200);
    const other = made(await proposed(subject, one, { fields: { email: people.email() } })).id;
    const third = (await own(await person())).post(`/v1/requests/${other}/withdraw`);
    expect((await third).status).toBe(404);
    expect(made(await subject.post(`/v1/requests/${other}/withdraw`), 200)).toMatchObject({
      state: 'withdrawn',
      stateText: 'پس گرفته شد',
    });
    expectRefusal(await decide(other, { outcome: 'done' }), 409, 'conflict');
    expectRefusal(await subject.post(`/v1/requests/${id}/withdraw`), 409, 'conflict');
    expect(await valueOf(one, 'email')).toBe(one.sent.fields['email']);
  });

  test('on a customer who has changed since only with the version that was looked at', async () => {
    const one = await person();
    const { id } = made(await proposed(await own(one), one, { fields: { email: people.email() } }));
    made(await shop.patch(`/v1/customers/${one.id}`, { fields: { iban: null } }, 1), 200);
    expectRefusal(await decide(id, { outcome: 'done' }), 412, 'precondition_failed');
    expectRefusal(await decide(id, { outcome: 'done', version: 1 }), 412, 'precondition_failed');
    made(await decide(id, { outcome: 'done', version: 2 }), 200);
    expect(await valueOf(one, 'iban'), 'what was changed meanwhile stays').toBeUndefined();
  });

  test('an identifier that somebody took meanwhile: named, and nothing of it applied', async () => {
    const [one, quick] = [await person(), await person()];
    const nationalId = people.nationalId();
    const { id } = made(await proposed(await own(one), one, { fields: { nationalId, email: people.email() } }));
    made(await shop.patch(`/v1/customers/${quick.id}`, { fields: { nationalId } }, 1), 200);
    expectRefusal(await decide(id, { outcome: 'done' }), 409, 'already_exists', '/fields/nationalId');
    expect(made(await dpo.get(`/v1/requests/${id}`), 200).state).toBe('open');
    const partly = { outcome: 'partly', reason: 'unfounded', clauses: ['E23'], apply: ['/fields/email'] };
    made(await decide(id, partly), 200);
    expect(await valueOf(one, 'nationalId')).toBe(one.sent.fields['nationalId']);
  });

  test('two who decide at once: one edit', async () => {
    const one = await person();
    const { id } = made(await proposed(await own(one), one, { fields: { email: people.email() } }));
    const answers = await Promise.all(Array.from({ length: 6 }, () => decide(id, { outcome: 'done' })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.every(({ status }) => [200, 409, 412].includes(status))).toBe(true);
    expect(made(await shop.get(`/v1/customers/${one.id}`), 200).version).toBe(2);
  });

  test('of one who is frozen, deactivated or gone', async () => {
    const one = await person();
    const subject = await own(one);
    const { id } = made(await proposed(subject, one, { fields: { email: people.email() } }));
    made(await support.post('/v1/misuse-reports', { customerId: one.id, text: 'کسی وارد حساب من شده است' }));
    expectRefusal(await decide(id, { outcome: 'done' }), 409, 'conflict');
    expectRefusal(
      await subject.patch(`/v1/customers/${one.id}`, { fields: { email: people.email() } }, 1),
      409,
      'conflict',
    );

    const idle = await person();
    const asked = made(await proposed(await own(idle), idle, { fields: { email: people.email() } })).id;
    const off = made(await shop.post('/v1/requests', { customerId: idle.id, kind: 'deactivate', ...onBehalf })).id;
    made(await decide(off, { outcome: 'done' }), 200);
    expect(made(await decide(asked, { outcome: 'done' }), 200).state, 'the rights stay').toBe('done');

    const gone = await person();
    const late = made(await proposed(await own(gone), gone, { fields: { email: people.email() } })).id;
    const leave = made(await shop.post('/v1/requests', { customerId: gone.id, kind: 'erase', ...onBehalf })).id;
    made(await decide(leave, { outcome: 'done' }), 200);
    expectRefusal(await decide(late, { outcome: 'done' }), 409, 'conflict');
    expect(made(await dpo.get(`/v1/requests/${late}`), 200).correction).toBeUndefined();
    await sweepErasures(vault.vault);
    const [row] = await atDatabase<{ empty: boolean }>(
      vault,
      'select proposal is null as empty from amanat.requests where id = $1',
      [late],
    );
    expect(row?.empty).toBe(true);
  });

  test('a proposal that somebody moved to another request does not open', async () => {
    const one = await person();
    const { id } = made(await proposed(await own(one), one, { fields: { email: people.email() } }));
    const { id: second } = made(await proposed(await own(one), one, { fields: { iban: people.iban() } }));
    const swap =
      'update amanat.requests r set proposal = o.proposal from amanat.requests o where r.id = $1 and o.id = $2';
    await atDatabase(vault, swap, [id, second]);
    expect((await decide(id, { outcome: 'done' })).body.code).toBe('integrity_failure');
    made(await decide(second, { outcome: 'done' }), 200);
  });
});

describe('an objection', () => {
  const closesAt = () => new Date(vault.vault.now() + hour).toISOString();
  const ticket = (customerId: string) => ({
    kind: 'ticket',
    customerId,
    grantee: { role: 'support' },
    closesAt: closesAt(),
  });
  const objectTo = (by: TestClient, customerId: string, purpose: string) =>
    by.post('/v1/requests', { customerId, kind: 'object', purpose });
  const reads = async (id: string, grant: string) =>
    made(await support.get(`/v1/customers/${id}?grant=${grant}&fields=mobile`), 200).phones[0].number;

  test('closes its purpose to everybody, says why, and is lifted by the person', async () => {
    const [one, twin] = [await person(), await person()];
    const subject = await own(one);
    const grant = made(await shop.post('/v1/grants', ticket(one.id))).id;
    const counted = made(await shop.post('/v1/grants', { ...ticket(one.id), maxReads: 5 })).id;
    const theirs = made(await shop.post('/v1/grants', ticket(twin.id))).id;
    expect((await reads(one.id, grant)).state, 'control').toBe('full');
    const { id, state } = made(await objectTo(subject, one.id, 'support'));
    expect(state).toBe('open');
    made(await decide(id, { outcome: 'done' }), 200);
    for (const named of [grant, counted])
      expect(await reads(one.id, named)).toMatchObject({ state: 'masked', reason: 'consent' });
    expect((await reads(twin.id, theirs)).state).toBe('full');
    expect(made(await shop.get(`/v1/grants/${grant}`), 200).status).toBe('closed');
    expectRefusal(await shop.post('/v1/grants', ticket(one.id)), 403, 'consent_required');
    const leaf = (await leavesOf(dpo, `grant=${grant}`)).find(({ action }) => action === 'customers.read');
    expect(leaf).toMatchObject({ full: [], masked: ['mobile'] });
    // Whoever opens the grant again in the table opens nothing.
    await atDatabase(vault, 'update amanat.grants set closed_at = null, closed_reason = null where id = any ($1)', [
      [grant, counted],
    ]);
    for (const named of [grant, counted])
      expect(await reads(one.id, named)).toMatchObject({ state: 'masked', reason: 'consent' });
    // Another purpose stays open.
    made(await shop.post('/v1/grants', { ...ticket(one.id), kind: 'inquiry' }));

    expect(made(await subject.post(`/v1/requests/${id}/withdraw`), 200).state).toBe('withdrawn');
    const again = made(await shop.post('/v1/grants', ticket(one.id))).id;
    expect((await reads(one.id, again)).state).toBe('full');
    expectRefusal(await subject.post(`/v1/requests/${id}/withdraw`), 409, 'conflict');
  });

  test('made twice stands until both are taken back; and nobody takes back for a person what they asked by their own token', async () => {
    const one = await person();
    const subject = await own(one);
    const ids: string[] = [];
    for (let n = 0; n < 2; n += 1) {
      ids.push(made(await objectTo(subject, one.id, 'support')).id);
      made(await decide(ids[n] ?? '', { outcome: 'done' }), 200);
    }
    for (const by of [shop, support])
      expectRefusal(await by.post(`/v1/requests/${ids[0]}/withdraw`), 403, 'not_permitted');
    made(await subject.post(`/v1/requests/${ids[0]}/withdraw`), 200);
    expectRefusal(await shop.post('/v1/grants', ticket(one.id)), 403, 'consent_required');
    made(await subject.post(`/v1/requests/${ids[1]}/withdraw`), 200);
    made(await shop.post('/v1/grants', ticket(one.id)));
    // Two at once: the purpose is open when both are gone, and not before.
    for (let n = 0; n < 2; n += 1) {
      ids[n] = made(await objectTo(subject, one.id, 'support')).id;
      made(await decide(ids[n] ?? '', { outcome: 'done' }), 200);
    }
    const both = await Promise.all(ids.map((id) => subject.post(`/v1/requests/${id}/withdraw`)));
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    made(await shop.post('/v1/grants', ticket(one.id)));
    const asked = { customerId: one.id, kind: 'object', purpose: 'support', asker: 'subject', checked: 'call_back' };
    const spoken = made(await shop.post('/v1/requests', asked)).id;
    made(await support.post(`/v1/requests/${spoken}/withdraw`), 200);
  });

  test('to what the law or the contract demands is refused at once, with the reason and the clauses', async () => {
    const one = await person();
    const subject = await own(one);
    const legal = made(await objectTo(subject, one.id, 'invoice'));
    expect(legal).toMatchObject({
      state: 'refused',
      reason: { code: 'required_by_law', text: 'به موجب قانون لازم است', clauses: ['D'] },
    });
    expect(legal.closedAt).toBeDefined();
    const contract = made(await objectTo(subject, one.id, 'shipping'));
    expect(contract).toMatchObject({ state: 'refused', reason: { code: 'needed_for_contract' } });
    expectRefusal(await decide(legal.id, { outcome: 'done' }), 409, 'conflict');
  });

  test('granted while work is being opened: one comes first, and nothing is open after it', async () => {
    const one = await person();
    const { id } = made(await objectTo(await own(one), one.id, 'support'));
    const answers = await Promise.all([
      ...Array.from({ length: 6 }, () => shop.post('/v1/grants', ticket(one.id))),
      decide(id, { outcome: 'done' }),
      ...Array.from({ length: 6 }, () => shop.post('/v1/grants', ticket(one.id))),
    ]);
    expect(answers.every(({ status }) => [200, 201, 403].includes(status))).toBe(true);
    const [left] = await atDatabase<{ open: number }>(
      vault,
      `select count(*)::int as open from amanat.grants where customer_id = $1 and closed_at is null`,
      [one.id],
    );
    expect(left?.open).toBe(0);
  });
});
