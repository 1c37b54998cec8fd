import {
  listGlass as listStatement,
  reviewGlass as reviewStatement,
  selectGlass,
  type GlassRow,
  type ReviewOutcome,
} from '../db/breakGlass.ts';
import { selectCustomersForRights } from '../db/rightsCustomers.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import { openGlassWords, sealGlass, signedGlass, viewGlass } from './breakGlassRecord.ts';
import type { Caller } from './caller.ts';
import { readShown } from './customers.ts';
import { viewCustomer } from './customerView.ts';
import { expectTwo, personOf } from './fourEyes.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { checkReason } from './reason.ts';
import { believes, checkMac } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Throws `not_found`, for another tenant's as for none. */
async function glassOf(vault: Vault, tenantId: string, id: string): Promise<GlassRow> {
  const [[row]] = await load(vault, tenantId, [selectGlass(tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(await vault.keyring.tenant(tenantId), 'break_glass', row);
  return row;
}

/** The person's data under the emergency's grant: for the client and the person who opened it, while it is open. */
export async function readUnderGlass(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'break_glass.use');
  const { clientId, actor } = personOf(caller);
  const row = await glassOf(vault, caller.tenantId, id);
  if (row.openedBy !== clientId || row.openedActor !== actor) throw new VaultError('not_found');
  const asked = { id: row.customerId, grantId: id, fields: undefined };
  const { row: customer, decision, policy } = await readShown(vault, caller, act, asked);
  const keys = await vault.keyring.tenant(caller.tenantId);
  return { status: 200, body: viewCustomer(keys, policy, customer, decision, undefined) };
}

/** Newest first. */
export async function listGlass(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'break_glass.list');
  const { tenantId } = caller;
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'break_glass', row) ? viewGlass(row) : undefined),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

/** One, with what was said of it for as long as the person's key is there. */
export async function readGlass(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'break_glass.read');
  const { tenantId } = caller;
  const row = await glassOf(vault, tenantId, id);
  const [[customer]] = await load(vault, tenantId, [selectCustomersForRights(tenantId, [row.customerId])]);
  const keys = await vault.keyring.tenant(tenantId);
  const reachable = customer?.standing === true ? customer : undefined;
  const [reason, finding] = [
    openGlassWords(keys, reachable, row, 'reason'),
    openGlassWords(keys, reachable, row, 'finding'),
  ];
  const said = { ...(reason === undefined ? {} : { reason }), ...(finding === undefined ? {} : { finding }) };
  const deed = { subjectId: row.customerId, object: { kind: 'break_glass', id } };
  return commitAct(vault, caller, act, deed, [], { status: 200, body: { ...viewGlass(row), ...said } });
}

export interface GlassReview {
  readonly outcome: ReviewOutcome;
  readonly reason: string;
}

/** The later look, by another client and another person. Throws `conflict` while it is open, and once it was looked at. */
export async function reviewGlass(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  { outcome, reason }: GlassReview,
): Promise<Answer> {
  permit(caller, 'break_glass.review');
  checkReason(reason);
  const person = personOf(caller);
  const { tenantId } = caller;
  const row = await glassOf(vault, tenantId, id);
  expectTwo(person, { clientId: row.openedBy, actor: row.openedActor });
  if (row.reviewedAt !== null) throw refuse('conflict', '', 'reviewed');
  if (row.closesAt.getTime() > vault.now()) throw refuse('conflict', '', 'still_open');
  const [[customer]] = await load(vault, tenantId, [selectCustomersForRights(tenantId, [row.customerId])]);
  const keys = await vault.keyring.tenant(tenantId);
  const next = signedGlass(keys, {
    ...row,
    outcome,
    reviewedBy: person.clientId,
    reviewedActor: person.actor,
    reviewedAt: new Date(vault.now()),
    // Of who is gone nothing more is said.
    finding: customer?.standing === true ? sealGlass(keys, customer, id, 'finding', reason) : null,
  });
  const deed = { subjectId: row.customerId, object: { kind: 'break_glass', id }, rule: `break_glass.${outcome}` };
  return commitAct(vault, caller, act, deed, [reviewStatement(tenantId, next, row.mac)], {
    status: 200,
    body: viewGlass(next),
  });
}
