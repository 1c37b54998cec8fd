import { selectStandingCustomer } from '../db/customers.ts';
import type { StandingCustomerRow } from '../db/customers.ts';
import { refuse, VaultError } from '../errors.ts';
import { consentAsked, isExplicit, ledgerPurposes, liftsSuppression } from '../policy/consent.ts';
import { channels as allChannels, type Channel, type ConsentMethod } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { suppressedAt } from './consentHead.ts';
import { hashesOf, recorded, withdrawing, type Recording } from './consentRecording.ts';
import { statesView } from './consentView.ts';
import { contactPointsOf, type ContactPoints } from './contactPoints.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

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
      lift: liftsSuppression(profile, explicit)
        ? hashesOf(subject.keys, subject.contacts, [input.purpose], input.channels)
        : [],
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
  return record(vault, caller, act, customerId, 200, ({ keys, contacts }) =>
    withdrawing(keys, contacts, purposes, channels, source),
  );
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
  const recording = saying(subject);
  const { keys, contacts } = subject;
  for (let attempt = 1; ; attempt += 1) {
    const { deed, statements, standings } = await recorded(vault, keys, caller, policy, customerId, recording);
    const suppressed = new Set(
      [...(await suppressedAt(vault, keys, ledgerPurposes(policy.profile), allChannels, contacts))]
        .filter((key) => !recording.lift.some((l) => `${l.purpose}/${l.channel}` === key))
        .concat(recording.suppress.map((s) => `${s.purpose}/${s.channel}`)),
    );
    const body = { customerId, states: statesView(policy, contacts, standings, suppressed) };
    try {
      return await commitAct(vault, caller, act, deed, statements, { status, body });
    } catch (error) {
      if (!(error instanceof VaultError && error.code === 'conflict') || attempt === mostTries) throw error;
    }
  }
}
