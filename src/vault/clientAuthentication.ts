import { setTimeout as wait } from 'node:timers/promises';
import type { ClientJwk } from '../crypto/clientKey.ts';
import { sameSecret } from '../crypto/clientSecret.ts';
import { digestOf } from '../crypto/digest.ts';
import { selectClientsNamed, selectSecretsNamed, type ClientRow, type ClientSecretRow } from '../db/clients.ts';
import { commit } from '../db/commit.ts';
import { DbFault } from '../db/fault.ts';
import { insertClientAssertion } from '../db/tokens.ts';
import { VaultError } from '../errors.ts';
import { roles, type Role } from '../policy/profile.ts';
import { refusalOf, type Answer } from './act.ts';
import { recordRefusal } from './audit.ts';
import type { Doer } from './caller.ts';
import { claimedClient, verifyClientAssertion } from './clientAssertion.ts';
import { oauthDelay, oauthRefusal } from './oauthAnswer.ts';
import { believes } from './rowMac.ts';
import type { Throttle } from './throttle.ts';
import type { Vault } from './vault.ts';

/** A failure is told this long after the request began, so that an unknown client and a wrong secret take the same time. */
const failureMs = 100;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const nobody = '00000000-0000-0000-0000-000000000000';
const noHash = Buffer.alloc(32);

/** What a client shows of itself at the token endpoints. */
export type Credentials =
  | { readonly method: 'client_secret'; readonly clientId: string; readonly secret: string }
  | { readonly method: 'private_key_jwt'; readonly clientId: string | undefined; readonly assertion: string };

/** A client that has shown who it is. */
export interface Client extends Doer {
  readonly role: Role;
  readonly actor: undefined;
  readonly department: string | undefined;
  readonly carrierProfile: string | undefined;
}

/** Where a request comes from. */
export interface Origin {
  /** Network address; counted for the throttle, never stored. */
  readonly source: string;
  readonly requestId: string;
}

export type Authenticated = { readonly client: Client } | { readonly refusal: Answer };

export const tokenEndpoint = (issuer: string): string => `${issuer}/oauth/token`;

/**
 * Authenticates a client (RFC 6749 section 2.3.1, RFC 7523 section 2.2). Unknown, disabled, wrong and tampered with are one
 * answer. A failure of a known client leaves a leaf, unless the throttle answers it.
 */
export async function authenticateClient(
  vault: Vault,
  throttle: Throttle,
  credentials: Credentials,
  origin: Origin,
): Promise<Authenticated> {
  const told = performance.now() + failureMs;
  const name = nameOf(credentials);
  const known = await findClient(vault, name);
  if (await proves(vault, known, credentials)) {
    throttle.succeeded(name, origin.source);
    if (known !== undefined) return { client: clientOf(known.row) };
  }
  const delay = throttle.failed(name, origin.source);
  await Promise.all([
    delay === undefined && known !== undefined ? recordFailure(vault, clientOf(known.row), origin) : undefined,
    wait(told - performance.now()),
  ]);
  return { refusal: delay === undefined ? oauthRefusal('invalid_client') : oauthDelay(delay) };
}

/** The client named, if it can be one's id at all: what is not must not fill the throttle's memory. */
function nameOf(credentials: Credentials): string {
  const name =
    credentials.method === 'client_secret'
      ? credentials.clientId
      : (claimedClient(credentials.assertion) ?? credentials.clientId ?? nobody);
  return uuid.test(name) ? name : nobody;
}

/** A client's row and the hashes of its live secrets, all as they were made here. */
interface KnownClient {
  readonly row: ClientRow;
  readonly secretHashes: readonly Buffer[];
}

async function findClient(vault: Vault, id: string): Promise<KnownClient | undefined> {
  try {
    const [rows, secrets] = await commit(vault.db, 'directory', [
      selectClientsNamed(id),
      selectSecretsNamed(id, new Date(vault.now())),
    ]);
    const found = await Promise.all(rows.map((row) => believed(vault, row, secrets)));
    // Ids are made here and never twice: of rows in several tenants at most one is genuine.
    return found.find((known) => known !== undefined);
  } catch (error) {
    throw refusalOf(vault, error);
  }
}

/** What somebody has put into the tables, or changed there, is passed over, and the operator is told. */
async function believed(
  vault: Vault,
  row: ClientRow,
  secrets: readonly ClientSecretRow[],
): Promise<KnownClient | undefined> {
  const keys = await vault.keyring.tenant(row.tenantId);
  if (!believes(vault, keys, 'clients', row)) return undefined;
  const own = secrets.filter((s) => s.tenantId === row.tenantId && believes(vault, keys, 'client_secrets', s));
  return { row, secretHashes: own.map((secret) => secret.hash) };
}

async function proves(vault: Vault, known: KnownClient | undefined, credentials: Credentials): Promise<boolean> {
  const row = known?.row;
  const enabled = row?.disabledAt === null && row.authMethod === credentials.method;
  if (credentials.method === 'client_secret') {
    const hashes = known === undefined || known.secretHashes.length === 0 ? [noHash] : known.secretHashes;
    const matches = hashes.filter((hash) => sameSecret(hash, credentials.secret));
    return enabled && matches.length > 0;
  }
  if (!enabled || row.jwk === null) return false;
  if (credentials.clientId !== undefined && credentials.clientId !== row.id) return false;
  return provesByAssertion(vault, row, JSON.parse(row.jwk) as ClientJwk, credentials.assertion);
}

async function provesByAssertion(vault: Vault, row: ClientRow, jwk: ClientJwk, assertion: string): Promise<boolean> {
  const now = vault.now();
  try {
    const client = { id: row.id, jwk };
    const { jti, expiresAt } = verifyClientAssertion(
      assertion,
      client,
      [vault.issuer, tokenEndpoint(vault.issuer)],
      now,
    );
    await commit(vault.db, { tenantIds: [row.tenantId] }, [
      insertClientAssertion({
        tenantId: row.tenantId,
        clientId: row.id,
        jtiHash: digestOf(Buffer.from(jti)),
        expiresAt: new Date(expiresAt),
      }),
    ]);
    return true;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'unauthenticated') return false;
    // RFC 7523 section 3, item 7: the second use of one assertion.
    if (error instanceof DbFault && error.kind === 'duplicate') return false;
    throw refusalOf(vault, error);
  }
}

function clientOf(row: ClientRow): Client {
  const role = roles.find((name) => name === row.role);
  if (role === undefined) throw new VaultError('integrity_failure');
  return {
    tenantId: row.tenantId,
    clientId: row.id,
    role,
    actor: undefined,
    department: row.department ?? undefined,
    carrierProfile: row.carrierProfile ?? undefined,
  };
}

async function recordFailure(vault: Vault, client: Client, origin: Origin): Promise<void> {
  const act = { action: 'clients.authenticate', requestId: origin.requestId } as const;
  await recordRefusal(vault, client, act, 'unauthenticated', client.clientId);
}
