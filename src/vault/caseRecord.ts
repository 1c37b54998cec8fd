import {
  caseStates,
  type CaseFacts,
  type CaseFilter,
  type CaseKind,
  type CaseRow,
  type CaseState,
} from '../db/cases.ts';
import type { RightsRow } from '../db/rightsCustomers.ts';
import { refuse } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import type { TenantKeys } from './keyring.ts';
import { macOf } from './rowMac.ts';
import { openWords, sealWords, type WordsKey } from './sealedWords.ts';
import { timeView } from './shownTime.ts';

export { caseStates };
export type { CaseFilter };

/** What a case says in words: of who brought it, and of who ended it. */
export type CaseWords = 'words' | 'finding' | 'remedy';

/** Characters. */
const longest = 4_000;

/** With its MAC. */
export function signedCase(keys: TenantKeys, entry: Omit<CaseRow, 'mac'>): CaseRow {
  return { ...entry, mac: macOf(keys, 'cases', entry) };
}

const place = (recordId: string, field: CaseWords) => ({ kind: 'case', recordId, field }) as const;

/** Null where the person is out of reach: what would be said of them stays unsaid. */
export function sealCase(
  keys: TenantKeys,
  customer: (WordsKey & Pick<RightsRow, 'standing'>) | undefined,
  id: string,
  what: CaseWords,
  text: string | undefined,
): Buffer | null {
  if (text === undefined || customer?.standing !== true) return null;
  return sealWords(keys, customer, place(id, what), text);
}

/** The words that are still there; out of reach is out of reach, whether the key has gone or not. */
export function openCase(
  keys: TenantKeys,
  customer: RightsRow | undefined,
  row: CaseRow,
  names: Readonly<Partial<Record<CaseWords, string>>>,
): Record<string, string> {
  const reachable = customer?.standing === true ? customer : undefined;
  const opened: Record<string, string> = {};
  for (const what of ['words', 'finding', 'remedy'] as const) {
    const name = names[what];
    const text = name === undefined ? undefined : openWords(keys, reachable, place(row.id, what), row[what]);
    if (name !== undefined && text !== undefined) opened[name] = text;
  }
  return opened;
}

/** Throws `invalid_body` at the pointer. */
export function checkWords(text: string | undefined, pointer: string): void {
  const fault = text === undefined ? undefined : checkText(text, { max: longest, kind: 'text' });
  if (fault !== undefined) throw refuse('invalid_body', pointer, fault);
}

const stateWords: Readonly<Record<CaseState, string>> = {
  open: 'ثبت شد',
  acknowledged: 'دریافت شد',
  assigned: 'در دست بررسی',
  closed: 'بسته شد',
};

export const wordsOfCase = (state: CaseState): string => stateWords[state];

const nouns = { complaint: 'complaints', inquiry: 'inquiries', misuse: 'misuse_reports' } as const;

/** As the audit and events name it. */
export const nounOf = <Kind extends CaseKind>(kind: Kind): (typeof nouns)[Kind] => nouns[kind];

/** How a case stands, without a word of what was said, and without whom it is about. */
export function viewCase(row: CaseFacts) {
  const { id, customerId, kind, state, outcome } = row;
  return {
    id,
    customerId,
    state,
    ...(kind === 'complaint' ? { clauses: [...row.clauses] } : {}),
    filed: {
      clientId: row.filedBy,
      role: row.filedRole,
      ...(row.filedActor === null ? {} : { actor: row.filedActor }),
      ...timeView('at', row.filedAt),
    },
    ...timeView('dueAt', row.dueAt),
    ...timeView('acknowledgedAt', row.acknowledgedAt),
    ...ownerOf(row),
    ...(outcome === null ? {} : { outcome }),
    ...closingOf(row),
  };
}

function ownerOf({ ownerRole, ownerDepartment, ownerActor }: CaseFacts) {
  if (ownerRole === null || ownerActor === null) return {};
  const department = ownerDepartment === null ? {} : { department: ownerDepartment };
  return { owner: { role: ownerRole, ...department, actor: ownerActor } };
}

function closingOf({ closedBy, closedActor, closedAt }: CaseFacts) {
  if (closedBy === null || closedActor === null) return {};
  return { closed: { clientId: closedBy, actor: closedActor, ...timeView('at', closedAt) } };
}
