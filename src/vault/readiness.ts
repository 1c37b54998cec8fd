import { DbFault } from '../db/fault.ts';
import { commit } from '../db/commit.ts';
import { probeAudit } from '../db/audit.ts';
import { selectOldestKeys } from '../db/tenants.ts';
import { overdueOf, type PeriodKey } from '../keyPeriods.ts';
import { leafOf } from './audit.ts';
import { newId } from './ids.ts';
import { fileKeysInUse } from './processes.ts';
import { treeProgress } from './tree.ts';
import type { Vault } from './vault.ts';
import type { WitnessRefusal } from './witness.ts';

/** `unchecked`: nobody looked, because what was found before leaves no way to. */
export type Check = 'ok' | 'failed' | 'unchecked';
export interface Readiness {
  readonly ready: boolean;
  /** Why it never will be by waiting. */
  readonly code?: 'sealed';
  readonly checks: { readonly database: Check; readonly keys: Check; readonly audit: Check };
  /** What an operator should look at while the process serves. */
  readonly warnings: readonly Warning[];
}

/** Leaves wait for the tree for much longer than the second that they should; the last post to the witness failed; a key is in use for longer than its period. */
export type Warning = 'audit_integration_late' | `witness_${WitnessRefusal}` | `key_overdue_${PeriodKey}`;
const lateMs = 60_000;

/** Can this process serve now: database reached, every tenant's keys open, a leaf could be written (and is not)? */
export async function readiness(vault: Vault): Promise<Readiness> {
  if (vault.seal.sealed()) {
    const database = await passes(() => vault.seal.look());
    const checks = { database, keys: 'failed', audit: 'unchecked' } as const;
    if (vault.seal.sealed()) return { ready: false, code: 'sealed', checks, warnings: [] };
  }
  const database = await passes(() => vault.watch.look());
  const tenants = vault.watch.tenants();
  const keys = await passes(() => Promise.all(tenants.map((id) => vault.keyring.tenant(id))));
  const audit = await passes(() => probe(vault, tenants.find((id) => hasPolicy(vault, id)) ?? tenants[0]));
  const ready = database === 'ok' && keys === 'ok' && audit === 'ok';
  return { ready, checks: { database, keys, audit }, warnings: await warningsOf(vault) };
}

async function warningsOf(vault: Vault): Promise<readonly Warning[]> {
  const progress = await treeProgress(vault).catch(() => undefined);
  const { code } = vault.witnessState();
  return [
    ...(progress !== undefined && progress.waitingMs > lateMs ? (['audit_integration_late'] as const) : []),
    ...(code === 'ok' || code === 'none' ? [] : ([`witness_${code}`] as const)),
    ...(await overdue(vault).catch(() => [])),
  ];
}

/** A key that is old closes nothing: somebody is to renew it. */
async function overdue({ db, keys, keyPeriods, now }: Vault): Promise<readonly Warning[]> {
  const [ages] = await commit(db, 'directory', [selectOldestKeys()]);
  const uses = overdueOf(keyPeriods, [...ages, ...(await fileKeysInUse(db, keys))], now());
  return uses.map((use) => `key_overdue_${use}` as const);
}

async function passes(check: () => Promise<unknown>): Promise<Check> {
  try {
    await check();
    return 'ok';
  } catch {
    return 'failed';
  }
}

/** One whose policy cannot be read says nothing of the log, which is one for all. */
function hasPolicy({ watch }: Vault, tenantId: string): boolean {
  try {
    watch.policy(tenantId);
    return true;
  } catch {
    return false;
  }
}

/** Inserts a leaf and aborts: the right, the table and the connection are proven, the log is not touched. */
async function probe(vault: Vault, tenantId: string | undefined): Promise<void> {
  if (tenantId === undefined) return;
  const none = '00000000-0000-7000-8000-000000000000';
  const doer = { tenantId, clientId: none, role: 'system_admin', actor: undefined } as const;
  const leaf = leafOf(vault, doer, { action: 'audit.list', requestId: newId(vault.now()) }, {});
  try {
    await commit(vault.db, { tenantIds: [tenantId] }, probeAudit(leaf));
  } catch (error) {
    if (!(error instanceof DbFault && error.guard === 'probe')) throw error;
  }
}
