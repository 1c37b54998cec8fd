import { canonicalJson } from '../crypto/canonicalJson.ts';
import { judgeCertificate } from '../crypto/certificate.ts';
import { envelopedFor, signedContent } from '../crypto/cms.ts';
import { digestOf } from '../crypto/digest.ts';
import type { LeafRow } from '../db/audit.ts';
import type { ExportRow, NewExportRow } from '../db/exports.ts';
import { refuse, VaultError } from '../errors.ts';
import type { ExportKey } from '../keys/folder.ts';
import { disclosureDocument } from './disclosureDocument.ts';
import type { ExportContent } from './exportContent.ts';
import type { Person } from './fourEyes.ts';
import type { TenantKeys } from './keyring.ts';
import { approvedScope, type LegalOrderFile } from './legalOrderSeal.ts';
import { receiptOf } from './receipt.ts';
import { forResealing, openRecord, sealNew } from './record.ts';
import { endOfDay } from './tehranDay.ts';

const packageLabel = 'package';
const receiptLabel = 'receipt';
/** A package that anybody could read lies ready no longer. */
const openForMs = 15 * 60 * 1000;

/** One execution of an order: the export it makes, when, by whom, under which policy. */
export interface Execution {
  /** Who holds the data, in Persian. */
  readonly controller: string;
  readonly exportId: string;
  readonly legalOrderId: string;
  readonly at: Date;
  readonly by: Person;
  readonly policyVersion: string;
}

/** What is handed out: the bytes, and what is inside them. */
export interface Package {
  readonly format: NewExportRow['format'];
  readonly bytes: Buffer;
  readonly sha256: Buffer;
  /** Of the JSON or document itself, before it was signed and sealed to the authority. */
  readonly contentSha256: Buffer;
  /** Of the canonical JSON, which a document holds and names. */
  readonly jsonSha256: Buffer;
}

/**
 * JSON or a document; where the order holds the authority's certificate, signed by us and sealed to its holder. Throws
 * `conflict` when the certificate no longer stands.
 */
export function packageOf(key: ExportKey, file: LegalOrderFile, content: ExportContent, execution: Execution): Package {
  const { certificate } = file.record;
  const { format = 'json' } = approvedScope(file);
  const { exportId, at, controller } = execution;
  const json = canonicalJson(content.body);
  const jsonSha256 = digestOf(Buffer.from(json));
  const inner = Buffer.from(format === 'html' ? disclosureDocument({ ...content.body, exportId, controller }) : json);
  const contentSha256 = digestOf(inner);
  if (certificate === undefined) return { format, bytes: inner, sha256: contentSha256, contentSha256, jsonSha256 };
  const verdict = judgeCertificate(certificate, at);
  if (verdict.state === 'refused') throw refuse('conflict', '/legalOrderId', verdict.reason);
  const bytes = envelopedFor(certificate, signedContent(key, inner, at));
  return { format: 'cms', bytes, sha256: digestOf(bytes), contentSha256, jsonSha256 };
}

/** The export as the register keeps it: the package under a key that goes with it, the receipt under one that stays. */
export function sealExport(
  signer: ExportKey,
  keys: TenantKeys,
  file: LegalOrderFile,
  content: ExportContent,
  execution: Execution,
  recorded: (digest: Buffer) => LeafRow,
): { readonly row: NewExportRow; readonly leaf: LeafRow; readonly receipt: string } {
  const { exportId, legalOrderId, at, by } = execution;
  const { records, notFound, outsidePeriod } = content;
  const made = packageOf(signer, file, content, execution);
  const sealed = sealNew(keys, 'export', exportId, new Map([[packageLabel, made.bytes.toString('base64')]]));
  // The leaf binds what is stored, and the receipt binds the leaf.
  const leaf = recorded(sealed.digest);
  const receipt = receiptOf(signer, file, content, made, execution, leaf.leafHash);
  const statement = sealNew(keys, 'statement', exportId, new Map([[receiptLabel, receipt]]));
  const row = {
    tenantId: keys.tenantId,
    id: exportId,
    legalOrderId,
    executedBy: by.clientId,
    executedActor: by.actor,
    executedAt: at,
    records,
    notFound,
    outsidePeriod,
    fields: approvedScope(file).fields,
    format: made.format,
    sha256: made.sha256,
    expiresAt: openUntil(file, at),
    keyVersion: sealed.keyVersion,
    dataKey: sealed.dataKey,
    sealed: sealed.sealed,
    statementKeyVersion: statement.keyVersion,
    statementKey: statement.dataKey,
    statement: statement.sealed,
  };
  return { row, leaf, receipt };
}

/** Until when a package lies ready that was let out at `at`. Sealed to its recipient it waits as long as the order holds. */
export function openUntil({ record }: LegalOrderFile, at: Date): Date {
  const end = endOfDay(record.validUntil);
  return new Date(record.certificate === undefined ? Math.min(end, at.getTime() + openForMs) : end);
}

/**
 * Who may fetch a package, and until when, stands in its row for lists and refusals; what hands it out is the sealed order.
 * Throws `integrity_failure`.
 */
export function expectAsSealed(file: LegalOrderFile, { id, expiresAt }: ExportRow, by: Person): void {
  const { execution, reissues = [] } = file;
  const letOut = reissues.at(-1) ?? execution;
  const isTheirs = execution?.exportId === id && execution.clientId === by.clientId && execution.actor === by.actor;
  if (!isTheirs || letOut === undefined || expiresAt > openUntil(file, new Date(letOut.at)))
    throw new VaultError('integrity_failure');
}

/** The package's bytes. Throws `legal_order_used` when no copy is kept, `integrity_failure` unless they are those signed. */
export function openPackage(keys: TenantKeys, { dataKey, sealed, ...row }: ExportRow): Buffer {
  if (dataKey === null || sealed === null) throw new VaultError('legal_order_used');
  const opened = openRecord(keys, 'export', { ...row, dataKey, sealed });
  const text = forResealing(opened.value(packageLabel));
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'base64');
  if (!digestOf(bytes).equals(row.sha256)) throw new VaultError('integrity_failure');
  return bytes;
}

/** The signed receipt. Throws `integrity_failure`. */
export function openReceipt(keys: TenantKeys, row: ExportRow): string {
  const { id, statementKeyVersion: keyVersion, statementKey: dataKey, statement: sealed } = row;
  const opened = openRecord(keys, 'statement', { id, version: 1, keyVersion, dataKey, sealed });
  const receipt = forResealing(opened.value(receiptLabel));
  if (typeof receipt !== 'string') throw new VaultError('integrity_failure');
  return receipt;
}
