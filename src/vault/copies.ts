import { requireStanding } from '../db/copies.ts';
import { selectStandingCustomer } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import { changeRequests } from '../db/requests.ts';
import { VaultError } from '../errors.ts';
import { fields as allFields } from '../policy/profile.ts';
import { commitAct, load, type Act } from './act.ts';
import type { Caller } from './caller.ts';
import { copyBody, fieldsOfCopy } from './copyContent.ts';
import { copyDocument } from './copyDocument.ts';
import { permit } from './permit.ts';
import { isCopy, signed } from './requestRecord.ts';
import { requestOf } from './requests.ts';
import type { Vault } from './vault.ts';

export type CopyFormat = 'json' | 'html';

/**
 * Hands out a copy, to the person alone and once: whoever asked for it on their behalf does not see it. Throws `conflict` for
 * a request that gives none, and once it was fetched or its time is over. Without a format nothing is handed out.
 */
export async function fetchCopy(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  format: CopyFormat | undefined,
): Promise<string> {
  permit(caller, 'requests.copy');
  const { tenantId } = caller;
  const row = await requestOf(vault, caller, id);
  // A HEAD would use up the one copy and hand nothing out.
  if (format === undefined) throw new VaultError('method_not_allowed');
  const at = new Date(vault.now());
  const { copyExpiresAt } = row;
  if (!isCopy(row.kind) || row.fetchedAt !== null || copyExpiresAt === null || copyExpiresAt <= at)
    throw new VaultError('conflict');
  const policy = vault.watch.policy(tenantId);
  const { formats } = policy.profile.rights.copy;
  if (format === 'html' && (row.kind === 'portability' || !formats.includes('readable_persian')))
    throw new VaultError('conflict');
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, row.customerId)]);
  if (customer === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  const decision = policy.decide(caller, undefined, allFields);
  const body = await copyBody({ vault, keys, policy, caller, customer, decision, at });
  const bytes = format === 'json' ? JSON.stringify(body) : copyDocument(body);
  const deed = {
    subjectId: row.customerId,
    object: { kind: 'requests', id },
    rule: decision.rule,
    full: fieldsOfCopy(body),
  };
  const fetched = { ...signed(keys, { ...row, fetchedAt: at }), was: row.mac };
  const statements = [
    requireStanding(tenantId, row.customerId),
    requireReveals(tenantId, row.customerId),
    changeRequests(tenantId, [fetched]),
  ];
  await commitAct(vault, caller, act, deed, statements, { status: 200, body: undefined });
  return bytes;
}
