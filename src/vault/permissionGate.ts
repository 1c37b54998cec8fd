import { selectCustomersForRights } from '../db/rightsCustomers.ts';
import { selectPermission, usePermission } from '../db/permissions.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { nameKey } from '../formats/text.ts';
import { load } from './act.ts';
import type { TenantKeys } from './keyring.ts';
import type { LegalOrderRecord } from './legalOrderRecord.ts';
import { openSaid } from './permissions.ts';
import { isGenuine } from './rowMac.ts';
import type { Vault } from './vault.ts';

const same = (one: string | undefined, other: string | undefined) => nameKey(one ?? '') === nameKey(other ?? '');

/**
 * B6: what leaves by permission leaves by one that is on record, of this person, that names this recipient, these items and
 * this purpose, is older than the disclosure, stands, and served no other. Throws `consent_required`. Asks nothing of an order
 * on any other ground.
 */
export async function expectPermitted(
  vault: Vault,
  keys: TenantKeys,
  record: LegalOrderRecord,
  persons: readonly { readonly id: string }[],
): Promise<void> {
  if (record.ground !== 'consent') return;
  const { tenantId } = keys;
  const [[row]] = await load(vault, tenantId, [selectPermission(tenantId, record.permission?.id ?? '')]);
  if (row === undefined || !isGenuine(keys, 'permissions', row)) throw new VaultError('consent_required');
  const [[customer]] = await load(vault, tenantId, [selectCustomersForRights(tenantId, [row.customerId])]);
  const said = customer?.standing === true ? openSaid(keys, customer, row) : undefined;
  const covers =
    said !== undefined &&
    persons.every((person) => person.id === row.customerId) &&
    record.scope.fields.every((field) => row.fields.includes(field)) &&
    same(said.recipientName, record.recipient?.name) &&
    same(said.purpose, record.permission?.purpose) &&
    row.givenAt <= new Date(record.receivedAt) &&
    row.withdrawnAt === null &&
    row.exportId === null;
  if (!covers) throw new VaultError('consent_required');
}

/** For the commit of the disclosure: it has used the permission, unless it was withdrawn meanwhile. */
export function permissionUsed(tenantId: string, record: LegalOrderRecord, exportId: string): readonly Statement[] {
  const id = record.ground === 'consent' ? record.permission?.id : undefined;
  return id === undefined ? [] : [usePermission(tenantId, id, exportId)];
}
