import { statement, type Statement } from './statement.ts';

export type ShipmentStatus = 'open' | 'delivered' | 'returned' | 'cancelled' | 'reassigned';

/** What is fixed about a parcel from its making on. */
export interface ParcelFacts {
  readonly id: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly grantId: string;
  readonly courierClientId: string;
  readonly codeExpiresAt: Date;
  readonly createdAt: Date;
  readonly mac: Buffer;
}

/** Of `amanat.shipments s`. */
export const parcelColumns = `s.id, s.order_id as "orderId", s.customer_id as "customerId", s.grant_id as "grantId",
            s.courier_client_id as "courierClientId", s.code_expires_at as "codeExpiresAt",
            s.created_at as "createdAt", s.mac`;

export interface NewShipmentRow extends ParcelFacts {
  readonly tenantId: string;
  readonly codeHash: Buffer;
  readonly codeMac: Buffer;
}

/** Fails with shipments_one_open while another parcel of the order is open. */
export function insertShipment(shipment: NewShipmentRow): Statement {
  return statement(
    'insert_shipment',
    `insert into amanat.shipments
       (tenant_id, id, order_id, customer_id, grant_id, courier_client_id, status, code_hash, code_mac,
        code_expires_at, created_at, mac)
     values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::uuid, 'open', $7::bytea, $8::bytea,
             $9::timestamptz, $10::timestamptz, $11::bytea)`,
    [
      shipment.tenantId,
      shipment.id,
      shipment.orderId,
      shipment.customerId,
      shipment.grantId,
      shipment.courierClientId,
      shipment.codeHash,
      shipment.codeMac,
      shipment.codeExpiresAt,
      shipment.createdAt,
      shipment.mac,
    ],
  );
}

export interface ShipmentRow extends ParcelFacts {
  readonly status: ShipmentStatus;
  readonly attempts: number;
  readonly closedAt: Date | null;
  /** Of its grant. */
  readonly reads: number;
}

/** Without a leaf: only for work that goes on to commit one. */
export function selectShipment(tenantId: string, id: string): Statement<ShipmentRow> {
  return statement(
    'select_shipment',
    `select ${parcelColumns}, s.status, s.attempts, s.closed_at as "closedAt", g.reads
       from amanat.shipments s
       join amanat.grants g on g.tenant_id = s.tenant_id and g.id = s.grant_id
       join amanat.customers c
         on c.tenant_id = s.tenant_id and c.id = s.customer_id and c.status in ('active', 'deactivated')
      where s.tenant_id = $1::uuid and s.id = $2::uuid`,
    [tenantId, id],
  );
}

/**
 * Closes the parcel of an order that is open, if there is one, and with it its courier's view: the code goes, the grant
 * closes for the same reason.
 */
export function closeOpenShipment(
  tenantId: string,
  orderId: string,
  status: Exclude<ShipmentStatus, 'open'>,
  now: Date,
): Statement {
  return statement(
    'close_open_shipment',
    `with closed as (
       update amanat.shipments
          set status = $3::text, closed_at = $4::timestamptz, code_hash = null, code_mac = null
        where tenant_id = $1::uuid and order_id = $2::uuid and status = 'open'
        returning grant_id
     )
     update amanat.grants
        set closed_at = $4::timestamptz, closed_reason = $3::text
      where tenant_id = $1::uuid and closed_at is null and id in (select c.grant_id from closed c)`,
    [tenantId, orderId, status, now],
  );
}
