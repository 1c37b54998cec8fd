import { createSecretKey, type KeyObject } from 'node:crypto';
import { VaultError } from '../errors.ts';
import { committedKey, openEnvelope, sealEnvelope, secretLength, type CommittedKey } from './envelope.ts';
import type { RecordKind } from './label.ts';

/**
 * data wraps the data keys of records; index makes blind index tags; mac makes the MACs of rows; hash makes keyed hashes of what
 * is compared and never read back.
 */
export const tenantKeyUses = ['data', 'index', 'mac', 'hash'] as const;
export type TenantKeyUse = (typeof tenantKeyUses)[number];

/** introduced: everybody can open with it, nobody seals under it yet (index: tags are made under it too). */
export const tenantKeyStates = ['introduced', 'current', 'former'] as const;
export type TenantKeyState = (typeof tenantKeyStates)[number];

/**
 * Keys under keys: tenant keys under a root key, data keys under the tenant's data key. A wrapped key is the envelope of
 * envelope.ts around 32 bytes (93 in all); associated data is the context, a row of netstrings that begins with the
 * format version, so that a wrapped key opens only in the place it was wrapped for.
 */
export const wrapContext = {
  /** The state is part of it, so that whoever edits the database brings no former key back into use. */
  tenantKey: (tenantId: string, use: TenantKeyUse, version: number, state: TenantKeyState = 'current'): string =>
    netstrings('wrap/1', 'tenant', tenantId, use, String(version), ...(state === 'current' ? [] : [state])),
  dataKey: (tenantId: string, kind: RecordKind, recordId: string): string =>
    netstrings('wrap/1', 'data', tenantId, kind, recordId),
} as const;

function netstrings(...parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part},`).join('');
}

/** Opens its own output before returning it. Throws `integrity_failure`. */
export function wrapKey(wrapping: KeyObject, context: string, material: Buffer): Buffer {
  const wrapped = sealEnvelope(wrappingKey(wrapping), Buffer.from(context), material);
  if (!unwrapKey(wrapping, context, wrapped).equals(material)) throw new VaultError('integrity_failure');
  return wrapped;
}

/** Pure: whoever counts unwraps does it where it calls this. Throws `integrity_failure`. */
export function unwrapKey(wrapping: KeyObject, context: string, wrapped: Buffer): Buffer {
  const material = openEnvelope(wrappingKey(wrapping), Buffer.from(context), wrapped);
  if (material.length !== secretLength) throw new VaultError('integrity_failure');
  return material;
}

/** Unwrapped key bytes as a key of their own, for wrapping or deriving. Throws `integrity_failure` unless 32 bytes. */
export function secretKey(material: Buffer): KeyObject {
  if (material.length !== secretLength) throw new VaultError('integrity_failure');
  return createSecretKey(material);
}

// Derived once for each wrapping key; gone with it.
const derived = new WeakMap<KeyObject, CommittedKey>();

function wrappingKey(wrapping: KeyObject): CommittedKey {
  const known = derived.get(wrapping);
  if (known !== undefined) return known;
  const key = committedKey(wrapping, 'amanat wrapping key 1');
  derived.set(wrapping, key);
  return key;
}
