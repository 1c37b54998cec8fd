import { selectCustomersForRights } from '../db/rightsCustomers.ts';
import { VaultError } from '../errors.ts';
import { accessesOf } from './accessHistory.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

/**
 * Who saw what of a person, by department: for the person, and for support and the officer on their behalf. Never a member of
 * staff, and nothing that an order keeps secret.
 */
export async function listAccesses(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  page: Page,
): Promise<Answer> {
  permit(caller, 'accesses.list');
  const { tenantId, subjectId } = caller;
  const [[customer]] = await load(vault, tenantId, [selectCustomersForRights(tenantId, [customerId])]);
  if (customer?.standing !== true || (subjectId !== undefined && subjectId !== customerId))
    throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  const asked = { after: page.after, limit: page.limit + 1 };
  const accesses = await accessesOf(vault, keys, vault.watch.policy(tenantId), customerId, asked);
  const body = pageOf(
    accesses,
    page.limit,
    ({ id }) => id,
    (access) => access,
  );
  return commitAct(vault, caller, act, { subjectId: customerId }, [], { status: 200, body });
}
