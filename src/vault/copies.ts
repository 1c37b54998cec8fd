import { requireStanding } from '../db/copies.ts';
import { selectStandingCustomer } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import { changeRequests, type RequestRow } from '../db/requests.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import { fields as allFields } from '../policy/profile.ts';
import { commitAct, load, type Act } from './act.ts';
import type { Deed } from './audit.ts';
import type { Caller, Doer } from './caller.ts';
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
  const row = await requestOf(vault, caller, id);
  // A HEAD would use up the one copy and hand nothing out.
  if (format === undefined) throw new VaultError('method_not_allowed');
  const { bytes, statements, deed } = await makeCopy(vault, caller, row, format);
  await commitAct(vault, caller, act, deed, statements, { status: 200, body: undefined });
  return bytes;
}

/** Until when the copy of a request can be fetched. Throws `conflict` when there is none, it was fetched, or its time is over. */
export function copyReady({ kind, fetchedAt, copyExpiresAt }: RequestRow, at: Date): Date {
  if (!isCopy(kind)) throw refuse('conflict', '', 'not_for_kind');
  if (fetchedAt !== null) throw refuse('conflict', '', 'fetched');
  if (copyExpiresAt === null) throw refuse('conflict', '', 'not_ready');
  if (copyExpiresAt <= at) throw refuse('conflict', '', 'expired');
  return copyExpiresAt;
}

/** The copy, and what has to be committed before it leaves: that it was fetched, and nobody before. */
export async function makeCopy(
  vault: Vault,
  { tenantId }: Pick<Doer, 'tenantId'>,
  row: RequestRow,
  format: CopyFormat,
): Promise<{ bytes: string; statements: readonly Statement[]; deed: Deed }> {
  const at = new Date(vault.now());
  copyReady(row, at);
  const policy = vault.watch.policy(tenantId);
  const { formats } = policy.profile.rights.copy;
  if (format === 'html' && (row.kind === 'portability' || !formats.includes('readable_persian')))
    throw refuse('conflict', '', 'unknown_format');
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, row.customerId)]);
  if (customer === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  const decision = policy.decide({ role: 'subject' }, undefined, allFields);
  const body = await copyBody({ vault, keys, policy, customer, decision, at });
  const fetched = { ...signed(keys, { ...row, fetchedAt: at }), was: row.mac };
  return {
    bytes: format === 'json' ? JSON.stringify(body) : copyDocument(body),
    statements: [
      requireStanding(tenantId, row.customerId),
      requireReveals(tenantId, row.customerId),
      changeRequests(tenantId, [fetched]),
    ],
    deed: {
      subjectId: row.customerId,
      object: { kind: 'requests', id: row.id },
      rule: decision.rule,
      full: fieldsOfCopy(body),
    },
  };
}
