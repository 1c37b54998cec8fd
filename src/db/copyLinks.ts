import { statement, type Statement } from './statement.ts';

/** Of a link, what is under its MAC. */
export interface CopyLinkFacts {
  readonly requestId: string;
  readonly customerId: string;
  readonly secretHash: Buffer;
  readonly madeBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly mac: Buffer;
}

export interface CopyLinkRow extends CopyLinkFacts {
  readonly tries: number;
  readonly usedAt: Date | null;
}

/** Takes the place of the request's link before, used or not. */
export function insertCopyLink(tenantId: string, link: CopyLinkFacts): Statement {
  return statement(
    'insert_copy_link',
    `insert into amanat.copy_links
       (tenant_id, request_id, customer_id, secret_hash, made_by, created_at, expires_at, mac)
     values ($1::uuid, $2::uuid, $3::uuid, $4::bytea, $5::uuid, $6::timestamptz, $7::timestamptz, $8::bytea)
         on conflict (tenant_id, request_id) do update
        set secret_hash = excluded.secret_hash, made_by = excluded.made_by, created_at = excluded.created_at,
            expires_at = excluded.expires_at, mac = excluded.mac, tries = 0, used_at = null`,
    [tenantId, link.requestId, link.customerId, link.secretHash, link.madeBy, link.createdAt, link.expiresAt, link.mac],
  );
}

export function selectCopyLink(tenantId: string, requestId: string): Statement<CopyLinkRow> {
  return statement(
    'select_copy_link',
    `select l.request_id as "requestId", l.customer_id as "customerId", l.secret_hash as "secretHash",
            l.made_by as "madeBy", l.created_at as "createdAt", l.expires_at as "expiresAt", l.mac, l.tries,
            l.used_at as "usedAt"
       from amanat.copy_links l
      where l.tenant_id = $1::uuid and l.request_id = $2::uuid`,
    [tenantId, requestId],
  );
}

/** A wrong try. Of many at once each counts. */
export function countCopyLinkTry(tenantId: string, requestId: string, mac: Buffer): Statement {
  return statement(
    'count_copy_link_try',
    `update amanat.copy_links
        set tries = tries + 1
      where tenant_id = $1::uuid and request_id = $2::uuid and mac = $3::bytea`,
    [tenantId, requestId, mac],
  );
}

/** Guarded: not_found unless the link is the one that was read, unused, in its time and not tried too often. */
export function useCopyLink(
  tenantId: string,
  { requestId, mac }: Pick<CopyLinkFacts, 'requestId' | 'mac'>,
  at: Date,
  mostTries: number,
): Statement {
  return statement(
    'use_copy_link',
    `with used as (
       update amanat.copy_links
          set used_at = $4::timestamptz
        where tenant_id = $1::uuid and request_id = $2::uuid and mac = $3::bytea and used_at is null
          and expires_at > $4::timestamptz and tries < $5::integer
        returning 1
     )
     select amanat.require(count(*) = 1, 'not_found') from used`,
    [tenantId, requestId, mac, at, mostTries],
  );
}

/** Links whose time is over. */
export function deleteCopyLinks(tenantId: string, at: Date): Statement {
  return statement(
    'delete_copy_links',
    `delete from amanat.copy_links where tenant_id = $1::uuid and expires_at <= $2::timestamptz`,
    [tenantId, at],
  );
}
