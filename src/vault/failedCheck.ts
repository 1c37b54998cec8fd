import type { OrderRow } from '../db/orders.ts';
import type { CustomerRow } from '../db/customers.ts';
import { selectFailedDelivery } from '../db/supplementaryRequests.ts';
import { refuse, VaultError } from '../errors.ts';
import { matchableBy } from '../policy/grants.ts';
import { checkItems } from '../policy/items.ts';
import type { Field } from '../policy/profile.ts';
import type { CheckKind } from '../policy/vocabulary.ts';
import { load } from './act.ts';
import type { Caller } from './caller.ts';
import { isSearchable, parseSearch } from './customerFields.ts';
import { placeFields, type CustomerHeader } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import { headerOf, openRecord } from './record.ts';
import type { Vault } from './vault.ts';

/** What failed, as it is told. */
export interface CheckInput {
  readonly kind: CheckKind;
  readonly fields?: readonly Field[] | undefined;
  /** Of `match_failed`: what somebody gave for the field, which the customer does not hold. Kept nowhere. */
  readonly value?: string | undefined;
  readonly failedAt?: Date | undefined;
}

/** What failed, as it is recorded. */
export interface FailedCheck {
  readonly checkKind: CheckKind;
  readonly checkFields: readonly Field[];
  readonly failedAt: Date;
  readonly foundBy: 'vault' | 'caller';
}

interface Checked {
  readonly vault: Vault;
  readonly keys: TenantKeys;
  readonly caller: Caller;
  readonly customer: CustomerRow;
  readonly order: OrderRow;
}

const notFailed = () => refuse('conflict', '/check/kind', 'not_failed');

/**
 * What the vault can see for itself it makes sure of, now; of the rest it records who says so. Throws `conflict` with
 * `not_failed` where nothing has failed.
 */
export async function failedCheck(checked: Checked, input: CheckInput): Promise<FailedCheck> {
  const { vault } = checked;
  if (input.value !== undefined && input.kind !== 'match_failed')
    throw refuse('invalid_body', '/check/value', 'not_for_kind');
  const own = await findings[input.kind]?.(checked, input);
  if (own === undefined) return told(checked, input, new Date(vault.now()));
  if (input.failedAt !== undefined) throw refuse('invalid_body', '/check/failedAt', 'not_for_kind');
  return { checkKind: input.kind, checkFields: own, failedAt: new Date(vault.now()), foundBy: 'vault' };
}

/** The items that a check of the vault's own found wanting. */
const findings: Readonly<
  Partial<Record<CheckKind, (checked: Checked, input: CheckInput) => Promise<readonly Field[]> | readonly Field[]>>
> = { incomplete, match_failed: matchFailed, delivery_failed: deliveryFailed };

/** What the order's form demands and the customer's record lacks by now (D3). */
function incomplete({ vault, keys, customer }: Checked, { fields }: CheckInput): readonly Field[] {
  if (fields !== undefined) throw refuse('invalid_body', '/check/fields', 'not_for_kind');
  const { profile } = vault.watch.policy(keys.tenantId);
  const header = headerOf<CustomerHeader>(openRecord(keys, 'customer', customer));
  const present = [
    ...Object.keys(header.fields),
    ...header.phones.map(({ kind }) => kind),
    ...placeFields.filter((field) => header.addresses.some((place) => place[field] !== undefined)),
  ] as Field[];
  const missing = checkItems(profile, customer.kind, 'order', present).map(({ pointer }) => pointer as Field);
  if (missing.length === 0) throw notFailed();
  return missing;
}

async function matchFailed({ vault, keys, caller, customer }: Checked, { fields = [], value }: CheckInput) {
  const [field, ...more] = fields;
  if (field === undefined) throw refuse('field_required', '/check/fields');
  if (more.length > 0 || !isSearchable(field)) throw refuse('invalid_body', '/check/fields', 'one_identifier');
  if (value === undefined) throw refuse('field_required', '/check/value');
  const { profile } = vault.watch.policy(keys.tenantId);
  if (!matchableBy(profile, caller).includes(field)) throw new VaultError('not_permitted');
  const parsed = parseSearch(field, value);
  if (!parsed.ok) throw refuse('invalid_body', '/check/value', parsed.reason);
  const tags = keys.tags(field, parsed.canonical);
  const holders = await vault.reads.matches({ tenantId: keys.tenantId, field, tags });
  if (holders.some(({ id }) => id === customer.id)) throw notFailed();
  return [field];
}

async function deliveryFailed({ vault, keys, order }: Checked, { fields = [] }: CheckInput) {
  const [[found]] = await load(vault, keys.tenantId, [selectFailedDelivery(keys.tenantId, order.id)]);
  if (found?.failed !== true) throw notFailed();
  return fields;
}

function told({ order }: Checked, { kind, fields = [], failedAt }: CheckInput, now: Date): FailedCheck {
  if (fields.length === 0) throw refuse('field_required', '/check/fields');
  if (failedAt === undefined) throw refuse('field_required', '/check/failedAt');
  if (failedAt > now) throw refuse('invalid_body', '/check/failedAt', 'in_future');
  if (failedAt < order.createdAt) throw refuse('invalid_body', '/check/failedAt', 'before_the_order');
  return { checkKind: kind, checkFields: fields, failedAt, foundBy: 'caller' };
}
