import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cells } from '../../src/policy/references.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { made } from '../support/work.ts';
import { shipped, shippedNames, type ShippedName } from '../unit/policy/shipped.ts';

let vault: TestVault;

beforeAll(async () => {
  vault = await startVault();
});
afterAll(() => vault.stop());

const inventoryOf = (tenantId = vault.tenantId, query = '') =>
  vault.request('GET', `/v1/tenants/${tenantId}/inventory${query}`);

describe('the inventory', () => {
  test('of every shipped policy: each item, each cell and each class of retention, and no more', async () => {
    const tenants = new Map<ShippedName, string>([['kalak', vault.tenantId]]);
    for (const name of shippedNames) if (name !== 'kalak') tenants.set(name, (await vault.secondTenant(name)).tenantId);
    for (const [name, tenantId] of tenants) {
      const body = made(await inventoryOf(tenantId), 200);
      const profile = shipped[name];
      const declared = Object.entries(profile.items).flatMap(([party, items]) =>
        Object.keys(items).map((field) => `${party}.${field}`),
      );
      expect(body.items.map((item: { party: string; field: string }) => `${item.party}.${item.field}`).sort()).toEqual(
        declared.sort(),
      );
      const shown = new Set<string>(
        body.items.flatMap(({ field, seenBy }: { field: string; seenBy: { reader: string }[] }) =>
          seenBy.map(({ reader }) => `${field} ${reader}`),
        ),
      );
      const allowed = cells(profile)
        .filter(({ field }) => declared.some((item) => item.endsWith(`.${field}`)))
        .filter(({ cell }) => cell.base !== 'none' || cell.full.length > 0)
        .map(({ field, reader }) => `${field} ${reader}`);
      expect([...shown].sort()).toEqual(allowed.sort());
      expect(body.retention).toHaveLength(Object.keys(profile.retention).length);
      expect(body.storage.map((s: { holds: string[] }) => s.holds.includes('keys'))).toEqual(
        profile.storage.map(({ holdsKeys }) => holdsKeys),
      );
      for (const { clauses } of [...body.items, ...body.retention, ...body.storage])
        expect(clauses.length).toBeGreaterThan(0);
    }
  });

  test('says of an item why, who, until when and where', async () => {
    const { items, retention, storage, policyVersion } = made(await inventoryOf(), 200);
    const iban = items.find((item: { field: string }) => item.field === 'iban');
    expect(policyVersion).toBe('kalak/1');
    expect(iban).toMatchObject({ class: 'financial', mandatory: false, clauses: ['E6', 'E8'] });
    expect(iban.keptAs).toEqual([{ record: 'customer', class: 'refund_iban' }]);
    const seer = iban.seenBy.find(({ reader }: { reader: string }) => reader === 'payment_processor');
    expect(seer).toMatchObject({ base: 'none', kind: 'processor' });
    expect(seer.under.map(({ kind }: { kind: string }) => kind)).toEqual(['refund']);
    const kept = retention.find((rule: { class: string }) => rule.class === 'refund_iban');
    expect(kept).toMatchObject({ keep: 'P90D', clock: 'settlement', after: 'erase' });
    // E19: at the provider lie sealed values, and what opens them does not.
    expect(storage.find(({ place }: { place: string }) => place === 'provider').holds).toEqual(['sealed_values']);
  });

  test('as a Persian page that loads and runs nothing', async () => {
    const answer = await inventoryOf(vault.tenantId, '?format=html');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(answer.text).toContain('dir="rtl"');
    for (const text of ['کد ملی', 'پشتیبانی', 'سرورهای کالاک', '۹۰ روز پس از تسویه'])
      expect(answer.text.replace(/\s+/g, ' ')).toContain(text);
    expect(answer.text).not.toMatch(/<script|https?:/);
    expect((await inventoryOf(vault.tenantId, '?format=pdf')).status).toBe(422);
  });

  test('an unknown tenant, and what cannot be one, is the same 404', async () => {
    const texts = [];
    for (const id of ['019abc12-5e00-7b3a-9f41-6c2d8e0a17b5', 'x']) {
      const { status, text, body } = await inventoryOf(id);
      texts.push(`${status} ${text.replace(body.requestId, '')}`);
    }
    expect(texts[0]).toMatch(/^404/);
    expect(texts[0]).toBe(texts[1]);
  });
});
