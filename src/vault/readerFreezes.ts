import {
  insertFreezes,
  liftFreeze as liftStatement,
  listFreezes as listStatement,
  selectFreeze,
  type FreezeRow,
} from '../db/readerFreezes.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { personOf, type Person } from './fourEyes.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes, checkMac, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

/** A client, or a member of staff whatever the client. */
export type FrozenReader = { readonly clientId: string } | { readonly actor: string };

/** Stops readers in the commit it stands in; every process knows within five seconds. `by` is undefined where the vault does it. */
export function freezing(
  keys: TenantKeys,
  readers: readonly FrozenReader[],
  at: Date,
  by: Person | undefined,
  incidentId: string | null,
): Statement[] {
  if (readers.length === 0) return [];
  const rows = readers.map((reader): FreezeRow => {
    const row = {
      id: newId(at.getTime()),
      clientId: 'clientId' in reader ? reader.clientId : null,
      actor: 'actor' in reader ? reader.actor.toLowerCase() : null,
      incidentId,
      frozenBy: by?.clientId ?? null,
      frozenActor: by?.actor ?? null,
      frozenAt: at,
      liftedBy: null,
      liftedActor: null,
      liftedAt: null,
    };
    return { ...row, mac: macOf(keys, 'reader_freezes', row) };
  });
  return [insertFreezes(keys.tenantId, rows)];
}

/** Who was stopped, newest first, lifted or not. */
export async function listFreezes(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'reader_freezes.list');
  const { tenantId } = caller;
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'reader_freezes', row) ? viewOf(row) : undefined),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

/** Lets a reader in again. Throws `conflict` where it was lifted before. */
export async function liftFreeze(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'reader_freezes.lift');
  const person = personOf(caller);
  const { tenantId } = caller;
  const [[row]] = await load(vault, tenantId, [selectFreeze(tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  checkMac(keys, 'reader_freezes', row);
  if (row.liftedAt !== null) throw refuse('conflict', '', 'lifted');
  const lifted = { ...row, liftedBy: person.clientId, liftedActor: person.actor, liftedAt: new Date(vault.now()) };
  const next = { ...lifted, mac: macOf(keys, 'reader_freezes', lifted) };
  const deed = { object: { kind: 'reader_freezes', id } };
  const answer = await commitAct(vault, caller, act, deed, [liftStatement(tenantId, next, row.mac)], {
    status: 200,
    body: viewOf(next),
  });
  await vault.watch.lookAnew();
  return answer;
}

function viewOf(row: FreezeRow) {
  const { id, clientId, actor, incidentId, frozenBy, frozenActor, frozenAt, liftedBy, liftedActor, liftedAt } = row;
  return {
    id,
    ...(clientId === null ? {} : { clientId }),
    ...(actor === null ? {} : { actor }),
    ...(incidentId === null ? {} : { incidentId }),
    ...timeView('frozenAt', frozenAt),
    ...(frozenBy === null
      ? {}
      : { frozenBy: { clientId: frozenBy, ...(frozenActor === null ? {} : { actor: frozenActor }) } }),
    ...timeView('liftedAt', liftedAt),
    ...(liftedBy === null
      ? {}
      : { liftedBy: { clientId: liftedBy, ...(liftedActor === null ? {} : { actor: liftedActor }) } }),
  };
}
