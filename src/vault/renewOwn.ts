/** New data keys for records that stand alone: what is sealed under one, it and nothing else, changes in one commit. */
import { unpackRecord } from '../crypto/container.ts';
import { digestOf } from '../crypto/digest.ts';
import type { RecordKind } from '../crypto/label.ts';
import { open, seal, type DataKey } from '../crypto/seal.ts';
import { requireAllRenewed, selectAttachedTo } from '../db/attachedWords.ts';
import { commit } from '../db/commit.ts';
import { insertDestroyedKeys } from '../db/destroyedKeys.ts';
import { DbFault } from '../db/fault.ts';
import { cursorAfter, keyPlaces, type Cursor } from '../db/keyPlaces.ts';
import { selectDocumentChunk } from '../db/legalDocuments.ts';
import {
  ownPlaceNames,
  ownPlaces,
  renewDocumentChunk,
  renewOwnKey,
  selectOlderOwn,
  selectOwn,
  selectScanOf,
  type OwnPlaceName,
  type OwnRecord,
} from '../db/ownKeys.ts';
import { renewWords } from '../db/recordTurn.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { resealAttached } from './attachedWords.ts';
import { contentHash } from './contentHash.ts';
import { answerContext } from './idempotency.ts';
import type { Turning } from './keyTurn.ts';
import type { TenantKeys } from './keyring.ts';
import { openChunk, sealChunk } from './legalDocumentSeal.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import { resealed } from './record.ts';

/** Edits that come in between; one that is edited all the time is left to the next call. */
export const mostTries = 5;

/** Read in pieces: what does not go together, or does not open, may be whole when it is read again. */
export const wasChanged = (error: unknown): boolean =>
  (error instanceof DbFault && error.guard === 'conflict') ||
  (error instanceof VaultError && error.code === 'integrity_failure');

/** Packages of exports among them, which are large. */
const usualPage = 20;

/** All whose key is older than `before`, or those of one customer. Answers with how many got a new key. */
export async function renewOwn(turning: Turning, before: Date, customerId: string | undefined): Promise<number> {
  const { db, tenantId, pageSize = usualPage } = turning;
  let renewed = 0;
  for (const name of ownPlaceNames) {
    for (let after: Cursor | undefined; ;) {
      const began = performance.now();
      await turning.keyring.renew(tenantId);
      const look = selectOlderOwn(tenantId, name, before, after, pageSize, customerId);
      const [page] = await commit(db, { tenantIds: [tenantId] }, [look]);
      for (const row of page) if (await renew(turning, name, before, row)) renewed += 1;
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) break;
      after = cursorAfter(last);
      await turning.rest(performance.now() - began);
    }
  }
  return renewed;
}

/** True where it has a new key by this. One that does not open is told, and stays as it is. */
async function renew(turning: Turning, name: OwnPlaceName, before: Date, read: OwnRecord): Promise<boolean> {
  const { db, tenantId, keyring } = turning;
  const scope = { tenantIds: [tenantId] };
  const keys = await keyring.tenant(tenantId);
  for (let record: OwnRecord | undefined = read, tries = 1; record !== undefined; tries += 1) {
    try {
      await commit(db, scope, await renewal(turning, keys, name, record));
      keyring.forgetDataKeys([record.id]);
      return true;
    } catch (error) {
      if (!wasChanged(error)) throw error;
      if (tries === mostTries) {
        turning.onBroken(name, record.id);
        return false;
      }
      record = (await commit(db, scope, [selectOwn(tenantId, name, before, record.id)]))[0][0];
    }
  }
  return false;
}

/** Throws `integrity_failure`. */
async function renewal(turning: Turning, keys: TenantKeys, name: OwnPlaceName, was: OwnRecord): Promise<Statement[]> {
  const { tenantId, policyVersion, now } = turning;
  const kind = keyPlaces[name].kind as RecordKind;
  const { id, customerId, keyVersion } = was;
  const from = keys.dataKey({ kind, id, keyVersion, wrapped: was.dataKey });
  const made = keys.newDataKey(kind, id);
  const at = new Date(now());
  const version = was.version + (ownPlaces[name].counts ? 1 : 0);
  const value =
    name === 'idempotent_answers'
      ? resealAnswer(tenantId, was, from, made.key)
      : resealed(
          tenantId,
          kind,
          { id, sealed: was.value },
          { key: from, version: was.version },
          { key: made.key, version },
        );
  const { commitment } = made.key;
  const anew = { was, dataKey: made.wrapped, keyVersion: made.keyVersion, commitment, value };
  const said = name === 'invoices' ? { contentHash: saidBy(keys, was, from) } : {};
  const subject = customerId === null ? {} : { subjectId: customerId };
  const deed = { tenantId, policyVersion, action: 'keys.renew', object: { kind: name, id }, ...subject } as const;
  return [
    // First: what lets an invoice of somebody held through looks for it.
    ...(name === 'idempotent_answers'
      ? []
      : [operatorLeaf({ ...deed, digest: digestOf(value), recordVersion: version }, at.getTime())]),
    ...(name === 'legal_orders' ? await scanUnder(turning, was, from, made.key) : []),
    renewOwnKey(tenantId, name, { ...anew, ...said }, at),
    ...(name === 'legal_orders' ? await releasesUnder(turning, keys, was, made.key) : []),
    insertDestroyedKeys(tenantId, [{ recordId: id, customerId: customerId ?? id }], at),
  ];
}

function resealAnswer(tenantId: string, was: OwnRecord, from: DataKey, to: DataKey): Buffer {
  const { id, clientId = '', keyHash, bodyHash } = was;
  if (keyHash === undefined || bodyHash === undefined) throw new VaultError('integrity_failure');
  const context = answerContext({ tenantId, clientId }, id, { key: keyHash, body: bodyHash });
  return seal(to, context, open(from, context, was.value));
}

/** Throws `integrity_failure` where it is not what the invoice said from the first. */
function saidBy(keys: TenantKeys, { id, version, value, contentHash: first }: OwnRecord, key: DataKey): Buffer {
  const values = new Map<string, string>();
  for (const [field, sealed] of unpackRecord(value)) {
    const context = { tenantId: keys.tenantId, kind: 'invoice', recordId: id, version, field } as const;
    values.set(field, open(key, context, sealed).toString('utf8'));
  }
  const hash = contentHash(keys, id, values);
  if (first !== undefined && first !== null && !first.equals(hash)) throw new VaultError('integrity_failure');
  return hash;
}

/** The chunks of the order's scan. */
async function scanUnder({ db, tenantId }: Turning, { id }: OwnRecord, from: DataKey, to: DataKey) {
  const scope = { tenantIds: [tenantId] };
  const [[scan]] = await commit(db, scope, [selectScanOf(tenantId, id)]);
  const statements: Statement[] = [];
  for (let number = 0; number < (scan?.chunks ?? 0); number += 1) {
    const documentId = scan?.id ?? '';
    const [[chunk]] = await commit(db, scope, [selectDocumentChunk(tenantId, documentId, number)]);
    if (chunk === undefined) throw new VaultError('integrity_failure');
    const place = { tenantId, documentId, number, last: number === (scan?.chunks ?? 0) - 1 };
    const sealed = sealChunk(to, place, openChunk(from, place, chunk.sealed));
    statements.push(renewDocumentChunk(tenantId, id, { documentId, number, sealed }));
  }
  return statements;
}

/** Why holds of the order were let go, and that none was overlooked. */
async function releasesUnder({ db, tenantId }: Turning, keys: TenantKeys, { id }: OwnRecord, to: DataKey) {
  const [words] = await commit(db, { tenantIds: [tenantId] }, [selectAttachedTo(tenantId, 'holds', id)]);
  const anew = words.map((row) => ({ ...row, was: row.sealed, sealed: resealAttached(keys, 'holds', row, to) }));
  return [...renewWords(tenantId, 'holds', anew), requireAllRenewed(tenantId, 'holds', id, to.commitment)];
}
