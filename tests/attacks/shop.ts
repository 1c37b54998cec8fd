import { synthetic, type Synthetic } from '../../src/cli/synthetic.ts';
import type { Role } from '../../src/policy/profile.ts';
import { issueAccessToken } from '../../src/vault/accessToken.ts';
import { clientRoles } from '../../src/vault/clients.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { watchReaders } from '../../src/vault/readerWatch.ts';
import { scopes, scopesOf, type Scope } from '../../src/vault/permit.ts';
import { dayFrom, orderBody } from '../http/legalDesk.ts';
import { hold } from '../support/holds.ts';
import { textPdf } from '../support/scans.ts';
import { clientOf, type TestClient, type TestVault } from '../support/vault.ts';
import { made, newOrder, newParcel, newPerson, subjectOf, type Parcel, type Person } from '../support/work.ts';

/** A tenant in the middle of its work: a client of every role, and one of everything that has an id. */

export type Side = Pick<TestVault, 'tenantId' | 'admin' | 'client'>;
/** Roles that a client can have in the shipped profile; further departments are the profile's. */
export const staffRoles = clientRoles.filter((role) => role !== 'department');
export type StaffRole = (typeof staffRoles)[number];

export interface Shop {
  readonly side: Side;
  readonly people: Synthetic;
  readonly staff: Readonly<Record<StaffRole, TestClient>>;
  readonly subject: TestClient;
  readonly person: Person;
  /** The shop's own reference of that person. */
  readonly externalRef: string;
  readonly recipient: ReturnType<Synthetic['recipient']>;
  readonly ids: Ids;
  readonly parcel: Parcel;
}

/** One id of every kind there is. */
export interface Ids {
  readonly customer: string;
  readonly address: string;
  readonly phone: string;
  readonly order: string;
  readonly recipientOrder: string;
  readonly shipment: string;
  readonly shipmentGrant: string;
  readonly grant: string;
  readonly invoice: string;
  readonly client: string;
  readonly courier: string;
  readonly supporter: string;
  readonly legalOrder: string;
  readonly approvedOrder: string;
  readonly executedOrder: string;
  readonly hold: string;
  readonly heldOrder: string;
  readonly export: string;
  readonly notice: string;
  readonly message: string;
  readonly event: string;
  readonly request: string;
  readonly incident: string;
  readonly webhook: string;
  readonly freeze: string;
  readonly decoy: string;
  readonly anomaly: string;
  readonly leaf: string;
  /** Of whom there is nothing but an account and a report of its misuse. */
  readonly visitor: string;
  readonly misuseReport: string;
  readonly complaint: string;
  readonly inquiry: string;
  readonly recipient: string;
  readonly undertaking: string;
  readonly feedback: string;
  readonly supplementary: string;
}

export const recipientBody = {
  name: 'شرکت نمونه',
  kind: 'courier',
  purpose: 'shipping',
  contractRef: 'C-1',
  expiresAt: '2099-01-01T00:00:00Z',
};
/** The paper of an undertaking. */
export const paper = { documentRef: 'D-1', signer: 'مدیر', signedOn: '1404-01-15', documentSha256: 'ab'.repeat(32) };

export async function openShop(vault: TestVault, side: Side, seed: number): Promise<Shop> {
  const people = synthetic(seed);
  const staff = await hire(side);
  const { shop_backend: backend, courier, legal_registrar: registrar, legal_approver: approver } = staff;
  const sent = people.naturalCustomer();
  const person = await newPerson(backend, sent);
  const recipient = people.recipient();
  const order = await newOrder(backend, person);
  const recipientOrder = await newOrder(backend, person, { to: 'recipient', recipient });
  const parcel = await newParcel(backend, order, courier);
  const grant = made(await backend.post('/v1/grants', ticketBody(vault, person.id))).id;
  const invoice = made(await backend.post(`/v1/orders/${recipientOrder}/invoices`)).id;
  const [legalOrder, approvedOrder, executedOrder] = [
    await register(vault, registrar, person.id),
    await register(vault, registrar, person.id, { fromSubject: true }),
    await register(vault, registrar, person.id),
  ];
  const scan = ['POST', `/v1/legal-orders/${approvedOrder}/document`, textPdf('scan')] as const;
  made(await registrar.call(...scan, { 'content-type': 'application/pdf' }));
  for (const id of [approvedOrder, executedOrder]) made(await approver.post(`/v1/legal-orders/${id}/approve`), 200);
  const exported = made(await registrar.post('/v1/exports', { legalOrderId: executedOrder })).id;
  const notice = made(await backend.get('/v1/notices'), 200).items[0].id;
  const said = { customerId: person.id, purpose: 'tracking', channel: 'sms', text: 'در راه است' };
  const message = made(await backend.post('/v1/messages', said), 202).id;
  const event = made(await backend.get('/v1/events'), 200).items[0].id;
  const [held] = await hold(vault, registrar, [person.id], { tenantId: side.tenantId });
  const asked = { customerId: person.id, kind: 'object', purpose: 'marketing', asker: 'subject', checked: 'call_back' };
  const request = made(await backend.post('/v1/requests', asked)).id;
  const supplementary = made(await backend.post('/v1/supplementary-requests', askBody(vault, order))).id;
  const officer = await staff.dpo.as('staff-9');
  const incident = made(await officer.post('/v1/incidents', { kind: 'other', summary: 'آزمایش' })).id;
  const hearing = { clientId: backend.id, url: 'https://shop.example.com/events', kinds: ['request.closed'] };
  const webhook = made(await staff.system_admin.post('/v1/webhooks', hearing)).id;
  made(await officer.post(`/v1/incidents/${incident}/contain`, { actors: ['staff-66'] }), 200);
  const freeze = made(await officer.get('/v1/reader-freezes'), 200).items[0].id;
  const nobody = (await newPerson(backend, people.naturalCustomer())).id;
  const decoy = made(await officer.post('/v1/decoys', { customerId: nobody })).id;
  const registers = await fileCases(staff, officer, people, person.id);
  made(await backend.get(`/v1/customers/${nobody}`), 200);
  await watchReaders(vault.vault, new Map());
  const anomaly = made(await officer.get('/v1/anomalies'), 200).items[0].id;
  const leaf = made(await staff.dpo.get('/v1/audit?limit=1'), 200).items[0].id;
  await openIntegrator(vault.vault)();
  const phone = made(await backend.get(`/v1/customers/${person.id}`), 200).phones[0].id;
  return {
    side,
    people,
    staff,
    subject: await subjectOf(vault, backend, person.id),
    person,
    externalRef: sent.externalRef,
    recipient,
    parcel,
    ids: {
      customer: person.id,
      address: person.addressId,
      phone,
      order,
      recipientOrder,
      shipment: parcel.id,
      shipmentGrant: parcel.grantId,
      grant,
      invoice,
      client: staff.marketing.id,
      courier: courier.id,
      supporter: staff.support.id,
      legalOrder,
      approvedOrder,
      executedOrder,
      hold: held?.id ?? '',
      heldOrder: held?.legalOrderId ?? '',
      export: exported,
      notice,
      message,
      event,
      request,
      incident,
      webhook,
      freeze,
      decoy,
      anomaly,
      leaf,
      ...registers,
      supplementary,
    },
  };
}

/** More is asked about an order whose invoice does not fit. */
export function askBody(vault: TestVault, orderId: string): object {
  const now = vault.vault.now();
  const failedAt = new Date(now).toISOString();
  const check = { kind: 'identity_mismatch', fields: ['nationalId'], failedAt };
  return { orderId, check, asks: ['nationalId'], dueAt: new Date(now + 24 * 3_600_000).toISOString() };
}

/** One entry of every register that a person, or a firm, can stand in. */
async function fileCases(
  { shop_backend: backend }: Record<StaffRole, TestClient>,
  officer: TestClient,
  people: Synthetic,
  customerId: string,
) {
  const visitor = (await newPerson(backend, people.naturalCustomer())).id;
  const file = async (path: string, body: object, by = backend) => made(await by.post(path, body)).id as string;
  return {
    visitor,
    misuseReport: await file('/v1/misuse-reports', { customerId: visitor }),
    complaint: await file('/v1/complaints', { customerId, text: 'بسته باز بود' }),
    inquiry: await file('/v1/inquiries', { customerId, text: 'کی می‌رسد؟' }),
    recipient: await file('/v1/recipients', recipientBody, officer),
    undertaking: await file('/v1/staff-undertakings', { actor: `staff-${visitor.slice(-12)}`, ...paper }, officer),
    feedback: await file('/v1/feedback', { kind: 'opinion', customerId, text: 'خوب بود' }),
  };
}

/** Legal staff are two clients and two persons; the others act for themselves. */
export async function hire(side: Side): Promise<Record<StaffRole, TestClient>> {
  const hired = await Promise.all(
    staffRoles.map(async (role) => {
      const actor = role.startsWith('legal') ? { actor: `staff-${role}` } : {};
      return [role, role === 'system_admin' ? side.admin : await side.client(role, actor)] as const;
    }),
  );
  return Object.fromEntries(hired) as Record<StaffRole, TestClient>;
}

export function ticketBody(vault: TestVault, customerId: string, more: Record<string, unknown> = {}) {
  const closesAt = new Date(vault.vault.now() + 3_600_000).toISOString();
  return { kind: 'ticket', customerId, grantee: { role: 'support' }, closesAt, ...more };
}

async function register(
  vault: TestVault,
  registrar: TestClient,
  customerId: string,
  secret = { fromSubject: false },
): Promise<string> {
  const scope = {
    subjects: [{ customerId }],
    fields: ['givenName', 'mobile'],
    from: dayFrom(vault, -30),
    to: dayFrom(vault, 1),
  };
  return made(await registrar.post('/v1/legal-orders', orderBody(vault, [], { scope, secret }))).id;
}

/**
 * A client around a token that says whatever it is told to, signed by the vault's own key: what no token endpoint would
 * give out, and the gate must refuse all the same.
 */
export function tokenOf(
  vault: TestVault,
  side: Pick<Side, 'tenantId'>,
  client: Pick<TestClient, 'id' | 'secret'>,
  role: Role,
  given: {
    readonly scopes?: readonly Scope[];
    readonly actor?: string;
    readonly subjectId?: string;
    readonly department?: string;
    readonly carrierProfile?: string;
  } = {},
): TestClient {
  const { keys, issuer, now } = vault.vault;
  const { token } = issueAccessToken(
    keys.token,
    issuer,
    {
      tenantId: side.tenantId,
      clientId: client.id,
      role,
      scopes: given.scopes ?? scopesOf(role),
      purposes: [],
      actor: role === 'subject' ? client.id : given.actor,
      department: given.department,
      carrierProfile: given.carrierProfile,
      subjectId: given.subjectId,
      lifetimeSeconds: 900,
    },
    now(),
  );
  return clientOf(vault.url, client.id, client.secret, token);
}

export const everyScope: readonly Scope[] = scopes;
