import { listAnomalies as listStatement, selectAnomaly, type AnomalyRow } from '../db/anomalies.ts';
import { VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { forResealing, openRecord, sealNew, type Value } from './record.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

export const anomalyKinds = ['reads', 'own_past', 'subjects', 'out_of_hours', 'refused', 'decoy'] as const;
export type AnomalyKind = (typeof anomalyKinds)[number];

/** What was unusual: ids, counts and times, never a value. */
export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly clientId?: string;
  readonly actor?: string;
  /** RFC 3339. */
  readonly from: string;
  readonly to: string;
  readonly count: number;
  /** What it reached; of one's own past, so many times the mean. */
  readonly threshold: number;
  /** Of a decoy: which, by which act, and whom the vault stopped for it. */
  readonly decoyId?: string;
  readonly customerId?: string;
  readonly action?: string;
  readonly frozen?: 'actor' | 'client';
}

/** One row; `about` says what must not be told twice. */
export function sealAnomaly(keys: TenantKeys, anomaly: Anomaly, about: readonly string[], now: number): AnomalyRow {
  const { id, version, keyVersion, dataKey, sealed } = sealNew(
    keys,
    'anomaly',
    newId(now),
    new Map([['anomaly', padded(anomaly)]]),
  );
  return { id, mark: markOf(keys, about), version, keyVersion, dataKey, sealed, createdAt: new Date(now) };
}

export const markOf = (keys: TenantKeys, about: readonly string[]): Buffer => keys.hash('anomaly', ...about);

/** All kinds as long as each other, so that a row does not say of which it is. */
const length = 640;

function padded(anomaly: Anomaly): Value {
  const text = JSON.stringify(anomaly);
  return { text, rest: ' '.repeat(Math.max(0, length - JSON.stringify(text).length)) };
}

function openAnomaly(keys: TenantKeys, row: AnomalyRow): Anomaly {
  const { text } = forResealing(openRecord(keys, 'anomaly', row).value('anomaly')) as { readonly text: string };
  return JSON.parse(text) as Anomaly;
}

/** Newest first; what does not open is told to the operator. */
export async function listAnomalies(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'anomalies.list');
  const { tenantId } = caller;
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => {
      try {
        return viewOf(keys, row);
      } catch {
        vault.notice('integrity_failure', 'anomalies');
        return undefined;
      }
    },
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

export async function readAnomaly(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'anomalies.read');
  const { tenantId } = caller;
  const [[row]] = await load(vault, tenantId, [selectAnomaly(tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  const body = viewOf(await vault.keyring.tenant(tenantId), row);
  return commitAct(vault, caller, act, { object: { kind: 'anomalies', id } }, [], { status: 200, body });
}

function viewOf(keys: TenantKeys, row: AnomalyRow) {
  return { id: row.id, ...openAnomaly(keys, row), ...timeView('foundAt', row.createdAt) };
}
