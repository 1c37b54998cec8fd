import { listDeliveries as listStatement, type ListedDelivery } from '../db/deliveries.ts';
import type { DeliveryReadRow } from '../db/deliveryReads.ts';
import { selectParcelGrants } from '../db/grantFacts.ts';
import { VaultError } from '../errors.ts';
import { addDuration } from '../policy/duration.ts';
import type { Decision, JudgedGrant } from '../policy/judge.ts';
import { fields as allFields, type Field, type Party } from '../policy/profile.ts';
import { commitAct, load, refusalOf, type Act, type Answer } from './act.ts';
import { leafOf } from './audit.ts';
import { expectRecipient } from './admissions.ts';
import type { Caller } from './caller.ts';
import { takeFullRead } from './ceilings.ts';
import type { KnownParcel } from './deliveryMemory.ts';
import { stateAt } from './grantOf.ts';
import { timeOf } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { cityLabel, itemsOf, partyOf, type Item } from './orderRecord.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { openRecord, reveal, type OpenRecord } from './record.ts';
import { believes, checkParcel } from './rowMac.ts';
import { weakest } from './shown.ts';
import { clocksOf } from './retentionTerms.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** A parcel that changes hands while it is read is looked at again. */
const mostReads = 2;

/** What the policy lets this courier see of a parcel for this party, and under which purpose. */
interface Release {
  readonly policy: Policy;
  readonly purpose: string;
  readonly decision: Decision;
  readonly items: readonly Item[];
  readonly full: readonly Field[];
}

/** One open parcel of this courier, in full, as far as its carrier needs it. Every other parcel is as if it never was. */
export async function readDelivery(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'deliveries.read');
  const admitted = expectRecipient(vault, caller);
  const policy = vault.watch.policy(caller.tenantId);
  for (let attempt = 1; attempt <= mostReads; attempt += 1) {
    const parcel = await parcelOf(vault, caller, id);
    if (stateAt(parcel, vault.now()) !== 'open' || isOver(policy, parcel, vault.now()))
      throw new VaultError('not_found');
    const release = releaseOf(policy, caller, partyOf(parcel.customerKind, parcel.deliveryTo), admitted);
    if (attempt === 1) await takeFullRead(vault, policy, caller);
    const row = await readOpen(vault, caller, act, parcel, release);
    if (row !== undefined) {
      const keys = await vault.keyring.tenant(caller.tenantId);
      return { status: 200, body: viewDelivery(keys, parcel, row, release) };
    }
    vault.deliveries.forget(caller.tenantId, caller.clientId, id);
  }
  throw new VaultError('not_found');
}

/** Has its order had its time? One that is on its way has that only from the order itself on, and an id tells when it was made. */
function isOver({ profile }: Policy, { orderId, deliveryTo }: KnownParcel, now: number): boolean {
  const { most } = clocksOf(profile, new Date(now))[deliveryTo];
  const end = most === null ? undefined : addDuration(new Date(timeOf(orderId)), most);
  return end !== undefined && end.getTime() <= now;
}

async function parcelOf(vault: Vault, caller: Caller, id: string): Promise<KnownParcel> {
  const { tenantId, clientId } = caller;
  const known = vault.deliveries.get(tenantId, clientId, id);
  if (known !== undefined) return known;
  const found = await vault.reads.deliveryFacts(tenantId, clientId, id).catch((error: unknown) => {
    throw refusalOf(vault, error);
  });
  if (found === undefined) throw new VaultError('not_found');
  const { parcel, grant } = found;
  checkParcel(await vault.keyring.tenant(tenantId), parcel, grant);
  const { orderId, customerId, grantId, customerKind, deliveryTo } = parcel;
  const { opensAt, closesAt, maxReads } = grant;
  const made = { id, orderId, customerId, grantId, customerKind, deliveryTo, opensAt, closesAt, maxReads };
  vault.deliveries.put(tenantId, clientId, made);
  return made;
}

/** Undefined unless the parcel is open; the leaf is durable when there is a row. */
async function readOpen(
  vault: Vault,
  caller: Caller,
  act: Act,
  parcel: KnownParcel,
  { policy, purpose, decision, full }: Release,
): Promise<DeliveryReadRow | undefined> {
  const leaf = leafOf(vault, caller, act, {
    policy,
    subjectId: parcel.customerId,
    object: { kind: 'deliveries', id: parcel.id },
    grantId: parcel.grantId,
    purpose,
    full,
    rule: decision.rule,
  });
  const { tenantId, clientId: courierClientId } = caller;
  const { id: shipmentId, deliveryTo, maxReads } = parcel;
  const read = { tenantId, courierClientId, shipmentId, deliveryTo, maxReads, leaf };
  return vault.reads.delivery(read, maxReads !== null).catch((error: unknown) => {
    throw refusalOf(vault, error);
  });
}

/** Throws `not_found` where the policy in force shows this carrier nothing. */
function releaseOf(policy: Policy, caller: Caller, party: Party, admitted: readonly Field[] | undefined): Release {
  const purpose = policy.profile.grantKinds.shipment?.purpose ?? '';
  const decision = policy.decide(caller, shipmentGrant(purpose, admitted), fieldsOf[party]);
  const items = itemsOf[party].filter((item) => weakest(decision, item.fields).state === 'full');
  if (items.length === 0) throw new VaultError('not_found');
  const released = new Set(items.flatMap((item) => item.fields));
  return { policy, purpose, decision, items, full: allFields.filter((field) => released.has(field)) };
}

const shipmentGrant = (purpose: string, fields: readonly Field[] | undefined): JudgedGrant => ({
  kind: 'shipment',
  purpose,
  hasOrder: true,
  delivered: false,
  fields,
  state: 'open',
});

const fieldsOfParty = (party: Party): readonly Field[] => itemsOf[party].flatMap((item) => item.fields);
const fieldsOf: Readonly<Record<Party, readonly Field[]>> = {
  natural: fieldsOfParty('natural'),
  legal: fieldsOfParty('legal'),
  recipient: fieldsOfParty('recipient'),
};

/** What is held of the released items; the contact of a legal person stands behind its name. */
function viewDelivery(keys: TenantKeys, parcel: KnownParcel, row: DeliveryReadRow, release: Release) {
  const party = partyOf(parcel.customerKind, parcel.deliveryTo);
  // The row names another order by now than the one the parcel was made for.
  if (row.orderId !== parcel.orderId) throw new VaultError('integrity_failure');
  const record = openDelivery(keys, row);
  const held = [...record.labels].some((label) => label.startsWith(`${party}/`));
  // The row names a party that the sealed record is not of.
  if (!held) throw new VaultError('integrity_failure');
  const shown = new Map<string, unknown>();
  for (const { part, label, fields } of release.items) {
    const verdict = weakest(release.decision, fields);
    if (record.labels.has(label) && verdict.state === 'full') shown.set(part, reveal(verdict, record.value(label)));
  }
  const names = [shown.get('name'), shown.get('contactName')].filter((name) => typeof name === 'string');
  const values = {
    recipientName: names.length === 0 ? undefined : names.join('، '),
    phone: shown.get('phone'),
    address: shown.get('address'),
    postalCode: shown.get('postalCode'),
    location: shown.get('location'),
    nationalId: shown.get('nationalId'),
  };
  return {
    id: row.id,
    // Values that are not there are left out.
    ...Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)),
    opensAt: parcel.opensAt.toISOString(),
    closesAt: parcel.closesAt.toISOString(),
  };
}

function openDelivery(keys: TenantKeys, row: DeliveryReadRow | ListedDelivery): OpenRecord {
  const { orderId, version, keyVersion, dataKey, sealed } = row;
  return openRecord(keys, 'order', { id: orderId, version, keyVersion, dataKey, sealed });
}

/** The courier's own open parcels: id, window and city. */
export async function listDeliveries(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'deliveries.list');
  const admitted = expectRecipient(vault, caller);
  const { tenantId, clientId } = caller;
  const policy = vault.watch.policy(tenantId);
  const clocks = clocksOf(policy.profile, new Date(vault.now()));
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, clientId, clocks, page.after, page.limit + 1)]);
  const [grants] = await load(vault, tenantId, [selectParcelGrants(rows.map(({ id }) => ({ tenantId, id })))]);
  const keys = await vault.keyring.tenant(tenantId);
  const masked = new Set<Field>();
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => {
      const grant = grants.find(({ id }) => id === row.grantId);
      const genuine =
        believes(vault, keys, 'shipments', row) && grant !== undefined && believes(vault, keys, 'grants', grant);
      if (!genuine) return undefined;
      const { field, city } = cityOf(vault, policy, caller, keys, row, admitted);
      if (city !== undefined) masked.add(field);
      const window = { opensAt: grant.opensAt.toISOString(), closesAt: grant.closesAt.toISOString() };
      return { id: row.id, ...window, ...(city === undefined ? {} : { city }) };
    },
  );
  const purpose = policy.profile.grantKinds.shipment?.purpose;
  return commitAct(vault, caller, act, { purpose, masked: [...masked] }, [], { status: 200, body });
}

/** The one value a list opens. A damaged order loses its city here and hides nobody else's. */
function cityOf(
  vault: Vault,
  policy: Policy,
  caller: Caller,
  keys: TenantKeys,
  row: ListedDelivery,
  admitted: readonly Field[] | undefined,
) {
  const party = partyOf(row.customerKind, row.deliveryTo);
  const field = party === 'recipient' ? 'recipientAddress' : 'address';
  const grant = shipmentGrant(policy.profile.grantKinds.shipment?.purpose ?? '', admitted);
  const verdict = policy.judge(caller, grant, field);
  if (verdict.state !== 'full') return { field, city: undefined } as const;
  try {
    const record = openDelivery(keys, row);
    const label = cityLabel(party);
    return { field, city: record.labels.has(label) ? reveal(verdict, record.value(label)) : undefined } as const;
  } catch (error) {
    if (!(error instanceof VaultError && error.code === 'integrity_failure')) throw error;
    vault.notice('integrity_failure', 'order');
    return { field, city: undefined } as const;
  }
}
