import type { UndertakingFacts, UndertakingRow } from '../db/undertakings.ts';
import { refuse, VaultError, type Fault } from '../errors.ts';
import { parseDate } from '../formats/jalali.ts';
import { checkText } from '../formats/text.ts';
import type { Person } from './fourEyes.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { forResealing, openRecord, sealNew } from './record.ts';
import { macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { jalaliOf, startOfDay } from './tehranDay.ts';

/** The paper by which somebody undertook confidentiality. It stays with the shop; the vault keeps its digest. */
export interface NewUndertaking {
  readonly documentRef: string;
  readonly signer: string;
  /** A day, Jalali or Gregorian. */
  readonly signedOn: string;
  /** Hex. */
  readonly documentSha256: string;
}

/** Whose it is. */
export type Undertaker =
  { readonly recipientId: string; readonly actor: null } | { readonly recipientId: null; readonly actor: string };

/** Characters. */
const longest = 200;

/** Throws `invalid_body` with every fault: a day to come was signed by nobody. */
export function sealUndertaking(
  keys: TenantKeys,
  whose: Undertaker,
  { documentRef, signer, signedOn, documentSha256 }: NewUndertaking,
  by: Person,
  now: number,
): UndertakingRow & { readonly digest: Buffer } {
  const day = parseDate(signedOn);
  const faults: Fault[] = Object.entries({ documentRef, signer }).flatMap(([name, text]) => {
    const code = checkText(text, { max: longest, kind: 'text' });
    return code === undefined ? [] : [{ pointer: `/${name}`, code }];
  });
  if (day === undefined) faults.push({ pointer: '/signedOn', code: 'format' });
  else if (startOfDay(day) > now) faults.push({ pointer: '/signedOn', code: 'in_the_future' });
  if (day === undefined || faults.length > 0) throw new VaultError('invalid_body', faults);
  const id = newId(now);
  const { digest, keyVersion, dataKey, sealed } = sealNew(
    keys,
    'undertaking',
    id,
    new Map(Object.entries({ documentRef, signer })),
  );
  const facts = {
    id,
    ...whose,
    signedOn: day,
    documentSha256: Buffer.from(documentSha256, 'hex'),
    recordedAt: new Date(now),
    recordedBy: by.clientId,
    recordedActor: by.actor,
    revokedAt: null,
    revokedBy: null,
    revokedActor: null,
  };
  return { ...facts, mac: macOf(keys, 'undertakings', facts), keyVersion, dataKey, sealed, digest };
}

/** Taken back: nothing rests on it from now on. */
export function revokedUndertaking(keys: TenantKeys, row: UndertakingFacts, by: Person, at: Date): UndertakingFacts {
  const next = { ...row, revokedAt: at, revokedBy: by.clientId, revokedActor: by.actor };
  return { ...next, mac: macOf(keys, 'undertakings', next) };
}

export function viewUndertaking(keys: TenantKeys, row: UndertakingRow) {
  const record = openRecord(keys, 'undertaking', { ...row, version: 1 });
  const said = (label: string): string => forResealing(record.value(label)) as string;
  return { ...viewRecorded(row), documentRef: said('documentRef'), signer: said('signer') };
}

/** Without what was typed: an answer to a write repeats none of it. */
export function viewRecorded(row: UndertakingFacts) {
  return {
    id: row.id,
    ...(row.actor === null ? {} : { actor: row.actor }),
    signedOn: row.signedOn,
    signedOnJalali: jalaliOf(row.signedOn),
    documentSha256: row.documentSha256.toString('hex'),
    recorded: { clientId: row.recordedBy, actor: row.recordedActor, ...timeView('at', row.recordedAt) },
    ...revocationOf(row),
  };
}

/** Of a recipient or an undertaking. */
export function revocationOf(row: {
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
  readonly revokedActor: string | null;
}) {
  const { revokedAt, revokedBy, revokedActor } = row;
  if (revokedBy === null || revokedActor === null) return {};
  return { revoked: { clientId: revokedBy, actor: revokedActor, ...timeView('at', revokedAt) } };
}

/** Throws `conflict` once it was taken back. */
export function checkStanding(row: { readonly revokedAt: Date | null }): void {
  if (row.revokedAt !== null) throw refuse('conflict', '', 'revoked');
}
