import { open, seal } from '../crypto/seal.ts';
import type { StandingCustomerRow } from '../db/customers.ts';
import {
  supplementaryStates,
  type SupplementaryFacts,
  type SupplementaryRow,
  type SupplementaryState,
} from '../db/supplementaryRequests.ts';
import { maskField } from '../policy/masks.ts';
import type { CheckKind } from '../policy/vocabulary.ts';
import type { Profile, Role } from '../policy/profile.ts';
import { addDuration } from '../policy/duration.ts';
import type { Caller } from './caller.ts';
import type { TenantKeys } from './keyring.ts';
import { reveal, type Plaintext, type Value } from './record.ts';
import { macOf } from './rowMac.ts';
import type { Shown } from './shown.ts';
import { timeView } from './shownTime.ts';
import type { Submission } from './submission.ts';

export { supplementaryStates };

/** The one reason for which more is asked. */
export const certainty = { code: 'order_certainty', text: 'اطمینان از سفارش' } as const;

type Supplementary = Extract<NonNullable<Profile['supplementary']>, { allowed: true }>;

/** What the policy lets be asked, if anything. */
export function supplementaryOf({ supplementary }: Pick<Profile, 'supplementary'>): Supplementary | undefined {
  return supplementary?.allowed === true ? supplementary : undefined;
}

export function signedSupplementary(keys: TenantKeys, row: Omit<SupplementaryRow, 'mac'>): SupplementaryRow {
  return { ...row, mac: macOf(keys, 'supplementary_requests', row) };
}

/** How it stands at a moment, whether or not the clock's own work has been done yet. */
export interface Standing {
  readonly state: SupplementaryState;
  readonly closedAt: Date | null;
}

export function standingAt({ state, closedAt, closesAt }: SupplementaryFacts, at: Date): Standing {
  if (closedAt !== null || closesAt > at) return { state, closedAt };
  return { state: state === 'open' ? 'expired' : state, closedAt: closesAt };
}

/** What was answered, and how it came. */
export interface Answers {
  readonly values: Readonly<Record<string, Value>>;
  readonly submission: Omit<Submission, 'version'>;
}

const context = ({ tenantId }: TenantKeys, recordId: string) =>
  ({ tenantId, kind: 'supplementary_request', recordId, version: 1, field: 'answers' }) as const;

type Answering = Pick<StandingCustomerRow, 'id' | 'keyVersion' | 'dataKey'>;

const keyOf = (keys: TenantKeys, { id, keyVersion, dataKey }: Answering) =>
  keys.dataKey({ kind: 'customer', id, keyVersion, wrapped: dataKey });

export function sealAnswers(keys: TenantKeys, customer: Answering, id: string, answers: Answers): Buffer {
  return seal(keyOf(keys, customer), context(keys, id), JSON.stringify(answers));
}

/**
 * Undefined for what has not been answered, and once its time is over: whether a hold keeps the sealed value longer shows
 * nowhere.
 */
export function openAnswers(
  keys: TenantKeys,
  profile: Profile,
  customer: Answering,
  row: SupplementaryRow,
  at: Date,
): Answers | undefined {
  const { closedAt } = standingAt(row, at);
  const { keep } = profile.retention.supplementary_answers;
  const until = closedAt === null ? undefined : addDuration(closedAt, keep);
  if (row.answers === null || (until !== undefined && until <= at)) return undefined;
  return JSON.parse(open(keyOf(keys, customer), context(keys, row.id), row.answers).toString('utf8')) as Answers;
}

/** Roles that read answers of a kind of check while the request stands. */
export function readersOf(profile: Profile, checkKind: string): readonly Role[] {
  return supplementaryOf(profile)?.checks[checkKind as CheckKind]?.readers ?? [];
}

/**
 * Each answer as this caller may see it: the person always; whoever works on the order while the request stands; the officer in
 * masks, to prove and not to read; who asked, only that there is one.
 */
export function shownAnswers(
  profile: Profile,
  caller: Pick<Caller, 'role'>,
  row: SupplementaryRow,
  { values }: Answers,
  at: Date,
  frozen: boolean,
): Readonly<Record<string, Shown>> {
  const show = (name: string, value: Value): Shown => {
    if (caller.role === 'subject' && !frozen) return full('subject', value);
    const reads = readersOf(profile, row.checkKind).includes(caller.role);
    if (reads && !frozen && standingAt(row, at).closedAt === null) return full(caller.role, value);
    const reason = frozen ? 'deactivated' : reads ? 'expired' : 'role';
    const field = supplementaryOf(profile)?.asks[name]?.field;
    const mask = caller.role === 'dpo' && field !== undefined ? maskField(profile, field, value) : undefined;
    return mask === undefined || mask === null
      ? { state: 'withheld', reason }
      : { state: 'masked', value: mask, reason };
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, show(name, value)]));
}

function full(role: Role, value: Value): Shown {
  const verdict = { state: 'full', rule: `supplementary_answers.${role}` } as const;
  return { state: 'full', value: reveal(verdict, value as unknown as Plaintext) };
}

const stateWords: Readonly<Record<SupplementaryState, string>> = {
  open: 'در انتظار پاسخ',
  answered: 'پاسخ داده شد',
  expired: 'مهلت پاسخ گذشت',
  withdrawn: 'پس گرفته شد',
};

export const wordsOfSupplementary = (state: SupplementaryState): string => stateWords[state];

const actor = (name: string | null) => (name === null ? {} : { actor: name });

/** What was asked, why and until when, without a word of the answers. */
export function viewSupplementary(profile: Profile, row: SupplementaryFacts, at: Date) {
  const { state, closedAt } = standingAt(row, at);
  const rule = supplementaryOf(profile);
  return {
    id: row.id,
    customerId: row.customerId,
    orderId: row.orderId,
    state,
    stateText: stateWords[state],
    reason: certainty,
    purpose: row.purpose,
    check: {
      kind: row.checkKind,
      title: rule?.checks[row.checkKind as CheckKind]?.title.fa ?? row.checkKind,
      fields: [...row.checkFields],
      ...timeView('failedAt', row.failedAt),
      foundBy: row.foundBy,
    },
    asks: row.asks.map((name) => ({ name, title: rule?.asks[name]?.title.fa ?? name })),
    opened: {
      clientId: row.openedBy,
      role: row.openedRole,
      ...actor(row.openedActor),
      ...timeView('at', row.openedAt),
    },
    ...timeView('dueAt', row.dueAt),
    ...(row.answeredAt === null || row.answeredBy === null
      ? {}
      : {
          answered: {
            clientId: row.answeredBy,
            role: row.answeredRole,
            ...actor(row.answeredActor),
            ...timeView('at', row.answeredAt),
          },
        }),
    ...timeView('closedAt', closedAt),
  };
}
