import { statement, type Statement } from './statement.ts';

export interface ExtentRow {
  readonly id: string;
  readonly incidentId: string;
  /** Canonical JSON: ids, a staff id and times. */
  readonly criteria: string;
  readonly phase: 'keys' | 'log' | 'done';
  readonly afterId: string | null;
  /** Exclusive. */
  readonly untilId: string;
  /** Read in the log; matched or not. */
  readonly leaves: number;
  /** Of those that match: refused, whether or not they were about a person. */
  readonly refused: number;
  readonly subjects: number;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly digest: Buffer | null;
  readonly mac: Buffer;
}

export interface SubjectRow {
  readonly extentId: string;
  readonly customerId: string;
  /** Something was shown in full. */
  readonly reads: number;
  readonly masked: number;
  readonly writes: number;
  readonly others: number;
  readonly refused: number;
  /** Under a legal order; counted nowhere else. */
  readonly underOrder: number;
  readonly fields: readonly string[];
  readonly maskedFields: readonly string[];
  /** Kinds of records that the named version of the key opens. */
  readonly openable: readonly string[];
  readonly firstAt: Date | null;
  readonly lastAt: Date | null;
  readonly mac: Buffer;
}

const extentColumns = `e.id, e.incident_id as "incidentId", e.criteria, e.phase, e.after_id as "afterId",
            e.until_id as "untilId", e.leaves, e.refused, e.subjects, e.started_at as "startedAt",
            e.finished_at as "finishedAt", e.digest, e.mac`;

export function insertExtent(tenantId: string, extent: ExtentRow): Statement {
  return statement(
    'insert_incident_extent',
    `insert into amanat.incident_extents
       (tenant_id, id, incident_id, criteria, phase, until_id, leaves, refused, subjects, started_at, mac)
     values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::uuid, 0, 0, 0, $7::timestamptz, $8::bytea)`,
    [
      tenantId,
      extent.id,
      extent.incidentId,
      extent.criteria,
      extent.phase,
      extent.untilId,
      extent.startedAt,
      extent.mac,
    ],
  );
}

/** Guarded: conflict unless it stands as it was read. */
export function advanceExtent(tenantId: string, extent: ExtentRow, was: Buffer): Statement {
  return statement(
    'advance_incident_extent',
    `with updated as (
       update amanat.incident_extents
          set phase = $3::text, after_id = $4::uuid, leaves = $5::bigint, refused = $6::bigint, subjects = $7::integer,
              finished_at = $8::timestamptz, digest = $9::bytea, mac = $10::bytea
        where tenant_id = $1::uuid and id = $2::uuid and mac = $11::bytea
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [
      tenantId,
      extent.id,
      extent.phase,
      extent.afterId,
      extent.leaves,
      extent.refused,
      extent.subjects,
      extent.finishedAt,
      extent.digest,
      extent.mac,
      was,
    ],
  );
}

/** The newest of an incident. */
export function selectExtentOf(tenantId: string, incidentId: string): Statement<ExtentRow> {
  return statement(
    'select_incident_extent_of',
    `select ${extentColumns}
       from amanat.incident_extents e
      where e.tenant_id = $1::uuid and e.incident_id = $2::uuid
      order by e.id desc
      limit 1`,
    [tenantId, incidentId],
  );
}

/** Those that are not done, oldest first. */
export function selectRunningExtents(tenantId: string): Statement<ExtentRow> {
  return statement(
    'select_running_incident_extents',
    `select ${extentColumns}
       from amanat.incident_extents e
      where e.tenant_id = $1::uuid and e.phase <> 'done'
      order by e.id
      limit 100`,
    [tenantId],
  );
}

const subjectColumns = `s.extent_id as "extentId", s.customer_id as "customerId", s.reads, s.masked, s.writes, s.others,
            s.refused, s.under_order as "underOrder", s.fields, s.masked_fields as "maskedFields", s.openable,
            s.first_at as "firstAt", s.last_at as "lastAt", s.mac`;

export function selectSubjectsNamed(tenantId: string, extentId: string, ids: readonly string[]): Statement<SubjectRow> {
  return statement(
    'select_incident_subjects_named',
    `select ${subjectColumns}
       from amanat.incident_subjects s
      where s.tenant_id = $1::uuid and s.extent_id = $2::uuid and s.customer_id = any ($3::uuid[])`,
    [tenantId, extentId, ids],
  );
}

/** In the order of their ids. */
export function listSubjects(
  tenantId: string,
  extentId: string,
  afterId: string | undefined,
  limit: number,
): Statement<SubjectRow> {
  return statement(
    'list_incident_subjects',
    `select ${subjectColumns}
       from amanat.incident_subjects s
      where s.tenant_id = $1::uuid and s.extent_id = $2::uuid and ($3::uuid is null or s.customer_id > $3::uuid)
      order by s.customer_id
      limit $4::integer`,
    [tenantId, extentId, afterId ?? null, limit],
  );
}

/** As they stand from now on. */
export function putSubjects(tenantId: string, extentId: string, rows: readonly SubjectRow[]): Statement {
  return statement(
    'put_incident_subjects',
    `insert into amanat.incident_subjects
       (tenant_id, extent_id, customer_id, reads, masked, writes, others, refused, under_order, fields, masked_fields,
        openable, first_at, last_at, mac)
     select $1::uuid, $2::uuid, n.customer_id, n.reads, n.masked, n.writes, n.others, n.refused, n.under_order,
            n.fields::text[], n.masked_fields::text[], n.openable::text[], n.first_at, n.last_at, n.mac
       from unnest($3::uuid[], $4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::integer[], $9::integer[],
                   $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::bytea[])
            as n (customer_id, reads, masked, writes, others, refused, under_order, fields, masked_fields, openable,
                  first_at, last_at, mac)
         on conflict (tenant_id, extent_id, customer_id) do update
        set reads = excluded.reads, masked = excluded.masked, writes = excluded.writes, others = excluded.others,
            refused = excluded.refused, under_order = excluded.under_order, fields = excluded.fields,
            masked_fields = excluded.masked_fields, openable = excluded.openable, first_at = excluded.first_at,
            last_at = excluded.last_at, mac = excluded.mac`,
    [
      tenantId,
      extentId,
      rows.map((r) => r.customerId),
      rows.map((r) => r.reads),
      rows.map((r) => r.masked),
      rows.map((r) => r.writes),
      rows.map((r) => r.others),
      rows.map((r) => r.refused),
      rows.map((r) => r.underOrder),
      // An array of arrays would be flattened; names have neither comma nor brace.
      rows.map((r) => `{${r.fields.join(',')}}`),
      rows.map((r) => `{${r.maskedFields.join(',')}}`),
      rows.map((r) => `{${r.openable.join(',')}}`),
      rows.map((r) => r.firstAt),
      rows.map((r) => r.lastAt),
      rows.map((r) => r.mac),
    ],
  );
}

/** Customers of whom this version of the tenant's data key opens a record, in the order of their ids. */
export function selectUnderKey(
  tenantId: string,
  keyVersion: number,
  afterId: string | undefined,
  limit: number,
): Statement<{ readonly customerId: string; readonly openable: readonly string[] }> {
  return statement(
    'select_customers_under_key',
    `with page as (
       select c.id, c.key_version, c.data_key is not null as there
         from amanat.customers c
        where c.tenant_id = $1::uuid and ($3::uuid is null or c.id > $3::uuid)
        order by c.id
        limit $4::integer
     )
     select p.id as "customerId",
            array_remove(array[
              case when p.there and p.key_version = $2::integer then 'customer' end,
              case when exists (select 1 from amanat.orders o
                                 where o.tenant_id = $1::uuid and o.customer_id = p.id and o.data_key is not null
                                   and o.key_version = $2::integer) then 'order' end,
              case when exists (select 1 from amanat.invoices i
                                 where i.tenant_id = $1::uuid and i.customer_id = p.id and i.data_key is not null
                                   and i.key_version = $2::integer) then 'invoice' end], null) as openable
       from page p
      order by p.id`,
    [tenantId, keyVersion, afterId ?? null, limit],
  );
}
