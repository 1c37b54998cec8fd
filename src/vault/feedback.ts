import { selectCustomersForRights } from '../db/rightsCustomers.ts';
import {
  detachFeedback,
  insertFeedback,
  listFeedback as listStatement,
  selectFeedback,
  type FeedbackFacts,
  type FeedbackKind,
  type FeedbackRow,
} from '../db/feedback.ts';
import { requireReveals } from '../db/freezes.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { addDuration } from '../policy/duration.ts';
import type { Profile } from '../policy/profile.ts';
import { columnOf } from '../policy/reader.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { forResealing, openRecord, sealNew, type Value, type Values } from './record.ts';
import { durationOf } from './retentionTerms.ts';
import { believes, checkMac, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

const noun = 'feedback';
/** Characters. */
const longest = 4_000;

export interface NewFeedback {
  readonly kind: FeedbackKind;
  /** Of a survey alone: the shop's name of it. */
  readonly survey?: string | undefined;
  /** An answer without a subject is valid. */
  readonly customerId?: string | undefined;
  readonly text?: string | undefined;
  readonly answers?: readonly { readonly question: string; readonly answer: string }[] | undefined;
}

/**
 * Takes an answer or an opinion. Its leaf names who gave it, where somebody did, and not which it is: what is cut off later is
 * cut off in the log from the start.
 */
export async function giveFeedback(vault: Vault, caller: Caller, act: Act, input: NewFeedback): Promise<Answer> {
  permit(caller, 'feedback.create');
  const { tenantId, subjectId } = caller;
  if (vault.watch.policy(tenantId).profile.feedback === undefined) throw refuse('not_permitted', '', 'not_in_policy');
  const said = checkFeedback(input);
  const customerId = input.customerId ?? null;
  await expectSubject(vault, caller, customerId);
  const keys = await vault.keyring.tenant(tenantId);
  const now = vault.now();
  const id = newId(now);
  const { keyVersion, dataKey, sealed } = sealNew(keys, 'feedback', id, said);
  const facts = { id, kind: input.kind, survey: input.survey ?? null, customerId, createdAt: new Date(now) };
  const row = { ...signedFeedback(keys, facts), keyVersion, dataKey, sealed };
  const own = subjectId ?? customerId ?? undefined;
  const deed = own === undefined ? { object: { kind: noun, id } } : { subjectId: own };
  return commitAct(vault, caller, act, deed, [insertFeedback(tenantId, row)], {
    status: 201,
    headers: { Location: `/v1/feedback/${id}` },
    body: viewFacts(row),
  });
}

/** The person's own token answers for itself, or for nobody. */
async function expectSubject(vault: Vault, { tenantId, subjectId }: Caller, customerId: string | null): Promise<void> {
  if (customerId === null) return;
  const [[customer]] = await load(vault, tenantId, [selectCustomersForRights(tenantId, [customerId])]);
  const own = subjectId === undefined || subjectId === customerId;
  if (customer?.standing !== true || !own) throw refuse('invalid_body', '/customerId', 'unknown_id');
}

function checkFeedback({ kind, survey, text, answers = [] }: NewFeedback): Values {
  if ((kind === 'survey') !== (survey !== undefined))
    throw refuse('invalid_body', '/survey', kind === 'survey' ? 'field_required' : 'not_for_kind');
  if (text === undefined && answers.length === 0) throw refuse('field_required', '/text');
  const texts = [
    ...(text === undefined ? [] : [['/text', text] as const]),
    ...answers.flatMap(({ question, answer }, i) => [
      [`/answers/${i}/question`, question] as const,
      [`/answers/${i}/answer`, answer] as const,
    ]),
  ];
  const faults = texts.flatMap(([pointer, words]) => {
    const code = checkText(words, { max: longest, kind: 'text' });
    return code === undefined ? [] : [{ pointer, code }];
  });
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
  const said = new Map<string, Value>();
  if (text !== undefined) said.set('text', text);
  if (answers.length > 0)
    said.set(
      'answers',
      answers.map((one) => ({ ...one })),
    );
  return said;
}

export function signedFeedback(keys: TenantKeys, facts: Omit<FeedbackFacts, 'mac'>): FeedbackFacts {
  return { ...facts, mac: macOf(keys, 'feedback', facts) };
}

const viewFacts = ({ id, kind, survey, createdAt }: FeedbackFacts) => ({
  id,
  kind,
  ...(survey === null ? {} : { survey }),
  ...timeView('givenAt', createdAt),
});

/** What was said, as it was said. */
export function saidIn(keys: TenantKeys, row: FeedbackRow): Record<string, unknown> {
  const { dataKey, sealed } = row;
  if (dataKey === null || sealed === null) throw new VaultError('integrity_failure');
  const record = openRecord(keys, 'feedback', { ...row, dataKey, sealed, version: 1 });
  return Object.fromEntries([...record.labels].map((label) => [label, forResealing(record.value(label))]));
}

/** Still told whose it is? The same answer whether or not it was cut off yet. */
export function isAttached({ retention }: Profile, { customerId, createdAt }: FeedbackFacts, now: number): boolean {
  const until = addDuration(createdAt, retention.feedback.keep);
  return customerId !== null && (until === undefined || now < until.getTime());
}

/** Cuts off whose each was, which has had its time. */
export function cutOff(keys: TenantKeys, rows: readonly FeedbackRow[]): Statement {
  const cut = rows.map((row) => ({
    id: row.id,
    was: row.mac,
    mac: signedFeedback(keys, { ...row, customerId: null }).mac,
  }));
  return detachFeedback(keys.tenantId, cut);
}

/** How long what a person said is still theirs, by now. */
export const ownSince = ({ retention }: Profile, now: number) =>
  ({ keep: durationOf(retention.feedback.keep), at: new Date(now) }) as const;

/**
 * What the policy lets this reader read it for, and whether whose it is belongs to that. Throws `not_permitted`: a department
 * that the policy does not name, marketing say, reads none.
 */
function readingOf(profile: Profile, caller: Caller) {
  const readers = profile.feedback?.readers ?? {};
  const column = columnOf(profile, caller);
  const rule = column !== undefined && Object.hasOwn(readers, column) ? readers[column] : undefined;
  if (rule === undefined) throw new VaultError('not_permitted');
  return rule;
}

/** One answer. Whose it is, is told to nobody but whom the policy lets answer the person, and for twelve months at most. */
export async function readFeedback(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'feedback.read');
  const { tenantId, subjectId } = caller;
  const { profile } = vault.watch.policy(tenantId);
  const rule = subjectId === undefined ? readingOf(profile, caller) : undefined;
  const [[row]] = await load(vault, tenantId, [
    selectFeedback(tenantId, id, durationOf(profile.retention.feedback.keep)),
  ]);
  if (row === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  checkMac(keys, 'feedback', row);
  const attached = isAttached(profile, row, vault.now());
  if (subjectId !== undefined && !(attached && row.customerId === subjectId)) throw new VaultError('not_found');
  const owner = attached && rule?.identity === true ? { customerId: row.customerId } : {};
  const deed = subjectId === undefined ? { object: { kind: noun, id }, purpose: rule?.purpose } : { subjectId };
  const body = { ...viewFacts(row), ...owner, ...saidIn(keys, row) };
  const guards = subjectId === undefined ? [] : [requireReveals(tenantId, subjectId)];
  return commitAct(vault, caller, act, deed, guards, { status: 200, body });
}

/** Newest first, without what was said; the person's own token sees their own. */
export async function listFeedback(
  vault: Vault,
  caller: Caller,
  act: Act,
  survey: string | undefined,
  page: Page,
): Promise<Answer> {
  permit(caller, 'feedback.list');
  const { tenantId, subjectId } = caller;
  const { profile } = vault.watch.policy(tenantId);
  const purpose = subjectId === undefined ? readingOf(profile, caller).purpose : undefined;
  const { keep, at } = ownSince(profile, vault.now());
  const own = subjectId === undefined ? undefined : { customerId: subjectId, keep, at };
  const [rows] = await load(vault, tenantId, [
    listStatement(tenantId, { survey, own, keep }, page.after, page.limit + 1),
  ]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'feedback', row) ? viewFacts(row) : undefined),
  );
  return commitAct(vault, caller, act, { subjectId, purpose }, [], { status: 200, body });
}
