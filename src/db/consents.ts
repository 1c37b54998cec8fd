import { statement, type Statement } from './statement.ts';

/** One consent or withdrawal as it was recorded. Never changed. */
export interface ConsentRow {
  readonly customerId: string;
  /** Counted for each customer, from 1. */
  readonly number: number;
  readonly id: string;
  readonly purpose: string;
  readonly channel: string;
  readonly kind: string;
  readonly explicit: boolean | null;
  readonly method: string | null;
  readonly source: string;
  readonly textVersion: string | null;
  readonly policyVersion: string;
  readonly recordedBy: string;
  readonly recordedRole: string;
  readonly actor: string | null;
  readonly createdAt: Date;
  readonly mac: Buffer;
}

/** How a customer's consents stand after `number` events. */
export interface ConsentHead {
  readonly customerId: string;
  readonly number: number;
  /** JSON. */
  readonly states: string;
  readonly mac: Buffer;
}

/** The head, where there is one, beside the number of the last event there is; one row always. */
export interface HeadFound {
  readonly number: number | null;
  readonly states: string | null;
  readonly mac: Buffer | null;
  readonly last: number | null;
}

export function selectConsentHead(tenantId: string, customerId: string): Statement<HeadFound> {
  return statement(
    'select_consent_head',
    `select h.number, h.states, h.mac,
            (select max(c.number) from amanat.consents c
              where c.tenant_id = $1::uuid and c.customer_id = $2::uuid) as last
       from (values (1)) as one (n)
       left join amanat.consent_heads h on h.tenant_id = $1::uuid and h.customer_id = $2::uuid`,
    [tenantId, customerId],
  );
}

export function insertConsents(tenantId: string, rows: readonly ConsentRow[]): Statement {
  return statement(
    'insert_consents',
    `insert into amanat.consents
       (tenant_id, customer_id, number, id, purpose, channel, kind, explicit, method, source, text_version,
        policy_version, recorded_by, recorded_role, actor, created_at, mac)
     select $1::uuid, c.customer_id, c.number, c.id, c.purpose, c.channel, c.kind, c.explicit, c.method, c.source,
            c.text_version, c.policy_version, c.recorded_by, c.recorded_role, c.actor, c.created_at, c.mac
       from unnest($2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::text[],
                   $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::text[], $16::timestamptz[],
                   $17::bytea[])
            as c (customer_id, number, id, purpose, channel, kind, explicit, method, source, text_version,
                  policy_version, recorded_by, recorded_role, actor, created_at, mac)`,
    [
      tenantId,
      rows.map((r) => r.customerId),
      rows.map((r) => r.number),
      rows.map((r) => r.id),
      rows.map((r) => r.purpose),
      rows.map((r) => r.channel),
      rows.map((r) => r.kind),
      rows.map((r) => r.explicit),
      rows.map((r) => r.method),
      rows.map((r) => r.source),
      rows.map((r) => r.textVersion),
      rows.map((r) => r.policyVersion),
      rows.map((r) => r.recordedBy),
      rows.map((r) => r.recordedRole),
      rows.map((r) => r.actor),
      rows.map((r) => r.createdAt),
      rows.map((r) => r.mac),
    ],
  );
}

/** Guarded: conflict when somebody recorded another event since the head was read. */
export function moveConsentHead(tenantId: string, head: ConsentHead, before: number): Statement {
  return statement(
    'move_consent_head',
    `with moved as (
       insert into amanat.consent_heads as h (tenant_id, customer_id, number, states, mac)
       values ($1::uuid, $2::uuid, $3::integer, $4::text, $5::bytea)
       on conflict (tenant_id, customer_id) do update
          set number = excluded.number, states = excluded.states, mac = excluded.mac
        where h.number = $6::integer
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from moved`,
    [tenantId, head.customerId, head.number, head.states, head.mac, before],
  );
}

/** A customer's events, newest first. */
export function listConsents(
  tenantId: string,
  customerId: string,
  beforeId: string | undefined,
  limit: number,
): Statement<ConsentRow> {
  return statement(
    'list_consents',
    `select c.customer_id as "customerId", c.number, c.id, c.purpose, c.channel, c.kind, c.explicit, c.method, c.source,
            c.text_version as "textVersion", c.policy_version as "policyVersion", c.recorded_by as "recordedBy",
            c.recorded_role as "recordedRole", c.actor, c.created_at as "createdAt", c.mac
       from amanat.consents c
      where c.tenant_id = $1::uuid and c.customer_id = $2::uuid and ($3::uuid is null or c.id < $3::uuid)
      order by c.id desc
      limit $4::integer`,
    [tenantId, customerId, beforeId ?? null, limit],
  );
}

/** A contact point to which nothing of a purpose goes. */
export interface SuppressionRow {
  readonly purpose: string;
  readonly channel: string;
  readonly contact: Buffer;
}

export function insertSuppressions(
  tenantId: string,
  rows: readonly SuppressionRow[],
  keyVersion: number,
  at: Date,
): Statement {
  return statement(
    'insert_suppressions',
    `insert into amanat.suppressions (tenant_id, purpose, channel, contact, key_version, created_at)
     select $1::uuid, s.purpose, s.channel, s.contact, $5::integer, $6::timestamptz
       from unnest($2::text[], $3::text[], $4::bytea[]) as s (purpose, channel, contact)
      order by s.purpose, s.channel, s.contact
         on conflict do nothing`,
    [tenantId, rows.map((r) => r.purpose), rows.map((r) => r.channel), rows.map((r) => r.contact), keyVersion, at],
  );
}

export function deleteSuppressions(tenantId: string, rows: readonly SuppressionRow[]): Statement {
  return statement(
    'delete_suppressions',
    `delete from amanat.suppressions
      where tenant_id = $1::uuid and (purpose, channel, contact) in (
        select s.purpose, s.channel, s.contact
          from unnest($2::text[], $3::text[], $4::bytea[]) as s (purpose, channel, contact))`,
    [tenantId, rows.map((r) => r.purpose), rows.map((r) => r.channel), rows.map((r) => r.contact)],
  );
}

/** Which of these are suppressed. */
export function findSuppressions(tenantId: string, rows: readonly SuppressionRow[]): Statement<SuppressionRow> {
  return statement(
    'find_suppressions',
    `select s.purpose, s.channel, s.contact
       from unnest($2::text[], $3::text[], $4::bytea[]) as q (purpose, channel, contact)
       join amanat.suppressions s
         on s.tenant_id = $1::uuid and s.purpose = q.purpose and s.channel = q.channel and s.contact = q.contact`,
    [tenantId, rows.map((r) => r.purpose), rows.map((r) => r.channel), rows.map((r) => r.contact)],
  );
}
