import { changeCase, selectCaseForWork } from '../db/cases.ts';
import type { Statement } from '../db/statement.ts';
import { refuse } from '../errors.ts';
import { load } from './act.ts';
import { signedCase } from './caseRecord.ts';
import type { NewGrant } from './grants.ts';
import type { TenantKeys } from './keyring.ts';
import { checkMac } from './rowMac.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** What a grant that is opened for a case adds to its own commit, and the member of staff it is for. */
export interface BoundGrant {
  readonly actor: string | undefined;
  readonly statements: (grantId: string) => readonly Statement[];
}

const unbound = { statements: () => [] } as const;

/**
 * Binds a grant to an open complaint or inquiry of its customer, with which it closes. Where the policy lets that kind be opened
 * for nothing else (`boundTo`), there has to be one. A complaint's contact fields are for whoever it was given to.
 */
export async function bindGrant(
  vault: Vault,
  keys: TenantKeys,
  { profile }: Policy,
  input: NewGrant,
): Promise<BoundGrant> {
  const { kind, complaintId, inquiryId, customerId } = input;
  const boundTo = profile.grantKinds[kind]?.boundTo;
  const named = complaintId === undefined ? 'inquiry' : 'complaint';
  const id = complaintId ?? inquiryId;
  const pointer = `/${id === undefined ? (boundTo ?? '') : named}Id`;
  if (id === undefined) {
    if (boundTo !== undefined) throw refuse('not_permitted', pointer, 'open_case_required');
    return { ...unbound, actor: input.actor };
  }
  if (complaintId !== undefined && inquiryId !== undefined) throw refuse('invalid_body', '/inquiryId', 'one_or_other');
  if (kind !== 'inquiry' || (boundTo !== undefined && boundTo !== named))
    throw refuse('invalid_body', pointer, 'not_for_kind');
  const [[row]] = await load(vault, keys.tenantId, [selectCaseForWork(keys.tenantId, id, customerId)]);
  if (row?.kind !== named) throw refuse('invalid_body', pointer, 'unknown_id');
  checkMac(keys, 'cases', row);
  if (row.state === 'closed') throw refuse('conflict', '', 'closed');
  const actor = named === 'complaint' ? ownerAmong(input, row) : input.actor;
  return {
    actor,
    statements: (grantId) => [
      changeCase(keys.tenantId, signedCase(keys, { ...row, grantIds: [...row.grantIds, grantId] }), row.mac),
    ],
  };
}

/** Throws `conflict` while it is nobody's, `invalid_body` for anybody else. */
function ownerAmong(
  { grantee, actor }: NewGrant,
  row: {
    readonly ownerRole: string | null;
    readonly ownerDepartment: string | null;
    readonly ownerActor: string | null;
  },
): string {
  if (row.ownerActor === null) throw refuse('conflict', '', 'not_assigned');
  const same =
    'role' in grantee && grantee.role === row.ownerRole && (grantee.department ?? null) === row.ownerDepartment;
  if (!same) throw refuse('invalid_body', '/grantee', 'not_its_owner');
  if (actor !== undefined && actor.toLowerCase() !== row.ownerActor.toLowerCase())
    throw refuse('invalid_body', '/actor', 'not_its_owner');
  return row.ownerActor;
}
