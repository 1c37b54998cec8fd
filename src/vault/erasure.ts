import { digestOfNothing } from '../crypto/digest.ts';
import { insertDestroyedKeys, type DestroyedKey } from '../db/destroyedKeys.ts';
import {
  destroyCustomer,
  destroyOrders,
  selectLeaving,
  selectLeft,
  type LeavingRow,
  type LeftRecord,
} from '../db/erasure.ts';
import { selectFeedbackOver } from '../db/feedback.ts';
import { changeRequests, selectClosable, selectRequestsOf, type RequestRow } from '../db/requests.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { load, write } from './act.ts';
import { certificateOf, closingLeaf } from './erasureCertificate.ts';
import { eventStatement } from './events.ts';
import { cutOff } from './feedback.ts';
import { keptFor } from './formerVersions.ts';
import { clearanceOf, type Clearance } from './holds.ts';
import { keptOf, type Kept } from './keptByLaw.ts';
import type { TenantKeys } from './keyring.ts';
import { signed } from './requestRecord.ts';
import { clocksOf, durationOf } from './retentionTerms.ts';
import { believes } from './rowMac.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Customers, or requests, looked at together. */
const atMost = 100;

/**
 * Destroys the keys of everybody who is leaving and whom nothing holds, one commit each, and closes the erasures whose day has
 * come. Any number of processes may do it at once: of two, one finds the customer gone and goes on.
 */
export async function sweepErasures(vault: Vault): Promise<void> {
  for (const tenantId of vault.watch.tenants()) {
    // A tenant whose keys or rows are in trouble does not keep the others' people from going.
    await sweepErasuresOf(vault, tenantId).catch(() => undefined);
  }
}

/** The same for one tenant. */
export async function sweepErasuresOf(vault: Vault, tenantId: string): Promise<void> {
  const policy = vault.watch.policy(tenantId);
  const keys = await vault.keyring.tenant(tenantId);
  // Where counsel says that the law binds the shop to keep what it had: out of everybody's reach, for so long.
  const { profile } = policy;
  const keep = durationOf(profile.retention.erased_hold.keep) ?? 'P0D';
  const decided = { keep, keepStates: keptFor(profile, 'customers'), at: new Date(vault.now()) };
  for (let after: string | undefined; ;) {
    const [leaving] = await load(vault, tenantId, [selectLeaving(tenantId, decided, after, atMost)]);
    if (leaving.length > 0) await erasePage(vault, policy, keys, leaving);
    after = leaving.at(-1)?.id;
    if (leaving.length < atMost) break;
  }
  await closeErasures(vault, keys);
}

async function erasePage(vault: Vault, policy: Policy, keys: TenantKeys, leaving: readonly LeavingRow[]) {
  const ids = leaving.map(({ id }) => id);
  const at = new Date(vault.now());
  const clearance = await clearanceOf(vault, keys, ids, at);
  const [left, requests] = await load(vault, keys.tenantId, [
    selectLeft(keys.tenantId, ids, clocksOf(policy.profile, at)),
    selectRequestsOf(keys.tenantId, ids),
  ]);
  const asked = requests.filter((row) => believes(vault, keys, 'requests', row));
  for (const customer of leaving.filter(({ id }) => !clearance.held.has(id))) {
    const records = left.filter(({ customerId }) => customerId === customer.id);
    const own = asked.filter(({ customerId }) => customerId === customer.id);
    await unlessChanged(eraseCustomer(vault, policy, keys, { customer, records, requests: own, at }, clearance));
  }
}

interface Leaving {
  readonly customer: LeavingRow;
  readonly records: readonly LeftRecord[];
  readonly requests: readonly RequestRow[];
  readonly at: Date;
}

/** One customer, in one commit: keys, leaves and the certificate, or nothing. */
async function eraseCustomer(
  vault: Vault,
  policy: Policy,
  keys: TenantKeys,
  { customer, records, requests, at }: Leaving,
  { statements: lapsed }: Clearance,
): Promise<void> {
  // Whoever is in no request that was granted was put here by no decision.
  const granted = requests.find(
    ({ kind, outcome, state }) => kind === 'erase' && outcome === 'done' && state === 'open',
  );
  if (granted === undefined) throw new VaultError('integrity_failure');
  const { tenantId } = keys;
  const keep = durationOf(policy.profile.retention.feedback.keep);
  const [opinions] = await load(vault, tenantId, [selectFeedbackOver(tenantId, customer.id, keep)]);
  // As it was when it was granted, and answered on its day: what held the key meanwhile shows in neither.
  const by = granted.dueAt > at ? granted.dueAt : at;
  const kept = records.flatMap((record) => keptOf(policy.profile, record, granted.decidedAt ?? at) ?? []);
  const orders = records.filter((record) => record.kind === 'orders' && !kept.some((one) => one.record === record));
  const gone = [customer.id, ...orders.map(({ id }) => id)].map((recordId) => ({ recordId, customerId: customer.id }));
  // What a hold had kept past its time was gone for everybody before it was asked for.
  const counted = orders.filter(({ over }) => !over);
  const erased = { customer, orders: counted, kept, by };
  const certificate = certificateOf(vault.peers.exporting(), policy, granted.id, erased);
  const silenced = requests.map((row) => ({
    ...signed(keys, {
      ...row,
      note: null,
      why: null,
      proposal: null,
      ...(row === granted ? { certificate, ...answerOf(policy, kept) } : {}),
    }),
    was: row.mac,
  }));
  await write(vault, tenantId, [
    ...lapsed,
    // What was nobody's before stays nobody's; the rest of what they said goes.
    cutOff(
      keys,
      opinions.filter((row) => believes(vault, keys, 'feedback', row)),
    ),
    ...destroyCustomer(tenantId, customer, at),
    ...destroyOrders(tenantId, orders, at),
    changeRequests(tenantId, silenced),
    insertDestroyedKeys(tenantId, gone, at),
    ...leavesOf(vault, policy, tenantId, customer, orders),
  ]);
  forgetDestroyed(vault, gone);
}

/** Said when the request is closed, not before. */
function answerOf({ profile }: Policy, kept: readonly Kept[]): Pick<RequestRow, 'outcome' | 'reason' | 'clauses'> {
  if (kept.length === 0) return { outcome: 'done', reason: null, clauses: [] };
  const clauses = new Set(kept.flatMap(({ rule }) => profile.retention[rule].clauses));
  return { outcome: 'partly', reason: 'kept_by_law', clauses: [...clauses].toSorted() };
}

function leavesOf(
  vault: Vault,
  { label }: Policy,
  tenantId: string,
  customer: LeavingRow,
  orders: readonly LeftRecord[],
): Statement[] {
  const deed = {
    tenantId,
    policyVersion: label,
    subjectId: customer.id,
    rule: 'rights.erase',
    digest: digestOfNothing,
  };
  const now = vault.now();
  return [
    sweepLeaf({ ...deed, action: 'customers.erase', recordVersion: customer.version + 1 }, now),
    ...orders.map(({ id, version }) =>
      sweepLeaf({ ...deed, action: 'orders.erase', object: { kind: 'orders', id }, recordVersion: version + 1 }, now),
    ),
  ];
}

/** Drops what this process has in memory of what is gone. */
export function forgetDestroyed(
  { keyring, grants, deliveries }: Pick<Vault, 'keyring' | 'grants' | 'deliveries'>,
  gone: readonly DestroyedKey[],
): void {
  if (gone.length === 0) return;
  keyring.forgetDataKeys(gone.map(({ recordId }) => recordId));
  const customers = new Set(gone.flatMap(({ customerId }) => customerId ?? []));
  grants.forgetCustomers(customers);
  deliveries.forgetCustomers(customers);
}

/**
 * An erasure is answered on its day, whenever its key went: an answer that came with the key would tell from one that is late
 * that something is held.
 */
async function closeErasures(vault: Vault, keys: TenantKeys): Promise<void> {
  const { tenantId } = keys;
  for (;;) {
    const at = new Date(vault.now());
    const [rows] = await load(vault, tenantId, [selectClosable(tenantId, at, atMost)]);
    const due = rows.filter((row) => believes(vault, keys, 'requests', row));
    if (due.length === 0) return;
    const closed = due.map((row) => ({
      ...signed(keys, { ...row, state: row.outcome ?? 'done', closedAt: at }),
      was: row.mac,
    }));
    const events = due.map(({ id, customerId }) => ({ kind: 'request.closed', objectId: id, customerId, at }) as const);
    const done = await unlessChanged(
      write(vault, tenantId, [
        changeRequests(tenantId, closed),
        eventStatement(vault, tenantId, ...events),
        ...due.map((row) => closingLeaf(vault, tenantId, row)),
      ]),
    );
    if (!done || rows.length < atMost) return;
  }
}

/** False when another process, or a hold that was placed meanwhile, came first; the next round sees it. */
async function unlessChanged(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'conflict') return false;
    throw error;
  }
}
