import { digestOf } from '../crypto/digest.ts';
import {
  deleteSuppressions,
  insertConsents,
  insertSuppressions,
  moveConsentHead,
  type ConsentRow,
  type SuppressionRow,
} from '../db/consents.ts';
import { selectStandingCustomer } from '../db/customers.ts';
import type { StandingCustomerRow } from '../db/customers.ts';
import { refuse, VaultError } from '../errors.ts';
import { afterGiving, consentAsked, isExplicit, ledgerPurposes, liftsSuppression } from '../policy/consent.ts';
import { channels as allChannels, type Channel, type ConsentMethod } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { headOf, signedHead, standingKey, suppressedAt, type Head, type Standings } from './consentHead.ts';
import { statesView } from './consentView.ts';
import { contactHash, contactPointsOf, type ContactPoints } from './contactPoints.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import { macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface NewConsent {
  readonly purpose: string;
  readonly channels: readonly Channel[];
  readonly method: ConsentMethod;
  readonly source: string;
  /** Of the text the person agreed to. */
  readonly textVersion: string;
}

export interface Withdrawal {
  /** Every purpose of the ledger when undefined. */
  readonly purpose: string | undefined;
  /** Every channel when undefined. */
  readonly channels: readonly Channel[] | undefined;
  readonly source: string;
}

/** Somebody else's event came between: the head is read again and the act judged anew. */
const mostTries = 5;

/** Records that a person has agreed, explicitly or by what they did. What was implied opens nothing that has to be said. */
export async function giveConsent(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  input: NewConsent,
): Promise<Answer> {
  permit(caller, 'consents.give');
  const policy = vault.watch.policy(caller.tenantId);
  const { profile } = policy;
  if (consentAsked(profile, input.purpose) === undefined) throw notInPolicy();
  const unknown = input.channels.findIndex((channel) => !profile.consent.channels.includes(channel));
  if (unknown >= 0) throw refuse('not_permitted', `/channels/${unknown}`);
  const explicit = isExplicit(profile, input.method);
  return record(vault, caller, act, customerId, 201, (subject) => {
    if (subject.row.frozen) throw refuse('conflict', '', 'customer_frozen');
    if (subject.contacts.guest) throw refuse('not_permitted', '', 'guest');
    return {
      lines: input.channels.map((channel) => ({ ...input, kind: 'given', channel, explicit })),
      suppress: [],
      lift: liftsSuppression(profile, explicit) ? hashesOf(subject, [input.purpose], input.channels) : [],
    };
  });
}

/** Records that a person wants no more of it, and holds at once, everywhere: nothing of it is remembered but in the database. */
export async function withdrawConsent(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  { purpose, channels = allChannels, source }: Withdrawal,
): Promise<Answer> {
  permit(caller, 'consents.withdraw');
  const { profile } = vault.watch.policy(caller.tenantId);
  const purposes = purpose === undefined ? ledgerPurposes(profile) : [purpose];
  if (purposes.length === 0 || !purposes.every((p) => consentAsked(profile, p) !== undefined)) throw notInPolicy();
  return record(vault, caller, act, customerId, 200, (subject) => ({
    lines: purposes.flatMap((p) =>
      channels.map((channel) => ({
        kind: 'withdrawn' as const,
        purpose: p,
        channel,
        source,
        explicit: null,
        method: null,
        textVersion: null,
      })),
    ),
    suppress: hashesOf(subject, purposes, channels),
    lift: [],
  }));
}

function notInPolicy(): VaultError {
  return refuse('not_permitted', '/purpose', 'not_in_policy');
}

interface Subject {
  readonly keys: TenantKeys;
  readonly row: StandingCustomerRow;
  readonly contacts: ContactPoints;
}

/** The customer, if the caller may know of them. */
export async function subjectOf(vault: Vault, caller: Caller, customerId: string): Promise<Subject> {
  const { tenantId, subjectId } = caller;
  if (subjectId !== undefined && subjectId !== customerId) throw new VaultError('not_found');
  const [[row]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, customerId)]);
  if (row === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  return { keys, row, contacts: contactPointsOf(keys, row) };
}

/** Every contact point of these channels: an opt-out is of the person, whichever number is the official one tomorrow. */
function hashesOf(
  { keys, contacts }: Subject,
  purposes: readonly string[],
  channels: readonly Channel[],
): SuppressionRow[] {
  return channels.flatMap((channel) =>
    contacts.points[channel].flatMap((point) => {
      const contact = contactHash(keys, channel, point);
      return purposes.map((purpose) => ({ purpose, channel, contact }));
    }),
  );
}

type Line = Pick<ConsentRow, 'purpose' | 'source' | 'explicit'> & {
  readonly kind: 'given' | 'withdrawn';
  readonly channel: Channel;
  readonly method: string | null;
  readonly textVersion: string | null;
};

interface Recording {
  readonly lines: readonly Line[];
  readonly suppress: readonly SuppressionRow[];
  readonly lift: readonly SuppressionRow[];
}

async function record(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  status: number,
  saying: (subject: Subject) => Recording,
): Promise<Answer> {
  const policy = vault.watch.policy(caller.tenantId);
  const subject = await subjectOf(vault, caller, customerId);
  const { lines, suppress, lift } = saying(subject);
  const { keys, contacts } = subject;
  const { tenantId } = keys;
  const at = new Date(vault.now());
  for (let attempt = 1; ; attempt += 1) {
    const before = await headOf(vault, keys, customerId);
    const head = after(policy, before, lines, at);
    const signed = signedHead(keys, customerId, head);
    const rows = lines.map((line, i) =>
      signedLine(vault, keys, caller, policy, customerId, before.number + i + 1, line),
    );
    const suppressed = new Set(
      [...(await suppressedAt(vault, keys, ledgerPurposes(policy.profile), allChannels, contacts))]
        .filter((key) => !lift.some((l) => `${l.purpose}/${l.channel}` === key))
        .concat(suppress.map((s) => `${s.purpose}/${s.channel}`)),
    );
    const body = { customerId, states: statesView(policy, contacts, head.standings, suppressed) };
    const deed = {
      subjectId: customerId,
      object: { kind: 'consents', id: rows[0]?.id ?? customerId },
      purpose: lines.length === 1 ? lines[0]?.purpose : undefined,
      digest: digestOf(signed.mac),
      recordVersion: head.number,
    };
    const statements = [
      moveConsentHead(tenantId, signed, before.number),
      insertConsents(tenantId, rows),
      deleteSuppressions(tenantId, lift),
      insertSuppressions(tenantId, suppress, keys.hashVersion, at),
    ];
    try {
      return await commitAct(vault, caller, act, deed, statements, { status, body });
    } catch (error) {
      if (!(error instanceof VaultError && error.code === 'conflict') || attempt === mostTries) throw error;
    }
  }
}

function after({ profile }: Policy, before: Head, lines: readonly Line[], at: Date): Head {
  const standings: Record<string, Standings[string]> = { ...before.standings };
  for (const { kind, purpose, channel, explicit } of lines) {
    const key = standingKey(purpose, channel);
    const was = standings[key]?.state ?? 'none';
    const state = kind === 'withdrawn' ? 'withdrawn' : afterGiving(profile, was, explicit === true);
    // A later consent by use changes nothing of when the person last decided.
    if (state !== was || kind === 'withdrawn' || explicit === true) standings[key] = { state, at: at.toISOString() };
  }
  return { number: before.number + lines.length, standings };
}

function signedLine(
  vault: Vault,
  keys: TenantKeys,
  { clientId, role, actor }: Caller,
  policy: Policy,
  customerId: string,
  number: number,
  { purpose, channel, kind, explicit, method, source, textVersion }: Line,
): ConsentRow {
  const now = vault.now();
  const row = {
    customerId,
    number,
    id: newId(now),
    purpose,
    channel,
    kind,
    explicit,
    method,
    source,
    textVersion,
    policyVersion: policy.label,
    recordedBy: clientId,
    recordedRole: role,
    actor: actor ?? null,
    createdAt: new Date(now),
  };
  return { ...row, mac: macOf(keys, 'consents', row) };
}
