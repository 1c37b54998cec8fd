import type { Period, SubjectRow } from '../db/legalSubjects.ts';
import { VaultError } from '../errors.ts';
import type { Decision, Verdict } from '../policy/judge.ts';
import type { Field } from '../policy/profile.ts';
import { searchKey, singleFields } from './customerFields.ts';
import { labels, placeFields, type CustomerHeader } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import type { PackageBody } from './disclosureDocument.ts';
import type { LegalOrderRecord, OrderSubject } from './legalOrderRecord.ts';
import { forResealing, headerOf, openRecord, reveal, type OpenRecord, type StoredRecord } from './record.ts';
import { endOfDay, jalaliDayOf, jalaliOf, startOfDay } from './tehranDay.ts';

/** What one execution of an order hands out: computed from the order's scope alone. */
export interface ExportContent {
  readonly body: PackageBody;
  /** Persons in the package. */
  readonly records: number;
  /** Subjects of the order whom nobody here matches. */
  readonly notFound: number;
  /** Persons left out because their data were captured before or after the order's period. */
  readonly outsidePeriod: number;
  /** Of each person in the package, what it holds. */
  readonly disclosed: readonly { readonly subjectId: string; readonly full: readonly Field[] }[];
  /** The records it was made of, which must not change before it is stored. */
  readonly held: readonly { readonly id: string; readonly version: number }[];
}

type Full = Extract<Verdict, { state: 'full' }>;

type Identifier = Extract<OrderSubject, { by: string }>;

interface Holder {
  readonly row: SubjectRow;
  /** The identifiers of the order that led here; a vault id is nobody's business outside. */
  readonly identifiedBy: readonly Identifier[];
  /** The order names them by their id as well. */
  readonly byId: boolean;
}

/** A person as the record stood in the order's period. */
interface Seen extends Holder {
  readonly state: StoredRecord;
  readonly capturedAt: Date;
}

/**
 * Opens of each subject the fields that the judge released and no other, as they stood last in the order's period, and
 * nothing at all of those of whom nothing was captured in it.
 */
export function computeContent(
  keys: TenantKeys,
  record: LegalOrderRecord,
  decision: Decision,
  found: readonly SubjectRow[],
  execution: { readonly at: Date; readonly salt: string },
): ExportContent {
  const { scope } = record;
  const released = releasedBy(decision);
  const holders = holdersOf(scope.subjects, found);
  const period = periodOf(scope);
  const inPeriod = holders.flatMap((holder) => seenIn(period, holder) ?? []).filter((seen) => wasMeant(keys, seen));
  const persons = inPeriod.map((holder, i) => personOf(keys, holder, i + 1, released));
  const counts = {
    records: persons.length,
    notFound: scope.subjects.filter((_, i) => !found.some(({ n }) => n === i + 1)).length,
    outsidePeriod: holders.length - inPeriod.length,
  };
  const body: PackageBody = { ...headOf(record, execution), ...counts, persons: persons.map(({ shown }) => shown) };
  return {
    ...counts,
    body,
    disclosed: persons.map(({ subjectId, full }) => ({ subjectId, full })),
    held: inPeriod.map(({ row }) => ({ id: row.id, version: row.version })),
  };
}

function releasedBy({ full, verdicts }: Decision): ReadonlyMap<Field, Full> {
  return new Map(
    full.flatMap((field) => {
      const verdict = verdicts[field];
      return verdict.state === 'full' ? [[field, verdict] as const] : [];
    }),
  );
}

/** One person once, however many subjects of the order lead there. */
function holdersOf(subjects: readonly OrderSubject[], found: readonly SubjectRow[]): Holder[] {
  const rows = new Map<string, SubjectRow[]>();
  for (const row of found) rows.set(row.id, [...(rows.get(row.id) ?? []), row]);
  return [...rows.values()].flatMap((same) => {
    const [row] = same;
    const identifiedBy = same.flatMap(({ n }) => {
      const subject = subjects[n - 1];
      return subject === undefined || 'customerId' in subject ? [] : [{ by: subject.by, value: subject.value }];
    });
    const byId = identifiedBy.length < same.length;
    return row === undefined ? [] : [{ row, identifiedBy, byId }];
  });
}

/** Tehran days, both ends included. */
export function periodOf({ from, to }: Pick<LegalOrderRecord['scope'], 'from' | 'to'>): Period {
  return { from: new Date(startOfDay(from)), to: new Date(endOfDay(to)) };
}

/**
 * The newest state captured within the period: the one that stands, or a former one that an edit after the period has
 * replaced. Undefined when there is none.
 */
function seenIn(period: Period, holder: Holder): Seen | undefined {
  const { row } = holder;
  const isWithin = (time: Date): boolean => time >= period.from && time < period.to;
  if (isWithin(row.capturedAt)) return { ...holder, state: row, capturedAt: row.capturedAt };
  const { formerVersion: version, formerSealed: sealed, formerCapturedAt: capturedAt } = row;
  if (version === null || sealed === null || capturedAt === null || !isWithin(capturedAt)) return undefined;
  const { id, keyVersion, dataKey } = row;
  return { ...holder, state: { id, version, keyVersion, dataKey, sealed }, capturedAt };
}

/** The salt keeps the package's digest, which is public, from being found by trying. */
function headOf(record: LegalOrderRecord, { at, salt }: { readonly at: Date; readonly salt: string }) {
  const { ground, authority, letter, basis, recipient, scope } = record;
  return {
    format: 'amanat-export-1',
    salt,
    order: {
      ground,
      ...(authority === undefined ? {} : { authority }),
      ...(letter === undefined ? {} : { letter: { ...letter, dateJalali: jalaliOf(letter.date) } }),
      ...(record.case === undefined ? {} : { case: record.case }),
      ...(basis === undefined ? {} : { basis }),
      ...(recipient === undefined ? {} : { recipient }),
    },
    period: { from: scope.from, fromJalali: jalaliOf(scope.from), to: scope.to, toJalali: jalaliOf(scope.to) },
    fields: scope.fields,
    executedAt: at.toISOString(),
    executedAtJalali: jalaliDayOf(at),
  };
}

function personOf(keys: TenantKeys, seen: Seen, number: number, released: ReadonlyMap<Field, Full>) {
  const { row, identifiedBy, state } = seen;
  checkIdentity(keys, seen);
  const opened = openRecord(keys, 'customer', state);
  const header = headerOf<CustomerHeader>(opened);
  const capturedAt = seen.capturedAt.toISOString();
  const values = [...released].map(
    ([field, verdict]) => [field, valuesOf(opened, header, field, verdict, capturedAt)] as const,
  );
  const held = values.filter(([, value]) => value !== undefined);
  return {
    subjectId: row.id,
    full: held.map(([field]) => field),
    shown: {
      number,
      kind: row.kind,
      ...(identifiedBy.length === 0 ? {} : { identifiedBy }),
      fields: Object.fromEntries(held),
      notHeld: values.filter(([, value]) => value === undefined).map(([field]) => field),
    },
  };
}

/**
 * Index tags can be moved by whoever can write to the database; the sealed record has the last word on who it is, as it
 * stands: a person is found by what is theirs now.
 */
function checkIdentity(keys: TenantKeys, { row, identifiedBy }: Holder): void {
  if (identifiedBy.length === 0) return;
  const opened = openRecord(keys, 'customer', row);
  const header = headerOf<CustomerHeader>(opened);
  if (!identifiedBy.every((one) => holds(opened, header, one))) throw new VaultError('integrity_failure');
}

/**
 * A number goes from one person to the next: of whoever holds it now, a former state is meant only if it was theirs then
 * already.
 */
function wasMeant(keys: TenantKeys, { row, state, identifiedBy, byId }: Seen): boolean {
  if (state === row || byId) return true;
  const opened = openRecord(keys, 'customer', state);
  const header = headerOf<CustomerHeader>(opened);
  return identifiedBy.every((one) => holds(opened, header, one));
}

function holds(opened: OpenRecord, header: CustomerHeader, { by, value }: Identifier): boolean {
  const single = singleFields.find((known) => known === by);
  const phones = header.phones.filter(({ kind }) => kind === by).map(({ id }) => labels.phone(id));
  const stored = single === undefined || header.fields[single] === undefined ? phones : [single];
  return stored.some((label) => {
    const held = forResealing(opened.value(label));
    return typeof held === 'string' && searchKey(by, held) === value;
  });
}

/** `{ value, capturedAt }`, or a list of them where a customer holds several; undefined where there is none. */
function valuesOf(
  opened: OpenRecord,
  header: CustomerHeader,
  field: Field,
  verdict: Full,
  capturedAt: string,
): unknown {
  const show = (label: string) => ({ value: reveal(verdict, opened.value(label)), capturedAt });
  const single = singleFields.find((known) => known === field);
  if (single !== undefined) return header.fields[single] === undefined ? undefined : show(single);
  const place = placeFields.find((known) => known === field);
  const list =
    place === undefined
      ? header.phones
          .filter(({ kind }) => kind === field)
          .map(({ id, primary, extension }) => ({
            ...show(labels.phone(id)),
            primary,
            ...(extension ? { extension: reveal(verdict, opened.value(labels.extension(id))) } : {}),
          }))
      : header.addresses.flatMap((standing, i) =>
          standing[place] === undefined ? [] : [{ ...show(labels.place(standing.id, place)), place: i + 1 }],
        );
  return list.length === 0 ? undefined : list;
}
