import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { selectMacRows } from '../db/integritySweep.ts';
import type { TenantKeys } from './keyring.ts';
import { isGenuine, type RowKind, type Signed } from './rowMac.ts';
import { rowMembers } from './rowMembers.ts';

const atOnce = 1_000;

/**
 * The first row that is not as the vault made it, of every kind that carries a MAC; where a kind has no id of its own, by its
 * customer, or its number. Told after each kind: rows looked at, and the share of the kinds.
 */
export async function firstForged(
  db: Database,
  keys: TenantKeys,
  onLooked: (rows: number, share: number) => void,
): Promise<{ readonly kind: string; readonly id: string } | undefined> {
  const kinds = Object.keys(rowMembers) as RowKind[];
  for (const [i, kind] of kinds.entries()) {
    const members = Object.keys(rowMembers[kind]);
    let looked = 0;
    for (let after: string | undefined; ;) {
      const [page] = await commit(db, { tenantIds: [keys.tenantId] }, [
        selectMacRows(keys.tenantId, kind, members, after, atOnce),
      ]);
      looked += page.length;
      const bad = page.find((row) => !isAsMade(keys, kind, row as unknown as Signed<RowKind>));
      if (bad !== undefined) return { kind, id: String(bad['id'] ?? bad['customerId'] ?? bad['number']) };
      after = page.at(-1)?.place;
      if (page.length < atOnce) break;
    }
    onLooked(looked, (i + 1) / kinds.length);
  }
  return undefined;
}

/** The code of a parcel goes with its MAC; every other row has one. */
function isAsMade(keys: TenantKeys, kind: RowKind, row: Signed<RowKind>): boolean {
  const gone = kind === 'delivery_codes' && row.mac === null && (row as Signed<'delivery_codes'>).codeHash === null;
  return gone || isGenuine(keys, kind, row);
}
