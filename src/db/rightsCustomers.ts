import { statement, type Statement } from './statement.ts';

export interface RightsRow {
  readonly id: string;
  readonly kind: 'natural' | 'legal';
  readonly keyVersion: number;
  /** Null once it was erased. */
  readonly dataKey: Buffer | null;
  /** Active or deactivated: everybody else is as nobody. */
  readonly standing: boolean;
}

/** Whoever there is of these, for the register of requests: deactivated ones have their rights. */
export function selectCustomersForRights(tenantId: string, ids: readonly string[]): Statement<RightsRow> {
  return statement(
    'select_customers_for_rights',
    `select c.id, c.kind, c.key_version as "keyVersion", c.data_key as "dataKey",
            c.status in ('active', 'deactivated') as standing
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.id = any ($2::uuid[])`,
    [tenantId, ids],
  );
}
