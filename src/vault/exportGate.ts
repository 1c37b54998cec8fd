import { selectLegalOrder, type LegalOrderRow } from '../db/legalOrders.ts';
import { mostHolders, selectSubjects, type SubjectRow } from '../db/legalSubjects.ts';
import { refuse, VaultError } from '../errors.ts';
import type { Decision, JudgedGrant, Reader } from '../policy/judge.ts';
import type { Field } from '../policy/profile.ts';
import { load } from './act.ts';
import type { Caller } from './caller.ts';
import { expectTwo, type Person } from './fourEyes.ts';
import type { TenantKeys } from './keyring.ts';
import { groundOf, type Ground } from './legalGround.ts';
import { periodOf } from './exportContent.ts';
import { expectDemands } from './legalOrderCheck.ts';
import type { LegalOrderRecord } from './legalOrderRecord.ts';
import { approvedScope, openOrder, type LegalOrderFile } from './legalOrderSeal.ts';
import { subjectKeys } from './legalScope.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Persons in one package. */
const mostPersons = 1_000;

interface ExecutableOrder {
  readonly row: LegalOrderRow;
  /** As the profile in force has it. */
  readonly ground: Ground;
}

/**
 * The order, if this person may execute it now: everything that can refuse is judged here, before a single key is
 * unwrapped. Another tenant's order and one that never was are no order.
 */
async function executableOrder(
  vault: Vault,
  caller: Pick<Caller, 'tenantId'>,
  policy: Policy,
  id: string,
  person: Person,
  at: Date,
): Promise<ExecutableOrder> {
  const [[row]] = await load(vault, caller.tenantId, [selectLegalOrder(caller.tenantId, id)]);
  if (row === undefined) throw new VaultError('legal_order_required');
  if (row.status === 'revoked') throw new VaultError('legal_order_revoked');
  if (row.status === 'executed') throw new VaultError('legal_order_used');
  if (row.status !== 'approved') throw new VaultError('legal_order_not_approved');
  if (row.validUntil <= at) throw new VaultError('legal_order_expired');
  if ((row.approvalExpires?.getTime() ?? 0) <= at.getTime()) throw new VaultError('legal_order_not_approved');
  // CPC 669: what is kept by an order is not disclosed by it.
  const ground = groundOf(policy.profile, row);
  if (ground.kind === 'preservation')
    throw refuse('ground_not_allowed', '/legalOrderId', 'preservation_discloses_nothing');
  if (row.approvals < ground.approvals) throw new VaultError('legal_order_not_approved');
  // legal.md [D]: registered ≠ approved ≠ executed. The registrar may execute what another person approved.
  expectTwo(person, { clientId: row.decidedBy ?? '', actor: row.decidedActor ?? '' });
  return { row, ground };
}

export interface OpenGate extends ExecutableOrder {
  readonly file: LegalOrderFile;
  /** With the scope as it was approved. */
  readonly record: LegalOrderRecord;
  readonly decision: Decision;
  readonly purpose: string;
}

/**
 * Everything that can refuse an execution, short of whom the order is about: the order's own key is unwrapped after all that
 * its columns say, and nobody else's.
 */
export async function openGate(
  vault: Vault,
  caller: Pick<Caller, 'tenantId'> & Reader,
  policy: Policy,
  id: string,
  by: Person,
  at: Date,
): Promise<OpenGate> {
  const order = await executableOrder(vault, caller, policy, id, by, at);
  const file = openOrder(await vault.keyring.tenant(caller.tenantId), order.row);
  expectDemands(order.ground, file.record, '/legalOrderId');
  // The row holds the last approver only.
  for (const approval of file.approvals ?? []) expectTwo(by, approval);
  const record = { ...file.record, scope: approvedScope(file) };
  return { ...order, file, record, ...judgeScope(policy, caller, record.scope.fields) };
}

/**
 * The judge's word on the scope: the order stands in the place of a grant, for its fields and this one act. Throws
 * `not_permitted` unless the policy in force releases every field.
 */
function judgeScope(policy: Policy, caller: Reader, fields: readonly Field[]): { decision: Decision; purpose: string } {
  const grant = orderAsGrant(policy, fields);
  const { purpose } = grant;
  const decision = policy.decide(caller, grant, fields);
  if (decision.full.length !== fields.length) throw new VaultError('not_permitted');
  return { decision, purpose };
}

/** An approved order as the judge takes it. */
export function orderAsGrant({ profile }: Pick<Policy, 'profile'>, fields: readonly Field[]) {
  const purpose = profile.grantKinds.legal_order?.purpose ?? '';
  return { kind: 'legal_order', purpose, hasOrder: false, fields, state: 'open' } as const satisfies JudgedGrant;
}

/**
 * Whoever the order's subjects are at this moment. An identifier that a hundred hold identifies nobody, and where the ground
 * is for one person it is for one, however many share a telephone: `conflict`.
 */
export async function subjectsOf(
  vault: Vault,
  caller: Caller,
  keys: TenantKeys,
  { scope }: LegalOrderRecord,
  { mostSubjects }: Ground,
): Promise<readonly SubjectRow[]> {
  const [found] = await load(vault, caller.tenantId, [
    selectSubjects(caller.tenantId, subjectKeys(keys, scope.subjects), periodOf(scope)),
  ]);
  const crowded = scope.subjects.some((_, i) => found.filter(({ n }) => n === i + 1).length > mostHolders);
  const persons = new Set(found.map(({ id }) => id)).size;
  if (crowded || found.length > mostPersons || (mostSubjects === 1 && persons > 1))
    throw refuse('conflict', '/legalOrderId', 'too_many_persons');
  return found;
}
