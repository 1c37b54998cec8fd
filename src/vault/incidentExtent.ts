import { canonicalJson } from '../crypto/canonicalJson.ts';
import { insertExtent, listSubjects, selectExtentOf, type ExtentRow } from '../db/incidentExtents.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { advanceExtents, signedExtent, viewTally } from './extentPass.ts';
import type { Criteria } from './extentTally.ts';
import { personOf } from './fourEyes.ts';
import { firstIdAt, newId, timeOf } from './ids.ts';
import { incidentOf } from './incidents.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { checkMac } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

export interface AskedExtent {
  readonly tokenId?: string | undefined;
  readonly clientId?: string | undefined;
  /** The same as the client's id, for whoever looks for a courier. */
  readonly courierClientId?: string | undefined;
  readonly actor?: string | undefined;
  readonly keyVersion?: number | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/**
 * Begins to compute how far an incident went, as of this moment: every person of whom a leaf tells that fits all that is asked.
 * The work is the background's, however long the log is; a new one takes the place of the one before.
 */
export async function computeExtent(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  asked: AskedExtent,
): Promise<Answer> {
  permit(caller, 'incidents.extent');
  personOf(caller);
  const { tenantId } = caller;
  const { keys, file } = await incidentOf(vault, tenantId, id);
  if (file.state === 'closed') throw refuse('conflict', '', 'closed');
  const now = vault.now();
  const criteria = criteriaOf(asked, now);
  const extent = signedExtent(keys, {
    id: newId(now),
    incidentId: id,
    criteria: canonicalJson(criteria),
    phase: criteria.keyVersion === undefined ? 'log' : 'keys',
    afterId: null,
    untilId: firstIdAt(new Date(now)),
    leaves: 0,
    refused: 0,
    subjects: 0,
    startedAt: new Date(now),
    finishedAt: null,
    digest: null,
  });
  const deed = { object: { kind: 'incidents', id } };
  const answer = await commitAct(vault, caller, act, deed, [insertExtent(tenantId, extent)], {
    status: 202,
    body: viewExtent(extent),
  });
  // What of it is left when this process goes is taken up by any other.
  void advanceExtents(vault).catch(() => undefined);
  return answer;
}

function criteriaOf({ courierClientId, from, to, ...asked }: AskedExtent, now: number): Criteria {
  if (courierClientId !== undefined && asked.clientId !== undefined)
    throw refuse('invalid_body', '/courierClientId', 'not_with_client');
  if (from !== undefined && to !== undefined && from >= to) throw refuse('invalid_body', '/to', 'order');
  if (from !== undefined && from.getTime() > now) throw refuse('invalid_body', '/from', 'future');
  const clientId = asked.clientId ?? courierClientId;
  const times = { from: from?.toISOString(), to: to?.toISOString() };
  const given = Object.entries({ ...asked, clientId, ...times }).filter(([, value]) => value !== undefined);
  // Everything that ever happened is no extent.
  if (given.length === 0) throw refuse('field_required', '');
  return Object.fromEntries(given);
}

/** The newest extent of an incident, as far as it was computed, with a page of the persons. */
export async function readExtent(vault: Vault, caller: Caller, act: Act, id: string, page: Page): Promise<Answer> {
  permit(caller, 'incidents.extent_read');
  const { tenantId } = caller;
  const { keys } = await incidentOf(vault, tenantId, id);
  const extent = await extentOf(vault, keys, id);
  if (extent === undefined) throw new VaultError('not_found');
  const [rows] = await load(vault, tenantId, [listSubjects(tenantId, extent.id, page.after, page.limit + 1)]);
  for (const row of rows) checkMac(keys, 'incident_subjects', row);
  const subjects = pageOf(rows, page.limit, ({ customerId }) => customerId, viewTally);
  return commitAct(vault, caller, act, { object: { kind: 'incidents', id } }, [], {
    status: 200,
    body: { ...viewExtent(extent), ...subjects },
  });
}

/** Throws `integrity_failure` for one that is not as the vault wrote it. */
export async function extentOf(vault: Vault, keys: TenantKeys, incidentId: string): Promise<ExtentRow | undefined> {
  const [[extent]] = await load(vault, keys.tenantId, [selectExtentOf(keys.tenantId, incidentId)]);
  if (extent !== undefined) checkMac(keys, 'incident_extents', extent);
  return extent;
}

function viewExtent(extent: ExtentRow) {
  const { id, criteria, phase, untilId, leaves, refused, subjects, startedAt, finishedAt, digest } = extent;
  return {
    id,
    state: phase === 'done' ? ('done' as const) : ('running' as const),
    criteria: JSON.parse(criteria) as Criteria,
    ...timeView('asOf', new Date(timeOf(untilId))),
    ...timeView('startedAt', startedAt),
    ...timeView('finishedAt', finishedAt),
    leaves,
    refused,
    subjects,
    ...(digest === null ? {} : { digest: digest.toString('hex') }),
  };
}
