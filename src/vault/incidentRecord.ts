import {
  incidentKinds,
  incidentStates,
  type IncidentChange,
  type IncidentKind,
  type IncidentRow,
  type IncidentState,
} from '../db/incidents.ts';
import { VaultError } from '../errors.ts';
import type { Caller } from './caller.ts';
import type { TenantKeys } from './keyring.ts';
import { forResealing, openRecord, sealNew, sealNext, type Value } from './record.ts';
import { timeView } from './shownTime.ts';

export { incidentKinds, incidentStates };

/** Who took a step, and when (RFC 3339). */
export interface IncidentStep {
  readonly what: string;
  readonly clientId: string;
  readonly role: string;
  readonly actor?: string | undefined;
  readonly at: string;
}

/** What is said of an incident in words: the parts of E25 but for the extent, which is computed. */
export const incidentTexts = ['summary', 'source', 'recovery', 'legalFollowUp'] as const;
export type IncidentText = (typeof incidentTexts)[number];

/** What was stopped by one call, and by whom. */
export interface Containment {
  readonly id: string;
  readonly at: string;
  readonly clientId: string;
  readonly actor: string;
  readonly tokens: readonly string[];
  readonly clients: readonly string[];
  readonly actors: readonly string[];
  /** Whose accounts it froze. */
  readonly customers: readonly string[];
  readonly grants: number;
  readonly moreGrants: boolean;
}

/** All of an incident; stored sealed, as one value. */
export interface IncidentFile extends Partial<Readonly<Record<IncidentText, string | undefined>>> {
  readonly kind: IncidentKind;
  readonly state: IncidentState;
  /** The one person whom it is known to concern from the start: of a report of misuse. */
  readonly customerId?: string | undefined;
  /** The shop's own number of the matter before the authority. */
  readonly legalReference?: string | undefined;
  readonly detectedAt?: string | undefined;
  readonly closedAt?: string | undefined;
  readonly steps: readonly IncidentStep[];
  readonly contained?: readonly Containment[] | undefined;
  /** Whose accounts it has let go again. */
  readonly thawed?: readonly string[] | undefined;
}

export function stepOf(caller: Pick<Caller, 'clientId' | 'role' | 'actor'>, what: string, at: Date): IncidentStep {
  const { clientId, role, actor } = caller;
  return { what, clientId, role, ...(actor === undefined ? {} : { actor }), at: at.toISOString() };
}

const valuesOf = (file: IncidentFile) => new Map([['file', file as unknown as Value]]);

export function sealIncident(keys: TenantKeys, id: string, file: IncidentFile, at: Date) {
  const sealed = sealNew(keys, 'incident', id, valuesOf(file));
  const row: IncidentRow = {
    ...sealed,
    kind: file.kind,
    state: file.state,
    openedAt: at,
    updatedAt: at,
    closedAt: null,
  };
  return { row, digest: sealed.digest };
}

export function resealIncident(keys: TenantKeys, row: IncidentRow, file: IncidentFile, at: Date) {
  const sealed = sealNext(keys, 'incident', row, valuesOf(file));
  const closedAt = file.closedAt === undefined ? null : new Date(file.closedAt);
  const { id, version } = sealed;
  const change: IncidentChange = { id, version, sealed: sealed.sealed, state: file.state, updatedAt: at, closedAt };
  return { change, digest: sealed.digest };
}

/** Throws `integrity_failure` for a row that does not open, or whose columns say something else. */
export function openIncident(keys: TenantKeys, row: IncidentRow): IncidentFile {
  const file = forResealing(openRecord(keys, 'incident', row).value('file')) as unknown as IncidentFile;
  if (file.state !== row.state || file.kind !== row.kind) throw new VaultError('integrity_failure');
  return file;
}

/** What a list tells of an incident. */
export function viewListed(row: IncidentRow, file: IncidentFile) {
  return {
    id: row.id,
    kind: file.kind,
    state: file.state,
    version: row.version,
    ...timeView('openedAt', row.openedAt),
    ...timeView('detectedAt', file.detectedAt === undefined ? null : new Date(file.detectedAt)),
    ...timeView('closedAt', file.closedAt === undefined ? null : new Date(file.closedAt)),
  };
}

/** The whole of it for the officer; for who runs the system, the technical part: nothing of persons, nothing of the law. */
export function viewIncident(row: IncidentRow, file: IncidentFile, role: Caller['role']) {
  const { source, recovery, summary, legalFollowUp, legalReference } = file;
  const technical = given({ source, recovery });
  const words = role === 'dpo' ? given({ summary, legalFollowUp, legalReference }) : {};
  return { ...viewWritten(row, file, role), ...technical, ...words };
}

/** What the answer to a write says: nothing that was typed. */
export function viewWritten(row: IncidentRow, file: IncidentFile, role: Caller['role']) {
  const { customerId, steps, contained = [], thawed = [] } = file;
  const listed = viewListed(row, file);
  if (role !== 'dpo') return { ...listed, contained: contained.map(({ customers: _customers, ...done }) => done) };
  return { ...listed, ...given({ customerId }), steps, contained, thawed };
}

function given(members: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
