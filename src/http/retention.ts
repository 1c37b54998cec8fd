import { readDueRetention } from '../vault/retention.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';

export function retention(declare: DeclareAct, vault: Vault): void {
  declare('get', '/v1/retention', 'retention.read', {}, (_request, caller, act) =>
    readDueRetention(vault, caller, act),
  );
}
