import { selectLeft } from '../db/erasure.ts';
import { selectRequestsOf } from '../db/requests.ts';
import { placed, type RulePlace } from '../policy/explain.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import { load } from './act.ts';
import type { ExplainedAct } from './explainedExport.ts';
import { keptOf } from './keptByLaw.ts';
import { believes } from './rowMac.ts';
import { clocksOf } from './retentionTerms.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** What the law keeps past an erasure, of one class. */
interface KeptClass {
  readonly class: RetentionClass;
  readonly records: number;
  readonly until: string;
}

/**
 * What a granted erasure would leave, and what is still to be done for it. Nothing here asks whether a hold stands: whoever is
 * held and whoever is not get the same answer.
 */
export async function explainErasure(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  customerId: string,
): Promise<ExplainedAct & { readonly kept: readonly KeptClass[] }> {
  const { profile } = policy;
  const [left, requests] = await load(vault, tenantId, [
    selectLeft(tenantId, [customerId], clocksOf(profile, new Date(vault.now()))),
    selectRequestsOf(tenantId, [customerId]),
  ]);
  const keys = await vault.keyring.tenant(tenantId);
  const at = new Date(vault.now());
  const records = left.flatMap((record) => keptOf(profile, record, at) ?? []);
  const classes = [...new Set(records.map(({ rule }) => rule))].toSorted();
  const asked = requests.some(
    (row) =>
      row.kind === 'erase' && row.state === 'open' && row.outcome === null && believes(vault, keys, 'requests', row),
  );
  const rules: readonly RulePlace[] = [
    placed('/rights/erase', profile.rights.erase),
    ...classes.map((name) => placed(`/retention/${name}`, profile.retention[name])),
  ];
  return {
    outcome: classes.length === 0 ? 'allowed' : 'partly',
    rules,
    wouldHaveToChange: [
      ...(asked ? [] : [{ step: 'request_erasure' } as const]),
      { step: 'decide_request' },
      { step: 'wait_for_deadline', pointer: '/rights/erase/deadline' },
    ],
    kept: classes.map((name) => {
      const own = records.filter(({ rule }) => rule === name);
      const until = new Date(Math.max(...own.map((kept) => kept.until.getTime())));
      return { class: name, records: own.length, ...(timeView('until', until) as { until: string }) };
    }),
  };
}
