import type { DeliveryReadRow } from './deliveryReads.ts';
import type { OrderClocks } from './orderTime.ts';
import { parcelColumns, type ParcelFacts } from './shipments.ts';
import { statement, type Statement } from './statement.ts';

/**
 * What of a parcel its courier may act on: its own, open, inside its window, of an order that has not had its time; one that is
 * on its way has that only from the order itself on. Everything else is no row. `most` names the parameter of a customer's own
 * order's terms; a recipient's stands after it.
 */
const openBy = (most: number): string => `amanat.shipments s
       join amanat.grants g
         on g.tenant_id = s.tenant_id and g.id = s.grant_id and g.closed_at is null
        and g.opens_at <= $3::timestamptz and g.closes_at > $3::timestamptz
       join amanat.orders o on o.tenant_id = s.tenant_id and o.id = s.order_id and o.data_key is not null
        and (o.created_at <= $3::timestamptz
               - (case o.delivery_to when 'recipient' then $${most + 1}::interval else $${most}::interval end)) is not true
       join amanat.customers c on c.tenant_id = s.tenant_id and c.id = s.customer_id
      where s.tenant_id = $1::uuid and s.courier_client_id = $2::uuid and s.status = 'open'`;

/** When, and by which terms its order is over. */
export type DeliveryClocks = NonNullable<OrderClocks>;
const mosts = ({ customer, recipient }: DeliveryClocks) => [customer.most, recipient.most];

export interface ListedDelivery extends ParcelFacts, Omit<DeliveryReadRow, 'n'> {
  readonly customerKind: 'natural' | 'legal';
}

/** Newest first; not those whose reads are used up. Without a leaf: only for work that goes on to commit one. */
export function listDeliveries(
  tenantId: string,
  courierClientId: string,
  clocks: DeliveryClocks,
  beforeId: string | undefined,
  limit: number,
): Statement<ListedDelivery> {
  return statement(
    'list_deliveries',
    `select ${parcelColumns}, o.delivery_to as "deliveryTo", c.kind as "customerKind", o.version,
            o.key_version as "keyVersion", o.data_key as "dataKey", o.sealed
       from ${openBy(6)}
        and (g.max_reads is null or g.reads < g.max_reads)
        and ($4::uuid is null or s.id < $4::uuid)
      order by s.id desc
      limit $5::integer`,
    [tenantId, courierClientId, clocks.now, beforeId ?? null, limit, ...mosts(clocks)],
  );
}

export interface OpenDeliveryRow extends ParcelFacts {
  readonly codeHash: Buffer | null;
  readonly codeMac: Buffer | null;
  readonly codeTries: number;
  readonly attempts: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
}

/** Without a leaf: only for work that goes on to commit one. The last read does not keep a parcel from being handed over. */
export function selectOpenDelivery(
  tenantId: string,
  courierClientId: string,
  clocks: DeliveryClocks,
  id: string,
): Statement<OpenDeliveryRow> {
  return statement(
    'select_open_delivery',
    `select ${parcelColumns}, s.code_hash as "codeHash", s.code_mac as "codeMac", s.code_tries as "codeTries",
            s.attempts, o.key_version as "keyVersion", o.data_key as "dataKey"
       from ${openBy(5)} and s.id = $4::uuid`,
    [tenantId, courierClientId, clocks.now, id, ...mosts(clocks)],
  );
}

/** Guarded: not_found unless the parcel is still this courier's and open. To follow `takeOrder`. */
export function requireOpenDelivery(
  tenantId: string,
  courierClientId: string,
  clocks: DeliveryClocks,
  id: string,
): Statement {
  return statement(
    'require_open_delivery',
    `select amanat.require(exists (select 1 from ${openBy(5)} and s.id = $4::uuid), 'not_found')`,
    [tenantId, courierClientId, clocks.now, id, ...mosts(clocks)],
  );
}

/** Guarded: wrong_code unless this is the code, it has not expired, and a try is left. To follow `takeOrder`. */
export function requireDeliveryCode(
  tenantId: string,
  id: string,
  codeHash: Buffer,
  mostTries: number,
  now: Date,
): Statement {
  return statement(
    'require_delivery_code',
    `select amanat.require(exists (
              select 1 from amanat.shipments s
               where s.tenant_id = $1::uuid and s.id = $2::uuid and s.code_hash = $3::bytea
                 and s.code_tries < $4::integer and s.code_expires_at > $5::timestamptz), 'wrong_code')`,
    [tenantId, id, codeHash, mostTries, now],
  );
}

/** Counts a wrong code, up to the limit. */
export function countCodeTry(tenantId: string, id: string, mostTries: number): Statement {
  return statement(
    'count_code_try',
    `update amanat.shipments
        set code_tries = code_tries + 1
      where tenant_id = $1::uuid and id = $2::uuid and status = 'open' and code_tries < $3::integer`,
    [tenantId, id, mostTries],
  );
}

/** Guarded: conflict unless `attempts` is one more than is stored: `lastFailure` is sealed for that number. */
export function recordFailedAttempt(tenantId: string, id: string, attempts: number, lastFailure: Buffer): Statement {
  return statement(
    'record_failed_attempt',
    `with updated as (
       update amanat.shipments
          set attempts = $3::integer, last_failure = $4::bytea
        where tenant_id = $1::uuid and id = $2::uuid and status = 'open' and attempts = $3::integer - 1
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, id, attempts, lastFailure],
  );
}
