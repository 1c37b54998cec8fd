import { mostHolders } from '../db/legalSubjects.ts';
import type { LegalOrderRow, StoredStatus } from '../db/legalOrders.ts';
import { digestOfOrder, type LegalOrderFile, type Stamp } from './legalOrderSeal.ts';
import { jalaliDayOf, jalaliOf } from './tehranDay.ts';

export type LegalOrderStatus = StoredStatus | 'expired';

/** Where the order stands now: expiry comes with time, and no row changes for it. */
export function statusAt(
  row: { readonly status: StoredStatus; readonly validUntil: Date },
  now: number,
): LegalOrderStatus {
  const waits = row.status === 'registered' || row.status === 'approved';
  return waits && row.validUntil.getTime() <= now ? 'expired' : row.status;
}

/** The whole order for those who may see it, each date with its Jalali day, each subject with how many hold it. */
export function viewOrder(
  row: LegalOrderRow,
  file: LegalOrderFile,
  found: readonly { readonly n: number }[],
  now: number,
) {
  const { registration, decision, execution, revocation } = file;
  return {
    id: row.id,
    version: row.version,
    status: statusAt(row, now),
    digest: digestOfOrder(file).toString('hex'),
    ...recordView(file, found),
    registration: stampView(registration),
    ...(decision === undefined ? {} : { decision: stampView(decision) }),
    ...(execution === undefined ? {} : { execution: stampView(execution) }),
    ...(revocation === undefined ? {} : { revocation: stampView(revocation) }),
  };
}

function recordView({ record }: LegalOrderFile, found: readonly { readonly n: number }[]) {
  const { letter, scope, deadline, secret } = record;
  return {
    ...record,
    letter: { ...letter, dateJalali: jalaliOf(letter.date) },
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
