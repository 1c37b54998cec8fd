import { insertPolicyChange, selectPolicyChange } from '../db/policies.ts';
import { closeGrants as closeStatement } from '../db/grants.ts';
import { selectOpenGrants, type OpenGrantRow } from '../db/policySweep.ts';
import { VaultError } from '../errors.ts';
import type { Reader } from '../policy/judge.ts';
import { fields, type Role } from '../policy/profile.ts';
import { load, write } from './act.ts';
import { eventStatement } from './events.ts';
import { judged } from './grantOf.ts';
import { macOf } from './rowMac.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Grants looked at together. */
const pageSize = 500;
/**
 * So long after a version took effect another process may still open a grant by the one before: it knows of the change within
 * five seconds, and its commit ends within the deadline of a request.
 */
const settlesAfterMs = 60_000;

/** Which changes this process knows to be done with, so that it asks no more. */
export type SettledChanges = Map<string, number>;

/**
 * Closes, for every tenant, the grants that the version in force forbids, and records that it took effect. Any number of
 * processes may do it at once, and again: of two that close the same grant one finds it closed, and a change is recorded once.
 */
export async function sweepPolicyChanges(vault: Vault, settled: SettledChanges): Promise<void> {
  for (const tenantId of vault.watch.tenants()) {
    // A tenant whose policy or keys are in trouble keeps the others' grants from nothing.
    await sweepTenant(vault, tenantId, settled).catch(() => undefined);
  }
}

async function sweepTenant(vault: Vault, tenantId: string, settled: SettledChanges): Promise<void> {
  const policy = vault.watch.policy(tenantId);
  // Nothing was opened before the first one.
  if (policy.number === 1 || settled.get(tenantId) === policy.number) return;
  const [[done]] = await load(vault, tenantId, [selectPolicyChange(tenantId, policy.number)]);
  if (done === undefined) {
    await announceOnce(vault, tenantId, policy, settled);
    await closeForbidden(vault, tenantId, policy);
    const at = vault.now();
    if (at < policy.from + settlesAfterMs) return;
    await recordChange(vault, tenantId, policy, new Date(at));
  }
  settled.set(tenantId, policy.number);
}

/** As soon as somebody sees it; the event is one, whoever raises it and however often. */
async function announceOnce(vault: Vault, tenantId: string, policy: Policy, settled: SettledChanges): Promise<void> {
  const key = `${tenantId}/announced`;
  if (settled.get(key) === policy.number) return;
  const event = { kind: 'policy.in_force', objectId: tenantId, at: new Date(policy.from) } as const;
  await write(vault, tenantId, [eventStatement(vault, tenantId, event)]);
  settled.set(key, policy.number);
}

async function closeForbidden(vault: Vault, tenantId: string, policy: Policy): Promise<void> {
  const at = new Date(vault.now());
  for (let after: string | undefined; ;) {
    const [grants] = await load(vault, tenantId, [selectOpenGrants(tenantId, after, at, pageSize)]);
    const forbidden = grants.filter((grant) => isForbidden(policy, grant));
    if (forbidden.length > 0) await closeGrants(vault, tenantId, policy, forbidden);
    after = grants.at(-1)?.id;
    if (grants.length < pageSize) return;
  }
}

/** Does the judge open nothing under it, whatever the state of its order? Then it is work that this policy does not know. */
export function isForbidden(policy: Policy, grant: OpenGrantRow): boolean {
  const best = judged(grant, 'open', false);
  const { verdicts } = policy.decide(readerOf(grant), best, []);
  return !fields.some((field) => verdicts[field].state === 'full' && verdicts[field].rule.endsWith(`.${best.kind}`));
}

function readerOf(grant: OpenGrantRow): Reader {
  return {
    role: (grant.granteeRole ?? grant.clientRole ?? 'department') as Role,
    department: grant.granteeDepartment ?? grant.clientDepartment ?? undefined,
    carrierProfile: grant.clientCarrierProfile ?? undefined,
  };
}

/** One leaf a grant, in the commit that closes it. What somebody else closed meanwhile is left for the next sweep. */
async function closeGrants(
  vault: Vault,
  tenantId: string,
  policy: Policy,
  grants: readonly OpenGrantRow[],
): Promise<void> {
  const at = vault.now();
  const ids = grants.map(({ id }) => id);
  const leaves = grants.map(({ id, customerId }) =>
    sweepLeaf(
      {
        tenantId,
        policyVersion: policy.label,
        action: 'grants.close',
        rule: 'policy_change',
        subjectId: customerId,
        object: { kind: 'grants', id },
        grantId: id,
      },
      at,
    ),
  );
  await write(vault, tenantId, [closeStatement(tenantId, ids, 'policy', new Date(at)), ...leaves]);
}

async function recordChange(vault: Vault, tenantId: string, policy: Policy, sweptAt: Date): Promise<void> {
  const keys = await vault.keyring.tenant(tenantId);
  const change = { tenantId, number: policy.number, inForceFrom: new Date(policy.from), sweptAt };
  const leaf = sweepLeaf(
    {
      tenantId,
      policyVersion: policy.label,
      action: 'policies.take_effect',
      rule: 'policy_change',
      object: { kind: 'policies', id: tenantId },
      recordVersion: policy.number,
    },
    sweptAt.getTime(),
  );
  const row = { ...change, mac: macOf(keys, 'policy_changes', change) };
  await write(vault, tenantId, [insertPolicyChange(row), leaf]).catch((error: unknown) => {
    // Another process was first.
    if (!(error instanceof VaultError && error.code === 'conflict')) throw error;
  });
}
