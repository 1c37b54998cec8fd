import { canonicalJson } from '../crypto/canonicalJson.ts';
import { runningDigest } from '../crypto/digest.ts';
import { decodeLeaf, type AuditLeaf } from '../crypto/leaf.ts';
import { selectLeavesAfter } from '../db/audit.ts';
import {
  advanceExtent,
  listSubjects,
  putSubjects,
  selectRunningExtents,
  selectSubjectsNamed,
  selectUnderKey,
  type ExtentRow,
  type SubjectRow,
} from '../db/incidentExtents.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { maxLifetimeSeconds } from './accessToken.ts';
import { load, write } from './act.ts';
import { eventStatement } from './events.ts';
import { counted, emptyTally, fits, isConcerned, type Criteria, type Tally } from './extentTally.ts';
import { firstIdAt, timeOf } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { underLease } from './lease.ts';
import { believes, macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Leaves, or customers, of one step; each step is a commit. */
const pageSize = 1_000;
/** A leaf is made before its commit, which has at most the deadline of a request: until then the log of a moment is not whole. */
export const settlesAfterMs = 10_000;

/**
 * Carries on with every extent that is not done, of every tenant. Any number of processes may: one works at a time, each step is one
 * commit on what was read, and whoever comes next goes on from there.
 */
export async function advanceExtents(vault: Vault): Promise<void> {
  for (const tenantId of vault.watch.tenants()) {
    // One tenant in trouble does not keep the others waiting.
    await advanceOf(vault, tenantId).catch(() => undefined);
  }
}

async function advanceOf(vault: Vault, tenantId: string): Promise<void> {
  const [waiting] = await load(vault, tenantId, [selectRunningExtents(tenantId)]);
  if (waiting.length === 0) return;
  await underLease(vault, tenantId, 'extents', async (renew) => {
    const keys = await vault.keyring.tenant(tenantId);
    const [running] = await load(vault, tenantId, [selectRunningExtents(tenantId)]);
    for (const first of running) {
      if (!believes(vault, keys, 'incident_extents', first)) continue;
      for (let row: ExtentRow | undefined = first; row !== undefined;) {
        row = await stepOf(vault, keys, row);
        if (!(await renew())) return;
      }
    }
  });
}

/** One commit further. Undefined when it is done, or has to wait. */
async function stepOf(vault: Vault, keys: TenantKeys, row: ExtentRow): Promise<ExtentRow | undefined> {
  const criteria = JSON.parse(row.criteria) as Criteria;
  const step =
    row.phase === 'keys' ? await underKey(vault, keys, row, criteria) : await inLog(vault, keys, row, criteria);
  if (step === undefined) return undefined;
  const done = step.row.phase === 'done';
  const end = done ? await finished(vault, keys, row) : {};
  const next = signedExtent(keys, { ...step.row, ...end });
  const raised = { kind: 'incident.extent_done', objectId: row.incidentId, at: next.finishedAt ?? undefined } as const;
  await write(vault, keys.tenantId, [
    ...step.statements,
    advanceExtent(keys.tenantId, next, row.mac),
    ...(done ? [eventStatement(vault, keys.tenantId, raised)] : []),
  ]);
  return done ? undefined : next;
}

interface Step {
  readonly row: Omit<ExtentRow, 'mac'>;
  readonly statements: readonly Statement[];
}

async function underKey(vault: Vault, keys: TenantKeys, row: ExtentRow, { keyVersion = 0 }: Criteria): Promise<Step> {
  const [page] = await load(vault, keys.tenantId, [
    selectUnderKey(keys.tenantId, keyVersion, row.afterId ?? undefined, pageSize),
  ]);
  const tallies = page
    .filter(({ openable }) => openable.length > 0)
    .map(({ customerId, openable }) => ({ ...emptyTally(customerId), openable }));
  const over = page.length < pageSize;
  const afterId = over ? null : (page.at(-1)?.customerId ?? null);
  const next = { ...row, afterId, phase: over ? ('log' as const) : row.phase, subjects: row.subjects + tallies.length };
  return { row: next, statements: [put(keys, row.id, tallies)] };
}

async function inLog(vault: Vault, keys: TenantKeys, row: ExtentRow, criteria: Criteria): Promise<Step | undefined> {
  const { tenantId } = keys;
  const after = row.afterId ?? startOf(criteria);
  const until = endOf(criteria, row.untilId);
  const [page] = await load(vault, tenantId, [selectLeavesAfter(tenantId, criteria.clientId, after, until, pageSize)]);
  const over = page.length < pageSize;
  if (over && vault.now() < timeOf(row.untilId) + settlesAfterMs) return undefined;
  const leaves = page.flatMap(({ id, leaf }) => readLeaf(vault, id, leaf)).filter((leaf) => fits(leaf, criteria));
  const about = leaves.filter((leaf) => leaf.subjectId !== undefined);
  const known = await talliesOf(vault, keys, row.id, about);
  const before = known.size;
  // Under a key, whom it opens nothing of is not concerned.
  for (const leaf of about) {
    const id = leaf.subjectId ?? '';
    const tally = known.get(id) ?? (criteria.keyVersion === undefined ? emptyTally(id) : undefined);
    if (tally !== undefined) known.set(id, counted(tally, leaf));
  }
  const next = {
    ...row,
    // What this step puts is read for the digest by the next one.
    phase: page.length === 0 ? ('done' as const) : row.phase,
    afterId: page.at(-1)?.id ?? row.afterId,
    leaves: row.leaves + page.length,
    refused: row.refused + leaves.filter(({ outcome }) => outcome === 'refused').length,
    subjects: row.subjects + known.size - before,
  };
  return { row: next, statements: [put(keys, row.id, [...known.values()])] };
}

/** A token's leaves lie within its life, of which its own id tells the beginning. */
function startOf({ tokenId, from }: Criteria): string | undefined {
  if (from !== undefined) return firstIdAt(new Date(from));
  return tokenId === undefined ? undefined : firstIdAt(new Date(Math.max(0, timeOf(tokenId) - settlesAfterMs)));
}

function endOf({ tokenId }: Criteria, untilId: string): string {
  if (tokenId === undefined) return untilId;
  const last = firstIdAt(new Date(timeOf(tokenId) + maxLifetimeSeconds * 1000 + settlesAfterMs));
  return last < untilId ? last : untilId;
}

/** One that was altered tells nothing; the operator is told. */
function readLeaf(vault: Vault, id: string, bytes: Buffer): readonly AuditLeaf[] {
  try {
    const leaf = decodeLeaf(bytes);
    if (leaf.id === id) return [leaf];
  } catch {
    // As below.
  }
  vault.notice('integrity_failure', 'audit_leaf');
  return [];
}

async function talliesOf(vault: Vault, keys: TenantKeys, extentId: string, leaves: readonly AuditLeaf[]) {
  const ids = [...new Set(leaves.flatMap(({ subjectId }) => subjectId ?? []))];
  const [rows] = await load(vault, keys.tenantId, [selectSubjectsNamed(keys.tenantId, extentId, ids)]);
  return new Map<string, Tally>(
    rows.map((row) => {
      if (!believes(vault, keys, 'incident_subjects', row)) throw new VaultError('integrity_failure');
      return [row.customerId, row];
    }),
  );
}

function put(keys: TenantKeys, extentId: string, tallies: readonly Tally[]): Statement {
  const rows = tallies.map((tally) => {
    const row = { ...tally, extentId };
    return { ...row, mac: macOf(keys, 'incident_subjects', row) };
  });
  return putSubjects(keys.tenantId, extentId, rows);
}

export const signedExtent = (keys: TenantKeys, row: Omit<ExtentRow, 'mac'>): ExtentRow => ({
  ...row,
  mac: macOf(keys, 'incident_extents', row),
});

async function finished(vault: Vault, keys: TenantKeys, row: ExtentRow) {
  const digest = runningDigest();
  for (let after: string | undefined; ;) {
    const [page] = await load(vault, keys.tenantId, [listSubjects(keys.tenantId, row.id, after, pageSize)]);
    for (const subject of page) digest.update(Buffer.from(`${canonicalJson(viewTally(subject))}\n`));
    after = page.at(-1)?.customerId;
    if (page.length < pageSize) break;
  }
  return { digest: digest.end(), finishedAt: new Date(vault.now()) };
}

/** One person of an extent as the officer sees them, and as the digest is over. */
export function viewTally(subject: SubjectRow) {
  const { customerId, reads, masked, writes, others, refused, underOrder, fields, maskedFields, openable } = subject;
  return {
    customerId,
    reads,
    masked,
    writes,
    others,
    refused,
    underOrder,
    fields: [...fields],
    maskedFields: [...maskedFields],
    openable: [...openable],
    concerned: isConcerned(subject),
    ...(subject.firstAt === null ? {} : { firstAt: subject.firstAt.toISOString() }),
    ...(subject.lastAt === null ? {} : { lastAt: subject.lastAt.toISOString() }),
  };
}
