import { countDueFeedback, selectDueFeedback, type DueFeedback } from '../db/feedback.ts';
import { countLapsedHolds, selectLapsedHolds, type HoldKind, type HoldRow } from '../db/holds.ts';
import { destroyOrders } from '../db/erasure.ts';
import type { CaseKind } from '../db/cases.ts';
import { closeGrants } from '../db/grants.ts';
import {
  countDueInvoices,
  countDueOrders,
  destroyInvoices,
  selectDueInvoices,
  selectDueOrders,
  type DueCount,
  type DueRecord,
  type DueVersion,
} from '../db/retention.ts';
import type { OrderTerms } from '../db/orderTime.ts';
import {
  countDueCodes,
  countDueParcelGrants,
  forgetDueCodes,
  selectDueCodes,
  selectDueParcelGrants,
} from '../db/retentionParcels.ts';
import { countDueCases, emptyCases, selectDueCases } from '../db/retentionCases.ts';
import {
  countDueLegalOrders,
  countDueRelations,
  destroyLegalOrders,
  forgetRelations,
  selectDueLegalOrders,
  selectDueRelations,
} from '../db/retentionRecords.ts';
import { countDueIncidents, deleteIncidents, selectDueIncidents } from '../db/retentionIncidents.ts';
import type { Statement } from '../db/statement.ts';
import { countDueAnswers, forgetAnswers, selectDueAnswers } from '../db/retentionAnswers.ts';
import type { SupplementaryRow } from '../db/supplementaryRequests.ts';
import { nounOf } from './caseRecord.ts';
import { cutOff } from './feedback.ts';
import { endLapsed } from './holds.ts';
import type { TenantKeys } from './keyring.ts';
import { booksClosed, type RetentionRule } from './retentionTerms.ts';
import { believed } from './rowMac.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** What a page of due rows is let go with. */
export interface Round {
  readonly vault: Vault;
  readonly policy: Policy;
  readonly keys: TenantKeys;
  readonly at: Date;
}

/** One way in which something of a class goes: how what is due is found and counted, and what is done with it. */
export interface Sweeping<Row extends DueRecord = DueRecord> {
  /** What the leaves say was done, one leaf a row: `orders.expire`. */
  readonly action: string;
  /** The kind of object they name. */
  readonly kind: string;
  /** What is due at `at`, a page of it; where held persons are spared, of nobody who is held. */
  readonly select: (tenantId: string, at: Date, limit: number) => Statement<Row>;
  /** All of it. */
  readonly count: (tenantId: string, at: Date) => Statement<DueCount>;
  /** Guarded, all or none: `conflict` unless each row stands as it was found. */
  readonly letGo: (round: Round, due: readonly Row[]) => readonly Statement[] | Promise<readonly Statement[]>;
  /** Values go for good: then a hold keeps those of whom it holds. What destroys nothing must be the same for them. */
  readonly sparesHeld: boolean;
  /** The rows have a data key of their own, which goes: every process forgets it, and the leaf says that nothing is left. */
  readonly destroysKeys: boolean;
  /** The leaves do not say whose it was: they would join again what is cut. */
  readonly leavesUnnamed?: true;
  /** Rows of a page, where that is not as many as of the others. */
  readonly rows?: number;
  /** `letGo` leaves one leaf for all of the page: one for each would be as many as go. */
  readonly leavesOne?: true;
  /** Of these, the rows that are as they were made; others are left alone. */
  readonly genuine?: (round: Round, rows: readonly Row[]) => readonly Row[] | Promise<readonly Row[]>;
}

/** A row's own type is known to `select` and `letGo` alone. */
export const sweepingOf = <Row extends DueRecord>(sweeping: Sweeping<Row>): Sweeping => sweeping as unknown as Sweeping;

export function invoices(rule: RetentionRule): Sweeping {
  return sweepingOf<DueVersion>({
    action: 'invoices.expire',
    kind: 'invoices',
    select: (tenantId, at, limit) => selectDueInvoices(tenantId, booksClosed(rule, at), limit),
    count: (tenantId, at) => countDueInvoices(tenantId, booksClosed(rule, at), at),
    letGo: ({ keys }, due) => [destroyInvoices(keys.tenantId, due)],
    sparesHeld: true,
    destroysKeys: true,
  });
}

export function orders(terms: OrderTerms): Sweeping {
  return sweepingOf<DueVersion>({
    action: 'orders.expire',
    kind: 'orders',
    select: (tenantId, at, limit) => selectDueOrders(tenantId, terms, at, limit),
    count: (tenantId, at) => countDueOrders(tenantId, terms, at),
    letGo: ({ keys, at }, due) => destroyOrders(keys.tenantId, due, at),
    sparesHeld: true,
    destroysKeys: true,
  });
}

/** Written down as over at their end. That they are over was so before: it spares and destroys nothing. */
export function holds(kinds: readonly HoldKind[]): Sweeping {
  return sweepingOf<HoldRow & DueRecord>({
    action: 'holds.lapse',
    kind: 'holds',
    select: (tenantId, at, limit) => selectLapsedHolds(tenantId, kinds, at, limit),
    count: (tenantId, at) => countLapsedHolds(tenantId, kinds, at),
    letGo: ({ keys }, due) => endLapsed(keys, due),
    sparesHeld: false,
    destroysKeys: false,
    genuine: believed('holds'),
  });
}

export function parcelGrants(keep: string | null): Sweeping {
  return {
    action: 'grants.expire',
    kind: 'grants',
    select: (tenantId, at, limit) => selectDueParcelGrants(tenantId, keep, at, limit),
    count: (tenantId, at) => countDueParcelGrants(tenantId, keep, at),
    letGo: ({ keys, at }, due) => [
      closeGrants(
        keys.tenantId,
        due.map(({ id }) => id),
        'expired',
        at,
      ),
    ],
    sparesHeld: false,
    destroysKeys: false,
  };
}

/** Whose it was is taken away; what was said stays, nobody's. */
export function feedback(keep: string | null): Sweeping {
  return sweepingOf<DueFeedback>({
    action: 'feedback.detach',
    kind: 'feedback',
    select: (tenantId, at, limit) => selectDueFeedback(tenantId, keep, at, limit),
    count: (tenantId, at) => countDueFeedback(tenantId, keep, at),
    letGo: ({ keys }, due) => [cutOff(keys, due)],
    sparesHeld: true,
    destroysKeys: false,
    leavesUnnamed: true,
    genuine: believed('feedback'),
  });
}

/** What was said, found and done; that there was a case stays, for the counts. */
export function cases(kind: CaseKind, keep: string | null): Sweeping {
  return {
    action: `${nounOf(kind)}.expire`,
    kind: nounOf(kind),
    select: (tenantId, at, limit) => selectDueCases(tenantId, kind, keep, at, limit),
    count: (tenantId, at) => countDueCases(tenantId, kind, keep, at),
    letGo: ({ keys }, due) => [emptyCases(keys.tenantId, due)],
    sparesHeld: true,
    destroysKeys: false,
  };
}

export function deliveryCodes(keep: string | null): Sweeping {
  return {
    action: 'shipments.forget_code',
    kind: 'shipments',
    select: (tenantId, at, limit) => selectDueCodes(tenantId, keep, at, limit),
    count: (tenantId, at) => countDueCodes(tenantId, keep, at),
    letGo: ({ keys }, due) => [forgetDueCodes(keys.tenantId, due)],
    sparesHeld: false,
    destroysKeys: false,
  };
}

export function legalOrders(keep: string | null): Sweeping {
  return sweepingOf<DueVersion>({
    action: 'legal_orders.expire',
    kind: 'legal_orders',
    select: (tenantId, at, limit) => selectDueLegalOrders(tenantId, keep, at, limit),
    count: (tenantId, at) => countDueLegalOrders(tenantId, keep, at),
    letGo: ({ keys }, due) => destroyLegalOrders(keys.tenantId, due),
    // What holds somebody under the order is asked with it; other orders' holds keep the person's data, not this record.
    sparesHeld: false,
    destroysKeys: true,
  });
}

/** What proves a relation, when it has been over for so long: a relation ends when the person is erased. */
export function relations(keep: string | null): Sweeping {
  return {
    action: 'customers.forget_relation',
    kind: 'customers',
    select: (tenantId, at, limit) => selectDueRelations(tenantId, keep, at, limit),
    count: (tenantId, at) => countDueRelations(tenantId, keep, at),
    letGo: ({ keys }, due) => [
      forgetRelations(
        keys.tenantId,
        due.map(({ id }) => id),
      ),
    ],
    sparesHeld: false,
    destroysKeys: false,
  };
}

/** The request stays, as proof of what was asked and when; what was answered goes. */
export function answers(keep: string | null): Sweeping {
  return sweepingOf<SupplementaryRow>({
    action: 'supplementary_requests.forget',
    kind: 'supplementary_requests',
    select: (tenantId, at, limit) => selectDueAnswers(tenantId, keep, at, limit),
    count: (tenantId, at) => countDueAnswers(tenantId, keep, at),
    letGo: ({ keys }, due) => [
      forgetAnswers(
        keys.tenantId,
        due.map(({ id }) => id),
      ),
    ],
    sparesHeld: true,
    destroysKeys: false,
    genuine: believed('supplementary_requests'),
  });
}

export function incidents(keep: string | null): Sweeping {
  return {
    action: 'incidents.expire',
    kind: 'incidents',
    select: (tenantId, at, limit) => selectDueIncidents(tenantId, keep, at, limit),
    count: (tenantId, at) => countDueIncidents(tenantId, keep, at),
    letGo: ({ keys }, due) => [deleteIncidents(keys.tenantId, due)],
    // What happened to many is nobody's own record; a hold keeps theirs.
    sparesHeld: false,
    destroysKeys: false,
  };
}
