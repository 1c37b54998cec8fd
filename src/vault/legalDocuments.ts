import { sameBytes } from '../crypto/hmac.ts';
import type { DataKey } from '../crypto/seal.ts';
import { deleteLegalDocument, insertLegalDocument } from '../db/legalDocuments.ts';
import { VaultError } from '../errors.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { personOf } from './fourEyes.ts';
import { earlierAnswer } from './idempotency.ts';
import { scanPieces, verifyScan } from './legalDocumentReading.ts';
import { discardUpload, storeScan, type IncomingScan, type StoredScan } from './legalDocumentUpload.ts';
import { changeOrder, expectOpen } from './legalOrderChange.ts';
import { openOrder, type OrderDocument } from './legalOrderSeal.ts';
import { orderOf } from './legalOrderStep.ts';
import { permit } from './permit.ts';
import { dataKeyOf } from './record.ts';
import type { Vault } from './vault.ts';

/** A scan may be so large, in bytes. */
export const mostScanBytes = 20 * 1024 * 1024;

/**
 * Keeps the scan of an order's letter, in place of an earlier one; an approval is void then, for it was given to another
 * scan. Throws `conflict` for an order that is closed. A repeated Idempotency-Key is known by the scan's digest, when it
 * has been sent again.
 */
export async function uploadDocument(
  vault: Vault,
  caller: Caller,
  sent: Act,
  orderId: string,
  scan: IncomingScan,
): Promise<Answer> {
  permit(caller, 'legal_documents.upload');
  personOf(caller);
  const { tenantId } = caller;
  const row = await orderOf(vault, caller, orderId);
  // With a key, the first answer may be due whatever has become of the order since.
  if (sent.idempotency === undefined) expectOpen(row, vault.now());
  const keys = await vault.keyring.tenant(tenantId);
  const key = dataKeyOf(keys, 'legal_order', row);
  const stored = await storeScan(vault, tenantId, key, scan);
  const act = withDigest(sent, stored);
  let answer: Answer;
  try {
    answer =
      (act.idempotency && (await earlierAnswer(vault, caller, act.idempotency))) ??
      (await attach(vault, caller, act, orderId, { ...stored, key }));
  } catch (error) {
    await discardUpload(vault, tenantId, stored.id, error);
    throw error;
  }
  const { document, version, status } = answer.body as AttachedBody;
  if (document.id !== stored.id) await discardUpload(vault, tenantId, stored.id);
  const { 'Amanat-Leaf-Hash': leafHash = '' } = answer.headers ?? {};
  return {
    status: 201,
    headers: { Location: `/v1/legal-orders/${orderId}/document`, 'Amanat-Leaf-Hash': leafHash },
    body: { ...document, order: { version, status } },
  };
}

/** What a repeated request must have in common with the first: the scan's digest and media type. */
function withDigest({ idempotency, ...act }: Act, { sha256, mediaType }: StoredScan): Act {
  if (idempotency === undefined) return act;
  return { ...act, idempotency: { ...idempotency, body: Buffer.concat([sha256, Buffer.from(mediaType)]) } };
}

interface AttachedBody {
  readonly document: { readonly id: string };
  readonly version: number;
  readonly status: string;
}

/** The order as it is by now, with the scan: an upload takes its time. `conflict` where the order has another key by then. */
async function attach(
  vault: Vault,
  caller: Caller,
  act: Act,
  orderId: string,
  stored: StoredScan & { readonly key: DataKey },
): Promise<Answer> {
  const { id, mediaType, bytes, chunks } = stored;
  const { tenantId } = caller;
  const row = await orderOf(vault, caller, orderId);
  const { commitment } = dataKeyOf(await vault.keyring.tenant(tenantId), 'legal_order', row);
  if (!sameBytes(commitment, stored.key.commitment)) throw new VaultError('conflict');
  const at = new Date(vault.now());
  const sha256 = stored.sha256.toString('hex');
  const document: OrderDocument = { ...personOf(caller), at: at.toISOString(), id, sha256, mediaType, bytes, chunks };
  const statements = [
    deleteLegalDocument(tenantId, orderId),
    insertLegalDocument({ tenantId, id, legalOrderId: orderId, chunks, storedAt: at }),
  ];
  const says = { document: { id, sha256, bytes, mediaType } };
  return changeOrder(vault, caller, act, row, { document }, { statements, says });
}

export interface OpenedDocument {
  readonly mediaType: string;
  readonly bytes: number;
  /** Hexadecimal SHA-256. */
  readonly sha256: string;
  /** Each piece was verified before it is handed on. */
  readonly pieces: AsyncIterable<Buffer>;
}

/**
 * Opens the scan to the legal roles. The whole of it is verified before the opening is recorded, and each chunk again as it
 * leaves, so that a changed scan is refused as a whole, and one changed meanwhile ends where it was changed.
 */
export async function readDocument(vault: Vault, caller: Caller, act: Act, orderId: string): Promise<OpenedDocument> {
  permit(caller, 'legal_documents.read');
  const row = await orderOf(vault, caller, orderId);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const { document } = openOrder(keys, row);
  if (document === undefined) throw new VaultError('not_found');
  const stored = { orderId, document, key: dataKeyOf(keys, 'legal_order', row) };
  await verifyScan(vault, caller, stored);
  const deed = { object: { kind: 'legal_documents', id: document.id }, legalOrderId: orderId };
  await commitAct(vault, caller, act, deed, [], { status: 200, body: undefined });
  const { mediaType, bytes, sha256 } = document;
  return { mediaType, bytes, sha256, pieces: scanPieces(vault, caller, stored) };
}
