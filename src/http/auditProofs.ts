import { refuse } from '../errors.ts';
import { readCheckpoint, readConsistency, readInclusion, type LeafAsked } from '../vault/auditProofs.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';
import { idInQuery } from './queryId.ts';
import { timeInQuery } from './timeInQuery.ts';

/** What proves that the log is whole: its signed head, that a leaf is in it, that a later head begins with an earlier one. */
export function auditProofs(declare: DeclareAct, vault: Vault): void {
  declare('get', '/v1/audit/checkpoint', 'audit.checkpoint', {}, (_, caller, act) =>
    readCheckpoint(vault, caller, act),
  );
  const leaf = ['leaf', 'hash', 'at', 'size'] as const;
  declare('get', '/v1/audit/proof/inclusion', 'audit.inclusion', { query: leaf }, ({ query }, caller, act) =>
    readInclusion(vault, caller, act, leafInQuery(query), sizeInQuery('size', query.size)),
  );
  const sizes = ['from', 'to'] as const;
  declare('get', '/v1/audit/proof/consistency', 'audit.consistency', { query: sizes }, ({ query }, caller, act) => {
    const from = sizeInQuery('from', query.from);
    if (from === undefined) throw refuse('invalid_query', '?from', 'required');
    return readConsistency(vault, caller, act, from, sizeInQuery('to', query.to));
  });
}

/** `leaf` alone, or `hash` and `at`. */
function leafInQuery(query: Readonly<Partial<Record<'leaf' | 'hash' | 'at', string>>>): LeafAsked {
  const id = idInQuery('leaf', query.leaf);
  const at = timeInQuery('at', query.at);
  if (id !== undefined) {
    const other = query.hash !== undefined ? '?hash' : '?at';
    if (query.hash !== undefined || at !== undefined) throw refuse('invalid_query', other, 'one_of');
    return { id };
  }
  if (query.hash === undefined) throw refuse('invalid_query', '?leaf', 'required');
  if (!/^[0-9a-f]{64}$/.test(query.hash)) throw refuse('invalid_query', '?hash', 'format');
  if (at === undefined) throw refuse('invalid_query', '?at', 'required');
  return { hash: Buffer.from(query.hash, 'hex'), at };
}

/** A number of leaves, from one on. */
function sizeInQuery(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const size = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw refuse('invalid_query', `?${name}`, 'format');
  return size;
}
