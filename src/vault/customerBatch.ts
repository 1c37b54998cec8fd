import { insertCustomers, type NewCustomerRow } from '../db/customers.ts';
import { findExclusiveTags, insertTags, type TagRow } from '../db/indexTags.ts';
import { insertLeaves, type LeafRow } from '../db/audit.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError, type Fault } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import { leafOf } from './audit.ts';
import type { Caller } from './caller.ts';
import type { SingleField } from './customerFields.ts';
import { checkCustomer, pointerTo } from './customerRecord.ts';
import { rowOf, sealCustomer, tagsOf } from './customerSeal.ts';
import type { NewCustomer } from './customers.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import { submissionOf, uncovered } from './submission.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Customers checked, or sealed, before other requests get a turn. */
const turn = 25;
/** Tries to write a batch while others take identifiers of it away. */
const tries = 5;

/** What became of one item, at its place. */
export type ItemResult =
  | {
      readonly status: 201;
      readonly id: string;
      readonly version: 1;
      readonly warnings: readonly Fault[];
      /** Of the item's own leaf, in hex. */
      readonly leafHash: string;
    }
  | { readonly status: number; readonly code: string; readonly errors: readonly Fault[] };

/** An item that could be read, or why it could not. */
export type BatchItem = NewCustomer | VaultError;
/** Read in its slice. */
export type ReadItem = () => BatchItem;

interface Prepared {
  readonly at: number;
  readonly row: NewCustomerRow;
  readonly tags: readonly TagRow[];
  readonly leaf: LeafRow;
  readonly result: ItemResult;
}

/** Creates many customers in one commit. An item that is refused does not keep the others out. */
export async function createBatch(
  vault: Vault,
  caller: Caller,
  act: Act,
  items: readonly BatchItem[],
): Promise<Answer> {
  permit(caller, 'customers.create');
  return vault.writes.batch(caller.tenantId, async () => {
    const read = items.map((item) => () => item);
    const batch = await prepareBatch(vault, caller, act, read);
    return writeBatch(vault, caller, batch, (statements, results) =>
      commitAct(vault, caller, act, {}, statements, { status: 200, body: { results } }),
    );
  });
}

interface Batch {
  readonly results: ItemResult[];
  readonly prepared: readonly Prepared[];
}

export async function prepareBatch(vault: Vault, caller: Caller, act: Act, items: readonly ReadItem[]): Promise<Batch> {
  const policy = vault.watch.policy(caller.tenantId);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const outcomes: (Prepared | ItemResult)[] = [];
  let sealing: Promise<readonly (Prepared | ItemResult)[]> = Promise.resolve([]);
  for (let from = 0; from < items.length; from += turn) {
    const slice = items.slice(from, from + turn);
    const next = slice.map((item, i) => prepare(vault, caller, act, policy, keys, from + i, item));
    // One slice is checked here while the one before it is sealed.
    outcomes.push(...(await sealing));
    sealing = Promise.all(next);
    // Thrown where it is awaited, whatever is thrown before.
    sealing.catch(() => undefined);
    await new Promise(setImmediate);
  }
  outcomes.push(...(await sealing));
  return {
    results: outcomes.map((outcome) => ('row' in outcome ? outcome.result : outcome)),
    prepared: outcomes.filter((outcome) => 'row' in outcome),
  };
}

async function prepare(
  vault: Vault,
  caller: Caller,
  act: Act,
  policy: Policy,
  keys: TenantKeys,
  at: number,
  read: ReadItem,
): Promise<Prepared | ItemResult> {
  try {
    const item = read();
    if (item instanceof VaultError) throw item;
    const data = checkCustomer(policy, item);
    const now = vault.now();
    const submission = submissionOf(policy, caller, item, new Date(now));
    const id = newId(now);
    const tags = tagsOf(keys, policy, id, data);
    const sealed = await sealCustomer(keys, policy, id, data, submission);
    const leaf = leafOf(vault, caller, act, { subjectId: id, digest: sealed.digest, recordVersion: 1 });
    const warnings = [...data.warnings, ...uncovered(policy, item.source)];
    return {
      at,
      row: rowOf(caller.tenantId, item.kind, item.source, sealed, new Date(now)),
      tags,
      leaf,
      result: { status: 201, id, version: 1, warnings, leafHash: leaf.leafHash.toString('hex') },
    };
  } catch (error) {
    if (error instanceof VaultError) return refusedItem(error);
    throw error;
  }
}

function refusedItem(error: VaultError): ItemResult {
  return { status: error.status, code: error.code, errors: error.faults };
}

/**
 * Writes what can be written. Items whose exclusive identifiers are held already, or come twice in the batch, are refused
 * by themselves; when another request takes one meanwhile the rest is tried again.
 */
export async function writeBatch<T>(
  vault: Vault,
  caller: Caller,
  batch: Batch,
  finish: (statements: readonly Statement[], results: readonly ItemResult[]) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const held = await heldTags(vault, caller, batch.prepared);
    const { kept, results } = settle(batch, held);
    const statements = [
      insertCustomers(kept.map((p) => p.row)),
      insertTags(kept.flatMap((p) => p.tags)),
      insertLeaves(kept.map((p) => p.leaf)),
    ];
    try {
      return await finish(statements, results);
    } catch (error) {
      if (!(error instanceof VaultError && error.code === 'already_exists') || attempt === tries) throw error;
    }
  }
}

async function heldTags(vault: Vault, caller: Caller, prepared: readonly Prepared[]): Promise<Set<string>> {
  const tags = prepared.flatMap((p) => p.tags.filter((t) => t.exclusive));
  const [rows] = await load(vault, caller.tenantId, [findExclusiveTags(caller.tenantId, tags)]);
  return new Set(rows.map((row) => nameOf(row)));
}

function nameOf(tag: { readonly field: string; readonly tag: Buffer }): string {
  return `${tag.field}/${tag.tag.toString('base64')}`;
}

function settle(batch: Batch, held: Set<string>): { kept: Prepared[]; results: readonly ItemResult[] } {
  const results = [...batch.results];
  const kept: Prepared[] = [];
  const taken = new Set(held);
  for (const item of batch.prepared) {
    const own = item.tags.filter((t) => t.exclusive);
    const clash = own.find((t) => taken.has(nameOf(t)));
    if (clash === undefined) {
      kept.push(item);
      for (const tag of own) taken.add(nameOf(tag));
    } else {
      const pointer = pointerTo(clash.field as SingleField);
      results[item.at] = refusedItem(new VaultError('already_exists', [{ pointer, code: 'already_exists' }]));
    }
  }
  return { kept, results };
}
