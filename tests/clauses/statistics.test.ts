import { expect } from 'vitest';
import { freezeStatistics } from '../../src/vault/statistics.ts';
import { day, leavesOf, made, newOrder } from '../support/work.ts';
import { clause } from './clause.ts';

/** What may be counted. */

clause(
  'A4',
  {
    shows: 'statistics are counts of ten persons at least, of months that are over, and never rows',
    in: ['src/vault/statistics.ts', 'src/vault/suppression.ts', 'src/policy/figures.ts'],
  },
  async ({ vault, profile, client, person, company }) => {
    expect(profile.statistics).toMatchObject({ purpose: 'statistics', k: 10 });
    for (let i = 0; i < 12; i += 1) await person();
    for (let i = 0; i < 3; i += 1) await company();
    const early = await client('dpo');
    expect(made(await early.get('/v1/statistics'), 200).items[0].periods, 'the month is not over').toEqual([]);
    vault.advance(33 * day);
    const dpo = await early.as(undefined);
    await freezeStatistics(vault.vault, vault.vault.watch.policy(vault.tenantId), vault.tenantId);
    const { items, purpose } = made(await dpo.get('/v1/statistics'), 200);
    expect(purpose).toBe('statistics');
    const period = items[0].periods.at(-1);
    const { k, cells } = made(await dpo.get(`/v1/statistics/customers?period=${period}`), 200);
    expect(k).toBe(10);
    // Twelve are ten when rounded down; three companies are not told from none.
    expect(cells).toEqual([
      { of: { kind: 'natural', status: 'active' }, count: 10 },
      { of: { kind: 'natural', status: 'deactivated' }, count: null },
      { of: { kind: 'legal', status: 'active' }, count: null },
      { of: { kind: 'legal', status: 'deactivated' }, count: null },
    ]);
    const support = await (await client('support')).as(undefined);
    expect((await support.get('/v1/statistics')).body.code).toBe('not_permitted');
    const read = (await leavesOf(dpo, `client=${dpo.id}`)).find(({ action }) => action === 'statistics.read');
    expect(read).toMatchObject({ purpose: 'statistics', full: [], masked: [] });
  },
);

clause(
  'D15',
  {
    shows:
      'market research gets counts, or rows without direct identifiers in classes of ten, under pseudonyms of each recipient',
    in: ['src/vault/extracts.ts', 'src/vault/statistics.ts'],
  },
  async ({ vault, profile, client, person }) => {
    expect(profile.purposes['market_research']?.values).toBe('none');
    expect(profile.extracts).toMatchObject({ allowed: true, purpose: 'market_research', readers: ['marketing'] });
    const [shop, first] = [await client('shop_backend'), await client('marketing')];
    const persons = [];
    for (let i = 0; i < 11; i += 1) {
      const someone = await person();
      // All to one city.
      const [place] = persons[0]?.sent.addresses ?? someone.sent.addresses;
      made(await shop.patch(`/v1/customers/${someone.id}`, { addresses: [place] }, 1), 200);
      const [{ id: addressId }] = made(await shop.get(`/v1/customers/${someone.id}`), 200).addresses;
      await newOrder(shop, { ...someone, addressId });
      persons.push(someone);
    }
    const second = await vault.client('marketing');
    vault.advance(33 * day);
    const [one, other] = await Promise.all([first, second].map((by) => by.as(undefined)));
    await freezeStatistics(vault.vault, vault.vault.watch.policy(vault.tenantId), vault.tenantId);
    if (one === undefined || other === undefined) throw new Error('no client');
    const period = made(await one.get('/v1/statistics'), 200).items[0].periods.at(-1);
    const { cells } = made(await one.get(`/v1/statistics/cities?period=${period}`), 200);
    expect(cells).toEqual([{ of: { city: expect.any(String) }, count: 10 }]);
    const [mine, theirs] = [await one.post('/v1/extracts', { period }), await other.post('/v1/extracts', { period })];
    const rows = made(mine).items as readonly { readonly person: string }[];
    expect(rows).toHaveLength(11);
    const known = new Set(rows.map((row) => row.person));
    expect(made(theirs).items.filter((row: { person: string }) => known.has(row.person))).toEqual([]);
    for (const { id, sent } of persons)
      for (const value of [id, ...Object.values(sent.fields)]) expect(mine.text.includes(value), value).toBe(false);
    expect((await one.get(`/v1/customers/${persons[0]?.id}`)).status).toBe(403);
  },
);
