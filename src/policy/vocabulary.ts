/** The closed lists a profile is written in. Tables elsewhere are `Record<Union, …>`, so a new member breaks the build. */

/** Who asks. `department` is any further department a profile declares; `subject` is the person's own narrowed token. */
export const roles = [
  'system_admin',
  'shop_backend',
  'support',
  'after_sales',
  'accounting',
  'marketing',
  'courier',
  'payment_processor',
  'legal_registrar',
  'legal_approver',
  'dpo',
  'department',
  'subject',
] as const;
export type Role = (typeof roles)[number];

/** What is judged. The last three are the alternate recipient: exactly three items, tied to one order. */
export const fields = [
  'givenName',
  'familyName',
  'nationalId',
  'foreignerId',
  'legalName',
  'legalNationalId',
  'economicCode',
  'contactGivenName',
  'contactFamilyName',
  'email',
  'iban',
  'mobile',
  'landline',
  'address',
  'postalCode',
  'location',
  'externalRef',
  'recipientName',
  'recipientPhone',
  'recipientAddress',
] as const;
export type Field = (typeof fields)[number];

/** The pieces of open work under which a value may be read in full. */
export const grantKinds = [
  'ticket',
  'return',
  'invoice',
  'refund',
  'inquiry',
  'shipment',
  'legal_order',
  'break_glass',
] as const;
export type GrantKind = (typeof grantKinds)[number];

/** Why a field is not in full. The judge gives all but the last two kinds: `erased`, and `not_collected`, which depends on the record. */
export const reasons = [
  'role',
  'purpose',
  'no_grant',
  'grant_scope',
  'expired',
  'consent',
  'erased',
  'deactivated',
  'not_collected',
] as const;
export type Reason = (typeof reasons)[number];

/** Whose items they are: a natural person, a legal person, the person who receives a parcel for them. */
export const parties = ['natural', 'legal', 'recipient'] as const;
export type Party = (typeof parties)[number];

/** The moments at which items are demanded. */
export const forms = ['account', 'order', 'refund'] as const;
export type Form = (typeof forms)[number];

/** Identifiers a person can be found by, each only if the profile says so. */
export const searchKeys = [
  'nationalId',
  'foreignerId',
  'legalNationalId',
  'economicCode',
  'email',
  'mobile',
  'landline',
  'iban',
  'externalRef',
] as const satisfies readonly Field[];
export type SearchKey = (typeof searchKeys)[number];

/** What a courier's view is made of; a carrier profile names the ones that its carrier needs. */
export const deliveryItems = ['recipientName', 'phone', 'address', 'postalCode', 'location', 'nationalId'] as const;
export type DeliveryItem = (typeof deliveryItems)[number];

/** The judged fields behind each item of a courier's view, whoever receives the parcel. */
export const deliveryFields: Readonly<Record<DeliveryItem, readonly Field[]>> = {
  recipientName: ['givenName', 'familyName', 'legalName', 'contactGivenName', 'contactFamilyName', 'recipientName'],
  phone: ['mobile', 'landline', 'recipientPhone'],
  address: ['address', 'recipientAddress'],
  postalCode: ['postalCode'],
  location: ['location'],
  nationalId: ['nationalId'],
};

/** How a value is shown when it is not shown; masks.ts has one row for each. */
export const maskKinds = [
  'first_letter',
  'first_letters',
  'last_three',
  'last_four',
  'economic_code',
  'phone',
  'email',
  'iban',
  'postal_code',
  'city',
  'area',
  'reference',
] as const;
export type MaskKind = (typeof maskKinds)[number];

/** The kinds of firm that act for the shop. */
export const processorKinds = ['courier', 'payment_processor'] as const satisfies readonly Role[];
export type ProcessorKind = (typeof processorKinds)[number];

/** Why values may leave to somebody who does not act for the shop. */
export const groundKinds = [
  'judicial_order',
  'administrative_order',
  'statute',
  'legal_process',
  'legal_pursuit',
  'defence_of_rights',
  'emergency',
  'consent',
] as const;
export type GroundKind = (typeof groundKinds)[number];

/** From the day that `Date` counts as 0. */
export const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

/** By which messages reach a person. */
export const channels = ['sms', 'email'] as const;
export type Channel = (typeof channels)[number];

/** What the vault tells people by itself. */
export const tellings = [
  'delivery_code',
  'contact_verification',
  'request_step',
  'copy_link',
  'data_request',
  'complaint_step',
  'disclosure',
  'policy_version',
  'incident',
  'account_idle',
] as const;
export type Telling = (typeof tellings)[number];

/** What can have failed about an order before its customer is asked for more. */
export const checkKinds = [
  'incomplete',
  'match_failed',
  'delivery_failed',
  'address_undeliverable',
  'identity_mismatch',
] as const;
export type CheckKind = (typeof checkKinds)[number];

/** How a person can be said to have agreed. */
export const consentMethods = ['agree_button', 'account_created', 'feature_used', 'order_placed'] as const;
export type ConsentMethod = (typeof consentMethods)[number];

/** What is kept for its own time. */
export const retentionClasses = [
  'invoice_snapshot',
  'account',
  'erased_hold',
  'order_shipping',
  'alternate_recipient',
  'courier_grant',
  'delivery_code',
  'refund_iban',
  'supplementary_answers',
  'complaint',
  'feedback',
  'consent_record',
  'suppression_hash',
  'legal_order',
  'preservation_hold',
  'provisional_hold',
  'incident',
  'access_audit',
  'visitor_technical',
  'backup',
] as const;
export type RetentionClass = (typeof retentionClasses)[number];
