import { digestOfNothing } from '../crypto/digest.ts';
import { insertDestroyedKeys } from '../db/destroyedKeys.ts';
import type { DueCount, DueRecord } from '../db/retention.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import type { Profile } from '../policy/profile.ts';
import { retentionClasses, type RetentionClass } from '../policy/vocabulary.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { forgetDestroyed } from './erasure.ts';
import { clearanceOf } from './holds.ts';
import { permit } from './permit.ts';
import { plans, type Plan } from './retentionPlans.ts';
import type { Round, Sweeping } from './sweepings.ts';
import { timeView } from './shownTime.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Rows let go in one commit, and commits of one kind in one round of housekeeping; the rest waits for the next. */
const atMost = 100;
const mostPages = 50;

interface ClassSweeping {
  readonly class: RetentionClass;
  readonly sweeping: Sweeping;
}

function sweepingsOf(profile: Profile): readonly ClassSweeping[] {
  return Object.entries(plans).flatMap(([name, plan]) =>
    plan.does === 'sweep'
      ? plan.sweepings(profile).map((sweeping) => ({ class: name as RetentionClass, sweeping }))
      : [],
  );
}

export interface SweptClass {
  readonly class: RetentionClass;
  readonly action: string;
  readonly done: number;
}

/** Told after each page: of how many classes how many are swept, and rows so far. */
export type OnSwept = (share: number, rows: number) => void;

export interface Pace {
  /** Commits of one kind. */
  readonly pages?: number;
  /** Rows in one of them. */
  readonly rows?: number;
  readonly onSwept?: OnSwept;
}

/**
 * One round of a tenant: what has had its time goes, a page in one commit with a leaf for each row (of the log's leaves for each
 * page); where values are destroyed, not those of customers under a hold. Any number of processes may do it at once, and stop
 * anywhere: what is done is due no more, and of two that take the same page one is undone whole.
 */
export async function sweepRetention(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  { pages = mostPages, rows, onSwept = () => undefined }: Pace = {},
): Promise<readonly SweptClass[]> {
  const keys = await vault.keyring.tenant(tenantId);
  const swept: SweptClass[] = [];
  const sweepings = sweepingsOf(policy.profile);
  const failed: unknown[] = [];
  for (const { class: name, sweeping } of sweepings) {
    const most = rows ?? sweeping.rows ?? atMost;
    const page = () => sweepPage({ vault, policy, keys, at: new Date(vault.now()) }, name, sweeping, most);
    let done = 0;
    try {
      for (let n = 0; n < pages; n += 1) {
        const count = await page();
        done += count;
        onSwept(
          swept.length / sweepings.length,
          swept.reduce((sum, one) => sum + one.done, done),
        );
        if (count < most) break;
      }
    } catch (error) {
      // What cannot be swept leaves the others to be swept.
      failed.push(error);
    }
    swept.push({ class: name, action: sweeping.action, done });
  }
  if (failed.length > 0) throw failed[0];
  return swept;
}

/** How many rows went. */
async function sweepPage(round: Round, rule: RetentionClass, sweeping: Sweeping, most: number): Promise<number> {
  const { vault, keys, at } = round;
  const { tenantId } = keys;
  const [rows] = await load(vault, tenantId, [sweeping.select(tenantId, at, most)]);
  const found = (await sweeping.genuine?.(round, rows)) ?? rows;
  if (found.length === 0) return 0;
  const { due, lapsed } = await freeOf(round, sweeping, found);
  if (due.length === 0) return 0;
  const gone = sweeping.destroysKeys ? due.map(({ id, customerId }) => ({ recordId: id, customerId })) : [];
  const statements = [
    ...lapsed,
    ...(await sweeping.letGo(round, due)),
    ...(gone.length === 0 ? [] : [insertDestroyedKeys(tenantId, gone, at)]),
    ...(sweeping.leavesOne === true ? [] : due.map((row) => leafOf(round, rule, sweeping, row))),
  ];
  try {
    await write(vault, tenantId, statements);
  } catch (error) {
    // Another process, an edit or a hold came first: the next round sees it.
    if (error instanceof VaultError && error.code === 'conflict') return 0;
    throw error;
  }
  forgetDestroyed(vault, gone);
  return due.length;
}

/** Of these, whom no hold keeps; and what ends the holds of theirs that are over. */
async function freeOf({ vault, keys, at }: Round, { sparesHeld }: Sweeping, found: readonly DueRecord[]) {
  if (!sparesHeld) return { due: found, lapsed: [] };
  const owners = found.flatMap(({ customerId }) => customerId ?? []);
  const { held, statements: lapsed } = await clearanceOf(vault, keys, owners, at);
  return { due: found.filter(({ customerId }) => customerId === null || !held.has(customerId)), lapsed };
}

function leafOf({ policy, keys, at }: Round, rule: RetentionClass, sweeping: Sweeping, row: DueRecord): Statement {
  const { id, customerId, version } = row;
  const { action, kind, destroysKeys, leavesUnnamed } = sweeping;
  return sweepLeaf(
    {
      tenantId: keys.tenantId,
      policyVersion: policy.label,
      action,
      rule: `retention.${rule}`,
      object: { kind, id },
      ...(customerId === null || leavesUnnamed === true ? {} : { subjectId: customerId }),
      ...(destroysKeys && version !== undefined ? { digest: digestOfNothing, recordVersion: version + 1 } : {}),
    },
    at.getTime(),
  );
}

export interface CountedClass extends DueCount {
  readonly class: RetentionClass;
  readonly action: string;
}

/** What a round would find, by class: `due`, and of these `held`. Changes nothing. */
export async function countRetention(vault: Vault, policy: Policy, tenantId: string): Promise<readonly CountedClass[]> {
  const at = new Date(vault.now());
  const sweepings = sweepingsOf(policy.profile);
  const counted = await load(
    vault,
    tenantId,
    sweepings.map(({ sweeping }) => sweeping.count(tenantId, at)),
  );
  return sweepings.map(({ class: name, sweeping: { action } }, i) => ({
    class: name,
    action,
    ...countOf(counted[i]?.[0]),
  }));
}

function countOf({ due, held, atLeast }: DueCount = { due: 0, held: 0 }): DueCount {
  return atLeast === true ? { due, held, atLeast } : { due, held };
}

/** The same for the officer, before it happens: what the next round lets go of, and what a hold keeps of it. Changes nothing. */
export async function readDueRetention(vault: Vault, caller: Caller, act: Act): Promise<Answer> {
  permit(caller, 'retention.read');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const at = new Date(vault.now());
  const items = await countRetention(vault, policy, tenantId);
  const body = { policyVersion: policy.label, ...timeView('at', at), items, unswept: unsweptClasses() };
  return commitAct(vault, caller, act, { policy, rule: 'retention' }, [], { status: 200, body });
}

/** Every class that is not swept, and why. */
export function unsweptClasses(): readonly {
  readonly class: RetentionClass;
  readonly does: string;
  readonly why: string;
}[] {
  return retentionClasses.flatMap((name) => {
    const plan: Plan = plans[name];
    return plan.does === 'sweep' ? [] : [{ class: name, ...plan }];
  });
}
