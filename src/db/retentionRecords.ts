/** Records of legal orders, and proofs of a relation, that have had their time. */
import type { DueCount, DueRecord, DueVersion } from './retention.ts';
import { statement, type Statement } from './statement.ts';

/**
 * Of `amanat.legal_orders o`; $2 keep, $3 now. An order is closed when it was rejected, revoked, or executed with its package
 * away and its review made; one that nobody executed, when it ran out. What still holds somebody is not.
 */
const dueOrders = `
       from amanat.legal_orders o
      where o.tenant_id = $1::uuid and o.data_key is not null
        and case o.status
              when 'rejected' then o.decided_at
              when 'revoked' then o.revoked_at
              when 'executed' then case when o.review_due is null or o.reviewed_at is not null
                                        then greatest(o.executed_at, o.reviewed_at) end
              else o.valid_until
            end <= $3::timestamptz - $2::interval
        and not exists (
          select 1 from amanat.holds h
           where h.tenant_id = $1::uuid and h.legal_order_id = o.id
             and (h.released_at is null or h.released_at > $3::timestamptz - $2::interval))
        and not exists (
          select 1 from amanat.exports e
           where e.tenant_id = $1::uuid and e.legal_order_id = o.id
             and e.delivered_at > $3::timestamptz - $2::interval)`;

export function selectDueLegalOrders(
  tenantId: string,
  keep: string | null,
  at: Date,
  limit: number,
): Statement<DueVersion> {
  return statement(
    'select_due_legal_orders',
    `select o.id, null::uuid as "customerId", o.version${dueOrders}
      order by o.id
      limit $4::integer`,
    [tenantId, keep, at, limit],
  );
}

export function countDueLegalOrders(tenantId: string, keep: string | null, at: Date): Statement<DueCount> {
  return statement('count_due_legal_orders', `select count(*)::integer as due, 0 as held${dueOrders}`, [
    tenantId,
    keep,
    at,
  ]);
}

/**
 * The record, its scan, package, receipt and minutes, with their keys; whom it was about and who was to be told of it. What stays
 * says that there was an order, of which kind, when, and the digest of what left: whoever holds the receipt can still show it.
 * Guarded: conflict unless each stands as it was read.
 */
export function destroyLegalOrders(
  tenantId: string,
  orders: readonly Pick<DueVersion, 'id' | 'version'>[],
): readonly Statement[] {
  const ids = orders.map(({ id }) => id);
  return [
    statement(
      'destroy_legal_orders',
      `with updated as (
         update amanat.legal_orders o
            set version = o.version + 1, data_key = null, sealed = null, number_tag = uuid_send(o.id)
           from unnest($2::uuid[], $3::integer[]) as d (id, version)
          where o.tenant_id = $1::uuid and o.id = d.id and o.version = d.version and o.data_key is not null
          returning 1
       )
       select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from updated`,
      [tenantId, ids, orders.map(({ version }) => version)],
    ),
    statement(
      'destroy_exports_of_orders',
      `update amanat.exports
          set version = version + 1, data_key = null, sealed = null, statement_key = null, statement = null
        where tenant_id = $1::uuid and legal_order_id = any ($2::uuid[])`,
      [tenantId, ids],
    ),
    statement(
      'empty_releases_of_orders',
      `update amanat.holds set release = null
        where tenant_id = $1::uuid and legal_order_id = any ($2::uuid[]) and release is not null`,
      [tenantId, ids],
    ),
    statement(
      'delete_notices_of_orders',
      `delete from amanat.notices where tenant_id = $1::uuid and legal_order_id = any ($2::uuid[])`,
      [tenantId, ids],
    ),
    statement(
      'delete_documents_of_orders',
      `with gone as (
         delete from amanat.legal_documents
          where tenant_id = $1::uuid and legal_order_id = any ($2::uuid[])
          returning id
       )
       delete from amanat.legal_document_chunks c
        using gone g
        where c.tenant_id = $1::uuid and c.document_id = g.id`,
      [tenantId, ids],
    ),
  ];
}

/** Of `amanat.customers c`, erased so long ago ($2, now $3), of whom there is still a proof of something. */
const dueRelations = `
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.status = 'erased' and c.updated_at <= $3::timestamptz - $2::interval
        and (exists (select 1 from amanat.consents k where k.tenant_id = $1::uuid and k.customer_id = c.id)
             or exists (select 1 from amanat.acceptances a where a.tenant_id = $1::uuid and a.customer_id = c.id)
             or exists (select 1 from amanat.requests r where r.tenant_id = $1::uuid and r.customer_id = c.id))`;

export function selectDueRelations(
  tenantId: string,
  keep: string | null,
  at: Date,
  limit: number,
): Statement<DueRecord> {
  return statement(
    'select_due_relations',
    `select c.id, c.id as "customerId"${dueRelations}
      order by c.id
      limit $4::integer`,
    [tenantId, keep, at, limit],
  );
}

export function countDueRelations(tenantId: string, keep: string | null, at: Date): Statement<DueCount> {
  return statement('count_due_relations', `select count(*)::integer as due, 0 as held${dueRelations}`, [
    tenantId,
    keep,
    at,
  ]);
}

/** Consents, acceptances and requests of customers who were erased. Guarded: conflict for anybody else. */
export function forgetRelations(tenantId: string, customerIds: readonly string[]): Statement {
  return statement('forget_relations', `select amanat.forget_relations($1::uuid, $2::uuid[])`, [tenantId, customerIds]);
}
