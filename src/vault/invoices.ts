import { selectCustomer } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import { insertInvoice, selectInvoice } from '../db/invoices.ts';
import { selectOrders } from '../db/orders.ts';
import { refuse, VaultError } from '../errors.ts';
import type { JudgedGrant } from '../policy/judge.ts';
import type { Profile } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import { expectUndertaking } from './admissions.ts';
import type { Caller } from './caller.ts';
import { takeFullRead } from './ceilings.ts';
import { newId } from './ids.ts';
import { freezeBuyer, invoiceFields, openInvoice, type InvoiceField, type InvoiceHeader } from './invoiceRecord.ts';
import { permit } from './permit.ts';
import { headerOf } from './record.ts';
import { show, type Shown } from './shown.ts';
import { clocksOf, invoicesSince } from './retentionTerms.ts';
import type { Vault } from './vault.ts';

/**
 * Freezes the identity that the invoice of this order needs. Answers nothing personal. Throws `not_permitted` where the policy
 * knows no invoices: what nobody may read is not kept.
 */
export async function createInvoice(vault: Vault, caller: Caller, act: Act, orderId: string): Promise<Answer> {
  permit(caller, 'invoices.create');
  const { tenantId } = caller;
  const { profile } = vault.watch.policy(tenantId);
  if (profile.grantKinds.invoice === undefined) throw refuse('not_permitted', '', 'not_in_policy');
  const clocks = clocksOf(profile, new Date(vault.now()));
  const [[order]] = await load(vault, tenantId, [selectOrders(tenantId, [orderId], clocks)]);
  if (order === undefined) throw new VaultError('not_found');
  if (order.status === 'cancelled') throw refuse('conflict', '', 'cancelled');
  const [[customer]] = await load(vault, tenantId, [selectCustomer(tenantId, order.customerId)]);
  if (customer === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  const now = vault.now();
  const id = newId(now);
  const { digest, ...sealed } = freezeBuyer(keys, id, customer);
  const invoice = { tenantId, ...sealed, orderId, customerId: customer.id, createdAt: new Date(now) };
  const deed = { subjectId: customer.id, object: { kind: 'invoices', id }, digest, recordVersion: 1 };
  return commitAct(vault, caller, act, deed, [insertInvoice(invoice)], {
    status: 201,
    headers: { Location: `/v1/invoices/${id}` },
    body: { id },
  });
}

/**
 * The frozen identity, for the department that keeps the books. The invoice is the work itself, so it stands in the judge's
 * eyes where a grant does: the policy decides whether accounting sees anything. Throws `not_permitted` when it does not.
 */
export async function readInvoice(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'invoices.read');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const work = invoiceWork(policy.profile);
  const { purpose } = work;
  const decision = policy.decide(caller, work, invoiceFields);
  if (decision.full.length === 0) throw new VaultError('not_permitted');
  expectUndertaking(vault, caller);
  const since = invoicesSince(policy.profile, new Date(vault.now()));
  const [[row]] = await load(vault, tenantId, [selectInvoice(tenantId, id, since)]);
  if (row === undefined) throw new VaultError('not_found');
  const record = openInvoice(await vault.keyring.tenant(tenantId), row);
  const held = invoiceFields.filter((field) => record.labels.has(field));
  const fields: Partial<Record<InvoiceField, Shown>> = {};
  for (const field of held) {
    fields[field] = show(policy, decision.verdicts[field], record, { label: field, field, mask: undefined });
  }
  await takeFullRead(vault, policy, caller);
  const deed = {
    subjectId: row.customerId,
    object: { kind: 'invoices', id },
    purpose,
    rule: decision.rule,
    full: held.filter((field) => decision.verdicts[field].state === 'full'),
    masked: held.filter((field) => decision.verdicts[field].state === 'masked'),
  };
  return commitAct(vault, caller, act, deed, [requireReveals(tenantId, row.customerId)], {
    status: 200,
    body: {
      id,
      orderId: row.orderId,
      customerId: row.customerId,
      kind: headerOf<InvoiceHeader>(record).kind,
      policyVersion: policy.label,
      createdAt: row.createdAt.toISOString(),
      fields,
    },
  });
}

/** An invoice as the judge sees it. */
export function invoiceWork({ grantKinds }: Profile): JudgedGrant {
  const purpose = grantKinds.invoice?.purpose ?? '';
  return { kind: 'invoice', purpose, hasOrder: true, fields: undefined, state: 'open' };
}
