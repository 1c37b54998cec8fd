import { commit } from '../../src/db/commit.ts';
import { selectHoldsOfOrders, type HoldRow } from '../../src/db/holds.ts';
import { placeHolds } from '../../src/vault/holds.ts';
import type { HoldingRecord } from '../../src/vault/holdTerm.ts';
import { dayFrom, orderBody } from '../http/legalDesk.ts';
import type { TestClient, TestVault } from './vault.ts';
import { made } from './work.ts';

export type Kind = 'preservation' | 'provisional' | 'own';

/** What an order of each kind says of its time. */
export function recordOf(vault: TestVault, kind: Kind, changes: Partial<HoldingRecord> = {}): HoldingRecord {
  return {
    kind: 'preservation',
    ground: kind === 'own' ? 'legal_pursuit' : 'judicial_order',
    ...(kind === 'own' ? {} : { authority: { kind: kind === 'provisional' ? 'officer' : 'judicial' } }),
    ...(kind === 'own' ? {} : { letter: { date: dayFrom(vault, 0) } }),
    receivedAt: new Date(vault.vault.now()).toISOString(),
    validUntil: dayFrom(vault, 30),
    ...changes,
  };
}

/** Holds customers by the vault's own statements, under an order of their own; says which holds those are. */
export async function hold(
  vault: TestVault,
  registrar: TestClient,
  customerIds: readonly string[],
  {
    kind = 'preservation',
    tenantId = vault.tenantId,
    ...changes
  }: Partial<HoldingRecord> & {
    readonly kind?: Kind;
    readonly tenantId?: string;
  } = {},
): Promise<HoldRow[]> {
  const subjects = customerIds.map((customerId) => ({ customerId }));
  const legalOrderId = made(await registrar.post('/v1/legal-orders', orderBody(vault, subjects))).id;
  const keys = await vault.vault.keyring.tenant(tenantId);
  const record = recordOf(vault, kind, changes);
  const at = new Date(vault.vault.now());
  const { statements } = placeHolds({ keys, legalOrderId, record, customerIds, at });
  await commit(vault.vault.db, { tenantIds: [tenantId] }, statements);
  return holdsOf(vault, legalOrderId, tenantId);
}

export async function holdsOf(vault: TestVault, legalOrderId: string, tenantId = vault.tenantId): Promise<HoldRow[]> {
  const [rows] = await commit(vault.vault.db, { tenantIds: [tenantId] }, [
    selectHoldsOfOrders(tenantId, [legalOrderId]),
  ]);
  return [...rows];
}
