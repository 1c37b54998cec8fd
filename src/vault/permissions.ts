import { selectStandingCustomer } from '../db/customers.ts';
import {
  insertPermission,
  listPermissions as listStatement,
  selectPermission,
  withdrawPermission as withdrawStatement,
  type PermissionRow,
} from '../db/permissions.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { isDeclared } from '../policy/items.ts';
import type { Field, Role } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes, checkMac, macOf } from './rowMac.ts';
import { openWords, sealWords, type WordsKey } from './sealedWords.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

export interface NewPermission {
  /** Of the person or body that is to receive the data, as the person was shown it. */
  readonly recipientName: string;
  readonly purpose: string;
  readonly fields: readonly Field[];
  /** Of the text that the person agreed to. */
  readonly textVersion: string;
}

/** What the person was shown, in words. */
interface Said {
  readonly recipientName: string;
  readonly purpose: string;
}

/** Who reads to whom and for what, beside that there is a permission: the person, and those who have to judge it. */
const readers: ReadonlySet<Role> = new Set(['subject', 'legal_registrar', 'legal_approver', 'dpo']);

/** Records that a person agreed to one disclosure: to whom, which items, for what, and when it was. */
export async function givePermission(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  input: NewPermission,
): Promise<Answer> {
  permit(caller, 'permissions.give');
  const { tenantId, subjectId, clientId, role, actor } = caller;
  const { profile } = vault.watch.policy(tenantId);
  if (!profile.grounds.consent.allowed) throw refuse('not_permitted', '', 'not_in_policy');
  if (subjectId !== undefined && subjectId !== customerId) throw new VaultError('not_found');
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, customerId)]);
  if (customer === undefined) throw new VaultError('not_found');
  checkSaid(input);
  const undeclared = input.fields.findIndex((field) => !isDeclared(profile, customer.kind, field));
  if (undeclared >= 0) throw refuse('invalid_body', `/fields/${undeclared}`, 'field_not_declared');
  const keys = await vault.keyring.tenant(tenantId);
  const id = newId(vault.now());
  const said: Said = { recipientName: input.recipientName, purpose: input.purpose };
  const row = signed(keys, {
    id,
    customerId,
    fields: [...new Set(input.fields)].sort(),
    textVersion: input.textVersion,
    said: sealWords(keys, customer, place(id), JSON.stringify(said)),
    givenAt: new Date(vault.now()),
    recordedBy: clientId,
    recordedRole: role,
    recordedActor: actor ?? null,
    withdrawnAt: null,
    exportId: null,
  });
  const deed = { subjectId: customerId, object: { kind: 'permissions', id } };
  return commitAct(vault, caller, act, deed, [insertPermission(tenantId, row)], {
    status: 201,
    body: viewOf(caller, row, said),
  });
}

function checkSaid({ recipientName, purpose }: Said): void {
  const wrongName = checkText(recipientName, { max: 100, kind: 'name' });
  if (wrongName !== undefined) throw refuse('invalid_body', '/recipientName', wrongName);
  const wrongPurpose = checkText(purpose, { max: 300, kind: 'text' });
  if (wrongPurpose !== undefined) throw refuse('invalid_body', '/purpose', wrongPurpose);
}

const place = (recordId: string) => ({ kind: 'permission', recordId, field: 'said' }) as const;

export const signed = (keys: TenantKeys, row: Omit<PermissionRow, 'mac'>): PermissionRow => ({
  ...row,
  mac: macOf(keys, 'permissions', row),
});

/** A person's permissions, newest first. */
export async function listPermissions(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  page: Page,
): Promise<Answer> {
  permit(caller, 'permissions.list');
  const { tenantId, subjectId } = caller;
  if (subjectId !== undefined && subjectId !== customerId) throw new VaultError('not_found');
  const [[customer], rows] = await load(vault, tenantId, [
    selectStandingCustomer(tenantId, customerId),
    listStatement(tenantId, customerId, page.after, page.limit + 1),
  ]);
  if (customer === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) =>
      believes(vault, keys, 'permissions', row) ? viewOf(caller, row, openSaid(keys, customer, row)) : undefined,
  );
  return commitAct(vault, caller, act, { subjectId: customerId }, [], { status: 200, body });
}

/** Holds at once: what has not left by then does not leave. */
export async function withdrawPermission(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'permissions.withdraw');
  const { tenantId, subjectId } = caller;
  const [[row]] = await load(vault, tenantId, [selectPermission(tenantId, id)]);
  if (row === undefined || (subjectId !== undefined && row.customerId !== subjectId)) throw new VaultError('not_found');
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, row.customerId)]);
  if (customer === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  checkMac(keys, 'permissions', row);
  const next = signed(keys, { ...row, withdrawnAt: new Date(vault.now()) });
  const deed = { subjectId: row.customerId, object: { kind: 'permissions', id } };
  return commitAct(vault, caller, act, deed, [withdrawStatement(tenantId, next)], {
    status: 200,
    body: viewOf(caller, next, openSaid(keys, customer, next)),
  });
}

/** Undefined once the person's key has gone. */
export function openSaid(keys: TenantKeys, customer: WordsKey | undefined, row: PermissionRow): Said | undefined {
  const text = openWords(keys, customer, place(row.id), row.said);
  return text === undefined ? undefined : (JSON.parse(text) as Said);
}

function viewOf({ role }: Caller, row: PermissionRow, said: Said | undefined) {
  const {
    id,
    customerId,
    fields,
    textVersion,
    givenAt,
    recordedBy,
    recordedRole,
    recordedActor,
    withdrawnAt,
    exportId,
  } = row;
  return {
    id,
    customerId,
    state: withdrawnAt !== null ? 'withdrawn' : exportId !== null ? 'used' : 'given',
    ...(readers.has(role) && exportId !== null ? { exportId } : {}),
    fields: [...fields],
    ...(readers.has(role) && said !== undefined ? said : {}),
    textVersion,
    ...timeView('givenAt', givenAt),
    ...timeView('withdrawnAt', withdrawnAt),
    recordedBy: {
      clientId: recordedBy,
      role: recordedRole,
      ...(recordedActor === null ? {} : { actor: recordedActor }),
    },
  };
}
