import { statement, type Statement } from './statement.ts';

export interface ClientRow {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly authMethod: 'client_secret' | 'private_key_jwt';
  /** The client's public key (RFC 7517) as canonical JSON. */
  readonly jwk: string | null;
  readonly department: string | null;
  readonly carrierProfile: string | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
  readonly mac: Buffer;
}

const columns = `c.tenant_id as "tenantId", c.id, c.name, c.role, c.auth_method as "authMethod", c.jwk,
            c.department, c.carrier_profile as "carrierProfile", c.version, c.created_at as "createdAt",
            c.disabled_at as "disabledAt", c.mac`;

export function insertClient(client: ClientRow): Statement {
  return statement(
    'insert_client',
    `insert into amanat.clients
       (tenant_id, id, name, role, auth_method, jwk, department, carrier_profile, version, created_at, disabled_at, mac)
     values ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::integer,
             $10::timestamptz, $11::timestamptz, $12::bytea)`,
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
      client.mac,
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

/** Clients in service. */
export function selectClientsInService(tenantId: string, ids: readonly string[]): Statement<ClientRow> {
  return statement(
    'select_clients_in_service',
    `select ${columns}
       from amanat.clients c
      where c.tenant_id = $1::uuid and c.id = any ($2::uuid[]) and c.disabled_at is null`,
    [tenantId, ids],
  );
}

/** Directory scope: a token request names its client before its tenant is known. */
export function selectClientsNamed(id: string): Statement<ClientRow> {
  return statement(
    'select_clients_named',
    `select ${columns}
       from amanat.clients c
      where c.id = $1::uuid`,
    [id],
  );
}

/** A client as it was read, changed: `version` is one more. */
export type ClientChange = Pick<ClientRow, 'tenantId' | 'id' | 'version' | 'mac'>;

/**
 * Cuts the client off: no further token, and none issued so far. Guarded: precondition_failed unless it is still what
 * was read.
 */
export function disableClient(change: ClientChange, at: Date): Statement {
  return statement(
    'disable_client',
    `with updated as (
       update amanat.clients
          set disabled_at = $5::timestamptz, tokens_valid_from = $5::timestamptz, version = $3::integer, mac = $4::bytea
        where tenant_id = $1::uuid and id = $2::uuid and disabled_at is null and version = $3::integer - 1
        returning 1
     )
     select amanat.require(count(*) = 1, 'precondition_failed') from updated`,
    [change.tenantId, change.id, change.version, change.mac, at],
  );
}

/**
 * First statement of a renewal: takes the client's row, so that renewals of one client come one after the other.
 * Guarded: precondition_failed unless it is still what was read.
 */
export function takeClientForRenewal(change: ClientChange): Statement {
  return statement(
    'take_client_for_renewal',
    `with updated as (
       update amanat.clients
          set version = $3::integer, mac = $4::bytea
        where tenant_id = $1::uuid and id = $2::uuid and disabled_at is null and version = $3::integer - 1
        returning 1
     )
     select amanat.require(count(*) = 1, 'precondition_failed') from updated`,
    [change.tenantId, change.id, change.version, change.mac],
  );
}

export interface ClientSecretRow {
  readonly tenantId: string;
  readonly clientId: string;
  readonly id: string;
  /** src/crypto/clientSecret.ts; the secret itself is stored nowhere. */
  readonly hash: Buffer;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly mac: Buffer;
}

const secretColumns = `s.tenant_id as "tenantId", s.client_id as "clientId", s.id, s.hash, s.created_at as "createdAt",
            s.expires_at as "expiresAt", s.mac`;

/** Secrets that are live now, newest first. */
export function selectSecrets(tenantId: string, clientId: string, now: Date): Statement<ClientSecretRow> {
  return statement(
    'select_secrets',
    `select ${secretColumns}
       from amanat.client_secrets s
      where s.tenant_id = $1::uuid and s.client_id = $2::uuid
        and (s.expires_at is null or s.expires_at > $3::timestamptz)
      order by s.id desc`,
    [tenantId, clientId, now],
  );
}

/** Directory scope: the same for a client whose tenant is not known yet. */
export function selectSecretsNamed(clientId: string, now: Date): Statement<ClientSecretRow> {
  return statement(
    'select_secrets_named',
    `select ${secretColumns}
       from amanat.clients c
       join amanat.client_secrets s on s.tenant_id = c.tenant_id and s.client_id = c.id
        and (s.expires_at is null or s.expires_at > $2::timestamptz)
      where c.id = $1::uuid
      order by s.id desc`,
    [clientId, now],
  );
}

/** Lets these secrets of the client end when they say. To follow `takeClientForRenewal`, without which they may change. */
export function endSecrets(tenantId: string, clientId: string, secrets: readonly ClientSecretRow[]): Statement {
  return statement(
    'end_secrets',
    `update amanat.client_secrets s
        set expires_at = e.expires_at, mac = e.mac
       from unnest($3::uuid[], $4::timestamptz[], $5::bytea[]) as e (id, expires_at, mac)
      where s.tenant_id = $1::uuid and s.client_id = $2::uuid and s.id = e.id`,
    [tenantId, clientId, secrets.map((s) => s.id), secrets.map((s) => s.expiresAt), secrets.map((s) => s.mac)],
  );
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
     insert into amanat.client_secrets (tenant_id, client_id, id, hash, created_at, expires_at, mac)
     select $1::uuid, $2::uuid, $3::uuid, $4::bytea, $5::timestamptz, $6::timestamptz, $7::bytea
       from live
      where amanat.require(live.n < $8::integer, 'conflict')`,
    [secret.tenantId, secret.clientId, secret.id, secret.hash, secret.createdAt, secret.expiresAt, secret.mac, most],
  );
}
