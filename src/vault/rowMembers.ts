import type { AcceptanceRow } from '../db/acceptances.ts';
import type { CaseFacts } from '../db/cases.ts';
import type { ClientRow, ClientSecretRow } from '../db/clients.ts';
import type { CopyLinkRow } from '../db/copyLinks.ts';
import type { ConsentHead, ConsentRow } from '../db/consents.ts';
import type { GrantFacts } from '../db/grantFacts.ts';
import type { HoldRow } from '../db/holds.ts';
import type { ExtractRow } from '../db/extracts.ts';
import type { StatisticRow } from '../db/statistics.ts';
import type { NoticeFacts } from '../db/notices.ts';
import type { IdleNoticeRow } from '../db/retentionAccounts.ts';
import type { RequestFacts } from '../db/requests.ts';
import type { ParcelFacts } from '../db/shipments.ts';
import type { PolicyHeadRow } from '../db/policyHeads.ts';
import type { PolicyChangeRow, PolicyNoticeRow, PublicationRow } from '../db/policies.ts';
import type { PolicyRow } from '../db/tenants.ts';
import type { VatCertificateRow } from '../db/vatCertificates.ts';
import { contactRowMembers, type ContactRows } from './contactRowMembers.ts';
import { incidentRowMembers, type IncidentRows } from './incidentRowMembers.ts';
import { sendingRowMembers, type SendingRows } from './sendingRowMembers.ts';
import { registerRowMembers, type RegisterRows } from './registerRowMembers.ts';

/** What the MAC of each kind of row covers (rowMac.ts). */
export const rowMembers = {
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
  /** Who opens a person's copy without signing in. */
  copy_links: { requestId: true, customerId: true, secretHash: true, madeBy: true, createdAt: true, expiresAt: true },
  client_secrets: { clientId: true, id: true, hash: true, createdAt: true, expiresAt: true },
  policy_versions: { number: true, profile: true, source: true, publishedAt: true, effectiveFrom: true },
  /** How many versions there are. */
  policy_heads: { number: true, last: true },
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
  extracts: {
    id: true,
    clientId: true,
    actor: true,
    period: true,
    purpose: true,
    threshold: true,
    persons: true,
    sha256: true,
    policyVersion: true,
    createdAt: true,
  },
  /** Figures as they were frozen. */
  statistics: {
    measure: true,
    period: true,
    id: true,
    threshold: true,
    cells: true,
    policyVersion: true,
    frozenAt: true,
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
    applied: true,
    withdrawnAt: true,
  },
  /** What a person brought before the shop, and how it ended. */
  cases: {
    id: true,
    kind: true,
    customerId: true,
    state: true,
    clauses: true,
    aboutActor: true,
    filedBy: true,
    filedRole: true,
    filedActor: true,
    filedAt: true,
    policyVersion: true,
    dueAt: true,
    acknowledgedAt: true,
    ownerRole: true,
    ownerDepartment: true,
    ownerActor: true,
    outcome: true,
    closedBy: true,
    closedActor: true,
    closedAt: true,
    grantIds: true,
  },
  ...sendingRowMembers,
  /** Of whom nobody had heard, and when they were told of it. */
  idle_notices: { customerId: true, idleSince: true, toldAt: true },
  ...contactRowMembers,
  ...incidentRowMembers,
  ...registerRowMembers,
  /** That a company asked for one. */
  vat_certificates: { invoiceId: true, customerId: true, requestedBy: true, requestedAt: true },
  /** Of a parcel's code alone, which goes when the parcel closes. */
  delivery_codes: { id: true, codeHash: true },
} as const satisfies { readonly [Kind in RowKind]: Readonly<Record<Fixed<Kind>, true>> };

export interface Rows extends ContactRows, IncidentRows, RegisterRows, SendingRows {
  readonly clients: ClientRow;
  readonly client_secrets: ClientSecretRow;
  readonly copy_links: Omit<CopyLinkRow, 'tries' | 'usedAt'>;
  readonly policy_versions: PolicyRow;
  readonly policy_heads: PolicyHeadRow;
  readonly policy_publications: PublicationRow;
  readonly policy_notices: PolicyNoticeRow;
  readonly policy_changes: PolicyChangeRow;
  readonly acceptances: AcceptanceRow;
  readonly grants: GrantFacts;
  readonly shipments: ParcelFacts;
  readonly holds: HoldRow;
  readonly extracts: ExtractRow;
  readonly statistics: StatisticRow;
  readonly notices: NoticeFacts;
  readonly consents: ConsentRow;
  readonly consent_heads: ConsentHead;
  readonly requests: RequestFacts;
  readonly idle_notices: IdleNoticeRow;
  readonly cases: CaseFacts;
  readonly vat_certificates: VatCertificateRow;
  readonly delivery_codes: { readonly id: string; readonly codeHash: Buffer | null; readonly mac: Buffer | null };
}
export type RowKind = keyof Rows;
/** Every member of the row's type, so that a new column does not compile until it stands in the table above. */
export type Fixed<Kind extends RowKind> = Exclude<keyof Rows[Kind], 'tenantId' | 'mac'>;
