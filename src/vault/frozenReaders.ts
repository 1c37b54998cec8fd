import type { KnownFreeze } from '../db/readerFreezes.ts';
import type { Caller } from './caller.ts';
import type { Keyring } from './keyring.ts';
import { isGenuine } from './rowMac.ts';
import { rowsByKeys } from './tenantRows.ts';

/** Whom this process knows to be frozen. */
export interface FrozenReaders {
  readonly isFrozen: (reader: Pick<Caller, 'tenantId' | 'clientId' | 'actor'>) => boolean;
  /**
   * Takes in what was read. A row that is not as the vault wrote it stands, whatever it says; so does one of a tenant whose keys are
   * not to be had, until they are.
   */
  learn(keyring: Keyring, rows: readonly KnownFreeze[], onBroken: () => void): Promise<void>;
}

export function frozenReaders(): FrozenReaders {
  /** Rows that stand, by whom they stop. */
  const standing = new Map<string, Set<string>>();
  const takeIn = rowsByKeys<KnownFreeze>(({ id }) => id);

  function set(row: KnownFreeze, stands: boolean): void {
    const key = keyOf(row.tenantId, row.clientId, row.actor);
    const ids = standing.get(key) ?? new Set();
    if (stands) ids.add(row.id);
    else ids.delete(row.id);
    if (ids.size === 0) standing.delete(key);
    else standing.set(key, ids);
  }

  return {
    isFrozen({ tenantId, clientId, actor }) {
      if (standing.size === 0) return false;
      return (
        standing.has(keyOf(tenantId, clientId, null)) ||
        (actor !== undefined && standing.has(keyOf(tenantId, null, actor)))
      );
    },
    learn: (keyring, rows, onBroken) =>
      takeIn(keyring, rows, (row, keys) => {
        const genuine = keys !== undefined && isGenuine(keys, 'reader_freezes', row);
        if (keys !== undefined && !genuine) onBroken();
        set(row, !genuine || row.liftedAt === null);
      }),
  };
}

const keyOf = (tenantId: string, clientId: string | null, actor: string | null): string =>
  `${tenantId} ${clientId ?? ''} ${actor?.toLowerCase() ?? ''}`;
