import { commit } from '../db/commit.ts';
import { DbFault } from '../db/fault.ts';
import { deleteVersions, selectDueVersions, type VersionedKind } from '../db/versions.ts';
import type { Profile } from '../policy/profile.ts';
import { durationPattern } from '../policy/duration.ts';
import { clearanceOf } from './holds.ts';
import type { Vault } from './vault.ts';

/** Former states of a kind looked at together. */
const atMost = 1_000;
/** Pages taken in one round; the rest waits for the next. */
const mostPages = 50;

/**
 * How long a former state is kept after it was replaced, an ISO 8601 duration. Where the profile keeps no history: not at
 * all. Where it does: a former state says what readers were shown in its time, so it goes with the record of their reading;
 * of a delivery, with the shipping data themselves. Undefined where no time is set.
 */
export function keptFor({ rights, retention }: Profile, kind: VersionedKind): string | undefined {
  if (!rights.correct.keepsHistory) return 'P0D';
  const { keep } = retention[kind === 'customers' ? 'access_audit' : 'order_shipping'];
  if (keep === 'never') return 'P0D';
  return durationPattern.test(keep) ? keep : undefined;
}

/**
 * One round of a tenant: former states that are due go, save those of customers under a hold. A page at a time: three
 * look-ups and a commit, however many customers it has.
 */
export async function sweepFormerVersions(vault: Vault, tenantId: string, profile: Profile, at: Date): Promise<void> {
  const keep = { customers: keptFor(profile, 'customers'), orders: keptFor(profile, 'orders') };
  for (let page = 0; page < mostPages; page += 1) if (!(await sweepPage(vault, tenantId, keep, at))) return;
}

/** True when it was a whole page, and something of it went: there may be more. */
async function sweepPage(
  vault: Vault,
  tenantId: string,
  keep: Readonly<Record<VersionedKind, string | undefined>>,
  at: Date,
): Promise<boolean> {
  const keys = await vault.keyring.tenant(tenantId);
  const scope = { tenantIds: [tenantId] };
  const [customers, orders] = await commit(vault.db, scope, selectDueVersions(tenantId, keep, at, atMost));
  if (customers.length + orders.length === 0) return false;
  const owners = [...customers, ...orders].map(({ customerId }) => customerId);
  const { held } = await clearanceOf(vault, keys, owners, at);
  const isFree = ({ customerId }: { readonly customerId: string }): boolean => !held.has(customerId);
  const due = { customers: customers.filter(isFree), orders: orders.filter(isFree) };
  const went = await unlessChanged(commit(vault.db, scope, deleteVersions(tenantId, due)));
  const whole = customers.length === atMost || orders.length === atMost;
  return went && whole && due.customers.length + due.orders.length > 0;
}

/** False when a hold that was placed or ended meanwhile has undone it; the next round sees it. */
async function unlessChanged(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof DbFault && error.guard === 'conflict') return false;
    throw error;
  }
}
