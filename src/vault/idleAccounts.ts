import { deactivateCustomer } from '../db/erasure.ts';
import {
  countUnheard,
  countUntoldIdle,
  insertIdleNotices,
  selectUnheard,
  selectUntoldIdle,
  type IdleRow,
  type UnheardRow,
} from '../db/retentionAccounts.ts';
import type { Statement } from '../db/statement.ts';
import { eventStatement } from './events.ts';
import { jalaliDayOf } from './tehranDay.ts';
import { toPersianDigits } from '../formats/jalali.ts';
import type { Round, Sweeping } from './sweepings.ts';
import { durationOf, type RetentionRule } from './retentionTerms.ts';
import { believed, macOf } from './rowMac.ts';
import { tellSubject } from './tellings.ts';

/** Where the policy does not say how long somebody has to answer. */
const usualNotice = 'P30D';

/**
 * An account of which nobody has heard for as long as the policy says: its person is told, and the shop, and when the notice time
 * is over and still nobody has heard of them, it is deactivated. Destroys nothing, so nothing of it differs for whom a hold keeps.
 */
export const tellingIdle = (rule: RetentionRule): Sweeping<IdleRow> => ({
  action: 'customers.tell_idle',
  kind: 'customers',
  select: (tenantId, at, limit) => selectUntoldIdle(tenantId, durationOf(rule.keep), at, limit),
  count: (tenantId, at) => countUntoldIdle(tenantId, durationOf(rule.keep), at),
  letGo: tell,
  sparesHeld: false,
  destroysKeys: false,
});

export const deactivatingUnheard = (rule: RetentionRule): Sweeping<UnheardRow> => {
  const notice = rule.noticeTime ?? usualNotice;
  return {
    action: 'customers.deactivate',
    kind: 'customers',
    select: (tenantId, at, limit) => selectUnheard(tenantId, notice, at, limit),
    count: (tenantId, at) => countUnheard(tenantId, notice, at),
    letGo: ({ vault, keys, at }, due) => [
      ...due.map(({ id }) => deactivateCustomer(keys.tenantId, id, at)),
      eventStatement(
        vault,
        keys.tenantId,
        ...due.map(({ id }) => ({ kind: 'account.deactivated', objectId: id, customerId: id, at }) as const),
      ),
    ],
    sparesHeld: false,
    destroysKeys: false,
    genuine: believed('idle_notices'),
  };
};

async function tell({ vault, keys, at }: Round, due: readonly IdleRow[]): Promise<readonly Statement[]> {
  const { tenantId } = keys;
  const rows = due.map(({ customerId, idleSince }) => {
    const notice = { customerId, idleSince, toldAt: at };
    return { ...notice, mac: macOf(keys, 'idle_notices', notice) };
  });
  const messages = await Promise.all(
    due.map((row) =>
      tellSubject(vault, tenantId, row.customerId, {
        telling: 'account_idle',
        about: row.customerId,
        params: { since: toPersianDigits(jalaliDayOf(row.idleSince)) },
      }),
    ),
  );
  const events = due.map(({ id }) => ({ kind: 'account.idle', objectId: id, customerId: id, at }) as const);
  return [insertIdleNotices(tenantId, rows), eventStatement(vault, tenantId, ...events), ...messages.flat()];
}
