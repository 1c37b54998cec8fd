import { statement, type Statement } from './statement.ts';

/** What the registers of recipients and undertakings come to for a client, or for a member of staff. */
export interface AdmissionRow {
  readonly tenantId: string;
  readonly kind: 'client' | 'actor';
  /** The client's id; the staff member's, in lower case. */
  readonly subject: string;
  /** Of a client, what its recipient is for at most. */
  readonly fields: readonly string[];
  /** Null while nothing is recorded, or once it was taken back. */
  readonly validFrom: Date | null;
  /** Null where it has no end of its own. */
  readonly validUntil: Date | null;
  readonly changedAt: Date;
  readonly mac: Buffer;
}

export function putAdmissions(tenantId: string, rows: readonly AdmissionRow[]): Statement {
  return statement(
    'put_admissions',
    `insert into amanat.admissions
       (tenant_id, kind, subject, fields, valid_from, valid_until, changed_at, mac)
     select $1::uuid, a.kind, a.subject, a.fields::text[], a.valid_from, a.valid_until, a.changed_at, a.mac
       from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
                   $8::bytea[])
            as a (kind, subject, fields, valid_from, valid_until, changed_at, mac)
         on conflict (tenant_id, kind, subject) do update
            set fields = excluded.fields, valid_from = excluded.valid_from, valid_until = excluded.valid_until,
                changed_at = excluded.changed_at, mac = excluded.mac`,
    [
      tenantId,
      rows.map((r) => r.kind),
      rows.map((r) => r.subject),
      // An array of arrays would be flattened; names of fields have neither comma nor brace.
      rows.map((r) => `{${r.fields.join(',')}}`),
      rows.map((r) => r.validFrom),
      rows.map((r) => r.validUntil),
      rows.map((r) => r.changedAt),
      rows.map((r) => r.mac),
    ],
  );
}

/** Directory scope: of all tenants, what has changed since then. */
export function selectAdmissions(since: Date): Statement<AdmissionRow> {
  return statement(
    'select_admissions',
    `select a.tenant_id as "tenantId", a.kind, a.subject, a.fields, a.valid_from as "validFrom",
            a.valid_until as "validUntil", a.changed_at as "changedAt", a.mac
       from amanat.admissions a
      where a.changed_at >= $1::timestamptz`,
    [since],
  );
}
