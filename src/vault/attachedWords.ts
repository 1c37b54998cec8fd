/** Words in rows of their own, under the key of whom or what they concern. */
import type { RecordKind } from '../crypto/label.ts';
import { open, seal, type DataKey } from '../crypto/seal.ts';
import type { AttachedKind, AttachedRow } from '../db/attachedWords.ts';
import { VaultError } from '../errors.ts';
import type { TenantKeys } from './keyring.ts';

const attachedTo: Readonly<Record<AttachedKind, { readonly kind: RecordKind; readonly owner: RecordKind }>> = {
  grants: { kind: 'grant', owner: 'customer' },
  break_glass: { kind: 'grant', owner: 'customer' },
  shipments: { kind: 'shipment', owner: 'order' },
  holds: { kind: 'hold', owner: 'legal_order' },
  requests: { kind: 'request', owner: 'customer' },
  cases: { kind: 'case', owner: 'customer' },
  supplementary_requests: { kind: 'supplementary_request', owner: 'customer' },
  permissions: { kind: 'permission', owner: 'customer' },
  contact_assurances: { kind: 'contact_point', owner: 'customer' },
};

const contextOf = (keys: TenantKeys, table: AttachedKind, { id, part, version }: AttachedRow) => ({
  tenantId: keys.tenantId,
  kind: attachedTo[table].kind,
  recordId: id,
  version,
  field: part,
});

/** Throws `integrity_failure`, where the key has gone too. */
export function openAttached(keys: TenantKeys, table: AttachedKind, row: AttachedRow): Buffer {
  const { ownerId: id, keyVersion, dataKey, sealed } = row;
  if (dataKey === null) throw new VaultError('integrity_failure');
  const key = keys.dataKey({ kind: attachedTo[table].owner, id, keyVersion, wrapped: dataKey });
  return open(key, contextOf(keys, table, row), sealed);
}

/** The same words in the same place, under another key. */
export function resealAttached(keys: TenantKeys, table: AttachedKind, row: AttachedRow, key: DataKey): Buffer {
  return seal(key, contextOf(keys, table, row), openAttached(keys, table, row));
}
