import type { AuditLeaf } from '../crypto/leaf.ts';
import type { Profile } from '../policy/profile.ts';
import type { Anomaly } from './anomalies.ts';
import type { Decoy } from './decoyList.ts';
import type { FrozenReader } from './readerFreezes.ts';

/** Told once an hour of one reader and one decoy. */
const hourMs = 60 * 60 * 1000;
/** Somebody has to be left to lift it. */
const never: ReadonlySet<string> = new Set(['dpo', 'system_admin']);

export interface Touch {
  readonly anomaly: Anomaly;
  readonly about: readonly string[];
  readonly freeze: readonly FrozenReader[];
}

/** Whoever did anything with a decoy, in full or masked, found or granted, allowed or refused. */
export function touchesOf(
  { decoys: rule }: Pick<Profile, 'decoys'>,
  decoys: ReadonlyMap<string, Decoy>,
  leaves: readonly AuditLeaf[],
): readonly Touch[] {
  if (rule === undefined || decoys.size === 0) return [];
  return leaves.flatMap((leaf) => {
    const decoy = leaf.subjectId === undefined ? undefined : decoys.get(leaf.subjectId);
    if (decoy === undefined || leaf.clientId === undefined || !isTouch(leaf, decoy)) return [];
    return [touchOf(rule.freezes, decoy, leaf, leaf.clientId)];
  });
}

/** Not what was before it was one, nor the officer's own look at the log. */
function isTouch(leaf: AuditLeaf, { since }: Decoy): boolean {
  return leaf.at >= Date.parse(since) && (leaf.role !== 'dpo' || leaf.action.startsWith('customers.'));
}

type Freezes = NonNullable<Profile['decoys']>['freezes'];

function touchOf(freezes: Freezes, decoy: Decoy, leaf: AuditLeaf, clientId: string): Touch {
  const { actor, action, at } = leaf;
  const hour = at - (at % hourMs);
  const reader = frozenBy(freezes, leaf, clientId);
  return {
    anomaly: {
      kind: 'decoy',
      clientId,
      ...(actor === '' ? {} : { actor }),
      from: new Date(at).toISOString(),
      to: new Date(at).toISOString(),
      count: 1,
      threshold: 1,
      decoyId: decoy.id,
      customerId: decoy.customerId,
      action,
      ...(reader === undefined ? {} : { frozen: 'actor' in reader ? ('actor' as const) : ('client' as const) }),
    },
    about: ['decoy', decoy.id, clientId, actor.toLowerCase(), String(hour)],
    freeze: reader === undefined ? [] : [reader],
  };
}

/** Nobody for what was refused, or read under a legal order; no whole system for a token that names nobody, but where the policy says so. */
function frozenBy(freezes: Freezes, leaf: AuditLeaf, clientId: string): FrozenReader | undefined {
  if (leaf.outcome === 'refused' || leaf.legalOrderId !== undefined || never.has(leaf.role)) return undefined;
  if (freezes === 'client') return { clientId };
  return freezes === 'actor' && leaf.actor !== '' ? { actor: leaf.actor } : undefined;
}
