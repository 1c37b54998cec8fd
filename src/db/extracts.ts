import { statement, type Statement } from './statement.ts';

export interface ExtractRow {
  readonly id: string;
  readonly clientId: string;
  readonly actor: string | null;
  readonly period: string;
  readonly purpose: string;
  readonly threshold: number;
  readonly persons: number;
  readonly sha256: Buffer;
  readonly policyVersion: string;
  readonly createdAt: Date;
  readonly mac: Buffer;
}

/** Fails with extracts_one_of_month where the recipient has had this month. */
export function insertExtract(tenantId: string, row: ExtractRow): Statement {
  return statement(
    'insert_extract',
    `insert into amanat.extracts
       (tenant_id, id, client_id, actor, period, purpose, threshold, persons, sha256, policy_version, created_at, mac)
     values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::text, $7::integer, $8::integer, $9::bytea, $10::text,
             $11::timestamptz, $12::bytea)`,
    [
      tenantId,
      row.id,
      row.clientId,
      row.actor,
      row.period,
      row.purpose,
      row.threshold,
      row.persons,
      row.sha256,
      row.policyVersion,
      row.createdAt,
      row.mac,
    ],
  );
}

/** Has the recipient had this month? Asked before anything is opened for it; the insert has the last word. */
export function selectExtractOf(
  tenantId: string,
  clientId: string,
  period: string,
): Statement<{ readonly id: string }> {
  return statement(
    'select_extract_of',
    `select e.id
       from amanat.extracts e
      where e.tenant_id = $1::uuid and e.client_id = $2::uuid and e.period = $3::text`,
    [tenantId, clientId, period],
  );
}

/** Newest first; of one recipient where one is named. */
export function listExtracts(
  tenantId: string,
  clientId: string | undefined,
  beforeId: string | undefined,
  limit: number,
): Statement<ExtractRow> {
  return statement(
    'list_extracts',
    `select e.id, e.client_id as "clientId", e.actor, e.period, e.purpose, e.threshold, e.persons, e.sha256,
            e.policy_version as "policyVersion", e.created_at as "createdAt", e.mac
       from amanat.extracts e
      where e.tenant_id = $1::uuid and ($2::uuid is null or e.client_id = $2::uuid)
        and ($3::uuid is null or e.id < $3::uuid)
      order by e.id desc
      limit $4::integer`,
    [tenantId, clientId ?? null, beforeId ?? null, limit],
  );
}

/** Somebody who may be in an extract, with the key that their pseudonym hangs on. */
export interface Extractable {
  readonly id: string;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
}

/** Of these customers, the active ones who have not objected to the purpose, nor wait for the answer to an objection. */
export function selectExtractable(
  tenantId: string,
  customerIds: readonly string[],
  purpose: string,
): Statement<Extractable> {
  return statement(
    'select_extractable',
    `select c.id, c.key_version as "keyVersion", c.data_key as "dataKey"
       from unnest($2::uuid[]) as a (id)
       join amanat.customers c
         on c.tenant_id = $1::uuid and c.id = a.id and c.status = 'active' and c.data_key is not null
      where not exists (
              select 1 from amanat.requests r
               where r.tenant_id = $1::uuid and r.customer_id = c.id and r.kind = 'object' and r.purpose = $3::text
                 and r.state <> 'refused')
      order by c.id`,
    [tenantId, customerIds, purpose],
  );
}
