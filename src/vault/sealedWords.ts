import type { RecordKind } from '../crypto/label.ts';
import { open, seal } from '../crypto/seal.ts';
import type { TenantKeys } from './keyring.ts';

/** The customer whose key words in a register are sealed under, so that they go with it; null once that is gone. */
export interface WordsKey {
  readonly id: string;
  readonly keyVersion: number;
  readonly dataKey: Buffer | null;
}

/** Which entry, and which of its words. They are written once. */
export interface WordsPlace {
  readonly kind: RecordKind;
  readonly recordId: string;
  readonly field: string;
}

export function sealWords(keys: TenantKeys, customer: WordsKey, place: WordsPlace, text: string): Buffer {
  const { id, keyVersion, dataKey } = customer;
  if (dataKey === null) throw new TypeError('no key to seal under');
  const key = keys.dataKey({ kind: 'customer', id, keyVersion, wrapped: dataKey });
  return seal(key, { tenantId: keys.tenantId, version: 1, ...place }, text);
}

/** Undefined where nothing was said, or what was said has gone with its key. */
export function openWords(
  keys: TenantKeys,
  customer: WordsKey | undefined,
  place: WordsPlace,
  sealed: Buffer | null,
): string | undefined {
  if (sealed === null || customer === undefined || customer.dataKey === null) return undefined;
  const { id, keyVersion, dataKey } = customer;
  const key = keys.dataKey({ kind: 'customer', id, keyVersion, wrapped: dataKey });
  return open(key, { tenantId: keys.tenantId, version: 1, ...place }, sealed).toString('utf8');
}
