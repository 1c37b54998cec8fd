import type { RecipientFacts, RecipientRow } from '../db/recipients.ts';
import type { UndertakingRow } from '../db/undertakings.ts';
import type { AdmissionRow } from '../db/admissions.ts';
import { refuse } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { fieldsUnder } from '../policy/grants.ts';
import { grantKinds, type Field, type Profile } from '../policy/profile.ts';
import { signedAdmission } from './admissions.ts';
import type { TenantKeys } from './keyring.ts';
import { forResealing, openRecord } from './record.ts';
import type { NewRecipient } from './recipients.ts';
import { macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { revocationOf, viewUndertaking } from './undertakingRecord.ts';

/** Characters. */
const longest = 200;
/** A trusted body is served as a courier is: one request at a place. */
const columnOf = { courier: 'courier', payment_processor: 'payment_processor', trusted_body: 'courier' } as const;

/**
 * What the policy lets be handed to such a recipient for the purpose: at most what it opens to that kind of firm under work of
 * that purpose, and nothing where no values are read for it. Throws `not_permitted` for a kind or purpose it does not have.
 */
export function allowedFields(profile: Profile, { kind, purpose, fields }: NewRecipient): readonly Field[] {
  if (profile.recipients?.kinds.includes(kind) !== true) throw refuse('not_permitted', '/kind', 'not_in_policy');
  const rule = Object.hasOwn(profile.purposes, purpose) ? profile.purposes[purpose] : undefined;
  const role = columnOf[kind];
  const own = kind === 'trusted_body' || profile.processors[role].purposes.includes(purpose);
  if (rule === undefined || !own) throw refuse('not_permitted', '/purpose', 'not_in_policy');
  const allowed = grantKinds
    .filter((work) => profile.grantKinds[work]?.purpose === purpose && rule.values === 'read')
    .flatMap((work) => fieldsUnder(profile, work, { role }));
  if (fields === undefined) return [...new Set(allowed)];
  const stray = fields.findIndex((field) => !allowed.includes(field as Field));
  if (stray >= 0) throw refuse('invalid_body', `/fields/${stray}`, 'not_allowed');
  return allowed.filter((field, i) => fields.includes(field) && allowed.indexOf(field) === i);
}

export function checkRecipient({ name, contractRef, expiresAt }: NewRecipient, now: number): void {
  for (const [pointer, text] of Object.entries({ name, contractRef })) {
    const fault = checkText(text, { max: longest, kind: 'text' });
    if (fault !== undefined) throw refuse('invalid_body', `/${pointer}`, fault);
  }
  if (expiresAt.getTime() <= now) throw refuse('invalid_body', '/expiresAt', 'in_the_past');
}

export function signedRecipient<Row extends Omit<RecipientFacts, 'mac'>>(keys: TenantKeys, row: Row) {
  const { id, kind, purpose, fields, expiresAt, createdAt, createdBy, createdActor } = row;
  const { undertakingId, clientIds, revokedAt, revokedBy, revokedActor } = row;
  const facts = { id, kind, purpose, fields, expiresAt, createdAt, createdBy, createdActor };
  const all = { ...facts, undertakingId, clientIds, revokedAt, revokedBy, revokedActor };
  return { ...row, mac: macOf(keys, 'recipients', all) };
}

/** What every process is to believe of each of its clients from now on. */
export function admissionsOf(keys: TenantKeys, row: RecipientFacts, at: Date): AdmissionRow[] {
  const active = row.undertakingId !== null && row.revokedAt === null;
  return row.clientIds.map((subject) =>
    signedAdmission(keys, {
      kind: 'client',
      subject,
      fields: row.fields,
      validFrom: active ? at : null,
      validUntil: row.expiresAt,
      changedAt: at,
    }),
  );
}

/** waiting: no undertaking yet. active: something may be given to it. */
function stateOf({ undertakingId, revokedAt, expiresAt }: RecipientFacts, now: number): string {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt.getTime() <= now) return 'expired';
  return undertakingId === null ? 'waiting' : 'active';
}

export function viewRecipient(
  keys: TenantKeys,
  row: RecipientRow,
  now: number,
  undertaking: UndertakingRow | undefined,
) {
  const record = openRecord(keys, 'recipient', { ...row, version: 1 });
  const said = (label: string): string => forResealing(record.value(label)) as string;
  return {
    ...viewEntered(row, now),
    name: said('name'),
    contractRef: said('contractRef'),
    ...(undertaking === undefined ? {} : { undertaking: viewUndertaking(keys, undertaking) }),
  };
}

/** Without what was typed: an answer to a write repeats none of it. */
export function viewEntered(row: RecipientFacts, now: number) {
  return {
    id: row.id,
    state: stateOf(row, now),
    kind: row.kind,
    purpose: row.purpose,
    fields: [...row.fields],
    ...timeView('expiresAt', row.expiresAt),
    clientIds: [...row.clientIds],
    created: { clientId: row.createdBy, actor: row.createdActor, ...timeView('at', row.createdAt) },
    ...revocationOf(row),
  };
}

/** Throws `conflict` for one that is over. */
export function expectStanding(row: RecipientFacts, now: number): void {
  if (row.revokedAt !== null || row.expiresAt.getTime() <= now)
    throw refuse('conflict', '', row.revokedAt === null ? 'expired' : 'revoked');
}
