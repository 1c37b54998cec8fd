import { digestOfNothing } from '../crypto/digest.ts';
import { insertDestroyedKeys } from '../db/destroyedKeys.ts';
import { destroyOrders } from '../db/erasure.ts';
import {
  countDueInvoices,
  countDueOrders,
  destroyInvoices,
  selectDueInvoices,
  selectDueOrders,
  type DueCount,
  type DueRecord,
  type OrderTerms,
} from '../db/retention.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { addDuration, durationPattern } from '../policy/duration.ts';
import type { Profile } from '../policy/profile.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import { load, write } from './act.ts';
import { forgetDestroyed } from './erasure.ts';
import { clearanceOf } from './holds.ts';
import type { TenantKeys } from './keyring.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import { endOfIranianYear } from './tehranDay.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Records destroyed in one commit, and commits of one class in one round; the rest waits for the next. */
const atMost = 100;
const mostPages = 50;
/** From the end of a year to some moment of the year before it; a year has 366 days at most. */
const intoYearBefore = 367 * 24 * 60 * 60 * 1000;

/** A class whose records have keys of their own: how what is due of it is found, counted and destroyed. */
interface Sweeping {
  readonly rule: Extract<RetentionClass, 'alternate_recipient' | 'order_shipping' | 'invoice_snapshot'>;
  readonly kind: 'orders' | 'invoices';
  readonly select: (tenantId: string, at: Date, limit: number) => Statement<DueRecord>;
  readonly count: (tenantId: string, at: Date) => Statement<DueCount>;
  readonly destroy: (tenantId: string, due: readonly DueRecord[], at: Date) => readonly Statement[];
}

function sweepingsOf({ retention }: Pick<Profile, 'retention'>): readonly Sweeping[] {
  const orders = (rule: 'alternate_recipient' | 'order_shipping', deliveryTo: 'recipient' | 'customer'): Sweeping => {
    const terms = termsOf(retention[rule], deliveryTo);
    return {
      rule,
      kind: 'orders',
      select: (tenantId, at, limit) => selectDueOrders(tenantId, terms, at, limit),
      count: (tenantId, at) => countDueOrders(tenantId, terms, at),
      destroy: destroyOrders,
    };
  };
  const { keep } = retention.invoice_snapshot;
  return [
    orders('alternate_recipient', 'recipient'),
    orders('order_shipping', 'customer'),
    {
      rule: 'invoice_snapshot',
      kind: 'invoices',
      select: (tenantId, at, limit) => selectDueInvoices(tenantId, booksClosed(keep, at), limit),
      count: (tenantId, at) => countDueInvoices(tenantId, booksClosed(keep, at)),
      destroy: (tenantId, due) => [destroyInvoices(tenantId, due)],
    },
  ];
}

const durationOf = (length: string | undefined): string | null =>
  length === undefined || !durationPattern.test(length) ? null : length;

function termsOf(
  { keep, cases, most }: Profile['retention'][RetentionClass],
  deliveryTo: OrderTerms['deliveryTo'],
): OrderTerms {
  const cancelled = cases?.find(({ when }) => when === 'cancelled')?.keep;
  return {
    deliveryTo,
    keep: durationOf(keep),
    cancelled: cancelled === 'at_once' ? 'P0D' : durationOf(cancelled),
    most: most?.clock === 'order' ? most.length : null,
  };
}

/** The end of the last fiscal year that has been over for so long: what was invoiced before is due. */
function booksClosed(keep: string, at: Date): Date {
  const never = new Date(0);
  if (durationOf(keep) === null) return never;
  // Back from now, a year at a time: a profile keeps books for tens of years at most.
  for (let year = 0, end = endOfIranianYear(at); year < 100; year += 1) {
    const due = addDuration(end, keep);
    if (due !== undefined && due <= at) return end;
    end = endOfIranianYear(new Date(end.getTime() - intoYearBefore));
  }
  return never;
}

export interface SweptClass {
  readonly class: RetentionClass;
  readonly destroyed: number;
}

/**
 * One round of a tenant: the keys of records that have had their time go, a page in one commit with a leaf for each record, save
 * those of customers under a hold. Any number of processes may do it at once, and stop anywhere: what is destroyed is due no
 * more, and of two that destroy the same page one is undone whole.
 */
export async function sweepRetention(vault: Vault, policy: Policy, tenantId: string): Promise<readonly SweptClass[]> {
  const keys = await vault.keyring.tenant(tenantId);
  const swept: SweptClass[] = [];
  for (const sweeping of sweepingsOf(policy.profile)) {
    let destroyed = 0;
    for (let page = 0; page < mostPages; page += 1) {
      const count = await sweepPage(vault, policy, keys, sweeping);
      destroyed += count;
      if (count < atMost) break;
    }
    swept.push({ class: sweeping.rule, destroyed });
  }
  return swept;
}

async function sweepPage(vault: Vault, policy: Policy, keys: TenantKeys, sweeping: Sweeping): Promise<number> {
  const { tenantId } = keys;
  const at = new Date(vault.now());
  const [found] = await load(vault, tenantId, [sweeping.select(tenantId, at, atMost)]);
  if (found.length === 0) return 0;
  const { held, statements: lapsed } = await clearanceOf(
    vault,
    keys,
    found.map(({ customerId }) => customerId),
    at,
  );
  const due = found.filter(({ customerId }) => !held.has(customerId));
  if (due.length === 0) return 0;
  const gone = due.map(({ id, customerId }) => ({ recordId: id, customerId }));
  const { rule, kind } = sweeping;
  const leaves = due.map(({ id, customerId, version }) =>
    sweepLeaf(
      {
        tenantId,
        policyVersion: policy.label,
        action: `${kind}.expire`,
        rule: `retention.${rule}`,
        subjectId: customerId,
        object: { kind, id },
        digest: digestOfNothing,
        recordVersion: version + 1,
      },
      at.getTime(),
    ),
  );
  const statements = [
    ...lapsed,
    ...sweeping.destroy(tenantId, due, at),
    insertDestroyedKeys(tenantId, gone, at),
    ...leaves,
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

export interface CountedClass extends DueCount {
  readonly class: RetentionClass;
}

/** What a round would find, by class. Changes nothing. */
export async function countRetention(vault: Vault, policy: Policy, tenantId: string): Promise<readonly CountedClass[]> {
  const at = new Date(vault.now());
  const sweepings = sweepingsOf(policy.profile);
  const counted = await load(
    vault,
    tenantId,
    sweepings.map((sweeping) => sweeping.count(tenantId, at)),
  );
  return sweepings.map(({ rule }, i) => ({ class: rule, ...(counted[i]?.[0] ?? { due: 0, held: 0 }) }));
}
