import { listExports as listStatement, type ListedExport, type RegisterFilter } from '../db/exportRegister.ts';
import type { Delivery } from '../db/exports.ts';
import { refuse } from '../errors.ts';
import { parseDate } from '../formats/jalali.ts';
import { groundKinds } from '../policy/vocabulary.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { orderKinds } from './legalGround.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { timeView } from './shownTime.ts';
import { endOfDay, startOfDay } from './tehranDay.ts';
import type { Vault } from './vault.ts';

/** Closed lists, so that a slip is refused and does not look like an empty register. */
const words = {
  kind: orderKinds,
  ground: groundKinds,
  authority: ['judicial', 'administrative', 'officer', 'none'],
  delivery: ['waiting', 'handed_out', 'delivered', 'aborted', 'discarded'] satisfies readonly Delivery[],
} as const;

/** As asked: days of the execution, Jalali or Gregorian, both included. */
export interface RegisterQuery {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly kind?: string | undefined;
  readonly ground?: string | undefined;
  /** Whose letter: a kind of authority. */
  readonly authority?: string | undefined;
  readonly delivery?: string | undefined;
  readonly legalOrder: string | undefined;
  readonly page: Page;
}

/** The register of disclosures, newest first: what left under which order and by whose hands, and no personal data. */
export async function listExports(vault: Vault, caller: Caller, act: Act, query: RegisterQuery): Promise<Answer> {
  permit(caller, 'exports.list');
  const { after, limit } = query.page;
  const filter = filterOf(query);
  const [rows] = await load(vault, caller.tenantId, [listStatement(caller.tenantId, filter, after, limit + 1)]);
  const body = pageOf(rows, limit, (row) => row.id, viewOf);
  return commitAct(vault, caller, act, { legalOrderId: query.legalOrder }, [], { status: 200, body });
}

function filterOf(query: RegisterQuery): RegisterFilter {
  const [from, to] = [dayIn('from', query.from), dayIn('to', query.to)];
  if (from !== undefined && to !== undefined && from > to) throw refuse('invalid_query', '?from', 'order');
  return {
    from: from === undefined ? undefined : new Date(startOfDay(from)),
    to: to === undefined ? undefined : new Date(endOfDay(to)),
    kind: wordIn('kind', query.kind),
    ground: wordIn('ground', query.ground),
    authorityKind: wordIn('authority', query.authority),
    legalOrderId: query.legalOrder,
    delivery: wordIn('delivery', query.delivery),
  };
}

function dayIn(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const day = parseDate(text);
  if (day === undefined) throw refuse('invalid_query', `?${name}`, 'format');
  return day;
}

function wordIn(name: keyof typeof words, text: string | undefined): string | undefined {
  const known: readonly string[] = words[name];
  if (text !== undefined && !known.includes(text)) throw refuse('invalid_query', `?${name}`, 'unknown_value');
  return text;
}

function viewOf(row: ListedExport) {
  const { sha256, delivery, executedAt, fetchedAt, deliveredAt, decidedBy, fetchedBy } = row;
  return {
    id: row.id,
    legalOrderId: row.legalOrderId,
    orderStatus: row.orderStatus,
    kind: row.kind,
    ground: row.ground,
    authority: row.authorityKind,
    delivery,
    format: row.format,
    ...timeView('executedAt', executedAt),
    records: row.records,
    notFound: row.notFound,
    outsidePeriod: row.outsidePeriod,
    fields: row.fields,
    sha256: sha256.toString('hex'),
    registeredBy: { clientId: row.registeredBy, actor: row.registeredActor },
    approvedBy: { clientId: decidedBy, actor: row.decidedActor },
    executedBy: { clientId: row.executedBy, actor: row.executedActor },
    ...(fetchedBy === null ? {} : { fetchedBy: { clientId: fetchedBy, actor: row.fetchedActor } }),
    ...timeView('fetchedAt', fetchedAt),
    ...timeView('deliveredAt', deliveredAt),
  };
}
