import { digestOf } from '../crypto/digest.ts';
import type { ExportRow, NewExportRow } from '../db/exports.ts';
import { VaultError } from '../errors.ts';
import type { KeyFolder } from '../keys/folder.ts';
import type { ExportContent } from './exportContent.ts';
import type { Person } from './fourEyes.ts';
import type { TenantKeys } from './keyring.ts';
import type { LegalOrderFile } from './legalOrderSeal.ts';
import { receiptOf } from './receipt.ts';
import { forResealing, openRecord, sealNew } from './record.ts';

const label = 'package';

/** One execution of an order: the export it makes, when, by whom, under which policy. */
export interface Execution {
  readonly exportId: string;
  readonly legalOrderId: string;
  readonly at: Date;
  readonly by: Person;
  readonly policyVersion: string;
}

/** The export as the register keeps it: the package under a key of its own, its digest, its signed receipt. */
export function sealExport(
  folder: KeyFolder,
  keys: TenantKeys,
  file: LegalOrderFile,
  content: ExportContent,
  execution: Execution,
): { readonly row: NewExportRow; readonly digest: Buffer } {
  const { exportId, legalOrderId, at, by } = execution;
  const { bytes, records, notFound, outsidePeriod } = content;
  const sha256 = digestOf(bytes);
  const { digest, keyVersion, dataKey, sealed } = sealNew(
    keys,
    'export',
    exportId,
    new Map([[label, bytes.toString('utf8')]]),
  );
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
    fields: file.record.scope.fields,
    sha256,
    receipt: receiptOf(folder.exportSigning, file, content, sha256, execution),
    keyVersion,
    dataKey,
    sealed,
  };
  return { row, digest };
}

/** The package's bytes. Throws `legal_order_used` when no copy is kept, `integrity_failure` unless they are those signed. */
export function openPackage(keys: TenantKeys, { dataKey, sealed, ...row }: ExportRow): Buffer {
  if (dataKey === null || sealed === null) throw new VaultError('legal_order_used');
  const opened = openRecord(keys, 'export', { ...row, dataKey, sealed });
  const text = forResealing(opened.value(label));
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'utf8');
  if (!digestOf(bytes).equals(row.sha256)) throw new VaultError('integrity_failure');
  return bytes;
}
