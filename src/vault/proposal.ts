import { VaultError } from '../errors.ts';
import type { RequestRow } from '../db/requests.ts';
import type { Decision } from '../policy/judge.ts';
import type { Field } from '../policy/profile.ts';
import type { SingleField } from './customerFields.ts';
import type { CustomerChange } from './customerEdit.ts';
import { pointerTo } from './customerRecord.ts';
import { placeFields } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import type { OpenRecord, Plaintext } from './record.ts';
import { openWords, sealWords, type WordsKey } from './sealedWords.ts';
import { show, type Shown } from './shown.ts';
import type { Policy } from './watch.ts';

/** What a correction asks to change, sealed with its request under the customer's own key. */
export interface Proposal {
  /** Of the customer, as it stood when it was asked. */
  readonly version: number;
  readonly change: CustomerChange;
}

const place = (requestId: string) => ({ kind: 'request', recordId: requestId, field: 'proposal' }) as const;

export function sealProposal(keys: TenantKeys, customer: WordsKey, requestId: string, proposal: Proposal): Buffer {
  return sealWords(keys, customer, place(requestId), JSON.stringify(proposal));
}

/** Undefined where nothing was proposed, or the key is gone. */
export function openProposal(
  keys: TenantKeys,
  customer: WordsKey | undefined,
  { id, proposal }: Pick<RequestRow, 'id' | 'proposal'>,
): Proposal | undefined {
  const text = openWords(keys, customer, place(id), proposal);
  if (text === undefined) return undefined;
  const { version, change } = JSON.parse(text) as Proposal;
  const { attestation } = change;
  if (attestation?.at === undefined) return { version, change };
  // JSON has no times.
  return { version, change: { ...change, attestation: { ...attestation, at: new Date(attestation.at) } } };
}

/** Its parts, each of which can be applied without the others: `/fields/email`, `/externalRef`, `/phones`, `/addresses`. */
export function pointersOf({ fields = {}, phones, addresses, guest }: CustomerChange): readonly string[] {
  return [
    ...Object.keys(fields).map((field) => pointerTo(field as SingleField)),
    ...(phones === undefined ? [] : ['/phones']),
    ...(addresses === undefined ? [] : ['/addresses']),
    ...(guest === undefined ? [] : ['/guest']),
  ];
}

/** The parts that are named, and nothing else of it. */
export function partsOf(change: CustomerChange, pointers: readonly string[]): CustomerChange {
  const named = (pointer: string) => pointers.includes(pointer);
  const { fields, phones, addresses, guest, ...how } = change;
  return {
    ...how,
    ...(fields === undefined
      ? {}
      : { fields: Object.fromEntries(Object.entries(fields).filter(([f]) => named(pointerTo(f as SingleField)))) }),
    ...(named('/phones') ? { phones } : {}),
    ...(named('/addresses') ? { addresses } : {}),
    ...(named('/guest') ? { guest } : {}),
  };
}

/** Tells faults of what is proposed at its place in the request's body. */
export function atCorrection<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    throw new VaultError(
      error.code,
      error.faults.map(({ pointer, code }) => ({ pointer: `/correction${pointer}`, code })),
    );
  }
}

/** A value that is proposed, as the reader may see values of its field; one that is to go has none. */
export interface Proposed {
  readonly pointer: string;
  readonly value?: Shown;
}

/** The proposal as the judge lets the reader see it. Values of a list stand by their places in the list. */
export function viewProposal(policy: Policy, { verdicts }: Decision, { change }: Proposal): readonly Proposed[] {
  return proposedValues(change).map(({ pointer, field, value }) => {
    if (value === null || value === undefined) return { pointer };
    const record: OpenRecord = { labels: new Set([pointer]), value: () => value as Plaintext };
    return { pointer, value: show(policy, verdicts[field], record, { label: pointer, field, mask: undefined }) };
  });
}

interface ProposedValue {
  readonly pointer: string;
  readonly field: Field;
  readonly value: unknown;
}

function proposedValues({ fields = {}, phones, addresses }: CustomerChange): readonly ProposedValue[] {
  return [
    ...Object.entries(fields).map(([field, value]) => ({
      pointer: pointerTo(field as SingleField),
      field: field as SingleField,
      value,
    })),
    ...(phones ?? []).flatMap(({ kind, number }, i) =>
      number === undefined ? [] : [{ pointer: `/phones/${i}/number`, field: kind ?? 'mobile', value: number }],
    ),
    ...(addresses ?? []).flatMap((address, i) =>
      placeFields.flatMap((field) =>
        address[field] === undefined ? [] : [{ pointer: `/addresses/${i}/${field}`, field, value: address[field] }],
      ),
    ),
  ];
}

/** For the leaf: which fields of it were shown how. */
export function fieldsOfProposal({ verdicts }: Decision, { change }: Proposal) {
  const fields = [...new Set(proposedValues(change).map(({ field }) => field))];
  const those = (state: 'full' | 'masked') => fields.filter((field) => verdicts[field].state === state);
  return { full: those('full'), masked: those('masked') };
}
