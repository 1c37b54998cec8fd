import type { StandingCustomerRow } from './customers.ts';
import { statement, type Statement } from './statement.ts';

/** What is fixed of a mailing, under `mac`. */
export interface MailingFacts {
  readonly id: string;
  /** Of the version that everybody is told of. */
  readonly number: number;
  readonly requestedBy: string;
  readonly requestedActor: string | null;
  readonly requestedAt: Date;
  readonly mac: Buffer;
}

export interface MailingRow extends MailingFacts {
  /** The customer up to whom messages are queued. */
  readonly cursor: string | null;
  readonly queuedAt: Date | null;
  readonly doneAt: Date | null;
}

/** Fails with policy_mailings_pkey where everybody is told of this version already. */
export function insertMailing(tenantId: string, row: MailingFacts): Statement {
  return statement(
    'insert_policy_mailing',
    `insert into amanat.policy_mailings (tenant_id, id, number, requested_by, requested_actor, requested_at, mac)
     values ($1::uuid, $2::uuid, $3::integer, $4::uuid, $5::text, $6::timestamptz, $7::bytea)`,
    [tenantId, row.id, row.number, row.requestedBy, row.requestedActor, row.requestedAt, row.mac],
  );
}

const columns = `l.id, l.number, l.requested_by as "requestedBy", l.requested_actor as "requestedActor",
            l.requested_at as "requestedAt", l.cursor, l.queued_at as "queuedAt", l.done_at as "doneAt", l.mac`;

export function selectMailing(tenantId: string, number: number): Statement<MailingRow> {
  return statement(
    'select_policy_mailing',
    `select ${columns}
       from amanat.policy_mailings l
      where l.tenant_id = $1::uuid and l.number = $2::integer`,
    [tenantId, number],
  );
}

/** Those that are not done with. */
export function selectOpenMailings(tenantId: string): Statement<MailingRow> {
  return statement(
    'select_open_policy_mailings',
    `select ${columns}
       from amanat.policy_mailings l
      where l.tenant_id = $1::uuid and l.done_at is null
      order by l.number`,
    [tenantId],
  );
}

/** Whoever is to be told, by id. */
export function selectAddressees(
  tenantId: string,
  afterId: string | null,
  limit: number,
): Statement<StandingCustomerRow> {
  return statement(
    'select_addressees',
    `select c.id, c.kind, c.status, c.version, c.source, c.key_version as "keyVersion", c.data_key as "dataKey",
            c.sealed, c.created_at as "createdAt", c.updated_at as "updatedAt", c.reveals_frozen as frozen,
            c.objected
       from amanat.customers c
      where c.tenant_id = $1::uuid and ($2::uuid is null or c.id > $2::uuid) and c.status in ('active', 'deactivated')
      order by c.id
      limit $3::integer`,
    [tenantId, afterId, limit],
  );
}

/** Guarded: conflict when another process moved it meanwhile. `queuedAt`: nobody comes after. */
export function moveMailing(
  tenantId: string,
  row: Pick<MailingRow, 'number' | 'cursor'>,
  next: { readonly cursor: string | null; readonly queuedAt: Date | null },
): Statement {
  return statement(
    'move_policy_mailing',
    `with moved as (
       update amanat.policy_mailings
          set cursor = $4::uuid, queued_at = $5::timestamptz
        where tenant_id = $1::uuid and number = $2::integer and cursor is not distinct from $3::uuid
          and queued_at is null
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from moved`,
    [tenantId, row.number, row.cursor, next.cursor, next.queuedAt],
  );
}

/** Guarded: conflict when it is done with. */
export function endMailing(tenantId: string, number: number, at: Date): Statement {
  return statement(
    'end_policy_mailing',
    `with ended as (
       update amanat.policy_mailings
          set done_at = $3::timestamptz
        where tenant_id = $1::uuid and number = $2::integer and done_at is null
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from ended`,
    [tenantId, number, at],
  );
}

export interface MailingCount {
  readonly channel: string;
  readonly state: string;
  readonly n: number;
}

/** How the messages about one thing stand. */
export function countMessagesAbout(tenantId: string, about: string): Statement<MailingCount> {
  return statement(
    'count_messages_about',
    `select m.channel, m.state, count(*)::integer as n
       from amanat.messages m
      where m.tenant_id = $1::uuid and m.about = $2::uuid
      group by m.channel, m.state`,
    [tenantId, about],
  );
}
