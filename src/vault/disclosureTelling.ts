import { settleEvents } from '../db/events.ts';
import { markNoticeTold, selectDueNotice, selectUntriedNotices, tryNotices } from '../db/notices.ts';
import type { Statement } from '../db/statement.ts';
import { load, write } from './act.ts';
import type { TenantKeys } from './keyring.ts';
import { believes } from './rowMac.ts';
import { tellSubject } from './tellings.ts';
import type { Vault } from './vault.ts';

/** Notices in one commit. */
const atMost = 100;

/**
 * Has people told of the disclosures that they may know of now, where the policy lets the vault tell them. The shop hears of
 * each notice all the same, and may tell by other ways: a notice is told by whichever comes first.
 */
export async function tellDisclosures(vault: Vault, keys: TenantKeys): Promise<void> {
  const { tenantId } = keys;
  if (vault.watch.policy(tenantId).profile.tells?.disclosure?.when !== 'always') return;
  for (;;) {
    const at = new Date(vault.now());
    const [due] = await load(vault, tenantId, [selectUntriedNotices(tenantId, at, atMost)]);
    if (due.length === 0) return;
    const statements: Statement[] = [
      tryNotices(
        tenantId,
        due.map(({ id }) => id),
        at,
      ),
    ];
    for (const { id, customerId } of due.filter((row) => believes(vault, keys, 'notices', row))) {
      const told = { telling: 'disclosure', about: id, params: { id } } as const;
      statements.push(...(await tellSubject(vault, tenantId, customerId, told)));
    }
    await write(vault, tenantId, statements);
    if (due.length < atMost) return;
  }
}

/** Asked before every try: the order may have become secret again, or the shop may have told the person. */
export async function mayStillTell(vault: Vault, keys: TenantKeys, noticeId: string): Promise<boolean> {
  const now = new Date(vault.now());
  const [[row]] = await load(vault, keys.tenantId, [selectDueNotice(keys.tenantId, noticeId, now)]);
  return row !== undefined && row.toldBy === null && believes(vault, keys, 'notices', row);
}

/** For the commit that settles the message. */
export function toldStatements(tenantId: string, noticeId: string, channel: string, at: Date): readonly Statement[] {
  const told = { by: null, actor: undefined, at };
  return [
    markNoticeTold(tenantId, noticeId, channel, at),
    settleEvents(tenantId, 'shop_backend', 'notice.due', noticeId, told),
  ];
}
