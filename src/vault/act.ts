import { refuse, VaultError, type Code } from '../errors.ts';
import { insertLeaf, type LeafRow } from '../db/audit.ts';
import { commit, type Rows } from '../db/commit.ts';
import { DbFault } from '../db/fault.ts';
import type { Statement } from '../db/statement.ts';
import { leafOf, type Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import { claimStatement, storeStatement, earlierAnswer, type Idempotency } from './idempotency.ts';
import type { Action } from './permit.ts';
import { announceRaised } from './raised.ts';
import type { Vault } from './vault.ts';

/** What a client does with its own credentials, before or without a token. */
export type ClientAction = 'clients.authenticate' | 'tokens.issue' | 'tokens.exchange' | 'tokens.revoke';

/** What the vault does later in the name of who asked for it. */
type LateAction = 'messages.deliver';

/** One attempt at something by a known caller: what the audit will name it. */
export interface Act {
  readonly action: Action | ClientAction | LateAction;
  readonly requestId: string;
  /** Present when the request carried an Idempotency-Key. */
  readonly idempotency?: Idempotency;
}

/** What an act answers. `headers` are the few that depend on the record (ETag, Location). */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Which refusal a violated unique index means. */
const duplicates: Readonly<Record<string, Code>> = {
  index_tags_exclusive: 'already_exists',
  shipments_one_open: 'conflict',
  legal_orders_number: 'already_exists',
  exports_one_per_order: 'legal_order_used',
  requests_one_open: 'conflict',
  break_glass_daily: 'conflict',
  vat_certificates_pkey: 'conflict',
  supplementary_requests_one_open: 'conflict',
  cases_one_misuse: 'conflict',
  extracts_one_of_month: 'conflict',
  undertakings_one_of_staff: 'conflict',
  legal_documents_one_per_order: 'conflict',
  policy_versions_pkey: 'conflict',
  policy_changes_pkey: 'conflict',
  policy_mailings_pkey: 'conflict',
  audit_heads_pkey: 'conflict',
  audit_tiles_pkey: 'conflict',
  audit_id_tiles_pkey: 'conflict',
  audit_checkpoints_pkey: 'conflict',
  audit_expiries_pkey: 'conflict',
  audit_epochs_pkey: 'conflict',
  idempotent_answers_pkey: 'idempotency_in_flight',
  import_lines_pkey: 'idempotency_in_flight',
};

/** Of those that somebody asked for: what stands in the way. */
const inTheWay: Readonly<Record<string, string>> = {
  shipments_one_open: 'open_already',
  requests_one_open: 'open_already',
  supplementary_requests_one_open: 'open_already',
  cases_one_misuse: 'open_already',
  break_glass_daily: 'too_many',
  vat_certificates_pkey: 'made_already',
  extracts_one_of_month: 'made_already',
  policy_mailings_pkey: 'made_already',
  undertakings_one_of_staff: 'undertaken',
  legal_documents_one_per_order: 'attached_already',
};

/**
 * Commits an act: the statements, its audit leaf and, for a request with an Idempotency-Key, its answer, all or none of
 * them, in one round trip. Returns the answer only when that is durable.
 */
export async function commitAct(
  vault: Vault,
  caller: Caller,
  act: Act,
  deed: Deed,
  statements: readonly Statement[],
  answer: Answer,
): Promise<Answer> {
  return commitLeaf(vault, caller, act, leafOf(vault, caller, act, deed), statements, answer);
}

/** The same, for what has to know its leaf beforehand. */
export async function commitLeaf(
  vault: Vault,
  caller: Caller,
  act: Act,
  row: LeafRow,
  statements: readonly Statement[],
  given: Answer,
): Promise<Answer> {
  const answer = withLeaf(given, row);
  const leaf = insertLeaf(row);
  if (act.idempotency === undefined) {
    await write(vault, caller.tenantId, [...statements, leaf]);
    return answer;
  }
  const keys = await vault.keyring.tenant(caller.tenantId);
  const claim = claimStatement(vault, caller, keys, act.idempotency);
  const store = storeStatement(vault, caller, keys, act.idempotency, answer, row.subjectId);
  try {
    await write(vault, caller.tenantId, [claim, ...statements, leaf, store]);
    return answer;
  } catch (error) {
    if (!(error instanceof DbFault && error.guard === 'idempotency_answered')) throw error;
    const earlier = await earlierAnswer(vault, caller, act.idempotency);
    if (earlier === undefined) throw new VaultError('idempotency_in_flight', [], 1);
    return earlier;
  }
}

/** What its caller may hold the log to: a repeated answer carries the hash of the first. */
export function withLeaf(answer: Answer, { leafHash }: Pick<LeafRow, 'leafHash'>): Answer {
  return { ...answer, headers: { ...answer.headers, 'Amanat-Leaf-Hash': leafHash.toString('hex') } };
}

/** Writes in one transaction. Guards and duplicates become their refusals, anything else means nothing was recorded. */
export async function write<const S extends readonly Statement[]>(
  vault: Vault,
  tenantId: string,
  statements: S,
): Promise<Rows<S>> {
  try {
    const rows = await commit(vault.db, { tenantIds: [tenantId] }, statements);
    announceRaised(vault, statements, rows);
    return rows;
  } catch (error) {
    throw refusalOf(vault, error);
  }
}

/** Reads without a leaf of their own, on the way to an act that has one. */
export const load: typeof write = write;

/** What a fault of the database means to the one who asked. `idempotency_answered` stays what it is for commitAct. */
export function refusalOf(vault: Vault, error: unknown): unknown {
  if (!(error instanceof DbFault)) return error;
  switch (error.kind) {
    case 'guard':
      if (error.guard === 'customer_frozen') return refuse('conflict', '', error.guard);
      return error.guard === 'idempotency_answered' ? error : new VaultError(error.guard as Code);
    case 'duplicate': {
      const constraint = error.constraint ?? '';
      const [code, reason] = [duplicates[constraint], inTheWay[constraint]];
      if (code === undefined) return error;
      return reason === undefined ? new VaultError(code) : refuse(code, '', reason);
    }
    case 'overloaded':
      return new VaultError('overloaded', [], 1);
    case 'unavailable':
      vault.notice('audit_unavailable', error.sqlstate ?? 'connection');
      return new VaultError('audit_unavailable', [], 1);
    case 'broken':
      return error;
  }
}
