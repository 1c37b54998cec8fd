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
import { endOfDay, jalaliDayOf, startOfDay } from './tehranDay.ts';
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
  permit(caller, 'exports.report');
  const now = vault.now();
  const jalali = query.year ?? Number(jalaliDayOf(new Date(now)).slice(0, 4));
  const year = { ...yearOf(jalali), now };
  const keys = await vault.keyring.tenant(caller.tenantId);
  const tally = openTally(year);
  const unreadable = await eachOrder(vault, keys, year, (order, file) => {
    if (!query.forPublic || !isSecret(file, year.now)) tally.add(order, bodyOf(file));
  });
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

/** 1 Farvardin to the last day of Esfand, in Tehran. */
function yearOf(year: number): Pick<Year, 'from' | 'to'> {
  const [first, next] = [parseDate(`${year}-01-01`), parseDate(`${year + 1}-01-01`)];
  if (first === undefined || next === undefined) throw refuse('invalid_query', '?year', 'format');
  return { from: new Date(startOfDay(first)), to: new Date(startOfDay(next)) };
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
