import type { AuditLeaf } from '../crypto/leaf.ts';
import { selectLegalOrder, type LegalOrderRow } from '../db/legalOrders.ts';
import { VaultError } from '../errors.ts';
import { load, write } from './act.ts';
import { openOrder, type LegalOrderFile } from './legalOrderSeal.ts';
import { deedOf, sealStep } from './legalOrderStep.ts';
import type { Loss } from './loss.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import type { Vault } from './vault.ts';

/** A legal order that went on in the lost time: what was done, oldest first. What it said then is lost with it. */
export interface LostOrder {
  readonly id: string;
  readonly acts: readonly string[];
}

/**
 * `lost`: the database does not know it. `to_approve`: it stands as it was before, perhaps wider, so its approvals open nothing any
 * more and somebody has to read and approve it again. `earlier`: it stands as it was before, and opens nothing.
 */
export interface LostOrderStanding extends LostOrder {
  readonly standing: 'lost' | 'to_approve' | 'earlier';
}

/** By order, what somebody has to look at by hand. */
export function lostOrders({ byHand }: Pick<Loss, 'byHand'>): readonly LostOrder[] {
  const acts = new Map<string, string[]>();
  for (const leaf of byHand.filter(isOfOrder)) {
    const id = leaf.legalOrderId ?? '';
    const known = acts.get(id) ?? [];
    acts.set(id, known.includes(leaf.action) ? known : [...known, leaf.action]);
  }
  return [...acts].map(([id, of]) => ({ id, acts: of }));
}

const isOfOrder = ({ objectKind, legalOrderId }: AuditLeaf): boolean =>
  legalOrderId !== undefined && (objectKind === 'legal_orders' || objectKind === 'exports');

/**
 * An order that was narrowed, corrected, decided or executed in the lost time is back as it was: nothing leaves under it before somebody
 * has approved it anew. What one approver took out of its scope before the backup stays out.
 */
export async function endLostApprovals(vault: Vault, loss: Loss): Promise<readonly LostOrderStanding[]> {
  const standings: LostOrderStanding[] = [];
  for (const order of lostOrders(loss)) {
    standings.push({ ...order, standing: await endApprovals(vault, loss.standing.tenantId, order.id) });
  }
  return standings;
}

async function endApprovals(vault: Vault, tenantId: string, id: string): Promise<LostOrderStanding['standing']> {
  const [[row]] = await load(vault, tenantId, [selectLegalOrder(tenantId, id)]);
  if (row === undefined) return 'lost';
  const keys = await vault.keyring.tenant(tenantId);
  const at = vault.now();
  const file = fileOf(() => openOrder(keys, row));
  // What somebody changed in its table opens nothing either way.
  if (file === undefined || !isOpen(row) || file.approvals === undefined) return 'earlier';
  const approvals = file.approvals.map((one) => ({ ...one, expires: earlier(one.expires, at) }));
  if (approvals.every(({ expires }, i) => expires === file.approvals?.[i]?.expires)) return 'to_approve';
  const { sealed, statement } = sealStep(keys, row, { ...file, approvals }, [row.status]);
  const { label: policyVersion } = vault.watch.policy(tenantId);
  const told = { tenantId, policyVersion, action: 'log.reconcile', rule: 'reconcile' } as const;
  await write(vault, tenantId, [statement, operatorLeaf({ ...told, ...deedOf(sealed) }, at)]);
  return 'to_approve';
}

function fileOf(open: () => LegalOrderFile): LegalOrderFile | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof VaultError && error.code === 'integrity_failure') return undefined;
    throw error;
  }
}

/** What is kept by an order is kept: of those that hold, only the holds matter, and they stand. */
const isOpen = ({ status, kind }: LegalOrderRow): boolean =>
  status === 'registered' || (status === 'approved' && kind !== 'preservation');

const earlier = (expires: string, at: number): string =>
  Date.parse(expires) <= at ? expires : new Date(at).toISOString();
