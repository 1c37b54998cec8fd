import type { CustomerReadRow } from '../db/customerReads.ts';
import type { Decision } from '../policy/judge.ts';
import { VaultError } from '../errors.ts';
import { fields as allFields, type Field } from '../policy/profile.ts';
import { isDeclared } from '../policy/items.ts';
import { singleFieldsOf, type SingleField } from './customerFields.ts';
import { labels, placeFields, valuesBeside, type CustomerHeader } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import { headerOf, openShown, type OpenRecord } from './record.ts';
import { holderFields } from './refundAccounts.ts';
import { absent, show, weakest, type Shown } from './shown.ts';
import { isCovered, sourcesIn } from './submission.ts';
import type { Policy } from './watch.ts';

export interface CustomerView {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly version: number;
  readonly source: string;
  /** Does the published text speak of the way that every value of it came? */
  readonly policyCovers: boolean;
  readonly guest?: true;
  /** A report of misuse stands. */
  readonly frozen?: true;
  readonly policyVersion: string;
  readonly fields: Readonly<Partial<Record<SingleField, Shown>>>;
  /** Whose the account is, where one was given for this refund with a name. */
  readonly accountHolder?: Shown;
  readonly phones: readonly { readonly id: string }[];
  readonly addresses: readonly { readonly id: string }[];
}

/**
 * Opens what the judge released, shows the stored masks of what it masked, and nothing else. An account that was given for the
 * refund that is read for stands in place of the saved one, in full alone: masks are the saved one's.
 */
export function viewCustomer(
  keys: TenantKeys,
  policy: Policy,
  row: CustomerReadRow,
  decision: Decision,
  wanted: ReadonlySet<Field> | undefined,
  account?: OpenRecord,
): CustomerView {
  const record = openShown(keys, 'customer', row);
  const header = headerOf<CustomerHeader>(record);
  // In the clear it decides what was fetched; what is sealed decides what is shown.
  if (record.mark !== undefined && record.mark !== header.masks) throw new VaultError('integrity_failure');
  const fresh = header.masks === policy.label;
  const given = decision.verdicts.iban.state === 'full' ? account : undefined;
  const one: ShowOne = (field, label, mask) =>
    show(policy, decision.verdicts[field], (field === 'iban' ? given : undefined) ?? record, {
      label,
      field,
      mask: fresh ? mask : undefined,
    });
  const asked = (field: Field) => wanted === undefined || wanted.has(field);
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    version: row.version,
    source: row.source,
    policyCovers: sourcesIn(valuesBeside(header), header, row).every((source) => isCovered(policy.profile, source)),
    ...(header.guest === true ? { guest: true as const } : {}),
    ...(row.frozen ? { frozen: true as const } : {}),
    policyVersion: policy.label,
    fields: singles(policy, row.kind, given === undefined ? header : withAccount(header), decision, asked, one),
    ...holderView(policy, row.kind, decision, asked, given),
    phones: header.phones.filter((p) => asked(p.kind)).map((p) => phoneView(p, one)),
    addresses: header.addresses.map((a) => placeView(a, asked, one)).filter((a) => Object.keys(a).length > 1),
  };
}

/** Names of fields; `phones` and `addresses` for all of theirs. A name that is none is refused as `unknown` says. */
export function readableFields(names: readonly string[], unknown: (at: number) => VaultError): ReadonlySet<Field> {
  const wanted = new Set<Field>();
  for (const [at, name] of names.entries()) {
    const known = groups[name] ?? allFields.filter((field) => field === name);
    if (known.length === 0) throw unknown(at);
    for (const field of known) wanted.add(field);
  }
  return wanted;
}

const groups: Readonly<Record<string, readonly Field[] | undefined>> = {
  phones: ['mobile', 'landline'],
  addresses: placeFields,
};

/** Whether or not one is saved, there is one to show. */
const withAccount = (header: CustomerHeader): CustomerHeader => ({
  ...header,
  fields: { ...header.fields, iban: header.fields.iban ?? null },
});

/** Who asks for the account and for names sees whose it is, as the customer's own names are seen. */
function holderView(
  policy: Policy,
  kind: 'natural' | 'legal',
  decision: Decision,
  asked: (field: Field) => boolean,
  given: OpenRecord | undefined,
): Pick<CustomerView, 'accountHolder'> {
  const names = holderFields[kind];
  if (given?.labels.has('holderName') !== true || !['iban' as const, ...names].every(asked)) return {};
  const [field] = names;
  return { accountHolder: show(policy, weakest(decision, names), given, { label: 'holderName', field, mask: null }) };
}

type ShowOne = (field: Field, label: string, mask: unknown) => Shown;

function singles(
  policy: Policy,
  kind: 'natural' | 'legal',
  header: CustomerHeader,
  decision: Decision,
  asked: (field: Field) => boolean,
  one: ShowOne,
): Partial<Record<SingleField, Shown>> {
  const views: Partial<Record<SingleField, Shown>> = {};
  for (const field of singleFieldsOf(kind)) {
    if (!asked(field)) continue;
    const mask = header.fields[field];
    if (mask !== undefined) views[field] = one(field, field, mask);
    else if (isDeclared(policy.profile, kind, field)) views[field] = absent(decision.verdicts[field]);
  }
  return views;
}

function phoneView(phone: CustomerHeader['phones'][number], one: ShowOne) {
  const { id, kind, primary, extension } = phone;
  const number = one(kind, labels.phone(id), phone.number);
  if (!extension) return { id, kind, primary, number };
  const inner =
    number.state === 'full'
      ? one(kind, labels.extension(id), undefined)
      : ({ state: 'withheld', reason: number.reason } as const);
  return { id, kind, primary, number, extension: inner };
}

function placeView(place: CustomerHeader['addresses'][number], asked: (field: Field) => boolean, one: ShowOne) {
  const view: { readonly id: string } & Record<string, unknown> = { id: place.id };
  for (const field of placeFields) {
    const mask = place[field];
    if (mask !== undefined && asked(field)) view[field] = one(field, labels.place(place.id, field), mask);
  }
  return view;
}
