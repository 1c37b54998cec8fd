import { statement, type Statement } from './statement.ts';

/** Fails as a duplicate when the client used this assertion before. */
export function insertClientAssertion(assertion: {
  readonly tenantId: string;
  readonly clientId: string;
  readonly jtiHash: Buffer;
  readonly expiresAt: Date;
}): Statement {
  return statement(
    'insert_client_assertion',
    `insert into amanat.client_assertions (tenant_id, client_id, jti_hash, expires_at)
     values ($1::uuid, $2::uuid, $3::bytea, $4::timestamptz)`,
    [assertion.tenantId, assertion.clientId, assertion.jtiHash, assertion.expiresAt],
  );
}

export interface RevocationRow {
  readonly tokenId: string;
  readonly expiresAt: Date;
}

/** Once revoked stays revoked. */
export function insertRevocation(tenantId: string, revocation: RevocationRow, now: Date): Statement {
  return statement(
    'insert_revocation',
    `insert into amanat.token_revocations (tenant_id, jti, revoked_at, expires_at)
     values ($1::uuid, $2::uuid, $3::timestamptz, $4::timestamptz)
     on conflict (tenant_id, jti) do nothing`,
    [tenantId, revocation.tokenId, now, revocation.expiresAt],
  );
}

/** Directory scope: revocations since a moment of tokens that have not expired. */
export function selectRevocations(since: Date, now: Date): Statement<RevocationRow> {
  return statement(
    'select_revocations',
    `select r.jti as "tokenId", r.expires_at as "expiresAt"
       from amanat.token_revocations r
      where r.revoked_at >= $1::timestamptz and r.expires_at > $2::timestamptz`,
    [since, now],
  );
}

export interface CutOffRow {
  readonly clientId: string;
  readonly disabled: boolean;
  readonly validFrom: Date;
}

/** Directory scope: clients cut off since a moment, and from when on their tokens count again, if at all. */
export function selectCutOffs(since: Date): Statement<CutOffRow> {
  return statement(
    'select_cut_offs',
    `select c.id as "clientId", c.disabled_at is not null as disabled,
            greatest(c.disabled_at, c.tokens_valid_from) as "validFrom"
       from amanat.clients c
      where greatest(c.disabled_at, c.tokens_valid_from) >= $1::timestamptz`,
    [since],
  );
}

/** Guarded: unknown_subject unless this tenant has the customer; a deactivated one keeps their rights. */
export function requireActiveCustomer(tenantId: string, customerId: string): Statement {
  return statement(
    'require_active_customer',
    `select amanat.require(
       exists (select 1 from amanat.customers c
                where c.tenant_id = $1::uuid and c.id = $2::uuid and c.status in ('active', 'deactivated')),
       'unknown_subject')`,
    [tenantId, customerId],
  );
}
