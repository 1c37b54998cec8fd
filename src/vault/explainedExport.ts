import { VaultError, type Code } from '../errors.ts';
import { explainRead, placed, type Change, type ExplainedField, type RulePlace } from '../policy/explain.ts';
import type { Field } from '../policy/profile.ts';
import { groundKinds } from '../policy/vocabulary.ts';
import type { Asked } from './explainedRead.ts';
import { openGate, orderAsGrant } from './exportGate.ts';
import type { Person } from './fourEyes.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface ExplainedAct {
  readonly outcome: 'allowed' | 'partly' | 'refused';
  /** The code of the refusal that the act itself would give. */
  readonly code?: Code;
  readonly rules: readonly RulePlace[];
  readonly wouldHaveToChange: readonly Change[];
  readonly fields?: readonly ExplainedField[];
}

/** What brings an order that was refused with this code to its execution. */
const steps: Readonly<Partial<Record<Code, readonly Change[]>>> = {
  legal_order_required: [{ step: 'register_legal_order' }, { step: 'approve_legal_order' }],
  legal_order_not_approved: [{ step: 'approve_legal_order' }],
  legal_order_expired: [{ step: 'register_legal_order' }, { step: 'approve_legal_order' }],
  legal_order_revoked: [{ step: 'register_legal_order' }, { step: 'approve_legal_order' }],
  legal_order_used: [{ step: 'register_legal_order' }, { step: 'approve_legal_order' }],
  self_approval: [{ step: 'approve_legal_order' }],
  ground_not_allowed: [{ step: 'new_policy_version', pointer: '/grounds' }],
  field_required: [{ step: 'register_legal_order' }],
  not_permitted: [{ step: 'new_policy_version', pointer: '/access' }],
};

/** Without an order, nothing leaves: on which grounds one may be recorded here, and which fields it could then name. */
export function explainNoOrder(policy: Policy, reader: Asked, fields: readonly Field[]): ExplainedAct {
  return {
    outcome: 'refused',
    code: 'legal_order_required',
    rules: groundKinds
      .filter((ground) => policy.profile.grounds[ground].allowed)
      .map((ground) => placed(`/grounds/${ground}`, policy.profile.grounds[ground])),
    wouldHaveToChange: steps.legal_order_required ?? [],
    fields: fieldsUnder(policy, reader, fields),
  };
}

/** By the gate itself, short of whom the order is about: no subject of it is looked up. */
export async function explainOrder(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  reader: Asked,
  legalOrderId: string,
): Promise<ExplainedAct> {
  const by: Person = { clientId: reader.clientId, actor: reader.actor ?? '' };
  const who = { ...reader, tenantId };
  try {
    const gate = await openGate(vault, who, policy, legalOrderId, by, new Date(vault.now()));
    return {
      outcome: 'allowed',
      rules: [placed(`/grounds/${gate.ground.ground}`, policy.profile.grounds[gate.ground.ground])],
      wouldHaveToChange: [{ step: 'execute_legal_order' }],
      fields: fieldsUnder(policy, reader, gate.record.scope.fields),
    };
  } catch (error) {
    if (!(error instanceof VaultError) || steps[error.code] === undefined) throw error;
    return { outcome: 'refused', code: error.code, rules: [], wouldHaveToChange: steps[error.code] ?? [] };
  }
}

function fieldsUnder(policy: Policy, reader: Asked, fields: readonly Field[]): readonly ExplainedField[] {
  const grant = orderAsGrant(policy, fields);
  const decision = policy.decide(reader, grant, fields);
  return fields.map((field) => explainRead(policy.profile, reader, grant, decision, field));
}
