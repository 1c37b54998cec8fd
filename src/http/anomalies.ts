import { listAnomalies, readAnomaly } from '../vault/anomalies.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';

/** What of the log was unusual. */
export function anomalies(declare: DeclareAct, vault: Vault): void {
  declare('get', '/v1/anomalies', 'anomalies.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listAnomalies(vault, caller, act, parsePage(request.query.limit, request.query.cursor)),
  );
  declare('get', '/v1/anomalies/:id', 'anomalies.read', {}, (request, caller, act) =>
    readAnomaly(vault, caller, act, idOf(request)),
  );
}
