import { VaultError, type Code, type Fault } from '../errors.ts';
import { foldDigits } from '../formats/identifier.ts';
import { checkItems, isDeclared } from '../policy/items.ts';
import type { Field } from '../policy/profile.ts';
import { checkPlace, type Place, type PlaceInput } from './addressParts.ts';
import { belongsTo, isSearchable, parsePhone, parseSingle, searchKey, singleFields } from './customerFields.ts';
import type { Identity, PartyKind, Searchable, SingleField } from './customerFields.ts';
import type { Policy } from './watch.ts';

export interface PhoneInput {
  readonly kind: 'mobile' | 'landline';
  readonly number: string;
  readonly extension?: string | undefined;
  readonly primary?: boolean | undefined;
}

/** A customer's data as sent, ids of phones and addresses already given. */
export interface CustomerInput {
  readonly kind: PartyKind;
  /** Bought without an account. */
  readonly guest?: boolean | undefined;
  readonly fields: Readonly<Record<string, string>>;
  readonly phones: readonly (PhoneInput & { readonly id: string })[];
  readonly addresses: readonly (PlaceInput & { readonly id: string })[];
}

export interface Phone {
  readonly id: string;
  readonly kind: 'mobile' | 'landline';
  readonly number: string;
  readonly extension?: string;
  readonly primary: boolean;
}

/** A customer's data, checked: identifiers canonical, text as sent. */
export interface CustomerData {
  readonly kind: PartyKind;
  readonly guest: boolean;
  readonly single: ReadonlyMap<SingleField, string>;
  readonly phones: readonly Phone[];
  readonly addresses: readonly (Place & { readonly id: string })[];
  readonly warnings: readonly Fault[];
}

/** An identifier to be found by: field and search key. */
export interface Key {
  readonly field: Searchable;
  readonly key: string;
}

/** Which code a body with several faults answers: the first of these that occurs. */
const gravest: readonly Code[] = ['field_not_declared', 'field_required', 'invalid_body'];

/** Checks everything against formats and the policy in force. Throws once, with every fault. */
export function checkCustomer(policy: Policy, input: CustomerInput): CustomerData {
  const found: Record<string, Fault[]> = { field_not_declared: [], field_required: [], invalid_body: [] };
  const invalid = found['invalid_body'] ?? [];
  const warnings: Fault[] = [];
  found['field_not_declared']?.push(...undeclared(policy, input));
  const single = checkSingles(input, invalid, warnings);
  const phones = checkPhones(input, invalid);
  const addresses = input.addresses.map((a, i) => ({
    id: a.id,
    ...checkPlace(a, `/addresses/${i}`, invalid, warnings),
  }));
  found['field_required']?.push(...missing(policy, input));
  const code = gravest.find((c) => (found[c]?.length ?? 0) > 0);
  if (code !== undefined)
    throw new VaultError(
      code,
      gravest.flatMap((c) => found[c] ?? []),
    );
  return { kind: input.kind, guest: input.guest === true, single, phones, addresses, warnings };
}

function undeclared(policy: Policy, input: CustomerInput): Fault[] {
  const faults: Fault[] = [];
  const refuse = (pointer: string) => faults.push({ pointer, code: 'field_not_declared' });
  const declared = (field: Field) => isDeclared(policy.profile, input.kind, field);
  for (const field of Object.keys(input.fields)) {
    const known = singleFields.find((f) => f === field);
    if (known === undefined) refuse(/^[A-Za-z][A-Za-z0-9]{0,39}$/.test(field) ? `/fields/${field}` : '/fields');
    else if (!belongsTo(input.kind, known) || !declared(known)) refuse(pointerTo(known));
  }
  input.phones.forEach((p, i) => declared(p.kind) || refuse(`/phones/${i}`));
  input.addresses.forEach((a, i) => {
    for (const field of ['address', 'postalCode', 'location'] as const) {
      if (a[field] !== undefined && !declared(field)) refuse(`/addresses/${i}/${field}`);
    }
  });
  return faults;
}

/** Where in a customer's body a field stands. */
export function pointerTo(field: SingleField): string {
  return field === 'externalRef' ? '/externalRef' : `/fields/${field}`;
}

function checkSingles(input: CustomerInput, faults: Fault[], warnings: Fault[]): Map<SingleField, string> {
  const single = new Map<SingleField, string>();
  const identity: { -readonly [K in keyof Identity]: Identity[K] } = {};
  for (const field of singleFields) {
    const value = input.fields[field];
    if (value === undefined) continue;
    const parsed = parseSingle(field, value, input.kind, identity);
    if (!parsed.ok) {
      faults.push({ pointer: pointerTo(field), code: parsed.reason });
      continue;
    }
    single.set(field, parsed.canonical);
    if (field === 'nationalId' || field === 'foreignerId' || field === 'legalNationalId')
      identity[field] = parsed.canonical;
    warnings.push(...parsed.warnings.map((code) => ({ pointer: pointerTo(field), code })));
  }
  return single;
}

function checkPhones(input: CustomerInput, faults: Fault[]): Phone[] {
  const phones: Phone[] = [];
  for (const kind of ['mobile', 'landline'] as const) {
    const primaries = input.phones.filter((p) => p.kind === kind && p.primary === true);
    if (primaries.length > 1) faults.push({ pointer: '/phones', code: 'more_than_one_primary' });
  }
  input.phones.forEach((phone, i) => {
    const parsed = parsePhone(phone.kind, phone.number);
    if (!parsed.ok) {
      faults.push({ pointer: `/phones/${i}/number`, code: parsed.reason });
      return;
    }
    const extension = phone.extension === undefined ? undefined : foldDigits(phone.extension);
    if (extension !== undefined && !/^\d{1,6}$/.test(extension)) {
      faults.push({ pointer: `/phones/${i}/extension`, code: 'format' });
    }
    const first =
      !input.phones.some((p) => p.kind === phone.kind && p.primary === true) &&
      !phones.some((p) => p.kind === phone.kind);
    const { id, kind } = phone;
    const primary = phone.primary === true || first;
    phones.push({ id, kind, number: parsed.canonical, primary, ...(extension === undefined ? {} : { extension }) });
  });
  return phones;
}

function missing(policy: Policy, input: CustomerInput): Fault[] {
  const present = new Set<string>(Object.keys(input.fields));
  for (const p of input.phones) present.add(p.kind);
  for (const a of input.addresses) {
    for (const field of ['address', 'postalCode', 'location'] as const) if (a[field] !== undefined) present.add(field);
  }
  return checkItems(policy.profile, input.kind, 'account', [...present] as Field[]).map(({ pointer, code }) => ({
    pointer: missingPointer(pointer as Field),
    code,
  }));
}

function missingPointer(field: Field): string {
  const single = singleFields.find((f) => f === field);
  if (single !== undefined) return pointerTo(single);
  return field === 'mobile' || field === 'landline' ? '/phones' : '/addresses';
}

/** Everything a customer is found by. */
export function keysOf(data: {
  readonly single: Iterable<readonly [SingleField, string]>;
  readonly phones: readonly Pick<Phone, 'kind' | 'number'>[];
}): Key[] {
  const keys: Key[] = [];
  for (const [field, canonical] of data.single) {
    if (isSearchable(field)) keys.push({ field, key: searchKey(field, canonical) });
  }
  for (const phone of data.phones) {
    if (!keys.some((k) => k.field === phone.kind && k.key === phone.number)) {
      keys.push({ field: phone.kind, key: phone.number });
    }
  }
  return keys;
}
