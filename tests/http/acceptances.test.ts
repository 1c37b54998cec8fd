import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { policyText } from '../support/policyTexts.ts';
import { publish } from '../support/signedRows.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, leavesOf, made, newPerson, subjectOf, type Person } from '../support/work.ts';
import { kalak } from '../unit/policy/kalak.ts';
import { expectRefusal } from './legalDesk.ts';

const people = synthetic(355);
let vault: TestVault;
let shop: TestClient;
let dpo: TestClient;
let person: Person;
let stranger: Person;

beforeAll(async () => {
  vault = await startVault();
  [shop, dpo] = [await vault.client('shop_backend'), await vault.client('dpo', { actor: 'staff-9' })];
  [person, stranger] = [
    await newPerson(shop, people.naturalCustomer()),
    await newPerson(shop, people.naturalCustomer()),
  ];
});
afterAll(() => vault.stop());

const pathOf = ({ id }: Person) => `/v1/customers/${id}/acceptances`;

describe('acceptance of the policy (E35)', () => {
  test('is recorded with version, method and time, by the shop or the person, and shown to those it concerns', async () => {
    const own = await subjectOf(vault, shop, person.id);
    const first = made(await shop.post(pathOf(person), { method: 'account_created' }));
    const second = made(await own.post(pathOf(person), { version: 1, method: 'agree_button', attested: true }));
    expect(first).toMatchObject({ version: 1, policyVersion: 'kalak/1', method: 'account_created' });
    expect(first.attestationSha256).toBeUndefined();
    const sentence = createHash('sha256').update(kalak.attestation.text.fa).digest('hex');
    expect(second).toMatchObject({ attestationSha256: sentence, recordedBy: { role: 'subject' } });
    for (const by of [shop, dpo, own, await vault.client('support')])
      expect(made(await by.get(pathOf(person)), 200).items).toEqual([second, first]);
    expect((await (await vault.client('marketing')).get(pathOf(person))).status).toBe(403);
    for (const call of [own.get(pathOf(stranger)), own.post(pathOf(stranger), { method: 'agree_button' })])
      expect((await call).status).toBe(404);
    expect(made(await shop.get(pathOf(stranger)), 200).items).toEqual([]);
    const leaf = (await leavesOf(dpo, `subject=${person.id}`)).find(({ action }) => action === 'acceptances.create');
    expect(leaf).toMatchObject({ objectId: second.id, rule: 'acceptance.agree_button', policyVersion: 'kalak/1' });
  });

  test('is of the newest version only, and in a way that the policy names', async () => {
    const narrow = { '/acceptance/methods': ['agree_button'], '/title/en': '2' };
    await publish(vault.vault, vault.tenantId, 2, policyText(narrow));
    await vault.vault.watch.lookAnew();
    const accept = (body: object) => shop.post(pathOf(stranger), body);
    const old = await accept({ version: 1, method: 'agree_button' });
    expectRefusal(old, 422, 'invalid_body', '/version');
    expect(old.body.errors[0].code).toBe('not_newest');
    expectRefusal(await accept({ version: 3, method: 'agree_button' }), 422, 'invalid_body', '/version');
    expectRefusal(await accept({ method: 'order_placed' }), 422, 'invalid_body', '/method');
    expect(made(await accept({ method: 'agree_button' })).version).toBe(2);
    expect(made(await shop.get(pathOf(person)), 200).items[0].version).toBe(1);
  });

  test('cannot be made or changed in the table, and holds no word of the person', async () => {
    const before = made(await shop.get(pathOf(stranger)), 200).items;
    await atDatabase(vault, `update amanat.acceptances set method = 'order_placed' where customer_id = $1`, [
      stranger.id,
    ]);
    expect(made(await shop.get(pathOf(stranger)), 200).items).toEqual([]);
    expect(vault.logLines.filter((line) => line.includes('"acceptances"'))).toHaveLength(1);
    await atDatabase(vault, `update amanat.acceptances set customer_id = $2 where customer_id = $1`, [
      person.id,
      stranger.id,
    ]);
    expect(made(await shop.get(pathOf(stranger)), 200).items).toEqual([]);
    expect(before).toHaveLength(1);
    const rows = await atDatabase<{ text: string }>(vault, 'select a::text as text from amanat.acceptances a');
    for (const value of [...Object.values(person.sent.fields), ...Object.values(stranger.sent.fields)])
      expect(JSON.stringify(rows)).not.toContain(value);
    expect(JSON.stringify(rows)).toContain(stranger.id);
  });
});
