import { newClientSecret } from '../crypto/clientSecret.ts';
import {
  disableClient as disableStatement,
  endSecrets,
  selectSecrets,
  takeClientForRenewal,
  type ClientRow,
  type ClientSecretRow,
} from '../db/clients.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { digestOfClient, loadClient, signed, storeSecret, viewOf } from './clients.ts';
import { permit } from './permit.ts';
import { believes, macOf, type MacKeys } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Changes of one client that come at once: each try lets one of them through. */
const mostAttempts = 10;

/**
 * Disables the client: no further token, and those it has are revoked everywhere. There is no way back. `expected` is the
 * version the caller has read; undefined is a tag that names none.
 */
export async function disableClient(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  expected: number | 'any' | undefined,
): Promise<Answer> {
  permit(caller, 'clients.patch');
  const keys = await vault.keyring.tenant(caller.tenantId);
  const disable = async (): Promise<Answer> => {
    const row = await loadClient(vault, keys, id);
    if (expected !== 'any' && expected !== row.version) throw new VaultError('precondition_failed');
    const at = new Date(vault.now());
    const next = disabled(keys, row, at);
    const deed = { object: { kind: 'clients', id }, digest: digestOfClient(next), recordVersion: next.version };
    const answer = await commitAct(vault, caller, act, deed, next === row ? [] : [disableStatement(next, at)], {
      status: 200,
      body: viewOf(next),
      headers: { ETag: `"${next.version}"` },
    });
    vault.watch.cutOff(id, at.getTime());
    return answer;
  };
  return expected === 'any' ? again(disable) : disable();
}

/** The row to store; the same where it is out of service already. */
export function disabled(keys: MacKeys, row: ClientRow, at: Date): ClientRow {
  return row.disabledAt === null ? signed(keys, { ...row, disabledAt: at, version: row.version + 1 }) : row;
}

/** A new secret; the ones before it work for `overlapSeconds` more (0: not at all), so that nothing stops meanwhile. */
export async function renewSecret(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  overlapSeconds: number,
): Promise<Answer> {
  permit(caller, 'clients.renew_secret');
  const keys = await vault.keyring.tenant(caller.tenantId);
  return again(async () => {
    const row = await loadClient(vault, keys, id);
    if (row.disabledAt !== null || row.authMethod !== 'client_secret')
      throw refuse('conflict', '', row.disabledAt === null ? 'no_secret' : 'disabled');
    const now = vault.now();
    const oldUntil = new Date(now + overlapSeconds * 1000);
    const secret = newClientSecret();
    const statements = [
      takeClientForRenewal(signed(keys, { ...row, version: row.version + 1 })),
      endSecrets(caller.tenantId, id, await endingSecrets(vault, keys, id, oldUntil)),
      storeSecret(keys, id, secret, now),
    ];
    return commitAct(vault, caller, act, { object: { kind: 'clients', id } }, statements, {
      status: 201,
      body: { id, secret, oldSecretsUntil: oldUntil.toISOString() },
    });
  });
}

/** The live secrets of a client that would outlive `until`, as they are to be stored. One that is not ours stays as it is. */
async function endingSecrets(vault: Vault, keys: MacKeys, clientId: string, until: Date): Promise<ClientSecretRow[]> {
  const { tenantId } = keys;
  const [secrets] = await load(vault, tenantId, [selectSecrets(tenantId, clientId, new Date(vault.now()))]);
  return secrets
    .filter((secret) => believes(vault, keys, 'client_secrets', secret))
    .filter(({ expiresAt }) => expiresAt === null || expiresAt > until)
    .map((secret) => ({ ...secret, expiresAt: until }))
    .map((secret) => ({ ...secret, mac: macOf(keys, 'client_secrets', secret) }));
}

/** A client's MAC binds its version, so a change is made to the row as it was read: anew when another came first. */
async function again<T>(change: () => Promise<T>): Promise<T> {
  for (let attempt = 1; attempt <= mostAttempts; attempt += 1) {
    try {
      return await change();
    } catch (error) {
      if (!(error instanceof VaultError && error.code === 'precondition_failed')) throw error;
    }
  }
  throw refuse('conflict', '', 'changed_meanwhile');
}
