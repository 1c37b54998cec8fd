import { requireReveals } from '../db/freezes.ts';
import { selectInvoice, type InvoiceRow } from '../db/invoices.ts';
import { insertVatCertificate, selectVatCertificate } from '../db/vatCertificates.ts';
import { refuse, VaultError } from '../errors.ts';
import type { Profile } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { openInvoice, type InvoiceHeader } from './invoiceRecord.ts';
import { invoiceWork } from './invoices.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import { headerOf } from './record.ts';
import { checkMac, macOf } from './rowMac.ts';
import { show, type Shown } from './shown.ts';
import { timeView } from './shownTime.ts';
import { invoicesSince } from './retentionTerms.ts';
import type { Vault } from './vault.ts';

/** The purpose of a policy that issues such certificates. */
const purpose = 'vat_certificate';
/** What a certificate says of its company: D6 names it by its economic code and its legal national ID. */
const certified = ['legalName', 'legalNationalId', 'economicCode'] as const;
type CertifiedField = (typeof certified)[number];

/**
 * Enters that a company asks for the VAT certificate of an invoice. Throws `not_permitted` where the policy issues none, and
 * for a natural person's invoice; `conflict` where the invoice lacks an identifier or one was asked for before.
 */
export async function requestVatCertificate(
  vault: Vault,
  caller: Caller,
  act: Act,
  invoiceId: string,
): Promise<Answer> {
  permit(caller, 'vat_certificates.request');
  const { tenantId } = caller;
  expectIssued(vault.watch.policy(tenantId).profile);
  const keys = await vault.keyring.tenant(tenantId);
  const { customerId } = await companyInvoice(vault, keys, invoiceId);
  const requestedAt = new Date(vault.now());
  const entered = { invoiceId, customerId, requestedBy: caller.clientId, requestedAt };
  const mac = macOf(keys, 'vat_certificates', entered);
  const deed = { subjectId: customerId, object: { kind: 'invoices', id: invoiceId }, purpose, rule: purpose };
  return commitAct(vault, caller, act, deed, [insertVatCertificate(tenantId, { ...entered, mac })], {
    status: 201,
    body: { invoiceId, ...timeView('requestedAt', requestedAt) },
  });
}

/** What the certificate says, once it was asked for, to the department that issues it. Throws `not_found` before. */
export async function readVatCertificate(vault: Vault, caller: Caller, act: Act, invoiceId: string): Promise<Answer> {
  permit(caller, 'vat_certificates.read');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const { profile } = policy;
  expectIssued(profile);
  const decision = policy.decide(caller, invoiceWork(profile), certified);
  if (decision.full.length === 0) throw new VaultError('not_permitted');
  const [[asked], [invoice]] = await load(vault, tenantId, [
    selectVatCertificate(tenantId, invoiceId),
    selectInvoice(tenantId, invoiceId, invoicesSince(profile, new Date(vault.now()))),
  ]);
  if (asked === undefined || invoice === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  checkMac(keys, 'vat_certificates', asked);
  const record = openInvoice(keys, invoice);
  const fields: Partial<Record<CertifiedField, Shown>> = {};
  for (const field of certified.filter((one) => servesCertificate(profile, one))) {
    fields[field] = show(policy, decision.verdicts[field], record, { label: field, field, mask: undefined });
  }
  const shown = (state: Shown['state']) => certified.filter((field) => fields[field]?.state === state);
  const deed = {
    subjectId: invoice.customerId,
    object: { kind: 'invoices', id: invoiceId },
    purpose,
    rule: decision.rule,
    full: shown('full'),
    masked: shown('masked'),
  };
  const body = { invoiceId, policyVersion: policy.label, ...timeView('requestedAt', asked.requestedAt), fields };
  return commitAct(vault, caller, act, deed, [requireReveals(tenantId, invoice.customerId)], { status: 200, body });
}

function expectIssued({ purposes, grantKinds }: Profile): void {
  if (!Object.hasOwn(purposes, purpose) || grantKinds.invoice === undefined)
    throw refuse('not_permitted', '', 'not_in_policy');
}

const servesCertificate = (profile: Profile, field: CertifiedField): boolean =>
  profile.items.legal[field]?.purposes.includes(purpose) === true;

async function companyInvoice(vault: Vault, keys: TenantKeys, id: string): Promise<InvoiceRow> {
  const since = invoicesSince(vault.watch.policy(keys.tenantId).profile, new Date(vault.now()));
  const [[invoice]] = await load(vault, keys.tenantId, [selectInvoice(keys.tenantId, id, since)]);
  if (invoice === undefined) throw new VaultError('not_found');
  const record = openInvoice(keys, invoice);
  if (headerOf<InvoiceHeader>(record).kind !== 'legal') throw refuse('not_permitted', '', 'natural_person');
  if (!certified.every((field) => record.labels.has(field))) throw refuse('conflict', '', 'item_missing');
  return invoice;
}
