import { VaultError } from '../errors.ts';
import type { Keyring, TenantKeys } from './keyring.ts';

/** What a keyring stands under: the seal, and how long unwrapped keys may be used without asking their root key again. */
export interface KeyLimits {
  readonly isSealed: () => boolean;
  readonly lifetimeMs: number;
  readonly now: () => number;
}

/**
 * A keyring whose tenant keys have their time. From half of it on they are fetched anew behind the requests, so that a hardware
 * module that is away for less than that is not noticed; when it has run out, the keys are dropped and the tenant is `sealed` until
 * its root key answers. Once the vault is sealed, keys that a request in flight still holds do nothing any more (tenantKeys.ts).
 */
export function liveKeyring(keyring: Keyring, { isSealed, lifetimeMs, now }: KeyLimits): Keyring {
  let epoch = {};
  const since = new Map<string, number>();
  const fetching = new Map<string, Promise<void>>();

  async function fetchAnew(tenantId: string): Promise<void> {
    const mine = epoch;
    await keyring.renew(tenantId);
    if (mine === epoch) since.set(tenantId, now());
  }

  function anew(tenantId: string): Promise<void> {
    const known = fetching.get(tenantId);
    if (known !== undefined) return known;
    const work = fetchAnew(tenantId).finally(() => fetching.delete(tenantId));
    fetching.set(tenantId, work);
    return work;
  }

  async function tenant(tenantId: string): Promise<TenantKeys> {
    if (isSealed()) throw new VaultError('sealed');
    const mine = epoch;
    const age = now() - (since.get(tenantId) ?? -Infinity);
    if (since.has(tenantId) && age > lifetimeMs) await anew(tenantId).catch(dropAll);
    else if (since.has(tenantId) && age > lifetimeMs / 2) anew(tenantId).catch(() => undefined);
    const keys = await keyring.tenant(tenantId);
    if (!since.has(tenantId)) since.set(tenantId, now());
    if (mine !== epoch || isSealed()) throw new VaultError('sealed');
    return keys;
  }

  function forget(): void {
    epoch = {};
    since.clear();
    keyring.forget();
  }

  /** All of them: the module that holds one tenant's root key holds, as a rule, every one's. */
  function dropAll(error: unknown): never {
    forget();
    throw error;
  }

  return { ...keyring, tenant, forget };
}
