import { statement, type Statement } from './statement.ts';

/** That a person is to be told of a disclosure. Its fixed columns are under `mac`. */
export interface NoticeFacts {
  readonly id: string;
  readonly legalOrderId: string;
  readonly exportId: string;
  readonly customerId: string;
  /** Null while the secrecy of the order has no known end. */
  readonly dueAt: Date | null;
  readonly createdAt: Date;
  readonly mac: Buffer;
}

export interface NoticeRow extends NoticeFacts {
  readonly toldBy: string | null;
  readonly toldActor: string | null;
  readonly toldAt: Date | null;
  readonly channel: string | null;
  readonly cancelledAt: Date | null;
}

/** After the export itself: one notice for each of its persons. */
export function insertNotices(tenantId: string, notices: readonly NoticeFacts[]): Statement {
  return statement(
    'insert_notices',
    `insert into amanat.notices
       (tenant_id, id, legal_order_id, export_id, customer_id, due_at, created_at, mac)
     select $1::uuid, n.id, n.legal_order_id, n.export_id, n.customer_id, n.due_at, n.created_at, n.mac
       from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[], $8::bytea[])
            as n (id, legal_order_id, export_id, customer_id, due_at, created_at, mac)`,
    [
      tenantId,
      notices.map((n) => n.id),
      notices.map((n) => n.legalOrderId),
      notices.map((n) => n.exportId),
      notices.map((n) => n.customerId),
      notices.map((n) => n.dueAt),
      notices.map((n) => n.createdAt),
      notices.map((n) => n.mac),
    ],
  );
}

const columns = `n.id, n.legal_order_id as "legalOrderId", n.export_id as "exportId", n.customer_id as "customerId",
            n.due_at as "dueAt", n.created_at as "createdAt", n.told_by as "toldBy", n.told_actor as "toldActor",
            n.told_at as "toldAt", n.channel, n.cancelled_at as "cancelledAt", n.mac`;

/** One that is not due yet, or was cancelled, is none. */
export function selectDueNotice(tenantId: string, id: string, now: Date): Statement<NoticeRow> {
  return statement(
    'select_due_notice',
    `select ${columns}
       from amanat.notices n
      where n.tenant_id = $1::uuid and n.id = $2::uuid and n.due_at <= $3::timestamptz and n.cancelled_at is null`,
    [tenantId, id, now],
  );
}

/**
 * What is due, the latest first, after the one that the cursor names; what is not due yet is in no part of what is read.
 * A cursor that names nothing due is at the end.
 */
export function listDueNotices(
  tenantId: string,
  now: Date,
  told: boolean,
  afterId: string | undefined,
  limit: number,
): Statement<NoticeRow> {
  return statement(
    'list_due_notices',
    `select ${columns}
       from amanat.notices n
      where n.tenant_id = $1::uuid and n.due_at <= $2::timestamptz and n.cancelled_at is null
        and ($3::boolean or n.told_at is null)
        and ($4::uuid is null or (n.due_at, n.id) < (
              select a.due_at, a.id
                from amanat.notices a
               where a.tenant_id = $1::uuid and a.id = $4::uuid and a.due_at <= $2::timestamptz))
      order by n.due_at desc, n.id desc
      limit $5::integer`,
    [tenantId, now, told, afterId ?? null, limit],
  );
}

/** Every notice, newest first; or those that nobody has been told of and nobody took back. */
export function listNotices(
  tenantId: string,
  settled: boolean,
  beforeId: string | undefined,
  limit: number,
): Statement<NoticeRow> {
  return statement(
    'list_notices',
    `select ${columns}
       from amanat.notices n
      where n.tenant_id = $1::uuid and ($3::uuid is null or n.id < $3::uuid)
        and ($2::boolean or (n.told_at is null and n.cancelled_at is null))
      order by n.id desc
      limit $4::integer`,
    [tenantId, settled, beforeId ?? null, limit],
  );
}

/** Guarded: conflict when the person was told before, or the notice was taken back or put off meanwhile. */
export function tellNotice(
  tenantId: string,
  id: string,
  told: { readonly by: string; readonly actor: string | undefined; readonly at: Date; readonly channel: string },
): Statement {
  return statement(
    'tell_notice',
    `with updated as (
       update amanat.notices
          set told_by = $3::uuid, told_actor = $4::text, told_at = $5::timestamptz, channel = $6::text
        where tenant_id = $1::uuid and id = $2::uuid and told_at is null and cancelled_at is null
          and due_at <= $5::timestamptz
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, id, told.by, told.actor ?? null, told.at, told.channel],
  );
}

/** Of an order whose package never left: nothing was disclosed, so there is nothing to tell. */
export function cancelNotices(tenantId: string, legalOrderId: string, at: Date): Statement {
  return statement(
    'cancel_notices',
    `update amanat.notices as n
        set cancelled_at = $3::timestamptz
       from amanat.exports as e
      where n.tenant_id = $1::uuid and n.legal_order_id = $2::uuid and n.told_at is null and n.cancelled_at is null
        and e.tenant_id = $1::uuid and e.id = n.export_id and e.fetched_at is null and e.reissues = 0`,
    [tenantId, legalOrderId, at],
  );
}

/** Of an order, those that nobody has been told of. */
export function selectUntoldNotices(tenantId: string, legalOrderId: string): Statement<NoticeRow> {
  return statement(
    'select_untold_notices',
    `select ${columns}
       from amanat.notices n
      where n.tenant_id = $1::uuid and n.legal_order_id = $2::uuid and n.told_at is null and n.cancelled_at is null`,
    [tenantId, legalOrderId],
  );
}

/** Gives them another day, each with the MAC that goes with it. Who was told meanwhile stays told. */
export function putOffNotices(
  tenantId: string,
  notices: readonly Pick<NoticeFacts, 'id' | 'dueAt' | 'mac'>[],
): Statement {
  return statement(
    'put_off_notices',
    `update amanat.notices as n
        set due_at = p.due_at, mac = p.mac, tried_at = null
       from unnest($2::uuid[], $3::timestamptz[], $4::bytea[]) as p (id, due_at, mac)
      where n.tenant_id = $1::uuid and n.id = p.id and n.told_at is null and n.cancelled_at is null`,
    [tenantId, notices.map((n) => n.id), notices.map((n) => n.dueAt), notices.map((n) => n.mac)],
  );
}

/** What fell due and the vault has not tried to tell by itself. */
export function selectUntriedNotices(tenantId: string, now: Date, limit: number): Statement<NoticeRow> {
  return statement(
    'select_untried_notices',
    `select ${columns}
       from amanat.notices n
      where n.tenant_id = $1::uuid and n.due_at <= $2::timestamptz and n.tried_at is null and n.told_at is null
        and n.cancelled_at is null
      order by n.due_at, n.id
      limit $3::integer`,
    [tenantId, now, limit],
  );
}

export function tryNotices(tenantId: string, ids: readonly string[], at: Date): Statement {
  return statement(
    'try_notices',
    `update amanat.notices
        set tried_at = $3::timestamptz
      where tenant_id = $1::uuid and id = any ($2::uuid[])`,
    [tenantId, ids, at],
  );
}

/** The vault's own message has gone out: told by nobody's word but its own. Who was told before stays told as they were. */
export function markNoticeTold(tenantId: string, id: string, channel: string, at: Date): Statement {
  return statement(
    'mark_notice_told',
    `update amanat.notices
        set told_at = $4::timestamptz, channel = $3::text
      where tenant_id = $1::uuid and id = $2::uuid and told_at is null and cancelled_at is null`,
    [tenantId, id, channel, at],
  );
}
