import { open, seal } from '../crypto/seal.ts';
import type { CustomerRow } from '../db/customers.ts';
import type { GrantKeyRow, GrantRow } from '../db/grants.ts';
import { maskField } from '../policy/masks.ts';
import type { Field, GrantKind } from '../policy/profile.ts';
import type { Caller } from './caller.ts';
import { shownId } from './firmIds.ts';
import { accountMark, namedFields } from './grantOf.ts';
import type { TenantKeys } from './keyring.ts';
import type { Shown } from './shown.ts';
import type { Policy } from './watch.ts';

/** pending: its time has not come. ended: its time is over. used: its last read is done. closed: somebody ended it. */
export type GrantStatus = 'pending' | 'open' | 'ended' | 'used' | 'closed';

export function statusOf(grant: GrantRow, now: number): GrantStatus {
  if (grant.closedAt !== null) return 'closed';
  if (grant.closesAt.getTime() <= now) return 'ended';
  if (grant.maxReads !== null && grant.reads >= grant.maxReads) return 'used';
  return grant.opensAt.getTime() > now ? 'pending' : 'open';
}

/** The shop's own reference, under the customer's data key: it goes when the customer goes. */
export function sealReference(keys: TenantKeys, customer: CustomerRow, grantId: string, reference: string): Buffer {
  return seal(customerKey(keys, customer.id, customer.keyVersion, customer.dataKey), context(keys, grantId), reference);
}

const customerKey = (keys: TenantKeys, id: string, keyVersion: number, wrapped: Buffer) =>
  keys.dataKey({ kind: 'customer', id, keyVersion, wrapped });

const context = (keys: TenantKeys, grantId: string) =>
  ({ tenantId: keys.tenantId, kind: 'grant', recordId: grantId, version: 1, field: 'externalRef' }) as const;

/** What a list tells of a grant: no sealed value, and to a firm no id of the vault's but the grant's own. */
export function viewListedGrant(keys: TenantKeys, caller: Caller, row: GrantRow, now: number) {
  const grantee =
    row.granteeClientId === null
      ? { role: row.granteeRole, ...(row.granteeDepartment === null ? {} : { department: row.granteeDepartment }) }
      : { clientId: row.granteeClientId };
  return {
    id: row.id,
    kind: row.kind,
    purpose: row.purpose,
    status: statusOf(row, now),
    customerId: shownId(keys, caller, row.customerId),
    ...(row.orderId === null ? {} : { orderId: shownId(keys, caller, row.orderId) }),
    grantee,
    ...(row.actor === null ? {} : { actor: row.actor }),
    opensAt: row.opensAt.toISOString(),
    closesAt: row.closesAt.toISOString(),
  };
}

/** The whole grant, and what of the customer's that shows: its reference, as the judge has it. */
export function viewGrant(policy: Policy, keys: TenantKeys, caller: Caller, row: GrantRow & GrantKeyRow, now: number) {
  const externalRef = row.externalRef === null ? undefined : referenceOf(policy, keys, caller, row, now);
  const body = {
    ...viewListedGrant(keys, caller, row, now),
    ...(row.fields === null ? {} : { fields: namedFields(row) }),
    ...(row.fields?.includes(accountMark) === true ? { accountGiven: true as const } : {}),
    ...(externalRef === undefined ? {} : { externalRef }),
    ...(row.maxReads === null ? {} : { maxReads: row.maxReads }),
    reads: row.reads,
    policyVersion: row.policyVersion,
    openedBy: row.openedBy,
    openedAt: row.openedAt.toISOString(),
    ...(row.closedAt === null ? {} : { closedAt: row.closedAt.toISOString(), closedReason: row.closedReason }),
  };
  const shown = (state: Shown['state']): readonly Field[] => (externalRef?.state === state ? ['externalRef'] : []);
  return { body, released: { full: shown('full'), masked: shown('masked') } };
}

function referenceOf(
  policy: Policy,
  keys: TenantKeys,
  caller: Caller,
  row: GrantRow & GrantKeyRow,
  now: number,
): Shown {
  const { id, customerId, customerKeyVersion, customerDataKey, externalRef } = row;
  if (customerDataKey === null || externalRef === null) return { state: 'withheld', reason: 'erased' };
  // The work a reference belongs to is the work that shows it.
  const grant = {
    kind: row.kind as GrantKind,
    purpose: row.purpose,
    hasOrder: row.orderId !== null,
    fields: undefined,
    state: statusOf(row, now) === 'open' ? ('open' as const) : ('expired' as const),
  };
  const verdict = policy.judge(caller, grant, 'externalRef');
  if (verdict.state === 'withheld') return { state: 'withheld', reason: verdict.reason };
  const key = customerKey(keys, customerId, customerKeyVersion, customerDataKey);
  const value = open(key, context(keys, id), externalRef).toString('utf8');
  if (verdict.state === 'full') return { state: 'full', value };
  const mask = maskField(policy.profile, 'externalRef', value);
  const { reason } = verdict;
  return mask === undefined ? { state: 'withheld', reason } : { state: 'masked', value: mask, reason };
}
