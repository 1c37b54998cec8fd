import { parcelColumns, type ParcelFacts } from './shipments.ts';
import { statement, type Statement } from './statement.ts';

/** What is fixed about a grant from its opening on: safe to keep in memory. Whether it is still open is asked each time. */
export interface GrantFacts {
  readonly id: string;
  readonly kind: string;
  readonly purpose: string;
  readonly customerId: string;
  readonly orderId: string | null;
  readonly granteeRole: string | null;
  readonly granteeClientId: string | null;
  readonly granteeDepartment: string | null;
  readonly actor: string | null;
  readonly fields: readonly string[] | null;
  readonly legalOrderId: string | null;
  readonly policyVersion: number;
  readonly openedBy: string;
  readonly openedAt: Date;
  readonly opensAt: Date;
  readonly closesAt: Date;
  readonly maxReads: number | null;
  readonly mac: Buffer;
}

/** Of `amanat.grants g`. */
export const grantColumns = `g.id, g.kind, g.purpose, g.customer_id as "customerId", g.order_id as "orderId",
            g.grantee_role as "granteeRole", g.grantee_client_id as "granteeClientId",
            g.grantee_department as "granteeDepartment", g.actor, g.fields, g.legal_order_id as "legalOrderId",
            g.policy_version as "policyVersion", g.opened_by as "openedBy", g.opened_at as "openedAt",
            g.opens_at as "opensAt", g.closes_at as "closesAt", g.max_reads as "maxReads", g.mac`;

interface Asked {
  readonly tenantId: string;
  readonly id: string;
}

/** `n` is the place in what was asked, from 1. */
export function selectGrantFacts(asked: readonly Asked[]): Statement<GrantFacts & { readonly n: number }> {
  return statement(
    'select_grant_facts',
    `select a.n::integer as n, ${grantColumns}
       from unnest($1::uuid[], $2::uuid[]) with ordinality as a (tenant_id, id, n)
      cross join lateral (
        select * from amanat.grants g where g.tenant_id = a.tenant_id and g.id = a.id limit 1
      ) g
      order by a.n`,
    [asked.map((a) => a.tenantId), asked.map((a) => a.id)],
  );
}

/** The grants that parcels rest on. */
export function selectParcelGrants(asked: readonly Asked[]): Statement<GrantFacts & { readonly n: number }> {
  return statement(
    'select_parcel_grants',
    `select a.n::integer as n, ${grantColumns}
       from unnest($1::uuid[], $2::uuid[]) with ordinality as a (tenant_id, id, n)
      cross join lateral (
        select s.grant_id from amanat.shipments s where s.tenant_id = a.tenant_id and s.id = a.id limit 1
      ) s
      cross join lateral (
        select * from amanat.grants g where g.tenant_id = a.tenant_id and g.id = s.grant_id limit 1
      ) g
      order by a.n`,
    [asked.map((a) => a.tenantId), asked.map((a) => a.id)],
  );
}

/** A parcel's facts, as its own courier may know them. Fixed, but for whom the parcel is for. */
export interface DeliveryFacts extends ParcelFacts {
  readonly n: number;
  readonly customerKind: 'natural' | 'legal';
  readonly deliveryTo: 'customer' | 'recipient';
}

/** Another courier's parcel and one that never was are both no row. */
export function selectDeliveryFacts(
  asked: readonly { tenantId: string; courierClientId: string; id: string }[],
): Statement<DeliveryFacts> {
  return statement(
    'select_delivery_facts',
    `select a.n::integer as n, ${parcelColumns}, c.kind as "customerKind", o.delivery_to as "deliveryTo"
       from unnest($1::uuid[], $2::uuid[], $3::uuid[]) with ordinality as a (tenant_id, courier_client_id, id, n)
      cross join lateral (
        select * from amanat.shipments s
         where s.tenant_id = a.tenant_id and s.id = a.id and s.courier_client_id = a.courier_client_id
         limit 1
      ) s
      cross join lateral (
        select o.delivery_to from amanat.orders o where o.tenant_id = s.tenant_id and o.id = s.order_id limit 1
      ) o
      cross join lateral (
        select c.kind from amanat.customers c where c.tenant_id = s.tenant_id and c.id = s.customer_id limit 1
      ) c
      order by a.n`,
    [asked.map((a) => a.tenantId), asked.map((a) => a.courierClientId), asked.map((a) => a.id)],
  );
}
