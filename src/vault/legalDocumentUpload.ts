import { runningDigest } from '../crypto/digest.ts';
import type { DataKey } from '../crypto/seal.ts';
import { deleteUploadedChunks, insertDocumentChunk } from '../db/legalDocuments.ts';
import { refuse, VaultError } from '../errors.ts';
import { scanCheck, type ScanFault, type ScanType } from '../formats/scan.ts';
import { write } from './act.ts';
import { newId } from './ids.ts';
import { chunksOf, sealChunk } from './legalDocumentSeal.ts';
import type { Vault } from './vault.ts';

/** A scan on its way in. */
export interface IncomingScan {
  readonly mediaType: ScanType;
  readonly pieces: AsyncIterable<Buffer>;
}

/** A scan whose chunks are stored; nothing refers to them yet. */
export interface StoredScan {
  readonly id: string;
  readonly sha256: Buffer;
  readonly mediaType: ScanType;
  readonly bytes: number;
  readonly chunks: number;
}

/**
 * Stores a scan chunk by chunk while it arrives, each in a commit of its own, and judges it meanwhile by its content. Leaves
 * nothing behind when it breaks. Throws `unsupported_media_type` for another content than its media type says,
 * `invalid_body` (`truncated damaged trailing_data`) for one that is not whole.
 */
export async function storeScan(
  vault: Vault,
  tenantId: string,
  key: DataKey,
  { mediaType, pieces }: IncomingScan,
): Promise<StoredScan> {
  const id = newId(vault.now());
  const digest = runningDigest();
  let bytes = 0;
  let chunks = 0;
  try {
    for await (const chunk of chunksOf(judged(mediaType, pieces))) {
      digest.update(chunk.bytes);
      bytes += chunk.bytes.length;
      chunks += 1;
      const sealed = sealChunk(key, { tenantId, documentId: id, ...chunk }, chunk.bytes);
      const row = { tenantId, documentId: id, number: chunk.number, storedAt: new Date(vault.now()), sealed };
      await write(vault, tenantId, [insertDocumentChunk(row)]);
    }
  } catch (error) {
    await discardUpload(vault, tenantId, id, error);
    throw error;
  }
  return { id, sha256: digest.end(), mediaType, bytes, chunks };
}

async function* judged(mediaType: ScanType, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const check = scanCheck(mediaType);
  for await (const piece of pieces) {
    expectGood(check.take(piece));
    yield piece;
  }
  expectGood(check.end());
}

function expectGood(fault: ScanFault | undefined): void {
  if (fault === 'other_kind') throw refuse('unsupported_media_type', 'header:Content-Type', fault);
  if (fault !== undefined) throw refuse('invalid_body', '', fault);
}

/**
 * Removes what an upload stored. Not after a commit of which nobody knows whether it took place: it may have, or still may,
 * and housekeeping comes by when that is certain.
 */
export async function discardUpload(vault: Vault, tenantId: string, id: string, error?: unknown): Promise<void> {
  if (error instanceof VaultError && error.code === 'audit_unavailable') return;
  await write(vault, tenantId, [deleteUploadedChunks(tenantId, id)]).catch(() => undefined);
}
