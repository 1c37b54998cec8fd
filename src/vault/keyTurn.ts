/**
 * How a tenant's key turns over while any number of processes serve:
 *
 * | step       | the next version   | the one before | what is done                                                     |
 * | ---------- | ------------------ | -------------- | ---------------------------------------------------------------- |
 * | introduce  | introduced         | current        | every process learns of it before anything is made under it       |
 * | promote    | current            | former         | from now on everything is made under it                           |
 * | move       | current            | former         | what rests on the former one is moved, a page at a time           |
 * | close      | current            | former, closed | nothing new is stored under it, however late a commit comes       |
 * | retire     | current            | destroyed      | counted over every table: nothing rests on it; then it is gone    |
 *
 * The steps stand in the rows, so whoever is killed is followed by whoever asks next, and two who work at once do the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { newDataKeyMaterial } from '../crypto/seal.ts';
import { wrapContext, type TenantKeyState, type TenantKeyUse } from '../crypto/wrap.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { DbFault } from '../db/fault.ts';
import type { Statement } from '../db/statement.ts';
import {
  changeTenantKey,
  closeTenantKey,
  destroyTenantKey,
  insertNextTenantKey,
  selectTenantKeyHistory,
  selectWriting,
  type TenantKeyRow,
} from '../db/tenants.ts';
import { VaultError } from '../errors.ts';
import type { RootKey } from '../keys/folder.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import type { Keyring } from './keyring.ts';

/** Longer than the service's own limits on a transaction (db/roles.ts). */
const usualPatienceMs = 20_000;
const everyMs = 50;

/** What a turn is made with. */
export interface Turning {
  readonly db: Database;
  readonly keyring: Keyring;
  readonly roots: ReadonlyMap<string, RootKey>;
  readonly tenantId: string;
  readonly policyVersion: string;
  /** The incident from which this is a recovery: the leaves name it. */
  readonly incidentId?: string | undefined;
  readonly now: () => number;
  /** Until every process that serves has learned what was committed before. */
  readonly settle: () => Promise<void>;
  /** How long transactions are waited for that were under way when a version was closed. Milliseconds; as usual when left out. */
  readonly patienceMs?: number;
  /** Rows looked at in one statement, where not as many as is usual. */
  readonly pageSize?: number;
  /** After a page that took so long: leaves the database to those who serve. */
  readonly rest: (tookMs: number) => Promise<void>;
  /** What does not open is passed over. */
  readonly onBroken: (place: string, id: string) => void;
  /** Of the whole, from 0 to 1; and how many were moved. */
  readonly onProgress: (share: number, moved: number) => void;
}

type History = readonly (Omit<TenantKeyRow, 'wrapped' | 'state'> & {
  readonly state: TenantKeyState | 'destroyed';
  readonly wrapped: Buffer | null;
  readonly createdAt: Date;
})[];

/** A version that was not destroyed. */
export type Standing = TenantKeyRow;

export async function historyOf(
  { db, tenantId }: Pick<Turning, 'db' | 'tenantId'>,
  use: TenantKeyUse,
): Promise<History> {
  const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectTenantKeyHistory(tenantId)]);
  return rows.filter((row) => row.use === use);
}

export async function standingOf(turning: Pick<Turning, 'db' | 'tenantId'>, use: TenantKeyUse): Promise<Standing[]> {
  return (await historyOf(turning, use)).flatMap(({ tenantId, version, rootId, state, wrapped }) =>
    wrapped === null || state === 'destroyed' ? [] : [{ tenantId, use, version, rootId, state, wrapped }],
  );
}

/** The version to come, made now or before; undefined where one already took the place of another that is not retired. */
export async function introduce(turning: Turning, use: TenantKeyUse): Promise<Standing | undefined> {
  const history = await historyOf(turning, use);
  if (!history.some(({ state }) => state === 'introduced' || state === 'former')) {
    const version = Math.max(0, ...history.map((row) => row.version)) + 1;
    const current = history.find(({ state }) => state === 'current');
    const root = turning.roots.get(current?.rootId ?? '');
    if (root === undefined) throw new VaultError('sealed');
    const material = newDataKeyMaterial();
    const wrapped = await root.wrap(wrapContext.tenantKey(turning.tenantId, use, version, 'introduced'), material);
    material.fill(0);
    const row = { tenantId: turning.tenantId, use, version, rootId: root.id, wrapped } as const;
    await step(turning, 'keys.introduce', use, version, [
      insertNextTenantKey({ ...row, state: 'introduced', createdAt: new Date(turning.now()) }),
    ]);
  }
  // Another process may have made it, or gone further.
  await turning.keyring.renew(turning.tenantId);
  return (await standingOf(turning, use)).find(({ state }) => state === 'introduced');
}

/** From now on everything is made under it; the current one becomes a former one. */
export async function promote(turning: Turning, use: TenantKeyUse): Promise<void> {
  const standing = await standingOf(turning, use);
  const next = standing.find(({ state }) => state === 'introduced');
  const current = standing.find(({ state }) => state === 'current');
  // Another process was first: what is in use now is to be known here, too.
  if (next === undefined || current === undefined) return turning.keyring.renew(turning.tenantId);
  const at = new Date(turning.now());
  const changes = [await inState(turning, current, 'former'), await inState(turning, next, 'current')];
  const statements = changes.map((change) => changeTenantKey(change, at));
  await step(turning, 'keys.rotate', use, next.version, statements);
}

/**
 * Nothing new is stored under these versions from here on (sql/000053_closed_keys.sql). Answers with how many transactions had begun
 * before and have not ended within the time that a hung one takes to be cut: until they have, nothing can be counted.
 */
export async function close(turning: Turning, former: readonly Standing[]): Promise<number> {
  const { db, tenantId, now } = turning;
  const scope = { tenantIds: [tenantId] };
  await commit(
    db,
    scope,
    former.map((key) => closeTenantKey(key, new Date(now()))),
  );
  const giveUpAt = performance.now() + (turning.patienceMs ?? usualPatienceMs);
  const writing = async () => (await commit(db, scope, [selectWriting()]))[0].map(({ id }) => id);
  for (let before = await writing(); ;) {
    if (before.length === 0 || performance.now() > giveUpAt) return before.length;
    await sleep(everyMs);
    const still = new Set(await writing());
    before = before.filter((id) => still.has(id));
  }
}

/** `proof`: the digest of what was counted. */
export async function destroy(turning: Turning, former: Standing, proof: Buffer): Promise<void> {
  const { tenantId, use, version, wrapped } = former;
  const destroyed = destroyTenantKey({ tenantId, use, version, was: wrapped }, new Date(turning.now()));
  await step(turning, 'keys.retire', use, version, [destroyed], proof);
}

/** The same key, wrapped for another state. */
async function inState({ roots }: Turning, key: Standing, state: TenantKeyState) {
  const root = roots.get(key.rootId);
  if (root === undefined) throw new VaultError('sealed');
  const context = (as: TenantKeyState) => wrapContext.tenantKey(key.tenantId, key.use, key.version, as);
  const material = await root.unwrap(context(key.state), key.wrapped);
  const wrapped = await root.wrap(context(state), material);
  material.fill(0);
  return { ...key, state, wrapped, was: key.wrapped };
}

async function step(
  { db, keyring, tenantId, policyVersion, incidentId, now }: Turning,
  action: 'keys.introduce' | 'keys.rotate' | 'keys.retire',
  use: TenantKeyUse,
  version: number,
  statements: readonly Statement[],
  digest?: Buffer,
): Promise<void> {
  const object = { kind: `keys/${use}`, id: incidentId ?? tenantId };
  const deed = { tenantId, policyVersion, action, object, recordVersion: version };
  const leaf = operatorLeaf({ ...deed, ...(digest === undefined ? {} : { digest }) }, now());
  try {
    await commit(db, { tenantIds: [tenantId] }, [...statements, leaf]);
  } catch (error) {
    // Of two who take a step at once one does; the other goes on from there.
    if (!(error instanceof DbFault && error.guard === 'conflict')) throw error;
  }
  await keyring.renew(tenantId);
}
