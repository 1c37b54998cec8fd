import { selectLegalOrder, stepLegalOrder, type LegalOrderRow, type StoredStatus } from '../db/legalOrders.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Deed } from './audit.ts';
import type { Caller } from './caller.ts';
import type { Person } from './fourEyes.ts';
import { columnsOf, resealOrder, type LegalOrderFile } from './legalOrderSeal.ts';
import type { TenantKeys } from './keyring.ts';
import type { SealedRecord } from './record.ts';
import type { Vault } from './vault.ts';

/** Throws `not_found`, for another tenant's order as for none. */
export async function orderOf(vault: Vault, caller: Caller, id: string): Promise<LegalOrderRow> {
  const [[row]] = await load(vault, caller.tenantId, [selectLegalOrder(caller.tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  return row;
}

export function registrarOf(row: LegalOrderRow): Person {
  return { clientId: row.registeredBy, actor: row.registeredActor };
}

export interface Step {
  /** Where the order may stand; anywhere else, or changed meanwhile, is `conflict`. */
  readonly from: readonly StoredStatus[];
  readonly file: LegalOrderFile;
  /** What is stored with it, in the same commit. */
  readonly statements?: readonly Statement[];
  /** Members of the answer beside id, version and status. */
  readonly says?: Readonly<Record<string, unknown>>;
}

/** One step of an order's life: the whole file sealed anew as the next version, with its leaf. */
export async function takeStep(
  vault: Vault,
  caller: Caller,
  act: Act,
  row: LegalOrderRow,
  { from, file, statements = [], says }: Step,
): Promise<Answer> {
  const { sealed, status, statement } = sealStep(await vault.keyring.tenant(caller.tenantId), row, file, from);
  return commitAct(vault, caller, act, deedOf(sealed), [statement, ...statements], {
    status: 200,
    headers: { ETag: `"${sealed.version}"` },
    body: { id: row.id, version: sealed.version, status, ...says },
  });
}

export function sealStep(keys: TenantKeys, row: LegalOrderRow, file: LegalOrderFile, from: readonly StoredStatus[]) {
  const sealed = resealOrder(keys, row, file);
  const columns = columnsOf(file);
  const step = { id: row.id, version: sealed.version, sealed: sealed.sealed, columns };
  return { sealed, status: columns.status, statement: stepLegalOrder(keys.tenantId, step, from) };
}

export function deedOf({ id, digest, version }: Pick<SealedRecord, 'id' | 'digest' | 'version'>) {
  return { object: { kind: 'legal_orders', id }, legalOrderId: id, digest, recordVersion: version } satisfies Deed;
}
