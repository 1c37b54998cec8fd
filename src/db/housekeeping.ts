import { statement, type Statement } from './statement.ts';

const tables = [
  { table: 'idempotent_answers', key: 'client_id, key_hash' },
  { table: 'import_lines', key: 'client_id, key_hash, line' },
  { table: 'token_revocations', key: 'jti' },
  { table: 'full_reads', key: 'reader, who, day' },
  { table: 'client_assertions', key: 'client_id, jti_hash' },
] as const;

/** At most so many expired rows of each table that keeps things for a time only. */
export function deleteExpired(tenantId: string, now: Date, atMost: number): Statement[] {
  return tables.map(({ table, key }) =>
    statement(
      `delete_expired_${table}`,
      `delete from amanat.${table}
        where tenant_id = $1::uuid and (${key}) in (
          select ${key} from amanat.${table}
           where tenant_id = $1::uuid and expires_at <= $2::timestamptz
           limit $3::integer)`,
      [tenantId, now, atMost],
    ),
  );
}
