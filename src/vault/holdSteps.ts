import { selectHoldsOfOrders, type HoldRow } from '../db/holds.ts';
import { findSubjects, mostHolders } from '../db/legalSubjects.ts';
import { load } from './act.ts';
import {
  keepHoldsUntilDecided,
  lapseHolds,
  nothing,
  placeHolds,
  releaseHolds,
  replaceHolds,
  stepsOf,
  type HoldStep,
} from './holds.ts';
import { holdKindOf, type HoldingRecord } from './holdTerm.ts';
import type { TenantKeys } from './keyring.ts';
import type { OrderSubject } from './legalOrderRecord.ts';
import { subjectKeys } from './legalScope.ts';
import type { Vault } from './vault.ts';

/** An order at a step of its life that may move holds. */
export interface HoldingOrder {
  readonly id: string;
  readonly record: HoldingRecord & { readonly follows?: string | undefined };
  /** Whom it is about: as approved, where the approver narrowed it. */
  readonly subjects: readonly OrderSubject[];
  readonly at: Date;
}

/**
 * What a registration does: an officer's urgent order holds at once, without anybody's approval; a judge's order that follows
 * one keeps that hold until it is decided. Every other order holds nothing yet.
 */
export async function holdsAtRegistration(vault: Vault, keys: TenantKeys, order: HoldingOrder): Promise<HoldStep> {
  const { id: legalOrderId, record, at } = order;
  const kind = holdKindOf(record);
  if (kind === 'provisional') {
    return placeHolds({ keys, legalOrderId, record, customerIds: await customersOf(vault, keys, order), at });
  }
  if (kind !== 'preservation' || record.follows === undefined) return nothing;
  return keepHoldsUntilDecided(vault, keys, await holdsOf(vault, keys, [record.follows]), at);
}

/**
 * What the last approval does: the order holds everybody it is about, in the place of the officer's hold that it follows and
 * of its own from an approval that was voided. An officer's order holds already.
 */
export async function holdsAtApproval(vault: Vault, keys: TenantKeys, order: HoldingOrder): Promise<HoldStep> {
  const { id: legalOrderId, record, at } = order;
  const { renews, follows } = record;
  const kind = holdKindOf(record);
  if (kind === undefined || kind === 'provisional') return nothing;
  const customerIds = await customersOf(vault, keys, order);
  const holds = await holdsOf(
    vault,
    keys,
    [legalOrderId, renews, follows].flatMap((id) => id ?? []),
  );
  const renewed = holds.filter((hold) => hold.legalOrderId === renews && hold.kind === kind);
  const earlier = holds.filter(
    (hold) => hold.legalOrderId === legalOrderId || (hold.legalOrderId === follows && hold.kind === 'provisional'),
  );
  return replaceHolds(vault, { keys, legalOrderId, record, customerIds, at, renewed }, earlier);
}

/** What a rejection does: its own holds end, and an officer's that it followed has its day again, and no more. */
export async function holdsAtRejection(vault: Vault, keys: TenantKeys, order: HoldingOrder): Promise<HoldStep> {
  const { id, record, at } = order;
  if (holdKindOf(record) === undefined) return nothing;
  const holds = await holdsOf(
    vault,
    keys,
    [id, record.follows].flatMap((one) => one ?? []),
  );
  const own = holds.filter((hold) => hold.legalOrderId === id);
  const followed = holds.filter((hold) => hold.legalOrderId !== id);
  return stepsOf(releaseHolds(vault, keys, own, at), lapseHolds(vault, keys, followed, at));
}

/** What a revocation does: its holds end. */
export async function holdsAtRevocation(vault: Vault, keys: TenantKeys, order: HoldingOrder): Promise<HoldStep> {
  const { id, record, at } = order;
  if (holdKindOf(record) === undefined) return nothing;
  return releaseHolds(vault, keys, await holdsOf(vault, keys, [id]), at);
}

async function holdsOf(vault: Vault, keys: TenantKeys, orderIds: readonly string[]): Promise<readonly HoldRow[]> {
  const [holds] = await load(vault, keys.tenantId, [selectHoldsOfOrders(keys.tenantId, orderIds)]);
  return holds;
}

/** Whoever the subjects are now. An identifier that too many hold names nobody, here as in an export. */
async function customersOf(vault: Vault, keys: TenantKeys, { subjects }: HoldingOrder): Promise<readonly string[]> {
  const [found] = await load(vault, keys.tenantId, [findSubjects(keys.tenantId, subjectKeys(keys, subjects))]);
  const crowded = new Set(
    subjects.flatMap((_, i) => (found.filter(({ n }) => n === i + 1).length > mostHolders ? [i + 1] : [])),
  );
  return [...new Set(found.filter(({ n }) => !crowded.has(n)).map(({ id }) => id))];
}
