import { statement, type Statement } from './statement.ts';

/** A record whose key was destroyed: every process forgets it. */
export interface DestroyedKey {
  readonly recordId: string;
  /** Null for a record that is nobody's. */
  readonly customerId: string | null;
}

/** Tells the other processes to forget; of a record that got a new key before it was erased, twice. */
export function insertDestroyedKeys(tenantId: string, keys: readonly DestroyedKey[], at: Date): Statement {
  return statement(
    'insert_destroyed_keys',
    `insert into amanat.destroyed_keys (tenant_id, record_id, customer_id, destroyed_at)
     select $1::uuid, k.record_id, k.customer_id, $4::timestamptz
       from unnest($2::uuid[], $3::uuid[]) as k (record_id, customer_id)
         on conflict (tenant_id, record_id) do update set destroyed_at = excluded.destroyed_at`,
    [tenantId, keys.map((k) => k.recordId), keys.map((k) => k.customerId), at],
  );
}

/** Whether the record has lost a key, or got another, within the hour. */
export function selectDestroyedKey(tenantId: string, recordId: string): Statement<{ readonly recordId: string }> {
  return statement(
    'select_destroyed_key',
    `select k.record_id as "recordId" from amanat.destroyed_keys k where k.tenant_id = $1::uuid and k.record_id = $2::uuid`,
    [tenantId, recordId],
  );
}

/** Of all tenants, since then. */
export function selectDestroyedKeys(since: Date): Statement<DestroyedKey> {
  return statement(
    'select_destroyed_keys',
    `select k.record_id as "recordId", k.customer_id as "customerId"
       from amanat.destroyed_keys k
      where k.destroyed_at >= $1::timestamptz`,
    [since],
  );
}

export function deleteDestroyedKeys(tenantId: string, before: Date): Statement {
  return statement(
    'delete_destroyed_keys',
    `delete from amanat.destroyed_keys where tenant_id = $1::uuid and destroyed_at < $2::timestamptz`,
    [tenantId, before],
  );
}
