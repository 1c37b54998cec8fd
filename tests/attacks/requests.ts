import type { TestVault } from '../support/vault.ts';
import { operations, type Operation } from '../support/openapi.ts';
import { orderBody } from '../http/legalDesk.ts';
import { policyText } from '../support/policyTexts.ts';
import { textPdf } from '../support/scans.ts';
import { askBody, paper, recipientBody, ticketBody, type Shop } from './shop.ts';

/** A valid request for every operation of openapi.yaml, about one shop's own things. */
export interface Request {
  readonly operation: Operation;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

type Body = (vault: TestVault, shop: Shop) => unknown;

/** By operationId; what is not here takes no body. */
const bodies: Readonly<Record<string, Body>> = {
  createClient: () => ({ name: 'warehouse system', role: 'support', authMethod: 'client_secret' }),
  disableClient: () => ({ disabled: true }),
  renewClientSecret: () => ({ overlapSeconds: 60 }),
  givePermission: () => ({
    recipientName: 'بیمهٔ نمونه',
    purpose: 'بیمهٔ کالا',
    fields: ['mobile'],
    textVersion: 'permission-1',
  }),
  withdrawPermission: () => ({}),
  createWebhook: (_, { staff }) => ({
    clientId: staff.support.id,
    url: 'https://support.example.com/events',
    kinds: ['request.opened'],
  }),
  disableWebhook: () => ({ disabled: true }),
  renewWebhookSecret: () => ({ overlapSeconds: 60 }),
  pingWebhook: () => ({}),
  redeliverWebhooks: () => ({ since: '2026-01-01T00:00:00Z' }),
  createCustomer: (_, { people }) => people.naturalCustomer(),
  patchCustomer: (_, { people, ids }) => ({
    fields: { email: people.email(), iban: null },
    phones: [{ id: ids.phone }, { kind: 'landline', number: people.landline() }],
    addresses: [{ id: ids.address, postalCode: people.postalCode() }],
  }),
  searchCustomers: (_, { people }) => ({ by: 'mobile', value: people.mobile() }),
  checkCookie: () => ({ value: 'basket=7f3a' }),
  matchCustomer: (_, { people, ids }) => ({ id: ids.customer, field: 'nationalId', value: people.nationalId() }),
  createCustomers: (_, { people }) => ({ customers: [people.naturalCustomer(), people.legalCustomer()] }),
  readCustomers: (_, { ids }) => ({ customers: [{ id: ids.customer }] }),
  importCustomers: (_, { people }) => people.naturalCustomer(),
  // Support names a call, the person none: without one each is heard, and whoever may not is told so.
  confirmContactPoint: () => ({ contactPoint: 'email' }),
  startVerification: () => ({ contactPoint: 'email' }),
  proveContactPoint: () => ({ contactPoint: 'email', code: '000000' }),
  createSupplementaryRequest: (vault, { ids }) => askBody(vault, ids.recipientOrder),
  answerSupplementaryRequest: (_, { people }) => ({ answers: { nationalId: people.nationalId() } }),
  withdrawSupplementaryRequest: () => ({}),
  closeSupplementaryRequest: () => ({}),
  giveConsent: () => ({
    purpose: 'marketing',
    channels: ['sms'],
    method: 'agree_button',
    source: 'web',
    textVersion: 'newsletter-2',
  }),
  withdrawConsent: () => ({ purpose: 'marketing', channels: ['sms'] }),
  sendMessage: (_, { ids }) => ({
    customerId: ids.customer,
    purpose: 'tracking',
    channel: 'sms',
    template: 'delivery_code',
    params: { code: '48213' },
  }),
  createOrder: (_, { ids }) => ({
    customerId: ids.customer,
    externalRef: 'O-9',
    delivery: { to: 'customer', addressId: ids.address },
  }),
  patchOrder: (_, { people }) => ({ delivery: { to: 'recipient', recipient: people.recipient() } }),
  cancelOrder: () => ({}),
  createShipment: (_, { ids }) => ({ courierClientId: ids.courier, maxReads: 20 }),
  confirmDelivery: (_, { parcel }) => ({ code: parcel.deliveryCode }),
  failDelivery: () => ({ reason: 'کسی در را باز نکرد' }),
  returnDelivery: () => ({}),
  openGrant: (vault, { ids }) => ({
    ...ticketBody(vault, ids.customer, {
      orderId: ids.order,
      fields: ['mobile'],
      externalRef: 'T-1',
      actor: 'staff-7',
    }),
    grantee: { clientId: ids.supporter },
  }),
  closeGrant: () => ({}),
  explainPolicy: (_, { ids }) => ({ act: 'read', role: 'support', customerId: ids.customer, grantId: ids.grant }),
  createInvoice: () => ({}),
  requestVatCertificate: () => ({}),
  registerLegalOrder: (vault, { ids }) => orderBody(vault, [{ customerId: ids.customer }]),
  patchLegalOrder: () => ({ letter: { subject: 'تصحیح' } }),
  approveLegalOrder: () => ({}),
  dateSecrecy: () => ({ reason: 'مهلت محرمانگی گذشت' }),
  reviewLegalOrder: () => ({ outcome: 'upheld', reason: 'بجا بود' }),
  reissuePackage: () => ({ reason: 'قطع شد' }),
  acknowledgeExport: () => ({ receivedBy: { name: 'سعید نوری' }, means: 'by_hand' }),
  rejectLegalOrder: () => ({ reason: 'مهر ندارد' }),
  uploadLegalDocument: () => textPdf('scan'),
  revokeLegalOrder: () => ({ reason: 'پس گرفته شد' }),
  acknowledgeEvent: () => ({}),
  markNoticeSent: () => ({ channel: 'sms' }),
  createRequest: (_, { ids }) => ({
    customerId: ids.customer,
    kind: 'object',
    purpose: 'marketing',
    asker: 'subject',
    checked: 'call_back',
  }),
  decideRequest: () => ({ outcome: 'done' }),
  withdrawRequest: () => ({}),
  createCopyLink: () => ({}),
  createExtract: () => ({ period: '1404-08' }),
  openCopyLink: () => ({ link: 'not-a-link' }),
  reportMisuse: (_, { ids }) => ({ customerId: ids.visitor, text: 'کسی وارد حساب من شده است' }),
  resolveMisuse: () => ({ outcome: 'unfounded', finding: 'خود شخص بود' }),
  fileComplaint: (_, { ids }) => ({ customerId: ids.customer, text: 'بسته باز شده بود' }),
  acknowledgeComplaint: () => ({}),
  assignComplaint: () => ({ role: 'support', actor: 'staff-5' }),
  closeComplaint: () => ({ outcome: 'upheld', finding: 'درست بود', remedy: 'عذرخواهی شد' }),
  fileInquiry: (_, { ids }) => ({ customerId: ids.customer, text: 'سفارش کجاست؟' }),
  answerInquiry: () => ({ answer: 'در راه است' }),
  createRecipient: () => recipientBody,
  undertake: () => paper,
  linkRecipientClient: (_, { ids }) => ({ clientId: ids.courier }),
  revokeRecipient: () => ({}),
  recordStaffUndertaking: () => ({ actor: 'staff-5', ...paper }),
  revokeStaffUndertaking: () => ({}),
  giveFeedback: (_, { ids }) => ({ kind: 'opinion', customerId: ids.customer, text: 'خوب بود' }),
  openIncident: (_, { ids }) => ({ kind: 'misuse', summary: 'گزارش سوءاستفاده', customerId: ids.customer }),
  patchIncident: () => ({ source: 'نسخهٔ پشتیبان', recovery: 'راز نو شد', legalFollowUp: 'شکایت ثبت شد' }),
  closeIncident: () => ({}),
  createDecoy: (_, { ids }) => ({ customerId: ids.customer }),
  retireDecoy: () => ({}),
  openGlass: (_, { ids }) => ({ customerId: ids.customer, reason: 'قطعی برق', fields: ['mobile'], minutes: 5 }),
  reviewGlass: () => ({ outcome: 'upheld', reason: 'بجا بود' }),
  tellConcerned: () => ({}),
  containIncident: (_, { ids }) => ({ clients: [ids.client], customers: [ids.customer] }),
  thawContained: (_, { ids }) => ({ customerId: ids.customer }),
  liftReaderFreeze: () => ({}),
  computeExtent: (_, { ids }) => ({ clientId: ids.client }),
  releaseHold: () => ({ reason: 'لازم نیست' }),
  // Another vault than this one: nobody's request seals it.
  sealVault: () => ({ issuer: 'https://elsewhere.example' }),
  publishPolicy: () => ({ policy: policyText({ '/title/en': 'Another title' }), material: true, follows: 1 }),
  recordPolicyNotice: () => ({ channel: 'site' }),
  mailPolicy: () => ({}),
  recordAcceptance: () => ({ method: 'agree_button' }),
  createExport: (_, { ids }) => ({ legalOrderId: ids.approvedOrder }),
};

/** Whose id stands in the path. */
const subjects: Readonly<Record<string, keyof Shop['ids']>> = {
  clients: 'client',
  customers: 'customer',
  orders: 'order',
  shipments: 'shipment',
  deliveries: 'shipment',
  grants: 'grant',
  invoices: 'invoice',
  'legal-orders': 'legalOrder',
  holds: 'hold',
  exports: 'export',
  events: 'event',
  notices: 'notice',
  messages: 'message',
  requests: 'request',
  incidents: 'incident',
  webhooks: 'webhook',
  'reader-freezes': 'freeze',
  decoys: 'decoy',
  'misuse-reports': 'misuseReport',
  complaints: 'complaint',
  inquiries: 'inquiry',
  recipients: 'recipient',
  'staff-undertakings': 'undertaking',
  feedback: 'feedback',
  'supplementary-requests': 'supplementary',
  anomalies: 'anomaly',
  // The policy of this shop has none; no id is one.
  'break-glass': 'grant',
  permissions: 'grant',
};

/** Of the approved order, which has a scan. */
const ofApproved: ReadonlySet<string> = new Set(['revokeLegalOrder', 'readLegalDocument', 'dateSecrecy']);

/** Their cursor is a number, and no id. */
const numbered: ReadonlySet<string> = new Set(['listChanges']);

/** The calls that are acts of a known caller. */
export const actOperations = operations.filter(({ raw }) => raw['x-action'] !== undefined);

export function requestFor(vault: TestVault, shop: Shop, operation: Operation): Request {
  const { raw, method, path } = operation;
  const body = bodies[raw.operationId]?.(vault, shop);
  if (raw.requestBody !== undefined && body === undefined) throw new Error(`no body for ${raw.operationId}`);
  const noun = path.split('/')[2] ?? '';
  const about = ofApproved.has(raw.operationId) ? 'approvedOrder' : subjects[noun];
  const id = about === undefined ? '' : shop.ids[about];
  const type = Object.keys(raw.requestBody?.content ?? {})[0];
  return {
    operation,
    method: method.toUpperCase(),
    path: path.replace('{id}', id).replace('{number}', '1').replace('{measure}', 'orders'),
    query: Object.fromEntries(
      operation.parameters
        .filter(({ in: place, name }) => place === 'query' && !(name === 'cursor' && numbered.has(raw.operationId)))
        .flatMap(({ name }) => queryOf(name, shop, raw.operationId)),
    ),
    body,
    headers: {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(method === 'patch' ? { 'if-match': '"1"' } : {}),
    },
  };
}

function queryOf(name: string, { ids }: Shop, operationId: string): [string, string][] {
  const values: Readonly<Record<string, string>> = {
    grant: ids.grant,
    period: '1404-08',
    customerId: operationId === 'listMisuseReports' ? ids.visitor : ids.customer,
    legalOrderId: ids.heldOrder,
    legalOrder: ids.executedOrder,
    subject: ids.customer,
    client: ids.client,
    leaf: ids.leaf,
    ...(operationId === 'proveConsistency' ? { from: '1' } : {}),
    cursor: Buffer.from(ids.order, 'latin1').toString('base64url'),
  };
  const value = values[name];
  return value === undefined ? [] : [[name, value]];
}

export const targetOf = ({ path, query }: Pick<Request, 'path' | 'query'>): string => {
  const text = new URLSearchParams(query).toString();
  return text === '' ? path : `${path}?${text}`;
};
