import { selectHoldsOfOrders, type HoldRow } from '../db/holds.ts';
import { selectLegalOrder, selectWaitingPreservations, type LegalOrderRow } from '../db/legalOrders.ts';
import { findSubjects, mostHolders } from '../db/legalSubjects.ts';
import { refuse } from '../errors.ts';
import { load } from './act.ts';
import {
  keepHoldsUntilDecided,
  lapseHolds,
  placeHolds,
  releaseHolds,
  replaceHolds,
  stepsOf,
  type HoldStep,
} from './holds.ts';
import type { TenantKeys } from './keyring.ts';
import type { LegalOrderRecord } from './legalOrderRecord.ts';
import { openOrder } from './legalOrderSeal.ts';
import { subjectKeys } from './legalScope.ts';
import type { Vault } from './vault.ts';

/** What a step of an order does to holds: nothing, unless data are to be kept by it. */
const nothing: HoldStep = { statements: [], deeds: [] };

/** Whose step it is, and when: what an order does to holds is told from them. */
export interface Keeping {
  readonly vault: Vault;
  readonly keys: TenantKeys;
  readonly legalOrderId: string;
  readonly record: LegalOrderRecord;
  readonly at: Date;
}

/**
 * An officer's word holds from its registration on (CPC 669); a judge's order that follows one keeps it until it is decided.
 * Throws `invalid_body` for an earlier order that is none of the kind.
 */
export async function holdsAtRegistration(keeping: Keeping): Promise<HoldStep> {
  const { vault, keys, record, at } = keeping;
  if (record.kind !== 'preservation') return nothing;
  // CPC 669: the officer's word becomes a judge's, or lapses.
  if (record.follows !== undefined && record.authority?.kind !== 'judicial')
    throw refuse('invalid_body', '/follows', 'not_of_a_judge');
  await expectEarlier(keeping, '/follows', record.follows, (row) => row.authorityKind === 'officer');
  await expectEarlier(
    keeping,
    '/renews',
    record.renews,
    (row) => row.authorityKind !== 'officer' && row.status === 'approved',
  );
  const followed = keepHoldsUntilDecided(vault, keys, await holdsOf(keeping, record.follows), at);
  if (record.authority?.kind !== 'officer') return followed;
  return stepsOf(followed, placeHolds({ ...keeping, customerIds: await subjectsOf(keeping) }));
}

/**
 * From an approval on everybody is held whom the order is about, in place of the officer's hold that it follows. Whom that
 * one held besides has the rest of the officer's day.
 */
export async function holdsAtApproval(keeping: Keeping): Promise<HoldStep> {
  const { vault, record } = keeping;
  if (record.kind !== 'preservation') return nothing;
  const renewed = await holdsOf(keeping, record.renews);
  const placing = { ...keeping, customerIds: await subjectsOf(keeping), renewed };
  const isPlaced = ({ customerId }: HoldRow): boolean => placing.customerIds.includes(customerId);
  const earlier = await holdsOf(keeping, record.follows);
  const others = earlier.filter((hold) => !isPlaced(hold));
  return stepsOf(replaceHolds(vault, placing, earlier.filter(isPlaced)), await lapse(keeping, others));
}

export async function holdsAtRejection(keeping: Keeping): Promise<HoldStep> {
  const { vault, keys, legalOrderId, record, at } = keeping;
  if (record.kind !== 'preservation') return nothing;
  return stepsOf(
    releaseHolds(vault, keys, await holdsOf(keeping, legalOrderId), at),
    await lapse(keeping, await holdsOf(keeping, record.follows)),
  );
}

/** The officer's day again, unless another judge's order that follows the same word still waits. */
async function lapse(keeping: Keeping, holds: readonly HoldRow[]): Promise<HoldStep> {
  const { vault, keys, at } = keeping;
  return holds.length === 0 || (await othersWait(keeping)) ? nothing : lapseHolds(vault, keys, holds, at);
}

async function othersWait({ vault, keys, legalOrderId, record, at }: Keeping): Promise<boolean> {
  const [rows] = await load(vault, keys.tenantId, [selectWaitingPreservations(keys.tenantId, at)]);
  const others = rows.filter(({ id }) => id !== legalOrderId);
  return others.some((row) => openOrder(keys, row).record.follows === record.follows);
}

export async function holdsAtRevocation(keeping: Keeping): Promise<HoldStep> {
  const { vault, keys, legalOrderId, record, at } = keeping;
  if (record.kind !== 'preservation') return nothing;
  return releaseHolds(vault, keys, await holdsOf(keeping, legalOrderId), at);
}

async function holdsOf({ vault, keys }: Keeping, legalOrderId: string | undefined): Promise<readonly HoldRow[]> {
  if (legalOrderId === undefined) return [];
  const [holds] = await load(vault, keys.tenantId, [selectHoldsOfOrders(keys.tenantId, [legalOrderId])]);
  return holds;
}

/** Whoever the order is about at this moment. An identifier that a hundred hold names nobody: `conflict`. */
async function subjectsOf({ vault, keys, record }: Keeping): Promise<string[]> {
  const { subjects } = record.scope;
  const [found] = await load(vault, keys.tenantId, [findSubjects(keys.tenantId, subjectKeys(keys, subjects))]);
  const crowded = subjects.some((_, i) => found.filter(({ n }) => n === i + 1).length > mostHolders);
  if (crowded) throw refuse('conflict', '/scope/subjects', 'too_many_persons');
  return found.map(({ id }) => id);
}

async function expectEarlier(
  { vault, keys }: Keeping,
  pointer: string,
  id: string | undefined,
  fits: (row: LegalOrderRow) => boolean,
): Promise<void> {
  if (id === undefined) return;
  const [[row]] = await load(vault, keys.tenantId, [selectLegalOrder(keys.tenantId, id)]);
  if (row?.kind !== 'preservation' || !fits(row)) throw refuse('invalid_body', pointer, 'not_such_an_order');
}
