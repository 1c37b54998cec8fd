import { selectStandingCustomer } from '../db/customers.ts';
import { selectExtentOf } from '../db/incidentExtents.ts';
import { insertIncident, listIncidents as listStatement, selectIncident, updateIncident } from '../db/incidents.ts';
import type { IncidentKind, IncidentRow, IncidentState } from '../db/incidents.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError, type Fault } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import { eventStatement } from './events.ts';
import { personOf } from './fourEyes.ts';
import { newId } from './ids.ts';
import {
  incidentTexts,
  openIncident,
  resealIncident,
  sealIncident,
  stepOf,
  viewIncident,
  viewWritten,
  viewListed,
  type IncidentFile,
  type IncidentText,
} from './incidentRecord.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Characters. */
const longest = 10_000;
const longestReference = 100;

export interface NewIncident {
  readonly kind: IncidentKind;
  /** What it is about; who it concerns is computed. */
  readonly summary?: string | undefined;
  readonly customerId?: string | undefined;
  readonly detectedAt?: Date | undefined;
}

/**
 * Opens an incident in the commit of the act that found it: a report of misuse, the officer's own. Its statements are to be
 * committed with that act, its id to be told.
 */
export function incidentOpening(
  vault: Pick<Vault, 'now'>,
  keys: TenantKeys,
  opener: Pick<Caller, 'clientId' | 'role' | 'actor'>,
  { kind, summary, customerId, detectedAt }: NewIncident,
): {
  readonly row: IncidentRow;
  readonly file: IncidentFile;
  readonly digest: Buffer;
  readonly statements: Statement[];
} {
  const at = new Date(vault.now());
  const id = newId(at.getTime());
  const file: IncidentFile = {
    kind,
    state: 'open',
    summary,
    customerId,
    detectedAt: detectedAt?.toISOString(),
    steps: [stepOf(opener, 'opened', at)],
  };
  const { row, digest } = sealIncident(keys, id, file, at);
  const raised = { kind: 'incident.opened', objectId: id, customerId, at } as const;
  return {
    row,
    file,
    digest,
    statements: [insertIncident(keys.tenantId, row), eventStatement(vault, keys.tenantId, raised)],
  };
}

export async function createIncident(vault: Vault, caller: Caller, act: Act, input: NewIncident): Promise<Answer> {
  permit(caller, 'incidents.create');
  personOf(caller);
  checkTexts(input);
  if (input.detectedAt !== undefined && input.detectedAt.getTime() > vault.now())
    throw refuse('invalid_body', '/detectedAt', 'future');
  await expectKnown(vault, caller.tenantId, input.customerId);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const { row, file, digest, statements } = incidentOpening(vault, keys, caller, input);
  const deed = { subjectId: input.customerId, ...deedOf(row.id, digest, row.version) };
  return commitAct(vault, caller, act, deed, statements, {
    status: 201,
    headers: { Location: `/v1/incidents/${row.id}`, ETag: `"${row.version}"` },
    body: viewWritten(row, file, caller.role),
  });
}

async function expectKnown(vault: Vault, tenantId: string, customerId: string | undefined): Promise<void> {
  if (customerId === undefined) return;
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, customerId)]);
  if (customer === undefined) throw refuse('invalid_body', '/customerId', 'unknown_id');
}

export async function listIncidents(
  vault: Vault,
  caller: Caller,
  act: Act,
  state: IncidentState | undefined,
  page: Page,
): Promise<Answer> {
  permit(caller, 'incidents.list');
  const { tenantId } = caller;
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, state, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => listed(vault, keys, row),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

/** One bad row does not stand in the way of the others. */
function listed(vault: Vault, keys: TenantKeys, row: IncidentRow) {
  try {
    return viewListed(row, openIncident(keys, row));
  } catch {
    vault.notice('integrity_failure', 'incidents');
    return undefined;
  }
}

export async function readIncident(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'incidents.read');
  const { row, file } = await incidentOf(vault, caller.tenantId, id);
  return commitAct(vault, caller, act, { object: { kind: 'incidents', id } }, [], {
    status: 200,
    headers: { ETag: `"${row.version}"` },
    body: viewIncident(row, file, caller.role),
  });
}

export interface OpenedIncident {
  readonly keys: TenantKeys;
  readonly row: IncidentRow;
  readonly file: IncidentFile;
}

/** Throws `not_found`, for another tenant's incident as for none, and `integrity_failure`. */
export async function incidentOf(vault: Vault, tenantId: string, id: string): Promise<OpenedIncident> {
  const [[row]] = await load(vault, tenantId, [selectIncident(tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  return { keys, row, file: openIncident(keys, row) };
}

export interface IncidentPatch extends Partial<Readonly<Record<IncidentText, string | undefined>>> {
  readonly legalReference?: string | undefined;
}

/** Writes down what is known by now, on the version that was read. */
export async function patchIncident(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  version: number | undefined,
  patch: IncidentPatch,
): Promise<Answer> {
  permit(caller, 'incidents.patch');
  personOf(caller);
  checkTexts(patch);
  const incident = await incidentOf(vault, caller.tenantId, id);
  if (version !== incident.row.version) throw new VaultError('precondition_failed');
  if (incident.file.state === 'closed') throw refuse('conflict', '', 'closed');
  const changed = Object.keys(patch).sort().join('+');
  return takeStep(vault, caller, act, incident, { ...incident.file, ...patch }, changed);
}

/** For good, with the four parts that the policy promises: source, extent, recovery and what followed in law. */
export async function closeIncident(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'incidents.close');
  personOf(caller);
  const incident = await incidentOf(vault, caller.tenantId, id);
  if (incident.file.state === 'closed') throw refuse('conflict', '', 'closed');
  const missing: Fault[] = (['source', 'recovery', 'legalFollowUp'] as const)
    .filter((part) => incident.file[part] === undefined)
    .map((part) => ({ pointer: `/${part}`, code: 'field_required' }));
  if (missing.length > 0) throw new VaultError('conflict', missing);
  if (!(await isMeasured(vault, incident))) throw refuse('conflict', '/extent', 'field_required');
  const closedAt = new Date(vault.now()).toISOString();
  return takeStep(vault, caller, act, incident, { ...incident.file, state: 'closed', closedAt }, 'closed');
}

async function isMeasured(vault: Vault, { keys, row }: OpenedIncident): Promise<boolean> {
  const [[extent]] = await load(vault, keys.tenantId, [selectExtentOf(keys.tenantId, row.id)]);
  return extent?.phase === 'done' && believes(vault, keys, 'incident_extents', extent);
}

/** Seals the whole file as its next version, with who did it, and the statements of the step. */
export async function takeStep(
  vault: Vault,
  caller: Caller,
  act: Act,
  { keys, row, file: before }: OpenedIncident,
  file: IncidentFile,
  what: string,
  statements: readonly Statement[] = [],
): Promise<Answer> {
  const at = new Date(vault.now());
  const next = { ...file, steps: [...before.steps, stepOf(caller, what, at)] };
  const { change, digest } = resealIncident(keys, row, next, at);
  const { id, version } = change;
  const deed = deedOf(id, digest, version);
  return commitAct(vault, caller, act, deed, [updateIncident(keys.tenantId, change), ...statements], {
    status: 200,
    headers: { ETag: `"${version}"` },
    body: viewWritten({ ...row, ...change }, next, caller.role),
  });
}

const deedOf = (id: string, digest: Buffer, recordVersion: number): Deed => ({
  object: { kind: 'incidents', id },
  digest,
  recordVersion,
});

/** Throws `invalid_body` with every place. */
function checkTexts(texts: IncidentPatch): void {
  const bounds = [
    ...incidentTexts.map((name) => [name, longest] as const),
    ['legalReference', longestReference] as const,
  ];
  const faults = bounds.flatMap(([name, max]) => {
    const text = texts[name];
    const code = text === undefined ? undefined : checkText(text.replaceAll('\n', ' '), { max, kind: 'text' });
    return code === undefined ? [] : [{ pointer: `/${name}`, code }];
  });
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
}
