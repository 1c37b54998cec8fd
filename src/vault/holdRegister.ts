import { open, seal } from '../crypto/seal.ts';
import { changeHolds, listHolds as listStatement, selectHold, type HoldFilter, type HoldRow } from '../db/holds.ts';
import { selectLegalOrder, type LegalOrderRow } from '../db/legalOrders.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { expectTwo, personOf, type Person } from './fourEyes.ts';
import { changeOf, deedOf } from './holds.ts';
import type { TenantKeys } from './keyring.ts';
import { openOrder } from './legalOrderSeal.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { checkReason } from './reason.ts';
import { believes, checkMac } from './rowMac.ts';
import { jalaliDayOf } from './tehranDay.ts';
import type { Vault } from './vault.ts';

/** scheduled: it protects already, its own time begins when the one before it ends. ended: it ran out. */
export type HoldStatus = 'scheduled' | 'active' | 'ended' | 'released';

export function statusOf({ startsAt, endsAt, releasedAt }: HoldRow, now: number): HoldStatus {
  if (releasedAt !== null && releasedAt < endsAt) return 'released';
  if (endsAt.getTime() <= now) return 'ended';
  return startsAt.getTime() > now ? 'scheduled' : 'active';
}

/** A hold for those who may see it: ids, kind and times. One that somebody changed in its table says so, and blocks. */
export function viewHold(vault: Pick<Vault, 'notice'>, keys: TenantKeys, hold: HoldRow, now: number) {
  const { id, legalOrderId, customerId, kind, startsAt, endsAt, releasedAt } = hold;
  const named = { id, legalOrderId, customerId, kind };
  if (!believes(vault, keys, 'holds', hold))
    return { ...named, status: 'active' as const, integrity: 'failed' as const };
  return {
    ...named,
    status: statusOf(hold, now),
    startsAt: startsAt.toISOString(),
    startsAtJalali: jalaliDayOf(startsAt),
    endsAt: endsAt.toISOString(),
    endsAtJalali: jalaliDayOf(endsAt),
    ...(releasedAt === null || releasedAt >= endsAt ? {} : { releasedAt: releasedAt.toISOString() }),
  };
}

export type AskedHolds = Omit<HoldFilter, 'at'>;

/** Holds, newest first, for the legal roles and the protection officer. */
export async function listHolds(
  vault: Vault,
  caller: Caller,
  act: Act,
  asked: AskedHolds,
  page: Page,
): Promise<Answer> {
  permit(caller, 'holds.list');
  const { tenantId } = caller;
  const now = vault.now();
  const filter = { ...asked, at: new Date(now) };
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, filter, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => viewHold(vault, keys, row, now),
  );
  const { customerId: subjectId, legalOrderId } = asked;
  return commitAct(vault, caller, act, { subjectId, legalOrderId }, [], { status: 200, body });
}

/** Who let a hold go before its time, and why; sealed under its order's data key. */
export interface Release extends Person {
  readonly at: string;
  readonly reason: string;
}

/**
 * Lets one hold go before its time. By an approver who is another client and another person than whoever registered or changed
 * its order (`self_approval`); a revoked or rejected order lets go of all its holds by itself. Throws `conflict` for one that is
 * over.
 */
export async function releaseHold(vault: Vault, caller: Caller, act: Act, id: string, reason: string): Promise<Answer> {
  permit(caller, 'holds.release');
  checkReason(reason);
  const person = personOf(caller);
  const { tenantId } = caller;
  const [[hold]] = await load(vault, tenantId, [selectHold(tenantId, id)]);
  if (hold === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  checkMac(keys, 'holds', hold);
  const [[order]] = await load(vault, tenantId, [selectLegalOrder(tenantId, hold.legalOrderId)]);
  // Lost at a restore: it ends by itself, in a week at most.
  if (order === undefined) throw new VaultError('conflict');
  const { registration, changes = [] } = openOrder(keys, order);
  for (const other of [registration, ...changes]) expectTwo(person, other);
  const at = new Date(vault.now());
  if (hold.releasedAt !== null || hold.endsAt <= at)
    throw refuse('conflict', '', hold.releasedAt === null ? 'expired' : 'released');
  const release = sealRelease(keys, order, id, { ...person, at: at.toISOString(), reason });
  const change = changeOf(keys, { hold, endsAt: hold.endsAt, releasedAt: at }, release);
  const deed = deedOf({ ...hold, mac: change.mac }, 2);
  return commitAct(vault, caller, act, deed, [changeHolds(tenantId, [change])], {
    status: 200,
    body: { id, status: 'released', releasedAt: at.toISOString() },
  });
}

type OrderKey = Pick<LegalOrderRow, 'id' | 'keyVersion' | 'dataKey'>;

const keyOf = (keys: TenantKeys, { id, keyVersion, dataKey }: OrderKey) =>
  keys.dataKey({ kind: 'legal_order', id, keyVersion, wrapped: dataKey });

const context = (keys: TenantKeys, holdId: string) =>
  ({ tenantId: keys.tenantId, kind: 'hold', recordId: holdId, version: 1, field: 'release' }) as const;

function sealRelease(keys: TenantKeys, order: OrderKey, holdId: string, release: Release): Buffer {
  return seal(keyOf(keys, order), context(keys, holdId), JSON.stringify(release));
}

/** For whoever shows an order to those who may see it (`selectReleases`). Throws `integrity_failure`. */
export function openRelease(keys: TenantKeys, order: OrderKey, holdId: string, sealed: Buffer): Release {
  return JSON.parse(open(keyOf(keys, order), context(keys, holdId), sealed).toString('utf8')) as Release;
}
