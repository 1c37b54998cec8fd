import { putAdmissions } from '../db/admissions.ts';
import { selectClientsInService } from '../db/clients.ts';
import {
  changeRecipient,
  insertRecipient,
  listRecipients as listStatement,
  selectRecipient,
  selectRecipientOfClient,
  type RecipientKind,
  type RecipientRow,
} from '../db/recipients.ts';
import type { Statement } from '../db/statement.ts';
import { insertUndertaking, selectUndertakings, type UndertakingRow } from '../db/undertakings.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { personOf, type Person } from './fourEyes.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { permit, type Action } from './permit.ts';
import { sealNew } from './record.ts';
import {
  admissionsOf,
  allowedFields,
  checkRecipient,
  expectStanding,
  signedRecipient,
  viewEntered,
  viewRecipient,
} from './recipientRecord.ts';
import { believes, checkMac } from './rowMac.ts';
import { sealUndertaking, type NewUndertaking } from './undertakingRecord.ts';
import type { Vault } from './vault.ts';

const noun = 'recipients';

/** Somebody that data may be handed to: what for, what at most, on which contract, until when. */
export interface NewRecipient {
  readonly name: string;
  readonly kind: RecipientKind;
  readonly purpose: string;
  /** All that the policy allows when undefined. */
  readonly fields?: readonly string[] | undefined;
  readonly contractRef: string;
  readonly expiresAt: Date;
}

/** Enters a recipient. It is given nothing before its undertaking is recorded. */
export async function createRecipient(vault: Vault, caller: Caller, act: Act, input: NewRecipient): Promise<Answer> {
  permit(caller, 'recipients.create');
  const person = personOf(caller);
  const { tenantId } = caller;
  const now = vault.now();
  const fields = allowedFields(vault.watch.policy(tenantId).profile, input);
  checkRecipient(input, now);
  const keys = await vault.keyring.tenant(tenantId);
  const { name, contractRef, kind, purpose, expiresAt } = input;
  const id = newId(now);
  const { digest, keyVersion, dataKey, sealed } = sealNew(
    keys,
    'recipient',
    id,
    new Map(Object.entries({ name, contractRef })),
  );
  const row = signedRecipient(keys, {
    id,
    kind,
    purpose,
    fields,
    expiresAt,
    createdAt: new Date(now),
    createdBy: person.clientId,
    createdActor: person.actor,
    undertakingId: null,
    clientIds: [],
    revokedAt: null,
    revokedBy: null,
    revokedActor: null,
    keyVersion,
    dataKey,
    sealed,
  });
  const deed = { object: { kind: noun, id }, digest, recordVersion: 1 };
  return commitAct(vault, caller, act, deed, [insertRecipient(tenantId, row)], {
    status: 201,
    headers: { Location: `/v1/recipients/${id}` },
    body: viewEntered(row, now),
  });
}

/** Records the undertaking of confidentiality: from now on the recipient is active, until it expires or is revoked. */
export async function undertake(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  paper: NewUndertaking,
): Promise<Answer> {
  return change(vault, caller, act, 'recipients.undertake', id, (keys, row, person) => {
    if (row.undertakingId !== null) throw refuse('conflict', '', 'undertaken');
    const whose = { recipientId: id, actor: null } as const;
    const { digest: _, ...undertaking } = sealUndertaking(keys, whose, paper, person, vault.now());
    const statements = [insertUndertaking(keys.tenantId, undertaking)];
    return { next: { ...row, undertakingId: undertaking.id }, statements };
  });
}

/** Says that a firm's client is this recipient's: it works while the recipient is active, and for what it is for. */
export async function linkClient(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  clientId: string,
): Promise<Answer> {
  return change(vault, caller, act, 'recipients.link', id, async (keys, row) => {
    const [[client], [other]] = await load(vault, keys.tenantId, [
      selectClientsInService(keys.tenantId, [clientId]),
      selectRecipientOfClient(keys.tenantId, clientId),
    ]);
    const role = row.kind === 'payment_processor' ? 'payment_processor' : 'courier';
    if (client?.role !== role) throw refuse('invalid_body', '/clientId', 'unknown_id');
    checkMac(keys, 'clients', client);
    if (other !== undefined) throw refuse('conflict', '', 'other_recipient');
    return { next: { ...row, clientIds: [...row.clientIds, clientId] }, statements: [] };
  });
}

/** Ends it: nothing more is given to it, and its clients read nothing. There is no way back. */
export async function revokeRecipient(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  return change(vault, caller, act, 'recipients.revoke', id, (_keys, row, { clientId, actor }) => ({
    next: { ...row, revokedAt: new Date(vault.now()), revokedBy: clientId, revokedActor: actor },
    statements: [],
  }));
}

interface Change {
  readonly next: Omit<RecipientRow, 'mac'>;
  readonly statements: readonly Statement[];
}

/** One change of a recipient that stands, with what every process is to believe of its clients, in one commit. */
async function change(
  vault: Vault,
  caller: Caller,
  act: Act,
  action: Action,
  id: string,
  made: (keys: TenantKeys, row: RecipientRow, person: Person) => Change | Promise<Change>,
): Promise<Answer> {
  permit(caller, action);
  const person = personOf(caller);
  const { tenantId } = caller;
  const keys = await vault.keyring.tenant(tenantId);
  const row = await recipientOf(vault, keys, id);
  const at = new Date(vault.now());
  expectStanding(row, at.getTime());
  const { next: changed, statements } = await made(keys, row, person);
  const next = signedRecipient(keys, changed);
  const all = [
    ...statements,
    changeRecipient(tenantId, next, row.mac),
    putAdmissions(tenantId, admissionsOf(keys, next, at)),
  ];
  const body = viewEntered(next, at.getTime());
  const answer = await commitAct(vault, caller, act, { object: { kind: noun, id } }, all, { status: 200, body });
  await vault.watch.lookAnew();
  return answer;
}

async function recipientOf(vault: Vault, keys: TenantKeys, id: string): Promise<RecipientRow> {
  const [[row]] = await load(vault, keys.tenantId, [selectRecipient(keys.tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(keys, 'recipients', row);
  return row;
}

async function undertakingOf(vault: Vault, keys: TenantKeys, row: RecipientRow): Promise<UndertakingRow | undefined> {
  if (row.undertakingId === null) return undefined;
  const [[undertaking]] = await load(vault, keys.tenantId, [selectUndertakings(keys.tenantId, [row.undertakingId])]);
  if (undertaking?.recipientId !== row.id) throw new VaultError('integrity_failure');
  checkMac(keys, 'undertakings', undertaking);
  return undertaking;
}

export async function readRecipient(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'recipients.read');
  const keys = await vault.keyring.tenant(caller.tenantId);
  const row = await recipientOf(vault, keys, id);
  const body = viewRecipient(keys, row, vault.now(), await undertakingOf(vault, keys, row));
  return commitAct(vault, caller, act, { object: { kind: noun, id } }, [], { status: 200, body });
}

export async function listRecipients(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'recipients.list');
  const { tenantId } = caller;
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'recipients', row) ? viewRecipient(keys, row, vault.now(), undefined) : undefined),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}
