import { insertAcceptance, listAcceptances as listStatement, type AcceptanceRow } from '../db/acceptances.ts';
import { selectCustomer } from '../db/customers.ts';
import { refuse, VaultError } from '../errors.ts';
import type { Profile } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { attestationDigest } from './submission.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface NewAcceptance {
  /** The version in force when undefined. */
  readonly version?: number | undefined;
  readonly method: Profile['acceptance']['methods'][number];
  /** The person says that what they gave is true, in the words of the policy (E3). */
  readonly attested?: boolean | undefined;
}

/**
 * Records that a person has accepted the policy, and in which of the ways it names. Only its newest version can be accepted
 * (E35 «بروزترین نسخه»): the one in force, for one that is not yet binds nobody.
 */
export async function recordAcceptance(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  input: NewAcceptance,
): Promise<Answer> {
  permit(caller, 'acceptances.create');
  expectOwn(caller, customerId);
  const { tenantId, clientId, role } = caller;
  const policy = vault.watch.policy(tenantId);
  checkAcceptance(policy, input);
  const keys = await vault.keyring.tenant(tenantId);
  const at = new Date(vault.now());
  const acceptance = {
    tenantId,
    id: newId(at.getTime()),
    customerId,
    number: policy.number,
    method: input.method,
    attestationSha256: input.attested === true ? attestationDigest(policy.profile) : null,
    acceptedAt: at,
    recordedBy: clientId,
    recordedRole: role,
  };
  const row = { ...acceptance, mac: macOf(keys, 'acceptances', acceptance) };
  const deed = {
    subjectId: customerId,
    object: { kind: 'acceptances', id: row.id },
    rule: `acceptance.${row.method}`,
    policy,
  };
  return commitAct(vault, caller, act, deed, [insertAcceptance(row)], {
    status: 201,
    body: viewOf(policy.profile.id, row),
  });
}

function checkAcceptance({ profile, number }: Policy, { version = number, method }: NewAcceptance): void {
  if (version !== number) throw refuse('invalid_body', '/version', version < number ? 'not_newest' : 'not_in_force');
  if (!profile.acceptance.methods.includes(method)) throw refuse('invalid_body', '/method', 'not_declared');
}

/** What a person has accepted, newest first. An entry that is not as it was recorded is left out. */
export async function listAcceptances(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  page: Page,
): Promise<Answer> {
  permit(caller, 'acceptances.list');
  expectOwn(caller, customerId);
  const { tenantId } = caller;
  const { profile } = vault.watch.policy(tenantId);
  const [[customer], rows] = await load(vault, tenantId, [
    selectCustomer(tenantId, customerId),
    listStatement(tenantId, customerId, page.after, page.limit + 1),
  ]);
  if (customer === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'acceptances', row) ? viewOf(profile.id, row) : undefined),
  );
  return commitAct(vault, caller, act, { subjectId: customerId }, [], { status: 200, body });
}

/** A person's own token is about that person; anybody else is as if they never were. */
function expectOwn({ subjectId }: Caller, customerId: string): void {
  if (subjectId !== undefined && subjectId !== customerId) throw new VaultError('not_found');
}

/** One tenant's versions are all of one policy. */
function viewOf(profileId: string, row: AcceptanceRow) {
  return {
    id: row.id,
    customerId: row.customerId,
    version: row.number,
    policyVersion: `${profileId}/${row.number}`,
    method: row.method,
    ...(row.attestationSha256 === null ? {} : { attestationSha256: row.attestationSha256.toString('hex') }),
    ...timeView('acceptedAt', row.acceptedAt),
    recordedBy: { clientId: row.recordedBy, role: row.recordedRole },
  };
}
