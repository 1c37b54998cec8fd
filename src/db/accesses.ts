/** Who saw what of a person. Without a leaf of its own: for work that goes on to commit one. */
import { statement, type Statement } from './statement.ts';

export interface SeenLeaf {
  readonly id: string;
  readonly leaf: Buffer;
  readonly leafHash: Buffer;
}

/**
 * Leaves of a person, newest first, but for those of legal staff: what they look at tells of an order, secret or not, and is
 * left out where it is counted, so that no page is shorter for it. A leaf without a client is the vault's own.
 */
export function selectSeen(
  tenantId: string,
  customerId: string,
  beforeId: string | undefined,
  limit: number,
): Statement<SeenLeaf> {
  return statement(
    'select_seen',
    `select l.id, l.leaf, l.leaf_hash as "leafHash"
       from amanat.audit_leaves l
       left join amanat.clients c on c.tenant_id = $1::uuid and c.id = l.client_id
      where l.tenant_id = $1::uuid and l.subject_id = $2::uuid and ($3::uuid is null or l.id < $3::uuid)
        and (l.client_id is null or c.role not in ('legal_registrar', 'legal_approver'))
      order by l.id desc
      limit $4::integer`,
    [tenantId, customerId, beforeId ?? null, limit],
  );
}

export interface ToldDisclosure {
  readonly id: string;
  readonly legalOrderId: string;
  readonly exportId: string;
  readonly customerId: string;
  readonly dueAt: Date | null;
  readonly createdAt: Date;
  readonly mac: Buffer;
  readonly fields: readonly string[];
}

/** Disclosures of a person that have left and may be told by now, newest first; one that is secret still is no row. */
export function selectToldDisclosures(
  tenantId: string,
  customerId: string,
  beforeId: string | undefined,
  now: Date,
  limit: number,
): Statement<ToldDisclosure> {
  return statement(
    'select_told_disclosures',
    `select n.id, n.legal_order_id as "legalOrderId", n.export_id as "exportId", n.customer_id as "customerId",
            n.due_at as "dueAt", n.created_at as "createdAt", n.mac, e.fields
       from amanat.notices n
       join amanat.exports e on e.tenant_id = $1::uuid and e.id = n.export_id and e.fetched_at is not null
      where n.tenant_id = $1::uuid and n.customer_id = $2::uuid and ($3::uuid is null or n.id < $3::uuid)
        and n.due_at <= $4::timestamptz and n.cancelled_at is null
      order by n.id desc
      limit $5::integer`,
    [tenantId, customerId, beforeId ?? null, now, limit],
  );
}
