import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { edited } from '../unit/policy/kalak.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { dayFrom, expectRefusal, legalDesk, orderBody, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
let desk: LegalDesk;
let dpo: TestClient;

beforeAll(async () => {
  vault = await startVault({ profileText: JSON.stringify(edited({ '/grounds/legal_pursuit/allowed': true })) });
  desk = await legalDesk(vault, 83);
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

/** A letter that only has data kept. */
function keeping(customerId: string, changes: Record<string, unknown> = {}) {
  const { recipient: _r, deadline: _d, ...body } = orderBody(vault, [{ customerId }]);
  return { ...body, kind: 'preservation', ...changes };
}
const officer = () => ({
  authority: { kind: 'officer', name: 'پلیس فتا', officialName: 'امیر رستمی', officialTitle: 'ضابط' },
  validUntil: dayFrom(vault, 1),
});

async function register(body: object): Promise<string> {
  const made = await desk.registrar.post('/v1/legal-orders', body);
  expect(made.status, made.text).toBe(201);
  return made.body.id;
}
const decide = (id: string, step: string, body?: object) => desk.approver.post(`/v1/legal-orders/${id}/${step}`, body);
const holdsOn = async (customerId: string) =>
  (await dpo.get(`/v1/holds?customerId=${customerId}&limit=100`)).body.items;
const standing = async (customerId: string) =>
  (await dpo.get(`/v1/holds?customerId=${customerId}&active=true&limit=100`)).body.items;
const someone = async () => (await desk.storeCustomer()).id;

describe('CPC 669: a judge’s order to keep data', () => {
  test('holds from its approval, for three months at most, and discloses nothing', async () => {
    const customerId = await someone();
    const id = await register(keeping(customerId, { validUntil: dayFrom(vault, 80) }));
    expect(await holdsOn(customerId)).toEqual([]);
    expect((await decide(id, 'approve')).status).toBe(200);
    const [hold] = await standing(customerId);
    expect(hold).toMatchObject({ kind: 'preservation', legalOrderId: id, customerId });
    expectRefusal(await desk.registrar.post('/v1/exports', { legalOrderId: id }), 403, 'ground_not_allowed');
    const leaves = (await dpo.get(`/v1/audit?subject=${customerId}&limit=100`)).body.items;
    expect(leaves.map((leaf: { objectKind?: string }) => leaf.objectKind)).toContain('holds');
  });

  test('ends with its revocation', async () => {
    const customerId = await someone();
    const id = await register(keeping(customerId));
    await decide(id, 'approve');
    expect(await standing(customerId)).toHaveLength(1);
    expect((await decide(id, 'revoke', { reason: 'رفع حفظ' })).status).toBe(200);
    expect(await standing(customerId)).toEqual([]);
  });

  test('is renewed by another, which begins where it ends', async () => {
    const customerId = await someone();
    const first = await register(keeping(customerId, { validUntil: dayFrom(vault, 20) }));
    await decide(first, 'approve');
    const next = await register(keeping(customerId, { renews: first, validUntil: dayFrom(vault, 60) }));
    expect((await decide(next, 'approve')).status).toBe(200);
    const [one, two] = (await holdsOn(customerId)).toSorted((a: { startsAt: string }, b: { startsAt: string }) =>
      a.startsAt < b.startsAt ? -1 : 1,
    );
    expect(two.startsAt).toBe(one.endsAt);
  });

  test('narrowed, holds those who are left', async () => {
    const [kept, left] = [await someone(), await someone()];
    const body = keeping(kept);
    const subjects = [{ customerId: kept }, { customerId: left }];
    const id = await register({ ...body, scope: { ...body.scope, subjects } });
    expect((await decide(id, 'approve', { scope: { subjects: [{ customerId: kept }] } })).status).toBe(200);
    expect(await standing(kept)).toHaveLength(1);
    expect(await standing(left)).toEqual([]);
  });

  test('about somebody who is not here is taken and holds nobody', async () => {
    const id = await register({ ...keeping('01a201ee-a7f1-762c-9b9e-564eab27c44f') });
    expect((await decide(id, 'approve')).status).toBe(200);
    expect((await dpo.get(`/v1/holds?legalOrderId=${id}`)).body.items).toEqual([]);
  });
});

describe('an officer’s urgent word', () => {
  test('holds from its registration, for a day, and nobody approves it', async () => {
    const customerId = await someone();
    const id = await register(keeping(customerId, officer()));
    const [hold] = await standing(customerId);
    expect(hold).toMatchObject({ kind: 'provisional', legalOrderId: id });
    expect(Date.parse(hold.endsAt) - Date.parse(hold.startsAt)).toBe(86_400_000);
    expectRefusal(await decide(id, 'approve'), 409, 'conflict');
    expectRefusal(await desk.registrar.post('/v1/exports', { legalOrderId: id }), 403, 'legal_order_not_approved');
    expectRefusal(await desk.registrar.post('/v1/legal-orders', keeping(customerId, officer())), 409, 'conflict');
  });

  test('stays while a judge’s order that follows waits, and gives way to it', async () => {
    const customerId = await someone();
    const first = await register(keeping(customerId, officer()));
    const [before] = await standing(customerId);
    const judge = await register(keeping(customerId, { follows: first }));
    const [waiting] = await standing(customerId);
    expect(waiting.id).toBe(before.id);
    expect(waiting.endsAt > before.endsAt).toBe(true);
    expect((await decide(judge, 'approve')).status).toBe(200);
    expect((await standing(customerId)).map((hold: { kind: string }) => hold.kind)).toEqual(['preservation']);
  });

  test('has its day again when that order is rejected, and ends when it is itself', async () => {
    const customerId = await someone();
    const first = await register(keeping(customerId, officer()));
    const [before] = await standing(customerId);
    const judge = await register(keeping(customerId, { follows: first }));
    expect((await decide(judge, 'reject', { reason: 'امضا ندارد' })).status).toBe(200);
    expect((await standing(customerId))[0].endsAt).toBe(before.endsAt);
    expect((await decide(first, 'reject', { reason: 'بی‌مورد' })).status).toBe(200);
    expect(await standing(customerId)).toEqual([]);
  });

  test('is kept by a judge’s order alone: neither by another officer’s nor by the shop’s own', async () => {
    const customerId = await someone();
    const first = await register(keeping(customerId, officer()));
    const { authority: _a, letter: _l, basis: _b, ...body } = keeping(customerId, { follows: first });
    const own = {
      ...body,
      ground: 'legal_pursuit',
      case: { number: 'د/۱۴۰۴/۱۲' },
      reason: 'پیگیری کلاهبرداری',
      decider: { name: 'مریم کاظمی' },
    };
    for (const follower of [own, keeping(customerId, { ...officer(), follows: first })]) {
      expectRefusal(await desk.registrar.post('/v1/legal-orders', follower), 422, 'invalid_body', '/follows');
    }
  });

  test('is followed and renewed by what is of that kind only', async () => {
    const customerId = await someone();
    const production = await desk.register([{ customerId }]);
    for (const earlier of [{ follows: production }, { renews: production }, { follows: customerId }]) {
      const [member = ''] = Object.keys(earlier);
      expectRefusal(
        await desk.registrar.post('/v1/legal-orders', keeping(customerId, earlier)),
        422,
        'invalid_body',
        `/${member}`,
      );
    }
  });
});

test('D18: in a pursuit of its own the shop holds until it lets go, without any letter', async () => {
  const customerId = await someone();
  const {
    authority: _a,
    letter: _l,
    basis: _b,
    ...body
  } = keeping(customerId) as ReturnType<typeof keeping> & {
    authority: unknown;
    letter: unknown;
    basis: unknown;
  };
  const id = await register({
    ...body,
    ground: 'legal_pursuit',
    case: { number: 'ش/۱۲' },
    reason: 'پیگیری محتوای مجرمانه',
    decider: { name: 'مریم کاظمی' },
    validUntil: dayFrom(vault, 300),
  });
  expect((await decide(id, 'approve')).status).toBe(200);
  const [hold] = await standing(customerId);
  expect(hold.kind).toBe('own');
  expect((await desk.approver.post(`/v1/holds/${hold.id}/release`, { reason: 'پایان پیگیری' })).status).toBe(200);
  expect(await standing(customerId)).toEqual([]);
});
