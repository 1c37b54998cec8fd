import { mostHolders } from '../db/legalSubjects.ts';
import type { LegalOrderRow, StoredStatus } from '../db/legalOrders.ts';
import {
  digestOfOrder,
  narrowingOf,
  type Approval,
  type Change,
  type LegalOrderFile,
  type OrderDocument,
  type Stamp,
} from './legalOrderSeal.ts';
import { jalaliDayOf, jalaliOf } from './tehranDay.ts';

export type LegalOrderStatus = StoredStatus | 'expired' | 'approval_expired';

/** Where the order stands now: expiry comes with time, and no row changes for it. */
export function statusAt(
  row: { readonly status: StoredStatus; readonly validUntil: Date; readonly approvalExpires: Date | null },
  now: number,
): LegalOrderStatus {
  if (row.status !== 'registered' && row.status !== 'approved') return row.status;
  if (row.validUntil.getTime() <= now) return 'expired';
  const ranOut = row.status === 'approved' && (row.approvalExpires?.getTime() ?? 0) <= now;
  return ranOut ? 'approval_expired' : row.status;
}

/** The whole order for those who may see it, each date with its Jalali day, each subject with how many hold it. */
export function viewOrder(
  row: LegalOrderRow,
  file: LegalOrderFile,
  found: readonly { readonly n: number }[],
  now: number,
) {
  const { registration, changes, approvals, decision, execution, revocation, review } = file;
  return {
    id: row.id,
    version: row.version,
    status: statusAt(row, now),
    digest: digestOfOrder(file, narrowingOf(file)).toString('hex'),
    ...recordView(file, found),
    registration: stampView(registration),
    ...(file.document === undefined ? {} : { document: documentView(file.document) }),
    ...(changes === undefined ? {} : { changes: changes.map(changeView) }),
    ...(approvals === undefined ? {} : { approvals: approvals.map(approvalView) }),
    ...(decision === undefined ? {} : { decision: stampView(decision) }),
    ...(file.reviewDue === undefined ? {} : { reviewDue: file.reviewDue }),
    ...(execution === undefined ? {} : { execution: stampView(execution) }),
    ...(file.acknowledgement === undefined ? {} : { acknowledgement: stampView(file.acknowledgement) }),
    ...(review === undefined ? {} : { review: stampView(review) }),
    ...(file.secrecy === undefined ? {} : { secrecy: file.secrecy.map(secrecyView) }),
    ...(revocation === undefined ? {} : { revocation: stampView(revocation) }),
  };
}

/** Original and narrowed scope stand beside each other. */
function approvalView(approval: Approval) {
  const { narrowed, ...stamp } = approval;
  const from = narrowed?.from === undefined ? {} : { fromJalali: jalaliOf(narrowed.from) };
  const to = narrowed?.to === undefined ? {} : { toJalali: jalaliOf(narrowed.to) };
  return { ...stampView(stamp), ...(narrowed === undefined ? {} : { narrowed: { ...narrowed, ...from, ...to } }) };
}

function changeView({ voided, ...change }: Change) {
  return { ...stampView(change), voided: voided.map(approvalView) };
}

function secrecyView(dated: NonNullable<LegalOrderFile['secrecy']>[number]) {
  return { ...stampView(dated), ...(dated.until === undefined ? {} : { untilJalali: jalaliOf(dated.until) }) };
}

function documentView({ chunks: _chunks, ...document }: OrderDocument) {
  return stampView(document);
}

function recordView({ record }: LegalOrderFile, found: readonly { readonly n: number }[]) {
  const { letter, scope, deadline, secret } = record;
  return {
    ...record,
    ...(letter === undefined ? {} : { letter: { ...letter, dateJalali: jalaliOf(letter.date) } }),
    scope: {
      ...scope,
      subjects: scope.subjects.map((subject, i) => ({
        ...subject,
        ...foundView(found.filter(({ n }) => n === i + 1).length),
      })),
      fromJalali: jalaliOf(scope.from),
      toJalali: jalaliOf(scope.to),
    },
    receivedAtJalali: jalaliDayOf(new Date(record.receivedAt)),
    ...(deadline === undefined ? {} : { deadlineJalali: jalaliOf(deadline) }),
    validUntilJalali: jalaliOf(record.validUntil),
    ...(secret?.until === undefined ? {} : { secret: { ...secret, untilJalali: jalaliOf(secret.until) } }),
  };
}

/** A subject nobody matches is reported, not refused; an identifier that too many hold names nobody. */
function foundView(holders: number) {
  return holders > mostHolders ? { found: mostHolders, tooMany: true } : { found: holders };
}

function stampView<S extends Stamp>(stamp: S) {
  return { ...stamp, atJalali: jalaliDayOf(new Date(stamp.at)) };
}
