import { closeGrant as closeStatement, insertGrant, listGrants as listStatement } from '../db/grants.ts';
import { selectGrant, type GrantAudience } from '../db/grants.ts';
import { selectClientsInService, type ClientRow } from '../db/clients.ts';
import { selectCustomer, type CustomerRow } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import { selectOrders } from '../db/orders.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { fieldsUnder } from '../policy/grants.ts';
import type { Reader } from '../policy/judge.ts';
import type { Field, Role } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { expectRecipient } from './admissions.ts';
import { bindGrant } from './caseGrants.ts';
import { accountMark } from './grantOf.ts';
import { sealReference, viewGrant, viewListedGrant } from './grantView.ts';
import { windowOf, type AskedWindow } from './grantWindow.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { accountFor, sealAccount, type RefundAccount } from './refundAccounts.ts';
import { believes, checkMac, macOf } from './rowMac.ts';
import { clocksOf } from './retentionTerms.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** The kinds of work that a shop opens itself. Shipments and legal orders open theirs. */
export const openableKinds = ['ticket', 'return', 'invoice', 'refund', 'inquiry'] as const;
export type OpenableKind = (typeof openableKinds)[number];

/** Whom a grant is for: a role (a further department by its name), or one client. */
export type Grantee = { readonly role: Role; readonly department?: string | undefined } | { readonly clientId: string };

export interface NewGrant extends AskedWindow {
  readonly kind: OpenableKind;
  readonly customerId: string;
  readonly orderId?: string | undefined;
  readonly grantee: Grantee;
  /** One member of the grantee's staff, by the id that its tokens carry. */
  readonly actor?: string | undefined;
  /** All that the kind allows this grantee when undefined. */
  readonly fields?: readonly string[] | undefined;
  readonly externalRef?: string | undefined;
  /** Of a refund: where to, for this once, in place of the account that the customer has saved. */
  readonly account?: RefundAccount | undefined;
  /** The open case that it is for, and closes with. */
  readonly complaintId?: string | undefined;
  readonly inquiryId?: string | undefined;
  readonly closesAt: Date;
  /** Reads in full; not counted when undefined. */
  readonly maxReads?: number | undefined;
}

/** Opens a grant: only what the policy in force allows that kind for that reader. Its purpose follows from the kind. */
export async function openGrant(vault: Vault, caller: Caller, act: Act, input: NewGrant): Promise<Answer> {
  permit(caller, 'grants.create');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const now = vault.now();
  const window = windowOf(policy, input.kind, input, now);
  checkReference(input);
  const byClient = 'clientId' in input.grantee ? input.grantee : undefined;
  const [[customer], [order], [client]] = await load(vault, tenantId, [
    selectCustomer(tenantId, input.customerId),
    selectOrders(tenantId, input.orderId === undefined ? [] : [input.orderId], clocksOf(policy.profile, new Date(now))),
    selectClientsInService(tenantId, byClient === undefined ? [] : [byClient.clientId]),
  ]);
  if (customer === undefined) throw refuse('invalid_body', '/customerId', 'unknown_id');
  if (input.orderId !== undefined && order?.customerId !== customer.id)
    throw refuse('invalid_body', '/orderId', 'unknown_id');
  const keys = await vault.keyring.tenant(tenantId);
  const { purpose, fields, account } = workOf(vault, keys, policy, input, { customer, client });
  const bound = await bindGrant(vault, keys, policy, input);
  const id = newId(now);
  const grant = {
    tenantId,
    id,
    kind: input.kind,
    purpose,
    customerId: customer.id,
    orderId: input.orderId ?? null,
    granteeRole: 'role' in input.grantee ? input.grantee.role : null,
    granteeClientId: byClient?.clientId ?? null,
    granteeDepartment: 'role' in input.grantee ? (input.grantee.department ?? null) : null,
    actor: bound.actor ?? null,
    fields,
    externalRef: input.externalRef === undefined ? null : sealReference(keys, customer, id, input.externalRef),
    account: sealAccount(keys, customer, id, account),
    legalOrderId: null,
    policyVersion: policy.number,
    openedBy: caller.clientId,
    openedAt: new Date(now),
    ...window,
    maxReads: input.maxReads ?? null,
  };
  const deed = { policy, subjectId: customer.id, object: { kind: 'grants', id }, grantId: id, purpose };
  const mac = macOf(keys, 'grants', grant);
  const statements = [requireReveals(tenantId, customer.id), insertGrant({ ...grant, mac }), ...bound.statements(id)];
  return commitAct(vault, caller, act, deed, statements, {
    status: 201,
    headers: { Location: `/v1/grants/${id}` },
    body: { id },
  });
}

/** What the policy lets the grantee do under it, and its firm is for. */
function workOf(
  vault: Vault,
  keys: TenantKeys,
  policy: Policy,
  input: NewGrant,
  { customer, client }: { readonly customer: Pick<CustomerRow, 'kind'>; readonly client: ClientRow | undefined },
) {
  if (client !== undefined) checkMac(keys, 'clients', client);
  const reader = readerOf(input.grantee, client);
  const asked = client && { tenantId: keys.tenantId, clientId: client.id, role: reader.role };
  const work = allowedWork(policy, input, reader, asked && expectRecipient(vault, asked, '/grantee/clientId'));
  const account = accountFor(policy, reader, input, customer.kind, work);
  if (account === undefined) return { ...work, account };
  const fields = work.fields ?? fieldsUnder(policy.profile, input.kind, reader);
  return { ...work, account, fields: [...fields, accountMark] };
}

function checkReference({ externalRef }: NewGrant): void {
  if (externalRef === undefined) return;
  const reason = checkText(externalRef, { max: 100, kind: 'text' });
  if (reason !== undefined) throw refuse('invalid_body', '/externalRef', reason);
}

/** Who would read. A client's role is what the judge will see, so it is what is asked about here. */
function readerOf(grantee: Grantee, client: ClientRow | undefined): Reader {
  if ('role' in grantee) return grantee;
  if (client === undefined) throw refuse('invalid_body', '/grantee/clientId', 'unknown_id');
  return {
    role: client.role as Role,
    department: client.department ?? undefined,
    carrierProfile: client.carrierProfile ?? undefined,
  };
}

/** Throws `not_permitted` where the policy gives this reader nothing under the kind. */
function allowedWork(
  policy: Policy,
  input: NewGrant,
  reader: Reader,
  firm: readonly Field[] | undefined,
): { purpose: string; fields: readonly Field[] | null } {
  const rule = policy.profile.grantKinds[input.kind];
  const allowed = fieldsUnder(policy.profile, input.kind, reader).filter((field) => firm?.includes(field) !== false);
  if (rule === undefined) throw refuse('not_permitted', '/kind', 'not_in_policy');
  if (allowed.length === 0) throw refuse('not_permitted', '/grantee', 'nothing_for_grantee');
  if (rule.requiresOrder && input.orderId === undefined) throw refuse('field_required', '/orderId');
  if (input.fields === undefined) return { purpose: rule.purpose, fields: firm === undefined ? null : allowed };
  const faults = input.fields.flatMap((field, i) =>
    allowed.some((f) => f === field) ? [] : [{ pointer: `/fields/${i}`, code: 'not_allowed' }],
  );
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
  return { purpose: rule.purpose, fields: allowed.filter((field) => input.fields?.includes(field)) };
}

/** A grant as the shop, the officer, or its own grantee may know it. Everybody else's is as if it never was. */
export async function readGrant(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'grants.read');
  expectRecipient(vault, caller);
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const [[row]] = await load(vault, tenantId, [selectGrant(tenantId, audienceOf(caller), id)]);
  if (row === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  checkMac(keys, 'grants', row);
  const { body, released } = viewGrant(policy, keys, caller, row, vault.now());
  const deed = { policy, subjectId: row.customerId, object: { kind: 'grants', id }, grantId: id, ...released };
  return commitAct(vault, caller, act, deed, [], { status: 200, body });
}

export async function listGrants(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string | undefined,
  page: Page,
): Promise<Answer> {
  permit(caller, 'grants.list');
  expectRecipient(vault, caller);
  const { tenantId } = caller;
  const [rows] = await load(vault, tenantId, [
    listStatement(tenantId, audienceOf(caller), customerId, page.after, page.limit + 1),
  ]);
  const keys = await vault.keyring.tenant(tenantId);
  const now = vault.now();
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'grants', row) ? viewListedGrant(keys, caller, row, now) : undefined),
  );
  return commitAct(vault, caller, act, { subjectId: customerId }, [], { status: 200, body });
}

/** How it ends: a refund is settled, say. */
export interface Closing {
  readonly settled?: true | undefined;
}

/** Ends a grant before its time; the next read under it shows masks. */
export async function closeGrant(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  { settled }: Closing = {},
): Promise<Answer> {
  permit(caller, 'grants.close');
  const { tenantId } = caller;
  const [[row]] = await load(vault, tenantId, [selectGrant(tenantId, audienceOf(caller), id)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(await vault.keyring.tenant(tenantId), 'grants', row);
  if (settled === true && row.kind !== 'refund') throw refuse('invalid_body', '/settled', 'not_for_kind');
  if (row.closedAt !== null) throw refuse('conflict', '', 'closed');
  const at = new Date(vault.now());
  const rule = settled === true ? 'refund.settled' : undefined;
  const deed = { subjectId: row.customerId, object: { kind: 'grants', id }, grantId: id, purpose: row.purpose, rule };
  return commitAct(vault, caller, act, deed, [closeStatement(tenantId, id, settled ? 'settled' : 'closed', at)], {
    status: 200,
    body: { id, status: 'closed', closedAt: at.toISOString() },
  });
}

function audienceOf({ role, clientId, department, actor }: Caller): GrantAudience {
  return role === 'shop_backend' || role === 'dpo'
    ? { everyone: true }
    : { everyone: false, clientId, role, department, actor };
}
