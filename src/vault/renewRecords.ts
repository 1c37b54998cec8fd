/**
 * Records get new data keys while any number of processes serve: here customers and orders, the others in renewOwn.ts. One commit
 * a record: its values as its next version, its former states, the words in other rows that stand under its key; the key of
 * before is then nowhere, and opens nothing that is stored. Optimistic: where anything of it changed since it was read, nothing
 * happens and it is read again.
 */
import { digestOf } from '../crypto/digest.ts';
import { requireAllRenewed, type AttachedRow } from '../db/attachedWords.ts';
import { commit } from '../db/commit.ts';
import { insertDestroyedKeys } from '../db/destroyedKeys.ts';
import {
  attachedOf,
  beginTurn,
  endTurn,
  renewKey,
  renewWords,
  selectFormerOf,
  selectTurned,
  selectTurnedOf,
  selectTurnPage,
  selectWordsOf,
  type FormerSealed,
  type RenewedRecord,
  type TurnedKind,
  type TurnedRecord,
} from '../db/recordTurn.ts';
import type { Statement } from '../db/statement.ts';
import { resealAttached } from './attachedWords.ts';
import type { Turning } from './keyTurn.ts';
import type { TenantKeys } from './keyring.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import { mostTries, renewOwn, wasChanged } from './renewOwn.ts';
import { resealed } from './record.ts';

const kinds = ['customers', 'orders'] as const satisfies readonly TurnedKind[];
const recordKinds = { customers: 'customer', orders: 'order' } as const satisfies Record<TurnedKind, string>;

const usualPage = 50;

/** Does, or goes on with, a turn of everything that has a data key of its own. Answers with how many got a new key. */
export async function renewAll(turning: Turning): Promise<number> {
  const { db, tenantId, now } = turning;
  const at = new Date(now());
  const [[turn]] = await commit(db, { tenantIds: [tenantId] }, [beginTurn(tenantId, at)]);
  if (turn === undefined) return 0;
  if (turn.begun) await tell(turning);
  let renewed = await renewOlder(turning, turn.before, 0);
  // What a request that began before may have stored since under a key from before.
  await turning.settle();
  renewed += await renewOlder(turning, turn.before, renewed);
  await commit(db, { tenantIds: [tenantId] }, [endTurn(tenantId, turn.before)]);
  return renewed;
}

/** One customer, whatever its state, and all that is theirs; 0 where nothing is held. */
export async function renewCustomer(turning: Turning, customerId: string): Promise<number> {
  const { db, tenantId, now } = turning;
  const before = new Date(now());
  await tell(turning);
  let renewed = 0;
  for (const kind of kinds) {
    const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectTurnedOf(tenantId, kind, before, customerId)]);
    for (const { id } of rows) if (await renew(turning, kind, before, id)) renewed += 1;
    turning.onProgress((kinds.indexOf(kind) + 1) / (kinds.length + 1), renewed);
  }
  return renewed + (await renewOwn(turning, before, customerId));
}

/** That it was begun, and from which incident it is a recovery; each record has a leaf of its own. */
async function tell({ db, tenantId, policyVersion, incidentId, now }: Turning): Promise<void> {
  const object = { kind: 'keys/record', id: incidentId ?? tenantId };
  const leaf = operatorLeaf({ tenantId, policyVersion, action: 'keys.rotate', object }, now());
  await commit(db, { tenantIds: [tenantId] }, [leaf]);
}

async function renewOlder(turning: Turning, before: Date, already: number): Promise<number> {
  const { db, tenantId, pageSize = usualPage } = turning;
  let renewed = 0;
  for (const [i, kind] of kinds.entries()) {
    for (let after: string | undefined; ;) {
      const began = performance.now();
      // The tenant's own keys may turn over meanwhile.
      await turning.keyring.renew(tenantId);
      const page = selectTurnPage(tenantId, kind, before, after, pageSize);
      const [rows] = await commit(db, { tenantIds: [tenantId] }, [page]);
      for (const { id } of rows) if (await renew(turning, kind, before, id)) renewed += 1;
      turning.onProgress(i / (kinds.length + 1), already + renewed);
      after = rows.at(-1)?.id;
      if (rows.length < pageSize) break;
      await turning.rest(performance.now() - began);
    }
  }
  const own = await renewOwn(turning, before, undefined);
  turning.onProgress(1, already + renewed + own);
  return renewed + own;
}

/** True where it has a new key by this. One that does not open is told, and stays as it is. */
async function renew(turning: Turning, kind: TurnedKind, before: Date, id: string): Promise<boolean> {
  const { db, tenantId, keyring } = turning;
  const scope = { tenantIds: [tenantId] };
  const keys = await keyring.tenant(tenantId);
  for (let tries = 1; ; tries += 1) {
    const [record] = (await commit(db, scope, [selectTurned(tenantId, kind, before, id)]))[0];
    if (record === undefined) return false;
    const [former] = await commit(db, scope, [selectFormerOf(tenantId, kind, id)]);
    const words = await commit(db, scope, selectWordsOf(tenantId, kind, id));
    try {
      await commit(db, scope, renewal(turning, keys, kind, { record, former, words }));
      // Of this process; the others are told in the commit.
      keyring.forgetDataKeys([id]);
      return true;
    } catch (error) {
      if (!wasChanged(error)) throw error;
      if (tries < mostTries) continue;
      turning.onBroken(kind, id);
      return false;
    }
  }
}

interface Standing {
  readonly record: TurnedRecord;
  readonly former: readonly FormerSealed[];
  /** In the order of `attachedOf`. */
  readonly words: readonly (readonly AttachedRow[])[];
}

/** Throws `integrity_failure`. */
function renewal(turning: Turning, keys: TenantKeys, kind: TurnedKind, standing: Standing): Statement[] {
  const { tenantId, policyVersion, now } = turning;
  const { id, customerId } = standing.record;
  const made = keys.newDataKey(recordKinds[kind], id);
  const at = new Date(now());
  const renewed = underKey(keys, kind, standing, made);
  const words = attachedOf[kind].flatMap((table, i) =>
    renewWords(
      tenantId,
      table,
      (standing.words[i] ?? []).map((row) => ({
        ...row,
        was: row.sealed,
        sealed: resealAttached(keys, table, row, made.key),
      })),
    ),
  );
  const { commitment } = made.key;
  const deed = { tenantId, policyVersion, action: 'keys.renew', subjectId: customerId, object: { kind, id } } as const;
  const digest = digestOf(renewed.sealed);
  return [
    renewKey(tenantId, kind, renewed, at),
    ...words,
    ...attachedOf[kind].map((table) => requireAllRenewed(tenantId, table, id, commitment)),
    operatorLeaf({ ...deed, digest, recordVersion: standing.record.version + 1 }, at.getTime()),
    insertDestroyedKeys(tenantId, [{ recordId: id, customerId }], at),
  ];
}

/** Values as the next version, and what stands now as a former state, as by any edit. */
function underKey(
  keys: TenantKeys,
  kind: TurnedKind,
  { record, former }: Standing,
  made: ReturnType<TenantKeys['newDataKey']>,
): RenewedRecord {
  const recordKind = recordKinds[kind];
  const { id, keyVersion, dataKey, version } = record;
  const from = keys.dataKey({ kind: recordKind, id, keyVersion, wrapped: dataKey });
  const anew = (state: FormerSealed, to: number) => {
    const stored = { id, sealed: state.sealed };
    const places = [
      { key: from, version: state.version },
      { key: made.key, version: to },
    ] as const;
    return resealed(keys.tenantId, recordKind, stored, ...places);
  };
  return {
    id,
    was: record,
    dataKey: made.wrapped,
    keyVersion: made.keyVersion,
    commitment: made.key.commitment,
    sealed: anew(record, version + 1),
    former: [...former, record].map((state) => ({ version: state.version, sealed: anew(state, state.version) })),
  };
}
