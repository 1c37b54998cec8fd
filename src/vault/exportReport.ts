import { selectReportedOrders, type ReportedOrder } from '../db/exportRegister.ts';
import { selectLegalOrder, type LegalOrderRow } from '../db/legalOrders.ts';
import { refuse } from '../errors.ts';
import { foldDigits } from '../formats/identifier.ts';
import { parseDate } from '../formats/jalali.ts';
import { nameKey } from '../formats/text.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import type { TenantKeys } from './keyring.ts';
import { openOrder, type LegalOrderFile } from './legalOrderSeal.ts';
import { permit } from './permit.ts';
import { dayEndingAt, endOfDay, jalaliDayOf, startOfDay } from './tehranDay.ts';
import { transparencyDocument } from './transparencyDocument.ts';
import { openTally, type Body, type Year } from './transparencyReport.ts';
import type { Vault } from './vault.ts';

/** Orders opened at once; a report never holds more of them in memory. */
const batch = 50;

export interface ReportQuery {
  /** Jalali; the running one when undefined. */
  readonly year: number | undefined;
  /** For the public: without what is still secret. */
  readonly forPublic: boolean;
}

/**
 * The yearly transparency report: counts of orders and disclosures by kind, ground, authority and outcome. Authorities are
 * opened from the sealed orders; nobody else's name is read.
 *
 * Counts are not suppressed when they are small: they count acts of authorities, not people. What a count could still tell is
 * that an authority is at work on something secret, so the public's figures leave such orders out until their secrecy ends,
 * wholly, and the figures of a year may grow by them later.
 */
export async function reportExports(vault: Vault, caller: Caller, act: Act, query: ReportQuery): Promise<Answer> {
  const { jalali, year, tally, unreadable } = await tallyOf(vault, caller, query);
  return commitAct(vault, caller, act, {}, [], {
    status: 200,
    body: {
      year: jalali,
      from: jalaliDayOf(year.from),
      to: jalaliDayOf(new Date(year.to.getTime() - 1)),
      complete: year.to.getTime() <= year.now,
      public: query.forPublic,
      madeAt: new Date(year.now).toISOString(),
      unreadable,
      ...tally.report(),
    },
  });
}

/** The same year as a Persian document to print, in UTF-8. */
export async function printReport(vault: Vault, caller: Caller, act: Act, query: ReportQuery): Promise<Buffer> {
  const { jalali, year, tally } = await tallyOf(vault, caller, query);
  await commitAct(vault, caller, act, {}, [], { status: 200, body: undefined });
  const page = transparencyDocument({
    controller: vault.watch.policy(caller.tenantId).profile.controller.fa,
    year: jalali,
    from: year.first,
    to: dayEndingAt(year.to),
    madeAt: new Date(year.now).toISOString(),
    ...tally.printed(),
  });
  return Buffer.from(page);
}

async function tallyOf(vault: Vault, caller: Caller, { year: asked, forPublic }: ReportQuery) {
  permit(caller, 'exports.report');
  const now = vault.now();
  const jalali = asked ?? Number(jalaliDayOf(new Date(now)).slice(0, 4));
  const year = { ...yearOf(jalali), now };
  const tally = openTally(year);
  const unreadable = await eachOrder(vault, await vault.keyring.tenant(caller.tenantId), year, (order, file) => {
    if (!forPublic || !isSecret(file, now)) tally.add(order, bodyOf(file));
  });
  return { jalali, year, tally, unreadable };
}

/** 1 Farvardin to the last day of Esfand, in Tehran. */
function yearOf(year: number): Pick<Year, 'from' | 'to'> & { readonly first: string } {
  const [first, next] = [parseDate(`${year}-01-01`), parseDate(`${year + 1}-01-01`)];
  if (first === undefined || next === undefined) throw refuse('invalid_query', '?year', 'format');
  return { first, from: new Date(startOfDay(first)), to: new Date(startOfDay(next)) };
}

/** Every order of the year, opened, a batch at a time. One that does not open is told apart, and counted nowhere else. */
async function eachOrder(
  vault: Vault,
  keys: TenantKeys,
  { from, to }: Year,
  add: (order: ReportedOrder, file: LegalOrderFile) => void,
): Promise<number> {
  let unreadable = 0;
  let after: string | undefined;
  for (;;) {
    const [orders] = await load(vault, keys.tenantId, [selectReportedOrders(keys.tenantId, from, to, after, batch)]);
    const rows = await load(
      vault,
      keys.tenantId,
      orders.map(({ id }) => selectLegalOrder(keys.tenantId, id)),
    );
    orders.forEach((order, i) => {
      const file = opened(vault, keys, rows[i]?.[0]);
      if (file === undefined) unreadable += 1;
      else add(order, file);
    });
    after = orders.at(-1)?.id;
    if (orders.length < batch) return unreadable;
  }
}

function opened(vault: Vault, keys: TenantKeys, row: LegalOrderRow | undefined): LegalOrderFile | undefined {
  try {
    return row === undefined ? undefined : openOrder(keys, row);
  } catch {
    vault.notice('integrity_failure', 'legal_order');
    return undefined;
  }
}

/** Bound to secrecy now: without end, or to the end of a day that is not over in Tehran. */
function isSecret({ record: { secret } }: LegalOrderFile, now: number): boolean {
  return secret?.fromSubject === true && (secret.until === undefined || endOfDay(secret.until) > now);
}

/** Undefined where the order rests on no authority's letter. */
function bodyOf({ record: { authority } }: LegalOrderFile): Body | undefined {
  if (authority === undefined) return undefined;
  const { name, jurisdiction } = authority;
  return { name, jurisdiction, key: foldDigits([name, jurisdiction ?? ''].map((part) => nameKey(part)).join('\n')) };
}
