import { expect } from 'vitest';
import { freezeStatistics } from '../../src/vault/statistics.ts';
import { day, leavesOf, made } from '../support/work.ts';
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
