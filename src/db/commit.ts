import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { Batch, type BatchOutcome } from './batch.ts';
import type { Database } from './database.ts';
import { connectFault, DbFault, mayRepeat } from './fault.ts';
import { statement, type Statement } from './statement.ts';

/** Whose rows a transaction may touch; `directory` is for the few look-ups that come before a tenant is known. */
export type Scope = { readonly tenantIds: readonly string[] } | 'directory';

/** The rows of each statement, in the order of the statements. */
export type Rows<S extends readonly Statement[]> = {
  readonly [K in keyof S]: S[K] extends Statement<infer Row> ? readonly Row[] : never;
};

const mostAttempts = 4;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Runs the statements as one transaction, in one round trip, and answers after its commit. Nothing of it is kept when it
 * throws `DbFault`, but for one case: `unavailable` without an `sqlstate` may have been committed before the answer was
 * lost. Serialization failures and deadlocks are repeated at once, up to three times, inside the deadline.
 */
export async function commit<const S extends readonly Statement[]>(
  db: Database,
  scope: Scope,
  statements: S,
): Promise<Rows<S>> {
  const batch = [enterScope(scope, db.planOnce === true), ...statements];
  const giveUpAt = performance.now() + db.deadlineMs;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await attemptOnce(db, batch, giveUpAt);
    if ('rows' in outcome) return outcome.rows.slice(1) as Rows<S>;
    if (attempt === mostAttempts || !mayRepeat(outcome.fault)) throw outcome.fault;
  }
}

/** PostgreSQL, 19.7.4 and 19.7.1. A plan made for a table that is still small is not to read it whole when it has grown. */
const plannedOnce = `, set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)`;

/** `true`: the settings end with the transaction, so a pooled connection carries nothing to its next user. */
function enterScope(scope: Scope, planOnce: boolean): Statement {
  const tenantIds = scope === 'directory' ? [] : scope.tenantIds;
  // An id with a comma in it would be a wider scope.
  if (!tenantIds.every((id) => uuid.test(id))) throw new DbFault('broken', { statement: 'enter_scope' });
  const planned = planOnce ? plannedOnce : '';
  return statement(
    'enter_scope',
    `select set_config('amanat.tenants', $1::text, true), set_config('amanat.directory', $2::text, true)${planned}`,
    [tenantIds.length === 0 ? '' : `{${tenantIds.join(',')}}`, scope === 'directory' ? 'on' : 'off'],
  );
}

/** Gives the connection back exactly once on every path; one in an unknown state is cut. */
function attemptOnce(db: Database, statements: readonly Statement[], giveUpAt: number): Promise<BatchOutcome> {
  if (db.pool.waitingCount >= db.mostWaiting) throw new DbFault('overloaded');
  return new Promise((resolve) => {
    let held: { client: pg.PoolClient; release: (destroy?: boolean) => void } | undefined;
    let settled = false;
    const settle = (outcome: BatchOutcome): void => {
      if (settled) return;
      settled = true;
      clearTimeout(deadline);
      if (held !== undefined) giveBack(held.client, held.release, 'fault' in outcome && outcome.connectionLost);
      resolve(outcome);
    };
    const batch = new Batch(statements, db.prepare, settle);
    const deadline = setTimeout(
      () => settle({ fault: new DbFault('unavailable'), connectionLost: true }),
      Math.max(0, giveUpAt - performance.now()),
    );
    db.pool.connect((error, client, release) => {
      // Without a client there is nothing to release, and at a timeout not even the function.
      if (client === undefined) settle({ fault: connectFault(error), connectionLost: true });
      else if (settled) release();
      else {
        held = { client, release };
        client.query(batch);
      }
    });
  });
}

/** pg ends a connection politely when it thinks it idle; a server that hangs would hold it forever. */
function giveBack(client: pg.PoolClient, release: (destroy?: boolean) => void, lost: boolean): void {
  release(lost);
  if (lost) (client as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
}
