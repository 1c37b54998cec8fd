import { signReceipt } from '../crypto/signature.ts';
import { VaultError } from '../errors.ts';
import type { ExportKey } from '../keys/folder.ts';
import type { ExportContent } from './exportContent.ts';
import type { Execution, Package } from './exportSeal.ts';
import type { Person } from './fourEyes.ts';
import type { LegalOrderRecord } from './legalOrderRecord.ts';
import { approvedScope, type LegalOrderFile } from './legalOrderSeal.ts';

/**
 * The signed statement of what was disclosed, on which ground, by whom and to whom: a compact JWS that anybody verifies
 * offline against the export certificate. Nothing in it is about a subject, and its digests are salted.
 */
export function receiptOf(
  key: ExportKey,
  file: LegalOrderFile,
  { records, notFound, outsidePeriod }: ExportContent,
  { format, sha256, contentSha256, jsonSha256 }: Package,
  execution: Execution,
  leafHash: Buffer,
): string {
  const { record, registration, approvals, decision } = file;
  if (decision === undefined || approvals === undefined) throw new VaultError('integrity_failure');
  const { kind, ground, authority, letter, basis, recipient } = record;
  return signReceipt(key.privateKey, {
    exportId: execution.exportId,
    legalOrderId: execution.legalOrderId,
    orderSha256: decision.digest,
    kind,
    ground,
    ...(authority === undefined ? {} : { authority }),
    ...(letter === undefined ? {} : { letter: letterOf(letter) }),
    ...(record.case === undefined ? {} : { case: record.case }),
    ...(basis === undefined ? {} : { basis }),
    ...(recipient === undefined ? {} : { recipient }),
    format,
    packageSha256: sha256.toString('hex'),
    contentSha256: contentSha256.toString('hex'),
    jsonSha256: jsonSha256.toString('hex'),
    fields: approvedScope(file).fields,
    records,
    notFound,
    outsidePeriod,
    executedAt: execution.at.toISOString(),
    policyVersion: execution.policyVersion,
    leafHash: leafHash.toString('hex'),
    registeredBy: named(registration),
    approvedBy: approvals.map(named),
    executedBy: named(execution.by),
  });
}

/** The log's entry that a receipt names; undefined in one of before there was a tree. */
export function leafHashIn(receipt: string): Buffer | undefined {
  const payload: unknown = JSON.parse(Buffer.from(receipt.split('.')[1] ?? '', 'base64url').toString());
  const hex = typeof payload === 'object' && payload !== null && 'leafHash' in payload ? payload.leafHash : undefined;
  return typeof hex === 'string' ? Buffer.from(hex, 'hex') : undefined;
}

function letterOf({ number, date, caseNumber }: NonNullable<LegalOrderRecord['letter']>) {
  return { number, date, ...(caseNumber === undefined ? {} : { caseNumber }) };
}

function named({ clientId, actor }: Person): Person {
  return { clientId, actor };
}
