import { encodeLeaf, leafHash } from '../crypto/leaf.ts';
import { insertLeaf } from '../db/audit.ts';
import type { Statement } from '../db/statement.ts';
import type { Field } from '../policy/profile.ts';
import { newId } from './ids.ts';

/** What the vault did by itself because its time had come: nobody asked at that moment, and no token was judged. */
export interface SweepDeed {
  /** Of the leaf; a new one when left out. */
  readonly id?: string;
  readonly tenantId: string;
  readonly policyVersion: string;
  readonly action: string;
  readonly rule: string;
  readonly subjectId?: string;
  readonly object?: { readonly kind: string; readonly id: string };
  readonly grantId?: string;
  readonly digest?: Buffer;
  readonly recordVersion?: number;
  readonly outcome?: 'allowed' | 'refused';
  readonly purpose?: string;
  readonly full?: readonly Field[];
}

/** A leaf with the actor `sweep`. */
export function sweepLeaf({ id: given, object, subjectId, ...deed }: SweepDeed, now: number): Statement {
  const id = given ?? newId(now);
  const leaf = encodeLeaf({
    id,
    at: now,
    role: 'system_admin',
    actor: 'sweep',
    outcome: 'allowed',
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
    clientId: undefined,
    subjectId,
    grantId: deed.grantId,
    leaf,
    leafHash: leafHash(leaf),
  });
}
