import { insertPolicyNotice } from '../db/policies.ts';
import {
  countMessagesAbout,
  endMailing,
  insertMailing,
  moveMailing,
  selectAddressees,
  selectMailing,
  selectOpenMailings,
  type MailingCount,
  type MailingRow,
} from '../db/policyMailings.ts';
import { refuse, VaultError } from '../errors.ts';
import { toPersianDigits } from '../formats/jalali.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import type { PolicyArchive } from './policyArchive.ts';
import { believes, checkMac, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import { channelsOf, messagesTo, queued, type Told } from './tellings.ts';
import type { Vault } from './vault.ts';

/** Customers whose messages are queued in one commit. */
const atOnce = 100;

/** Has everybody who can be reached told of a version. The notice is on record once the last message is settled. */
export async function mailPolicy(
  vault: Vault,
  archive: PolicyArchive,
  caller: Caller,
  act: Act,
  number: number,
): Promise<Answer> {
  permit(caller, 'policies.mail');
  const { tenantId, clientId, actor } = caller;
  const { versions } = await archive.history(tenantId);
  if (!versions.some((version) => version.number === number)) throw new VaultError('not_found');
  if (vault.watch.policy(tenantId).profile.tells?.policy_version === undefined)
    throw refuse('not_permitted', '', 'not_in_policy');
  if (channelsOf(vault, tenantId, 'policy_version').length === 0) throw refuse('channel_unavailable', '');
  const keys = await vault.keyring.tenant(tenantId);
  const at = new Date(vault.now());
  const facts = {
    id: newId(vault.now()),
    number,
    requestedBy: clientId,
    requestedActor: actor ?? null,
    requestedAt: at,
  };
  const row = { ...facts, mac: macOf(keys, 'policy_mailings', facts) };
  const deed = { object: { kind: 'policies', id: tenantId }, recordVersion: number, rule: 'mailing' };
  return commitAct(vault, caller, act, deed, [insertMailing(tenantId, row)], {
    status: 202,
    body: viewOf({ ...row, cursor: null, queuedAt: null, doneAt: null }, []),
  });
}

/** How far it has come. */
export async function readMailing(vault: Vault, caller: Caller, act: Act, number: number): Promise<Answer> {
  permit(caller, 'policies.mailing');
  const { tenantId } = caller;
  const [[row]] = await load(vault, tenantId, [selectMailing(tenantId, number)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(await vault.keyring.tenant(tenantId), 'policy_mailings', row);
  const [counts] = await load(vault, tenantId, [countMessagesAbout(tenantId, row.id)]);
  const deed = { object: { kind: 'policies', id: tenantId }, recordVersion: number };
  return commitAct(vault, caller, act, deed, [], { status: 200, body: viewOf(row, counts) });
}

function viewOf({ number, requestedAt, queuedAt, doneAt }: MailingRow, counts: readonly MailingCount[]) {
  const inState = (state: string): number => counts.filter((c) => c.state === state).reduce((sum, c) => sum + c.n, 0);
  return {
    number,
    state: doneAt !== null ? 'done' : queuedAt !== null ? 'sending' : 'queueing',
    queued: inState('queued'),
    sent: inState('sent'),
    notSent: inState('withheld') + inState('dead'),
    ...timeView('requestedAt', requestedAt),
    ...timeView('doneAt', doneAt),
  };
}

/** Queues what is to be queued and records what is done. Any number of processes may: a mailing moves one step at a time. */
export async function sweepMailings(vault: Vault): Promise<void> {
  for (const tenantId of vault.watch.tenants()) {
    // A tenant in trouble keeps the others' people from nothing.
    await sweepMailingsOf(vault, tenantId).catch(() => undefined);
  }
}

async function sweepMailingsOf(vault: Vault, tenantId: string): Promise<void> {
  const [open] = await load(vault, tenantId, [selectOpenMailings(tenantId)]);
  if (open.length === 0) return;
  const keys = await vault.keyring.tenant(tenantId);
  for (const row of open.filter((one) => believes(vault, keys, 'policy_mailings', one))) {
    if (row.queuedAt === null) await queueAll(vault, keys, row);
    else await endIfSettled(vault, keys, row);
  }
}

async function queueAll(vault: Vault, keys: TenantKeys, mailing: MailingRow): Promise<void> {
  const { tenantId } = keys;
  const told = toldOf(vault, tenantId, mailing);
  for (let row = mailing; ;) {
    const [customers] = await load(vault, tenantId, [selectAddressees(tenantId, row.cursor, atOnce)]);
    const messages = [];
    for (const customer of customers) messages.push(...(await messagesTo(vault, keys, customer, told)));
    const cursor = customers.at(-1)?.id ?? row.cursor;
    const queuedAt = customers.length < atOnce ? new Date(vault.now()) : null;
    await write(vault, tenantId, [moveMailing(tenantId, row, { cursor, queuedAt }), ...queued(tenantId, messages)]);
    if (queuedAt !== null) return;
    row = { ...row, cursor };
  }
}

/** The text says which version, and where everybody can read it. */
function toldOf(vault: Vault, tenantId: string, { id, number }: MailingRow): Told {
  const url = `${vault.issuer}/v1/tenants/${tenantId}/policies/${number}`;
  return { telling: 'policy_version', about: id, params: { number: toPersianDigits(String(number)), url } };
}

/** Whom a message reached is who was told; where it reached nobody nothing is on record. */
async function endIfSettled(vault: Vault, keys: TenantKeys, row: MailingRow): Promise<void> {
  const { tenantId } = keys;
  const [counts] = await load(vault, tenantId, [countMessagesAbout(tenantId, row.id)]);
  if (counts.some(({ state }) => state === 'queued')) return;
  const audience = counts.find(({ channel, state }) => channel === 'email' && state === 'sent')?.n ?? 0;
  const at = new Date(vault.now());
  const notice = {
    tenantId,
    id: newId(at.getTime()),
    number: row.number,
    channel: 'email',
    givenAt: at,
    audience,
    recordedAt: at,
    recordedBy: row.requestedBy,
    recordedActor: row.requestedActor,
  };
  const told = audience === 0 ? [] : [insertPolicyNotice({ ...notice, mac: macOf(keys, 'policy_notices', notice) })];
  const leaf = sweepLeaf(
    {
      tenantId,
      policyVersion: vault.watch.policy(tenantId).label,
      action: 'policies.notice',
      rule: 'notice.email',
      object: { kind: 'policies', id: tenantId },
      recordVersion: row.number,
      outcome: audience === 0 ? 'refused' : 'allowed',
    },
    at.getTime(),
  );
  await write(vault, tenantId, [endMailing(tenantId, row.number, at), ...told, leaf]);
}
