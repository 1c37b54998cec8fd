import { putAdmissions } from '../db/admissions.ts';
import {
  insertUndertaking,
  listStaffUndertakings as listStatement,
  revokeUndertaking,
  selectUndertakings,
} from '../db/undertakings.ts';
import { VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import { signedAdmission } from './admissions.ts';
import type { Caller } from './caller.ts';
import { personOf } from './fourEyes.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes, checkMac } from './rowMac.ts';
import {
  checkStanding,
  revokedUndertaking,
  sealUndertaking,
  viewRecorded,
  viewUndertaking,
  type NewUndertaking,
} from './undertakingRecord.ts';
import type { Vault } from './vault.ts';

const noun = 'staff_undertakings';

export interface NewStaffUndertaking extends NewUndertaking {
  /** As the tokens that act for them carry it. */
  readonly actor: string;
}

/** Records that a member of staff undertook to keep what they see to themselves. Throws `conflict` while one stands. */
export async function recordStaffUndertaking(
  vault: Vault,
  caller: Caller,
  act: Act,
  { actor, ...paper }: NewStaffUndertaking,
): Promise<Answer> {
  permit(caller, 'staff_undertakings.create');
  const person = personOf(caller);
  const { tenantId } = caller;
  const keys = await vault.keyring.tenant(tenantId);
  const now = vault.now();
  const { digest, ...row } = sealUndertaking(keys, { recipientId: null, actor }, paper, person, now);
  const statements = [insertUndertaking(tenantId, row), admit(keys, actor, new Date(now), new Date(now))];
  const deed = { object: { kind: noun, id: row.id }, digest, recordVersion: 1 };
  const answer = await commitAct(vault, caller, act, deed, statements, {
    status: 201,
    body: viewRecorded(row),
  });
  await vault.watch.lookAnew();
  return answer;
}

export function admit(
  keys: Parameters<typeof signedAdmission>[0],
  actor: string,
  validFrom: Date | null,
  changedAt: Date,
) {
  const subject = actor.toLowerCase();
  const admission = { kind: 'actor', subject, fields: [], validFrom, validUntil: null, changedAt } as const;
  return putAdmissions(keys.tenantId, [signedAdmission(keys, admission)]);
}

/** Takes one back: the member of staff sees nothing in full any more, where the policy demands one. */
export async function revokeStaffUndertaking(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'staff_undertakings.revoke');
  const person = personOf(caller);
  const { tenantId } = caller;
  const [[row]] = await load(vault, tenantId, [selectUndertakings(tenantId, [id])]);
  if (row === undefined || row.actor === null) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  checkMac(keys, 'undertakings', row);
  checkStanding(row);
  const at = new Date(vault.now());
  const next = revokedUndertaking(keys, row, person, at);
  const statements = [revokeUndertaking(tenantId, next, row.mac), admit(keys, row.actor, null, at)];
  const answer = await commitAct(vault, caller, act, { object: { kind: noun, id } }, statements, {
    status: 200,
    body: viewRecorded(next),
  });
  await vault.watch.lookAnew();
  return answer;
}

export async function listStaffUndertakings(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'staff_undertakings.list');
  const { tenantId } = caller;
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'undertakings', row) ? viewUndertaking(keys, row) : undefined),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}
