import { runningDigest } from '../crypto/digest.ts';
import { sameBytes } from '../crypto/hmac.ts';
import type { DataKey } from '../crypto/seal.ts';
import { selectDocumentChunk } from '../db/legalDocuments.ts';
import { VaultError } from '../errors.ts';
import { load } from './act.ts';
import type { Caller } from './caller.ts';
import { openChunk } from './legalDocumentSeal.ts';
import { openOrder, type OrderDocument } from './legalOrderSeal.ts';
import { orderOf } from './legalOrderStep.ts';
import type { Vault } from './vault.ts';

/** A scan as its order tells of it, and the key that opens its chunks. */
export interface SealedScan {
  readonly orderId: string;
  readonly document: OrderDocument;
  readonly key: DataKey;
}

/** Reads all of it and keeps none. Throws `integrity_failure`, or `conflict` when another scan took its place meanwhile. */
export async function verifyScan(vault: Vault, caller: Caller, scan: SealedScan): Promise<void> {
  let bytes = 0;
  for await (const piece of scanPieces(vault, caller, scan)) bytes += piece.length;
  if (bytes !== scan.document.bytes) throw new VaultError('integrity_failure');
}

/** Its chunks in their order, one in memory at a time; the last one only if the whole is what was kept. Throws likewise. */
export async function* scanPieces(vault: Vault, caller: Caller, scan: SealedScan): AsyncGenerator<Buffer> {
  const { tenantId } = caller;
  const { document, key } = scan;
  const digest = runningDigest();
  for (let number = 0; number < document.chunks; number += 1) {
    const [[row]] = await load(vault, tenantId, [selectDocumentChunk(tenantId, document.id, number)]);
    if (row === undefined) throw await missing(vault, caller, scan);
    const last = number === document.chunks - 1;
    const bytes = openChunk(key, { tenantId, documentId: document.id, number, last }, row.sealed);
    digest.update(bytes);
    if (last && !sameBytes(digest.end(), Buffer.from(document.sha256, 'hex')))
      throw new VaultError('integrity_failure');
    yield bytes;
  }
}

/** Gone with the scan it belonged to, or taken out of it? */
async function missing(vault: Vault, caller: Caller, { orderId, document }: SealedScan): Promise<VaultError> {
  const row = await orderOf(vault, caller, orderId);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const isThere = openOrder(keys, row).document?.id === document.id;
  return new VaultError(isThere ? 'integrity_failure' : 'conflict');
}
