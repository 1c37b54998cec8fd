import { scanTypes, type ScanType } from '../formats/scan.ts';
import { mostScanBytes, readDocument, uploadDocument } from '../vault/legalDocuments.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import type { StreamAnswer } from './respond.ts';
import { pathId, type Refused } from './route.ts';

const path = '/v1/legal-orders/:id/document';
/** What a client must take at a time; a chunk of the scan is more. */
const pieceBytes = 64 * 1024;

const endings: Readonly<Record<ScanType, string>> = {
  'application/pdf': 'pdf',
  'image/png': 'png',
  'image/jpeg': 'jpg',
};

export function legalDocuments(declare: DeclareAct, vault: Vault): void {
  declare(
    'post',
    path,
    'legal_documents.upload',
    { body: 'bytes', bodyTypes: scanTypes, maxBytes: mostScanBytes, concerns },
    (request, caller, act) => {
      const { mediaType, pieces } = request.body;
      return uploadDocument(vault, caller, act, idOf(request), { mediaType: mediaType as ScanType, pieces });
    },
  );
  declare('get', path, 'legal_documents.read', { produces: scanTypes, concerns }, async (request, caller, act) => {
    const { mediaType, bytes, sha256, pieces } = await readDocument(vault, caller, act, idOf(request));
    const headers = {
      'Content-Length': String(bytes),
      // A name of ours: the sender's could say anything, and to anything that opens files by their names.
      'Content-Disposition': `attachment; filename="legal-order.${endings[mediaType as ScanType]}"`,
      // RFC 9530 section 3.
      'Repr-Digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
    };
    return { status: 200, type: mediaType, stream: inPieces(pieces), headers } satisfies StreamAnswer;
  });
}

function concerns(request: Refused) {
  return { legalOrderId: pathId(request) };
}

async function* inPieces(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += pieceBytes) yield chunk.subarray(at, at + pieceBytes);
  }
}
