import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { synthetic } from '../../src/cli/synthetic.ts';
import { canonicalJson } from '../../src/crypto/canonicalJson.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, leavesOf, made, newOrder, newPerson, tenantUnder, type Person } from '../support/work.ts';
import { customerUnder } from '../support/profiles.ts';
import { shipped } from '../unit/policy/shipped.ts';
import { noting } from '../attacks/twins.ts';
import { expectRefusal } from './legalDesk.ts';

const k = 5;
const people = synthetic(7_551);
const profile = parse(readFileSync(new URL('../../policies/khakriz.yaml', import.meta.url), 'utf8'), { merge: true });
let vault: TestVault;
let shop: TestClient;
let dpo: TestClient;
let marketing: TestClient;
let rival: TestClient;
let period: string;
const everybody: Person[] = [];
const statements: string[] = [];

interface Row {
  readonly person: string;
  readonly city: string;
  readonly orders?: string;
}

/** Persons of one city, who order so often each. */
async function trade(city: string, count: number, often: number): Promise<Person[]> {
  const stored: Person[] = [];
  for (let i = 0; i < count; i += 1) {
    const drawn = customerUnder(shipped.khakriz, people.naturalCustomer());
    const [first] = drawn.addresses;
    if (first === undefined) throw new Error('no address');
    const person = await newPerson(shop, { ...drawn, addresses: [{ ...first, address: { ...first.address, city } }] });
    for (let order = 0; order < often; order += 1) await newOrder(shop, person);
    stored.push(person);
  }
  everybody.push(...stored);
  return stored;
}

const object = async ({ id }: Person): Promise<unknown> =>
  made(
    await shop.post('/v1/requests', {
      customerId: id,
      kind: 'object',
      purpose: 'market_research',
      asker: 'subject',
      checked: 'call_back',
    }),
  );

beforeAll(async () => {
  const statistics = { ...profile.statistics, k };
  const profileText = stringify({ ...profile, statistics }, { aliasDuplicateObjects: false });
  vault = await startVault({ profileText, wrapDatabase: noting(statements) });
  shop = await vault.client('shop_backend');
  dpo = await vault.client('dpo');
  marketing = await vault.client('marketing');
  rival = await vault.client('marketing');
  const [objector] = await trade('تهران', 6, 1);
  await trade('تَهران', 1, 1);
  await trade('تبریز', 5, 1);
  await trade('تبریز', 5, 2);
  await trade('رشت', 4, 3);
  if (objector !== undefined) await object(objector);
  const today = made(await dpo.get('/v1/customers?limit=1'), 200).items[0].createdAt;
  period = new Date(today)
    .toLocaleDateString('en-u-ca-persian-nu-latn', {
      timeZone: 'Asia/Tehran',
      year: 'numeric',
      month: '2-digit',
    })
    .replace(/^(\d\d)\D(\d{4}).*$/, '$2-$1');
  expectRefusal(await marketing.post('/v1/extracts', { period }), 422, 'invalid_body', '/period');
  vault.advance(33 * day);
  [shop, dpo] = await Promise.all([shop.as(undefined), dpo.as(undefined)]);
  [marketing, rival] = await Promise.all([marketing.as('staff-8'), rival.as('staff-9')]);
});
afterAll(() => vault.stop());

describe('a pseudonymous extract', () => {
  let rows: readonly Row[];

  test('has persons in classes of k and what cannot tell them apart; nothing that names anybody, and no objector', async () => {
    const answer = await marketing.post('/v1/extracts', { period }, { 'idempotency-key': 'extract-of-a-month-1' });
    const extract = made(answer);
    rows = extract.items;
    const by = (city: string) => rows.filter((row) => row.city === city);
    // One of six objected, one writes the city otherwise.
    expect(rows.filter(({ city }) => city.endsWith('هران') && city.startsWith('ت'))).toHaveLength(6);
    expect(by('تبریز')).toHaveLength(10);
    expect(
      by('تبریز')
        .map(({ orders }) => orders)
        .sort((one = '', other = '') => one.localeCompare(other)),
    ).toEqual([...Array<string>(5).fill('one'), ...Array<string>(5).fill('several')]);
    expect(by('رشت'), 'four are too few').toEqual([]);
    expect(
      by('تهران').some(({ orders }) => orders !== undefined),
      'all did the same',
    ).toBe(false);
    expect(new Set(rows.map(({ person }) => person)).size).toBe(rows.length);
    expect(extract).toMatchObject({ period, purpose: 'market_research', k, persons: 16 });
    expect(extract.sha256).toBe(createHash('sha256').update(canonicalJson(extract.items)).digest('hex'));
    for (const { id, sent } of everybody)
      for (const value of [id, ...Object.values(sent.fields), ...sent.phones.map(({ number }) => number)])
        expect(answer.text.includes(value), value).toBe(false);
    const again = await marketing.post('/v1/extracts', { period }, { 'idempotency-key': 'extract-of-a-month-1' });
    expect(again.text).toBe(answer.text);
  });

  test('is of one recipient: two have nobody in common, and neither gets the month twice', async () => {
    const theirs = made(await rival.post('/v1/extracts', { period })).items as readonly Row[];
    expect(theirs.map(({ city }) => city).sort()).toEqual(rows.map(({ city }) => city).sort());
    const known = new Set(rows.map(({ person }) => person));
    expect(theirs.filter(({ person }) => known.has(person))).toEqual([]);
    expect(statements, 'control: orders were opened for it').toContain('select_placed_orders');
    statements.length = 0;
    expectRefusal(await rival.post('/v1/extracts', { period }), 409, 'conflict');
    expect(statements, 'no order is opened for what is not given').not.toContain('select_placed_orders');
    const both = await Promise.all([0, 1].map(() => marketing.post('/v1/extracts', { period })));
    expect(both.map(({ status }) => status)).toEqual([409, 409]);
  });

  test('is in the register and in the log, with its digest; the rows are kept nowhere', async () => {
    const [theirs, ours] = made(await dpo.get('/v1/extracts'), 200).items;
    expect([theirs.recipient.clientId, ours.recipient.clientId]).toEqual([rival.id, marketing.id]);
    expect(made(await marketing.get('/v1/extracts'), 200).items).toEqual([ours]);
    const leaf = (await leavesOf(dpo, `client=${marketing.id}`)).find(({ objectId }) => objectId === ours.id);
    expect(leaf).toMatchObject({
      action: 'extracts.create',
      purpose: 'market_research',
      digest: ours.sha256,
      actor: 'staff-8',
    });
    const [stored] = await atDatabase<{ text: string }>(
      vault,
      'select string_agg(e::text, $1) as text from amanat.extracts e',
      [''],
    );
    expect(rows.some(({ person }) => stored?.text.includes(person))).toBe(false);
    await atDatabase(vault, `update amanat.extracts set persons = 1 where id = $1`, [ours.id]);
    expect(made(await dpo.get('/v1/extracts'), 200).items).toHaveLength(1);
  });

  test('nobody gets one whose policy does not say so', async () => {
    const kalak = await tenantUnder(vault, {});
    const refused = await (await kalak.client('marketing')).post('/v1/extracts', { period });
    expectRefusal(refused, 403, 'not_permitted', '', 'not_in_policy');
    for (const by of [shop, dpo]) expect((await by.post('/v1/extracts', { period })).status).toBe(403);
    expectRefusal(await marketing.post('/v1/extracts', { period: '1404-13' }), 422, 'invalid_body', '/period');
    expectRefusal(
      await marketing.post('/v1/extracts', { period, fields: ['mobile'] }),
      422,
      'unknown_field',
      '/fields',
    );
  });
});
