import { countComplaintsByClause, type ClauseCount } from '../db/caseCounts.ts';
import { refuse } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

/** Of fewer people than this nothing is counted: a count of one is somebody. */
const fewest = 5;

/** Complaints filed in a period by the clauses that they say were not kept, and how they ended. */
export async function countComplaints(
  vault: Vault,
  caller: Caller,
  act: Act,
  { from, to }: { readonly from: Date | undefined; readonly to: Date | undefined },
): Promise<Answer> {
  permit(caller, 'complaints.count');
  if (from !== undefined && to !== undefined && from > to) throw refuse('invalid_query', '?from', 'order');
  const period = [from ?? new Date(0), to ?? new Date(vault.now())] as const;
  const [rows] = await load(vault, caller.tenantId, [countComplaintsByClause(caller.tenantId, ...period)]);
  const body = { from: period[0].toISOString(), to: period[1].toISOString(), items: rows.map(shown) };
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

const shown = ({ clause, outcome, complaints, people }: ClauseCount) => ({
  clause,
  outcome: outcome ?? 'open',
  ...(people < fewest ? { fewerThan: fewest } : { complaints }),
});
