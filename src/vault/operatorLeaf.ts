import { encodeLeaf, leafHash } from '../crypto/leaf.ts';
import { insertLeaf } from '../db/audit.ts';
import type { Statement } from '../db/statement.ts';
import { newId } from './ids.ts';
import type { Reapplied } from './journalActs.ts';
import type { Action } from './permit.ts';

/** What the operator did at the machine itself, with the database and the keys in hand and no token. */
export interface OperatorDeed {
  readonly tenantId: string;
  /** The client that came of it, where the log would otherwise name none. */
  readonly clientId?: string;
  readonly policyVersion: string;
  readonly action:
    | 'tenants.create'
    | 'vault.unseal'
    | 'keys.introduce'
    | 'keys.rotate'
    | 'keys.retire'
    | 'keys.renew'
    | 'log.reconcile'
    | 'backups.prune'
    | Reapplied
    | Extract<Action, 'clients.create' | 'policies.explain'>;
  /**
   * `operator`, or that it was done again after a restore; of a withdrawn consent with the channels, of a request with what was
   * granted.
   */
  readonly rule?: 'operator' | 'reconcile' | `reconcile.${string}`;
  readonly subjectId?: string;
  readonly object?: { readonly kind: string; readonly id: string };
  readonly digest?: Buffer;
  readonly recordVersion?: number;
  readonly legalOrderId?: string;
}

/** A leaf with the actor `operator`, by the rule `operator`: no token was judged. */
export function operatorLeaf({ object, subjectId, ...deed }: OperatorDeed, now: number): Statement {
  const id = newId(now);
  const leaf = encodeLeaf({
    id,
    at: now,
    role: 'system_admin',
    actor: 'operator',
    outcome: 'allowed',
    rule: 'operator',
    purpose: '',
    requestId: id,
    full: [],
    masked: [],
    ...(subjectId === undefined ? {} : { subjectKind: 'customer', subjectId }),
    ...(object === undefined ? {} : { objectKind: object.kind, objectId: object.id }),
    ...deed,
  });
  return insertLeaf({
    tenantId: deed.tenantId,
    id,
    clientId: deed.clientId,
    subjectId,
    grantId: undefined,
    leaf,
    leafHash: leafHash(leaf),
  });
}
