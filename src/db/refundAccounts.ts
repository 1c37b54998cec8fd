/** Accounts that were given for one refund. They stand with the refund's grant. */
import { grantColumns, type GrantFacts } from './grantFacts.ts';
import { counts, unheld, type DueCount } from './retention.ts';
import { statement, type Statement } from './statement.ts';

/**
 * Has the account of `amanat.grants g` had its time? A refund is settled when its grant is closed, and by the grant's own end
 * at the latest, which nobody who edits the table can put off. A null term makes nothing over.
 */
export const accountOver = (keep: string, now: string): string =>
  `(least(g.closed_at, g.closes_at) <= ${now}::timestamptz - ${keep}::interval) is true`;

/** Sealed under the customer's data key. Without a leaf: only for a read that goes on to commit one. */
export function selectAccount(tenantId: string, grantId: string): Statement<{ readonly account: Buffer | null }> {
  return statement(
    'select_refund_account',
    `select g.account
       from amanat.grants g
      where g.tenant_id = $1::uuid and g.id = $2::uuid`,
    [tenantId, grantId],
  );
}

export interface AccountRow extends GrantFacts {
  readonly account: Buffer;
}

/** Of one customer, newest first; none that has had its time ($3 keep, an ISO 8601 duration or null for never; $4 now). */
export function selectAccountsOf(
  tenantId: string,
  customerId: string,
  terms: { readonly keep: string | null; readonly at: Date },
  limit: number,
): Statement<AccountRow> {
  return statement(
    'select_refund_accounts',
    `select ${grantColumns}, g.account
       from amanat.grants g
      where g.tenant_id = $1::uuid and g.customer_id = $2::uuid and g.account is not null
        and not ${accountOver('$3', '$4')}
      order by g.id desc
      limit $5::integer`,
    [tenantId, customerId, terms.keep, terms.at, limit],
  );
}

/** $2 keep, $3 now. */
const dueAccounts = `
       from amanat.grants g
      where g.tenant_id = $1::uuid and g.account is not null and ${accountOver('$2', '$3')}`;

/** Of customers under no standing hold. */
export function selectDueAccounts(
  tenantId: string,
  keep: string | null,
  at: Date,
  limit: number,
): Statement<GrantFacts> {
  return statement(
    'select_due_refund_accounts',
    `select ${grantColumns}${dueAccounts}${unheld('g')}
      order by g.id
      limit $4::integer`,
    [tenantId, keep, at, limit],
  );
}

export function countDueAccounts(tenantId: string, keep: string | null, at: Date): Statement<DueCount> {
  return statement('count_due_refund_accounts', `${counts('g', '$3')}${dueAccounts}`, [tenantId, keep, at]);
}

/** Guarded: conflict unless each is still there. Aborts with conflict while a hold stands. */
export function forgetAccounts(tenantId: string, grantIds: readonly string[]): Statement {
  return statement(
    'forget_refund_accounts',
    `with updated as (
       update amanat.grants
          set account = null
        where tenant_id = $1::uuid and id = any ($2::uuid[]) and account is not null
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from updated`,
    [tenantId, grantIds],
  );
}
