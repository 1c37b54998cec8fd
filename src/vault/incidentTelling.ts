import { selectStandingCustomer } from '../db/customers.ts';
import { listSubjects } from '../db/incidentExtents.ts';
import {
  advanceTelling,
  insertTelling,
  selectRunningTellings,
  selectTellingOf,
  type TellingRow,
} from '../db/incidentTellings.ts';
import type { IncidentKind } from '../db/incidents.ts';
import { selectMessagesAbout, type NewMessageRow } from '../db/messages.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { decoysByCustomer } from './decoyList.ts';
import { isConcerned } from './extentTally.ts';
import { personOf } from './fourEyes.ts';
import { newId } from './ids.ts';
import { extentOf } from './incidentExtent.ts';
import { incidentOf } from './incidents.ts';
import type { TenantKeys } from './keyring.ts';
import { underLease } from './lease.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes, checkMac, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { messagesTo, queued } from './tellings.ts';
import type { Vault } from './vault.ts';

/** Persons of one commit. */
const pageSize = 50;

/** What the text says happened: words of ours, whatever was written down of it. */
const words: Readonly<Record<IncidentKind, string>> = {
  unauthorised_access: 'دسترسی غیرمجاز',
  stolen_token: 'دسترسی غیرمجاز',
  stolen_key: 'دسترسی غیرمجاز',
  lost_device: 'گم شدن دستگاه',
  wrong_recipient: 'رسیدن داده به گیرندهٔ نادرست',
  misuse: 'سوءاستفاده از حساب',
  other: 'رخداد امنیتی',
};

/**
 * Has the persons of the extent told, by the channels that the policy names for it. Nobody sees an address; a person is told once
 * of one incident by each channel, however often this is called, so that calling again reaches who could not be reached before.
 */
export async function tellConcerned(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'incidents.tell');
  const { clientId, actor } = personOf(caller);
  const { tenantId } = caller;
  const { keys } = await incidentOf(vault, tenantId, id);
  const extent = await extentOf(vault, keys, id);
  const rule = vault.watch.policy(tenantId).profile.tells?.incident;
  if (rule === undefined) throw refuse('not_permitted', '', 'not_in_policy');
  if (extent?.phase !== 'done') throw refuse('conflict', '', 'extent_not_done');
  const telling = signed(keys, {
    id: newId(vault.now()),
    incidentId: id,
    extentId: extent.id,
    afterId: null,
    reached: 0,
    unreached: 0,
    startedBy: clientId,
    startedActor: actor,
    startedAt: new Date(vault.now()),
    finishedAt: null,
  });
  const deed = { object: { kind: 'incidents', id } };
  const answer = await commitAct(vault, caller, act, deed, [insertTelling(tenantId, telling)], {
    status: 202,
    body: viewTelling(telling),
  });
  void advanceTellings(vault).catch(() => undefined);
  return answer;
}

const signed = (keys: TenantKeys, row: Omit<TellingRow, 'mac'>): TellingRow => ({
  ...row,
  mac: macOf(keys, 'incident_tellings', row),
});

/** Carries on with what was begun, of every tenant: any number of processes may, one works at a time, a page is a commit. */
export async function advanceTellings(vault: Vault): Promise<void> {
  for (const tenantId of vault.watch.tenants()) {
    // One tenant in trouble does not keep the others waiting.
    await advanceOf(vault, tenantId).catch(() => undefined);
  }
}

async function advanceOf(vault: Vault, tenantId: string): Promise<void> {
  const [waiting] = await load(vault, tenantId, [selectRunningTellings(tenantId)]);
  if (waiting.length === 0) return;
  await underLease(vault, tenantId, 'incident_tellings', async (renew) => {
    const keys = await vault.keyring.tenant(tenantId);
    const [running] = await load(vault, tenantId, [selectRunningTellings(tenantId)]);
    for (const first of running) {
      if (!believes(vault, keys, 'incident_tellings', first)) continue;
      for (let row = first; row.finishedAt === null;) {
        row = await tellPage(vault, keys, row);
        if (!(await renew())) return;
      }
    }
  });
}

/** The next persons and how far it came, in one commit: who dies between two has told nobody twice and left nobody out. */
async function tellPage(vault: Vault, keys: TenantKeys, row: TellingRow): Promise<TellingRow> {
  const { tenantId } = keys;
  const { file } = await incidentOf(vault, tenantId, row.incidentId);
  const [page] = await load(vault, tenantId, [
    listSubjects(tenantId, row.extentId, row.afterId ?? undefined, pageSize),
  ]);
  // A decoy is nobody, and nobody's address is behind it.
  const decoys = await decoysByCustomer(vault, keys);
  const concerned = page.filter(
    (one) => believes(vault, keys, 'incident_subjects', one) && isConcerned(one) && !decoys.has(one.customerId),
  );
  const about = { telling: 'incident', about: row.incidentId } as const;
  const told = { ...about, params: { step: words[file.kind], id: row.incidentId } };
  const messages: NewMessageRow[] = [];
  let reached = 0;
  for (const { customerId } of concerned) {
    const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, customerId)]);
    const made = customer === undefined ? [] : await messagesTo(vault, keys, customer, told);
    messages.push(...made);
    if (made.length > 0) reached += 1;
  }
  const next = signed(keys, {
    ...row,
    afterId: page.at(-1)?.customerId ?? row.afterId,
    reached: row.reached + reached,
    unreached: row.unreached + concerned.length - reached,
    finishedAt: page.length < pageSize ? new Date(vault.now()) : null,
  });
  await write(vault, tenantId, [...queued(tenantId, messages), advanceTelling(tenantId, next, row.mac)]);
  return next;
}

/** How far it came, and of a page of the persons whom the incident concerned: what was sent to them, and when. */
export async function readTelling(vault: Vault, caller: Caller, act: Act, id: string, page: Page): Promise<Answer> {
  permit(caller, 'incidents.told');
  const { tenantId } = caller;
  const { keys } = await incidentOf(vault, tenantId, id);
  const [[telling]] = await load(vault, tenantId, [selectTellingOf(tenantId, id)]);
  if (telling === undefined) throw new VaultError('not_found');
  checkMac(keys, 'incident_tellings', telling);
  const [rows] = await load(vault, tenantId, [listSubjects(tenantId, telling.extentId, page.after, page.limit + 1)]);
  for (const row of rows) checkMac(keys, 'incident_subjects', row);
  const ids = rows.map(({ customerId }) => customerId);
  const [messages] = await load(vault, tenantId, [selectMessagesAbout(tenantId, 'incident', id, ids)]);
  const genuine = messages.filter((message) => believes(vault, keys, 'messages', message));
  const persons = pageOf(
    rows,
    page.limit,
    ({ customerId }) => customerId,
    (row) => (isConcerned(row) ? toldOf(row.customerId, genuine) : undefined),
  );
  const body = { ...viewTelling(telling), ...persons };
  return commitAct(vault, caller, act, { object: { kind: 'incidents', id } }, [], { status: 200, body });
}

type Sent = Pick<NewMessageRow, 'id' | 'customerId' | 'channel'> & {
  readonly state: string;
  readonly settledAt: Date | null;
};

function toldOf(customerId: string, messages: readonly Sent[]) {
  const own = messages.filter((message) => message.customerId === customerId);
  return {
    customerId,
    messages: own.map(({ id, channel, state, settledAt }) => ({ id, channel, state, ...timeView('at', settledAt) })),
  };
}

function viewTelling({ id, extentId, reached, unreached, startedBy, startedActor, startedAt, finishedAt }: TellingRow) {
  return {
    id,
    extentId,
    state: finishedAt === null ? ('running' as const) : ('done' as const),
    reached,
    unreached,
    startedBy: { clientId: startedBy, actor: startedActor },
    ...timeView('startedAt', startedAt),
    ...timeView('finishedAt', finishedAt),
  };
}
