import { canonicalJson } from '../crypto/canonicalJson.ts';
import { digestOf } from '../crypto/digest.ts';
import type { LegalOrderColumns, LegalOrderRow, StoredStatus } from '../db/legalOrders.ts';
import { VaultError } from '../errors.ts';
import { foldDigits } from '../formats/identifier.ts';
import { nameKey } from '../formats/text.ts';
import type { Person } from './fourEyes.ts';
import type { TenantKeys } from './keyring.ts';
import type { LegalOrderRecord } from './legalOrderRecord.ts';
import type { DeliveryMeans } from './minutes.ts';
import { forResealing, openRecord, sealNew, sealNext, type SealedRecord, type Values } from './record.ts';
import { endOfDay } from './tehranDay.ts';

/** A step of the order's life: who took it, and when (RFC 3339). */
export interface Stamp extends Person {
  readonly at: string;
}

type Scope = LegalOrderRecord['scope'];
/** What an approver took out of the scope; it stands beside the original. */
export type Narrowing = Partial<Pick<Scope, 'subjects' | 'fields' | 'from' | 'to'>>;

/** One person's yes to the exact record. */
export interface Approval extends Stamp {
  /** Hexadecimal SHA-256 of what was approved: record, scan and narrowing. */
  readonly digest: string;
  /** When it opens nothing any more (RFC 3339). */
  readonly expires: string;
  readonly narrowed?: Narrowing | undefined;
}

/** What closed the question: the last approval that was needed, or a rejection. */
export interface Decision extends Stamp {
  readonly outcome: 'approved' | 'rejected';
  readonly digest: string;
  readonly reason?: string;
}

/** The scan of the letter; its bytes are kept apart, in sealed chunks. */
export interface OrderDocument extends Stamp {
  readonly id: string;
  readonly sha256: string;
  readonly mediaType: string;
  readonly bytes: number;
  readonly chunks: number;
}

/** A change of the record or its scan, and the approvals that it voided. */
export interface Change extends Stamp {
  readonly what: 'record' | 'document';
  /** The scan that stood before; its bytes are gone. */
  readonly replaced?: Pick<OrderDocument, 'id' | 'sha256'>;
  readonly voided: readonly Approval[];
}

/** To whom the package was given in the end, and before whom (CPC 672). */
export interface Acknowledgement extends Stamp {
  readonly receivedBy: {
    readonly name: string;
    readonly title?: string | undefined;
    readonly unit?: string | undefined;
    readonly card?: string | undefined;
  };
  readonly means: DeliveryMeans;
  readonly present: readonly string[];
}

/**
 * Everything there is about an order, sealed member by member under the order's own data key. A step that is not here
 * was not taken, whatever the table's columns say.
 */
export interface LegalOrderFile {
  readonly salt: string;
  readonly record: LegalOrderRecord;
  readonly registration: Stamp;
  readonly changes?: readonly Change[];
  readonly document?: OrderDocument;
  readonly approvals?: readonly Approval[];
  readonly decision?: Decision;
  readonly reviewDue?: string;
  readonly execution?: Stamp & { readonly exportId: string };
  readonly reissues?: readonly (Stamp & { readonly reason: string })[];
  readonly acknowledgement?: Acknowledgement;
  readonly review?: Stamp & { readonly outcome: 'upheld' | 'not_justified'; readonly reason: string };
  readonly revocation?: Stamp & { readonly reason: string };
  /** What a later letter said of the secrecy; the last one holds. */
  readonly secrecy?: readonly (Stamp & { readonly until?: string | undefined; readonly reason: string })[];
}

const members: Readonly<Record<keyof LegalOrderFile, true>> = {
  salt: true,
  record: true,
  registration: true,
  changes: true,
  document: true,
  approvals: true,
  decision: true,
  reviewDue: true,
  execution: true,
  reissues: true,
  acknowledgement: true,
  review: true,
  revocation: true,
  secrecy: true,
};

export function sealOrder(keys: TenantKeys, id: string, file: LegalOrderFile): SealedRecord {
  return sealNew(keys, 'legal_order', id, valuesOf(file));
}

/** As the next version, so that no earlier state of the order opens in its place. */
export function resealOrder(keys: TenantKeys, stored: LegalOrderRow, file: LegalOrderFile): SealedRecord {
  return sealNext(keys, 'legal_order', stored, valuesOf(file));
}

function valuesOf(file: LegalOrderFile): Values {
  return new Map(Object.entries(file).filter(([, value]) => value !== undefined)) as Values;
}

/** Throws `integrity_failure` when it does not open, or when a column of the row says what the sealed order does not. */
export function openOrder(keys: TenantKeys, row: LegalOrderRow): LegalOrderFile {
  const opened = openRecord(keys, 'legal_order', row);
  const present = Object.keys(members).filter((member) => opened.labels.has(member));
  const file = Object.fromEntries(
    present.map((member) => [member, forResealing(opened.value(member))]),
  ) as unknown as LegalOrderFile;
  if (!agrees(row, file)) throw new VaultError('integrity_failure');
  return file;
}

/**
 * SHA-256 of the exact record with its scan and narrowing, which an approval is bound to. The salt keeps a dictionary from
 * reversing it.
 */
export function digestOfOrder({ record, salt, document }: LegalOrderFile, narrowed?: Narrowing): Buffer {
  const scan = document === undefined ? {} : { document: document.sha256 };
  return digestOf(
    Buffer.from(canonicalJson({ record, salt, ...scan, ...(narrowed === undefined ? {} : { narrowed }) })),
  );
}

export function narrowingOf({ approvals }: LegalOrderFile): Narrowing | undefined {
  return approvals?.at(-1)?.narrowed;
}

/** From whom and until when the order is secret now: without a day, until another letter says so. */
export function secrecyOf({ record, secrecy }: LegalOrderFile): LegalOrderRecord['secret'] {
  const last = secrecy?.at(-1);
  if (last === undefined) return record.secret;
  return last.until === undefined ? { fromSubject: false } : { fromSubject: true, until: last.until };
}

/** What an approval brought goes with it: one that ran out or is void is none, and a review of it is none of the next. */
export function withoutDecision({ decision: _decision, reviewDue: _due, review: _review, ...file }: LegalOrderFile) {
  return file satisfies LegalOrderFile;
}

/** The scope as it was approved. */
export function approvedScope(file: LegalOrderFile): Scope {
  return { ...file.record.scope, ...narrowingOf(file) };
}

/** What the table's columns repeat of the sealed order, so that lists and the gate need not open it. */
export function columnsOf(file: LegalOrderFile): LegalOrderColumns {
  const { record, approvals = [], decision, execution, reviewDue, review, revocation } = file;
  const expires = decision?.outcome === 'approved' ? approvals.map((one) => Date.parse(one.expires)) : [];
  return {
    status: statusOf(file),
    kind: record.kind,
    ground: record.ground,
    authorityKind: record.authority?.kind ?? 'none',
    validUntil: new Date(endOfDay(record.validUntil)),
    approvals: approvals.length,
    approvalExpires: expires.length === 0 ? null : new Date(Math.min(...expires)),
    decidedBy: decision?.clientId ?? null,
    decidedActor: decision?.actor ?? null,
    decidedAt: timeOf(decision?.at),
    decidedDigest: decision === undefined ? null : Buffer.from(decision.digest, 'hex'),
    executedAt: timeOf(execution?.at),
    reviewDue: timeOf(reviewDue),
    reviewedAt: timeOf(review?.at),
    revokedBy: revocation?.clientId ?? null,
    revokedActor: revocation?.actor ?? null,
    revokedAt: timeOf(revocation?.at),
  };
}

function timeOf(at: string | undefined): Date | null {
  return at === undefined ? null : new Date(at);
}

/** Somebody who can edit the table could mark an order approved or longer valid, but cannot seal it so. */
function agrees(row: LegalOrderRow, file: LegalOrderFile): boolean {
  const { registration, decision } = file;
  const columns = Object.entries(columnsOf(file)) as [keyof LegalOrderColumns, unknown][];
  return (
    columns.every(([name, value]) => plain(row[name]) === plain(value)) &&
    row.registeredBy === registration.clientId &&
    row.registeredActor === registration.actor &&
    (decision === undefined || decision.digest === digestOfOrder(file, narrowingOf(file)).toString('hex'))
  );
}

function plain(value: unknown): unknown {
  if (value instanceof Date) return value.getTime();
  return Buffer.isBuffer(value) ? value.toString('hex') : value;
}

function statusOf({ decision, execution, revocation }: LegalOrderFile): StoredStatus {
  if (revocation !== undefined) return 'revoked';
  if (execution !== undefined) return 'executed';
  return decision?.outcome ?? 'registered';
}

/**
 * One letter of one authority, in any spelling. Prosecutors' offices of two cities share a name and not their numbers. What
 * rests on no letter is like nothing else.
 */
export function numberTag(keys: TenantKeys, id: string, { authority, letter }: LegalOrderRecord): Buffer {
  if (authority === undefined || letter === undefined) return keys.hash('legal order number', id);
  const parts = [authority.name, authority.jurisdiction ?? '', letter.number];
  return keys.hash('legal order number', ...parts.map((part) => foldDigits(nameKey(part))));
}
