import { DatabaseError } from 'pg';
import type { Statement } from './statement.ts';

/**
 * unavailable: the database cannot do it now (connection, time, space, right); nothing is known to be wrong with the data
 * guard:       a guard of amanat.require did not hold, `guard` says which; nothing was changed
 * duplicate:   a unique key is already held, `constraint` says which; nothing was changed
 * overloaded:  too many callers wait for a connection; nothing was sent
 * broken:      our own fault, or a schema that does not fit this code
 */
export type FaultKind = 'unavailable' | 'guard' | 'duplicate' | 'overloaded' | 'broken';

interface FaultFacts {
  readonly sqlstate?: string | undefined;
  readonly guard?: string | undefined;
  readonly constraint?: string | undefined;
  readonly statement?: string | undefined;
}

/** What went wrong in the database. Names only: the driver's message, detail and parameters never get in here. */
export class DbFault extends Error {
  readonly kind: FaultKind;
  /** SQLSTATE, where PostgreSQL answered at all. */
  readonly sqlstate: string | undefined;
  readonly guard: string | undefined;
  readonly constraint: string | undefined;
  /** Name of the statement that failed, where it is known. */
  readonly statement: string | undefined;

  constructor(kind: FaultKind, facts: FaultFacts = {}) {
    const shown = facts.guard ?? facts.constraint ?? facts.sqlstate;
    super(shown === undefined ? kind : `${kind} ${shown}`);
    this.name = 'DbFault';
    this.kind = kind;
    this.sqlstate = facts.sqlstate;
    this.guard = facts.guard;
    this.constraint = facts.constraint;
    this.statement = facts.statement;
  }
}

const guardRaised = 'AM001';
const uniqueViolation = '23505';
/** Names in the schema look like this; anything else in their place could be data and is dropped. */
const schemaName = /^[a-z][a-z0-9_.]{0,62}$/;

/** PostgreSQL, Appendix A. Classes 08 connection, 53 resources, 57 operator, 58 system, XX internal; then single codes. */
const unavailableClasses = new Set(['08', '53', '57', '58', 'XX']);
const unavailableCodes = new Set([
  '42501', // insufficient_privilege: the right was taken away, or row level security refused the row
  'P0001', // raise_exception: somebody's trigger; our own guards raise AM001
  '55P03', // lock_not_available
  '25006', // read_only_sql_transaction: a standby, or a full disk made it read-only
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '40001', // serialization_failure, after the retries
  '40P01', // deadlock_detected, after the retries
]);

/** Of these, nobody's statement is the cause: of a standby, a full disk, a transaction that took too long. */
const troubles = new Set(['25006', '25P03', '25P04', '55P03']);

/**
 * Anything the driver throws or answers, as a fault without data. Whatever PostgreSQL has against a statement on its
 * leaves (a constraint, a missing table), what it means is that the audit cannot be written: unavailable.
 */
export function dbFault(error: unknown, failed?: Pick<Statement, 'name' | 'text'>): DbFault {
  if (error instanceof DbFault) return error;
  const statement = failed?.name;
  if (!(error instanceof DatabaseError)) return new DbFault('unavailable', { statement });
  const sqlstate = error.code;
  if (sqlstate === guardRaised) {
    const guard = schemaName.test(error.message) ? error.message : undefined;
    return new DbFault(guard === undefined ? 'broken' : 'guard', { sqlstate, guard, statement });
  }
  if (sqlstate === uniqueViolation) {
    const constraint = schemaName.test(error.constraint ?? '') ? error.constraint : undefined;
    return new DbFault('duplicate', { sqlstate, constraint, statement });
  }
  const unavailable = isUnavailable(sqlstate) || failed?.text.includes('amanat.audit_leaves') === true;
  return new DbFault(unavailable ? 'unavailable' : 'broken', { sqlstate, statement });
}

/** No connection to be had, whatever the reason: nothing was sent. */
export function connectFault(error: unknown): DbFault {
  return new DbFault('unavailable', { sqlstate: error instanceof DatabaseError ? error.code : undefined });
}

function isUnavailable(sqlstate: string | undefined): boolean {
  return sqlstate === undefined || unavailableCodes.has(sqlstate) || unavailableClasses.has(sqlstate.slice(0, 2));
}

/** True when the connection is not to be used again: it is gone, going, or in a state nobody knows. */
export function losesConnection(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return true;
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return true;
  const kind = (error.code ?? '').slice(0, 2);
  return kind === '08' || kind === 'XX' || kind === '58';
}

/** True when the whole batch may simply be sent again: PostgreSQL rolled it back for reasons of timing. */
export function mayRepeat(fault: DbFault): boolean {
  return fault.sqlstate === '40001' || fault.sqlstate === '40P01' || isStalePlan(fault.sqlstate);
}

/**
 * True when PostgreSQL refused one of the statements for what it holds, whatever it has against it: of several callers' work that was
 * joined into one transaction, the others' may go through without it. Nothing of it was kept. Its own troubles are everybody's.
 */
export function mayBeOneOfMany({ kind, sqlstate }: DbFault): boolean {
  if (kind !== 'unavailable') return kind !== 'overloaded';
  return sqlstate !== undefined && !unavailableClasses.has(sqlstate.slice(0, 2)) && !troubles.has(sqlstate);
}

/** 0A000: cached plan must not change result type (after a migration); 26000, 42P05: the server forgot, or knows, a name. */
export function isStalePlan(sqlstate: string | undefined): boolean {
  return sqlstate === '0A000' || sqlstate === '26000' || sqlstate === '42P05';
}
