import { deleteOldAnomalies } from '../db/anomalies.ts';
import { commit } from '../db/commit.ts';
import { deleteCopyLinks } from '../db/copyLinks.ts';
import { discardStalePackages } from '../db/exports.ts';
import { deleteDestroyedKeys } from '../db/destroyedKeys.ts';
import { deleteExpired } from '../db/housekeeping.ts';
import { deleteOldVerifications } from '../db/verifications.ts';
import { deleteOrphanChunks } from '../db/legalDocuments.ts';
import { raiseDueEvents } from './dueEvents.ts';
import { advanceExtents } from './extentPass.ts';
import { sweepErasures } from './erasure.ts';
import { sweepFormerVersions } from './formerVersions.ts';
import { sweepMailings } from './policyMailing.ts';
import { sweepPolicyChanges } from './policySweep.ts';
import { sweepSupplementary } from './supplementaryAnswers.ts';
import { sweepRetention } from './retention.ts';
import { durationOf } from './retentionTerms.ts';
import { freezeStatistics } from './statistics.ts';
import { openIntegrator } from './integration.ts';
import { advanceTellings } from './incidentTelling.ts';
import { forgetCounts } from './readerCounts.ts';
import { watchReaders, type Heads } from './readerWatch.ts';
import { rounds } from './rounds.ts';
import type { Vault } from './vault.ts';

const everyMs = 10 * 60 * 1000;
/** So late may somebody hear of what the clock brings. */
const raiseEveryMs = 30 * 1000;
/** So late may a grant stand open that the policy in force forbids; what it opens the judge decides at every read. */
const changeEveryMs = 2 * 1000;
/** Half of the second within which a leaf is in the tree. */
const integrateEveryMs = 500;
/** So late may the officer hear of a decoy, and a reader be stopped for it. */
const watchEveryMs = 1_000;
/** Rows a table gives up in one commit; the rest waits for the next round. */
const atMost = 10_000;

/** Longer than a request may take to arrive. */
const longestUploadMs = 60 * 60 * 1000;
/** By then every process has forgotten what was destroyed. */
const forgottenMs = 60 * 60 * 1000;

/**
 * Deletes what has expired: stored answers, import lines, revocations of dead tokens, used assertions; what uploads left
 * that did not live to clear it away; packages that nobody fetched while their order held; whatever has had the time
 * that the policy gives its class; and former states of records that are kept no longer.
 */
export async function housekeep(vault: Vault): Promise<void> {
  for (const tenantId of vault.watch.tenants()) {
    // A tenant whose policy, keys or rows are in trouble leaves the others' houses to be kept.
    await housekeepOf(vault, tenantId).catch(() => undefined);
  }
}

async function housekeepOf(vault: Vault, tenantId: string): Promise<void> {
  const now = new Date(vault.now());
  const orphans = deleteOrphanChunks(tenantId, new Date(now.getTime() - longestUploadMs));
  const stale = discardStalePackages(tenantId, now, atMost);
  await commit(vault.db, { tenantIds: [tenantId] }, [
    ...deleteExpired(tenantId, now, atMost),
    orphans,
    deleteCopyLinks(tenantId, now),
    stale,
    deleteOldVerifications(tenantId, now, atMost),
    deleteDestroyedKeys(tenantId, new Date(now.getTime() - forgottenMs)),
  ]);
  // Without a policy that can be read, nothing says what of its records is due.
  const policy = vault.watch.policy(tenantId);
  await forgetCounts(vault, policy.profile, tenantId, atMost);
  // What was unusual is told of for as long as the log is kept in which it was seen.
  const keep = durationOf(policy.profile.retention.access_audit.keep);
  await commit(vault.db, { tenantIds: [tenantId] }, [deleteOldAnomalies(tenantId, keep, now, atMost)]);
  // Holds that are over end here, before anything else is looked at.
  try {
    await sweepRetention(vault, policy, tenantId);
  } finally {
    await sweepFormerVersions(vault, tenantId, policy.profile, now);
    await freezeStatistics(vault, policy, tenantId);
  }
}

/**
 * Every process may run it: deleting twice does no harm, and what was raised is not raised again. Returns how to stop it, with
 * the log's tree whole.
 */
export function keepHouse(vault: Vault): () => Promise<void> {
  const settled = new Map<string, number>();
  const heads: Heads = new Map();
  const integrateQueued = openIntegrator(vault);
  const stops = [
    rounds(integrateEveryMs, () => integrateQueued()),
    rounds(watchEveryMs, () => watchReaders(vault, heads)),
    rounds(everyMs, () => housekeep(vault)),
    rounds(changeEveryMs, () => sweepPolicyChanges(vault, settled)),
    rounds(changeEveryMs, () => sweepMailings(vault)),
    rounds(raiseEveryMs, () => raiseDueEvents(vault)),
    rounds(changeEveryMs, () => advanceTellings(vault)),
    rounds(changeEveryMs, () => advanceExtents(vault)),
    rounds(raiseEveryMs, () => sweepSupplementary(vault)),
    rounds(raiseEveryMs, () => sweepErasures(vault)),
  ];
  return async () => {
    for (const stop of stops) stop();
    await integrateQueued.finish();
  };
}
