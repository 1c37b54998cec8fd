import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { fields as allFields, type Field } from '../../src/policy/profile.ts';
import { hold } from '../support/holds.ts';
import { customerUnder } from '../support/profiles.ts';
import { statesOf } from '../support/shown.ts';
import { undertaken } from '../support/undertakings.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { bytesOf, leavesOf, made, newOrder, newPerson, type Person } from '../support/work.ts';
import { shipped, shippedNames, type ShippedName } from '../unit/policy/shipped.ts';
import { expectRefusal, legalDesk, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
const people = synthetic(1201);
const tenants = {} as Record<ShippedName, Pick<TestVault, 'client' | 'admin'>>;
const clients = {} as Record<ShippedName, Record<string, TestClient>>;
const readers = ['support', 'after_sales', 'accounting', 'legal_registrar'] as const;

beforeAll(async () => {
  vault = await startVault();
  for (const name of shippedNames) {
    tenants[name] = name === 'kalak' ? vault : await vault.secondTenant(name);
    clients[name] = {};
    for (const role of ['shop_backend', 'dpo', ...readers]) {
      const declared = Object.hasOwn(shipped[name].departments, role);
      if (declared) clients[name][role] = await tenants[name].client(role, { actor: 'staff-1' });
    }
  }
});
afterAll(() => vault.stop());

const explain = (by: TestClient, question: object) => by.post('/v1/policy/explain', question);
const client = (role: string, name: ShippedName = 'kalak'): TestClient => {
  const found = clients[name][role];
  if (found === undefined) throw new Error(`${name} has no ${role}`);
  return found;
};

/** Grants of every kind that the policy opens for this reader, in every state that a grant can be in. */
async function grantsOf(name: ShippedName, reader: string, person: Person, other: Person) {
  const counted = new Set<string | undefined>();
  const shop = client('shop_backend', name);
  const order = await newOrder(shop, person);
  const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
  const open = async (terms: object): Promise<string | undefined> => {
    const answer = await shop.post('/v1/grants', {
      customerId: person.id,
      grantee: { role: reader },
      closesAt,
      ...terms,
    });
    return answer.status === 201 ? answer.body.id : undefined;
  };
  const ids: (string | undefined)[] = [];
  for (const [kind, rule] of Object.entries(shipped[name].grantKinds)) {
    if (!rule.grantees.includes(reader) || kind === 'legal_order' || kind === 'shipment') continue;
    const narrow = rule.fields.slice(0, 2);
    ids.push(
      await open({ kind }),
      await open({ kind, orderId: order }),
      await open({ kind, orderId: order, fields: narrow }),
    );
    const once = await open({ kind, orderId: order, maxReads: 1 });
    counted.add(once);
    ids.push(once);
    const closed = await open({ kind, orderId: order });
    if (closed !== undefined) made(await shop.post(`/v1/grants/${closed}/close`), 200);
    ids.push(closed, await open({ kind, orderId: order, actor: 'staff-9' }));
    ids.push(await open({ kind, customerId: other.id }));
    ids.push(await open({ kind, orderId: order, grantee: { clientId: client('dpo', name).id } }));
  }
  return { ids: ids.filter((id) => id !== undefined), counted };
}

describe('an explanation and the read it explains', () => {
  test.each(shippedNames)('%s: are the same, for every reader and grant', async (name) => {
    const shop = client('shop_backend', name);
    const draw = () => newPerson(shop, customerUnder(shipped[name], people.naturalCustomer()));
    const [person, other] = [await draw(), await draw()];
    const seen = { full: 0, cells: 0, refused: 0 };
    for (const reader of [...readers, 'dpo', 'shop_backend'].filter((role) => clients[name][role] !== undefined)) {
      const own = client(reader, name);
      const { ids, counted } = await grantsOf(name, reader, person, other);
      for (const grantId of [undefined, ...ids]) {
        const named = grantId === undefined ? {} : { grantId };
        // Twice where the grant counts its reads: the second finds it used up.
        for (const _ of counted.has(grantId) ? [1, 2] : [1]) {
          const asked = { act: 'read', clientId: own.id, actor: 'staff-1', customerId: person.id, ...named };
          const told = made(await explain(client('dpo', name), asked), 200);
          const query = grantId === undefined ? '' : `?grant=${grantId}`;
          let answer = await own.get(`/v1/customers/${person.id}${query}`);
          expect(answer.status === 403, 'refused as a whole').toBe(told.outcome === 'refused');
          if (answer.status === 403) {
            seen.refused += 1;
            expect(told).toMatchObject({ code: answer.body.code, wouldHaveToChange: [{ step: 'record_undertaking' }] });
            await undertaken(client('dpo', name), 'staff-1');
            await vault.vault.watch.lookAnew();
            answer = await own.get(`/v1/customers/${person.id}${query}`);
          }
          const read = made(answer, 200);
          for (const [field, state] of statesOf(read)) {
            const cell = told.fields.find((one: { field: Field }) => one.field === field);
            // The explanation was asked for before the undertaking; the fields are the same.
            expect({ field, state: cell.state, reason: cell.reason }, reader).toEqual({ field, ...state });
            expect(cell.wouldHaveToChange.length > 0, field).toBe(cell.state !== 'full');
            seen.cells += 1;
            if (cell.state === 'full') seen.full += 1;
          }
        }
      }
    }
    // Where staff have to undertake first, the first to ask had not.
    expect(seen.refused).toBe(shipped[name].staffUndertaking?.demanded === true ? 1 : 0);
    // The control: both kinds of cell were there to be told apart.
    expect(seen.full).toBeGreaterThan(5);
    expect(seen.cells - seen.full).toBeGreaterThan(20);
  });

  test('what would have to change, changed, shows the value', async () => {
    const person = await newPerson(client('shop_backend'), people.naturalCustomer());
    const asked = { act: 'read', role: 'support', customerId: person.id, fields: ['mobile', 'address', 'nationalId'] };
    const told = made(await explain(client('dpo'), asked), 200);
    const [mobile, address, nationalId] = told.fields;
    const steps = (one: { wouldHaveToChange: { step: string; kind?: string }[] }) =>
      one.wouldHaveToChange.map(({ step, kind }) => (kind === undefined ? step : `${step} ${kind}`));
    expect(steps(mobile)).toEqual(['open_grant ticket', 'open_grant inquiry', 'new_policy_version']);
    expect(steps(nationalId)).toEqual(['new_policy_version']);
    expect(mobile.rules).toMatchObject([{ pointer: '/access/mobile/support', clauses: ['E9', 'E20'] }]);
    const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
    const ticket = { kind: 'ticket', customerId: person.id, grantee: { role: 'support' }, closesAt };
    const { id: grantId } = made(await client('shop_backend').post('/v1/grants', ticket));
    const [open, place] = made(await explain(client('dpo'), { ...asked, grantId }), 200).fields;
    expect(open.state).toBe('full');
    expect(open.rules.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/access/mobile/support',
      '/grantKinds/ticket',
    ]);
    expect(steps(place)).toEqual(['name_order ticket', 'new_policy_version']);
    expect(address.reason).toBe('no_grant');
  });

  test('quotes the policy’s own sentences beside the clauses, and opens nothing', async () => {
    const person = await newPerson(client('shop_backend'), people.naturalCustomer());
    const before = vault.vault.keyring.unwraps();
    const asked = { act: 'read', role: 'support', customerId: person.id, fields: ['mobile'] };
    const told = made(await explain(client('dpo'), asked), 200);
    expect(vault.vault.keyring.unwraps()).toBe(before);
    expect(told.fields[0].rules[0].quotes).toContainEqual({
      clause: 'E9',
      sentence: 'اطلاعات مشابهی از شما جهت رسیدگی مناسب درخواست نماید',
    });
    const numbers = person.sent.phones.map(({ number }) => number.slice(-7));
    for (const number of numbers) expect(JSON.stringify(told)).not.toContain(number);
    const [leaf] = await leavesOf(client('dpo'), `subject=${person.id}`);
    expect(leaf).toMatchObject({ action: 'policies.explain', full: [], masked: [] });
  });
});

describe('who may ask', () => {
  test('departments about themselves, the administrator about nobody, the shop not about orders', async () => {
    const person = await newPerson(client('shop_backend'), people.naturalCustomer());
    const about = { act: 'read', customerId: person.id };
    const support = client('support');
    expect((await explain(support, about)).status).toBe(200);
    expectRefusal(await explain(support, { ...about, role: 'accounting' }), 403, 'not_permitted', '/role');
    expectRefusal(await explain(support, { ...about, clientId: client('dpo').id }), 403, 'not_permitted');
    expectRefusal(await explain(vault.admin, about), 403, 'not_permitted', '/customerId');
    const policy = made(await explain(vault.admin, { act: 'read', role: 'support', work: { kind: 'ticket' } }), 200);
    expect(policy.fields.find(({ field }: { field: Field }) => field === 'mobile').state).toBe('full');
    const order = { act: 'export', legalOrderId: person.id };
    expectRefusal(await explain(client('shop_backend'), order), 403, 'not_permitted', '/legalOrderId');
    expectRefusal(await explain(client('accounting'), { ...about, act: 'erasure' }), 403, 'not_permitted', '/act');
    const nobody = { ...about, customerId: vault.tenantId };
    expectRefusal(await explain(client('dpo'), nobody), 422, 'invalid_body', '/customerId');
  });

  test('nobody learns of a grant that is not theirs', async () => {
    const [person, other] = [
      await newPerson(client('shop_backend'), people.naturalCustomer()),
      await newPerson(client('shop_backend'), people.naturalCustomer()),
    ];
    const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
    const open = async (terms: object) =>
      made(
        await client('shop_backend').post('/v1/grants', {
          kind: 'ticket',
          customerId: person.id,
          grantee: { role: 'support' },
          closesAt,
          ...terms,
        }),
      ).id;
    const ask = (grantId: string) => explain(client('support'), { act: 'read', customerId: person.id, grantId });
    const none = await ask(vault.tenantId);
    const foreign = [
      await open({ kind: 'invoice', grantee: { role: 'accounting' } }),
      await open({ actor: 'staff-9' }),
      await open({ customerId: other.id }),
    ];
    for (const grantId of foreign) expect(bytesOf(await ask(grantId))).toBe(bytesOf(none));
    expect(made(await ask(await open({})), 200).grantCounts, 'control').toBe(true);
    expect(none.body.grantCounts).toBe(false);
  });
});

describe('an export', () => {
  let desk: LegalDesk;
  beforeAll(async () => {
    desk = await legalDesk(vault, 1202);
  });

  /** The explanation, then the act itself by the same person. */
  async function both(by: TestClient, legalOrderId?: string): Promise<[Answer, Answer]> {
    const named = legalOrderId === undefined ? {} : { legalOrderId };
    const told = await explain(by, { act: 'export', ...named });
    return [told, await by.post('/v1/exports', named)];
  }

  test('is explained by its own gate: the code that it would be refused with, or the fields that leave', async () => {
    const { id } = await desk.storeCustomer();
    const subjects = [{ customerId: id }];
    const registered = await desk.register(subjects);
    const revoked = await desk.approve(subjects);
    made(await desk.approver.post(`/v1/legal-orders/${revoked}/revoke`, { reason: 'لغو شد' }), 200);
    const approved = await desk.approve(subjects);
    const cases = [
      [desk.registrar, undefined, 'legal_order_required'],
      [desk.registrar, registered, 'legal_order_not_approved'],
      [desk.registrar, revoked, 'legal_order_revoked'],
      [desk.approver, approved, 'self_approval'],
      [desk.registrar, approved, undefined],
      [desk.registrar, approved, 'legal_order_used'],
      [desk.registrar, id, 'legal_order_required'],
    ] as const;
    for (const [by, orderId, code] of cases) {
      const [told, done] = await both(by, orderId);
      expect([made(told, 200).code, done.body.code], code).toEqual([code, code]);
      expect(told.body.outcome).toBe(code === undefined ? 'allowed' : 'refused');
      if (code !== undefined) continue;
      expect(told.body.fields.map(({ field, state }: { field: string; state: string }) => [field, state])).toEqual([
        ['givenName', 'full'],
        ['nationalId', 'full'],
        ['mobile', 'full'],
      ]);
      expect(told.body.rules).toMatchObject([{ pointer: '/grounds/judicial_order' }]);
    }
  });
});

describe('an erasure', () => {
  test('says what the law keeps and what is still to be done, the same of who is held', async () => {
    const shop = client('shop_backend');
    const draw = async () => {
      const person = await newPerson(shop, people.naturalCustomer());
      const order = await newOrder(shop, person);
      made(await shop.post(`/v1/orders/${order}/invoices`));
      return person;
    };
    const twins = [await draw(), await draw()] as const;
    await hold(vault, client('legal_registrar'), [twins[0].id]);
    const told = await Promise.all(
      twins.map(async ({ id }) => bytesOf(await explain(client('support'), { act: 'erasure', customerId: id }))),
    );
    expect(told[0]).toBe(told[1]);
    const { body } = await explain(client('support'), { act: 'erasure', customerId: twins[0].id });
    expect(body).toMatchObject({ outcome: 'partly', kept: [{ class: 'invoice_snapshot', records: 1 }] });
    const steps = (answer: Answer) => answer.body.wouldHaveToChange.map(({ step }: { step: string }) => step);
    expect(body.rules.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/rights/erase',
      '/retention/invoice_snapshot',
    ]);
    const ask = () => explain(client('dpo'), { act: 'erasure', customerId: twins[1].id });
    expect(steps(await ask())).toEqual(['request_erasure', 'decide_request', 'wait_for_deadline']);
    const request = made(
      await shop.post('/v1/requests', { customerId: twins[1].id, kind: 'erase', asker: 'subject', checked: 'account' }),
    );
    expect(steps(await ask())).toEqual(['decide_request', 'wait_for_deadline']);
    const officer = await client('dpo').as('staff-2');
    made(await officer.post(`/v1/requests/${request.id}/decide`, { outcome: 'done' }), 200);
    expectRefusal(await ask(), 422, 'invalid_body', '/customerId');
  });
});

test('every field is asked about where none is named, of those that the policy declares', async () => {
  const told = made(await explain(client('dpo', 'citra'), { act: 'read', role: 'support' }), 200);
  const named = told.fields.map(({ field }: { field: Field }) => field);
  expect(named).toEqual(allFields.filter((field) => named.includes(field)));
  expect(named).not.toContain('recipientName');
  expect(told.policyVersion).toBe('citra/1');
});
