import { statement, type Statement } from './statement.ts';

export interface ImportLineRow {
  readonly line: number;
  readonly lineHash: Buffer;
  readonly result: unknown;
}

export function selectImportLines(
  tenantId: string,
  clientId: string,
  keyHash: Buffer,
  lines: readonly number[],
  now: Date,
): Statement<ImportLineRow> {
  return statement(
    'select_import_lines',
    `select i.line, i.line_hash as "lineHash", i.result
       from amanat.import_lines i
      where i.tenant_id = $1::uuid and i.client_id = $2::uuid and i.key_hash = $3::bytea
        and i.line = any ($4::integer[]) and i.expires_at > $5::timestamptz`,
    [tenantId, clientId, keyHash, lines, now],
  );
}

/** Two requests that import the same lines at once: the second fails here, and nothing of it is written. */
export function insertImportLines(kept: {
  tenantId: string;
  clientId: string;
  keyHash: Buffer;
  lines: readonly ImportLineRow[];
  expiresAt: Date;
}): Statement {
  return statement(
    'insert_import_lines',
    `insert into amanat.import_lines (tenant_id, client_id, key_hash, line, line_hash, result, expires_at)
     select $1::uuid, $2::uuid, $3::bytea, l.line, l.line_hash, l.result, $7::timestamptz
       from unnest($4::integer[], $5::bytea[], $6::jsonb[]) as l (line, line_hash, result)`,
    [
      kept.tenantId,
      kept.clientId,
      kept.keyHash,
      kept.lines.map((l) => l.line),
      kept.lines.map((l) => l.lineHash),
      kept.lines.map((l) => JSON.stringify(l.result)),
      kept.expiresAt,
    ],
  );
}
