import { statement, type Statement } from './statement.ts';

export interface ClientRow {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly authMethod: 'client_secret' | 'private_key_jwt';
  /** The client's public key as JSON text (RFC 7517). */
  readonly jwk: string | null;
  readonly department: string | null;
  readonly carrierProfile: string | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
}

const columns = `c.tenant_id as "tenantId", c.id, c.name, c.role, c.auth_method as "authMethod", c.jwk::text as jwk,
            c.department, c.carrier_profile as "carrierProfile", c.version, c.created_at as "createdAt",
            c.disabled_at as "disabledAt"`;

export function insertClient(client: ClientRow): Statement {
  return statement(
    'insert_client',
    `insert into amanat.clients
       (tenant_id, id, name, role, auth_method, jwk, department, carrier_profile, version, created_at, disabled_at)
     values ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::jsonb, $7::text, $8::text, $9::integer,
             $10::timestamptz, $11::timestamptz)`,
    [
      client.tenantId,
      client.id,
      client.name,
      client.role,
      client.authMethod,
      client.jwk,
      client.department,
      client.carrierProfile,
      client.version,
      client.createdAt,
      client.disabledAt,
    ],
  );
}

export function selectClient(tenantId: string, id: string): Statement<ClientRow> {
  return statement(
    'select_client',
    `select ${columns}
       from amanat.clients c
      where c.tenant_id = $1::uuid and c.id = $2::uuid`,
    [tenantId, id],
  );
}

/** Newest first. */
export function listClients(tenantId: string, beforeId: string | undefined, limit: number): Statement<ClientRow> {
  return statement(
    'list_clients',
    `select ${columns}
       from amanat.clients c
      where c.tenant_id = $1::uuid and ($2::uuid is null or c.id < $2::uuid)
      order by c.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}

/**
 * Cuts the client off: no further token, and none issued so far. Guarded: precondition_failed unless its version is the
 * one given, if one is given.
 */
export function disableClient(tenantId: string, id: string, version: number | undefined, now: Date): Statement {
  return statement(
    'disable_client',
    `with updated as (
       update amanat.clients
          set disabled_at = $4::timestamptz, tokens_valid_from = $4::timestamptz, version = version + 1
        where tenant_id = $1::uuid and id = $2::uuid and disabled_at is null
          and ($3::integer is null or version = $3::integer)
        returning 1
     )
     select amanat.require($3::integer is null or count(*) = 1, 'precondition_failed') from updated`,
    [tenantId, id, version ?? null, now],
  );
}

/**
 * First statement of a renewal: takes the client's row, so that renewals of one client come one after the other.
 * Guarded: conflict unless the client is in service and authenticates by secret.
 */
export function takeClientForRenewal(tenantId: string, id: string): Statement {
  return statement(
    'take_client_for_renewal',
    `with updated as (
       update amanat.clients
          set version = version + 1
        where tenant_id = $1::uuid and id = $2::uuid and disabled_at is null and auth_method = 'client_secret'
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, id],
  );
}

/** Lets every live secret of the client end at `until`, unless it ends sooner anyway. */
export function endSecrets(tenantId: string, clientId: string, until: Date): Statement {
  return statement(
    'end_secrets',
    `update amanat.client_secrets
        set expires_at = $3::timestamptz
      where tenant_id = $1::uuid and client_id = $2::uuid
        and (expires_at is null or expires_at > $3::timestamptz)`,
    [tenantId, clientId, until],
  );
}

export interface ClientSecretRow {
  readonly tenantId: string;
  readonly clientId: string;
  readonly id: string;
  /** src/crypto/clientSecret.ts; the secret itself is stored nowhere. */
  readonly hash: Buffer;
  readonly createdAt: Date;
}

/** Guarded: conflict when the client already has `most` live secrets. */
export function insertClientSecret(secret: ClientSecretRow, most: number): Statement {
  return statement(
    'insert_client_secret',
    `with live as (
       select count(*) as n
         from amanat.client_secrets s
        where s.tenant_id = $1::uuid and s.client_id = $2::uuid
          and (s.expires_at is null or s.expires_at > $5::timestamptz)
     )
     insert into amanat.client_secrets (tenant_id, client_id, id, hash, created_at)
     select $1::uuid, $2::uuid, $3::uuid, $4::bytea, $5::timestamptz
       from live
      where amanat.require(live.n < $6::integer, 'conflict')`,
    [secret.tenantId, secret.clientId, secret.id, secret.hash, secret.createdAt, most],
  );
}
