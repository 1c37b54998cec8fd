import { canonicalJson } from '../crypto/canonicalJson.ts';
import { clientKeyOf, type ClientJwk } from '../crypto/clientKey.ts';
import { hashClientSecret, newClientSecret } from '../crypto/clientSecret.ts';
import { digestOf } from '../crypto/digest.ts';
import {
  insertClient,
  insertClientSecret,
  listClients as listStatement,
  selectClient,
  type ClientRow,
} from '../db/clients.ts';
import type { Statement } from '../db/statement.ts';
import { refuse, VaultError } from '../errors.ts';
import { roles, type Profile, type Role } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { isDeclared } from './reader.ts';
import { believes, checkMac, macOf, type MacKeys } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Secrets of one client that may be live at once: the new one and two that are running out. */
const maxLiveSecrets = 3;
export const defaultOverlapSeconds = 24 * 60 * 60;
export const maxOverlapSeconds = 30 * 24 * 60 * 60;

/** What a client can be. A subject's token is only ever narrowed from a shop's. */
export const clientRoles = roles.filter((role): role is Exclude<Role, 'subject'> => role !== 'subject');

/** A client to be. `jwk` with `private_key_jwt` only; its private members never get this far. */
export interface NewClient {
  readonly name: string;
  readonly role: (typeof clientRoles)[number];
  readonly authMethod: 'client_secret' | 'private_key_jwt';
  readonly jwk?: ClientJwk | undefined;
  readonly department?: string | undefined;
  readonly carrierProfile?: string | undefined;
}

/** What makes a client: its id, its secret (in memory only) and the statements that store it. */
export interface Enrolment {
  readonly id: string;
  readonly secret: string | undefined;
  readonly row: ClientRow;
  readonly statements: readonly Statement[];
}

/**
 * Checks a new client against the profile in force and prepares it. Also how the first client of a vault is made.
 * Throws `invalid_body` with the place.
 */
export function enrolClient(profile: Profile, keys: MacKeys, client: NewClient, now: number): Enrolment {
  checkClient(profile, client);
  const id = newId(now);
  const row = signed(keys, {
    tenantId: keys.tenantId,
    id,
    name: client.name,
    role: client.role,
    authMethod: client.authMethod,
    jwk: client.jwk === undefined ? null : canonicalJson(client.jwk),
    department: client.department ?? null,
    carrierProfile: client.carrierProfile ?? null,
    version: 1,
    createdAt: new Date(now),
    disabledAt: null,
  });
  if (client.authMethod === 'private_key_jwt') return { id, secret: undefined, row, statements: [insertClient(row)] };
  const secret = newClientSecret();
  return { id, secret, row, statements: [insertClient(row), storeSecret(keys, id, secret, now)] };
}

/** The row with the MAC of what it says now. */
export const signed = (keys: MacKeys, row: Omit<ClientRow, 'mac'>): ClientRow => ({
  ...row,
  mac: macOf(keys, 'clients', row),
});

export function storeSecret(keys: MacKeys, clientId: string, secret: string, now: number): Statement {
  const hash = hashClientSecret(secret);
  const row = { clientId, id: newId(now), hash, createdAt: new Date(now), expiresAt: null };
  const mac = macOf(keys, 'client_secrets', row);
  return insertClientSecret({ tenantId: keys.tenantId, ...row, mac }, maxLiveSecrets);
}

function checkClient(profile: Profile, client: NewClient): void {
  const { role, authMethod, jwk, department, carrierProfile } = client;
  if ((authMethod === 'private_key_jwt') !== (jwk !== undefined)) {
    throw refuse('invalid_body', '/jwk', jwk === undefined ? 'field_required' : 'not_applicable');
  }
  if (jwk !== undefined && clientKeyOf(jwk) === undefined) throw refuse('invalid_body', '/jwk', 'unusable_key');
  if ((role === 'department') !== (department !== undefined)) {
    throw refuse('invalid_body', '/department', department === undefined ? 'field_required' : 'not_applicable');
  }
  if (role !== 'courier' && carrierProfile !== undefined) {
    throw refuse('invalid_body', '/carrierProfile', 'not_applicable');
  }
  if (isDeclared(profile, client)) return;
  const pointers: Partial<Record<Role, string>> = { department: '/department' };
  const known = isDeclared(profile, { role, department });
  throw refuse('invalid_body', known ? '/carrierProfile' : (pointers[role] ?? '/role'), 'not_declared');
}

export async function createClient(vault: Vault, caller: Caller, act: Act, client: NewClient): Promise<Answer> {
  permit(caller, 'clients.create');
  const { profile } = vault.watch.policy(caller.tenantId);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const { id, secret, row, statements } = enrolClient(profile, keys, client, vault.now());
  const deed = { object: { kind: 'clients', id }, digest: digestOfClient(row), recordVersion: 1 };
  return commitAct(vault, caller, act, deed, statements, {
    status: 201,
    body: { id, ...(secret === undefined ? {} : { secret }) },
    headers: { Location: `/v1/clients/${id}`, ETag: '"1"' },
  });
}

export async function listClients(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'clients.list');
  const [rows] = await load(vault, caller.tenantId, [listStatement(caller.tenantId, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const body = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'clients', row) ? viewOf(row) : undefined),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

export async function readClient(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'clients.read');
  const row = await loadClient(vault, await vault.keyring.tenant(caller.tenantId), id);
  return commitAct(vault, caller, act, { object: { kind: 'clients', id } }, [], {
    status: 200,
    body: viewOf(row),
    headers: { ETag: `"${row.version}"` },
  });
}

/** A client of this tenant. Throws `not_found`, and `integrity_failure` for a row that is not as it was made here. */
export async function loadClient(vault: Vault, keys: MacKeys, id: string): Promise<ClientRow> {
  const [[row]] = await load(vault, keys.tenantId, [selectClient(keys.tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(keys, 'clients', row);
  return row;
}

/** A client as it is shown; the secret is no part of it. */
export function viewOf(row: ClientRow) {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    authMethod: row.authMethod,
    ...(row.jwk === null ? {} : { jwk: JSON.parse(row.jwk) as ClientJwk }),
    ...(row.department === null ? {} : { department: row.department }),
    ...(row.carrierProfile === null ? {} : { carrierProfile: row.carrierProfile }),
    disabled: row.disabledAt !== null,
    version: row.version,
    createdAt: row.createdAt.toISOString(),
  };
}

/** What the leaf of a write binds. */
export function digestOfClient(row: ClientRow): Buffer {
  return digestOf(Buffer.from(canonicalJson(viewOf(row))));
}
