import {
  requestKinds,
  requestStates,
  type Outcome,
  type RequestFacts,
  type RequestKind,
  type RequestRow,
  type RequestState,
} from '../db/requests.ts';
import type { TenantKeys } from './keyring.ts';
import { macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { openWords, sealWords, type WordsKey } from './sealedWords.ts';

export { requestKinds, requestStates };
export const outcomes = ['done', 'partly', 'refused'] as const satisfies readonly Outcome[];

/** Who asks: the person, or somebody for them; or the shop, of its own accord. */
export const askers = ['subject', 'representative', 'guardian', 'heir', 'shop'] as const;
export type Asker = (typeof askers)[number];

/** How it was made sure. `token` is the person's own. */
export const checks = [
  'account',
  'call_back',
  'identity_document',
  'written_letter',
  'power_of_attorney',
  'none',
] as const;
export type Check = (typeof checks)[number] | 'token';

/** Why a request is not, or not wholly, done. */
export const legalReasons = [
  'kept_by_law',
  'required_by_law',
  'not_identified',
  'not_held',
  'needed_for_contract',
  'needed_for_claim',
  'already_done',
  'unfounded',
] as const;
export type LegalReason = (typeof legalReasons)[number];

/** The same words for whatever is kept by law, so that nothing that is kept can be told from anything else. */
export const keptByLaw = 'نگهداری به موجب قانون';
export const underReview = 'در دست بررسی';

const stateWords: Readonly<Record<RequestState, string>> = {
  open: underReview,
  done: 'انجام شد',
  partly: 'بخشی انجام شد',
  refused: 'انجام نشد',
  withdrawn: 'پس گرفته شد',
};

const requestWords: Readonly<Record<RequestKind, string>> = {
  copy: 'نسخه‌ای از داده‌ها',
  correct: 'تصحیح',
  deactivate: 'غیرفعال کردن حساب',
  erase: 'حذف',
  object: 'اعتراض',
  portability: 'انتقال داده‌ها',
};

const reasonWords: Readonly<Record<LegalReason, string>> = {
  kept_by_law: keptByLaw,
  required_by_law: 'به موجب قانون لازم است',
  not_identified: 'هویت درخواست‌کننده احراز نشد',
  not_held: 'این داده نزد ما نیست',
  needed_for_contract: 'برای انجام قرارداد لازم است',
  needed_for_claim: 'برای رسیدگی به دعوا لازم است',
  already_done: 'پیش‌تر انجام شده است',
  unfounded: 'درخواست مبنایی ندارد',
};

export function wordsOfState(state: RequestState): string {
  return stateWords[state];
}

export function wordsOfKind(kind: RequestKind): string {
  return requestWords[kind];
}

export const wordsOfReason = (reason: string): string | undefined =>
  legalReasons.some((known) => known === reason) ? reasonWords[reason as LegalReason] : undefined;

/** Those that hand out a copy. */
export const isCopy = (kind: RequestKind): boolean => kind === 'copy' || kind === 'portability';

/** With its MAC. */
export function signed(keys: TenantKeys, request: Omit<RequestRow, 'mac'>): RequestRow {
  return { ...request, mac: macOf(keys, 'requests', request) };
}

/** What a request says in words: of who asked, and of who decided. */
export type Said = 'note' | 'why';

const place = (recordId: string, field: Said) => ({ kind: 'request', recordId, field }) as const;

export const sealSaid = (keys: TenantKeys, customer: WordsKey, requestId: string, what: Said, text: string): Buffer =>
  sealWords(keys, customer, place(requestId, what), text);

/** Undefined where nothing was said, or what was said has gone with its key. */
export const openSaid = (keys: TenantKeys, customer: WordsKey | undefined, row: RequestRow, what: Said) =>
  openWords(keys, customer, place(row.id, what), row[what]);

/** A request as the person, support and the officer see it: the same members for all of them. */
export function viewRequest(row: RequestFacts) {
  const { id, customerId, kind, state, askedBy, askedRole, askedActor, asker, checked, purpose } = row;
  return {
    id,
    customerId,
    kind,
    state,
    stateText: wordsOfState(state),
    ...(purpose === null ? {} : { purpose }),
    asked: {
      clientId: askedBy,
      role: askedRole,
      ...(askedActor === null ? {} : { actor: askedActor }),
      asker,
      checked,
      ...timeView('at', row.askedAt),
    },
    ...timeView('dueAt', row.dueAt),
    ...decisionOf(row),
    ...timeView('closedAt', row.closedAt),
    ...timeView('withdrawnAt', row.withdrawnAt),
    ...(row.applied === null ? {} : { applied: row.applied }),
    ...copyOf(row),
    ...(row.certificate === null || state === 'open' ? {} : { certificate: `/v1/requests/${id}/certificate` }),
  };
}

/**
 * While a request is open it says that it was granted and no more: what became of it is told when it is closed, so that the
 * moment at which something changed tells nothing either.
 */
function decisionOf({ decidedBy, decidedActor, decidedAt, outcome, reason, clauses, state }: RequestFacts) {
  if (decidedAt === null || outcome === null) return {};
  const given = state === 'open' ? null : reason;
  return {
    decided: {
      outcome: state === 'open' ? 'done' : outcome,
      ...(decidedBy === null ? {} : { clientId: decidedBy }),
      ...(decidedActor === null ? {} : { actor: decidedActor }),
      ...timeView('at', decidedAt),
    },
    ...(given === null ? {} : { reason: { code: given, text: wordsOfReason(given) ?? given, clauses: [...clauses] } }),
  };
}

function copyOf({ copyExpiresAt, fetchedAt }: RequestFacts) {
  if (copyExpiresAt === null) return {};
  return { copy: { ...timeView('expiresAt', copyExpiresAt), ...timeView('fetchedAt', fetchedAt) } };
}
