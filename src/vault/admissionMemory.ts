import type { AdmissionRow } from '../db/admissions.ts';
import { DbFault } from '../db/fault.ts';
import type { Admission } from './admissions.ts';
import type { Keyring, TenantKeys } from './keyring.ts';
import { isGenuine } from './rowMac.ts';

/** What this process knows of who undertook what: at most as old as its last look. */
export interface Admissions {
  /** A row that is not as the vault wrote it admits nobody. */
  learn(keyring: Keyring, rows: readonly AdmissionRow[], onBroken: () => void): Promise<void>;
  /** Undefined for a client of no recipient, and for somebody of whom nothing was ever recorded. */
  readonly of: (tenantId: string, kind: AdmissionRow['kind'], subject: string) => Admission | undefined;
}

export function openAdmissions(): Admissions {
  const known = new Map<string, Admission>();
  /** Of tenants whose keys were not to be had when they were read. */
  let unlearnt: ReadonlyMap<string, AdmissionRow> = new Map();
  return {
    async learn(keyring, rows, onBroken) {
      const later = new Map<string, AdmissionRow>();
      const keysOf = keysOnce(keyring);
      for (const row of [...unlearnt.values(), ...rows]) {
        const key = keyOf(row.tenantId, row.kind, row.subject);
        const keys = await keysOf(row.tenantId);
        if (keys === undefined) {
          later.set(key, row);
          continue;
        }
        const genuine = isGenuine(keys, 'admissions', row);
        if (!genuine) onBroken();
        known.set(key, genuine ? row : { ...row, validFrom: null });
      }
      unlearnt = later;
    },
    of: (tenantId, kind, subject) => known.get(keyOf(tenantId, kind, subject)),
  };
}

const keyOf = (tenantId: string, kind: string, subject: string): string => `${tenantId} ${kind} ${subject}`;

/** Undefined for a tenant whose keys are not to be had now. */
export async function keysIfAny(keyring: Keyring, tenantId: string): Promise<TenantKeys | undefined> {
  return keyring.tenant(tenantId).catch((error: unknown) => {
    if (error instanceof DbFault) throw error;
    return undefined;
  });
}

/** The same, each tenant's asked for once. */
export function keysOnce(keyring: Keyring): (tenantId: string) => Promise<TenantKeys | undefined> {
  const asked = new Map<string, Promise<TenantKeys | undefined>>();
  return (tenantId) => {
    const known = asked.get(tenantId) ?? keysIfAny(keyring, tenantId);
    asked.set(tenantId, known);
    return known;
  };
}
