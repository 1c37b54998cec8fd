import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyReceipt } from '../../src/crypto/signature.ts';
import { sweepErasures } from '../../src/vault/erasure.ts';
import { scopesOf } from '../../src/vault/permit.ts';
import { clearanceOf } from '../../src/vault/holds.ts';
import type { Answer, TestClient, TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, day, made, newParcel } from '../support/work.ts';
import { tokenOf, type Shop, type StaffRole } from './shop.ts';
import { normaliser, openTwins, type Twins } from './twins.ts';

/**
 * Erasure tells nobody of a hold. Two tenants, in everything twins, but that in one of them the customer is held: the person,
 * support and the shop get the same bytes at every step until the day of the answer, though in one of them the key has gone
 * and in the other it has not. When the hold ends, the erasure finishes by itself.
 */

let twins: Twins;
let vault: TestVault;
let held: Shop;
let free: Shop;

beforeAll(async () => {
  twins = await openTwins(306);
  ({ vault, held, free } = twins);
});
afterAll(() => vault.stop());

interface Seen {
  readonly what: string;
  readonly answer: string;
  readonly statements: readonly string[];
}

/** A fresh token of a role, also after the clock has moved. */
function as(shop: Shop, role: StaffRole | 'subject'): TestClient {
  const client = role === 'subject' ? shop.staff.shop_backend : shop.staff[role];
  return tokenOf(vault, shop.side, client, role, {
    scopes: scopesOf(role),
    actor: `staff-${role}`,
    ...(role === 'subject' ? { subjectId: shop.ids.customer } : {}),
  });
}

/** What the person and everybody outside the legal desk may look at, and try. */
function looks(shop: Shop, request: string): readonly (readonly [StaffRole | 'subject', string, string, unknown?])[] {
  const { customer, order, recipientOrder, shipment, grant, invoice } = shop.ids;
  const outside = ['shop_backend', 'support', 'subject'] as const;
  return [
    ...outside.flatMap(
      (role) =>
        [
          [role, 'GET', `/v1/requests/${request}`],
          [role, 'GET', `/v1/requests?customerId=${customer}`],
          [role, 'GET', `/v1/requests/${request}/certificate`],
          [role, 'POST', '/v1/requests', asking(role, customer)],
          [role, 'GET', `/v1/customers/${customer}`],
          [role, 'GET', `/v1/orders/${order}`],
          [role, 'GET', `/v1/orders?customerId=${customer}`],
        ] as const,
    ),
    ['shop_backend', 'GET', '/v1/customers?limit=100'],
    [
      'shop_backend',
      'POST',
      '/v1/customers/search',
      { by: 'nationalId', value: shop.person.sent.fields['nationalId'] },
    ],
    ['support', 'POST', '/v1/customers/search', { by: 'mobile', value: shop.person.sent.phones[0]?.number }],
    ['shop_backend', 'PATCH', `/v1/customers/${customer}`, { fields: { iban: null } }],
    ['shop_backend', 'GET', `/v1/grants/${grant}`],
    ['shop_backend', 'GET', `/v1/grants?customerId=${customer}`],
    ['shop_backend', 'GET', `/v1/shipments/${shipment}`],
    ['shop_backend', 'POST', `/v1/orders/${recipientOrder}/cancel`, {}],
    ['accounting', 'GET', `/v1/invoices/${invoice}`],
    ['courier', 'GET', `/v1/deliveries/${shipment}`],
    ['courier', 'GET', '/v1/deliveries'],
    ['shop_backend', 'GET', '/v1/events?state=all&limit=100'],
    ['support', 'GET', '/v1/events?state=all&limit=100'],
    ['shop_backend', 'GET', '/v1/notices?state=all'],
  ];
}

function asking(role: string, customerId: string) {
  return { customerId, kind: 'erase', ...(role === 'subject' ? {} : { asker: 'subject', checked: 'account' }) };
}

async function look(shop: Shop, request: string, plain: (text: string) => string): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (const [role, method, path, body] of looks(shop, request)) {
    const patch = { 'content-type': 'application/merge-patch+json', 'if-match': '"1"' };
    const from = twins.sent.length;
    const answer: Answer = await as(shop, role).call(method, path, body, method === 'PATCH' ? patch : {});
    seen.push({
      what: plain(`${role} ${method} ${path}`),
      answer: plain(bytesOf(answer)),
      statements: twins.statementsSince(from),
    });
  }
  return seen;
}

interface Twin {
  readonly shop: Shop;
  readonly plain: (text: string) => string;
  request: string;
}

let pair: readonly [Twin, Twin];
const both = async <T>(work: (twin: Twin) => Promise<T>): Promise<[T, T]> => [await work(pair[0]), await work(pair[1])];

async function statusOf({ shop }: Twin): Promise<string | undefined> {
  const [row] = await atDatabase<{ status: string }>(vault, 'select status from amanat.customers where id = $1', [
    shop.ids.customer,
  ]);
  return row?.status;
}

/** What a certificate says, but for whose it is and by which day; that is the day of the answer, or the end of the hold. */
function told(certificate: string): { readonly destroyed: unknown; readonly kept: readonly object[] } {
  const publicKey = createPublicKey(vault.vault.keys.exportSigning.privateKey);
  const payload = verifyReceipt(publicKey, certificate) as { destroyed: unknown; kept: object[] } & Record<
    string,
    unknown
  >;
  expect(Object.keys(payload).filter((name) => !stated.has(name))).toEqual([]);
  return { destroyed: payload.destroyed, kept: payload.kept };
}

const stated = new Set([
  'format',
  'requestId',
  'erasedBy',
  'erasedByJalali',
  'controller',
  'policyVersion',
  'destroyed',
  'kept',
]);

describe('twins who leave, of whom one is held', () => {
  beforeAll(() => {
    pair = [
      { shop: held, plain: normaliser(held), request: '' },
      { shop: free, plain: normaliser(free), request: '' },
    ];
  });

  test('asked by the person, granted by support: the same bytes and statements', async () => {
    await both(async ({ shop }) => newParcel(shop.staff.shop_backend, shop.ids.recipientOrder, shop.staff.courier));
    const asked = await both(async (twin) => {
      const { shop, plain } = twin;
      const from = twins.sent.length;
      const entered = await as(shop, 'subject').post('/v1/requests', { customerId: shop.ids.customer, kind: 'erase' });
      twin.request = made(entered).id;
      const granted = await as(shop, 'support').post(`/v1/requests/${twin.request}/decide`, { outcome: 'done' });
      made(granted, 200);
      return [plain(bytesOf(entered)), plain(bytesOf(granted)), twins.statementsSince(from)];
    });
    expect(asked[0]).toEqual(asked[1]);
    expect(asked[0][1]).toContain('در دست بررسی');
    expect(asked[0][2]).not.toContain('select_holds_on');
  });

  test('before the sweep and after it, to the last hour before the answer: the same', async () => {
    const before = await both(({ shop, request, plain }) => look(shop, request, plain));
    expect(before[0]).toEqual(before[1]);
    await sweepErasures(vault.vault);
    expect(await both(statusOf), 'control: the key of one has gone, of the other it has not').toEqual([
      'leaving',
      'erased',
    ]);
    const after = await both(({ shop, request, plain }) => look(shop, request, plain));
    expect(after[0]).toEqual(after[1]);
    expect(new Set(after[0].map(({ answer }) => answer.slice(0, 3)))).toEqual(new Set(['200', '404', '409', '422']));
    expect(after[0].flatMap(({ statements }) => statements).filter((name) => name.includes('hold'))).toEqual([]);
    vault.advance(29 * day);
    await vault.vault.watch.lookAnew();
    await sweepErasures(vault.vault);
    const late = await both(({ shop, request, plain }) => look(shop, request, plain));
    expect(late[0]).toEqual(late[1]);
  });

  test('their identifiers are free in both', async () => {
    const again = await both(async ({ shop, plain }) =>
      plain(bytesOf(await as(shop, 'shop_backend').post('/v1/customers', shop.person.sent))),
    );
    expect(again[0]).toBe(again[1]);
    expect(again[0].slice(0, 3)).toBe('201');
  });

  test('legal staff still have the held one to look for; when the hold ends, the erasure finishes by itself', async () => {
    const keys = await vault.vault.keyring.tenant(held.side.tenantId);
    const at = new Date(vault.vault.now());
    expect((await clearanceOf(vault.vault, keys, [held.ids.customer], at)).held.size).toBe(1);
    vault.advance(100 * day);
    await vault.vault.watch.lookAnew();
    await sweepErasures(vault.vault);
    expect(await both(statusOf)).toEqual(['erased', 'erased']);
    const answers = await both(async ({ shop, request }) => {
      const { state, reason } = made(await as(shop, 'support').get(`/v1/requests/${request}`), 200);
      return { state, reason };
    });
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toMatchObject({ state: 'partly', reason: { text: 'نگهداری به موجب قانون' } });
    const certificates = await both(async ({ shop, request }) =>
      told(made(await as(shop, 'subject').get(`/v1/requests/${request}/certificate`), 200).certificate),
    );
    expect(certificates[0]).toEqual(certificates[1]);
    expect(certificates[0].destroyed).toMatchObject({ orders: 2 });
  });
});
