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
  let unlearnt: readonly AdmissionRow[] = [];
  return {
    async learn(keyring, rows, onBroken) {
      const later: AdmissionRow[] = [];
      for (const row of [...unlearnt, ...rows]) {
        const keys = await keysIfAny(keyring, row.tenantId);
        if (keys === undefined) {
          later.push(row);
          continue;
        }
        const genuine = isGenuine(keys, 'admissions', row);
        if (!genuine) onBroken();
        known.set(keyOf(row.tenantId, row.kind, row.subject), genuine ? row : { ...row, validFrom: null });
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
