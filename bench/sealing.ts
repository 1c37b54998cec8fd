import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { dataKey, newDataKeyMaterial, openerOf, sealerOf } from '../src/crypto/seal.ts';
import { synthetic } from '../src/cli/synthetic.ts';
import { median } from './load.ts';

/** Sealing and opening a record of twelve fields, against bare calls of the cipher on the same bytes. In this process alone. */

const records = 400;
const rounds = 7;
const context = {
  tenantId: '0190a000-0000-7000-8000-000000000001',
  kind: 'customer',
  recordId: '0190a000-0000-7000-8000-000000000002',
  version: 1,
} as const;

type Fields = ReadonlyMap<string, string>;

/** Ratio of records a second, library to bare calls. */
export function sealingRatio(): number {
  const people = synthetic(9);
  const all = Array.from({ length: records }, () => twelve(people.naturalCustomer()));
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [bare, library] = [timeOf(() => all.forEach(bareCalls)), timeOf(() => all.forEach(libraryCalls))];
    // The first round is the compiler's.
    if (round > 0) ratios.push(bare / library);
  }
  return median(ratios);
}

function twelve(customer: ReturnType<ReturnType<typeof synthetic>['naturalCustomer']>): Fields {
  const { fields, phones, addresses } = customer;
  const values: unknown[] = [...Object.values(fields), ...phones.map(({ number }) => number)];
  for (const place of addresses) values.push(...Object.values(place));
  return new Map(Array.from({ length: 12 }, (_, i) => [`field${i}`, JSON.stringify(values[i % values.length])]));
}

function libraryCalls(fields: Fields): void {
  const key = dataKey(newDataKeyMaterial());
  const [seal, open] = [sealerOf(key, context), openerOf(key, context)];
  for (const [field, value] of fields) open(field, seal(field, value));
}

function bareCalls(fields: Fields): void {
  const key = createSecretKey(randomBytes(32));
  for (const [, value] of fields) {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAuthTag(cipher.getAuthTag());
    Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8');
  }
}

function timeOf(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}
