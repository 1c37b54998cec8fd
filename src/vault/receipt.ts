import { canonicalJson } from '../crypto/canonicalJson.ts';
import { digestOf } from '../crypto/digest.ts';
import { signReceipt } from '../crypto/signature.ts';
import { VaultError } from '../errors.ts';
import type { ExportKey } from '../keys/folder.ts';
import type { ExportContent } from './exportContent.ts';
import type { Execution } from './exportSeal.ts';
import type { Person } from './fourEyes.ts';
import type { LegalOrderFile } from './legalOrderSeal.ts';

/**
 * The signed statement of what was disclosed, under which order and by whom: a compact JWS that anybody verifies offline
 * against the export certificate. Nothing in it is about a subject, and its digests are salted.
 */
export function receiptOf(
  key: ExportKey,
  file: LegalOrderFile,
  content: ExportContent,
  packageDigest: Buffer,
  execution: Execution,
): string {
  const { record, salt, registration, decision } = file;
  if (decision === undefined) throw new VaultError('integrity_failure');
  const recipient = digestOf(Buffer.from(canonicalJson({ recipient: record.recipient, salt })));
  return signReceipt(key.privateKey, {
    exportId: execution.exportId,
    legalOrderId: execution.legalOrderId,
    orderSha256: decision.digest,
    recipientSha256: recipient.toString('hex'),
    packageSha256: packageDigest.toString('hex'),
    fields: record.scope.fields,
    records: content.records,
    notFound: content.notFound,
    outsidePeriod: content.outsidePeriod,
    executedAt: execution.at.toISOString(),
    policyVersion: execution.policyVersion,
    registeredBy: named(registration),
    approvedBy: named(decision),
    executedBy: named(execution.by),
  });
}

function named({ clientId, actor }: Person): Person {
  return { clientId, actor };
}
