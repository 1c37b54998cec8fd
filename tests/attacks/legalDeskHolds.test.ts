import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dayFrom, expectRefusal, legalDesk, orderBody, type LegalDesk } from '../http/legalDesk.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { made } from '../support/work.ts';

/** Nobody is let go by an order that is about somebody else, or that others still wait beside. */

let vault: TestVault;
let desk: LegalDesk;
let dpo: TestClient;

beforeAll(async () => {
  vault = await startVault();
  desk = await legalDesk(vault, 919);
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

const someone = async () => (await desk.storeCustomer()).id;
const officer = () => ({ authority: { kind: 'officer', name: 'پلیس فتا' }, validUntil: dayFrom(vault, 1) });
const decide = (id: string, step: string, body?: object) => desk.approver.post(`/v1/legal-orders/${id}/${step}`, body);
const standing = async (customerId: string) =>
  made(await dpo.get(`/v1/holds?customerId=${customerId}&active=true`), 200).items;

/** A letter that only has data kept. */
function keeping(subjects: readonly object[], changes: Record<string, unknown> = {}) {
  const { recipient: _r, deadline: _d, ...body } = orderBody(vault, subjects);
  return { ...body, kind: 'preservation', ...changes };
}
const register = async (subjects: readonly object[], changes: Record<string, unknown> = {}) =>
  made(await desk.registrar.post('/v1/legal-orders', keeping(subjects, changes))).id as string;

describe('a judge’s order that follows an officer’s word', () => {
  test('takes its place for those it is about; the others have the rest of their day', async () => {
    const [kept, left] = [await someone(), await someone()];
    const subjects = [{ customerId: kept }, { customerId: left }];
    const word = await register(subjects, officer());
    const [before] = await standing(left);
    const judge = await register(subjects, { follows: word });
    made(await decide(judge, 'approve', { scope: { subjects: [{ customerId: kept }] } }), 200);
    expect(await standing(left)).toMatchObject([{ id: before.id, endsAt: before.endsAt }]);
    expect(await standing(kept), 'control').toMatchObject([{ kind: 'preservation', legalOrderId: judge }]);
  });

  test('about nobody here lets nobody go', async () => {
    const kept = await someone();
    const word = await register([{ customerId: kept }], officer());
    const [before] = await standing(kept);
    const judge = await register([{ by: 'mobile', value: '09709999999' }], { follows: word });
    made(await decide(judge, 'approve'), 200);
    expect(await standing(kept)).toMatchObject([{ id: before.id, endsAt: before.endsAt }]);
  });

  test('rejected, ends nothing that another such order still waits for', async () => {
    const kept = await someone();
    const word = await register([{ customerId: kept }], officer());
    const [day] = await standing(kept);
    const [judge, bogus] = [
      await register([{ customerId: kept }], { follows: word }),
      await register([{ customerId: kept }], { follows: word }),
    ];
    const [waiting] = await standing(kept);
    made(await decide(bogus, 'reject', { reason: 'امضا ندارد' }), 200);
    expect(await standing(kept)).toMatchObject([{ id: waiting.id, endsAt: waiting.endsAt }]);
    made(await decide(judge, 'reject', { reason: 'امضا ندارد' }), 200);
    expect((await standing(kept))[0].endsAt, 'control').toBe(day.endsAt);
  });
});

describe('an earlier order', () => {
  test('named by a later correction is looked at as any other', async () => {
    const [held, other] = [await someone(), await someone()];
    const judge = await register([{ customerId: held }]);
    made(await decide(judge, 'approve'), 200);
    const waiting = await register([{ customerId: other }]);
    const correct = (patch: object) => desk.registrar.patch(`/v1/legal-orders/${waiting}`, patch, 1);
    for (const member of ['follows', 'renews']) {
      for (const id of [member === 'follows' ? judge : waiting, await desk.register([{ customerId: held }]), other]) {
        expectRefusal(await correct({ [member]: id }), 422, 'invalid_body', `/${member}`);
      }
    }
    made(await correct({ renews: judge }), 200);
    made(await decide(waiting, 'approve'), 200);
    expect(await standing(held)).toHaveLength(1);
  });
});

test('whoever changed an order lets none of its holds go', async () => {
  const held = await someone();
  const id = await register([{ customerId: held }]);
  const helper = await vault.client('legal_registrar', { actor: 'staff-5' });
  made(await helper.patch(`/v1/legal-orders/${id}`, { letter: { subject: 'تصحیح' } }, 1), 200);
  made(await decide(id, 'approve'), 200);
  const [hold] = await standing(held);
  const release = async (actor: string) =>
    (await vault.client('legal_approver', { actor })).post(`/v1/holds/${hold.id}/release`, { reason: 'پایان' });
  expectRefusal(await release('STAFF-5'), 403, 'self_approval');
  made(await release('staff-6'), 200);
});
