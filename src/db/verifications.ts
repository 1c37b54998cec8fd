/** The vault's own one-time codes to contact points: begun, tried, used. Only their keyed hashes are here. */
import { statement, type Statement } from './statement.ts';

export interface VerificationFacts {
  readonly id: string;
  readonly customerId: string;
  readonly point: string;
  readonly valueHash: Buffer;
  readonly codeHash: Buffer;
  readonly startedAt: Date;
  readonly expiresAt: Date;
  readonly mac: Buffer;
}

export interface VerificationRow extends VerificationFacts {
  readonly tries: number;
  readonly usedAt: Date | null;
}

/**
 * To come before `insertVerification`: codes for one customer, and for one contact point whosever it is, are begun one after
 * the other, so that those counted are all there are. Guarded: conflict unless the customer is active and not frozen.
 */
export function takeTurnToVerify(tenantId: string, customerId: string, valueHash: Buffer): Statement {
  return statement(
    'take_turn_to_verify',
    `with there as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $2::uuid and c.status = 'active' and not c.edits_frozen
          for no key update
     ),
     turn as (
       select pg_advisory_xact_lock(hashtextextended($1::text || encode($3::bytea, 'hex'), 1)) from there
     )
     select amanat.require(count(*) = 1, 'conflict') from turn`,
    [tenantId, customerId, valueHash],
  );
}

/** Codes within a day, and the pause between two to one contact point. */
export interface VerificationLimits {
  readonly ofPoint: number;
  readonly ofCustomer: number;
  readonly pauseMs: number;
}

/** Guarded: too_many_requests. */
export function insertVerification(
  tenantId: string,
  row: VerificationFacts,
  { ofPoint, ofCustomer, pauseMs }: VerificationLimits,
): Statement {
  return statement(
    'insert_verification',
    `with begun as (
       select v.value_hash = $4::bytea as same, v.customer_id = $3::uuid as own, v.started_at
         from amanat.contact_verifications v
        where v.tenant_id = $1::uuid and v.started_at > $6::timestamptz - interval '24 hours'
          and (v.value_hash = $4::bytea or v.customer_id = $3::uuid)
     ),
     inserted as (
       insert into amanat.contact_verifications
         (tenant_id, id, customer_id, point, value_hash, code_hash, started_at, expires_at, mac)
       select $1::uuid, $2::uuid, $3::uuid, $5::text, $4::bytea, $7::bytea, $6::timestamptz, $8::timestamptz, $9::bytea
         from begun
       having count(*) filter (where same) < $10::integer and count(*) filter (where own) < $11::integer
          and count(*) filter (where same and started_at > $6::timestamptz - $12::integer * interval '1 millisecond') = 0
       returning 1
     )
     select amanat.require(count(*) = 1, 'too_many_requests') from inserted`,
    [
      tenantId,
      row.id,
      row.customerId,
      row.valueHash,
      row.point,
      row.startedAt,
      row.codeHash,
      row.expiresAt,
      row.mac,
      ofPoint,
      ofCustomer,
      pauseMs,
    ],
  );
}

const columns = `v.id, v.customer_id as "customerId", v.point, v.value_hash as "valueHash", v.code_hash as "codeHash",
            v.started_at as "startedAt", v.expires_at as "expiresAt", v.mac, v.tries, v.used_at as "usedAt"`;

/** The newest of a contact point: an older code is none any more. */
export function selectNewestVerification(
  tenantId: string,
  customerId: string,
  point: string,
): Statement<VerificationRow> {
  return statement(
    'select_newest_verification',
    `select ${columns}
       from amanat.contact_verifications v
      where v.tenant_id = $1::uuid and v.customer_id = $2::uuid and v.point = $3::text
      order by v.id desc
      limit 1`,
    [tenantId, customerId, point],
  );
}

export function selectVerification(tenantId: string, id: string): Statement<VerificationRow> {
  return statement(
    'select_verification',
    `select ${columns}
       from amanat.contact_verifications v
      where v.tenant_id = $1::uuid and v.id = $2::uuid`,
    [tenantId, id],
  );
}

/** Counts a try, a right one too, so that no more than `mostTries` ever come to anything. Guarded: wrong_code where none is left. */
export function countVerificationTry(tenantId: string, id: string, at: Date, mostTries: number): Statement {
  return statement(
    'count_verification_try',
    `with counted as (
       update amanat.contact_verifications
          set tries = tries + 1
        where tenant_id = $1::uuid and id = $2::uuid and used_at is null and tries < $4::integer
          and expires_at > $3::timestamptz
        returning 1
     )
     select amanat.require(count(*) = 1, 'wrong_code') from counted`,
    [tenantId, id, at, mostTries],
  );
}

/** Guarded: wrong_code for one that was used. */
export function settleVerification(tenantId: string, id: string, at: Date): Statement {
  return statement(
    'settle_verification',
    `with used as (
       update amanat.contact_verifications
          set used_at = $3::timestamptz
        where tenant_id = $1::uuid and id = $2::uuid and used_at is null
        returning 1
     )
     select amanat.require(count(*) = 1, 'wrong_code') from used`,
    [tenantId, id, at],
  );
}

/** Once the limits count them no more. */
export function deleteOldVerifications(tenantId: string, now: Date, atMost: number): Statement {
  return statement(
    'delete_old_verifications',
    `delete from amanat.contact_verifications
      where tenant_id = $1::uuid and id in (
        select v.id from amanat.contact_verifications v
         where v.tenant_id = $1::uuid and v.started_at <= $2::timestamptz - interval '24 hours'
         limit $3::integer)`,
    [tenantId, now, atMost],
  );
}
