import { canonicalJson } from '../crypto/canonicalJson.ts';
import { sameBytes } from '../crypto/hmac.ts';
import type { AcceptanceRow } from '../db/acceptances.ts';
import type { ClientRow, ClientSecretRow } from '../db/clients.ts';
import type { ConsentHead, ConsentRow } from '../db/consents.ts';
import type { GrantFacts } from '../db/grantFacts.ts';
import type { HoldRow } from '../db/holds.ts';
import type { MessageFacts } from '../db/messages.ts';
import type { NoticeFacts } from '../db/notices.ts';
import type { RequestFacts } from '../db/requests.ts';
import type { ParcelFacts } from '../db/shipments.ts';
import type { PolicyChangeRow, PolicyNoticeRow, PublicationRow } from '../db/policies.ts';
import type { PolicyRow } from '../db/tenants.ts';
import { VaultError } from '../errors.ts';
import type { TenantKeys } from './keyring.ts';
import type { Vault } from './vault.ts';

/**
 * Rows that decide who may do what, and have no sealed value to vouch for them, carry a MAC: made where the row is made,
 * checked wherever it is believed. Whoever edits the tables can take a row away or put back an older one, but not make,
 * widen or move one.
 *
 * | part | of the keyed hash `row/<kind>` (crypto/blindIndex.ts: each part behind its length)                          |
 * | ---- | ------------------------------------------------------------------------------------------------------------ |
 * | 1    | tenant id                                                                                                    |
 * | 2 …  | the members below in the order of their names, each as canonical JSON (RFC 8785); a time as RFC 3339 in UTC  |
 * |      | with milliseconds, bytes in hex                                                                              |
 *
 * The key is the tenant's index key; renewing it makes every MAC anew. Not in it, because they change: a grant's `reads`,
 * `closed_at` and its reason; a parcel's `status`, `code_tries`, `attempts`, `closed_at`; of a notice, who was told and that it
 * was taken back. Putting those, or a whole row with its MAC, back to what they were is a rollback: the leaves of the audit
 * tell of it, the row cannot. Nor are `external_ref`, `last_failure` and `release`, which are sealed on their own;
 * `source_sha256`, which repeats `source`; and `tokens_valid_from`, which can only take away.
 */
const members = {
  clients: {
    id: true,
    name: true,
    role: true,
    authMethod: true,
    jwk: true,
    department: true,
    carrierProfile: true,
    version: true,
    createdAt: true,
    disabledAt: true,
  },
  client_secrets: { clientId: true, id: true, hash: true, createdAt: true, expiresAt: true },
  policy_versions: { number: true, profile: true, source: true, publishedAt: true, effectiveFrom: true },
  policy_publications: { number: true, material: true, publishedBy: true, publishedActor: true },
  policy_notices: {
    id: true,
    number: true,
    channel: true,
    givenAt: true,
    audience: true,
    recordedAt: true,
    recordedBy: true,
    recordedActor: true,
  },
  policy_changes: { number: true, inForceFrom: true, sweptAt: true },
  acceptances: {
    id: true,
    customerId: true,
    number: true,
    method: true,
    attestationSha256: true,
    acceptedAt: true,
    recordedBy: true,
    recordedRole: true,
  },
  grants: {
    id: true,
    kind: true,
    purpose: true,
    customerId: true,
    orderId: true,
    granteeRole: true,
    granteeClientId: true,
    granteeDepartment: true,
    actor: true,
    fields: true,
    legalOrderId: true,
    policyVersion: true,
    openedBy: true,
    openedAt: true,
    opensAt: true,
    closesAt: true,
    maxReads: true,
  },
  shipments: {
    id: true,
    orderId: true,
    customerId: true,
    grantId: true,
    courierClientId: true,
    codeExpiresAt: true,
    createdAt: true,
  },
  holds: {
    id: true,
    legalOrderId: true,
    customerId: true,
    kind: true,
    startsAt: true,
    endsAt: true,
    releasedAt: true,
    createdAt: true,
  },
  /** When a person may be told of a disclosure. */
  notices: { id: true, legalOrderId: true, exportId: true, customerId: true, dueAt: true, createdAt: true },
  consents: {
    customerId: true,
    number: true,
    id: true,
    purpose: true,
    channel: true,
    kind: true,
    explicit: true,
    method: true,
    source: true,
    textVersion: true,
    policyVersion: true,
    recordedBy: true,
    recordedRole: true,
    actor: true,
    createdAt: true,
  },
  /** How all of a customer's consents stand. */
  consent_heads: { customerId: true, number: true, states: true },
  /** What somebody asked of their data, and how it was decided. */
  requests: {
    id: true,
    customerId: true,
    kind: true,
    state: true,
    askedBy: true,
    askedRole: true,
    askedActor: true,
    asker: true,
    checked: true,
    purpose: true,
    askedAt: true,
    dueAt: true,
    decidedBy: true,
    decidedActor: true,
    decidedAt: true,
    outcome: true,
    reason: true,
    clauses: true,
    closedAt: true,
    copyExpiresAt: true,
    fetchedAt: true,
    certificate: true,
  },
  /** Who has the vault send what kind of thing to whom. */
  messages: {
    id: true,
    customerId: true,
    purpose: true,
    channel: true,
    clientId: true,
    role: true,
    department: true,
    actor: true,
    requestId: true,
    createdAt: true,
  },
  /** Of a parcel's code alone, which goes when the parcel closes. */
  delivery_codes: { id: true, codeHash: true },
} as const satisfies { readonly [Kind in RowKind]: Readonly<Record<Fixed<Kind>, true>> };

interface Rows {
  readonly clients: ClientRow;
  readonly client_secrets: ClientSecretRow;
  readonly policy_versions: PolicyRow;
  readonly policy_publications: PublicationRow;
  readonly policy_notices: PolicyNoticeRow;
  readonly policy_changes: PolicyChangeRow;
  readonly acceptances: AcceptanceRow;
  readonly grants: GrantFacts;
  readonly shipments: ParcelFacts;
  readonly holds: HoldRow;
  readonly notices: NoticeFacts;
  readonly consents: ConsentRow;
  readonly consent_heads: ConsentHead;
  readonly messages: MessageFacts;
  readonly requests: RequestFacts;
  readonly delivery_codes: { readonly id: string; readonly codeHash: Buffer | null; readonly mac: Buffer | null };
}
export type RowKind = keyof Rows;
/** Every member of the row's type, so that a new column does not compile until it stands in the table above. */
type Fixed<Kind extends RowKind> = Exclude<keyof Rows[Kind], 'tenantId' | 'mac'>;

export type Unsigned<Kind extends RowKind> = Pick<Rows[Kind], Fixed<Kind>>;
export type Signed<Kind extends RowKind> = Unsigned<Kind> & { readonly mac: Buffer | null };
/** What MACs are made with. */
export type MacKeys = Pick<TenantKeys, 'tenantId' | 'hash'>;

export function macOf<Kind extends RowKind>(keys: MacKeys, kind: Kind, row: Unsigned<Kind>): Buffer {
  const names = Object.keys(members[kind]).sort() as Fixed<Kind>[];
  return keys.hash(`row/${kind}`, keys.tenantId, ...names.map((name) => canonical(row[name])));
}

function canonical(value: unknown): string {
  if (value instanceof Date) return canonicalJson(value.toISOString());
  return canonicalJson(Buffer.isBuffer(value) ? value.toString('hex') : value);
}

/** Is the row as it was made, by this tenant's key? Constant time in the MAC. */
export function isGenuine<Kind extends RowKind>(keys: MacKeys, kind: Kind, row: Signed<Kind>): boolean {
  try {
    return row.mac !== null && sameBytes(row.mac, macOf(keys, kind, row));
  } catch {
    // A value that none of ours could be, `infinity` for a time, say.
    return false;
  }
}

/** Throws `integrity_failure` unless the row is genuine. */
export function checkMac<Kind extends RowKind>(keys: MacKeys, kind: Kind, row: Signed<Kind>): void {
  if (!isGenuine(keys, kind, row)) throw new VaultError('integrity_failure');
}

/** Where one bad row must not stand in the way of the others: it is passed over, and the operator is told. */
export function believes<Kind extends RowKind>(
  vault: Pick<Vault, 'notice'>,
  keys: MacKeys,
  kind: Kind,
  row: Signed<Kind>,
): boolean {
  const genuine = isGenuine(keys, kind, row);
  if (!genuine) vault.notice('integrity_failure', kind);
  return genuine;
}

/** A parcel rests on two rows: its own and its grant's. Throws `integrity_failure`. */
export function checkParcel(
  keys: MacKeys,
  parcel: Signed<'shipments'>,
  grant: Signed<'grants'> | undefined,
): asserts grant is Signed<'grants'> {
  checkMac(keys, 'shipments', parcel);
  if (grant?.id !== parcel.grantId) throw new VaultError('integrity_failure');
  checkMac(keys, 'grants', grant);
}
