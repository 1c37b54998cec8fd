import type { KnownFreeze } from '../db/readerFreezes.ts';
import type { Caller } from './caller.ts';
import { isGenuine, type MacKeys } from './rowMac.ts';

/** Whom this process knows to be frozen. */
export interface FrozenReaders {
  readonly isFrozen: (reader: Pick<Caller, 'tenantId' | 'clientId' | 'actor'>) => boolean;
  /** Takes in what was read. One that is not as the vault wrote it stands, whatever it says. False for such a one. */
  learn(keys: MacKeys, row: KnownFreeze): boolean;
}

export function frozenReaders(): FrozenReaders {
  /** Rows that stand, by whom they stop. */
  const standing = new Map<string, Set<string>>();
  return {
    isFrozen({ tenantId, clientId, actor }) {
      if (standing.size === 0) return false;
      return (
        standing.has(keyOf(tenantId, clientId, null)) ||
        (actor !== undefined && standing.has(keyOf(tenantId, null, actor)))
      );
    },
    learn(keys, row) {
      const key = keyOf(row.tenantId, row.clientId, row.actor);
      const genuine = isGenuine(keys, 'reader_freezes', row);
      const ids = standing.get(key) ?? new Set();
      if (genuine && row.liftedAt !== null) ids.delete(row.id);
      else ids.add(row.id);
      if (ids.size === 0) standing.delete(key);
      else standing.set(key, ids);
      return genuine;
    },
  };
}

const keyOf = (tenantId: string, clientId: string | null, actor: string | null): string =>
  `${tenantId} ${clientId ?? ''} ${actor?.toLowerCase() ?? ''}`;
