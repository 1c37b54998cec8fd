import { canonicalJson } from '../crypto/canonicalJson.ts';
import { digestOf } from '../crypto/digest.ts';
import {
  insertStatistic,
  selectFrozenPeriods,
  selectStatistic,
  selectTenantSince,
  type StatisticRow,
  type Tally,
} from '../db/statistics.ts';
import { VaultError } from '../errors.ts';
import { measures, type Measure } from '../policy/figures.ts';
import { columnOf } from '../policy/reader.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import { closedPeriods, dayOfPeriod, monthOf, type Period } from './period.ts';
import { permit } from './permit.ts';
import { believes, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { published, roundedTo } from './suppression.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import { countings, type Category } from './tallies.ts';
import { dayMs } from './tehranDay.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Tables made in one round of the housekeeping; the rest waits for the next. */
const mostTables = 24;

interface Cell {
  readonly of: Category;
  /** null: suppressed. */
  readonly count: number | null;
}

/** What this caller's department may have counted. Throws `not_permitted`. */
export function measuresFor({ profile }: Policy, caller: Caller): readonly Measure[] {
  const column = columnOf(profile, caller);
  const { readers = {} } = profile.statistics ?? {};
  const allowed = column !== undefined && Object.hasOwn(readers, column) ? readers[column] : undefined;
  if (allowed === undefined) throw new VaultError('not_permitted');
  return allowed;
}

/** Which figures there are for this caller, and of which months. */
export async function listStatistics(vault: Vault, caller: Caller, act: Act): Promise<Answer> {
  permit(caller, 'statistics.list');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const allowed = measuresFor(policy, caller);
  const [frozen] = await load(vault, tenantId, [selectFrozenPeriods(tenantId)]);
  const items = allowed.map((measure) => ({
    measure,
    dimensions: countings[measure].dimensions,
    periods: frozen.filter((one) => one.measure === measure).map(({ period }) => period),
  }));
  const { k, purpose } = policy.profile.statistics ?? { k: 0, purpose: '' };
  const body = { policyVersion: policy.label, purpose, k, roundedTo, items };
  return commitAct(vault, caller, act, { policy, purpose }, [], { status: 200, body });
}

/** One table as it was frozen. Throws `not_found` for a month that has none, one that is not over among them. */
export async function readStatistic(
  vault: Vault,
  caller: Caller,
  act: Act,
  asked: { readonly measure: string; readonly period: Period },
): Promise<Answer> {
  permit(caller, 'statistics.read');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const measure = measures.find((known) => known === asked.measure);
  if (measure === undefined) throw new VaultError('not_found');
  if (!measuresFor(policy, caller).includes(measure)) throw new VaultError('not_permitted');
  const [[row]] = await load(vault, tenantId, [selectStatistic(tenantId, measure, asked.period)]);
  const { k = 0, purpose = '' } = policy.profile.statistics ?? {};
  // The version in force may want more persons behind a figure than the one it was frozen under.
  if (row === undefined || row.threshold < k) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  if (!believes(vault, keys, 'statistics', row)) throw new VaultError('integrity_failure');
  const deed = { policy, purpose, object: { kind: 'statistics', id: row.id }, rule: `statistics.${measure}` };
  return commitAct(vault, caller, act, deed, [], { status: 200, body: view(row) });
}

function view(row: StatisticRow) {
  const { from, to } = monthOf(row.period);
  return {
    id: row.id,
    measure: row.measure,
    period: row.period,
    from: dayOfPeriod(from),
    to: dayOfPeriod(new Date(to.getTime() - dayMs)),
    k: row.threshold,
    roundedTo,
    policyVersion: row.policyVersion,
    ...timeView('frozenAt', row.frozenAt),
    cells: JSON.parse(row.cells) as readonly Cell[],
  };
}

/**
 * Makes the tables of months that are over and have none yet, oldest first. Any number of processes may do it at once: the first
 * to commit is the one that stands. Returns how many it made.
 */
export async function freezeStatistics(vault: Vault, policy: Policy, tenantId: string): Promise<number> {
  const { statistics } = policy.profile;
  if (statistics === undefined) return 0;
  const offered = measures.filter((measure) =>
    Object.values(statistics.readers).some((list) => list.includes(measure)),
  );
  const [[tenant], frozen] = await load(vault, tenantId, [selectTenantSince(tenantId), selectFrozenPeriods(tenantId)]);
  if (tenant === undefined) return 0;
  const made = new Set(frozen.map(({ measure, period }) => `${measure} ${period}`));
  const waiting = closedPeriods(tenant.createdAt, new Date(vault.now()))
    .flatMap((period) => offered.map((measure) => ({ measure, period })))
    .filter(({ measure, period }) => !made.has(`${measure} ${period}`))
    .slice(0, mostTables);
  for (const { measure, period } of waiting) await freeze(vault, policy, tenantId, measure, period);
  return waiting.length;
}

async function freeze(vault: Vault, policy: Policy, tenantId: string, measure: Measure, period: Period): Promise<void> {
  const keys = await vault.keyring.tenant(tenantId);
  const threshold = policy.profile.statistics?.k ?? 0;
  const tallies = await countings[measure].tallies(vault, policy, tenantId, monthOf(period));
  const cells = canonicalJson(cellsOf(policy, measure, tallies, threshold));
  const at = new Date(vault.now());
  const fixed = {
    measure,
    period,
    id: newId(at.getTime()),
    threshold,
    cells,
    policyVersion: policy.label,
    frozenAt: at,
  };
  const row = { ...fixed, mac: macOf(keys, 'statistics', fixed) };
  const leaf = sweepLeaf(
    {
      tenantId,
      policyVersion: policy.label,
      action: 'statistics.freeze',
      rule: `statistics.${measure}`,
      object: { kind: 'statistics', id: row.id },
      digest: digestOf(Buffer.from(cells)),
    },
    at.getTime(),
  );
  try {
    await write(vault, tenantId, [insertStatistic(tenantId, row), leaf]);
  } catch (error) {
    // Another process came first, and what it has made stands.
    if (!(error instanceof VaultError && error.code === 'conflict')) throw error;
  }
}

/** All cells where they are known beforehand; else only those that are published, because to name one is to say it is there. */
function cellsOf(policy: Policy, measure: Measure, tallies: readonly Tally[], k: number): Cell[] {
  const { dimensions, cells } = countings[measure];
  const counted = tallies.map((tally) => ({ of: categoryOf(dimensions, tally), count: published(tally, k) }));
  const known = cells(policy);
  if (known === undefined) {
    return counted
      .flatMap(({ of, count }) => (count === undefined ? [] : [{ of, count }]))
      .sort((one, other) => other.count - one.count || (canonicalJson(one.of) < canonicalJson(other.of) ? -1 : 1));
  }
  return known.map((of) => {
    const found = counted.find((one) => canonicalJson(one.of) === canonicalJson(of));
    return { of, count: found?.count ?? null };
  });
}

function categoryOf(dimensions: readonly string[], { one, two, three }: Tally): Category {
  const values = [one, two, three];
  return Object.fromEntries(dimensions.map((dimension, i) => [dimension, values[i] ?? '']));
}
