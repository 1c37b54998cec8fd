import { statement, type Statement } from './statement.ts';

/** One sealing of the vault, by whom, and when it was lifted. */
export interface SealRow {
  readonly id: string;
  readonly clientId: string;
  readonly actor: string | null;
  readonly sealedAt: Date;
  readonly liftedAt: Date | null;
  readonly mac: Buffer;
}

export interface KnownSeal extends SealRow {
  readonly tenantId: string;
}

export function insertSeal(tenantId: string, seal: SealRow): Statement {
  return statement(
    'insert_seal',
    `insert into amanat.seals (tenant_id, id, client_id, actor, sealed_at, mac)
     values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::timestamptz, $6::bytea)`,
    [tenantId, seal.id, seal.clientId, seal.actor, seal.sealedAt, seal.mac],
  );
}

/** Whoever lifts it second changes nothing. */
export function liftSeal(tenantId: string, id: string, liftedAt: Date, mac: Buffer, was: Buffer): Statement {
  return statement(
    'lift_seal',
    `update amanat.seals
        set lifted_at = $3::timestamptz, mac = $4::bytea
      where tenant_id = $1::uuid and id = $2::uuid and mac = $5::bytea`,
    [tenantId, id, liftedAt, mac, was],
  );
}

/** Directory scope: every sealing that is not among those known to be lifted. */
export function selectSeals(lifted: readonly string[]): Statement<KnownSeal> {
  return statement(
    'select_seals',
    `select s.tenant_id as "tenantId", s.id, s.client_id as "clientId", s.actor, s.sealed_at as "sealedAt",
            s.lifted_at as "liftedAt", s.mac
       from amanat.seals s
      where not (s.id = any ($1::uuid[]))
      order by s.id`,
    [lifted],
  );
}
