import { statement, type Statement } from './statement.ts';

export interface LeafRow {
  readonly tenantId: string;
  readonly id: string;
  readonly clientId: string | undefined;
  readonly subjectId: string | undefined;
  readonly grantId: string | undefined;
  readonly leaf: Buffer;
  readonly leafHash: Buffer;
}

/**
 * Stands behind `recorded as (insert into amanat.audit_leaves … returning tenant_id, id)`, in the same statement: a leaf that is
 * stored is queued for the tree, whatever becomes of the process that stored it.
 */
export const queueRecorded = `insert into amanat.audit_pending (tenant_id, id) select r.tenant_id, r.id from recorded r`;

export function insertLeaf(leaf: LeafRow): Statement {
  return statement(
    'insert_leaf',
    `with recorded as (
       insert into amanat.audit_leaves (tenant_id, id, client_id, subject_id, grant_id, leaf, leaf_hash)
       values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::bytea, $7::bytea)
       returning tenant_id, id
     )
     ${queueRecorded}`,
    [
      leaf.tenantId,
      leaf.id,
      leaf.clientId ?? null,
      leaf.subjectId ?? null,
      leaf.grantId ?? null,
      leaf.leaf,
      leaf.leafHash,
    ],
  );
}

export function insertLeaves(leaves: readonly LeafRow[]): Statement {
  return statement(
    'insert_leaves',
    `with recorded as (
       insert into amanat.audit_leaves (tenant_id, id, client_id, subject_id, grant_id, leaf, leaf_hash)
       select l.tenant_id, l.id, l.client_id, l.subject_id, l.grant_id, l.leaf, l.leaf_hash
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bytea[], $7::bytea[])
              as l (tenant_id, id, client_id, subject_id, grant_id, leaf, leaf_hash)
       returning tenant_id, id
     )
     ${queueRecorded}`,
    [
      leaves.map((l) => l.tenantId),
      leaves.map((l) => l.id),
      leaves.map((l) => l.clientId ?? null),
      leaves.map((l) => l.subjectId ?? null),
      leaves.map((l) => l.grantId ?? null),
      leaves.map((l) => l.leaf),
      leaves.map((l) => l.leafHash),
    ],
  );
}

export interface LeafQuery {
  readonly tenantId: string;
  readonly subjectId: string | undefined;
  readonly clientId: string | undefined;
  readonly grantId: string | undefined;
  /** Inclusive. */
  readonly fromId: string | undefined;
  /** Exclusive. */
  readonly beforeId: string | undefined;
  readonly limit: number;
}

/** Newest first. */
export function selectLeaves(query: LeafQuery): Statement<{ id: string; leaf: Buffer; leafHash: Buffer }> {
  return statement(
    'select_leaves',
    `select l.id, l.leaf, l.leaf_hash as "leafHash"
       from amanat.audit_leaves l
      where l.tenant_id = $1::uuid
        and ($2::uuid is null or l.subject_id = $2::uuid)
        and ($3::uuid is null or l.client_id = $3::uuid)
        and ($4::uuid is null or l.grant_id = $4::uuid)
        and ($5::uuid is null or l.id >= $5::uuid)
        and ($6::uuid is null or l.id < $6::uuid)
      order by l.id desc
      limit $7::integer`,
    [
      query.tenantId,
      query.subjectId ?? null,
      query.clientId ?? null,
      query.grantId ?? null,
      query.fromId ?? null,
      query.beforeId ?? null,
      query.limit,
    ],
  );
}

/** Of everybody, or of one client: each by its own index. Oldest first, from after a leaf until before an id. */
export function selectLeavesAfter(
  tenantId: string,
  clientId: string | undefined,
  afterId: string | undefined,
  untilId: string,
  limit: number,
): Statement<{ readonly id: string; readonly leaf: Buffer }> {
  const whose = clientId === undefined ? '' : ' and l.client_id = $5::uuid';
  return statement(
    clientId === undefined ? 'select_leaves_after' : 'select_leaves_of_client_after',
    `select l.id, l.leaf
       from amanat.audit_leaves l
      where l.tenant_id = $1::uuid and l.id > $2::uuid and l.id < $3::uuid${whose}
      order by l.id
      limit $4::integer`,
    [tenantId, afterId ?? beforeAll, untilId, limit, ...(clientId === undefined ? [] : [clientId])],
  );
}

const beforeAll = '00000000-0000-0000-0000-000000000000';

/** Inserts a leaf and aborts its own transaction with the guard `probe`: proof that one could be written. */
export function probeAudit(leaf: LeafRow): Statement[] {
  return [insertLeaf(leaf), statement('probe_audit', `select amanat.require(false, 'probe')`, [])];
}
