import type { HoldKind } from '../db/holds.ts';
import { refuse, VaultError } from '../errors.ts';
import { addJalaliMonths } from '../formats/jalali.ts';
import { dayMs, dayOf, endOfDay, startOfDay } from './tehranDay.ts';

/** CPC 669: at most three months. Calendar months of the country's calendar. */
const preservationMonths = 3;
/** A pursuit of the shop's own is looked at again every year. */
const ownMonths = 12;
/** CPC 669: the judge is told within 24 hours. */
const provisionalMs = dayMs;
/** A judge's letter that follows in time may wait for its approver over a week of holidays, counted from the start. */
const undecidedMs = 7 * dayMs;
/** An officer does not hold the same person twice in a row; a judge may. */
export const officersPauseMs = 30 * dayMs;

/** What of an order's record tells how long it holds; times are the record's. */
export interface HoldingRecord {
  readonly kind: string;
  readonly ground?: string | undefined;
  readonly authority?: { readonly kind: string } | undefined;
  /** Its date is an ISO day in Tehran. */
  readonly letter?: { readonly date: string } | undefined;
  /** RFC 3339. */
  readonly receivedAt: string;
  /** The last day on which the order holds, an ISO day in Tehran. */
  readonly validUntil: string;
  readonly renews?: string | undefined;
}

export interface Term {
  readonly startsAt: Date;
  /** First moment at which nothing is held any more. */
  readonly endsAt: Date;
}

/** What kind of hold an order places; undefined for every order that holds nothing. */
export function holdKindOf({ kind, ground, authority }: HoldingRecord): HoldKind | undefined {
  if (kind !== 'preservation') return undefined;
  if (ground === 'legal_pursuit') return 'own';
  return authority?.kind === 'officer' ? 'provisional' : 'preservation';
}

/**
 * From when until when an order holds a customer that it comes to hold at `at`: as ordered, and never longer than the law
 * has it. `earlierEnd` is where the hold that it renews ends: while that one stands the new one begins there, and its
 * months are counted from there. Throws `legal_order_expired` when nothing is left of it, `ground_not_allowed` for an
 * officer's renewal.
 */
export function termOf(record: HoldingRecord, kind: HoldKind, at: Date, earlierEnd?: Date): Term {
  if (kind === 'provisional') return provisionalTerm(record, at);
  const ordered = endOfDay(record.validUntil);
  const renewed = earlierEnd !== undefined && earlierEnd > at && ordered > earlierEnd.getTime();
  const startsAt = renewed ? earlierEnd : at;
  const months = kind === 'own' ? ownMonths : preservationMonths;
  const day = renewed || kind === 'own' ? dayOf(startsAt.getTime()) : (record.letter?.date ?? dayOf(at.getTime()));
  const endsAt = new Date(Math.min(ordered, startOfDay(addJalaliMonths(day, months))));
  return checked({ startsAt, endsAt }, at);
}

/** Holds from its receipt, for a day. */
function provisionalTerm(record: HoldingRecord, at: Date): Term {
  if (record.renews !== undefined) throw refuse('ground_not_allowed', '/renews');
  const received = Date.parse(record.receivedAt);
  // The clock of whoever noted the receipt may be ahead.
  const startsAt = new Date(Math.min(received, at.getTime()));
  return checked({ startsAt, endsAt: lapseOf(startsAt) }, at);
}

function checked(term: Term, at: Date): Term {
  if (term.endsAt <= at || term.endsAt <= term.startsAt) throw new VaultError('legal_order_expired');
  return term;
}

/** When an officer's hold lapses by itself. */
export function lapseOf(startsAt: Date): Date {
  return new Date(startsAt.getTime() + provisionalMs);
}

/** Until when it may stand at most while a judge's order that follows it waits for its decision, however many follow. */
export function undecidedUntil(startsAt: Date): Date {
  return new Date(startsAt.getTime() + undecidedMs);
}
