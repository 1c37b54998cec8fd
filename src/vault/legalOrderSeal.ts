import { canonicalJson } from '../crypto/canonicalJson.ts';
import { digestOf } from '../crypto/digest.ts';
import type { LegalOrderRow, StoredStatus } from '../db/legalOrders.ts';
import { VaultError } from '../errors.ts';
import { foldDigits } from '../formats/identifier.ts';
import { nameKey } from '../formats/text.ts';
import type { Person } from './fourEyes.ts';
import type { TenantKeys } from './keyring.ts';
import type { LegalOrderRecord } from './legalOrderRecord.ts';
import { forResealing, openRecord, sealNew, sealNext, type SealedRecord, type Values } from './record.ts';
import { endOfDay } from './tehranDay.ts';

/** A step of the order's life: who took it, and when (RFC 3339). */
export interface Stamp extends Person {
  readonly at: string;
}

export interface Decision extends Stamp {
  readonly outcome: 'approved' | 'rejected';
  /** Hexadecimal SHA-256 of the record as it was decided on. */
  readonly digest: string;
  readonly reason?: string;
}

/**
 * Everything there is about an order, sealed member by member under the order's own data key. A step that is not here
 * was not taken, whatever the table's columns say.
 */
export interface LegalOrderFile {
  readonly salt: string;
  readonly record: LegalOrderRecord;
  readonly registration: Stamp;
  readonly decision?: Decision;
  readonly execution?: Stamp & { readonly exportId: string };
  readonly revocation?: Stamp & { readonly reason: string };
}

const members = [
  'salt',
  'record',
  'registration',
  'decision',
  'execution',
  'revocation',
] as const satisfies readonly (keyof LegalOrderFile)[];

export function sealOrder(keys: TenantKeys, id: string, file: LegalOrderFile): SealedRecord {
  return sealNew(keys, 'legal_order', id, valuesOf(file));
}

/** As the next version, so that no earlier state of the order opens in its place. */
export function resealOrder(keys: TenantKeys, stored: LegalOrderRow, file: LegalOrderFile): SealedRecord {
  return sealNext(keys, 'legal_order', stored, valuesOf(file));
}

function valuesOf(file: LegalOrderFile): Values {
  return new Map(Object.entries(file)) as Values;
}

/** Throws `integrity_failure` when it does not open, or when a column of the row says what the sealed order does not. */
export function openOrder(keys: TenantKeys, row: LegalOrderRow): LegalOrderFile {
  const opened = openRecord(keys, 'legal_order', row);
  const present = members.filter((member) => opened.labels.has(member));
  const file = Object.fromEntries(
    present.map((member) => [member, forResealing(opened.value(member))]),
  ) as unknown as LegalOrderFile;
  if (!agrees(row, file)) throw new VaultError('integrity_failure');
  return file;
}

/** SHA-256 of the exact record, which an approval is bound to. The salt keeps a dictionary from reversing it. */
export function digestOfOrder({ record, salt }: LegalOrderFile): Buffer {
  return digestOf(Buffer.from(canonicalJson({ record, salt })));
}

/** Somebody who can edit the table could mark an order approved or longer valid, but cannot seal it so. */
function agrees(row: LegalOrderRow, file: LegalOrderFile): boolean {
  const { record, registration, decision } = file;
  return (
    row.status === statusOf(file) &&
    row.kind === record.kind &&
    row.authorityKind === record.authority.kind &&
    row.validUntil.getTime() === endOfDay(record.validUntil) &&
    row.registeredBy === registration.clientId &&
    row.registeredActor === registration.actor &&
    row.decidedBy === (decision?.clientId ?? null) &&
    row.decidedActor === (decision?.actor ?? null) &&
    (row.decidedDigest?.toString('hex') ?? null) === (decision?.digest ?? null) &&
    (decision === undefined || decision.digest === digestOfOrder(file).toString('hex'))
  );
}

function statusOf({ decision, execution, revocation }: LegalOrderFile): StoredStatus {
  if (revocation !== undefined) return 'revoked';
  if (execution !== undefined) return 'executed';
  return decision?.outcome ?? 'registered';
}

/** One letter of one authority, in any spelling. Prosecutors' offices of two cities share a name and not their numbers. */
export function numberTag(keys: TenantKeys, { authority, letter }: LegalOrderRecord): Buffer {
  const parts = [authority.name, authority.jurisdiction ?? '', letter.number];
  return keys.hash('legal order number', ...parts.map((part) => foldDigits(nameKey(part))));
}
