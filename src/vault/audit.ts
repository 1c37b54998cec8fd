import { decodeLeaf, encodeLeaf, leafHash, type AuditLeaf } from '../crypto/leaf.ts';
import { insertLeaf, insertLeaves, selectLeaves, type LeafRow } from '../db/audit.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError, type Code } from '../errors.ts';
import type { Field } from '../policy/profile.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import type { Caller, Doer } from './caller.ts';
import { firstIdAt, newId } from './ids.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** What an act did or was refused, as its leaf tells it. Names and ids only, never a value. */
export interface Deed {
  readonly outcome?: 'allowed' | 'refused' | undefined;
  /** The rule that decided, or the refusal's code. */
  readonly rule?: string | undefined;
  readonly subjectId?: string | undefined;
  /** What it was done to, where that is not the customer: `{ kind: 'shipment', id }`. */
  readonly object?: { readonly kind: string; readonly id: string } | undefined;
  readonly full?: readonly Field[] | undefined;
  readonly masked?: readonly Field[] | undefined;
  readonly grantId?: string | undefined;
  readonly purpose?: string | undefined;
  readonly legalOrderId?: string | undefined;
  /** SHA-256 of what was stored, and the version it was stored as. */
  readonly digest?: Buffer | undefined;
  readonly recordVersion?: number | undefined;
  /** What judged it, where that may not be the version in force any more when the leaf is written. */
  readonly policy?: Pick<Policy, 'label'> | undefined;
}

/**
 * Encodes the leaf of an act; its hash is what the Merkle tree will be built of. Leaves of which only one will be stored
 * are given one id: it is part of what is encoded.
 */
export function leafOf(vault: Vault, caller: Doer, act: Act, deed: Deed, id = newId(vault.now())): LeafRow {
  const time = vault.now();
  const leaf: AuditLeaf = {
    id,
    tenantId: caller.tenantId,
    at: time,
    clientId: caller.clientId,
    role: caller.role,
    actor: caller.actor ?? '',
    action: act.action,
    outcome: deed.outcome ?? 'allowed',
    rule: deed.rule ?? act.action,
    purpose: deed.purpose ?? '',
    policyVersion: (deed.policy ?? vault.watch.policy(caller.tenantId)).label,
    requestId: act.requestId,
    full: deed.full ?? [],
    masked: deed.masked ?? [],
    subjectKind: deed.subjectId === undefined ? undefined : 'customer',
    subjectId: deed.subjectId,
    objectKind: deed.object?.kind,
    objectId: deed.object?.id,
    grantId: deed.grantId,
    legalOrderId: deed.legalOrderId,
    digest: deed.digest,
    recordVersion: deed.recordVersion,
    tokenId: caller.tokenId,
  };
  const bytes = encodeLeaf(leaf);
  return {
    tenantId: caller.tenantId,
    id,
    clientId: caller.clientId,
    subjectId: deed.subjectId,
    grantId: deed.grantId,
    leaf: bytes,
    leafHash: leafHash(bytes),
  };
}

export function leafStatement(vault: Vault, caller: Doer, act: Act, deed: Deed): Statement {
  return insertLeaf(leafOf(vault, caller, act, deed));
}

/**
 * Leaves the record of a refusal. A refusal stays a refusal when the audit cannot be written: the caller gets nothing
 * either way, and the operator is told.
 */
export async function recordRefusal(
  vault: Vault,
  caller: Doer,
  act: Act,
  code: Code,
  objectId?: string,
  concerns: Pick<Deed, 'legalOrderId'> = {},
): Promise<void> {
  await recordRefusals(vault, caller, act, [{ code, objectId, concerns }]);
}

export interface Refusal {
  readonly code: Code;
  readonly objectId?: string | undefined;
  readonly concerns?: Pick<Deed, 'legalOrderId'>;
}

/** Those of one request, in one commit. */
export async function recordRefusals(
  vault: Vault,
  caller: Doer,
  act: Act,
  refusals: readonly Refusal[],
): Promise<void> {
  const leaves = refusals.map(({ code, objectId, concerns }) =>
    leafOf(vault, caller, act, {
      outcome: 'refused',
      rule: code,
      ...concerns,
      ...(objectId === undefined ? {} : refusedObject(act, objectId)),
    }),
  );
  try {
    await write(vault, caller.tenantId, [insertLeaves(leaves)]);
  } catch {
    for (const { code } of refusals) vault.notice('refusal_unrecorded', code);
  }
}

function refusedObject(act: Act, id: string): Deed {
  const noun = act.action.slice(0, act.action.indexOf('.'));
  const aboutPerson = noun === 'customers' || noun === 'contact_points';
  return aboutPerson ? { subjectId: id } : { object: { kind: noun, id } };
}

export interface AuditQuery {
  readonly subject?: string | undefined;
  readonly client?: string | undefined;
  readonly grant?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly page: Page;
}

/** The log, newest first, decoded from the leaves themselves: the columns beside them prove nothing. */
export async function listAudit(vault: Vault, caller: Caller, act: Act, query: AuditQuery): Promise<Answer> {
  permit(caller, 'audit.list');
  if (query.from !== undefined && query.to !== undefined && query.from > query.to)
    throw refuse('invalid_query', '?from', 'order');
  const { limit, after } = query.page;
  const [rows] = await load(vault, caller.tenantId, [
    selectLeaves({
      tenantId: caller.tenantId,
      subjectId: query.subject,
      clientId: query.client,
      grantId: query.grant,
      fromId: query.from === undefined ? undefined : firstIdAt(query.from),
      beforeId: after ?? (query.to === undefined ? undefined : firstIdAt(query.to)),
      limit: limit + 1,
    }),
  ]);
  const body = pageOf(
    rows,
    limit,
    (row) => row.id,
    (row) => entryOf(vault, row),
  );
  return commitAct(vault, caller, act, query.subject === undefined ? {} : { subjectId: query.subject }, [], {
    status: 200,
    body,
  });
}

function entryOf(vault: Vault, row: { readonly id: string; readonly leaf: Buffer; readonly leafHash: Buffer }) {
  try {
    const { at, digest, tenantId: _tenant, ...leaf } = decodeLeaf(row.leaf);
    if (leaf.id !== row.id || !leafHash(row.leaf).equals(row.leafHash)) throw new VaultError('integrity_failure');
    return {
      ...leaf,
      at: new Date(at).toISOString(),
      ...(digest === undefined ? {} : { digest: digest.toString('hex') }),
      leafHash: row.leafHash.toString('hex'),
    };
  } catch {
    vault.notice('integrity_failure', 'audit_leaf');
    return { id: row.id, integrity: 'failed' as const };
  }
}
