import type { RecordKind } from '../crypto/label.ts';
import { digestOf } from '../crypto/digest.ts';
import { selectCustomerPage } from '../db/auditVerification.ts';
import {
  selectCustomersFrom,
  selectCustomerSpan,
  selectFormerCustomers,
  selectFormerOrders,
  selectSealedOf,
  type SealedRow,
} from '../db/integritySweep.ts';
import { selectTaggedCustomers, selectTagOwners } from '../db/recordStandings.ts';
import type { Statement } from '../db/statement.ts';
import { firstIdAt, timeOf } from './ids.ts';
import { verifyCustomers } from './recordVerification.ts';
import { openInvoice } from './invoiceRecord.ts';
import type { TenantKeys } from './keyring.ts';
import { standingFlaw } from './standingVerification.ts';
import { asked, holds, opens, type Flaw, type Ground } from './sweepGround.ts';
import { tagFlaw } from './tagVerification.ts';

/** So many customers, and which: the same seed draws the same ones again where nobody has come or gone. */
export interface Sample {
  readonly size: number;
  readonly seed: string;
}

/** Which part of the whole work this is. */
interface Part {
  readonly from: number;
  readonly share: number;
}

const pageSize = 50;
const tagsAtOnce = 5_000;

export async function sweepCustomers(ground: Ground, { from, share }: Part): Promise<Flaw | undefined> {
  const { tenantId } = ground.keys;
  const [span] = await asked(ground, selectCustomerSpan(tenantId));
  const [first, last] = [timeOf(span?.first ?? ''), timeOf(span?.last ?? '')];
  for (let after: string | undefined; ;) {
    const page = await asked(ground, selectCustomerPage(tenantId, after, pageSize));
    const ids = page.map(({ id }) => id);
    const flaw = await customersFlaw(ground, ids);
    if (flaw !== undefined || page.length < pageSize) return flaw;
    after = ids.at(-1) ?? '';
    ground.onProgress(from + share * Math.min(1, (timeOf(after) - first) / Math.max(1, last - first)), ground.counted);
  }
}

/** Drawn by time of their making: each draw is the next customer made after a moment that the seed says. */
export async function sweepSample(
  ground: Ground,
  { size, seed }: Sample,
  { from, share }: Part,
): Promise<Flaw | undefined> {
  const { tenantId } = ground.keys;
  const [span] = await asked(ground, selectCustomerSpan(tenantId));
  if (span?.first === null || span?.last === null || span === undefined) return undefined;
  const [first, last] = [timeOf(span.first), timeOf(span.last)];
  const drawn = new Set<string>();
  for (let tries = 0; drawn.size < Math.min(size, span.count) && tries < 4 * size; tries += 1) {
    const moment = new Date(momentIn(first, last, `${seed}/customers/${tries}`));
    const [next] = await asked(ground, selectCustomersFrom(tenantId, firstIdAt(moment), 1));
    if (next === undefined || drawn.has(next.id)) continue;
    drawn.add(next.id);
    const flaw = await customersFlaw(ground, [next.id]);
    if (flaw !== undefined) return flaw;
    ground.onProgress(from + (drawn.size / size) * share, ground.counted);
  }
  return undefined;
}

/** A moment between two, in milliseconds, that follows from a text and that nobody can choose. */
export function momentIn(first: number, last: number, text: string): number {
  return first + Math.floor(((last - first + 1) * digestOf(Buffer.from(text)).readUIntBE(0, 6)) / 2 ** 48);
}

/** Customers with their orders, invoices and former states; their tags; how they stand; then all of it against the log. */
async function customersFlaw(ground: Ground, ids: readonly string[]): Promise<Flaw | undefined> {
  const { db, keys } = ground;
  const { tenantId } = keys;
  const looks: readonly (readonly [string, RecordKind, Statement<SealedRow>])[] = [
    ['customers', 'customer', selectSealedOf(tenantId, 'customers', ids)],
    ['orders', 'order', selectSealedOf(tenantId, 'orders', ids)],
    ['invoices', 'invoice', selectSealedOf(tenantId, 'invoices', ids)],
    ['customer_versions', 'customer', selectFormerCustomers(tenantId, ids)],
    ['order_versions', 'order', selectFormerOrders(tenantId, ids)],
  ];
  for (const [table, kind, statement] of looks) {
    const bad = (await asked(ground, statement)).find((row) => !opens(ground, kind, row) || !saysTheSame(keys, row));
    if (bad !== undefined) return { code: 'value_does_not_open', kind: table, id: bad.id };
  }
  const unlogged = (await verifyCustomers(db, tenantId, ids)).breach;
  if (unlogged !== undefined) return unlogged;
  if ((await unfounded(ground, ids)) === undefined) return undefined;
  // A version of the policy may have been published since the sweep began.
  await ground.renewProfiles();
  return unfounded(ground, ids);
}

/** An invoice says what it said when it was frozen, whoever has sealed it since. */
const saysTheSame = (keys: TenantKeys, { contentHash = null, ...row }: SealedRow): boolean =>
  contentHash === null || holds(() => void openInvoice(keys, { ...row, contentHash }));

/** What follows from values and log, and is not so: tags, and how customers stand. */
async function unfounded(ground: Ground, ids: readonly string[]): Promise<Flaw | undefined> {
  const { db, keys, profileOf } = ground;
  const flaw = await tagsFlaw(ground, ids);
  if (flaw !== undefined) return flaw;
  const id = await standingFlaw(db, keys.tenantId, profileOf, ids);
  return id === undefined ? undefined : { code: 'standing_contradicted', kind: 'customers', id };
}

async function tagsFlaw(ground: Ground, ids: readonly string[]): Promise<Flaw | undefined> {
  const { keys, profileOf, counted } = ground;
  for (const row of await asked(ground, selectTaggedCustomers(keys.tenantId, ids))) {
    counted.tags += row.tags.length;
    let code: Flaw['code'] | undefined;
    // Emptied, or changed since the page was taken: the next look at the record tells.
    if (!holds(() => void (code = tagFlaw(keys, profileOf, row)))) code = 'value_does_not_open';
    if (code !== undefined) return { code, kind: code.startsWith('tag_') ? 'index_tags' : 'customers', id: row.id };
  }
  return undefined;
}

/** The first customer who is not there and to whom a tag leads. */
export async function sweepTagsOfNobody(ground: Ground): Promise<Flaw | undefined> {
  for (let after: string | undefined; ;) {
    const page = await asked(ground, selectTagOwners(ground.keys.tenantId, after, tagsAtOnce));
    const gone = page.find(({ there }) => !there);
    if (gone !== undefined) return { code: 'tag_of_nobody', kind: 'index_tags', id: gone.customerId };
    if (page.length === 0) return undefined;
    after = page.at(-1)?.customerId;
  }
}
