import { decodeLeaf, type AuditLeaf } from '../crypto/leaf.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { selectPurposesOf, selectStandings, type StandingRow } from '../db/recordStandings.ts';
import { ruleOfAct } from './journalActs.ts';
import type { ProfileOf } from './tagVerification.ts';

/** How a customer stands: what no sealed value and no MAC vouches for, and every read takes. */
interface Standing {
  status: string;
  editsFrozen: boolean;
  revealsFrozen: boolean;
  /** A report of misuse is open; ids of the incidents that hold the account. */
  reported: boolean;
  /** An incident that is lost held the account: of it only the freeze was done again after a restore, until anything lets it go. */
  heldAgain: boolean;
  readonly incidents: Set<string>;
  /** Objections that stand: ids of requests. */
  readonly objections: Set<string>;
}

/**
 * Of these customers the first whose status, freezes or closed purposes are not what the log tells: the acts that bring them about
 * are taken from the leaves, in their order. Undefined when all agree.
 */
export async function standingFlaw(
  db: Database,
  tenantId: string,
  profileOf: ProfileOf,
  ids: readonly string[],
): Promise<string | undefined> {
  const scope = { tenantIds: [tenantId] };
  const [rows] = await commit(db, scope, [selectStandings(tenantId, ids)]);
  const customers = new Map<string, { readonly row: StandingRow; readonly told: Standing }>();
  for (const row of rows) {
    const known = customers.get(row.id) ?? { row, told: newStanding() };
    customers.set(row.id, known);
    if (row.leaf !== null) follow(known.told, decodeLeaf(row.leaf), profileOf);
  }
  const objections = [...customers.values()].flatMap(({ told }) => [...told.objections]);
  const [requests] = objections.length === 0 ? [[]] : await commit(db, scope, [selectPurposesOf(tenantId, objections)]);
  const purposes = new Map(requests.map(({ id, purpose }) => [id, purpose]));
  for (const [id, { row, told }] of customers) if (!agrees(row, told, purposes)) return id;
  return undefined;
}

const newStanding = (): Standing => ({
  status: 'active',
  editsFrozen: false,
  revealsFrozen: false,
  reported: false,
  heldAgain: false,
  incidents: new Set(),
  objections: new Set(),
});

function follow(standing: Standing, leaf: AuditLeaf, profileOf: ProfileOf): void {
  if (leaf.outcome !== 'allowed') return;
  const { action, objectKind, objectId = '' } = leaf;
  const rule = ruleOfAct(leaf);
  const contains = action === 'incidents.contain' && objectKind === 'incidents';
  const containsAgain = action === 'incidents.contain' && objectKind === undefined;
  if (containsAgain) standing.heldAgain = true;
  if (action === 'incidents.thaw' || action === 'misuse_reports.resolve') standing.heldAgain = false;
  if (contains) standing.incidents.add(objectId);
  if (action === 'incidents.thaw') standing.incidents.delete(objectId);
  if (action === 'misuse_reports.create') standing.reported = true;
  if (action === 'misuse_reports.resolve') standing.reported = false;
  const held = standing.reported || standing.heldAgain || standing.incidents.size > 0;
  const freezes: readonly string[] =
    contains || containsAgain || action === 'misuse_reports.create'
      ? (profileOf(leaf.policyVersion)?.misuse.freezes ?? [])
      : [];
  // What holds an account beside another does not lessen what that one froze.
  standing.editsFrozen = held && (standing.editsFrozen || freezes.includes('edits'));
  standing.revealsFrozen = held && (standing.revealsFrozen || freezes.includes('reveals'));
  if (action === 'requests.decide' && rule === 'rights.object.done') standing.objections.add(objectId);
  if (action === 'requests.withdraw' && rule === 'rights.object.withdrawn') standing.objections.delete(objectId);
  const status = statusAfter(leaf);
  if (status !== undefined) standing.status = status;
}

function statusAfter(leaf: AuditLeaf): string | undefined {
  const { action } = leaf;
  const rule = ruleOfAct(leaf);
  // Also of an erasure that was done again after a restore: the keys go by a sweep, which tells of it.
  if (rule === 'rights.erase.done') return 'leaving';
  if (action === 'customers.erase') return 'erased';
  if (action === 'customers.deactivate' || (action === 'requests.decide' && rule === 'rights.deactivate.done'))
    return 'deactivated';
  return undefined;
}

function agrees(row: StandingRow, told: Standing, purposes: ReadonlyMap<string, string | null>): boolean {
  if (row.status !== told.status) return false;
  // Who was erased is read by nobody, and the requests may have gone.
  if (row.status === 'erased') return true;
  const closed = new Set([...told.objections].map((id) => purposes.get(id) ?? null));
  return (
    row.editsFrozen === told.editsFrozen &&
    row.revealsFrozen === told.revealsFrozen &&
    isSame(row.containedBy, told.incidents) &&
    isSame(row.objected, closed)
  );
}

function isSame(stored: readonly string[], told: ReadonlySet<string | null>): boolean {
  return stored.length === told.size && stored.every((one) => told.has(one));
}
