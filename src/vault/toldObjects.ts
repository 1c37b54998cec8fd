import type { AuditLeaf } from '../crypto/leaf.ts';
import { tenantKeyUses } from '../crypto/wrap.ts';
import { selectShippedOrders, selectRecordedVersions } from '../db/auditVerification.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import {
  selectErasedOf,
  selectPolicyExtent,
  selectThere,
  selectUnended,
  type Ended,
  type KeptTable,
} from '../db/recordStandings.ts';
import { selectTenantKeyHistory } from '../db/tenants.ts';
import { writeOf, type Breach } from './breach.ts';

/** The first write told of by these leaves whose row is gone or older than it was, or object that is gone. Rows are read after the leaves: never older by chance. */
export async function contradicted(
  db: Database,
  tenantId: string,
  leaves: readonly AuditLeaf[],
): Promise<Breach | undefined> {
  return (
    (await unwritten(db, tenantId, leaves)) ??
    (await missingObject(db, tenantId, leaves)) ??
    (await begunAgain(db, tenantId, leaves)) ??
    (await unpublished(db, tenantId, leaves)) ??
    (await keyPutBack(db, tenantId, leaves))
  );
}

async function unwritten(db: Database, tenantId: string, leaves: readonly AuditLeaf[]): Promise<Breach | undefined> {
  const writes = leaves.flatMap((leaf) => writeOf(leaf) ?? []);
  if (writes.length === 0) return undefined;
  const scope = { tenantIds: [tenantId] };
  const parcels = writes.filter((w) => w.kind === 'shipments').map((w) => w.id);
  const [shipped] = await commit(db, scope, [selectShippedOrders(tenantId, parcels)]);
  const orderOf = new Map(shipped.map((s) => [s.id, s.orderId]));
  const ids = [...writes.map((w) => w.id), ...orderOf.values()];
  const [rows] = await commit(db, scope, [selectRecordedVersions(tenantId, ids)]);
  const versions = new Map(rows.map((row) => [`${row.kind}/${row.id}`, row.version]));
  for (const write of writes) {
    const kind = write.kind === 'shipments' ? 'orders' : write.kind;
    const id = write.kind === 'shipments' ? (orderOf.get(write.id) ?? write.id) : write.id;
    const version = versions.get(`${kind}/${id}`);
    if (version === undefined) return { code: 'record_missing', kind, id };
    if (version < write.version) return { code: 'record_older', kind, id };
  }
  return undefined;
}

/** Kinds of object in leaves, by the tables of which the service takes no row away. */
const tableOf: Readonly<Record<string, KeptTable>> = {
  acceptances: 'acceptances',
  break_glass: 'break_glass',
  complaints: 'cases',
  deliveries: 'shipments',
  extracts: 'extracts',
  feedback: 'feedback',
  grants: 'grants',
  inquiries: 'cases',
  messages: 'messages',
  misuse_reports: 'cases',
  permissions: 'permissions',
  reader_freezes: 'reader_freezes',
  recipients: 'recipients',
  requests: 'requests',
  seals: 'seals',
  shipments: 'shipments',
  staff_undertakings: 'undertakings',
  statistics: 'statistics',
  supplementary_requests: 'supplementary_requests',
  webhooks: 'webhooks',
};

async function missingObject(
  db: Database,
  tenantId: string,
  leaves: readonly AuditLeaf[],
): Promise<Breach | undefined> {
  const told = leaves.flatMap(({ outcome, objectKind = '', objectId, subjectId }) => {
    const table = Object.hasOwn(tableOf, objectKind) ? tableOf[objectKind] : undefined;
    return outcome === 'allowed' && table !== undefined && objectId !== undefined
      ? [{ table, id: objectId, subjectId }]
      : [];
  });
  if (told.length === 0) return undefined;
  const tables = [...new Set(told.map(({ table }) => table))];
  const there = await commit(
    db,
    { tenantIds: [tenantId] },
    tables.map((table) => {
      const ids = told.filter((one) => one.table === table).map(({ id }) => id);
      return selectThere(tenantId, table, ids);
    }),
  );
  const found = new Set(tables.flatMap((table, i) => (there[i] ?? []).map(({ id }) => `${table}/${id}`)));
  const missing = told.filter(({ table, id }) => !found.has(`${table}/${id}`));
  const erased = await erasedOf(
    db,
    tenantId,
    missing.flatMap(({ subjectId }) => subjectId ?? []),
  );
  const gone = missing.find(({ table, subjectId = '' }) => !(ofRelation.has(table) && erased.has(subjectId)));
  return gone === undefined ? undefined : { code: 'record_missing', kind: gone.table, id: gone.id };
}

const ofRelation: ReadonlySet<KeptTable> = new Set(['acceptances', 'requests']);

/** What proves the relation goes with its time, once the person is erased. */
async function erasedOf(db: Database, tenantId: string, customerIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (customerIds.length === 0) return new Set();
  const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectErasedOf(tenantId, customerIds)]);
  return new Set(rows.map(({ id }) => id));
}

/** Acts after which a row is never again what it was, and what it is. */
const endings: Readonly<Record<string, { readonly kind: KeptTable; readonly ended: Ended }>> = {
  'grants.close': { kind: 'grants', ended: 'grants' },
  'misuse_reports.resolve': { kind: 'cases', ended: 'cases' },
  'reader_freezes.lift': { kind: 'reader_freezes', ended: 'reader_freezes' },
  'recipients.revoke': { kind: 'recipients', ended: 'recipients' },
  'requests.decide': { kind: 'requests', ended: 'requests' },
  'requests.withdraw': { kind: 'requests', ended: 'requests_withdrawn' },
  'staff_undertakings.revoke': { kind: 'undertakings', ended: 'undertakings' },
};

/** What the log tells the end of, and stands as it was before: put back with its MAC, or reopened where no MAC covers it. */
async function begunAgain(db: Database, tenantId: string, leaves: readonly AuditLeaf[]): Promise<Breach | undefined> {
  for (const [action, { kind, ended }] of Object.entries(endings)) {
    const ids = leaves.flatMap((leaf) =>
      leaf.action === action && leaf.outcome === 'allowed' && leaf.objectId !== undefined ? [leaf.objectId] : [],
    );
    if (ids.length === 0) continue;
    const [[row]] = await commit(db, { tenantIds: [tenantId] }, [selectUnended(tenantId, ended, ids)]);
    if (row !== undefined) return { code: 'record_older', kind, id: row.id };
  }
  return undefined;
}

/** A version of the policy that was published and is not there, or that the head of them does not know of. */
async function unpublished(db: Database, tenantId: string, leaves: readonly AuditLeaf[]): Promise<Breach | undefined> {
  const numbers = leaves.flatMap(({ action, outcome, recordVersion = 0 }) =>
    action === 'policies.publish' && outcome === 'allowed' ? [recordVersion] : [],
  );
  if (numbers.length === 0) return undefined;
  const newest = Math.max(...numbers);
  const [[extent]] = await commit(db, { tenantIds: [tenantId] }, [selectPolicyExtent(tenantId)]);
  if (newest > (extent?.versions ?? 0)) return { code: 'record_missing', kind: 'policy_versions', id: String(newest) };
  if (newest > (extent?.head ?? 0)) return { code: 'record_older', kind: 'policy_heads', id: String(newest) };
  return undefined;
}

const turned: ReadonlySet<string> = new Set(tenantKeyUses.map((use) => `keys/${use}`));

/**
 * A version of a tenant's key that the log tells the end of, and is there again: what was made with it would be believed anew. Or
 * one that was put into use, and an older one is in its place.
 */
async function keyPutBack(db: Database, tenantId: string, leaves: readonly AuditLeaf[]): Promise<Breach | undefined> {
  const told = leaves.filter(
    ({ action, outcome, objectKind = '' }) =>
      outcome === 'allowed' && (action === 'keys.rotate' || action === 'keys.retire') && turned.has(objectKind),
  );
  if (told.length === 0) return undefined;
  const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectTenantKeyHistory(tenantId)]);
  for (const { action, objectKind = '', recordVersion = 0 } of told) {
    const versions = rows.filter(({ use }) => `keys/${use}` === objectKind);
    const state = versions.find(({ version }) => version === recordVersion)?.state;
    const current = versions.find((row) => row.state === 'current')?.version ?? 0;
    const stands = action === 'keys.retire' ? state === 'destroyed' : current >= recordVersion;
    const id = `${objectKind.slice('keys/'.length)}/${recordVersion}`;
    if (state === undefined) return { code: 'record_missing', kind: 'tenant_keys', id };
    if (!stands) return { code: 'record_older', kind: 'tenant_keys', id };
  }
  return undefined;
}
