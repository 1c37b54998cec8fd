import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { dayFrom, expectRefusal, orderBody } from '../http/legalDesk.ts';
import { publish } from '../support/signedRows.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { day, made } from '../support/work.ts';
import { edited } from '../unit/policy/kalak.ts';

/** The gate between approval and execution: what somebody approved unseen, once, long ago, or for another. */

const grounds = {
  '/grounds/emergency/allowed': true,
  '/grounds/defence_of_rights/allowed': true,
  '/grounds/defence_of_rights/approvals': 2,
};
const profileText = JSON.stringify(edited(grounds));

const people = synthetic(907);
let vault: TestVault;
let shop: TestClient;
let registrar: TestClient;
let approver: TestClient;
let third: TestClient;

beforeAll(async () => {
  vault = await startVault({ profileText });
  shop = await vault.client('shop_backend');
  registrar = await vault.client('legal_registrar', { actor: 'staff-1' });
  approver = await vault.client('legal_approver', { actor: 'staff-2' });
  third = await vault.client('legal_approver', { actor: 'staff-3' });
});
afterAll(() => vault.stop());

const path = (id: string, step = '') => `/v1/legal-orders/${id}${step === '' ? '' : `/${step}`}`;
const execute = (id: string) => registrar.post('/v1/exports', { legalOrderId: id });
const read = async (id: string) => made(await registrar.get(path(id)), 200);
const stored = async () => made(await shop.post('/v1/customers', people.naturalCustomer())).id as string;
const someone = async () => [{ customerId: await stored() }];

function ownGround(ground: string, subjects: readonly object[], changes: Record<string, unknown> = {}) {
  const { authority: _a, letter: _l, basis: _b, deadline: _d, ...body } = orderBody(vault, subjects);
  return {
    ...body,
    ground,
    case: { number: 'د/۱۴۰۴/۱۲' },
    reason: 'دفاع در برابر دعوای مطرح‌شده',
    decider: { name: 'مریم کاظمی' },
    recipient: { name: 'دادگاه عمومی تهران', as: 'court' },
    ...changes,
  };
}
const urgent = (subjects: readonly object[]) =>
  ownGround('emergency', subjects, {
    recipient: { name: 'اورژانس تهران', as: 'emergency_service' },
    validUntil: dayFrom(vault, 1),
  });
const register = async (body: object) => made(await registrar.post('/v1/legal-orders', body)).id as string;
const registered = async (changes?: Record<string, unknown>) => register(orderBody(vault, await someone(), changes));
const approved = async (changes?: Record<string, unknown>) => {
  const id = await registered(changes);
  made(await approver.post(path(id, 'approve')), 200);
  return id;
};

/** Time goes on, and everybody signs in again. */
async function later(ms: number): Promise<void> {
  vault.advance(ms);
  shop = await shop.as(undefined);
  registrar = await registrar.as('staff-1');
  approver = await approver.as('staff-2');
  third = await third.as('staff-3');
}

describe('an approver', () => {
  test('approves the version that was read and no other, when it says which', async () => {
    const id = await registered();
    const seen = (await approver.get(path(id))).headers.get('etag') ?? '';
    made(
      await registrar.patch(path(id), { recipient: { name: 'بهرام کیانی', title: 'کارشناس', as: 'named_officer' } }, 1),
      200,
    );
    expectRefusal(await approver.post(path(id, 'approve'), {}, { 'if-match': seen }), 412, 'precondition_failed');
    expect((await read(id)).status).toBe('registered');
    const now = (await approver.get(path(id))).headers.get('etag') ?? '';
    made(await approver.post(path(id, 'approve'), {}, { 'if-match': now }), 200);
  });

  test('who narrowed the scope has narrowed it for whoever approves it once more', async () => {
    const id = await registered();
    made(await approver.post(path(id, 'approve'), { scope: { fields: ['mobile'] } }), 200);
    await later(8 * day);
    const again = made(await third.post(path(id, 'approve')), 200);
    expect(again.digest).toBe((await read(id)).digest);
    const out = made(await execute(id));
    const { body } = await registrar.get(`/v1/exports/${out.id}/package`);
    expect(body.fields).toEqual(['mobile']);
  });

  test('whose approval has run out is none of several', async () => {
    const id = await register(ownGround('defence_of_rights', await someone(), { validUntil: dayFrom(vault, 60) }));
    made(await approver.post(path(id, 'approve')), 200);
    await later(8 * day);
    expect(made(await third.post(path(id, 'approve')), 200)).toMatchObject({ status: 'registered', approvals: 1 });
    expectRefusal(await execute(id), 403, 'legal_order_not_approved');
    expect(made(await approver.post(path(id, 'approve')), 200)).toMatchObject({ status: 'approved', approvals: 2 });
    expect((await execute(id)).status, 'control').toBe(201);
  });
});

test('an answer that one person was given is not another’s, who shares the client', async () => {
  const [id, key] = [await registered(), { 'idempotency-key': 'approve-1' }];
  const first = made(await approver.post(path(id, 'approve'), {}, key), 200);
  for (const actor of ['staff-77', undefined]) {
    const other = await approver.as(actor);
    expectRefusal(await other.post(path(id, 'approve'), {}, key), 422, 'idempotency_key_reused');
  }
  expect(made(await (await approver.as('staff-2')).post(path(id, 'approve'), {}, key), 200), 'control').toEqual(first);
});

describe('the profile in force at the execution', () => {
  const published = async (number: number, edits: Record<string, unknown>) => {
    await publish(vault.vault, vault.tenantId, number, JSON.stringify(edited({ ...grounds, ...edits })));
    await vault.vault.watch.lookAnew();
  };

  test('says how many approvals there must be, and what the ground demands', async () => {
    const [one, two, bare, control] = await Promise.all([
      approved(),
      approved(),
      approved({ basis: undefined }),
      approved(),
    ]);
    expect((await execute(control)).status, 'control').toBe(201);
    await published(2, { '/grounds/judicial_order/approvals': 2 });
    expectRefusal(await execute(one), 403, 'legal_order_not_approved');
    expectRefusal(await approver.post(path(one, 'approve')), 403, 'self_approval');
    expect(made(await third.post(path(one, 'approve')), 200)).toMatchObject({ status: 'approved', approvals: 2 });
    expect((await execute(one)).status).toBe(201);

    await published(3, { '/grounds/judicial_order/demands': ['order', 'law', 'article', 'two_persons'] });
    expectRefusal(await execute(bare), 403, 'ground_not_allowed');
    expect((await execute(two)).status, 'control').toBe(201);
    await published(4, {});
    expect((await execute(bare)).status, 'control').toBe(201);
  });
});

describe('one person', () => {
  test('is one in an emergency, however many hold the identifier', async () => {
    const [a, b, c] = [await stored(), await stored(), await stored()];
    const shared = { kind: 'landline', number: '02199990042' };
    const own = { kind: 'landline', number: '02199990043' };
    for (const [id, phone] of [
      [a, shared],
      [b, shared],
      [c, own],
    ] as const) {
      const { version, phones } = made(await shop.get(`/v1/customers/${id}`), 200);
      const kept = phones.map(({ id: phoneId }: { id: string }) => ({ id: phoneId }));
      made(await shop.patch(`/v1/customers/${id}`, { phones: [...kept, phone] }, version), 200);
    }
    const by = async (number: string) => {
      const id = await register(urgent([{ by: 'landline', value: number }]));
      made(await approver.post(path(id, 'approve')), 200);
      return execute(id);
    };
    expectRefusal(await by(shared.number), 409, 'conflict');
    expect((await by(own.number)).body, 'control').toMatchObject({ records: 1 });
  });
});

describe('the later review', () => {
  const outcome = { outcome: 'upheld', reason: 'خطر فوری بود' };

  test('looks at what was disclosed, and not before it', async () => {
    const id = await register(urgent(await someone()));
    made(await approver.post(path(id, 'approve')), 200);
    expectRefusal(await third.post(path(id, 'review'), outcome), 409, 'conflict');
    made(await execute(id));
    made(await third.post(path(id, 'review'), outcome), 200);
  });

  test('of an approval that came to nothing says nothing of the next', async () => {
    const id = await register(urgent(await someone()));
    made(await approver.post(path(id, 'approve')), 200);
    await later(31 * 60_000);
    made(await third.post(path(id, 'review'), outcome), 200);
    made(await approver.post(path(id, 'approve')), 200);
    made(await execute(id));
    const due = made(await third.get('/v1/legal-orders?review=due&limit=100'), 200).items;
    expect(due.map((item: { id: string }) => item.id)).toContain(id);
    made(await third.post(path(id, 'review'), outcome), 200);
  });
});
