import { open, seal, type DataKey } from '../crypto/seal.ts';

/**
 * A scan in chunks, each sealed on its own under its order's data key, so that it is never in memory as a whole. The
 * associated data of a chunk (crypto/label.ts) says where it belongs:
 *
 * | part           | value                                                                     |
 * | -------------- | ------------------------------------------------------------------------- |
 * | tenant         | the order's                                                               |
 * | kind of record | `legal_document`                                                          |
 * | record id      | the document's; every upload has a new one                                |
 * | version        | 1: a chunk is never written again                                         |
 * | field          | `chunk/` and its number from 0 in decimal; `last/` for the last one       |
 *
 * So no chunk opens in another place, document, order or tenant, and a document cut short has no last chunk.
 */
export const chunkBytes = 256 * 1024;

export interface ChunkPlace {
  readonly tenantId: string;
  readonly documentId: string;
  readonly number: number;
  readonly last: boolean;
}

export function sealChunk(key: DataKey, place: ChunkPlace, bytes: Buffer): Buffer {
  return seal(key, contextOf(place), bytes);
}

/** Throws `integrity_failure`. */
export function openChunk(key: DataKey, place: ChunkPlace, sealed: Buffer): Buffer {
  return open(key, contextOf(place), sealed);
}

function contextOf({ tenantId, documentId, number, last }: ChunkPlace) {
  const field = `${last ? 'last' : 'chunk'}/${number}`;
  return { tenantId, kind: 'legal_document', recordId: documentId, version: 1, field } as const;
}

export interface Chunk {
  /** Overwritten by the next chunk. */
  readonly bytes: Buffer;
  readonly number: number;
  readonly last: boolean;
}

/** Pieces of any size as chunks of `chunkBytes`, the last one shorter. One chunk is held back until more comes. */
export async function* chunksOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Chunk> {
  const chunk = Buffer.alloc(chunkBytes);
  let filled = 0;
  let number = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      if (filled === chunkBytes) {
        yield { bytes: chunk, number, last: false };
        number += 1;
        filled = 0;
      }
      const taken = piece.copy(chunk, filled, at);
      filled += taken;
      at += taken;
    }
  }
  yield { bytes: chunk.subarray(0, filled), number, last: true };
}
