import { createHash } from 'node:crypto';
import type { Profile } from '../../src/policy/profile.ts';
import type { TestClient } from './vault.ts';
import { made } from './work.ts';

/** The paper of an undertaking, as its recorder has it at hand. */
export const paper = {
  documentRef: 'N-1404-12',
  signer: 'مدیر عامل نمونه',
  signedOn: '1404/08/01',
  documentSha256: createHash('sha256').update('the signed paper').digest('hex'),
};

/** The client of a firm that undertook confidentiality, for ten years. */
export async function linkedFirm(dpo: TestClient, clientId: string, more: object, now: number): Promise<string> {
  const expiresAt = new Date(now + 10 * 365 * 24 * 3_600_000).toISOString();
  const { id } = made(
    await dpo.post('/v1/recipients', { name: 'همکار نمونه', contractRef: 'G-7', expiresAt, ...more }),
  );
  made(await dpo.post(`/v1/recipients/${id}/clients`, { clientId }), 200);
  made(await dpo.post(`/v1/recipients/${id}/undertaking`, paper), 200);
  return id;
}

export async function undertaken(dpo: TestClient, actor: string): Promise<void> {
  made(await dpo.post('/v1/staff-undertakings', { actor, ...paper }));
}

const staff: ReadonlySet<string> = new Set(['support', 'after_sales', 'accounting', 'department']);

/** Whether the policy lets somebody of this role see anything in full only after an undertaking. */
export const undertakes = ({ staffUndertaking }: Profile, role: string): boolean =>
  staffUndertaking?.demanded === true && staff.has(role);
export const isFirm = ({ recipients }: Profile, role: string): boolean =>
  recipients?.undertaking === 'demanded' && role === 'courier' && recipients.kinds.length > 0;
