import { deactivateCustomer, hideCustomer } from '../db/erasure.ts';
import { requireEdits } from '../db/freezes.ts';
import { closePurpose } from '../db/objections.ts';
import type { Outcome, RequestRow } from '../db/requests.ts';
import type { StandingCustomerRow } from '../db/customers.ts';
import type { TagRow } from '../db/indexTags.ts';
import type { OrderClocks } from '../db/orderTime.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import type { Act } from './act.ts';
import { leafStatement } from './audit.ts';
import type { Caller } from './caller.ts';
import { editCustomer, editStatements } from './customerEdit.ts';
import type { TenantKeys } from './keyring.ts';
import { openProposal, partsOf, pointersOf } from './proposal.ts';
import { clocksOf } from './retentionTerms.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** What a decision says of a correction that was proposed. */
export interface Applying {
  readonly outcome: Outcome;
  /** Of a correction that is partly done: which parts of it. */
  readonly apply?: readonly string[] | undefined;
  /** Of the customer as whoever decides has seen it; the version it was proposed on when undefined. */
  readonly version?: number | undefined;
}

/** What is done with the decision, in its commit. */
export interface Effects {
  readonly statements: readonly Statement[];
  readonly applied: readonly string[] | null;
  /** Identifiers that become the customer's. */
  readonly tags: readonly TagRow[];
}

export interface Deciding {
  readonly vault: Vault;
  readonly policy: Policy;
  readonly keys: TenantKeys;
  readonly caller: Caller;
  readonly act: Act;
  readonly customer: StandingCustomerRow;
  readonly at: Date;
}

/** What is done at once; of a granted erasure, all but the key. */
export function effectsOf(deciding: Deciding, row: RequestRow, applying: Applying): Effects {
  const { policy, keys, at } = deciding;
  if (row.kind === 'correct') return corrected(deciding, row, applying);
  if (applying.apply !== undefined) throw refuse('invalid_body', '/apply', 'not_for_kind');
  if (applying.version !== undefined) throw refuse('invalid_body', '/version', 'not_for_kind');
  const clocks = clocksOf(policy.profile, at);
  return { statements: statementsOf(keys.tenantId, row, applying.outcome, at, clocks), applied: null, tags: [] };
}

function statementsOf(tenantId: string, row: RequestRow, outcome: Outcome, at: Date, clocks: OrderClocks): Statement[] {
  const { customerId: id } = row;
  if (outcome === 'refused') return [];
  const free = requireEdits([{ tenantId, id }]);
  if (row.kind === 'erase') return [free, ...hideCustomer(tenantId, id, at, clocks)];
  if (row.kind === 'deactivate') return [free, deactivateCustomer(tenantId, id, at)];
  return row.kind === 'object' && row.purpose !== null ? closePurpose(tenantId, id, row.purpose, at) : [];
}

/**
 * Applies what was proposed, wholly or by the parts that are named, as an edit of its own with a leaf of its own: the state
 * before is kept. Throws `precondition_failed` when the customer has changed since it was looked at.
 */
function corrected(deciding: Deciding, row: RequestRow, { outcome, apply, version }: Applying): Effects {
  const { vault, policy, keys, caller, act, customer } = deciding;
  const proposal = openProposal(keys, customer, row);
  if (proposal === undefined || outcome === 'refused') {
    if (apply !== undefined) throw refuse('invalid_body', '/apply', 'nothing_proposed');
    if (version !== undefined) throw refuse('invalid_body', '/version', 'nothing_proposed');
    return { statements: [], applied: null, tags: [] };
  }
  const applied = appliedOf(pointersOf(proposal.change), outcome, apply);
  if (customer.version !== (version ?? proposal.version)) throw new VaultError('precondition_failed');
  const edit = editCustomer(vault, policy, keys, caller, customer, partsOf(proposal.change, applied));
  const leaf = leafStatement(
    vault,
    caller,
    { ...act, action: 'customers.patch' },
    { ...edit.deed, rule: 'rights.correct' },
  );
  return { statements: [...editStatements([edit]), leaf], applied, tags: edit.tags };
}

function appliedOf(
  proposed: readonly string[],
  outcome: Outcome,
  apply: readonly string[] | undefined,
): readonly string[] {
  if (outcome === 'done') {
    if (apply !== undefined) throw refuse('invalid_body', '/apply', 'not_for_outcome');
    return proposed;
  }
  if (apply === undefined || apply.length === 0) throw refuse('field_required', '/apply');
  const unknown = apply.findIndex((pointer) => !proposed.includes(pointer));
  if (unknown >= 0) throw refuse('invalid_body', `/apply/${unknown}`, 'unknown_value');
  const named = proposed.filter((pointer) => apply.includes(pointer));
  if (named.length === proposed.length) throw refuse('invalid_body', '/apply', 'whole');
  return named;
}
