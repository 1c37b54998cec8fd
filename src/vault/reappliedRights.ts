import { putAdmissions } from '../db/admissions.ts';
import {
  disableClient,
  endSecrets,
  selectClient,
  selectSecrets,
  takeClientForRenewal,
  type ClientRow,
} from '../db/clients.ts';
import { selectStandingCustomer } from '../db/customers.ts';
import { completeExport, discardPackage, fetchExport, selectExport } from '../db/exports.ts';
import { freezeCustomer } from '../db/freezes.ts';
import { closeGrantsOfOrder } from '../db/grants.ts';
import { changeHolds, selectHold } from '../db/holds.ts';
import { selectIncident } from '../db/incidents.ts';
import { selectLegalOrder } from '../db/legalOrders.ts';
import { cancelNotices } from '../db/notices.ts';
import { moveOrder } from '../db/orders.ts';
import { selectPermission, withdrawPermission } from '../db/permissions.ts';
import { changeRecipient, selectRecipient } from '../db/recipients.ts';
import { closeOpenShipment } from '../db/shipments.ts';
import { revokeUndertaking, selectUndertakings } from '../db/undertakings.ts';
import { ledgerPurposes } from '../policy/consent.ts';
import { load } from './act.ts';
import type { Deed } from './audit.ts';
import { disabled } from './clientChange.ts';
import { digestOfClient, signed as signedClient } from './clients.ts';
import { channelsOf, recorded, withdrawing } from './consentRecording.ts';
import { contactPointsOf } from './contactPoints.ts';
import { changeOf, deedOf as deedOfHold } from './holds.ts';
import { ruleAgain } from './journalActs.ts';
import { holdsAtRevocation } from './legalHolds.ts';
import { openOrder } from './legalOrderSeal.ts';
import { deedOf as deedOfOrder, sealStep } from './legalOrderStep.ts';
import { signed as signedPermission } from './permissions.ts';
import { closeAgain, told, type Again, type Lost, type Reapplying } from './reapplied.ts';
import { admissionsOf, signedRecipient } from './recipientRecord.ts';
import { believes, macOf } from './rowMac.ts';
import { admit } from './staffUndertakings.ts';
import { revokedUndertaking } from './undertakingRecord.ts';

/** What was stored, as the leaf tells it. */
function stored({ digest, recordVersion }: Deed): Pick<Again['deed'], 'digest' | 'recordVersion'> {
  return digest === undefined || recordVersion === undefined ? {} : { digest, recordVersion };
}

/** A row that is there and as it was made; what is not is left alone, and the operator is told. */
async function clientOf({ vault, keys, leaf }: Lost): Promise<ClientRow | undefined> {
  if (leaf.objectId === undefined) return undefined;
  const [[row]] = await load(vault, keys.tenantId, [selectClient(keys.tenantId, leaf.objectId)]);
  return row !== undefined && believes(vault, keys, 'clients', row) ? row : undefined;
}

export const disableAgain: Reapplying = async (lost) => {
  const { keys, leaf, at } = lost;
  const row = await clientOf(lost);
  if (row === undefined || row.disabledAt !== null) return undefined;
  const next = disabled(keys, row, at);
  const deed = { ...told(leaf), digest: digestOfClient(next), recordVersion: next.version };
  return { statements: [disableClient(next, at)], deed };
};

/** The secrets that the renewed one took the place of end now; the renewed one is lost, so the client needs another. */
export const endSecretsAgain: Reapplying = async (lost) => {
  const { vault, keys, leaf, at } = lost;
  const row = await clientOf(lost);
  if (row === undefined || row.disabledAt !== null) return undefined;
  const [secrets] = await load(vault, keys.tenantId, [selectSecrets(keys.tenantId, row.id, at)]);
  const ending = secrets
    .filter((secret) => secret.createdAt.getTime() < leaf.at && believes(vault, keys, 'client_secrets', secret))
    .map((secret) => ({ ...secret, expiresAt: at }))
    .map((secret) => ({ ...secret, mac: macOf(keys, 'client_secrets', secret) }));
  if (ending.length === 0) return undefined;
  const next = signedClient(keys, { ...row, version: row.version + 1 });
  return { statements: [takeClientForRenewal(next), endSecrets(keys.tenantId, row.id, ending)], deed: told(leaf) };
};

/** By every channel where the leaf does not say which. A withdrawal too many the person can take back. */
export const withdrawConsentAgain: Reapplying = async ({ vault, policy, keys, leaf }) => {
  const { tenantId } = keys;
  if (leaf.subjectId === undefined) return undefined;
  const [[row]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, leaf.subjectId)]);
  if (row === undefined) return undefined;
  const purposes = leaf.purpose === '' ? ledgerPurposes(policy.profile) : [leaf.purpose];
  const doer = {
    tenantId,
    clientId: leaf.clientId ?? leaf.id,
    role: leaf.role as 'dpo',
    actor: leaf.actor === '' ? undefined : leaf.actor,
  };
  const channels = channelsOf(leaf.rule);
  const recording = withdrawing(keys, contactPointsOf(keys, row), purposes, channels, 'restore');
  const { statements, deed } = await recorded(vault, keys, doer, policy, leaf.subjectId, recording);
  return { statements, deed: { ...told(leaf), ...stored(deed), rule: ruleAgain(channels.join('+')) } };
};

export const withdrawPermissionAgain: Reapplying = async ({ vault, keys, leaf }) => {
  const { tenantId } = keys;
  if (leaf.objectId === undefined) return undefined;
  const [[row]] = await load(vault, tenantId, [selectPermission(tenantId, leaf.objectId)]);
  if (row === undefined || row.withdrawnAt !== null || !believes(vault, keys, 'permissions', row)) return undefined;
  const next = signedPermission(keys, { ...row, withdrawnAt: new Date(leaf.at) });
  return { statements: [withdrawPermission(tenantId, next)], deed: told(leaf) };
};

export const releaseHoldAgain: Reapplying = async ({ vault, keys, leaf, at }) => {
  const { tenantId } = keys;
  if (leaf.objectId === undefined) return undefined;
  const [[hold]] = await load(vault, tenantId, [selectHold(tenantId, leaf.objectId)]);
  if (hold === undefined || hold.releasedAt !== null || !believes(vault, keys, 'holds', hold)) return undefined;
  const change = changeOf(keys, { hold, endsAt: hold.endsAt, releasedAt: hold.endsAt < at ? hold.endsAt : at });
  const deed = { ...told(leaf), ...stored(deedOfHold({ ...hold, mac: change.mac }, 2)) };
  return { statements: [changeHolds(tenantId, [change])], deed };
};

/** Whoever took the approval back stands in the file; the words for it are lost. */
export const revokeOrderAgain: Reapplying = async ({ vault, keys, leaf, at }) => {
  const { tenantId } = keys;
  if (leaf.objectId === undefined) return undefined;
  const [[row]] = await load(vault, tenantId, [selectLegalOrder(tenantId, leaf.objectId)]);
  if (row === undefined || (row.status !== 'approved' && row.status !== 'executed')) return undefined;
  const file = openOrder(keys, row);
  const held = await holdsAtRevocation({ vault, keys, legalOrderId: row.id, record: file.record, at });
  const person = { clientId: leaf.clientId ?? leaf.id, actor: leaf.actor };
  const revocation = { ...person, at: at.toISOString(), reason: 'بازیابی از نسخهٔ پشتیبان' };
  const { sealed, statement } = sealStep(keys, row, { ...file, revocation }, [row.status]);
  return {
    statements: [statement, discardPackage(tenantId, row.id), cancelNotices(tenantId, row.id, at), ...held.statements],
    deed: { ...told(leaf), ...stored(deedOfOrder(sealed)) },
  };
};

/** It left once: it is out, and no copy is kept. */
export const fetchAgain: Reapplying = async ({ vault, keys: { tenantId }, leaf }) => {
  if (leaf.objectId === undefined) return undefined;
  const [[row]] = await load(vault, tenantId, [selectExport(tenantId, leaf.objectId)]);
  if (row?.delivery !== 'waiting') return undefined;
  const at = new Date(leaf.at);
  const by = leaf.clientId ?? leaf.id;
  return {
    statements: [
      fetchExport(tenantId, row.id, by, leaf.actor, at),
      completeExport(tenantId, { id: row.id, fetchedAt: at }, at),
    ],
    deed: told(leaf),
  };
};

export const cancelAgain: Reapplying = async ({ keys: { tenantId }, leaf, at }) => {
  const id = leaf.objectId;
  if (id === undefined) return undefined;
  const statements = [
    moveOrder(tenantId, id, ['placed', 'dispatched', 'returned'], 'cancelled', at),
    closeOpenShipment(tenantId, id, 'cancelled', at),
    closeGrantsOfOrder(tenantId, id, 'cancelled', at),
  ];
  return { statements, deed: told(leaf) };
};

export const revokeRecipientAgain: Reapplying = async ({ vault, keys, leaf, at }) => {
  const { tenantId } = keys;
  if (leaf.objectId === undefined) return undefined;
  const [[row]] = await load(vault, tenantId, [selectRecipient(tenantId, leaf.objectId)]);
  if (row === undefined || row.revokedAt !== null || !believes(vault, keys, 'recipients', row)) return undefined;
  const by = { revokedBy: leaf.clientId ?? leaf.id, revokedActor: leaf.actor };
  const next = signedRecipient(keys, { ...row, revokedAt: new Date(leaf.at), ...by });
  const statements = [changeRecipient(tenantId, next, row.mac), putAdmissions(tenantId, admissionsOf(keys, next, at))];
  return { statements, deed: told(leaf) };
};

export const revokeStaffAgain: Reapplying = async ({ vault, keys, leaf, at }) => {
  const { tenantId } = keys;
  if (leaf.objectId === undefined) return undefined;
  const [[row]] = await load(vault, tenantId, [selectUndertakings(tenantId, [leaf.objectId])]);
  if (row === undefined || row.actor === null || row.revokedAt !== null) return undefined;
  if (!believes(vault, keys, 'undertakings', row)) return undefined;
  const person = { clientId: leaf.clientId ?? leaf.id, actor: leaf.actor };
  const next = revokedUndertaking(keys, row, person, new Date(leaf.at));
  return {
    statements: [revokeUndertaking(tenantId, next, row.mac), admit(keys, row.actor, null, at)],
    deed: told(leaf),
  };
};

/** Customers whose account was frozen, and grants that were closed. */
export const containAgain: Reapplying = async (lost) => {
  const { vault, policy, keys, leaf } = lost;
  if (leaf.objectKind === 'grants') return closeAgain('grants')(lost);
  if (leaf.subjectId === undefined) return undefined;
  const [[row]] = await load(vault, keys.tenantId, [selectStandingCustomer(keys.tenantId, leaf.subjectId)]);
  if (row === undefined || row.frozen) return undefined;
  const [[incident]] = await load(vault, keys.tenantId, [selectIncident(keys.tenantId, leaf.objectId ?? leaf.id)]);
  // Under the incident, where it is still known: whoever deals with it lets the account go.
  const freeze = freezeCustomer(keys.tenantId, leaf.subjectId, policy.profile.misuse.freezes, incident?.id);
  return { statements: [freeze], deed: incident === undefined ? { subjectId: leaf.subjectId } : told(leaf) };
};
