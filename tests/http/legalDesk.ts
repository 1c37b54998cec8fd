import { expect } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { withClient } from '../support/postgres.ts';
import type { Answer, TestClient, TestVault } from '../support/vault.ts';

const dayMs = 24 * 60 * 60 * 1000;
const tehranMs = 3.5 * 60 * 60 * 1000;

/** The Tehran day so many days from the vault's now, as an ISO date. */
export function dayFrom(vault: TestVault, days: number): string {
  return new Date(vault.vault.now() + tehranMs + days * dayMs).toISOString().slice(0, 10);
}

let letters = 0;

/** An order as the contract writes it, with a letter number of its own; members of `changes` replace members. */
export function orderBody(vault: TestVault, subjects: readonly object[], changes: Record<string, unknown> = {}) {
  letters += 1;
  return {
    kind: 'production',
    authority: {
      kind: 'judicial',
      name: 'دادسرای عمومی و انقلاب',
      jurisdiction: 'تهران',
      branchKind: 'بازپرسی',
      branchNumber: '3',
      officialName: 'کاوه نوری',
      officialTitle: 'بازپرس',
    },
    letter: { number: `1404/${letters}`, date: dayFrom(vault, -2), caseNumber: '1404000000000000', subject: 'استعلام' },
    basis: { law: 'قانون آیین دادرسی کیفری', article: '671' },
    scope: {
      subjects,
      fields: ['givenName', 'nationalId', 'mobile'],
      from: dayFrom(vault, -30),
      to: dayFrom(vault, 1),
    },
    recipient: { name: 'کاوه نوری', title: 'بازپرس شعبه ۳' },
    receivedAt: new Date(vault.vault.now() - 1000).toISOString(),
    deadline: dayFrom(vault, 5),
    validUntil: dayFrom(vault, 30),
    secret: { fromSubject: false },
    ...changes,
  };
}

/** A disclosure without an order: no authority, no letter. */
export function ownGround(
  vault: TestVault,
  ground: string,
  subjects: readonly object[],
  changes: Record<string, unknown> = {},
) {
  const { authority: _a, letter: _l, basis: _b, deadline: _d, ...body } = orderBody(vault, subjects);
  return {
    ...body,
    ground,
    case: { number: 'د/۱۴۰۴/۱۲' },
    reason: 'دفاع در برابر دعوای مطرح‌شده',
    decider: { name: 'مریم کاظمی', title: 'مدیر حقوقی' },
    recipient: { name: 'دادگاه عمومی تهران', as: 'court' },
    ...changes,
  };
}

/** Legal staff at work: a registrar and an approver, two clients and two persons, and a shop that stores customers. */
export interface LegalDesk {
  readonly registrar: TestClient;
  readonly approver: TestClient;
  readonly shop: TestClient;
  storeCustomer(): Promise<{ readonly id: string; readonly sent: StoredCustomer }>;
  register(subjects: readonly object[], changes?: Record<string, unknown>): Promise<string>;
  approve(subjects: readonly object[], changes?: Record<string, unknown>): Promise<string>;
}

type StoredCustomer = ReturnType<ReturnType<typeof synthetic>['naturalCustomer']>;

export async function legalDesk(vault: TestVault, seed: number): Promise<LegalDesk> {
  const people = synthetic(seed);
  const registrar = await vault.client('legal_registrar', { actor: 'staff-1' });
  const approver = await vault.client('legal_approver', { actor: 'staff-2' });
  const shop = await vault.client('shop_backend');
  const register: LegalDesk['register'] = async (subjects, changes) => {
    const made = await registrar.post('/v1/legal-orders', orderBody(vault, subjects, changes));
    expect(made.status, made.text).toBe(201);
    return made.body.id;
  };
  return {
    registrar,
    approver,
    shop,
    register,
    async storeCustomer() {
      const sent = people.naturalCustomer();
      const made = await shop.post('/v1/customers', sent);
      expect(made.status, made.text).toBe(201);
      return { id: made.body.id, sent };
    },
    async approve(subjects, changes) {
      const id = await register(subjects, changes);
      const approved = await approver.post(`/v1/legal-orders/${id}/approve`);
      expect(approved.status, approved.text).toBe(200);
      return id;
    },
  };
}

export function expectRefusal(answer: Answer, status: number, code: string, pointer?: string, reason?: string): void {
  expect({ status: answer.status, code: answer.body.code }, answer.text).toEqual({ status, code });
  if (pointer !== undefined) expect(answer.body.errors.map((e: { pointer: string }) => e.pointer)).toContain(pointer);
  if (reason !== undefined) expect(answer.body.errors.map((e: { code: string }) => e.code)).toContain(reason);
}

export function statusesOf(answers: readonly Answer[]): number[] {
  return answers.map(({ status }) => status).toSorted((a, b) => a - b);
}

/** Rows as the superuser sees them, past row level security. */
export async function rowsOf(vault: TestVault, sql: string, values: unknown[] = []) {
  return withClient(vault.db.superuserUrl, async (client) => (await client.query(sql, values)).rows);
}
