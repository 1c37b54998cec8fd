import { selectDecoyList, type DecoyListRow } from '../db/decoyList.ts';
import { load } from './act.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { forResealing, openRecord, sealNew, sealNext } from './record.ts';
import type { Vault } from './vault.ts';

/** One customer of nobody. `id` is what is told of it; the customer's own id stands in no table beside it. */
export interface Decoy {
  readonly id: string;
  readonly customerId: string;
  /** RFC 3339. */
  readonly since: string;
}

/** Places of the list. All of them are sealed, taken or not, so that its length says nothing. */
export const mostDecoys = 64;
const nobody: Decoy = {
  id: '00000000-0000-0000-0000-000000000000',
  customerId: '00000000-0000-0000-0000-000000000000',
  since: '1970-01-01T00:00:00.000Z',
};

export interface DecoyList {
  readonly row: DecoyListRow | undefined;
  readonly decoys: readonly Decoy[];
}

/** Throws `integrity_failure` for a list that does not open. */
export async function decoyList(vault: Vault, keys: TenantKeys): Promise<DecoyList> {
  const [[row]] = await load(vault, keys.tenantId, [selectDecoyList(keys.tenantId)]);
  return { row, decoys: row === undefined ? [] : opened(keys, row) };
}

function opened(keys: TenantKeys, row: DecoyListRow): readonly Decoy[] {
  const places = forResealing(openRecord(keys, 'decoys', row).value('list')) as unknown as readonly Decoy[];
  return places.filter(({ id }) => id !== nobody.id);
}

/** The list as its next version. */
export function sealedDecoys(
  keys: TenantKeys,
  { row }: DecoyList,
  decoys: readonly Decoy[],
  now: number,
): DecoyListRow {
  const places = [...decoys, ...Array.from({ length: mostDecoys - decoys.length }, () => nobody)];
  const values = new Map([['list', places.map(({ id, customerId, since }) => ({ id, customerId, since }))]]);
  return row === undefined ? sealNew(keys, 'decoys', newId(now), values) : sealNext(keys, 'decoys', row, values);
}

/**
 * The customers who are nobody, by their id. For whatever counts or addresses people: a decoy is no person. To be looked up in
 * here and never named to the database.
 */
export async function decoysByCustomer(vault: Vault, keys: TenantKeys): Promise<ReadonlyMap<string, Decoy>> {
  const { decoys } = await decoyList(vault, keys);
  return new Map(decoys.map((decoy) => [decoy.customerId, decoy]));
}
