import { settleEvents } from '../db/events.ts';
import {
  insertNotices,
  listDueNotices,
  listNotices as listStatement,
  putOffNotices,
  selectDueNotice,
  selectUntoldNotices,
  tellNotice,
  type NoticeFacts,
  type NoticeRow,
} from '../db/notices.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { eventStatement, type EventState } from './events.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import type { LegalOrderRecord } from './legalOrderRecord.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { endOfDay } from './tehranDay.ts';
import type { Vault } from './vault.ts';

/** How a person was told. */
export const noticeChannels = ['sms', 'email', 'account', 'phone', 'post', 'in_person'] as const;
export type NoticeChannel = (typeof noticeChannels)[number];

type Secrecy = LegalOrderRecord['secret'];

/** Which disclosure, and when it was made. */
export interface Disclosure {
  readonly legalOrderId: string;
  readonly exportId: string;
  readonly at: Date;
}

/**
 * For the transaction of an execution, after the export's own row: who is to be told, and when. `disclosed` are the persons in
 * the package. By default as the profile in force says; the order may say otherwise.
 */
export function noticeStatements(
  vault: Vault,
  keys: TenantKeys,
  { legalOrderId, exportId, at }: Disclosure,
  { secret, notifySubject }: Pick<LegalOrderRecord, 'secret' | 'notifySubject'>,
  disclosed: readonly { readonly subjectId: string }[],
): readonly Statement[] {
  const { profile } = vault.watch.policy(keys.tenantId);
  const tells = notifySubject ?? profile.disclosureNotice?.default === true;
  if (!tells || disclosed.length === 0) return [];
  const dueAt = dueWhen(secret, at);
  const notices = disclosed.map(({ subjectId: customerId }) => {
    const facts = { id: newId(at.getTime()), legalOrderId, exportId, customerId, dueAt, createdAt: at };
    return { ...facts, mac: macOf(keys, 'notices', facts) };
  });
  return [insertNotices(keys.tenantId, notices), ...dueStatements(vault, keys.tenantId, notices, at)];
}

/** At once; at the end of the last day of secrecy, in Tehran; or nobody knows when. */
function dueWhen(secret: Secrecy, at: Date): Date | null {
  if (secret?.fromSubject !== true) return at;
  if (secret.until === undefined) return null;
  return new Date(Math.max(endOfDay(secret.until), at.getTime()));
}

/** What is due tells the shop now; the rest is raised by the sweep on its day, and until then is nowhere to be seen. */
function dueStatements(vault: Vault, tenantId: string, notices: readonly NoticeFacts[], at: Date): Statement[] {
  const due = notices.filter(({ dueAt }) => dueAt !== null && dueAt <= at);
  return due.length === 0 ? [] : [eventStatement(vault, tenantId, ...due.map(dueEvent))];
}

export function dueEvent({ id, customerId, dueAt }: Pick<NoticeFacts, 'id' | 'customerId' | 'dueAt'>) {
  return { kind: 'notice.due', objectId: id, customerId, at: dueAt ?? undefined } as const;
}

/** For the act by which an order's secrecy gets another end, or ends: those who were not told yet are told on the new day. */
export async function redateStatements(
  vault: Vault,
  tenantId: string,
  order: { readonly legalOrderId: string; readonly secret: Secrecy; readonly at: Date },
): Promise<readonly Statement[]> {
  const [rows] = await load(vault, tenantId, [selectUntoldNotices(tenantId, order.legalOrderId)]);
  const keys = await vault.keyring.tenant(tenantId);
  const dueAt = dueWhen(order.secret, order.at);
  const notices = rows
    .filter((row) => believes(vault, keys, 'notices', row))
    .map((row) => ({ ...row, dueAt, mac: macOf(keys, 'notices', { ...row, dueAt }) }));
  if (notices.length === 0) return [];
  return [putOffNotices(tenantId, notices), ...dueStatements(vault, tenantId, notices, order.at)];
}

/**
 * Whom the shop has to tell: what is due, and no word of the order. The legal roles and the protection officer see every
 * notice and how it stands.
 */
export async function listNotices(
  vault: Vault,
  caller: Caller,
  act: Act,
  state: EventState,
  page: Page,
): Promise<Answer> {
  permit(caller, 'notices.list');
  const { tenantId } = caller;
  const now = new Date(vault.now());
  const [all, limit] = [state === 'all', page.limit + 1];
  const forShop = caller.role === 'shop_backend';
  const [rows] = await load(vault, tenantId, [
    forShop ? listDueNotices(tenantId, now, all, page.after, limit) : listStatement(tenantId, all, page.after, limit),
  ]);
  const keys = await vault.keyring.tenant(tenantId);
  const view = forShop ? shopView : (row: NoticeRow) => legalView(row, now);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'notices', row) ? view(row) : undefined),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

/**
 * The shop says that the person was told, and how. One that is not due is as one that never was. Throws `conflict` when they
 * had been told before.
 */
export async function markNoticeSent(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  channel: NoticeChannel,
): Promise<Answer> {
  permit(caller, 'notices.sent');
  const { tenantId, clientId, actor } = caller;
  const at = new Date(vault.now());
  const [[row]] = await load(vault, tenantId, [selectDueNotice(tenantId, id, at)]);
  const keys = await vault.keyring.tenant(tenantId);
  if (row === undefined || !believes(vault, keys, 'notices', row)) throw new VaultError('not_found');
  const told = { by: clientId, actor, at, channel };
  const deed = { subjectId: row.customerId, object: { kind: 'notices', id }, legalOrderId: row.legalOrderId };
  const statements = [tellNotice(tenantId, id, told), settleEvents(tenantId, 'shop_backend', 'notice.due', id, told)];
  return commitAct(vault, caller, act, deed, statements, {
    status: 200,
    body: shopView({ ...row, toldAt: at, channel }),
  });
}

function shopView({ id, customerId, dueAt, toldAt, channel }: NoticeRow) {
  return {
    id,
    customerId,
    state: toldAt === null ? 'due' : 'told',
    ...timeView('dueAt', dueAt),
    ...timeView('toldAt', toldAt),
    ...(channel === null ? {} : { channel }),
  };
}

function legalView(row: NoticeRow, now: Date) {
  const { legalOrderId, exportId, toldBy, toldActor, cancelledAt } = row;
  return {
    ...shopView(row),
    state: stateAt(row, now),
    legalOrderId,
    exportId,
    ...(toldBy === null ? {} : { toldBy: { clientId: toldBy, ...(toldActor === null ? {} : { actor: toldActor }) } }),
    ...timeView('cancelledAt', cancelledAt),
  };
}

function stateAt({ toldAt, cancelledAt, dueAt }: NoticeRow, now: Date): 'told' | 'cancelled' | 'due' | 'waiting' {
  if (toldAt !== null) return 'told';
  if (cancelledAt !== null) return 'cancelled';
  return dueAt !== null && dueAt <= now ? 'due' : 'waiting';
}
