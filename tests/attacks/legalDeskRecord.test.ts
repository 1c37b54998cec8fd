import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dayFrom, expectRefusal, legalDesk, orderBody, type LegalDesk } from '../http/legalDesk.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { day, made } from '../support/work.ts';
import { edited } from '../unit/policy/kalak.ts';

/** What a record of an order can be made to say, and what it says once it is corrected. */

const profileText = JSON.stringify(edited({ '/grounds/defence_of_rights/allowed': true }));

let vault: TestVault;
let desk: LegalDesk;

beforeAll(async () => {
  vault = await startVault({ profileText });
  desk = await legalDesk(vault, 929);
});
afterAll(() => vault.stop());

const path = (id: string, step = '') => `/v1/legal-orders/${id}${step === '' ? '' : `/${step}`}`;
const someone = async () => [{ customerId: (await desk.storeCustomer()).id }];
const registered = async (changes?: Record<string, unknown>) => desk.register(await someone(), changes);

/** A disclosure without an order: no authority, no letter. */
function own(subjects: readonly object[], changes: Record<string, unknown> = {}) {
  const { authority: _a, letter: _l, basis: _b, deadline: _d, ...body } = orderBody(vault, subjects);
  return {
    ...body,
    ground: 'defence_of_rights',
    case: { number: 'د/۱۴۰۴/۱۲' },
    reason: 'دفاع در برابر دعوای مطرح‌شده',
    decider: { name: 'مریم کاظمی' },
    recipient: { name: 'دادگاه عمومی تهران', as: 'court' },
    ...changes,
  };
}

describe('what is registered', () => {
  test('rests on no letter of nobody’s authority', async () => {
    const body = own(await someone());
    const letter = { number: '12', date: dayFrom(vault, -2) };
    const dressed = { ...body, authority: { kind: 'none', name: 'دفتر وکالت نوری' }, letter };
    expectRefusal(await desk.registrar.post('/v1/legal-orders', dressed), 403, 'ground_not_allowed');
    made(await desk.registrar.post('/v1/legal-orders', body));
  });

  test('names no day that nobody will see', async () => {
    const far = { secret: { fromSubject: true, until: '9999-12-29' } };
    const order = orderBody(vault, await someone(), far);
    const body = { ...order, scope: { ...order.scope, to: '9999-12-29' } };
    const refused = await desk.registrar.post('/v1/legal-orders', body);
    expectRefusal(refused, 422, 'invalid_body', '/secret/until');
    expectRefusal(refused, 422, 'invalid_body', '/scope/to');
    const { id } = made(
      await desk.registrar.post('/v1/legal-orders', {
        ...order,
        secret: { fromSubject: true, until: dayFrom(vault, 9_000) },
      }),
    );
    const dated = (until: string) => desk.approver.post(path(id, 'secrecy'), { until, reason: 'نامهٔ بعدی' });
    expectRefusal(await dated('9999-12-29'), 422, 'invalid_body', '/until');
    made(await dated(dayFrom(vault, 9_100)), 200);
    made(await desk.registrar.get(path(id)), 200);
  });

  test('holds no card in the place of a case number', async () => {
    const cards = ['9999990000000014 cvv2 735', 'کارت ۹۹۹۹۹۹۰۰۰۰۰۰۰۰۱۴', 'رمز دوم 73519', '12/9999 9900 0000 0014'];
    for (const number of cards) {
      const order = orderBody(vault, await someone());
      const letter = { ...order.letter, caseNumber: number };
      expectRefusal(await desk.registrar.post('/v1/legal-orders', { ...order, letter }), 422, 'card_data_refused');
      const without = own(await someone(), { case: { number } });
      expectRefusal(await desk.registrar.post('/v1/legal-orders', without), 422, 'card_data_refused');
      const id = await registered();
      expectRefusal(
        await desk.registrar.patch(path(id), { letter: { caseNumber: number } }, 1),
        422,
        'card_data_refused',
      );
    }
    for (const caseNumber of ['9999990000000014', '۹۹۹۹ ۹۹۰۰ ۰۰۰۰ ۰۰۱۴', '140400000000000012', 'ش/۱۲']) {
      const order = orderBody(vault, await someone());
      made(await desk.registrar.post('/v1/legal-orders', { ...order, letter: { ...order.letter, caseNumber } }));
    }
  });
});

describe('secrecy', () => {
  const noticeOf = async (legalOrderId: string) => {
    const { items } = made(await desk.registrar.get('/v1/notices?state=all&limit=100'), 200);
    return items.find((item: { legalOrderId: string }) => item.legalOrderId === legalOrderId);
  };

  test('that a corrected record asks for is not undone by an older letter', async () => {
    const secret = { fromSubject: true, until: dayFrom(vault, 20) };
    const [id, control] = [await registered({ secret }), await registered({ secret })];
    for (const one of [id, control])
      made(await desk.approver.post(path(one, 'secrecy'), { reason: 'رفع محرمانگی' }), 200);
    made(await desk.registrar.patch(path(id), { secret: { until: dayFrom(vault, 25) }, notifySubject: true }, 2), 200);
    made(await desk.registrar.patch(path(control), { notifySubject: true }, 2), 200);
    for (const one of [id, control]) {
      made(await desk.approver.post(path(one, 'approve')), 200);
      made(await desk.registrar.post('/v1/exports', { legalOrderId: one }));
    }
    expect(Date.parse((await noticeOf(id)).dueAt)).toBeGreaterThan(vault.vault.now() + 24 * day);
    expect(Date.parse((await noticeOf(control)).dueAt), 'control').toBeLessThanOrEqual(vault.vault.now());
    const { items } = made(await desk.shop.get('/v1/notices?limit=100'), 200);
    const seen = items.map((item: { id: string }) => item.id);
    expect(seen).not.toContain((await noticeOf(id)).id);
    expect(seen, 'control').toContain((await noticeOf(control)).id);
  });
});
